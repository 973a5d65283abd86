//! Python programs on ringmq: by `ringmq run`, and by the package `ringmq`. Debian's python3-zmq stands for all of pyzmq.

#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringmq_testing::{Scratch, built_library, watchdog};

use crate::errors;
use crate::run::{run, said};

/// The Python for which Debian packages pyzmq.
const PYTHON: &str = "/usr/bin/python3";

fn has_pyzmq() -> bool {
    let asked = Command::new(PYTHON).args(["-c", "import zmq"]).output();
    let has = asked.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("not run: {PYTHON} has no zmq; `cargo xtask setup` installs it");
    }
    has
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const SERVER: &str = "import sys, zmq\n\
    with zmq.Context() as context, context.socket(zmq.REP) as socket:\n\
    \x20   socket.bind('ipc://' + sys.argv[1])\n\
    \x20   for count in range(1000): socket.send(socket.recv().upper())\n";
const CLIENT: &str = "import sys, zmq\n\
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:\n\
    \x20   socket.connect('ipc://' + sys.argv[1])\n\
    \x20   for count in range(1000): socket.send(b'hello'); reply = socket.recv()\n\
    \x20   print(reply.decode(), zmq.has('ringmq'))\n";

#[test]
fn two_programs_that_know_nothing_of_ringmq_share_memory() {
    if !has_pyzmq() {
        return;
    }
    let _watchdog = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let path = scratch.path("a.sock");
    let [server, client] = [SERVER, CLIENT].map(|program| {
        let arguments = ["--log", "--shm", "ipc", "--", PYTHON, "-c", program, &path];
        run(&scratch, &arguments).spawn().unwrap()
    });
    let client = client.wait_with_output().unwrap();
    assert_eq!(said(&client), "HELLO True\n");
    let server = server.wait_with_output().unwrap();
    assert_eq!(said(&server), "");
    for output in [&client, &server] {
        let log = errors(output);
        for part in [
            "] run program=",
            "] loaded version=",
            "carrier=shared-memory",
        ] {
            assert!(log.contains(part), "{part}: {log}");
        }
    }
}

#[test]
fn where_shared_memory_is_required_a_peer_without_is_told_of() {
    if !has_pyzmq() {
        return;
    }
    let _watchdog = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let path = scratch.path("a.sock");
    let arguments = ["--shm", "require", PYTHON, "-c", SERVER, &path];
    let mut server = run(&scratch, &arguments).spawn().unwrap();
    let mut client = Command::new(PYTHON);
    let mut client = client.args(["-c", CLIENT, &path]).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    let line = log.next().unwrap().unwrap();
    for child in [&mut client, &mut server] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    for part in [
        "] refused: shared memory is required endpoint=ipc://",
        &format!("a.sock type=REP peer={} ", client.id()),
        "reason=\"the peer offers no shared memory\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// An endpoint that can never be in shared memory is an error of the call. Standard error says why.
#[test]
fn where_shared_memory_is_required_an_endpoint_without_is_an_error() {
    if !has_pyzmq() {
        return;
    }
    let _watchdog = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let program = "import sys, zmq\n\
        socket = zmq.Context().socket(zmq.PULL)\n\
        socket.CONFLATE = 1\n\
        try: socket.bind('ipc://' + sys.argv[1])\n\
        except zmq.ZMQError as error: print(error.errno == zmq.ENOTSUP)\n\
        socket.bind('tcp://127.0.0.1:*')\n";
    let path = scratch.path("a.sock");
    let arguments = ["--shm", "require", PYTHON, "-c", program, &path];
    let output = run(&scratch, &arguments).output().unwrap();
    assert_eq!(said(&output), "True\n");
    let log = errors(&output);
    let line = "] refused: shared memory is required endpoint=ipc://";
    assert!(
        log.contains(line) && log.contains("the last message only"),
        "{log}"
    );
    assert_eq!(log.lines().count(), 1, "{log}");
}

/// The package has its own tests, in Python.
#[test]
fn the_package_puts_pyzmq_on_ringmq() {
    if !has_pyzmq() {
        return;
    }
    let _watchdog = watchdog(Duration::from_secs(300));
    let python = workspace().join("python");
    let mut tests = Command::new(PYTHON);
    let output = tests
        .args(["-B", "-m", "unittest", "discover", "tests"])
        .current_dir(&python)
        .env("PYTHONPATH", &python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RINGMQ_LIBRARY", built_library())
        .env_remove("LD_PRELOAD")
        .env_remove("RINGMQ_SHM")
        .env_remove("RINGMQ_LOG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn the_package_has_the_version_of_the_workspace() {
    let file = workspace().join("python/ringmq/__init__.py");
    let text = std::fs::read_to_string(file).unwrap();
    let version = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(
        text.contains(&version),
        "python/ringmq/__init__.py lacks {version}"
    );
}
