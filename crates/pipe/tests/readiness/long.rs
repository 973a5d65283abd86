//! Messages that are longer than the ring, for a receiver that waits by its descriptor.
//!
//! A call that does not wait returns after a lap of the ring although more may be there. The descriptor must then be
//! readable again each time.

use std::time::Duration;

use ringmq_pipe::{Options, RecvError, Wait};
use ringmq_testing::{Messages, role, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, wait_named};
use crate::user::{Style, User};

const MESSAGES: u64 = 100;

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

#[test]
fn a_long_message_comes_through() {
    const TEST: &str = "long::a_long_message_comes_through";
    let messages = Messages::new(5, 100, 100_000);
    if role().is_some() {
        let mut pipe = join(&options(wait_named(&arg(0))));
        for number in 0..MESSAGES {
            pipe.sender().send(&messages.get(number)).unwrap();
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for style in [Style::Edge, Style::Poll] {
            let (pipe, actor) = meet(TEST, "sender", &[name_of(wait)], &options(wait));
            let mut user = User::new(pipe, style, 0);
            let mut message = Vec::new();
            for number in 0..MESSAGES {
                user.recv(&mut message).unwrap();
                messages.check(number, &message);
            }
            let end = user.recv(&mut message);
            assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
            println!("{wait:?}, {style:?}: {} waits", user.waits);
            actor.finish();
        }
    }
}
