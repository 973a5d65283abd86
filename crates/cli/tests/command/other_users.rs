//! `ringmq top` and the processes of several users: root sees all of them, another user its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use ringmq::{Context, Kind};
use ringmq_testing::watchdog;
use serde_json::Value;

use super::{LOOK, as_another_user, errors, ipc, one_value, process_in, status};

const OTHER: u32 = 65_534;

#[test]
fn root_sees_processes_of_other_users_and_those_see_their_own() {
    let _guard = watchdog(Duration::from_secs(100));
    let Some(mut pull) = as_another_user() else {
        return;
    };
    let tool = env!("CARGO_BIN_EXE_ringmq");
    pull.args([tool, "pull", "--verbose", &ipc("other")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut pull = pull.spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(pull.stderr.as_mut().unwrap());
    while !line.contains("bound to") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it is not bound");
    }
    let seen = status(pull.id());
    assert_eq!(
        (&seen["uid"], &seen["name"]),
        (&OTHER.into(), &"ringmq".into())
    );
    assert_eq!(seen["sockets"][0]["type"], "PULL", "{seen}");

    let context = Context::new().unwrap();
    let _own = context.socket(Kind::Pull).unwrap();
    let own = std::process::id();
    assert_eq!(status(own)["uid"], 0);
    let as_other = |arguments: &[&str]| {
        let mut command = as_another_user().unwrap();
        command.arg(tool).args(arguments).output().unwrap()
    };
    let all = one_value(&as_other(&LOOK));
    assert_eq!(process_in(&all, pull.id())["uid"], OTHER);
    assert_eq!(process_in(&all, own), Value::Null);
    assert!(all["denied"].as_u64() > Some(0), "{all}");
    for verb in [&["top", "--once", "--interval", "0.05"][..], &["ls"]] {
        let output = as_other(verb);
        assert!(output.status.success(), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("root sees them"), "{text}");
    }
    pull.kill().unwrap();
    pull.wait().unwrap();
}
