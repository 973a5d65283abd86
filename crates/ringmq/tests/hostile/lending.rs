//! Readers whose words lie about what they use of our blocks.

use std::time::{Duration, Instant};

use ringmq::{Context, Frame, Kind, Message, Socket, SocketOptions, Vow};
use ringmq_testing::{Scratch, in_own_process, until, watchdog};

use crate::by_hand::{ByHand, EPOCH, LENT, LENT_USED, POSITION, RECEIVED, bound_with};
use crate::credit::{go_over, memory};

const BYTES: usize = 256 << 10;
const LIMIT: u64 = 8 << 20;
/// The limit, what is beyond it for each peer and held, and a segment.
const MEMORY: u64 = LIMIT + (4 << 20) + (8 << 20);
/// Entries of a table.
const ENTRIES: usize = 14;

/// What a reader does to its words each time that something is sent.
type Lie = fn(&ByHand, u64);

fn name(segment: u64, offset: u64) -> u64 {
    (segment + 1) << 40 | offset
}

const LIES: [(&str, Lie); 9] = [
    ("nothing is ever read", |_, _| {}),
    ("everything is passed", |peer, _| {
        peer.set(POSITION, u64::MAX)
    }),
    ("a little more is passed each time", |peer, number| {
        peer.set(POSITION, number * 8);
    }),
    ("all entries are used, and name nothing", |peer, _| {
        peer.set(LENT_USED, u64::MAX);
    }),
    ("all entries name blocks of others", |peer, number| {
        for entry in 0..ENTRIES {
            let block = name(number % 3, entry as u64 * BYTES as u64);
            peer.set(LENT + 8 * entry, block);
        }
        peer.set(LENT_USED, (1 << ENTRIES) - 1);
        peer.set(POSITION, number * 40);
    }),
    ("all entries are no names", |peer, number| {
        for entry in 0..ENTRIES {
            peer.set(LENT + 8 * entry, u64::MAX - number);
        }
        peer.set(LENT_USED, number);
        peer.set(POSITION, number * 40);
    }),
    ("entries come and go", |peer, number| {
        peer.set(LENT_USED, number % 2 * u64::MAX);
        peer.set(LENT + 8 * (number as usize % ENTRIES), name(0, 0));
        peer.set(POSITION, number * 40);
    }),
    ("another connection has the words", |peer, number| {
        peer.set(EPOCH, number);
        peer.set(POSITION, number * 40);
    }),
    ("more is received than was sent", |peer, number| {
        peer.set(RECEIVED, number * 1000);
        peer.set(POSITION, number * 40);
    }),
];

/// A body of one number, over and over.
fn make(context: &Context, number: u64) -> Frame {
    let mut block = context.block(BYTES).unwrap();
    let words = block.chunks_exact_mut(8);
    words.for_each(|word| word.copy_from_slice(&number.to_le_bytes()));
    block.freeze()
}

/// A message that is held, and its number.
struct Held(Message, u64);

impl Held {
    fn new(message: Message) -> Held {
        let number = u64::from_le_bytes(message[0][..8].try_into().unwrap());
        Held(message, number)
    }

    /// Sees that nothing was written there.
    #[track_caller]
    fn check(&self) {
        let mut words = self.0[0].chunks_exact(8);
        let is_whole = words.all(|word| word == self.1.to_le_bytes());
        assert!(is_whole, "message {} is torn", self.1);
    }
}

/// An honest reader, which holds what it has received where it lies.
fn honest(context: &Context, path: &str) -> Socket {
    let mut sub = context.socket(Kind::Sub).unwrap();
    sub.subscribe(b"").unwrap();
    // SAFETY: the publisher is this test's, which does not write to what it has sent.
    sub.set_in_place(unsafe { Vow::new() });
    sub.connect(&format!("ipc://{path}")).unwrap();
    sub
}

#[test]
fn a_table_that_lies_gives_away_no_block_that_another_reader_holds() {
    const TEST: &str = "lending::a_table_that_lies_gives_away_no_block_that_another_reader_holds";
    in_own_process(TEST, || {
        for (what, lie) in LIES {
            let _guard = watchdog(Duration::from_secs(60));
            let scratch = Scratch::new();
            let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
            let options = SocketOptions::new().shared_limit(LIMIT);
            let (mut publisher, path) = bound_with(&context, &scratch, Kind::Pub, &options);
            let liars = [(); 2].map(|()| ByHand::connect(&path, "SUB"));
            go_over(&mut publisher, &liars);
            let mut sub = honest(&far, &path);
            while !is_there(&mut publisher, &mut sub) {}
            let (mut received, mut most) = (0, 0);
            let mut held: Vec<Held> = Vec::new();
            let mut number = 0;
            while received < 100 {
                number += 1;
                publisher.send(make(&context, number)).unwrap();
                liars.iter().for_each(|liar| lie(liar, number));
                let moment = Instant::now() + Duration::from_millis(5);
                match sub.recv_deadline(moment) {
                    // The answer to a question above.
                    Ok(message) if message[0].len() < BYTES => {}
                    Ok(message) => {
                        received += 1;
                        held.push(Held::new(message));
                        if held.len() > 8 {
                            held.remove(number as usize % 8).check();
                        }
                    }
                    // The liars have all memory that the socket may use: a message comes when nothing is held.
                    Err(_) => held.drain(..).for_each(|one| one.check()),
                }
                most = most.max(memory());
            }
            held.drain(..).for_each(|one| one.check());
            println!("{what}: {most} bytes");
            assert!(most <= MEMORY, "{what}: {most} bytes");
            // A liar whose process lives keeps what it has until it gives up its words.
            liars.iter().for_each(|liar| liar.set(EPOCH, 1 << 40));
            drop((publisher, sub, context, far, liars));
            until(|| memory() == 0);
        }
    });
}

/// Each connection may have a message beyond the limit; a process that keeps them gets no other connection in shared memory.
#[test]
fn a_reader_that_connects_again_and_again_keeps_no_more_and_more() {
    const TEST: &str = "lending::a_reader_that_connects_again_and_again_keeps_no_more_and_more";
    /// Connections that may have ended with blocks.
    const MOST: u64 = 64;
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(60));
        let scratch = Scratch::new();
        let context = Context::new().unwrap();
        let options = SocketOptions::new().shared_limit(BYTES as u64);
        let (mut publisher, path) = bound_with(&context, &scratch, Kind::Pub, &options);
        let mut accepted = 0;
        for number in 0..3 * MOST {
            let Some(liar) = ByHand::try_connect(&path, "SUB") else {
                continue;
            };
            accepted += 1;
            let liars = [liar];
            go_over(&mut publisher, &liars);
            // The greeting is read: nothing is out, and one message is sent that is beyond the limit.
            liars[0].set(POSITION, 16);
            publisher.send(make(&context, number)).unwrap();
        }
        println!("{accepted} connections, {} bytes", memory());
        // One that has ended may not have been noticed yet.
        assert!((MOST..=2 * MOST).contains(&accepted), "{accepted}");
        // The rings of a connection go when its end is noticed, and blocks of several share a segment.
        until(|| memory() <= MOST * BYTES as u64 + (16 << 20));
    });
}

/// Asks whether a subscription has come.
fn is_there(publisher: &mut Socket, sub: &mut Socket) -> bool {
    publisher.send("are you there?").unwrap();
    let moment = Instant::now() + Duration::from_millis(5);
    sub.recv_deadline(moment).is_ok()
}
