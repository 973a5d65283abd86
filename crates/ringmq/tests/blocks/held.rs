//! A reader that never drops what it holds, and one that never reads: the memory is bounded by the limit of the sending
//! socket, other peers get their messages, and at the limit the socket waits, refuses or drops whole messages.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringmq::{Context, Frame, Kind, Message, SendError, Socket, SocketOptions, Vow};
use ringmq_testing::{in_own_process, soon, until, watchdog};

use crate::memory::Kept;
use crate::parts::{open, until_shared};
use crate::places::Places;

const BYTES: usize = 1 << 20;
const LIMIT: u64 = 6 << 20;
/// The limit, one message more for each peer, what the arena keeps, and its smallest segment.
const MEMORY: u64 = LIMIT + (2 << 20) + (16 << 20) + (4 << 20);
const COUNT: u64 = 60;

/// A message of one number, over and over.
fn make(context: &Context, number: u64) -> Frame {
    let mut block = context.block(BYTES).unwrap();
    block
        .chunks_exact_mut(8)
        .for_each(|word| word.copy_from_slice(&number.to_le_bytes()));
    block.freeze()
}

/// Which message that is.
///
/// # Panics
///
/// If it is not whole.
#[track_caller]
fn read(message: &Message) -> u64 {
    let bytes = message[message.len() - 1].as_slice();
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let mut words = bytes.chunks_exact(8);
    let is_whole = bytes.len() == BYTES && words.all(|word| word == number.to_le_bytes());
    assert!(is_whole, "message {number} is torn");
    number
}

/// A peer, and what it holds.
struct Peer {
    socket: Socket,
    holds: bool,
    held: Vec<Message>,
    seen: Vec<u64>,
}

impl Peer {
    fn connect(context: &Context, kind: Kind, endpoint: &str, name: &str) -> Peer {
        let options = SocketOptions::new().routing_id(name);
        let mut socket = context.socket_with(kind, &options).unwrap();
        socket.set_linger(Duration::ZERO);
        socket.set_recv_hwm(None);
        // SAFETY: the sender is this test, which does not write to what it has sent.
        socket.set_in_place(unsafe { Vow::new() });
        if kind == Kind::Sub {
            socket.subscribe(b"").unwrap();
        }
        open(&mut socket, false, endpoint);
        Peer {
            socket,
            holds: false,
            held: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Receives what is there.
    fn take(&mut self) {
        while let Ok(message) = self.socket.try_recv() {
            let number = read(&message);
            assert!(self.seen.last().is_none_or(|last| number > *last));
            self.seen.push(number);
            if self.holds {
                self.held.push(message);
            }
        }
    }

    /// Nothing has changed what is held.
    fn check(&self) {
        let first = self.seen.len() - self.held.len();
        for (message, number) in self.held.iter().zip(&self.seen[first..]) {
            assert_eq!(read(message), *number);
        }
    }
}

/// What a sender does at the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtLimit {
    /// Another peer gets the message.
    Another,
    /// The message is not sent to that peer.
    Drops,
    /// There is one peer.
    Refuses,
}

/// Sends to a peer that reads and holds everything, or reads nothing, and to one that reads.
fn one_that_keeps(sender: Kind, receiver: Kind, at_limit: AtLimit, reads: bool) {
    println!("{sender:?} to {receiver:?}, which reads: {reads}");
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
    let options = SocketOptions::new().shared_limit(LIMIT);
    let mut from = context.socket_with(sender, &options).unwrap();
    from.set_linger(Duration::ZERO);
    from.set_send_hwm(None);
    open(&mut from, true, &endpoint);
    let mut keeper = Peer::connect(&far, receiver, &endpoint, "keeper");
    keeper.holds = true;
    let mut others = Vec::new();
    if at_limit != AtLimit::Refuses {
        others.push(Peer::connect(&far, receiver, &endpoint, "other"));
    }
    until_shared(&mut from, 1 + others.len());
    let send = |from: &mut Socket, number: u64| {
        let body = make(&context, number);
        match sender {
            // In turn to each.
            Kind::Router => {
                for name in ["keeper", "other"] {
                    let parts = [Frame::from(name.as_bytes()), body.clone()];
                    from.try_send(Message::from_iter(parts))?;
                }
                Ok(())
            }
            _ => from.try_send(body),
        }
    };
    let mut refused = 0;
    for number in 0..COUNT {
        until(|| {
            let Err(error) = send(&mut from, number) else {
                return true;
            };
            assert!(matches!(error.reason, SendError::WouldBlock), "{error}");
            assert_ne!(at_limit, AtLimit::Drops);
            refused += u64::from(at_limit == AtLimit::Refuses);
            // The other one may have a message out, and has room when it has read that.
            others.iter_mut().for_each(Peer::take);
            at_limit == AtLimit::Refuses
        });
        if reads {
            keeper.take();
        }
        // What is dropped for one is not for the other; it is there before the next.
        if let [other] = &mut others[..] {
            let gets_all = at_limit == AtLimit::Drops;
            until(|| {
                other.take();
                !gets_all || other.seen.last() == Some(&number)
            });
        }
        let kept = Kept::by(std::process::id());
        assert!(kept.allocated <= MEMORY, "{number}: {kept:?}");
    }
    keeper.check();
    let within = LIMIT / BYTES as u64 + 1;
    assert!(keeper.held.len() as u64 <= within, "{}", keeper.held.len());
    assert!(at_limit != AtLimit::Refuses || refused > 0);
    if at_limit == AtLimit::Refuses {
        // A call that waits ends at its deadline; it goes on when the reader drops something.
        let moment = Instant::now() + Duration::from_millis(20);
        let waited = from.send_deadline(make(&context, COUNT), moment);
        assert!(matches!(waited.unwrap_err().reason, SendError::TimedOut));
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| from.send_deadline(make(&context, COUNT + 1), soon()));
            while !sending.is_finished() {
                keeper.take();
                keeper.held.clear();
            }
            sending.join().unwrap().unwrap();
        });
        until(|| {
            keeper.take();
            keeper.held.clear();
            keeper.seen.last() == Some(&(COUNT + 1))
        });
    }
    // All memory is there again.
    let mut last = COUNT + 2;
    until(|| {
        keeper.take();
        keeper.held.clear();
        others.iter_mut().for_each(Peer::take);
        last += u64::from(send(&mut from, last).is_ok());
        keeper.seen.last().is_some_and(|number| *number > COUNT + 2)
    });
    if at_limit == AtLimit::Another {
        // Nothing is lost, and nothing comes twice.
        until(|| {
            keeper.take();
            keeper.held.clear();
            others.iter_mut().for_each(Peer::take);
            let all = keeper.seen.iter().chain(&others[0].seen);
            all.clone().count() as u64 == last - 2
                && all.copied().collect::<BTreeSet<u64>>().len() as u64 == last - 2
        });
    }
}

#[test]
fn a_reader_that_never_drops_bounds_the_memory_and_harms_no_other() {
    const TEST: &str = "held::a_reader_that_never_drops_bounds_the_memory_and_harms_no_other";
    in_own_process(TEST, || {
        let pairs = [
            (Kind::Push, Kind::Pull, AtLimit::Another),
            (Kind::Dealer, Kind::Dealer, AtLimit::Another),
            (Kind::Pub, Kind::Sub, AtLimit::Drops),
            (Kind::Router, Kind::Dealer, AtLimit::Drops),
            (Kind::Pair, Kind::Pair, AtLimit::Refuses),
        ];
        for (sender, receiver, at_limit) in pairs {
            for reads in [true, false] {
                let _guard = watchdog(Duration::from_secs(120));
                one_that_keeps(sender, receiver, at_limit, reads);
            }
        }
    });
}
