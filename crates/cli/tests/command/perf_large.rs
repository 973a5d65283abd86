//! `ringmq perf` of large bodies: copied, in place, and published.

use std::time::Duration;

use ringmq_testing::watchdog;
use serde_json::Value;

use crate::perf::objects;
use crate::{errors, ringmq};

/// The objects that a line prints.
#[track_caller]
fn printed(line: &str) -> Vec<Value> {
    let arguments: Vec<_> = line.split_whitespace().collect();
    objects(&arguments)
}

/// One run prints each way of bodies for each size, beside libzmq if it is installed.
#[test]
fn a_comparison_has_large_bodies_copied_and_in_place() {
    let _guard = watchdog(Duration::from_secs(900));
    let rows = printed("perf compare --quick --json --only large");
    let here = |library: &str| rows.iter().any(|row| row["library"] == library);
    let base = match here("libzmq") {
        true => ", libzmq",
        false => "ringmq copied",
    };
    for row in &rows {
        let section = row["section"].as_str().unwrap();
        assert!(section.starts_with("Large bodies, "), "{row}");
        assert!(row["floor"].as_str().unwrap().ends_with(base), "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        match row["work"].as_str() {
            Some("latency") => assert!(row["rtt_ns"]["p50"].as_u64().unwrap() > 0, "{row}"),
            _ => assert!(row["msgs_per_s"].as_f64().unwrap() > 0.0, "{row}"),
        }
    }
    let count = |of: &dyn Fn(&Value) -> bool| rows.iter().filter(|row| of(row)).count();
    for size in [4 << 10, 64 << 10, 1 << 20, 16 << 20] {
        for bodies in ["copied", "sent-in-place", "in-place"] {
            // Round trips, one way by the ends, and one way by the pages.
            let ours = |row: &Value| {
                (&row["size"], &row["bodies"]) == (&size.into(), &bodies.into())
                    && row["library"] == "ringmq"
                    && row["pattern"] != "pub-sub"
            };
            assert_eq!(count(&ours), 3, "{size} {bodies}");
        }
        let pipe = |row: &Value| row["transport"] == "pipe" && row["size"] == size;
        assert_eq!(count(&pipe), 3, "{size}");
    }
    for library in ["libzmq", "ringmq", "ringmq-c"]
        .into_iter()
        .filter(|one| here(one))
    {
        for far_sides in [1, 2, 4, 8] {
            let published = |row: &Value| {
                row["pattern"] == "pub-sub"
                    && row["library"] == library
                    && row["far_sides"] == far_sides
            };
            let rows = if library == "libzmq" { 1 } else { 3 };
            assert_eq!(count(&published), rows, "{library} to {far_sides}");
        }
    }
}

#[test]
fn one_row_can_be_measured_alone() {
    let _guard = watchdog(Duration::from_secs(120));
    let rows = printed(
        "perf throughput --json --transport zmq-ipc --pattern pub-sub --subscribers 3 --bodies in-place \
         --touch pages --size 1MiB --count 20 --pin none",
    );
    let [row] = &rows[..] else {
        panic!("one line for one measurement");
    };
    assert_eq!(
        (&row["bodies"], &row["touch"]),
        (&"in-place".into(), &"pages".into())
    );
    assert_eq!(
        (&row["far_sides"], &row["pattern"]),
        (&3.into(), &"pub-sub".into())
    );
    assert!(row["msgs_per_s"].as_f64().unwrap() > 0.0, "{row}");
    // The pipe has one way of bodies.
    let rows = printed("perf latency --json --touch pages --size 4KiB --count 10");
    assert_eq!(
        (&rows[0]["bodies"], &rows[0]["transport"]),
        (&"in-place".into(), &"pipe".into())
    );
    // Nothing was said of bodies.
    let rows = printed("perf latency --json --count 10");
    assert!(rows[0].get("bodies").is_none(), "{}", rows[0]);
}

#[test]
fn errors_of_large_bodies_name_a_remedy() {
    let _guard = watchdog(Duration::from_secs(60));
    for (wrong, code, remedy) in [
        ("latency --bodies copied", 1, "--bodies in-place"),
        (
            "latency --transport zmq-inproc --bodies in-place",
            1,
            "zmq-ipc",
        ),
        (
            "latency --transport zmq-ipc --library libzmq --bodies in-place",
            1,
            "sent-in-place",
        ),
        (
            "throughput --transport zmq-ipc --subscribers 2",
            1,
            "--pattern pub-sub",
        ),
        (
            "throughput --transport zmq-ipc --pattern pub-sub --subscribers 0",
            2,
            "1 to 16",
        ),
        (
            "latency --transport zmq-ipc --pattern pub-sub",
            1,
            "measure throughput",
        ),
        (
            "throughput --transport zmq-ipc --bodies some",
            2,
            "sent-in-place",
        ),
        ("throughput --transport zmq-ipc --touch all", 2, "pages"),
        ("connect --pattern pub-sub", 1, "--bodies"),
    ] {
        let arguments: Vec<_> = std::iter::once("perf")
            .chain(wrong.split_whitespace())
            .collect();
        let output = ringmq(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{wrong}: {output:?}");
        assert!(errors(&output).contains(remedy), "{wrong}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}
