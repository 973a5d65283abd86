//! `ringmq perf`: the fields that scripts read, a picture, and errors. Sockets have a file of their own.

use std::fs;
use std::time::Duration;

use ringmq_testing::{Scratch, watchdog};
use serde_json::Value;

use crate::{errors, ringmq};

/// The objects that the command prints, one a line.
#[track_caller]
pub(crate) fn objects(arguments: &[&str]) -> Vec<Value> {
    let output = ringmq(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const LATENCY: [&str; 4] = ["perf", "latency", "--json", "--count"];

/// Every transport, with the fields in their documented types.
#[test]
fn latency_of_every_transport() {
    let _guard = watchdog(Duration::from_secs(120));
    for transport in ["pipe", "unix", "tcp", "os-pipe", "eventfd", "cacheline"] {
        let mut arguments = LATENCY.to_vec();
        arguments.extend(["300", "--transport", transport]);
        let [object] = &objects(&arguments)[..] else {
            panic!("one line for one measurement");
        };
        assert_eq!(object["work"], "latency");
        assert_eq!(object["transport"], transport);
        assert_eq!(object["count"], 300);
        assert!(object["wait"].is_string() && object["size"].is_u64());
        assert!(object.get("pin").is_some(), "{object}");
        let rtt = |name: &str| object["rtt_ns"][name].as_f64().unwrap();
        assert!(rtt("min") > 0.0 && rtt("min") <= rtt("p50"), "{object}");
        assert!(rtt("p50") <= rtt("p99") && rtt("p99") <= rtt("p999"));
        assert!(rtt("p999") <= rtt("max"));
    }
}

#[test]
fn latency_after_a_pause_is_of_one_way() {
    let _guard = watchdog(Duration::from_secs(120));
    for transport in ["eventfd", "pipe", "zmq-ipc", "zmq-inproc"] {
        let mut arguments = LATENCY.to_vec();
        arguments.extend(["20", "--transport", transport, "--pause", "2ms"]);
        let [object] = &objects(&arguments)[..] else {
            panic!("one line for one measurement");
        };
        assert_eq!(
            (&object["count"], &object["pause_ns"]),
            (&20.into(), &2_000_000.into())
        );
        let ns = |name: &str| object["one_way_ns"][name].as_f64().unwrap();
        assert!(ns("min") > 0.0 && ns("min") <= ns("p50"), "{object}");
        assert!(object.get("rtt_ns").is_none(), "{object}");
    }
}

/// The pipe in each wait strategy, with two processes on one CPU, and on none in particular.
#[test]
fn latency_of_the_pipe_however_it_waits() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in ["spin", "park", "adaptive"] {
        for pin in ["0,0", "none"] {
            // Two that spin on one CPU take a slice of the scheduler's for each message.
            let count = if wait == "spin" && pin == "0,0" {
                "20"
            } else {
                "300"
            };
            let mut arguments = LATENCY.to_vec();
            arguments.extend([count, "--wait", wait, "--pin", pin, "--size", "1KiB"]);
            let objects = objects(&arguments);
            assert_eq!(objects.len(), 1);
            assert_eq!(objects[0]["wait"], wait);
            assert_eq!(objects[0]["size"], 1024);
        }
    }
}

#[test]
fn throughput_counts_messages_and_bytes() {
    let _guard = watchdog(Duration::from_secs(120));
    let objects = objects(&[
        "perf",
        "throughput",
        "--json",
        "--size",
        "64",
        "--count",
        "200000",
    ]);
    let [object] = &objects[..] else {
        panic!("one line for one measurement");
    };
    assert_eq!(object["work"], "throughput");
    let messages = object["msgs_per_s"].as_f64().unwrap();
    let bytes = object["bytes_per_s"].as_f64().unwrap();
    assert!(
        messages > 0.0 && (bytes / messages - 64.0).abs() < 0.01,
        "{object}"
    );
}

/// The comparison of the pipe, with a picture: every floor, and the pipe in each wait strategy.
#[test]
fn compare_prints_floors_and_pipe_side_by_side() {
    let _guard = watchdog(Duration::from_secs(300));
    let scratch = Scratch::new();
    let plot = scratch.path("curve.svg");
    let output = ringmq(&[
        "perf", "compare", "--quick", "--only", "pipe", "--plot", &plot,
    ])
    .output()
    .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for word in [
        "cache line",
        "eventfd",
        "pipe of the kernel",
        "Unix stream socket",
        "TCP loopback",
        "spin",
        "park",
        "adaptive",
    ] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
    for word in ["p50", "p99", "p99.9"] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
    let svg = fs::read_to_string(&plot).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("polyline"));
}

/// A full disk leaves the picture that was there, and nothing beside it.
#[test]
fn a_full_disk_leaves_no_half_picture() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let folder = scratch.path("small");
    fs::create_dir(&folder).unwrap();
    let line = format!(
        "mount -t tmpfs -o size=4k none {folder} && echo old > {folder}/a.svg && echo mounted && \
         ! {} perf latency --transport unix --count 3000 --plot {folder}/a.svg >/dev/null && \
         ls {folder} && cat {folder}/a.svg",
        env!("CARGO_BIN_EXE_ringmq")
    );
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &line])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if !said.starts_with("mounted") {
        eprintln!("not run: no small file system: {:?}", output.stderr);
        return;
    }
    assert_eq!(
        said,
        "mounted\na.svg\nold\n",
        "{:?}",
        String::from_utf8(output.stderr)
    );
}

/// The round trips of sockets, ringmq's beside libzmq's where that is installed, as a picture.
#[test]
fn sockets_are_drawn_side_by_side() {
    let _guard = watchdog(Duration::from_secs(300));
    let scratch = Scratch::new();
    let plot = scratch.path("sockets.svg");
    let output = ringmq(&[
        "perf", "compare", "--quick", "--json", "--only", "latency", "--plot", &plot,
    ])
    .output()
    .unwrap();
    let rows = String::from_utf8_lossy(&output.stdout).into_owned();
    let apart = rows.lines().any(|row| {
        let row: Value = serde_json::from_str(row).unwrap();
        let pin = row["pin"].as_array().cloned().unwrap_or_default();
        row["transport"] == "zmq-ipc" && pin.len() == 2 && pin[0] != pin[1]
    });
    if !apart {
        eprintln!("not run: one CPU only");
        return;
    }
    assert!(output.status.success(), "{}", errors(&output));
    let svg = fs::read_to_string(&plot).unwrap();
    assert!(svg.contains("REQ/REP ipc 64 B, ringmq adaptive") && svg.contains("polyline"));
    let stock = rows.contains(r#""library":"libzmq""#);
    assert_eq!(svg.contains("REQ/REP ipc 64 B, libzmq"), stock);
}

/// The program ends without an error when the reader of its output has gone.
#[test]
fn output_without_a_reader_is_no_error() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut child = ringmq(&["perf", "latency", "--count", "20000", "--json"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}

#[test]
fn errors_name_cause_and_remedy() {
    let _guard = watchdog(Duration::from_secs(60));
    for (wrong, code) in [
        (&["perf", "latency", "--transport", "pigeon"][..], 2),
        (&["perf", "latency", "--size", "many"], 2),
        (&["perf", "latency", "--pin", "0"], 2),
        (&["perf", "latency", "--pause", "0ms"], 2),
        (&["perf", "latency", "--pause", "1ms", "--size", "4"], 1),
        (&["perf", "latency", "--pin", "0,100000"], 1),
        (&["perf", "compare", "--only", "nothing"], 2),
        (
            &["perf", "compare", "--only", "memory", "--plot", "a.svg"],
            1,
        ),
        (&["perf", "compare", "--only", "pipe", "--plot", "a.png"], 1),
        (&["perf", "latency", "--plot", "a.png"], 1),
        (&["perf", "latency", "--size", "64KB"], 2),
    ] {
        let output = ringmq(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{wrong:?}: {output:?}");
        assert!(output.stdout.is_empty() && !errors(&output).is_empty());
    }
    let nowhere = "/nonexistent/curve.svg";
    let output = ringmq(&["perf", "latency", "--count", "100", "--plot", nowhere])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains(nowhere), "{output:?}");
}
