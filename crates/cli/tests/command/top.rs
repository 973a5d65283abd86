//! `ringmq top`, on processes that do something.

use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, Kind};
use serde_json::Value;

use super::{asked, errors, ringmq, status};

/// The connections of this process at an endpoint, that of the bound socket first.
fn connections(endpoint: &str) -> Vec<Value> {
    let own = status(std::process::id());
    let sockets = own["sockets"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<Value> = sockets
        .iter()
        .flat_map(|socket| socket["connections"].as_array().unwrap().clone())
        .filter(|connection| connection["endpoint"] == endpoint)
        .collect();
    all.sort_by_key(|connection| connection["connects"].as_bool());
    all
}

#[test]
fn another_process_sees_a_connection_in_shared_memory() {
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    pull.bind("ipc://*").unwrap();
    let endpoint = pull.last_endpoint().to_owned();
    push.connect(&endpoint).unwrap();
    let begin = Instant::now();
    loop {
        push.send("go over").unwrap();
        pull.recv().unwrap();
        if push.connections()[0].carrier == Carrier::SharedMemory {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
    let [bound, connected] = &connections(&endpoint)[..] else {
        panic!("two ends");
    };
    assert_eq!(
        (&bound["carrier"], &connected["carrier"]),
        (&"shm".into(), &"shm".into())
    );
    assert_eq!(connected["peer_pid"], std::process::id());
    assert_eq!(
        (&connected["phase"], &connected["reason"]),
        (&"ready".into(), &Value::Null)
    );
    assert_eq!(connected["sent"]["mark"], 2000);
    assert!(bound["received"]["messages"].as_u64() > Some(0));
}

#[test]
fn a_table_has_a_line_for_each_connection() {
    let context = Context::new().unwrap();
    let (_server, _client, endpoint) = asked(&context);
    let mut idle = context.socket(Kind::Pub).unwrap();
    idle.bind("inproc://table").unwrap();
    let output = ringmq(&["top", "--once", "--interval", "0.05"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.trim_start().starts_with("PID USER"), "{text}");
    let pid = format!("{} ", std::process::id());
    let mine: Vec<&str> = text
        .lines()
        .filter(|line| line.trim_start().starts_with(&pid))
        .collect();
    let with = |words: &[&str]| {
        let has = |line: &&&str| {
            words
                .iter()
                .all(|word| line.split_whitespace().any(|one| one == *word))
        };
        assert_eq!(mine.iter().filter(has).count(), 1, "{words:?} in {text}");
    };
    with(&["REP", "bind", &endpoint, "tcp"]);
    with(&["REQ", "connect", &endpoint, "tcp"]);
    with(&["PUB", "bind", "inproc://table", "listening"]);
}

#[test]
fn without_a_terminal_it_names_what_works_without_one() {
    let output = ringmq(&["top"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("--once") && errors(&output).contains("--json"));
    for wrong in ["0", "-1", "x", "1e9"] {
        let output = ringmq(&["top", "--once", "--interval", wrong])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}
