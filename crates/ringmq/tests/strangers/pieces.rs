//! One conversation, cut anywhere.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ringmq::{Kind, Message, Socket};
use ringmq_testing::{Scratch, soon, unread, watchdog, zmtp_greeting, zmtp_ready};

use super::{PING, PONG, bound, frame};

/// All that a DEALER says, and the messages that it means.
fn conversation() -> (Vec<u8>, Vec<Vec<Vec<u8>>>) {
    let long = vec![9; 300];
    let said = [
        zmtp_greeting(1),
        zmtp_ready("DEALER", &[]),
        frame(0, b"short"),
        frame(1, b"three"),
        // A command has its place between two parts.
        PING.to_vec(),
        frame(1, b""),
        frame(0, b"parts"),
        // An unknown command.
        frame(4, b"\x07UNKNOWN and more"),
        // A command for publishers.
        frame(4, b"\x09SUBSCRIBEtopic"),
        frame(0, &long),
        // A short one in the long form.
        [&super::head(0, 4)[..], b"last"].concat(),
    ];
    let one = |bytes: &[u8]| vec![bytes.to_vec()];
    let three = [&b"three"[..], b"", b"parts"].map(<[u8]>::to_vec).to_vec();
    let meant = vec![one(b"short"), three, one(&long), one(b"last")];
    (said.concat(), meant)
}

/// Says these pieces, each when the one before was read, and sees what becomes of them.
fn say_in_pieces<'a>(
    dealer: &mut Socket,
    path: &str,
    pieces: impl Iterator<Item = &'a [u8]>,
    meant: &[Vec<Vec<u8>>],
) {
    let mut stream = UnixStream::connect(path).unwrap();
    for piece in pieces {
        stream.write_all(piece).unwrap();
        while unread(&stream) > 0 {
            std::thread::yield_now();
        }
    }
    for message in meant {
        let received: Message = dealer.recv_deadline(soon()).unwrap();
        let parts: Vec<_> = received.iter().map(|part| part.to_vec()).collect();
        assert!(parts == *message, "{parts:?}");
    }
    // The PING was answered, once.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(PONG));
}

#[test]
fn a_conversation_may_be_cut_anywhere() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let mut dealer = bound(Kind::Dealer, &format!("ipc://{path}"));
    let (said, meant) = conversation();
    for at in 1..said.len() {
        let (one, other) = said.split_at(at);
        say_in_pieces(&mut dealer, &path, [one, other].into_iter(), &meant);
    }
    for size in [1, 2, 3, 7] {
        say_in_pieces(&mut dealer, &path, said.chunks(size), &meant);
    }
    assert!(dealer.try_recv().is_err());
}

/// Half of it, and no more: nothing that is not whole is heard of.
#[test]
fn a_conversation_may_end_anywhere() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let mut dealer = bound(Kind::Dealer, &format!("ipc://{path}"));
    let (said, _) = conversation();
    let length = |message: &Message| message.iter().map(|part| part.len()).sum::<usize>();
    let mut most = 0;
    for end in 0..said.len() {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(&said[..end]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        super::until_closed(&mut stream);
        let received = std::iter::from_fn(|| dealer.try_recv().ok());
        let whole: Vec<usize> = received.map(|message| length(&message)).collect();
        assert!([5, 10, 300].starts_with(&whole), "{end}: {whole:?}");
        assert!((most..=most + 1).contains(&whole.len()), "{end}: {whole:?}");
        most = whole.len();
    }
    assert_eq!(most, 3);
}
