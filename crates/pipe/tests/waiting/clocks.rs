//! Deadlines are of the monotonic clock of the process that set them.

use std::process::Command;
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe, RecvError, SendError};
use ringmq_testing::{
    Actor, abstract_name, listen, now_nanos, role, role_args, say, spawn_role, under, watchdog,
};

use crate::ends::{STRATEGIES, wait_named};

/// Another time, by more than any deadline.
const SHIFT: &[&str] = &[
    "unshare",
    "-T",
    "--monotonic",
    "100000",
    "--fork",
    "--kill-child",
];

/// Deadlines that are kept: neither early nor never.
fn receive_nothing(pipe: &mut Pipe) {
    for millis in [0, 1, 30] {
        let deadline = Instant::now() + Duration::from_millis(millis);
        let came = pipe.receiver().recv_deadline(&mut Vec::new(), deadline);
        assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
        assert!(Instant::now() >= deadline);
    }
}

fn find_no_room(pipe: &mut Pipe) {
    while pipe.sender().try_send(&[0; 500]).is_ok() {}
    for millis in [0, 1, 30] {
        let deadline = Instant::now() + Duration::from_millis(millis);
        let sent = pipe.sender().send_deadline(&[0; 500], deadline);
        assert!(matches!(sent, Err(SendError::TimedOut)), "{sent:?}");
        assert!(Instant::now() >= deadline);
    }
}

/// Messages there and back.
fn exchange(pipe: &mut Pipe) {
    let mut message = Vec::new();
    for number in 0..1000u32 {
        pipe.sender().send(&number.to_le_bytes()).unwrap();
        pipe.receiver().recv(&mut message).unwrap();
        assert_eq!(message, number.to_le_bytes());
    }
}

/// A process whose monotonic clock is a day ahead of ours is a peer like any other.
#[test]
fn clocks_need_not_agree() {
    const TEST: &str = "clocks::clocks_need_not_agree";
    if role().is_some() {
        say(&now_nanos().to_string());
        let options = Options::new().wait(wait_named(&role_args()[1]));
        let mut pipe = options.connect(&role_args()[0]).unwrap();
        exchange(&mut pipe);
        receive_nothing(&mut pipe);
        say("nothing came");
        listen();
        find_no_room(&mut pipe);
        listen();
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let permitted = Command::new(SHIFT[0])
        .args(&SHIFT[1..])
        .arg("true")
        .output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        println!("skipped: `{} true` is not permitted here", SHIFT.join(" "));
        return;
    }
    for wait in STRATEGIES {
        let options = Options::new().wait(wait);
        let mut listener = Listener::bind(&abstract_name("clocks"), &options).unwrap();
        let address = listener.address();
        let inner = spawn_role(TEST, "ahead", &[&address, crate::ends::name_of(wait)]);
        let mut actor = Actor::start(&mut under(SHIFT, &inner));
        let theirs: u64 = actor.hear().parse().unwrap();
        assert!(theirs > now_nanos() + 50_000 * 1_000_000_000, "it is ahead");
        let mut pipe = listener.accept().unwrap();
        exchange(&mut pipe);
        receive_nothing(&mut pipe);
        assert_eq!(actor.hear(), "nothing came");
        actor.tell("go on");
        find_no_room(&mut pipe);
        actor.tell("go");
        actor.finish();
    }
}
