//! `ringmq perf` of ZeroMQ sockets: ringmq's, and those of the libzmq that is installed, if there is one.

use std::time::Duration;

use ringmq_testing::{Scratch, built_library, watchdog};
use serde_json::Value;

use crate::perf::objects;
use crate::{errors, ringmq};

/// The one object that a measurement prints.
#[track_caller]
fn object(line: &str) -> Value {
    let arguments: Vec<_> = line.split_whitespace().collect();
    let mut objects = objects(&arguments);
    assert_eq!(objects.len(), 1, "{line}");
    objects.remove(0)
}

/// The variables that name the two libraries.
const STOCK: &str = "RINGMQ_BENCH_LIBZMQ";
const OWN: &str = "RINGMQ_BENCH_OWN_LIBZMQ";

#[test]
fn latency_of_each_pattern_over_each_transport() {
    let _guard = watchdog(Duration::from_secs(120));
    for transport in ["zmq-inproc", "zmq-ipc", "zmq-tcp"] {
        for pattern in ["pair", "req-rep", "push-pull"] {
            let object = object(&format!(
                "perf latency --json --count 100 --transport {transport} --pattern {pattern}"
            ));
            assert_eq!(object["transport"], transport);
            assert_eq!(object["pattern"], pattern);
            assert_eq!(object["library"], "ringmq");
            assert_eq!(object["wait"], "adaptive");
            assert!(object["rtt_ns"]["p50"].as_f64().unwrap() > 0.0, "{object}");
        }
    }
}

#[test]
fn throughput_of_sockets_however_they_wait() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in ["park", "adaptive"] {
        let object = object(&format!(
            "perf throughput --json --transport zmq-tcp --count 5000 --size 1KiB --wait {wait} --pin none"
        ));
        assert_eq!(
            (&object["wait"], &object["size"]),
            (&wait.into(), &1024.into())
        );
        assert_eq!(object["pattern"], "push-pull");
        assert!(object["msgs_per_s"].as_f64().unwrap() > 0.0, "{object}");
    }
}

#[test]
fn first_replies_and_memory_are_of_sockets() {
    let _guard = watchdog(Duration::from_secs(120));
    for transport in ["zmq-ipc", "zmq-tcp"] {
        let object = object(&format!(
            "perf connect --json --count 20 --transport {transport}"
        ));
        assert_eq!(
            (&object["work"], &object["count"]),
            (&"connect".into(), &20.into())
        );
        let p50 = object["first_reply_ns"]["p50"].as_f64().unwrap();
        assert!(p50 > 0.0, "{object}");
        let cpu = &object["cpu_ns_per_peer"];
        assert!(cpu["near"].is_u64() && cpu["far"].is_u64(), "{object}");
        let object = self::object(&format!(
            "perf memory --json --count 50 --transport {transport}"
        ));
        let bytes = &object["bytes_per_connection"];
        assert!(bytes["near"].is_u64() && bytes["far"].is_u64(), "{object}");
    }
    // The transport is what it is measured of, if nothing is said.
    assert_eq!(
        object("perf connect --json --count 5")["transport"],
        "zmq-ipc"
    );
}

#[test]
fn each_verb_takes_a_mechanism() {
    let _guard = watchdog(Duration::from_secs(120));
    for mechanism in ["null", "plain", "curve"] {
        for (line, figure) in [
            ("latency --count 50 --transport zmq-ipc", "rtt_ns"),
            ("throughput --count 500 --transport zmq-tcp", "msgs_per_s"),
            ("connect --count 10 --transport zmq-tcp", "cpu_ns_per_peer"),
            (
                "memory --count 20 --transport zmq-ipc",
                "bytes_per_connection",
            ),
        ] {
            let object = object(&format!("perf {line} --json --mechanism {mechanism}"));
            assert_eq!(object["mechanism"], mechanism);
            assert!(!object[figure].is_null(), "{object}");
        }
    }
}

/// Every row is of ringmq where there is no libzmq, and the report says why.
#[test]
fn a_comparison_without_libzmq_says_why() {
    let _guard = watchdog(Duration::from_secs(120));
    let compare = |json: bool| {
        let mut command = ringmq(&["perf", "compare", "--quick", "--only", "connect"]);
        command.args(json.then_some("--json"));
        let nowhere = "/nonexistent/libzmq.so.5";
        command.env(STOCK, nowhere).env(OWN, nowhere);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    };
    let output = compare(false);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("Rows of libzmq are left out: no stock libzmq: /nonexistent"),
        "{text}"
    );
    assert!(text.contains("apt install libzmq5"), "{text}");
    assert!(text.contains("REQ/REP tcp 64 B, ringmq adaptive") && !text.contains("B, libzmq"));
    let output = compare(true);
    assert!(
        errors(&output).contains("no stock libzmq: /nonexistent"),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        !rows.is_empty()
            && rows
                .iter()
                .all(|row| row["library"] == "ringmq" || row["library"] == "ringmq-zmtp"),
        "{text}"
    );
}

/// The parts that have the pipe and sockets side by side, each row by its floor.
#[test]
fn pauses_and_a_busy_machine_have_rows() {
    let _guard = watchdog(Duration::from_secs(300));
    let rows = objects(&[
        "perf",
        "compare",
        "--quick",
        "--json",
        "--only",
        "pauses,busy",
    ]);
    let of = |title: &str| {
        let rows = rows.iter();
        let rows = rows.filter(|row| row["section"].as_str().unwrap().contains(title));
        rows.collect::<Vec<_>>()
    };
    let paused = of("First message after a pause, one way, one core");
    for pause in ["0.1 ms", "1 ms", "10 ms", "100 ms"] {
        let of_pause = |row: &&&Value| {
            row["row"]
                .as_str()
                .unwrap()
                .starts_with(&format!("{pause}: "))
        };
        let rows: Vec<_> = paused.iter().filter(of_pause).collect();
        assert_eq!(rows[0]["transport"], "eventfd");
        assert!(rows.iter().any(|row| row["transport"] == "pipe"));
        assert!(
            rows.iter()
                .any(|row| row["pattern"] == "pair" && row["library"] == "ringmq")
        );
        for row in rows {
            assert_eq!(row["floor"], format!("{pause}: eventfd, 8 B"), "{row}");
            assert!(row["one_way_ns"]["p50"].as_f64().unwrap() > 0.0, "{row}");
        }
    }
    for row in of("busy processes") {
        assert!(row["floor"].as_str().unwrap().contains("park"), "{row}");
        assert!(row["rtt_ns"]["p50"].as_f64().unwrap() > 0.0, "{row}");
    }
}

/// Where the libzmq of the machine is there, each row is measured by it.
#[test]
#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn stock_libzmq_stands_beside_ringmq() {
    let _guard = watchdog(Duration::from_secs(120));
    let latency = [
        "perf",
        "latency",
        "--json",
        "--count",
        "50",
        "--transport",
        "zmq-ipc",
    ];
    let stock = ringmq(&latency)
        .args(["--library", "libzmq"])
        .output()
        .unwrap();
    if !stock.status.success() {
        assert!(errors(&stock).contains("no stock libzmq"), "{stock:?}");
        eprintln!("not run: {}", errors(&stock));
        return;
    }
    let object: Value = serde_json::from_slice(&stock.stdout).unwrap();
    assert_eq!(
        (&object["library"], &object["wait"]),
        (&"libzmq".into(), &"park".into())
    );
    let rows = objects(&[
        "perf",
        "compare",
        "--quick",
        "--json",
        "--only",
        "connect,memory",
    ]);
    for row in &rows {
        assert!(
            row["floor"].as_str().unwrap().ends_with(", libzmq"),
            "{row}"
        );
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
    }
    assert!(rows.iter().any(|row| row["work"] == "connect"));
    assert!(
        rows.iter()
            .any(|row| row["work"] == "memory" && row["library"] == "ringmq")
    );
    // A stock libzmq is not taken for ringmq's.
    let output = ringmq(&latency)
        .args(["--library", "ringmq-c"])
        .env(OWN, "libzmq.so.5")
        .output()
        .unwrap();
    assert!(
        !output.status.success() && errors(&output).contains("is not"),
        "{output:?}"
    );
}

/// Where the loader finds ringmq's library first, as under `cargo run`, the libzmq of the machine is found behind it.
#[test]
#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn a_library_of_ringmq_does_not_hide_stock_libzmq() {
    let _guard = watchdog(Duration::from_secs(60));
    let latency = ["perf", "latency", "--json", "--count", "50"];
    let measured = |folder: Option<&str>| {
        let mut stock = ringmq(&latency);
        stock.args(["--transport", "zmq-ipc", "--library", "libzmq"]);
        stock.envs(folder.map(|folder| ("LD_LIBRARY_PATH", folder)));
        stock.output().unwrap()
    };
    let output = measured(None);
    if !output.status.success() {
        assert!(errors(&output).contains("no stock libzmq"), "{output:?}");
        eprintln!("not run: {}", errors(&output));
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.path("");
    std::fs::copy(built_library(), scratch.path("libzmq.so.5")).unwrap();
    let output = measured(Some(&folder));
    assert!(output.status.success(), "{}", errors(&output));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["library"], "libzmq");
}

#[test]
fn errors_of_sockets_name_a_remedy() {
    let _guard = watchdog(Duration::from_secs(60));
    for (wrong, remedy) in [
        ("latency --pattern pair", "--transport zmq-ipc"),
        (
            "latency --transport tcp --library libzmq",
            "--transport zmq-ipc",
        ),
        (
            "latency --transport zmq-ipc --library libzmq --wait spin",
            "leave --wait away",
        ),
        (
            "throughput --transport zmq-ipc --pattern req-rep",
            "--pattern push-pull",
        ),
        ("connect --transport pipe", "--transport zmq-ipc or zmq-tcp"),
        (
            "connect --transport zmq-inproc",
            "--transport zmq-ipc or zmq-tcp",
        ),
        ("connect --pattern pair", "--pattern req-rep"),
        (
            "latency --mechanism curve",
            "--transport zmq-ipc or zmq-tcp",
        ),
        (
            "throughput --transport zmq-inproc --mechanism plain",
            "leave --mechanism away",
        ),
        ("memory --pattern pair", "--pattern push-pull"),
        ("memory --count 100000000", "ulimit -Hn"),
    ] {
        let arguments: Vec<_> = std::iter::once("perf")
            .chain(wrong.split_whitespace())
            .collect();
        let output = ringmq(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{wrong}: {output:?}");
        assert!(errors(&output).contains(remedy), "{wrong}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}
