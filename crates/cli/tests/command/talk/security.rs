//! Keys and passwords.

use std::fs;

use ringmq_testing::Scratch;

use super::{Talker, guard, ipc, run, runs};
use crate::{errors, ringmq};

/// Makes certificates. Returns the paths of the public and the secret one.
fn keys(scratch: &Scratch, name: &str) -> (String, String) {
    let file = scratch.path(name);
    let output = ringmq(&["keygen", &file]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let secret = format!("{file}_secret");
    (file, secret)
}

#[test]
fn a_server_of_curve_lets_known_clients_in() {
    let _guard = guard();
    let scratch = Scratch::new();
    let (server, server_secret) = keys(&scratch, "server");
    let (alice, alice_secret) = keys(&scratch, "alice");
    let (_, mallory_secret) = keys(&scratch, "mallory");
    let pull = [
        "pull",
        "-v",
        "tcp://127.0.0.1:*",
        "--curve-key-file",
        &server_secret,
    ];
    let mut pull = Talker::start(&[&pull[..], &["--curve-allow", &alice]].concat());
    let at = pull.bound();
    let push = |secret: &str, word: &str| {
        let keys = ["--curve-server-key", &server, "--curve-key-file", secret];
        let push = ["push", "-v", &at, "-D", word, "-t", "30"];
        run(&[&push[..], &keys].concat(), "")
    };
    let refused = push(&mallory_secret, "from mallory");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(errors(&refused).contains("status 400"), "{refused:?}");
    // A client without keys is no client of CURVE, and does not get in.
    let plain = run(&["push", &at, "-D", "in the clear", "-t", "30"], "");
    assert_eq!(plain.status.code(), Some(1), "{plain:?}");
    assert!(errors(&plain).contains("mechanisms"), "{plain:?}");
    let accepted = push(&alice_secret, "from alice");
    assert!(accepted.status.success(), "{accepted:?}");
    assert_eq!(pull.line(), "from alice");
    pull.kill();
}

#[test]
fn folders_of_certificates_and_any_client() {
    let _guard = guard();
    let scratch = Scratch::new();
    let (server, server_secret) = keys(&scratch, "server");
    let folder = scratch.path("clients");
    fs::create_dir(&folder).unwrap();
    let (_, alice_secret) = keys(&scratch, "clients/alice");
    for (allow, key) in [
        (folder.as_str(), Some(alice_secret.as_str())),
        ("any", None),
    ] {
        let rep = ["rep", "-q", "-n", "1", "-v", "tcp://127.0.0.1:*"];
        let secret = ["--curve-key-file", &server_secret, "--curve-allow", allow];
        let mut rep = Talker::start(&[&rep[..], &secret].concat());
        let at = rep.bound();
        let mut req = vec!["req", &at, "-D", "hello", "--curve-server-key", &server];
        if let Some(key) = key {
            req.extend(["--curve-key-file", key]);
        }
        assert_eq!(runs(&req, ""), "hello\n", "{allow}");
        rep.rest();
    }
}

#[test]
fn passwords_open() {
    let _guard = guard();
    let scratch = Scratch::new();
    let users = scratch.path("users");
    fs::write(&users, "# who may\nalice=open sesame\nbob=secret\n").unwrap();
    let at = ipc("plain");
    let mut pull = Talker::start(&["pull", "-v", &at, "--plain-allow", &users]);
    pull.bound();
    let push = |password: &str| {
        let file = scratch.path("password");
        fs::write(&file, password).unwrap();
        let user = ["--plain-user", "alice", "--plain-password-file", &file];
        let push = ["push", "-v", &at, "-D", "in", "-t", "30"];
        run(&[&push[..], &user].concat(), "")
    };
    let refused = push("secret\n");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(push("open sesame\n").status.success());
    assert_eq!(pull.line(), "in");
    pull.kill();
}

#[test]
fn keys_that_are_none() {
    let _guard = guard();
    let scratch = Scratch::new();
    let (public, secret) = keys(&scratch, "key");
    let at = ipc("keys");
    for (arguments, code, words) in [
        (
            vec!["--curve-server-key", "short"],
            1,
            "neither a public key nor a file",
        ),
        (
            vec!["--curve-key-file", &public, "--curve-allow", "any"],
            1,
            "no secret-key",
        ),
        (vec!["--curve-key-file", &secret], 2, "--curve-allow"),
        (vec!["--curve-allow", "any"], 2, "--curve-key-file"),
        (vec!["--plain-user", "alice"], 2, "--plain-password-file"),
        (
            vec!["--plain-allow", "/nowhere/at/all"],
            1,
            "/nowhere/at/all",
        ),
    ] {
        let output = run(&[&["push", &at][..], &arguments].concat(), "");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        assert!(errors(&output).contains(words), "{arguments:?}: {output:?}");
    }
}
