//! Messages of very many parts without bytes: 4 bytes each in the ring, and more at the receiver.

use std::time::{Duration, Instant};

use ringmq::{Kind, RecvError};
use ringmq_pipe::remote::PARTS_MOST;
use ringmq_testing::{Scratch, soon, watchdog};

use crate::by_hand::{ByHand, PARTS, SEGMENT, bound, header, memory, store};

/// Sends a message of so many empty parts.
fn send_parts(peer: &mut ByHand, count: usize) {
    let table = (4 * (count + 1)).next_multiple_of(8);
    let ring = memory((table * 4).next_power_of_two().max(SEGMENT));
    store(&ring, 8, count as u64);
    store(&ring, 0, header(PARTS, table as u64));
    peer.begin(&ring);
}

#[test]
fn a_message_of_too_many_parts_is_not_received() {
    let _guard = watchdog(Duration::from_secs(120));
    for (count, is_received) in [(PARTS_MOST, true), (PARTS_MOST + 1, false)] {
        let scratch = Scratch::new();
        let (mut pull, path) = bound(&scratch, Kind::Pull);
        let mut peer = ByHand::connect(&path, "PUSH");
        send_parts(&mut peer, count);
        if is_received {
            let message = pull.recv_deadline(soon()).unwrap();
            assert_eq!(message.len(), count);
            assert!(message.iter().all(|part| part.is_empty()));
            continue;
        }
        // The connection ends.
        while !peer.is_closed() {
            let moment = Instant::now() + Duration::from_millis(1);
            let came = pull.recv_deadline(moment);
            assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
        }
        let mut other = ByHand::connect(&path, "PUSH");
        send_parts(&mut other, 2);
        assert_eq!(pull.recv_deadline(soon()).unwrap().len(), 2);
    }
}
