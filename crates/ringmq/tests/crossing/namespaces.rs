//! Two network namespaces with a pair of virtual Ethernet devices between them: two machines, as far as tcp can tell.

use std::process::Command;
use std::time::Duration;

use ringmq::{Carrier, Kind, ZmtpReason};
use ringmq_testing::{Actor, listen, role, say, soon, spawn_role, under, until, watchdog};

use super::{Stranger, socket, until_carrier};

const NAMESPACE: [&str; 2] = ["unshare", "--net"];
const TEST: &str = "namespaces::peers_in_two_network_namespaces_stay_on_tcp";

/// Runs `ip` with these words.
fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {output:?}");
}

/// Whether namespaces with such devices can be made here; says if not.
fn has_namespaces() -> bool {
    let make = "ip link add v0 type veth peer name v1";
    let mut tried = Command::new(NAMESPACE[0]);
    tried.arg(NAMESPACE[1]).args(make.split(' '));
    match tried.output() {
        Ok(output) if output.status.success() => true,
        other => {
            println!("skipped: no network namespaces can be made here: {other:?}");
            false
        }
    }
}

/// The one end, in a namespace of its own: makes the devices, and binds.
fn one() {
    let other = spawn_role(TEST, "other", &[]);
    let mut other = Actor::start(&mut under(&NAMESPACE, &other));
    let pid = other.hear();
    ip(&format!("link add v0 type veth peer name v1 netns {pid}"));
    ip("addr add 10.77.0.1/24 dev v0");
    ip("link set v0 up");
    ip("link set lo up");
    let mut far = socket(Kind::Pair);
    far.bind("tcp://*:*").unwrap();
    let port = far.last_endpoint().rsplit(':').next().unwrap().to_owned();
    other.tell(&format!("tcp://10.77.0.1:{port}"));
    super::comes(&mut far, "there");
    far.send_deadline("and back", soon()).unwrap();
    until_carrier(&mut far, Carrier::Zmtp(ZmtpReason::NotIpc));
    assert_eq!(other.hear(), "done");
    // Nothing of it is said to such a peer.
    let port = other.hear();
    let mut stranger =
        Stranger::over(std::net::TcpStream::connect(("10.77.0.2", port.parse().unwrap())).unwrap());
    stranger.greet("PUSH", None);
    assert!(stranger.read_introduction().is_none());
    other.tell("end");
    other.finish();
}

/// The other end, in another one.
fn other() {
    say(&std::process::id().to_string());
    let endpoint = listen();
    ip("addr add 10.77.0.2/24 dev v1");
    ip("link set v1 up");
    ip("link set lo up");
    let mut near = socket(Kind::Pair);
    near.connect(&endpoint).unwrap();
    near.send_deadline("there", soon()).unwrap();
    super::comes(&mut near, "and back");
    until_carrier(&mut near, Carrier::Zmtp(ZmtpReason::NotIpc));
    // An address of the own machine that is no loopback address leads to shared memory.
    let mut far = socket(Kind::Pair);
    far.bind("tcp://10.77.0.2:*").unwrap();
    let mut own = socket(Kind::Pair);
    own.connect(far.last_endpoint()).unwrap();
    until_carrier(&mut own, Carrier::SharedMemory);
    say("done");
    let mut pull = socket(Kind::Pull);
    pull.bind("tcp://10.77.0.2:*").unwrap();
    say(pull.last_endpoint().rsplit(':').next().unwrap());
    until(|| !pull.connections().is_empty());
    assert_eq!(listen(), "end");
}

#[test]
fn peers_in_two_network_namespaces_stay_on_tcp() {
    match role().as_deref() {
        Some("one") => return one(),
        Some(_) => return other(),
        None => {}
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !has_namespaces() {
        return;
    }
    Actor::start(&mut under(&NAMESPACE, &spawn_role(TEST, "one", &[]))).finish();
}
