//! A process that writes what it likes into everything that it owns, while honest ends use it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe, RecvError, SendError, Vow};
use ringmq_testing::{Messages, Random, abstract_name, role, role_args, seed, watchdog};

use crate::by_hand::{
    ABORT, BLOCKS, ByHand, GENERATION, LAST, MORE, PAD, POSITION, WANTED, header,
};
use crate::ends::{STRATEGIES, name_of, number, start};

const CAPACITY: usize = 4096;
const LONGEST: u64 = 16 << 10;

/// The role: makes honest connections, and scribbles on each until the other end has had enough. One word
/// in `wild` is any at all (0: none is); the others could well be honest.
fn scribble(wild: u64, seed: u64) {
    let mut random = Random::new(seed);
    while let Some(peer) = ByHand::connect(&role_args()[0], CAPACITY, LONGEST as usize) {
        // What an honest end would report, so that the peer's sender gets far.
        let mut consumer = peer.consumer();
        while !peer.peer_has_closed() {
            for _ in 0..64 {
                match random.below(100) {
                    _ if wild > 0 && random.one_in(wild) => any_word(&peer, &mut random),
                    0 => peer.announce(GENERATION, random.next() & (1 << 62 | 0xff)),
                    1 => peer.announce(WANTED, random.below(1 << 20)),
                    2 => peer.announce(0x200 + 8 * random.within(0..2), random.below(3)),
                    3 => peer.data.ring().unwrap(),
                    4 => peer.room.ring().unwrap(),
                    5..20 => {
                        if let Ok(Some(record)) = consumer.peek() {
                            consumer.release(record);
                        }
                    }
                    _ => plausible_record(&peer, &mut random),
                }
            }
        }
    }
}

fn any_word(peer: &ByHand, random: &mut Random) {
    let word = match random.below(4) {
        0 => random.next(),
        1 => random.next() >> random.below(64),
        2 => 1 << random.below(64),
        _ => header(random.below(8), random.next() >> 32 >> random.below(32)),
    };
    if random.one_in(2) {
        peer.scribble(8 * random.within(0..CAPACITY / 8), word);
    } else {
        let at = [
            0,
            GENERATION,
            POSITION,
            WANTED,
            0x108,
            0x110,
            0x200,
            0x208,
            8 * random.within(0..512),
        ];
        peer.announce(at[random.within(0..at.len())], word);
    }
}

/// Somewhere, the header of a record that lies within the ring.
fn plausible_record(peer: &ByHand, random: &mut Random) {
    let offset = 8 * random.within(0..CAPACITY / 8);
    let room = (CAPACITY - offset - 8) as u64;
    let most = room.min(1 << random.below(11));
    let len = random.below(most + 1);
    let word = match random.below(16) {
        0 => 0,
        1 => header(PAD, room),
        2 => header(ABORT, 0),
        3 | 4 => header(MORE, len),
        5 | 6 if room >= 32 => {
            // Mostly within the memory for blocks, which is not written.
            let (at, len) = (8 * random.below(2000), random.below(600));
            for (word, value) in [1, len, 1 << 40 | at].into_iter().enumerate() {
                peer.scribble(offset + 8 + 8 * word, value);
            }
            header(BLOCKS, 24)
        }
        _ => header(LAST, len),
    };
    peer.scribble(offset, word);
}

/// One operation of a receiver; a direction that has failed says what with.
fn receive(pipe: &mut Pipe, random: &mut Random, buffer: &mut Vec<u8>) -> Result<(), RecvError> {
    let receiver = pipe.receiver();
    let soon = Instant::now() + Duration::from_micros(100);
    match random.below(5) {
        0 => receiver.recv_deadline(buffer, soon),
        // SAFETY: the peer does not write to its memory for blocks.
        2 => receiver.try_recv_block(unsafe { Vow::new() }).map(|held| {
            buffer.clear();
            buffer.extend_from_slice(&held);
        }),
        1 => {
            buffer.resize(random.within(1..300), 0);
            receiver.try_read(buffer).map(drop)
        }
        _ => receiver.try_recv(buffer),
    }
}

fn send(pipe: &mut Pipe, random: &mut Random, buffer: &mut Vec<u8>) -> Result<(), SendError> {
    let sender = pipe.sender();
    let soon = Instant::now() + Duration::from_micros(100);
    buffer.resize(random.within(0..600), 7);
    match random.below(8) {
        0 => sender.send_deadline(buffer, soon),
        4 => sender
            .try_block(buffer.len())
            .and_then(|block| Ok(sender.try_send_block(block)?)),
        5 => sender
            .block_deadline(20 * buffer.len(), soon)
            .and_then(|block| Ok(sender.send_block_deadline(block, soon)?)),
        1 => {
            // In pieces, some laps long.
            buffer.resize(random.within(600..12_000), 7);
            sender.send_deadline(buffer, soon)
        }
        2 => sender.try_write(buffer).map(drop),
        3 => sender
            .try_claim(buffer.len())
            .and_then(|claim| claim.commit()),
        _ => sender.try_send(buffer),
    }
}

/// What came of the operations, by name.
type Outcomes = BTreeMap<String, u64>;

/// Uses one connection for so many operations, or until a while after a direction has failed.
fn use_up(mut pipe: Pipe, most: u64, random: &mut Random, outcomes: &mut Outcomes) -> u64 {
    let mut buffer = Vec::new();
    let (mut receiving, mut sending, mut done) = (true, true, 0);
    let mut grace: i32 = 1000;
    while grace > 0 && done < most {
        done += 1;
        grace -= 10 * i32::from(!receiving) + i32::from(!sending);
        let name = if random.one_in(2) {
            match receive(&mut pipe, random, &mut buffer) {
                Ok(()) => {
                    assert!(buffer.len() as u64 <= LONGEST);
                    "received".to_owned()
                }
                Err(error @ (RecvError::WouldBlock | RecvError::TimedOut)) => format!("{error:?}"),
                Err(RecvError::Corrupt(_)) => over(&mut receiving, "corrupt records"),
                Err(RecvError::TooLarge { .. }) => over(&mut receiving, "too large"),
                Err(RecvError::Closed) => over(&mut receiving, "closed"),
                // It lives, and what is to be had is ours.
                Err(error) => panic!("{error:?}"),
            }
        } else {
            match send(&mut pipe, random, &mut buffer) {
                Ok(()) => "sent".to_owned(),
                Err(error @ (SendError::WouldBlock | SendError::TimedOut)) => format!("{error:?}"),
                Err(SendError::TooLarge { .. }) => "too large to be sent so".to_owned(),
                Err(SendError::Corrupt(_)) => over(&mut sending, "corrupt positions"),
                Err(SendError::Closed) => over(&mut sending, "closed"),
                Err(error) => panic!("{error:?}"),
            }
        };
        *outcomes.entry(name).or_default() += 1;
    }
    done
}

fn over(direction: &mut bool, name: &str) -> String {
    *direction = false;
    name.to_owned()
}

/// Another pipe of this process, between honest ends.
struct Witness {
    ends: (Pipe, Pipe),
    messages: Messages,
    next: u64,
}

impl Witness {
    fn check(&mut self) {
        let mut message = Vec::new();
        for _ in 0..10 {
            let (left, right) = (&mut self.ends.0, &mut self.ends.1);
            left.sender()
                .try_send(&self.messages.get(self.next))
                .unwrap();
            right.receiver().try_recv(&mut message).unwrap();
            self.messages.check(self.next, &message);
            self.next += 1;
        }
    }
}

/// So many operations, at most so many connections, for each strategy and each degree of wildness.
fn bear_scribbles(test: &str, operations: u64, connections: u64) {
    if role().is_some() {
        return scribble(number(0), number(1));
    }
    let _guard = watchdog(Duration::from_secs(600));
    let seed = seed();
    let mut random = Random::new(seed);
    let mut witness = Witness {
        ends: Options::new().pair().unwrap(),
        messages: Messages::new(seed, 0, 1000),
        next: 0,
    };
    for (wait, wild) in STRATEGIES
        .iter()
        .flat_map(|wait| [0, 10_000, 100, 1].map(|w| (*wait, w)))
    {
        let options = Options::new()
            .capacity(CAPACITY)
            .max_message(LONGEST)
            .block_capacity(16 << 10)
            .wait(wait);
        let mut listener = Listener::bind(&abstract_name("scribbles"), &options).unwrap();
        let args = [wild.to_string(), random.next().to_string()];
        let actor = start(test, "scribbler", &[&args[0], &args[1]], &listener);
        let (mut done, mut met, mut outcomes) = (0, 0, Outcomes::new());
        while done < operations && met < connections {
            let pipe = listener.accept().unwrap();
            met += 1;
            done += use_up(pipe, operations - done, &mut random, &mut outcomes);
            witness.check();
        }
        println!(
            "{}, 1 in {wild}: {met} connections: {outcomes:?}",
            name_of(wait)
        );
        drop(listener);
        actor.finish();
    }
}

/// A peer that scribbles gets typed errors, or garbage received; no call panics or hangs, no other pipe
/// of the process is affected.
#[test]
fn scribbles_spoil_only_their_own_pipe() {
    const TEST: &str = "scribbles::scribbles_spoil_only_their_own_pipe";
    bear_scribbles(TEST, 40_000, 300);
}

#[test]
#[ignore = "soak: 2 million operations"]
fn many_scribbles_spoil_only_their_own_pipe() {
    const TEST: &str = "scribbles::many_scribbles_spoil_only_their_own_pipe";
    bear_scribbles(TEST, 2_000_000 / 12, 20_000);
}
