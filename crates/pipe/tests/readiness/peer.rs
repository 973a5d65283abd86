//! A peer process that ends in the way that the test commands.

use ringmq_pipe::{Options, Wait};
use ringmq_testing::{Actor, listen, say, until_gone};

use crate::ends::{arg, join, wait_named};

/// Messages that it sends before, if it still sends.
pub(crate) const LAST: u64 = 3;

/// What the peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Closes its sender.
    HalfClose,
    /// Closes its receiver.
    Deafness,
    /// Drops the pipe.
    Close,
    /// Is killed.
    Death,
}

pub(crate) fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// The role of the peer: obeys the commands of the test.
pub(crate) fn play() {
    let pipe = join(&options(wait_named(&arg(0))));
    let (sender, receiver) = pipe.split();
    let (mut sender, mut receiver) = (Some(sender), Some(receiver));
    say("ready");
    loop {
        let word = listen();
        if word.is_empty() {
            return;
        }
        if word != "Deafness" {
            for number in 0..LAST {
                let Some(sender) = &mut sender else { return };
                sender.send(&number.to_le_bytes()).unwrap();
            }
        }
        match word.as_str() {
            "HalfClose" => drop(sender.take()),
            "Deafness" => drop(receiver.take()),
            "Close" => drop((sender.take(), receiver.take())),
            // It waits to be killed.
            _ => {}
        }
        say("done");
    }
}

/// Lets the peer end; returns once it has, if that is asked for.
pub(crate) fn end(actor: &mut Actor, end: End, certainly: bool) {
    actor.tell(&format!("{end:?}"));
    if certainly || end == End::Death {
        assert_eq!(actor.hear(), "done");
    }
    if end == End::Death {
        // A zombie until the actor is dropped.
        actor.kill();
        if certainly {
            until_gone(actor.pid());
        }
    }
}
