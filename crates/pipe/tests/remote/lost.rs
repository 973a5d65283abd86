//! A segment whose descriptor the kernel could not hand over.

use std::sync::atomic::Ordering;

use crate::GIB;
use crate::world::{take, world};

#[test]
fn a_session_knows_that_the_next_segment_cannot_be_read_also_once_the_receiver_has_found_out() {
    for first in [true, false] {
        let mut world = world(0, 0, GIB);
        let courier = world.receiving_courier.get().unwrap().upgrade().unwrap();
        if !first {
            world.sender.push(b"small").unwrap();
            assert_eq!(take(&mut world.receiver).unwrap()[0], b"small");
        }
        assert!(!courier.is_short());
        // ORDERING: one thread.
        world.stream.loses.store(true, Ordering::Relaxed);
        world.sender.push(&vec![7; 100_000]).unwrap();
        assert!(courier.is_short());
        for _ in 0..2 {
            assert!(take(&mut world.receiver).is_none() && world.receiver.is_short());
            // The session decides by this whether it can let the peer go back to ZMTP.
            assert!(courier.is_short());
        }
    }
}
