//! Memory for blocks: it travels to peers that know of it, and only to them.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ringmq_pipe::{ConnectError, Listener, OfferError, Options, Vow};
use ringmq_sys::Stream;
use ringmq_testing::{abstract_name, watchdog};

use crate::peers::{BOTH, Court, Judge, receive};
use crate::raw::{self, DESCRIPTOR, NUMBERS, RING, Raw, SEALS, Sent, later};

/// Bytes of the memory for blocks that a peer by hand has.
const BLOCKS: u64 = 8192;

/// An offer of a peer that knows of blocks.
fn offer(blocks: u64) -> Raw {
    Raw {
        features: 3,
        zero: blocks,
        ..Raw::offer()
    }
}

fn memory() -> OwnedFd {
    raw::memory(&[], BLOCKS, SEALS)
}

/// What a peer by hand sends to be judged, with these descriptors as its memory for blocks.
fn with_blocks(judge: Judge, blocks: Vec<OwnedFd>) -> Vec<Sent> {
    let mut fds = raw::descriptors();
    match judge {
        Judge::Listener => {
            let accept = Sent::new(Raw::accept(), blocks);
            vec![Sent::new(offer(BLOCKS), fds), accept]
        }
        Judge::Connector => {
            fds.extend(blocks);
            vec![Sent::new(offer(BLOCKS), fds)]
        }
    }
}

#[test]
fn a_good_peer_with_blocks_is_admitted() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let peer = court.dial();
    for sent in with_blocks(Judge::Listener, vec![memory()]) {
        sent.over(&peer).unwrap();
    }
    let mut pipe = court.listener.attempt(later()).unwrap();
    assert_eq!(receive(&peer).unwrap(), (own_offer(0), 4));
    // SAFETY: the peer writes nothing.
    let vow = unsafe { Vow::new() };
    assert!(pipe.receiver().try_recv_block(vow).is_err());
    drop((pipe, peer));
    court.adjourn("a listener");

    let (outcome, accept) = court.meet(&Options::new(), |peer| {
        receive(peer).unwrap();
        for sent in with_blocks(Judge::Connector, vec![memory()]) {
            sent.over(peer).unwrap();
        }
        receive(peer).unwrap()
    });
    outcome.unwrap();
    assert_eq!(accept, (Raw::accept(), 0));
    court.adjourn("a connector");
}

/// The offer of an end with the default options and so many bytes for blocks.
fn own_offer(blocks: u64) -> Raw {
    Raw {
        ring: 1 << 20,
        greatest: 1 << 30,
        features: u64::from(ringmq_sys::barrier::register()) | 2,
        zero: blocks,
        ..Raw::offer()
    }
}

/// Memory for blocks leaves with the offer of a listener, and with the acceptance of a connector; but not to a peer that
/// does not know of it, which gets copies.
#[test]
fn an_older_peer_gets_no_memory_for_blocks() {
    let _guard = watchdog(Duration::from_secs(60));
    let own = Options::new().block_capacity(BLOCKS as usize);
    let mut listener = Listener::bind(&abstract_name("blocks"), &own).unwrap();
    let address = listener.address();
    let court = Court::open();
    for knows in [false, true] {
        let theirs = if knows { offer(0) } else { Raw::offer() };
        let capacity = if knows { BLOCKS as usize } else { 0 };
        let peer = Stream::connect(&address.parse().unwrap(), later()).unwrap();
        Sent::new(theirs, raw::descriptors()).over(&peer).unwrap();
        Sent::bare(Raw::accept()).over(&peer).unwrap();
        let mut pipe = listener.attempt(later()).unwrap();
        let mut frame = [0; 64];
        let came = peer.recv_exact(&mut frame, 6, later()).unwrap();
        assert_eq!(Raw::parse(&frame), own_offer(BLOCKS));
        assert_eq!(came.fds.len(), 4 + usize::from(knows));
        assert_eq!(pipe.sender().block_capacity(), capacity);
        let block = pipe.sender().block(10).unwrap();
        assert_eq!(block.is_shared(), knows);
        pipe.sender().send_block(block).unwrap();

        let (outcome, came) = court.meet(&own, |peer| {
            assert_eq!(receive(peer).unwrap(), (own_offer(BLOCKS), 4));
            Sent::new(theirs, raw::descriptors()).over(peer).unwrap();
            let mut frame = [0; 64];
            let came = peer.recv_exact(&mut frame, 2, later()).unwrap();
            assert_eq!(Raw::parse(&frame), Raw::accept());
            came.fds.len()
        });
        assert_eq!(came, usize::from(knows));
        assert_eq!(outcome.unwrap().sender().block_capacity(), capacity);
    }
}

#[test]
fn memory_for_blocks_that_is_missing_or_wrong() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let wrong: [fn() -> OwnedFd; 4] = [
        raw::bell,
        || raw::memory(&[], BLOCKS, 0),
        || raw::memory(&[], BLOCKS / 2, SEALS),
        || raw::memory(&[], RING, SEALS),
    ];
    for judge in BOTH {
        for (number, wrong) in wrong.into_iter().enumerate() {
            let sent = with_blocks(judge, vec![wrong()]);
            let verdict = court.judge(judge, &sent);
            drop(sent);
            match &verdict.error {
                ConnectError::PeerMemory { what, .. } => assert_eq!(*what, "memory for blocks"),
                other => panic!("{number}, {judge:?}: {other}"),
            }
            assert_eq!(verdict.reason(), DESCRIPTOR);
            court.adjourn("wrong");
        }
        for count in [0, 2, 3] {
            let sent = with_blocks(judge, (0..count).map(|_| memory()).collect());
            let verdict = court.judge(judge, &sent);
            drop(sent);
            match &verdict.error {
                ConnectError::Offer(OfferError::Descriptors { got, want }) => {
                    let most = if judge == Judge::Listener { 1 } else { 5 };
                    assert_eq!((*got, *want), (most - 1, most));
                }
                ConnectError::Exchange(
                    ringmq_sys::RecvError::TooManyDescriptors { .. }
                    | ringmq_sys::RecvError::DescriptorsLost { .. },
                ) => assert!(count > 1),
                other => panic!("{count}, {judge:?}: {other}"),
            }
            assert_eq!(verdict.reason(), DESCRIPTOR);
            court.adjourn("another number");
        }
        for blocks in [1, 4097, (1 << 40) + 4096, u64::MAX] {
            let sent = [Sent::new(offer(blocks), raw::descriptors())];
            let verdict = court.judge(judge, &sent);
            drop(sent);
            match verdict.error {
                ConnectError::Offer(OfferError::Field { field, value }) => {
                    assert_eq!((field, value), ("blocks", blocks));
                }
                ref other => panic!("{other}"),
            }
            assert_eq!(verdict.reason(), NUMBERS);
            court.adjourn("numbers");
        }
    }
}
