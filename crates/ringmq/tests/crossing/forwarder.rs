//! Something between two ends: it is never taken for the same machine, although both ends, and it, are on that.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::watchdog;

use super::{UNPROVEN, address, bound, passes, socket, until_carrier};

/// Passes on all that comes, in both directions, between one connection to the returned address and one to `to`.
fn forward(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(to).unwrap();
        let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
        std::thread::spawn(move || pump(back.0, back.1));
        pump(near, far);
    });
    address
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut block = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut block)
        && to.write_all(&block[..count]).is_ok()
    {}
    // The other direction may have done so.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn what_is_forwarded_stays_on_tcp() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut far = bound(Kind::Pair);
    let mut near = socket(Kind::Pair);
    near.connect(&format!("tcp://{}", forward(address(&far))))
        .unwrap();
    passes(&mut near, &mut far, "before");
    until_carrier(&mut near, UNPROVEN);
    until_carrier(&mut far, UNPROVEN);
    passes(&mut near, &mut far, "there");
    passes(&mut far, &mut near, "and back");
}
