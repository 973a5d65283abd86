//! Peers that send anything.

mod world;

use ringmq_pattern::{Kind, Pattern, Peer, Remote, SetOption};
use ringmq_testing::{Random, seed};
use world::Stage;

/// Any bytes, in any number of parts, from peers that come and go.
#[test]
fn hostile_envelopes_do_no_harm() {
    let mut random = Random::new(seed());
    for kind in [
        Kind::Req,
        Kind::Rep,
        Kind::Router,
        Kind::Dealer,
        Kind::Xpub,
        Kind::Xsub,
        Kind::Sub,
    ] {
        let mut stage = Stage::with(kind, 3);
        stage.pattern = Pattern::new(kind, u32::MAX - 1);
        let mut attached = [false; 3];
        for correlate in [false, true] {
            let _ = stage
                .pattern
                .set(SetOption::ReqCorrelate(correlate), &mut stage.world);
            let _ = stage
                .pattern
                .set(SetOption::XpubManual(correlate), &mut stage.world);
            let _ = stage
                .pattern
                .set(SetOption::Subscribe(b"a"), &mut stage.world);
            for _ in 0..5000 {
                let peer = random.within(0..3);
                let number = peer as u32;
                if !attached[peer] {
                    stage.pipe(number);
                    let id = [0, 255, 255, 255, random.below(256) as u8];
                    let remote = Remote {
                        routing_id: &id[..random.within(0..6)],
                        ..Remote::default()
                    };
                    let joined = stage.pattern.attach(Peer(number), remote, &mut stage.world);
                    attached[peer] = joined.is_ok();
                } else if random.one_in(20) {
                    stage.leave(number);
                    attached[peer] = false;
                } else if random.one_in(2) {
                    let parts = random.within(1..5);
                    let parts = (0..parts).map(|_| {
                        ["", "\x01a", "\0a", "a", "\u{1}\u{2}\u{3}\u{4}"][random.within(0..5)]
                    });
                    let message = parts.collect::<Vec<&str>>().join("|");
                    stage.give(number, &message);
                }
                stage.world.pipes[peer].outbound.clear();
                let _ = stage.send_part("");
                let _ = stage.send("\x01a|\0a");
                let _ = stage.can_recv();
                let _ = stage.recv();
            }
        }
    }
}
