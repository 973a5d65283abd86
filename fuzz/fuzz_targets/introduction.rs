//! What a peer says to go over from tcp is read without a fault, and what was understood is written as it was read.
#![no_main]

#[allow(dead_code, reason = "the session uses more of it")]
#[path = "../../crates/ringmq/src/session/introduction.rs"]
mod introduction;

use introduction::{FRAME, Hello, Introduction};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(read) = Introduction::decode(bytes) {
        let again = Introduction::decode(&read.encode()).expect("it was written by this side");
        assert_eq!((&again.place, again.ticket), (&read.place, read.ticket));
        assert!(again.secret.is(&read.secret));
    }
    let mut frame = [0; FRAME];
    let len = bytes.len().min(FRAME);
    frame[..len].copy_from_slice(&bytes[..len]);
    if let Some(read) = Hello::decode(&frame) {
        let again = Hello::decode(&read.encode()).expect("it was written by this side");
        assert_eq!(
            (again.from, again.ticket, again.ends),
            (read.from, read.ticket, read.ends)
        );
        assert!(!read.is_opposite(read.ends) || read.ends[0] == read.ends[1]);
    }
});
