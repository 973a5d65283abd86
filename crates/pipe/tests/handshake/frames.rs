//! Frames that are none, of other versions, with fields out of bounds, or out of turn.

use std::time::Duration;

use ringmq_pipe::{ConnectError, OfferError, Options, Reason};
use ringmq_testing::{Random, seed, watchdog};

use crate::peers::{BOTH, Court, Judge, Verdict, receive};
use crate::raw::{self, DESCRIPTOR, NUMBERS, Raw, Sent, VERSION, later};

/// What is sent around a frame.
type Make = fn(Raw) -> Vec<Sent>;

/// The frame that a side reads first, with descriptors.
fn first(frame: Raw) -> Vec<Sent> {
    vec![Sent::new(frame, raw::descriptors())]
}

/// The frame that a listener reads last.
fn second(frame: Raw) -> Vec<Sent> {
    let mut sent = first(Raw::offer());
    sent.push(Sent::bare(frame));
    sent
}

#[track_caller]
fn wrong(verdict: &Verdict) -> OfferError {
    match verdict.error {
        ConnectError::Offer(wrong) => wrong,
        ref other => panic!("{other}"),
    }
}

/// What both sides send are the bytes of docs/handoff.md, to the last one.
#[test]
fn golden_bytes_on_the_wire() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    // An offer: 4096, 1 MiB, 1 GiB, 0. Whether this machine has membarrier is its own affair.
    let golden = |offer: &[u8; 64]| {
        let mut golden = [0; 64];
        golden[..12].copy_from_slice(b"ringmqP\0\x01\0\x01\0");
        golden[16] = offer[16] & 1 | 2;
        (golden[25], golden[34], golden[43]) = (0x10, 0x10, 0x40);
        golden
    };
    let peer = court.dial();
    for sent in second(Raw::accept()) {
        sent.over(&peer).unwrap();
    }
    let pipe = court.listener.attempt(later()).unwrap();
    let mut offer = [0xff; 64];
    let came = peer.recv_exact(&mut offer, 4, later()).unwrap();
    assert_eq!((offer, came.fds.len()), (golden(&offer), 4));
    assert_eq!(pipe.peer_credentials(), ringmq_sys::Credentials::own());

    let refused = court.judge(
        Judge::Listener,
        &first(Raw {
            version: 2,
            ..Raw::offer()
        }),
    );
    let mut golden_refusal = [0; 64];
    golden_refusal[..13].copy_from_slice(b"ringmqP\0\x01\0\x03\0\x01");
    assert_eq!(refused.answer.unwrap().bytes(), golden_refusal);

    let (outcome, (offer, accept)) = court.meet(&Options::new(), |peer| {
        let mut frames = ([0xff; 64], [0xff; 64]);
        assert_eq!(
            peer.recv_exact(&mut frames.0, 4, later())
                .unwrap()
                .fds
                .len(),
            4
        );
        Sent::new(Raw::offer(), raw::descriptors())
            .over(peer)
            .unwrap();
        peer.recv_exact(&mut frames.1, 0, later()).unwrap();
        assert_eq!(receive(peer), None);
        frames
    });
    outcome.unwrap();
    let mut golden_accept = [0; 64];
    golden_accept[..12].copy_from_slice(b"ringmqP\0\x01\0\x02\0");
    assert_eq!((offer, accept), (golden(&offer), golden_accept));
}

#[test]
fn garbage() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut random = Random::new(seed());
    let mut court = Court::open();
    for judge in BOTH {
        for round in 0..50 {
            let mut bytes: Vec<u8> = (0..64).map(|_| random.next() as u8).collect();
            bytes.extend(vec![7; random.within(0..5000)]);
            let fds = if round % 2 == 0 {
                raw::descriptors()
            } else {
                Vec::new()
            };
            let sent = [Sent { bytes, fds }];
            let verdict = court.judge(judge, &sent);
            let magic = sent[0].bytes[..8].try_into().unwrap();
            drop(sent);
            assert_eq!(wrong(&verdict), OfferError::Magic(magic));
            assert_eq!(verdict.reason(), NUMBERS);
            court.adjourn("garbage");
        }
    }
}

/// Fault 32, both ways: each side refuses an offer or an accept of another version, and names its own version.
#[test]
fn other_versions() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for version in [0, 2, 3, 0x100, 0xffff] {
        let wanted = OfferError::Version {
            got: version,
            own: 1,
        };
        for judge in BOTH {
            let verdict = court.judge(
                judge,
                &first(Raw {
                    version,
                    ..Raw::offer()
                }),
            );
            assert_eq!(wrong(&verdict), wanted, "{judge:?}");
            assert_eq!(verdict.reason(), VERSION, "{judge:?}");
            court.adjourn("version");
        }
        // The error names the version whatever else the frame has, also without descriptors.
        let kind = Raw {
            version,
            kind: 9,
            ring: 3,
            ..Raw::offer()
        };
        let verdict = court.judge(Judge::Listener, &[Sent::bare(kind)]);
        assert_eq!((wrong(&verdict), verdict.reason()), (wanted, VERSION));
        let verdict = court.judge(
            Judge::Listener,
            &second(Raw {
                version,
                ..Raw::accept()
            }),
        );
        assert_eq!((wrong(&verdict), verdict.reason()), (wanted, VERSION));
        court.adjourn("version of an accept");
    }
}

/// A refusal is understood whatever its version; so is one for a reason that has no name yet.
#[test]
fn refusals() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let reasons = [
        (1, Reason::Version),
        (2, Reason::OtherUser),
        (3, Reason::Offer),
        (4, Reason::Descriptor),
        (5, Reason::Resources),
        (0, Reason::Other(0)),
        (6, Reason::Other(6)),
        (u32::MAX, Reason::Other(u32::MAX)),
    ];
    for (code, reason) in reasons {
        for version in [1, 2, 0xffff] {
            let frame = Raw {
                version,
                ..Raw::refuse(code)
            };
            let tries: [(Judge, Make); 5] = [
                (Judge::Listener, |frame| vec![Sent::bare(frame)]),
                (Judge::Listener, first),
                (Judge::Listener, second),
                (Judge::Connector, |frame| vec![Sent::bare(frame)]),
                (Judge::Connector, first),
            ];
            for (judge, make) in tries {
                let sent = make(frame);
                let verdict = court.judge(judge, &sent);
                drop(sent);
                let ConnectError::Refused(given) = verdict.error else {
                    panic!("{}", verdict.error);
                };
                assert_eq!(given, reason);
                // A refusal is not refused.
                assert_eq!(verdict.answer, None);
                court.adjourn("refused");
            }
        }
    }
}

#[test]
fn frames_out_of_turn() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let mut check = |judge, sent: Vec<Sent>, kind, reason| {
        let verdict = court.judge(judge, &sent);
        drop(sent);
        match verdict.error {
            ConnectError::Offer(wrong) => assert_eq!(wrong, OfferError::Kind(kind)),
            // Its descriptors are seen before its kind.
            ConnectError::Exchange(_) => assert_eq!(reason, DESCRIPTOR),
            other => panic!("{other}"),
        }
        assert_eq!(verdict.reason(), reason);
        court.adjourn("out of turn");
    };
    for kind in [0, 4, 0x101, 0xffff] {
        for judge in BOTH {
            check(
                judge,
                first(Raw {
                    kind,
                    ..Raw::offer()
                }),
                kind,
                NUMBERS,
            );
        }
        check(
            Judge::Listener,
            second(Raw {
                kind,
                ..Raw::accept()
            }),
            kind,
            NUMBERS,
        );
    }
    for judge in BOTH {
        check(judge, vec![Sent::bare(Raw::accept())], raw::ACCEPT, NUMBERS);
        check(judge, first(Raw::accept()), raw::ACCEPT, NUMBERS);
    }
    check(Judge::Listener, second(Raw::offer()), raw::OFFER, NUMBERS);
    let mut twice = first(Raw::offer());
    twice.append(&mut first(Raw::offer()));
    check(Judge::Listener, twice, raw::OFFER, DESCRIPTOR);
}

/// Every field at, and just beyond, its bounds.
#[test]
fn fields_out_of_bounds() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let good = Raw::offer;
    let control = |control| ("control", control, Raw { control, ..good() });
    let ring = |ring| ("ring", ring, Raw { ring, ..good() });
    let start = |start| ("start", start, Raw { start, ..good() });
    let mut frames = vec![(
        "greatest",
        0,
        Raw {
            greatest: 0,
            ..good()
        },
    )];
    frames.extend([0, 1, 4095, 4097, 8192, 1 << 32, u64::MAX].map(control));
    let rings = [
        0,
        1,
        8,
        1024,
        2048,
        4095,
        4097,
        65535,
        65536 * 3,
        1 << 32,
        1 << 63,
        u64::MAX,
    ];
    frames.extend(rings.map(ring));
    frames.extend([1, 4, 7, 9, 1 << 63, (1 << 63) + 8, u64::MAX - 7, u64::MAX].map(start));
    for (field, value, frame) in frames {
        for judge in BOTH {
            let verdict = court.judge(judge, &first(frame));
            assert_eq!(
                wrong(&verdict),
                OfferError::Field { field, value },
                "{judge:?}"
            );
            assert_eq!(verdict.reason(), NUMBERS, "{judge:?}");
            court.adjourn(field);
        }
    }
}

/// What a version to come may add is ignored: feature bits, the last word, the reason of an offer.
#[test]
fn what_is_not_known_is_ignored() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let later_version = Raw {
        // Bit 1 says that the last word is known.
        features: !2,
        zero: u64::MAX,
        reason: 77,
        greatest: u64::MAX,
        start: (1 << 63) - 8,
        ..Raw::offer()
    };
    let noisy_accept = Raw {
        reason: 1,
        ring: 3,
        zero: 1,
        ..Raw::accept()
    };
    let peer = court.dial();
    let mut sent = first(later_version);
    sent.push(Sent::bare(noisy_accept));
    for frame in &sent {
        frame.over(&peer).unwrap();
    }
    let mut pipe = court.listener.attempt(later()).unwrap();
    assert_eq!(pipe.sender().max_message(), u64::MAX);
    drop((pipe, peer, sent));
    court.adjourn("accepted");
    let (outcome, _) = court.meet(&Options::new(), |peer| {
        first(later_version)[0].over(peer).unwrap();
        assert_eq!(receive(peer).unwrap().0.kind, raw::OFFER);
        assert_eq!(receive(peer).unwrap().0, Raw::accept());
    });
    drop(outcome.unwrap());
    court.adjourn("connected");
}
