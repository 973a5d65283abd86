//! After a burst the memory is back at the kernel, also that which silent peers have mapped.

use std::time::Duration;

use ringmq::{ArenaOptions, Context, Kind};
use ringmq_testing::{Actor, in_own_process, listen, role, say, soon, spawn_role, until, watchdog};

use crate::memory::Kept;
use crate::parts::{arg, socket, until_shared};
use crate::places::Places;

const COUNT: usize = 1000;
const BYTES: usize = 1 << 20;
/// What an arena keeps when it is not used, and a segment that has blocks.
const REST: u64 = 24 << 20;

/// Receives the burst, and makes no call after that.
fn receiver() {
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    pull.set_recv_hwm(None);
    pull.connect(&arg(0)).unwrap();
    assert_eq!(listen(), "receive");
    for number in 0..COUNT {
        let message = pull.recv_deadline(soon()).unwrap();
        assert_eq!(message[0].len(), BYTES);
        assert_eq!(message[0][..8], number.to_le_bytes());
    }
    say("received");
    assert_eq!(listen(), "end");
}

#[test]
fn a_burst_leaves_no_memory_at_silent_sockets() {
    const TEST: &str = "burst::a_burst_leaves_no_memory_at_silent_sockets";
    if role().as_deref() == Some("receiver") {
        return receiver();
    }
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(240));
        burst(TEST, &ArenaOptions::new());
        burst(TEST, &ArenaOptions::new().own(true).huge_pages(true));
    });
}

fn burst(test: &str, options: &ArenaOptions) {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    context.set_arena(options).unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_send_hwm(None);
    push.bind(&endpoint).unwrap();
    let mut receiver = Actor::start(&mut spawn_role(test, "receiver", &[&endpoint]));
    until_shared(&mut push, 1);
    let kept = || [Kept::by(std::process::id()), Kept::by(receiver.pid())];
    for number in 0..COUNT {
        let mut block = context.block(BYTES).unwrap();
        block[..8].copy_from_slice(&number.to_le_bytes());
        push.send(block.freeze()).unwrap();
    }
    let all = (COUNT * BYTES) as u64;
    let [own, _] = kept();
    assert!(own.allocated >= all && own.mapped >= all, "{own:?}");
    receiver.tell("receive");
    assert_eq!(receiver.hear(), "received");
    // Neither side makes another call.
    until(|| {
        let kept = [Kept::by(std::process::id()), Kept::by(receiver.pid())];
        kept.iter()
            .all(|kept| kept.allocated <= REST && kept.mapped <= REST)
    });
    receiver.tell("end");
    receiver.finish();
}
