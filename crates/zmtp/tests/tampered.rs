//! One who changes what passes: recorded sessions of libzmq, byte by byte, and our own, by seeds.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;
#[allow(dead_code, reason = "shared with the other tests")]
mod secured;

use invariants::{Choices, receive_all};
use ringmq_testing::{Random, seed};
use ringmq_zmtp::Event;
use secured::{Recorded, tampered};

struct Seeded(Random);

impl Choices for Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    fn is_over(&self) -> bool {
        false
    }
}

#[test]
fn curve_delivers_what_was_sent_or_nothing() {
    let mut choices = Seeded(Random::new(seed()));
    let (mut arrived, mut refused) = (0, 0);
    for _ in 0..1000 {
        let (some, any) = tampered::check_curve(&mut choices);
        arrived += some;
        refused += usize::from(any);
    }
    assert!(
        arrived > 1000 && refused > 100,
        "{arrived} arrived, {refused} refused"
    );
}

#[test]
fn plain_survives() {
    let mut choices = Seeded(Random::new(seed()));
    for _ in 0..2000 {
        tampered::check_plain(&mut choices);
    }
}

/// A recorded session as one end hears it, and what that end makes of it.
struct Heard {
    recorded: Recorded,
    server: bool,
    said: Vec<u8>,
    want: Vec<Event>,
}

fn heard(recorded: Recorded, server: bool) -> Heard {
    let said = recorded.said_to(server);
    let (want, whole) = receive_all(&mut recorded.end(server), &said);
    assert_eq!(whole, Ok(()));
    Heard {
        recorded,
        server,
        said,
        want,
    }
}

impl Heard {
    /// Whatever was done to it, it is what was said, up to some point.
    fn check(&self, said: &[u8]) {
        let mut end = self.recorded.end(self.server);
        let (events, _) = receive_all(&mut end, said);
        assert!(self.want.starts_with(&events), "{events:?}");
    }
}

/// No change of a byte makes another message.
fn check_bytes(heard: &Heard) {
    for at in 0..heard.said.len() {
        let mut flipped = heard.said.clone();
        flipped[at] ^= 1 << (at % 8);
        let mut dropped = heard.said.clone();
        dropped.remove(at);
        let mut repeated = heard.said.clone();
        repeated.insert(at, heard.said[at]);
        let mut swapped = heard.said.clone();
        swapped.swap(at, (at + 1) % heard.said.len());
        for said in [flipped, dropped, repeated, swapped] {
            heard.check(&said);
        }
    }
}

#[test]
fn a_client_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::dealer(), false));
}

#[test]
fn a_server_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::dealer(), true));
}

#[test]
fn a_subscriber_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::publisher(), false));
}

#[test]
fn a_publisher_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::publisher(), true));
}

#[test]
fn no_order_of_frames_makes_another_message() {
    let all = [
        heard(Recorded::dealer(), false),
        heard(Recorded::dealer(), true),
        heard(Recorded::publisher(), false),
        heard(Recorded::publisher(), true),
    ];
    for heard in all {
        let (greeting, frames) = secured::split(&heard.said);
        assert!(frames.len() >= 3);
        for one in 0..frames.len() {
            let without = [&frames[..one], &frames[one + 1..]].concat();
            for other in 0..frames.len() {
                let mut moved = without.clone();
                moved.insert(other.min(moved.len()), frames[one]);
                let mut repeated = frames.clone();
                repeated.insert(other, frames[one]);
                let mut swapped = frames.clone();
                swapped.swap(one, other);
                for order in [&without, &moved, &repeated, &swapped] {
                    heard.check(&[greeting, &order.concat()].concat());
                }
            }
        }
    }
}
