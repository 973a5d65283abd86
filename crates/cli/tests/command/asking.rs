//! `ringmq ls`, `info` and `doctor`.

use std::io::Write;
use std::net::TcpListener;
use std::process::Output;

use ringmq::{Context, Kind, Security, SocketOptions, generate_key_pair};
use ringmq_testing::{Scratch, zmtp_greeting};
use serde_json::Value;

use super::{errors, ringmq};

fn run(arguments: &[&str]) -> Output {
    ringmq(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        errors(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn values(arguments: &[&str]) -> Vec<Value> {
    let text = text(arguments);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn ls_names_those_who_listen_and_those_who_wait_for_a_listener() {
    let scratch = Scratch::new();
    let (there, stale) = (scratch.path("there"), scratch.path("stale"));
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let context = Context::new().unwrap();
    let mut router = context.socket(Kind::Router).unwrap();
    router.bind(&format!("ipc://{there}")).unwrap();
    let mut wanting = context.socket(Kind::Push).unwrap();
    wanting.connect(&format!("ipc://{stale}")).unwrap();
    let all = values(&["ls", "--json"]);
    let at = |path: &str| {
        let endpoint = format!("ipc://{path}");
        let found = all.iter().find(|one| one["endpoint"] == endpoint.as_str());
        found
            .unwrap_or_else(|| panic!("no {endpoint} in {all:?}"))
            .clone()
    };
    let listener = at(&there);
    assert_eq!(
        (&listener["type"], &listener["note"]),
        (&"ROUTER".into(), &Value::Null)
    );
    assert_eq!(listener["pid"], std::process::id());
    let note = at(&stale)["note"].as_str().unwrap().to_owned();
    assert!(note.contains("stale"), "{note}");
    let table = text(&["ls"]);
    assert!(
        table.starts_with("ENDPOINT") && table.contains(&there),
        "{table}"
    );
}

#[test]
fn info_tells_what_a_peer_says_of_itself() {
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("rep"));
    let context = Context::new().unwrap();
    let mut server = context.socket(Kind::Rep).unwrap();
    server.bind(&endpoint).unwrap();
    let all = values(&["info", "--json", &endpoint]);
    let [one] = &all[..] else { panic!("one value") };
    assert_eq!(
        (&one["type"], &one["mechanism"]),
        (&"REP".into(), &"NULL".into())
    );
    assert_eq!(one["process"]["pid"], std::process::id());
    assert_eq!(
        one["zmtp"].as_str().map(|version| &version[..2]),
        Some("3.")
    );
    assert!(one["shared_memory"].is_string(), "{one}");
    let text = text(&["info", &endpoint]);
    assert!(
        text.contains("socket type  REP") && text.contains("offered"),
        "{text}"
    );
    // The socket is not a peer's.
    assert!(
        server
            .connections()
            .iter()
            .all(|one| one.endpoint == endpoint)
    );

    let options =
        SocketOptions::new().security(Security::CurveServer(generate_key_pair().unwrap()));
    let mut secret = context.socket_with(Kind::Pull, &options).unwrap();
    secret.bind("tcp://127.0.0.1:*").unwrap();
    let all = values(&["info", "--json", secret.last_endpoint()]);
    assert_eq!(
        (&all[0]["mechanism"], &all[0]["server"]),
        (&"CURVE".into(), &true.into())
    );
    assert_eq!(all[0]["type"], Value::Null);
}

#[test]
fn info_says_what_is_wrong_with_an_endpoint() {
    for wrong in [
        "x",
        "inproc://a",
        "tcp://127.0.0.1",
        "ipc://*",
        "udp://127.0.0.1:1",
    ] {
        let output = run(&["info", wrong]);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{wrong}: {}",
            errors(&output)
        );
    }
    let scratch = Scratch::new();
    let stale = scratch.path("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    for (endpoint, word) in [
        (format!("ipc://{stale}"), "left from one that has ended"),
        (format!("ipc://{}", scratch.path("none")), "ringmq ls"),
    ] {
        let output = run(&["info", &endpoint]);
        assert_eq!(output.status.code(), Some(1), "{endpoint}");
        assert!(errors(&output).contains(word), "{}", errors(&output));
    }
    // Peers that are no ZMTP, and one that says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut http, _) = listener.accept().unwrap();
        http.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let (silent, _) = listener.accept().unwrap();
        let (mut slow, _) = listener.accept().unwrap();
        // A first command without end.
        let mut greeting = zmtp_greeting(0);
        greeting.extend_from_slice(&[6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        slow.write_all(&greeting).unwrap();
        (silent, slow)
    });
    let output = run(&["info", &endpoint]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("does not speak ZMTP"),
        "{}",
        errors(&output)
    );
    let output = run(&["info", "--timeout", "0.2", &endpoint]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    let output = run(&["info", &endpoint]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("too long"), "{}", errors(&output));
    drop(server.join().unwrap());
}

#[test]
fn doctor_says_why_a_connection_is_not_in_shared_memory() {
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("off"));
    let context = Context::new().unwrap();
    let options = SocketOptions::new().shared_memory(false);
    let mut pull = context.socket_with(Kind::Pull, &options).unwrap();
    pull.bind(&endpoint).unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    push.connect(&endpoint).unwrap();
    push.send("hello").unwrap();
    pull.recv().unwrap();
    let pid = std::process::id().to_string();
    for about in [&endpoint, &pid] {
        let findings = values(&["doctor", "--json", about]);
        let about_it = |one: &&Value| {
            let what = one["what"].as_str().unwrap();
            what.contains(&endpoint) && what.contains("PULL")
        };
        let found = findings.iter().find(about_it);
        let found = found.unwrap_or_else(|| panic!("{findings:?}"));
        assert_eq!(found["level"], "problem");
        assert!(
            found["what"].as_str().unwrap().contains("turned off"),
            "{found}"
        );
        assert!(
            found["remedy"].as_str().unwrap().contains("RINGMQ_SHM"),
            "{found}"
        );
    }
    let findings = text(&["doctor", &endpoint]);
    assert!(findings.contains("offers no shared memory"), "{findings}");
}

#[test]
fn doctor_checks_the_machine_and_knows_who_is_not_there() {
    let findings = values(&["doctor", "--json"]);
    let whats: Vec<&str> = findings
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    for word in [
        "kernel",
        "went over to shared memory",
        "RLIMIT_NOFILE",
        "vm.max_map_count",
    ] {
        assert!(
            whats.iter().any(|what| what.contains(word)),
            "{word} in {whats:?}"
        );
    }
    let output = ringmq(&["doctor", "--json"])
        .env("RINGMQ_SHM", "off")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("RINGMQ_SHM=off"), "{text}");
    let output = run(&["doctor", "2147483647"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("there is no process"),
        "{}",
        errors(&output)
    );
    for wrong in ["-1", "0", "nonsense"] {
        assert_eq!(run(&["doctor", wrong]).status.code(), Some(2), "{wrong}");
    }
}
