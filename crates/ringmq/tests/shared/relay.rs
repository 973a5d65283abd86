//! A proxy between two sockets that passes bytes on, and no descriptors.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use ringmq::{Context, Kind};
use ringmq_testing::{Scratch, scope, soon, watchdog};

use crate::parts::{last, make, read, rings, socket};

/// Passes bytes on, and no descriptors.
fn relay(mut from: UnixStream, mut to: UnixStream) {
    let mut bytes = [0; 4096];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) if to.write_all(&bytes[..count]).is_ok() => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    // The other direction ends, too.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

#[test]
fn a_proxy_that_drops_descriptors_leaves_zmtp() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (front, back) = (scratch.path("front"), scratch.path("back"));
    let listener = UnixListener::bind(&front).unwrap();
    let (context, other) = (Context::new().unwrap(), Context::new().unwrap());
    let mut far = socket(&other, Kind::Pair);
    far.bind(&format!("ipc://{back}")).unwrap();
    let mut near = socket(&context, Kind::Pair);
    near.connect(&format!("ipc://{front}")).unwrap();
    scope(|scope| {
        let one = listener.accept().unwrap().0;
        let two = UnixStream::connect(&back).unwrap();
        let (one_again, two_again) = (one.try_clone().unwrap(), two.try_clone().unwrap());
        scope.spawn(move || relay(one, two));
        scope.spawn(move || relay(two_again, one_again));
        for number in 0..3000 {
            near.send(make(0, number)).unwrap();
            let message = far.recv_deadline(soon()).unwrap();
            assert_eq!(read(last(&message)), (0, number));
            far.send(message).unwrap();
            assert_eq!(
                read(last(&near.recv_deadline(soon()).unwrap())),
                (0, number)
            );
            assert_eq!(rings(), 0);
        }
        drop((near, far, listener));
    });
}
