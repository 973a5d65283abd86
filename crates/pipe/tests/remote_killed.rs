//! Pipes between sockets: a side that is killed after every instruction of a jump to another segment, and of what goes
//! with it, leaves whole messages, in order, each once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test says how far it came")]

use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use ringmq_pipe::Wait;
use ringmq_pipe::local::Waker;
use ringmq_pipe::remote::{
    Carry, Courier, Descriptor, FRAME, Lines, Marks, OfferFrame, Own, Parts, Receiver, Ringers,
    Sender, Unread, Witness,
};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_sys::{Ancillary, Credentials, Stream};
use ringmq_testing::{Tracee, stop, watchdog};

/// One side of a connection.
struct Side {
    sender: Sender,
    receiver: Receiver,
    witness: Option<Witness>,
    courier: Arc<Courier>,
    stream: Arc<Stream>,
    _sleeper: Sleeper,
}

/// Sends frames as they are.
#[derive(Debug)]
struct OverStream(Arc<Stream>);

impl Carry for OverStream {
    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let sent = self.0.send_now(frame, descriptor.as_slice())?;
        assert_eq!(sent, FRAME);
        Ok(())
    }
}

impl Side {
    /// What the session does: takes the frames that are there.
    fn take_frames(&self) {
        let mut frame = [0; FRAME];
        loop {
            match self.stream.receive_now(&mut frame, 1) {
                Ok(came) if came.bytes == 0 => return,
                Ok(mut came) => {
                    assert_eq!(came.bytes, FRAME);
                    if let OfferFrame::Segment(note) = OfferFrame::decode(&frame).unwrap() {
                        let fd = came.ancillary.fds.pop().unwrap();
                        self.courier.deliver(note, Descriptor::Came(fd)).unwrap();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
    }
}

/// Offers, and takes what the other side offers, over a socket between two processes.
fn agree(stream: Stream) -> Side {
    let mut sleeper = Sleeper::new(Wait::Park).unwrap();
    let control = sleeper.control().unwrap().get().unwrap();
    sleeper.show().unwrap();
    let marks = Marks {
        sending: 0,
        receiving: 0,
    };
    let own = Own::make(&control, marks).unwrap();
    let frame = OfferFrame::Offer(own.offer()).encode();
    let sent = stream.send_now(&frame, &own.descriptors()).unwrap();
    assert_eq!(sent, frame.len());
    let mut bytes = [0; 32];
    let fds: Vec<OwnedFd> = loop {
        match stream.receive_now(&mut bytes, 4) {
            Ok(came) => {
                assert_eq!(came.bytes, bytes.len());
                break came.ancillary.fds;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        std::thread::yield_now();
    };
    let OfferFrame::Offer(offer) = OfferFrame::decode(&bytes).unwrap() else {
        panic!("no offer");
    };
    let came = Ancillary {
        fds,
        credentials: Some(Credentials::own()),
        pidfd: None,
    };
    let peer = own.judge(&offer, came, Some(&mut Ringers::default()));
    let stream = Arc::new(stream);
    let lines = Lines {
        carry: Box::new(OverStream(Arc::clone(&stream))),
        session: Waker::unset(),
        socket: Waker::unset(),
    };
    let Parts {
        sender,
        receiver,
        witness,
        courier,
    } = own.meet(peer.unwrap(), lines, 1 << 30);
    courier.flush().unwrap();
    Side {
        sender,
        receiver,
        witness: Some(witness),
        courier,
        stream,
        _sleeper: sleeper,
    }
}

/// How long each message is, and the number of the first that goes between two stops.
struct Script {
    name: &'static str,
    lens: &'static [usize],
    from: usize,
}

/// So many of them take few enough steps for a test that is always run.
const SHORT: usize = 2;
const SCRIPTS: [Script; 4] = [
    Script {
        name: "the first segment",
        lens: &[100],
        from: 0,
    },
    // The first three leave no room for the last in 64 KiB.
    Script {
        name: "a jump for room",
        lens: &[24_000, 24_000, 15_000, 3_000],
        from: 3,
    },
    Script {
        name: "a jump for length",
        lens: &[100, 100, 25_000, 100],
        from: 2,
    },
    Script {
        name: "two jumps",
        lens: &[100, 25_000, 50_000, 100],
        from: 1,
    },
];

fn message(number: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![number as u8 + 1; len];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    bytes
}

fn messages(script: &Script) -> Vec<Vec<u8>> {
    let lens = script.lens.iter().enumerate();
    lens.map(|(number, len)| message(number, *len)).collect()
}

fn send(sender: &mut Sender, messages: &[Vec<u8>]) {
    for message in messages {
        sender.push(message).unwrap();
    }
}

/// Everything that is there, each of one part; which is as it was sent.
fn receive_all(side: &mut Side, script: &Script) -> usize {
    side.take_frames();
    let receiver = &mut side.receiver;
    let mut count = 0;
    while let Some(incoming) = receiver.peek() {
        let mut bytes = Vec::new();
        let len = incoming.size();
        receiver.append_to(&incoming, 0, len, &mut bytes).unwrap();
        receiver.done(incoming);
        assert!(
            bytes == message(count, script.lens[count]),
            "{count} is torn"
        );
        count += 1;
    }
    assert!(receiver.broken().is_none() && !receiver.is_short());
    count
}

/// Kills a sender after so many steps; returns how many messages are there, and how many steps it took.
fn kill_sender(script: &Script, steps: u64) -> (usize, u64) {
    let (ours, theirs) = Stream::pair().unwrap();
    let mut tracee = Tracee::fork(|| {
        let mut side = agree(theirs);
        let messages = messages(script);
        send(&mut side.sender, &messages[..script.from]);
        stop();
        send(&mut side.sender, &messages[script.from..]);
        stop();
        // What is published stays without an end, too.
        mem::forget(side);
    });
    let mut side = agree(ours);
    tracee.until_stop();
    let taken = tracee.step_on(steps);
    tracee.kill();
    side.take_frames();
    side.courier.close();
    side.receiver.sender_is_gone();
    (receive_all(&mut side, script), taken)
}

/// What a receiver that is gone has not read: the number of the first. All that come behind it are there.
fn first_unread(unread: &mut Unread, script: &Script) -> usize {
    let mut first = None;
    let mut next = 0;
    while let Some(incoming) = unread.peek() {
        let bytes = unread.copy(&incoming, 0, incoming.size()).unwrap();
        unread.done(incoming);
        let number = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert!(
            bytes == message(number, script.lens[number]),
            "{number} is torn"
        );
        assert!(
            first.is_none() || number == next,
            "{number} instead of {next}"
        );
        first.get_or_insert(number);
        next = number + 1;
    }
    assert!(
        first.is_none() || next == script.lens.len(),
        "{next} is missing"
    );
    first.unwrap_or(script.lens.len())
}

/// Kills a receiver after so many steps of receiving everything; returns the number of the first message that its sender
/// finds unread, and how many steps it took.
fn kill_receiver(script: &Script, steps: u64) -> (usize, u64) {
    let (ours, theirs) = Stream::pair().unwrap();
    let mut tracee = Tracee::fork(|| {
        let mut side = agree(theirs);
        stop();
        receive_all(&mut side, script);
        stop();
        mem::forget(side);
    });
    let mut side = agree(ours);
    send(&mut side.sender, &messages(script));
    tracee.until_stop();
    let taken = tracee.step_on(steps);
    tracee.kill();
    let mut unread = side.witness.take().unwrap().into_unread();
    (first_unread(&mut unread, script), taken)
}

/// Kills everywhere, and sees that each outcome from nothing to everything came, and none went back.
fn everywhere(
    scripts: &[Script],
    kill: fn(&Script, u64) -> (usize, u64),
    from: impl Fn(&Script) -> usize,
    most: u64,
) {
    for script in scripts {
        let _guard = watchdog(Duration::from_secs(300));
        let (all, last) = kill(script, u64::MAX);
        assert_eq!(all, script.lens.len(), "{}: undisturbed", script.name);
        let stride = last.div_ceil(most);
        let mut seen = vec![0; all + 1];
        for steps in (0..last).step_by(stride as usize) {
            let (came, _) = kill(script, steps);
            assert!(
                came >= from(script),
                "{}: {came} after {steps}",
                script.name
            );
            seen[came] += 1;
        }
        println!(
            "{}: {last} steps; how often so many came: {seen:?}",
            script.name
        );
        assert!(seen[from(script)] > 0, "{}: {seen:?}", script.name);
    }
}

#[test]
fn a_sender_that_is_killed_in_a_jump_leaves_whole_messages() {
    everywhere(&SCRIPTS[..SHORT], kill_sender, |script| script.from, 40);
}

#[test]
fn what_a_receiver_that_is_killed_in_a_jump_has_not_read_is_found_whole() {
    everywhere(&SCRIPTS[..SHORT], kill_receiver, |_| 0, 15);
}

#[test]
#[ignore = "soak: a kill after every instruction"]
fn a_side_that_is_killed_after_every_instruction_of_a_jump_leaves_whole_messages() {
    everywhere(&SCRIPTS, kill_sender, |script| script.from, u64::MAX);
    everywhere(&SCRIPTS, kill_receiver, |_| 0, u64::MAX);
}
