//! A peer whose frames of the handoff come at the wrong time: what is out of turn ends its connection, and nothing else.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, IoSlice};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, Interest, Item, Kind, Poller, Socket, ZmtpReason};
use ringmq_pipe::remote::{Courier, OfferFrame, Receiver, Sender, Witness};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_sys::{Address, Ancillary, ListenOptions, Stream, UnixListener, send_some};
use ringmq_testing::{Scratch, soon, watchdog};

use crate::agreed::{Agreed, Offering};
use crate::parts::{Held, hello, is_shared, last, socket, until_shared};
use crate::scribbles::find;

const NAME: &[u8] = b"\x0cX-RINGMQ-SHM";
const SWITCH: OfferFrame = OfferFrame::Switch;
const BACK: OfferFrame = OfferFrame::Back;

/// A peer that completes the handoff honestly, and then sends whatever the test wants.
struct Liar {
    stream: Arc<Stream>,
    sender: Option<Sender>,
    courier: Arc<Courier>,
    _others: (Sleeper, Receiver, Witness),
}

/// What it has read.
#[derive(Default)]
struct Heard {
    bytes: VecDeque<u8>,
    came: Ancillary,
}

impl Heard {
    /// Reads until there are so many bytes, and takes them.
    fn take(&mut self, stream: &Stream, count: usize) -> Vec<u8> {
        while self.bytes.len() < count {
            let mut bytes = [0; 256];
            match stream.receive_now(&mut bytes, 4) {
                Ok(came) => {
                    assert!(came.bytes > 0, "it has closed");
                    self.bytes.extend(&bytes[..came.bytes]);
                    if !came.ancillary.fds.is_empty() {
                        self.came = came.ancillary;
                    }
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        self.bytes.drain(..count).collect()
    }

    /// The next command.
    fn command(&mut self, stream: &Stream) -> Vec<u8> {
        let head = self.take(stream, 2);
        assert_eq!(head[0], 4);
        self.take(stream, head[1].into())
    }

    fn frame(&mut self, stream: &Stream) -> OfferFrame {
        let body = self.command(stream);
        OfferFrame::decode(body.strip_prefix(NAME).unwrap()).unwrap()
    }
}

/// A command of the handoff.
fn command(data: &[u8]) -> Vec<u8> {
    let len = (NAME.len() + data.len()) as u8;
    [&[4, len], NAME, data].concat()
}

impl Liar {
    fn connect(path: &str, kind: &str) -> Liar {
        let address = Address::from(Path::new(path));
        Liar::agree(Stream::try_connect(&address).unwrap(), kind)
    }

    fn accept(listener: &UnixListener, kind: &str) -> Liar {
        loop {
            match listener.try_accept() {
                Ok(stream) => return Liar::agree(stream, kind),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    fn agree(stream: Stream, kind: &str) -> Liar {
        let mut heard = Heard::default();
        write(&stream, &hello(kind, 1));
        heard.take(&stream, 64);
        assert!(heard.command(&stream).starts_with(b"\x05READY"));
        let own = Offering::send(&stream, |frame| command(frame));
        // The peer may accept before it offers.
        let (mut offered, mut accepted) = (None, false);
        while offered.is_none() || !accepted {
            match heard.frame(&stream) {
                OfferFrame::Offer(offer) => {
                    offered = Some((offer, mem::take(&mut heard.came)));
                    write(&stream, &command(&OfferFrame::Accept.encode()));
                }
                OfferFrame::Accept => accepted = true,
                other => panic!("{other:?}"),
            }
        }
        let (offer, came) = offered.unwrap();
        let Agreed {
            sender,
            receiver,
            witness,
            courier,
            stream,
            _sleeper: sleeper,
        } = own.agree(&offer, came, stream);
        Liar {
            stream,
            sender: Some(sender),
            courier,
            _others: (sleeper, receiver, witness),
        }
    }

    fn say(&self, frame: OfferFrame) {
        write(&self.stream, &command(&frame.encode()));
    }

    fn say_all(&self, frames: &[OfferFrame]) {
        frames.iter().for_each(|frame| self.say(*frame));
    }

    /// A message in shared memory.
    fn push(&mut self, message: &[u8]) {
        self.sender.as_mut().unwrap().push(message).unwrap();
    }

    /// A part by ZMTP.
    fn send(&self, part: &[u8], more: bool) {
        write(
            &self.stream,
            &[&[more.into(), part.len() as u8], part].concat(),
        );
    }

    /// Whether its connection was closed; reads what the other side says.
    fn is_closed(&self) -> bool {
        match self.stream.receive_now(&mut [0; 256], 0) {
            Ok(came) => came.bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// A message in shared memory, and a header that no honest sender writes: behind it, or instead of its own.
    fn push_corrupt(&mut self, number: u8, behind: bool) {
        // With its header it takes a line, so that the next one begins right behind it.
        let mut message = [number; 56];
        message[..8].copy_from_slice(b"the last");
        self.push(&message);
        let mut both = File::options();
        let memory = both.read(true).write(true).open("/proc/self/mem").unwrap();
        let at = find(&memory, &message);
        let header = if behind { at + 56 } else { at - 8 };
        let kind = 9_u64 << 32;
        memory.write_all_at(&kind.to_ne_bytes(), header).unwrap();
    }

    fn until_closed(self) {
        loop {
            match self.stream.receive_now(&mut [0; 256], 0) {
                Ok(came) if came.bytes == 0 => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(_) => return,
            }
        }
    }
}

/// A peer that is cut off in the midst need not have said all.
fn write(stream: &Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match send_some(stream.as_fd(), &[IoSlice::new(bytes)]) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// A PULL that is bound, and where.
fn bound(scratch: &Scratch) -> (Socket, String) {
    let path = scratch.path("s");
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    pull.bind(&format!("ipc://{path}")).unwrap();
    (pull, path)
}

#[track_caller]
fn expect(pull: &mut Socket, message: &[u8]) {
    assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), message);
}

#[test]
fn a_peer_that_keeps_the_order_is_heard_to_the_end() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch);
    let mut liar = Liar::connect(&path, "PUSH");
    liar.send(b"by ZMTP", false);
    liar.say(SWITCH);
    // Segments come and go meanwhile.
    for number in 0..20 {
        liar.push(&vec![number; 30_000]);
    }
    // All at once, and with descriptors that the frame must not carry.
    let back = command(&BACK.encode());
    let strange: [BorrowedFd<'_>; 2] = [liar.stream.as_fd(), liar.stream.as_fd()];
    let before = Held::now();
    let sent = liar.stream.send_now(&back, &strange).unwrap();
    assert_eq!(sent, back.len());
    liar.send(b"by ZMTP", true);
    liar.send(b"again", false);
    liar.push(b"the last");
    liar.sender = None;
    expect(&mut pull, b"by ZMTP");
    for number in 0..20 {
        expect(&mut pull, &vec![number; 30_000]);
    }
    expect(&mut pull, b"the last");
    expect(&mut pull, b"again");
    let back = Carrier::Zmtp(ZmtpReason::RefusedByPeer(ringmq::RefusalReason::Resources));
    assert_eq!(pull.connections()[0].carrier, back);
    before.is_near(&Held::now());
}

/// Frames, and what else is said, after both have agreed.
type Script = fn(&mut Liar);

const OUT_OF_TURN: [(&str, Script); 18] = [
    ("back before it went", |liar| liar.say(BACK)),
    ("back twice", |liar| {
        liar.say_all(&[SWITCH, BACK, BACK]);
    }),
    ("over twice", |liar| {
        liar.say_all(&[SWITCH, SWITCH]);
    }),
    ("asks for what it was never sent", |liar| {
        liar.say(OfferFrame::TakeBack);
    }),
    ("took back what it was not asked for", |liar| {
        liar.say_all(&[SWITCH, OfferFrame::TakenBack]);
    }),
    ("back, and took back", |liar| {
        liar.say_all(&[SWITCH, BACK, OfferFrame::TakenBack]);
    }),
    ("over again", |liar| {
        liar.say(SWITCH);
        liar.push(b"in memory");
        liar.say_all(&[BACK, SWITCH]);
    }),
    ("back after the end", |liar| {
        liar.say_all(&[SWITCH, BACK]);
        liar.sender = None;
        liar.say(BACK);
    }),
    ("over in the midst", |liar| {
        liar.send(b"one of two", true);
        liar.say(SWITCH);
    }),
    ("by ZMTP, but over", |liar| {
        liar.say(SWITCH);
        liar.send(b"strange", false);
    }),
    ("asks twice for ZMTP", |liar| {
        liar.say_all(&[OfferFrame::Yield, OfferFrame::Yield]);
    }),
    ("has closed, and never went over", |liar| {
        liar.say(OfferFrame::Closing);
    }),
    ("has closed twice", |liar| {
        liar.say_all(&[SWITCH, OfferFrame::Closing, OfferFrame::Closing]);
    }),
    ("back after it has closed", |liar| {
        liar.say_all(&[SWITCH, OfferFrame::Closing, BACK]);
    }),
    ("by ZMTP after it has closed", |liar| {
        liar.say_all(&[SWITCH, OfferFrame::Closing]);
        liar.send(b"strange", false);
    }),
    ("accepted twice", |liar| liar.say(OfferFrame::Accept)),
    ("of a strange kind", |liar| {
        let mut data = BACK.encode();
        data[0] = 77;
        write(&liar.stream, &command(&data));
    }),
    ("too short", |liar| {
        liar.say(SWITCH);
        write(&liar.stream, &command(&BACK.encode()[..31]));
    }),
];

#[test]
fn what_is_out_of_turn_ends_its_connection_only() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch);
    let mut honest = socket(&Context::new().unwrap(), Kind::Push);
    honest.connect(&format!("ipc://{path}")).unwrap();
    while !is_shared(&mut honest) {
        honest.send("hello").unwrap();
        expect(&mut pull, b"hello");
    }
    for (name, script) in OUT_OF_TURN {
        println!("{name}");
        let mut liar = Liar::connect(&path, "PUSH");
        script(&mut liar);
        liar.until_closed();
        while pull.connections().len() > 1 {
            let _ = pull.try_recv();
        }
        honest.send("hello").unwrap();
        expect(&mut pull, b"hello");
        assert!(is_shared(&mut honest));
    }
}

/// A peer that announces BACK, and dies before it has done so in shared memory, keeps no later peer out.
#[test]
fn a_peer_that_dies_on_its_way_back_is_no_obstacle() {
    let _guard = watchdog(Duration::from_secs(60));
    for connects in [false, true] {
        let scratch = Scratch::new();
        let path = scratch.path("s");
        let endpoint = format!("ipc://{path}");
        let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
        let mut liar;
        if connects {
            let address = Address::from(Path::new(&path));
            let options = ListenOptions::default();
            let listener = UnixListener::bind(&address, &options).unwrap();
            pull.connect(&endpoint).unwrap();
            liar = Liar::accept(&listener, "PUSH");
        } else {
            pull.bind(&endpoint).unwrap();
            liar = Liar::connect(&path, "PUSH");
        }
        liar.say(SWITCH);
        liar.push(b"in memory");
        liar.say(BACK);
        liar.send(b"by ZMTP", false);
        expect(&mut pull, b"in memory");
        until_shared(&mut pull, 0);
        // It has not ended what was in shared memory, and never will.
        let Liar {
            stream,
            sender,
            courier,
            _others,
        } = liar;
        mem::forget(sender);
        courier.close();
        drop(stream);
        expect(&mut pull, b"by ZMTP");
        let mut next = socket(&Context::new().unwrap(), Kind::Push);
        if connects {
            next.bind(&endpoint).unwrap();
        } else {
            next.connect(&endpoint).unwrap();
        }
        while !is_shared(&mut next) {
            next.send("hello").unwrap();
            expect(&mut pull, b"hello");
        }
        next.send("goodbye").unwrap();
        expect(&mut pull, b"goodbye");
    }
}

/// What an application does, again and again, while its peers break the protocol.
type Habit = fn(&mut Socket);

fn moment() -> Instant {
    Instant::now() + Duration::from_millis(1)
}

fn poll(socket: &mut Socket, interest: Interest) {
    let mut items = [Item::socket(socket, interest)];
    let _ready = Poller::new()
        .wait(&mut items, Some(Duration::from_millis(1)))
        .unwrap();
}

/// Where a socket receives, what came before the wrong header is received first.
const HABITS: [(&str, Kind, &str, Habit); 8] = [
    ("tries to receive", Kind::Pull, "PUSH", |socket| {
        let _ = socket.try_recv();
    }),
    ("waits to receive", Kind::Pull, "PUSH", |socket| {
        let _ = socket.recv_deadline(moment());
    }),
    ("polls, and receives", Kind::Pull, "PUSH", |socket| {
        poll(socket, Interest::READABLE);
        let _ = socket.try_recv();
    }),
    (
        "asks for events, and receives",
        Kind::Router,
        "DEALER",
        |socket| {
            if socket.events().unwrap().readable {
                let _ = socket.try_recv();
            }
        },
    ),
    ("only sends", Kind::Dealer, "DEALER", |socket| {
        let _ = socket.try_send("hello");
    }),
    ("waits to send", Kind::Dealer, "DEALER", |socket| {
        let _ = socket.send_deadline("hello", moment());
    }),
    (
        "only polls for what comes",
        Kind::Dealer,
        "DEALER",
        |socket| {
            poll(socket, Interest::READABLE);
        },
    ),
    ("only polls for room", Kind::Dealer, "DEALER", |socket| {
        poll(socket, Interest::WRITABLE);
    }),
];

/// A peer whose memory cannot be read is found out whatever the application does, and whatever other peers there are.
#[test]
fn a_wrong_header_ends_its_connection_whatever_the_application_does() {
    let _guard = watchdog(Duration::from_secs(60));
    for (name, kind, other, habit) in HABITS {
        let receives = name.contains("receive");
        println!("{name}");
        let scratch = Scratch::new();
        let path = scratch.path("s");
        let mut socket = socket(&Context::new().unwrap(), kind);
        socket.bind(&format!("ipc://{path}")).unwrap();
        let mut honest = self::socket(
            &Context::new().unwrap(),
            if other == "PUSH" {
                Kind::Push
            } else {
                Kind::Dealer
            },
        );
        honest.connect(&format!("ipc://{path}")).unwrap();
        until_shared(&mut honest, 1);
        let mut liars: Vec<Liar> = (0..4).map(|_| Liar::connect(&path, other)).collect();
        for (number, liar) in liars.iter_mut().enumerate() {
            liar.say(SWITCH);
            // A socket that never receives never comes to what is behind a message.
            liar.push_corrupt(number as u8, receives);
        }
        while !liars.iter().all(Liar::is_closed) {
            habit(&mut socket);
        }
        assert!(is_shared(&mut honest), "{name}");
        if receives {
            honest.send("hello").unwrap();
            let mut message = socket.recv_deadline(soon()).unwrap();
            while last(&message) != b"hello" {
                message = socket.recv_deadline(soon()).unwrap();
            }
        }
    }
}
