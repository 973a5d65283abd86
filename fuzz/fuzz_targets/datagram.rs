//! Any datagram at all: it is split into what it was made of, or dropped, and what names an address keeps it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringmq_transport::{datagram_address, datagram_name, split_datagram};

fuzz_target!(|bytes: &[u8]| {
    if let Some((group, body)) = split_datagram(bytes) {
        let head = [u8::try_from(group.len()).expect("one byte says the length")];
        assert_eq!([&head, group, body].concat(), bytes);
    } else {
        assert!(bytes.first().is_none_or(|group| usize::from(*group) >= bytes.len()));
    }
    if let Some(address) = datagram_address(bytes) {
        let name = datagram_name(address);
        let mut canonical = address;
        canonical.set_ip(address.ip().to_canonical());
        assert_eq!(datagram_address(&name), Some(canonical));
    }
});
