//! Processes of other users: none of them gets an answer, and none learns a secret.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::{Actor, listen, role, role_args, say, soon, spawn_role, under, watchdog};

use super::strangers::place;
use super::{Introduction, Stranger, UNPROVEN, bound, hello, rest, socket, until_carrier};

const OTHER: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// Whether a test can run as another user here; says if not.
fn has_others() -> bool {
    let program = std::env::current_exe().unwrap();
    let mut tried = Command::new(OTHER[0]);
    tried.args(&OTHER[1..]).arg(program).arg("--list");
    match tried.output() {
        Ok(output) if output.status.success() => true,
        other => {
            println!("skipped: nothing runs as another user here: {other:?}");
            false
        }
    }
}

fn start(test: &str, role: &str, args: &[&str]) -> Actor {
    Actor::start(&mut under(&OTHER, &spawn_role(test, role, args)))
}

#[test]
fn a_peer_of_another_user_stays_on_tcp() {
    const TEST: &str = "users::a_peer_of_another_user_stays_on_tcp";
    if role().is_some() {
        let mut push = socket(Kind::Push);
        push.connect(&role_args()[0]).unwrap();
        push.send_deadline("before", soon()).unwrap();
        until_carrier(&mut push, UNPROVEN);
        push.send_deadline("behind", soon()).unwrap();
        assert_eq!(listen(), "end");
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !has_others() {
        return;
    }
    let mut pull = bound(Kind::Pull);
    let mut other = start(TEST, "other", &[pull.last_endpoint()]);
    super::comes(&mut pull, "before");
    super::comes(&mut pull, "behind");
    until_carrier(&mut pull, UNPROVEN);
    other.tell("end");
    other.finish();
}

/// Comes to a Unix socket with a secret that is right.
fn comes_with_a_secret() {
    let args = role_args();
    let introduction = Introduction::parse(&args[0]);
    let ends = [args[1].parse().unwrap(), args[2].parse().unwrap()];
    let mut unix = introduction.dial();
    // It may be closed already.
    let _ = unix.write_all(&hello(1, introduction.ticket, introduction.secret, ends));
    assert_eq!(rest(&mut unix), b"");
}

#[test]
fn another_user_with_the_right_secret_gets_no_answer() {
    const TEST: &str = "users::another_user_with_the_right_secret_gets_no_answer";
    if role().is_some() {
        return comes_with_a_secret();
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !has_others() {
        return;
    }
    let pull = bound(Kind::Pull);
    let mut stranger = Stranger::connect(&pull);
    let ours = format!("1;;0;{:032x}", 7);
    stranger.greet("PUSH", Some(&ours));
    let introduction = stranger.read_introduction().unwrap();
    let ends = stranger.ends().map(|end| end.to_string());
    let args = [introduction.value(), ends[0].clone(), ends[1].clone()];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    start(TEST, "other", &args).finish();
    // This user does, with the same one.
    let mut unix = introduction.dial();
    let frame = hello(1, introduction.ticket, introduction.secret, stranger.ends());
    unix.write_all(&frame).unwrap();
    unix.read_exact(&mut [0; 72]).unwrap();
}

/// Has the name of a Unix socket before its owner, and sees what comes.
fn takes_the_name() {
    let name = SocketAddr::from_abstract_name(&role_args()[0]).unwrap();
    let listener = UnixListener::bind_addr(&name).unwrap();
    say("listens");
    let (mut unix, _) = listener.accept().unwrap();
    assert_eq!(rest(&mut unix), b"", "a secret was said");
}

#[test]
fn another_user_that_has_taken_the_name_learns_no_secret() {
    const TEST: &str = "users::another_user_that_has_taken_the_name_learns_no_secret";
    if role().is_some() {
        return takes_the_name();
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !has_others() {
        return;
    }
    let place = place();
    let mut other = start(TEST, "other", &[&place]);
    assert_eq!(other.hear(), "listens");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut push = socket(Kind::Push);
    push.connect(&format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let mut stranger = Stranger::over(listener.accept().unwrap().0);
    stranger.greet("PULL", Some(&format!("1;{place};1;{:032x}", 7)));
    until_carrier(&mut push, UNPROVEN);
    push.try_send("text").unwrap();
    stranger.read_introduction().unwrap();
    assert_eq!(stranger.read(6), b"\0\x04text");
    other.finish();
}
