//! Pipes between sockets: a side that is killed after every instruction of a jump to another segment, and of what goes
//! with it, leaves whole messages, in order, each once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test says how far it came")]

#[path = "remote/agreed.rs"]
mod agreed;

use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringmq_pipe::blocks::{Arena, Block, Keep};
use ringmq_pipe::remote::{
    Carry, Descriptor, FRAME, Offer, OfferFrame, OutPart, PartPlace, Sender, Unread,
};
use ringmq_sys::{Ancillary, Credentials, Stream};
use ringmq_testing::{Tracee, seed, stop, watchdog};

use agreed::{Agreed, Offering};

/// Takes the frames that are there, as a session does.
fn take_frames(side: &Agreed) {
    let mut frame = [0; FRAME];
    loop {
        match side.stream.receive_now(&mut frame, 1) {
            Ok(came) if came.bytes == 0 => return,
            Ok(mut came) => {
                assert_eq!(came.bytes, FRAME);
                let mut fd = || Descriptor::Came(came.ancillary.fds.pop().unwrap());
                match OfferFrame::decode(&frame).unwrap() {
                    OfferFrame::Segment(note) => side.courier.deliver(note, fd()).unwrap(),
                    OfferFrame::Blocks(note) => side.courier.deliver_blocks(note, fd()).unwrap(),
                    _ => {}
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

/// Makes the offer of one side, and reads that of the other.
fn offers(stream: &Stream) -> (Offering, Offer, Ancillary) {
    let own = Offering::send(stream, |frame| frame.to_vec());
    let mut bytes = [0; FRAME];
    let fds = loop {
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
    (own, offer, came)
}

/// Agrees with the other process.
fn agree(stream: Stream) -> Agreed {
    let (own, offer, came) = offers(&stream);
    own.agree(&offer, came, stream)
}

/// How long each message is, and the number of the first that goes between two stops.
struct Script {
    name: &'static str,
    lens: &'static [usize],
    from: usize,
    /// Messages from this length on are sent as blocks.
    blocks_from: usize,
}

/// So many of them take few enough steps for a test that is always run.
const SHORT: usize = 3;
const SCRIPTS: [Script; 6] = [
    Script {
        name: "the first segment",
        lens: &[100],
        from: 0,
        blocks_from: usize::MAX,
    },
    // The first three leave no room for the last in 64 KiB.
    Script {
        name: "a jump for room",
        lens: &[24_000, 24_000, 15_000, 3_000],
        from: 3,
        blocks_from: usize::MAX,
    },
    Script {
        name: "the first block",
        lens: &[100, 2_000, 100],
        from: 1,
        blocks_from: 1000,
    },
    Script {
        name: "a jump for length",
        lens: &[100, 100, 25_000, 100],
        from: 2,
        blocks_from: usize::MAX,
    },
    Script {
        name: "two jumps",
        lens: &[100, 25_000, 50_000, 100],
        from: 1,
        blocks_from: usize::MAX,
    },
    Script {
        name: "a later block",
        lens: &[2_000, 2_000, 100],
        from: 1,
        blocks_from: 1000,
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

fn send(sender: &mut Sender, messages: &[Vec<u8>], script: &Script) {
    for message in messages {
        if message.len() < script.blocks_from {
            sender.push(message).unwrap();
            continue;
        }
        let mut block = Arena::current().unwrap().allocate(message.len()).unwrap();
        block.as_mut_slice()[..message.len()].copy_from_slice(message);
        let block = Arc::new(block);
        let keep = Arc::clone(&block) as Keep;
        let part = OutPart::Block(&block, message.len(), &keep);
        sender.push_blocks(&[part]).unwrap();
    }
}

/// The receiver has come to a jump, and has not got the segment behind it.
const NO_MEMORY: &str = "a segment is missing";

/// Everything that is there, each of one part; which is as it was sent.
fn receive_all(side: &mut Agreed, script: &Script) -> usize {
    take_frames(side);
    let receiver = &mut side.receiver;
    let mut count = 0;
    while let Some(incoming) = receiver.peek() {
        let mut bytes = Vec::new();
        let contents = receiver.contents(&incoming).unwrap();
        let (place, len) = contents.parts().next().unwrap();
        let appended = receiver.append_to(&incoming, place, len, &mut bytes);
        appended.unwrap();
        receiver.done(incoming);
        assert!(
            bytes == message(count, script.lens[count]),
            "{count} is torn"
        );
        count += 1;
    }
    let has_memory = receiver.broken().is_none() && !receiver.is_short();
    assert!(has_memory, "{NO_MEMORY} after {count}");
    count
}

/// Kills a sender after so many steps; returns how many messages are there, and how many steps it took.
fn kill_sender(script: &Script, steps: u64) -> (usize, u64) {
    kill_sending(script, steps, |stream, script| {
        let mut side = agree(stream);
        let messages = messages(script);
        send(&mut side.sender, &messages[..script.from], script);
        stop();
        send(&mut side.sender, &messages[script.from..], script);
        stop();
        // What is published stays without an end, too.
        mem::forget(side);
    })
}

/// Kills a process that does `sending` between two stops.
fn kill_sending(script: &Script, steps: u64, sending: fn(Stream, &Script)) -> (usize, u64) {
    let (ours, theirs) = Stream::pair().unwrap();
    let mut tracee = Tracee::fork(|| sending(theirs, script));
    let mut side = agree(ours);
    tracee.until_stop();
    let taken = tracee.step_on(steps);
    tracee.kill();
    take_frames(&side);
    side.courier.close();
    side.receiver.sender_is_gone();
    (receive_all(&mut side, script), taken)
}

/// What a receiver that is gone has not read: the number of the first. All that come behind it are there.
fn first_unread(unread: &mut Unread, script: &Script) -> usize {
    let mut first = None;
    let mut next = 0;
    while let Some(incoming) = unread.peek() {
        let contents = unread.contents(&incoming).unwrap();
        let bytes = match contents.parts().next().unwrap() {
            (PartPlace::Record(at), len) => unread.copy(&incoming, at, len).unwrap(),
            (place, len) => {
                let kept = unread.kept(place).expect("the loan has it");
                kept.downcast::<Block>().unwrap().as_slice()[..len].to_vec()
            }
        };
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
    send(&mut side.sender, &messages(script), script);
    tracee.until_stop();
    let taken = tracee.step_on(steps);
    tracee.kill();
    let mut unread = side.witness.into_unread();
    (first_unread(&mut unread, script), taken)
}

/// The most steps of the kills of one script together, which take a minute or two.
const STEPS: u64 = 20_000_000;

/// Kills `most` times, spread over all instructions, but no more often than [`STEPS`] allow. Sees that each outcome from
/// nothing to everything came, and none went back. The seed says where it begins.
fn everywhere(
    scripts: &[Script],
    kill: fn(&Script, u64) -> (usize, u64),
    from: impl Fn(&Script) -> usize,
    most: u64,
) {
    // The processes that are killed find out here, and not by hundreds of thousands of steps, what limits their memory.
    drop(Arena::current().unwrap().allocate(2 << 20).unwrap());
    for script in scripts {
        let _guard = watchdog(Duration::from_secs(300 + most));
        let (all, last) = kill(script, u64::MAX);
        assert_eq!(all, script.lens.len(), "{}: undisturbed", script.name);
        // On average a kill comes halfway.
        let stride = last.div_ceil(most.min(2 * STEPS / last));
        let mut seen = vec![0; all + 1];
        let spread = (seed() % stride..last).step_by(stride as usize);
        // The first kill is before anything was done.
        for steps in std::iter::once(0).chain(spread) {
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

/// A carrier that breaks the protocol: it says that a frame was sent, and keeps it until [`send`](Late::send).
#[derive(Debug, Clone, Default)]
struct Late(Arc<Mutex<Vec<Kept>>>);

type Kept = ([u8; FRAME], Option<OwnedFd>);

impl Carry for Late {
    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let descriptor = descriptor.map(|fd| fd.try_clone_to_owned()).transpose()?;
        self.0.lock().unwrap().push((*frame, descriptor));
        Ok(())
    }
}

impl Late {
    fn send(&self, stream: &Stream) {
        for (frame, descriptor) in self.0.lock().unwrap().drain(..) {
            let descriptor = descriptor.as_ref().map(AsFd::as_fd);
            stream.send_now(&frame, descriptor.as_slice()).unwrap();
        }
    }
}

/// A receiver that makes room has 175,000 instructions: a kill after each of them would take days.
const MANY: u64 = 2000;

/// Kills a sender that publishes each jump before it has sent the descriptor of the segment.
fn kill_late_sender(script: &Script, steps: u64) -> (usize, u64) {
    kill_sending(script, steps, |stream, script| {
        let (own, offer, came) = offers(&stream);
        let (stream, late) = (Arc::new(stream), Late::default());
        let carry = Box::new(late.clone());
        let mut side = own.agree_over(&offer, came, Arc::clone(&stream), carry);
        for (number, message) in messages(script).iter().enumerate() {
            if number == script.from {
                stop();
            }
            side.sender.push(message).unwrap();
            late.send(&stream);
        }
        stop();
        mem::forget(side);
    })
}

/// The kills would find a sender that breaks the protocol for a few instructions only.
#[test]
fn a_sender_of_late_segments_is_found_when_killed_in_a_jump() {
    let killed = catch_unwind(|| everywhere(&SCRIPTS[1..2], kill_late_sender, |_| 3, 200));
    let found = killed.unwrap_err().downcast::<String>().unwrap();
    assert!(found.starts_with(NO_MEMORY), "{found}");
}

#[test]
#[ignore = "soak: kills after up to 2,000 instructions of each script"]
fn a_side_that_is_killed_at_very_many_instructions_of_a_jump_leaves_whole_messages() {
    everywhere(&SCRIPTS, kill_sender, |script| script.from, MANY);
    everywhere(&SCRIPTS, kill_receiver, |_| 0, MANY);
}
