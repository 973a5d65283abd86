//! Records that change while they are read in parts.

use std::io::Read;
use std::time::{Duration, Instant};

use ringmq_pipe::{Options, Receiver, RecvError};
use ringmq_testing::watchdog;

use crate::by_hand::{ABORT, ByHand, LAST, MORE, PAD, header};

const CAPACITY: usize = 4096;

/// What a record turns into after a part of it was taken.
const OTHERS: [u64; 6] = [
    header(LAST, 0),
    header(LAST, 5),
    header(LAST, 16),
    header(MORE, 3),
    header(ABORT, 0),
    header(PAD, 0),
];

/// A receiver that has taken so many bytes of a record which lies behind a pad of 64 bytes, at the start
/// of the ring.
fn in_the_midst(taken: usize) -> (Receiver, ByHand) {
    let (pipe, peer) = ByHand::pair(&Options::new(), CAPACITY);
    let mut receiver = pipe.split().1;
    let first = CAPACITY - 64 - 8;
    peer.scribble(0, header(LAST, first as u64));
    receiver.read_exact(&mut vec![0; first]).unwrap();
    peer.scribble(0, header(LAST, 3001));
    peer.scribble(CAPACITY - 64, header(PAD, 56));
    receiver.read_exact(&mut vec![0; taken]).unwrap();
    (receiver, peer)
}

/// The bytes that a receiver has taken count from the start of the record that was there; in the one that
/// is there now, at the end of the ring, they would lead beyond the memory.
#[test]
fn a_record_that_becomes_another_leads_nowhere() {
    let _guard = watchdog(Duration::from_secs(20));
    for taken in [1, 8, 64, 2999, 3000] {
        for other in OTHERS {
            // What is read is garbage; that nothing else is touched is what counts.
            let (mut receiver, peer) = in_the_midst(taken);
            peer.scribble(CAPACITY - 64, other);
            match receiver.try_read(&mut [0; 5000]) {
                Ok(_) | Err(RecvError::WouldBlock | RecvError::Corrupt(_)) => {}
                Err(error) => panic!("{taken} taken, then {other:#x}: {error}"),
            }

            let (mut receiver, peer) = in_the_midst(taken);
            peer.scribble(CAPACITY - 64, other);
            let soon = Instant::now() + Duration::from_millis(1);
            match receiver.recv_deadline(&mut Vec::new(), soon) {
                Ok(()) | Err(RecvError::TimedOut | RecvError::Corrupt(_)) => {}
                Err(error) => panic!("{taken} taken, then {other:#x}: {error}"),
            }
        }
    }
}
