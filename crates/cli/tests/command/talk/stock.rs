//! Commands, and programs on stock libzmq.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::{Talker, guard, ipc, runs, text};

/// The Python for which Debian packages libzmq.
const PYTHON: &str = "/usr/bin/python3";

/// Whether there is stock libzmq.
fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let tried = Command::new(PYTHON).args(["-c", "import zmq"]).output();
        let there = tried.is_ok_and(|output| output.status.success());
        if !there {
            eprintln!("skipped: {PYTHON} has no zmq (`cargo xtask setup` installs it)");
        }
        there
    })
}

/// Runs a program on stock libzmq. `s` is a socket of this type, and `at` the endpoint.
fn python(kind: &str, at: &str, program: &str) -> Child {
    let begin =
        format!("import sys, zmq\nc = zmq.Context()\ns = c.socket(zmq.{kind})\nat = sys.argv[1]\n");
    Command::new(PYTHON)
        .args(["-c", &format!("{begin}{program}\ns.close()\nc.term()"), at])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[track_caller]
fn ends(child: Child) -> String {
    text(child.wait_with_output().unwrap())
}

#[test]
fn pipelines() {
    let _guard = guard();
    if !is_there() {
        return;
    }
    let at = ipc("stock");
    let program = "s.bind(at)\nfor _ in range(3): print(s.recv_multipart())";
    let pull = python("PULL", &at, program);
    let parts = ["--part-separator", ":"];
    runs(&[&["push", &at][..], &parts].concat(), "a:b\n\nlast\n");
    assert_eq!(ends(pull), "[b'a', b'b']\n[b'']\n[b'last']\n");

    let at = ipc("stock");
    let program = "s.connect(at)\nfor i in range(1000): s.send(b'%d' % i)";
    let push = python("PUSH", &at, program);
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    assert_eq!(runs(&["pull", &at, "-n", "1000"], ""), lines);
    ends(push);
}

#[test]
fn publishers_and_subscribers() {
    let _guard = guard();
    if !is_there() {
        return;
    }
    let at = ipc("stock");
    let program = "s.subscribe(b'w')\ns.connect(at)\nprint(s.recv_multipart())";
    let sub = python("SUB", &at, program);
    runs(&["pub", &at, "--topic", "weather", "-D", "sunny"], "");
    assert_eq!(ends(sub), "[b'weather', b'sunny']\n");

    let at = ipc("stock");
    let program = "s.bind(at)\ns.recv()\ns.send_multipart([b'weather', b'rain'])";
    let publisher = python("XPUB", &at, program);
    let sub = ["sub", &at, "--topic", "w", "-n", "1", "--json"];
    assert_eq!(runs(&sub, ""), "[\"weather\",\"rain\"]\n");
    ends(publisher);
}

#[test]
fn requests_and_replies() {
    let _guard = guard();
    if !is_there() {
        return;
    }
    let at = ipc("stock");
    let rep = python("REP", &at, "s.bind(at)\ns.send(s.recv().upper())");
    assert_eq!(runs(&["req", &at, "-D", "hello"], ""), "HELLO\n");
    ends(rep);

    let at = ipc("stock");
    let rep = Talker::start(&["rep", &at, "-q", "-n", "1", "--exec", "rev"]);
    let req = python("REQ", &at, "s.connect(at)\ns.send(b'abc')\nprint(s.recv())");
    assert_eq!(ends(req), "b'cba'\n");
    rep.rest();
}

#[test]
fn routers_and_dealers() {
    let _guard = guard();
    if !is_there() {
        return;
    }
    let at = ipc("stock");
    let mut router = Talker::start(&["router", &at]);
    let program = "s.routing_id = b'\\0\\xff'\ns.connect(at)\ns.send(b'hi')\nprint(s.recv())";
    let dealer = python("DEALER", &at, program);
    assert_eq!(router.line(), r#""\x00\xff" "hi""#);
    router.say("\"\\x00\\xff\" \"hi you\"\n");
    assert_eq!(ends(dealer), "b'hi you'\n");
    router.kill();
}
