//! What the environment asks for, and what is printed: `RINGMQ_LOG`, `RINGMQ_SHM`, `RINGMQ_WAIT`.

use std::fs;
use std::path::Path;
use std::process::Command;

use ringmq_testing::built_library;
use tempfile::TempDir;

use super::{compiled, compiled_from};

/// What a program has printed.
struct Said {
    output: String,
    /// The lines on standard error.
    log: Vec<String>,
}

/// Runs a program, which has a minute, with our library and these variables only.
fn run(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let output = Command::new("timeout")
        .arg("60")
        .arg(program)
        .args(arguments)
        .env_remove("RINGMQ_LOG")
        .env_remove("RINGMQ_SHM")
        .env_remove("RINGMQ_WAIT")
        .envs(variables.iter().copied())
        .env("LD_LIBRARY_PATH", program.parent().unwrap())
        .current_dir(program.parent().unwrap())
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}\n{log}", output.status);
    Said {
        output: String::from_utf8(output.stdout).unwrap(),
        log: log.lines().map(str::to_owned).collect(),
    }
}

/// A folder with our library.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::copy(built_library(), folder.path().join("libzmq.so.5")).unwrap();
    folder
}

/// Runs two processes that speak to each other.
fn carriers(wild: &str, variables: &[(&str, &str)]) -> Said {
    let folder = folder();
    run(&compiled("carriers", folder.path()), &[wild], variables)
}

impl Said {
    /// The endpoint, and the process that has connected.
    fn endpoint(&self) -> (String, String) {
        let mut words = self.output.split_whitespace();
        let mut next = || words.next().unwrap().to_owned();
        (next(), next())
    }

    /// The lines of a process, without their beginnings.
    fn of(&self, process: &str) -> Vec<&str> {
        let begin = format!("ringmq[{process}] ");
        let lines = self.log.iter();
        lines.filter_map(|line| line.strip_prefix(&begin)).collect()
    }

    /// The process that has bound the endpoint: the other one.
    fn server(&self) -> String {
        let client = self.endpoint().1;
        let mut processes = self.log.iter().map(|line| {
            let (_, rest) = line.split_once('[').unwrap();
            rest.split_once(']').unwrap().0
        });
        processes
            .find(|process| *process != client)
            .unwrap()
            .to_owned()
    }
}

/// The first line of each process.
fn loaded(shared_memory: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("loaded version={version} shared_memory={shared_memory} wait=Adaptive")
}

#[test]
fn a_log_says_each_thing_once_of_a_connection_that_goes_over_to_shared_memory() {
    let said = carriers("ipc://*", &[("RINGMQ_LOG", "1")]);
    let ((endpoint, client), server) = (said.endpoint(), said.server());
    let undecided = "carrier=ZMTP reason=\"nothing else was agreed upon yet\"";
    let of_client = format!("endpoint={endpoint} type=REQ peer={server}");
    assert_eq!(
        said.of(&client),
        [
            loaded("true"),
            format!("connected {of_client} {undecided}"),
            format!("carrier changed {of_client} carrier=shared-memory"),
        ],
    );
    let of_server = format!("endpoint={endpoint} type=REP");
    let of_monitor = "connected endpoint=inproc://watch type=PAIR carrier=inproc";
    let lines = said.of(&server);
    let lines: Vec<&str> = lines
        .into_iter()
        .filter(|line| *line != of_monitor)
        .collect();
    assert_eq!(
        lines,
        [
            loaded("true"),
            format!("connected {of_server} peer={client} {undecided}"),
            format!("carrier changed {of_server} peer={client} carrier=shared-memory"),
            format!("disconnected {of_server} reason=\"the peer has closed, or is gone\""),
        ],
    );
}

#[test]
fn a_log_gives_the_reason_for_zmtp() {
    let reason = "shared memory is turned off here";
    let off = ["off", "OFF", "0", "no", "False"].map(|no| ("ipc://*", no));
    let tcp = ["off", "ipc"].map(|no| ("tcp://127.0.0.1:*", no));
    for (wild, share) in off.into_iter().chain(tcp) {
        let said = carriers(wild, &[("RINGMQ_LOG", "yes"), ("RINGMQ_SHM", share)]);
        let client = said.endpoint().1;
        let lines = said.of(&client);
        assert_eq!(lines.len(), 2, "{lines:?}");
        let shared_memory = if share == "ipc" { "ipc" } else { "false" };
        assert_eq!(lines[0], loaded(shared_memory));
        let end = format!("carrier=ZMTP reason=\"{reason}\"");
        assert!(
            lines[1].starts_with("connected ") && lines[1].ends_with(&end),
            "{lines:?}"
        );
    }
}

#[test]
fn shared_memory_that_is_required_and_there_is_not_worth_a_line() {
    let require = ("RINGMQ_SHM", "require");
    assert_eq!(carriers("ipc://*", &[require]).log, [""; 0]);
    let said = carriers("ipc://*", &[require, ("RINGMQ_LOG", "1")]);
    let lines = said.of(&said.endpoint().1).join("\n");
    let begin = loaded("true").replace("=true", "=required");
    assert!(lines.starts_with(&begin), "{lines}");
    assert!(lines.ends_with("carrier=shared-memory"), "{lines}");
}

#[test]
fn unknown_values_are_told_of_once_for_a_process_and_nothing_else_is_printed() {
    let unknown = [("RINGMQ_SHM", "of"), ("RINGMQ_WAIT", "bogus")];
    let said = carriers("ipc://*", &unknown);
    for process in [said.endpoint().1, said.server()] {
        assert_eq!(
            said.of(&process),
            [
                "RINGMQ_SHM=\"of\" is ignored: it can be on, 1, yes, true, ipc, require, off, 0, no, false",
                "RINGMQ_WAIT=\"bogus\" is ignored: it can be adaptive, spin, park",
            ]
        );
    }
    let silent = carriers("ipc://*", &[unknown[0], unknown[1], ("RINGMQ_LOG", "off")]);
    assert_eq!(silent.log, [""; 0]);
    assert_eq!(carriers("ipc://*", &[]).log, [""; 0]);
}

#[test]
fn the_example_of_the_readme_has_a_log() {
    let folder = folder();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/c/hello.c");
    // At a place of its own.
    let text = fs::read_to_string(example).unwrap();
    assert!(text.contains("ipc://@hello"));
    let example = folder.path().join("hello.c");
    fs::write(&example, text.replace("ipc://@hello", "ipc://hello.sock")).unwrap();
    let said = run(
        &compiled_from(&example, folder.path()),
        &[],
        &[("RINGMQ_LOG", "1")],
    );
    assert_eq!(said.output, "hello\n");
    let count = |begin: &str| said.log.iter().filter(|line| line.contains(begin)).count();
    assert_eq!(count(&loaded("true")), 1);
    for kind in ["REQ", "REP"] {
        let begin = format!("] connected endpoint=ipc://hello.sock type={kind} peer=");
        assert_eq!(count(&begin), 1, "{:?}", said.log);
    }
}
