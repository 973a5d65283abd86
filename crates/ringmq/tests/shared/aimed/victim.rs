//! The victims, what they do, and the process that kills them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use ringmq::{Context, Kind, Message, Socket};
use ringmq_testing::{Followed, limit_descriptors, limit_memory, listen, soon, stop};

use crate::parts::{is_shared, last, open, socket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Victim,
    Survivor,
}

/// What runs short at one side, once both directions have gone over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    Nothing,
    /// It sends a message for which it can make no segment: BACK.
    Descriptors(Side),
    /// It is sent a message whose segment it cannot map: TAKE BACK.
    Memory(Side),
}

/// What happens between the beginning and the end of the part in which the victim is killed.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) victim: Kind,
    pub(super) survivor: Kind,
    pub(super) short: Short,
}

impl Script {
    const fn new(victim: Kind, survivor: Kind, short: Short) -> Script {
        Script {
            victim,
            survivor,
            short,
        }
    }

    /// Whether this side sends the large message.
    pub(super) fn sends_large(&self, side: Side) -> bool {
        match self.short {
            Short::Nothing => false,
            Short::Descriptors(short) => short == side,
            Short::Memory(short) => short != side,
        }
    }

    pub(super) fn large(&self) -> usize {
        match self.short {
            Short::Memory(_) => LONG,
            _ => NO_ROOM,
        }
    }
}

const OVER: [Script; 3] = [
    Script::new(Kind::Dealer, Kind::Dealer, Short::Nothing),
    Script::new(Kind::Push, Kind::Pull, Short::Nothing),
    Script::new(Kind::Pull, Kind::Push, Short::Nothing),
];
const BACK: [Script; 2] = [
    Script::new(Kind::Dealer, Kind::Dealer, Short::Descriptors(Side::Victim)),
    Script::new(
        Kind::Dealer,
        Kind::Dealer,
        Short::Descriptors(Side::Survivor),
    ),
];
const TAKE_BACK: [Script; 2] = [
    Script::new(Kind::Dealer, Kind::Dealer, Short::Memory(Side::Victim)),
    Script::new(Kind::Dealer, Kind::Dealer, Short::Memory(Side::Survivor)),
];

pub(super) const SMALL: usize = 40;
/// A message that the first segment has no room for, and one that a process of little memory has room for, but not for
/// the memory of its sender that it lies in.
const NO_ROOM: usize = 60_000;
const LONG: usize = 1 << 20;
/// Memory and descriptors of a process of little.
pub(super) const MEMORY: u64 = 3 << 20;
pub(super) const DESCRIPTORS: u64 = 100;
/// Messages that the victim sends before it looks at whether it is in shared memory, and after it has gone over.
const FIRST: u64 = 3;
const MORE: u64 = 5;
/// Answers that may be on their way to the victim when it dies.
pub(super) const UNDER_WAY: u64 = FIRST + 1;

/// Whose a message is, where it comes from no victim.
pub(super) const SURVIVOR: u64 = 1 << 40;
pub(super) const NEXT: u64 = 1 << 41;

pub(super) fn make(from: u64, number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![(from + 7 * number) as u8; len];
    bytes[..8].copy_from_slice(&from.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Whose message that is, and which.
#[track_caller]
pub(super) fn read(message: &Message) -> (u64, u64) {
    let bytes = last(message);
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (from, number) = (word(0), word(8));
    let whole = bytes == make(from, number, bytes.len());
    assert!(whole, "message {number} of {from} is torn");
    (from, number)
}

pub(super) fn sends(kind: Kind) -> bool {
    kind != Kind::Pull
}

pub(super) fn receives(kind: Kind) -> bool {
    kind != Kind::Push
}

/// What the killer and its victims write down, by words.
pub(super) struct Log(pub(super) File);

/// How far a victim is: at the beginning of the part in which it is killed, at the end of that, or dead.
pub(super) const STAGE: u64 = 0;
/// System calls that it began or ended in that part.
pub(super) const CALLS: u64 = 8;
/// One more than the number of the last message that it received, and of the last that it has in shared memory for sure.
pub(super) const RECEIVED: u64 = 16;
pub(super) const SENT: u64 = 24;

pub(super) const BEGUN: u64 = 1;
pub(super) const ENDED: u64 = 2;
pub(super) const DEAD: u64 = 3;

impl Log {
    fn set(&self, word: u64, value: u64) {
        self.0.write_all_at(&value.to_le_bytes(), word).unwrap();
    }

    pub(super) fn get(&self, word: u64) -> u64 {
        let mut bytes = [0; 8];
        let read = self.0.read_at(&mut bytes, word).unwrap();
        if read == 8 {
            u64::from_le_bytes(bytes)
        } else {
            0
        }
    }
}

/// Takes all descriptors that there are.
pub(super) fn use_up() -> Vec<File> {
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    files
}

// --- The victim

struct Victim<'a> {
    socket: Socket,
    kind: Kind,
    from: u64,
    log: &'a Log,
    next: u64,
    /// An answer has come to a message that was sent in shared memory: the receiver reads on there.
    over: bool,
    /// It writes [`SENT`] after the message, and not before.
    honest: bool,
}

impl Victim<'_> {
    fn send(&mut self, len: usize) {
        if self.over && !self.honest {
            self.log.set(SENT, self.next + 1);
        }
        self.socket.send(make(self.from, self.next, len)).unwrap();
        self.next += 1;
        if self.over {
            self.log.set(SENT, self.next);
        }
    }

    fn receive(&mut self) {
        let (from, number) = read(&self.socket.recv_deadline(soon()).unwrap());
        assert_eq!(from, SURVIVOR);
        let before = self.log.get(RECEIVED);
        assert!(number >= before, "{number} has come twice");
        self.log.set(RECEIVED, number + 1);
    }

    fn turn(&mut self, len: usize) {
        if sends(self.kind) {
            self.send(len);
        }
        if receives(self.kind) {
            // What is sent now goes by shared memory, if there is any.
            let over = sends(self.kind) && is_shared(&mut self.socket) && has_own_ring();
            self.receive();
            self.over |= over;
        }
    }

    fn go_over(&mut self) {
        for _ in 0..FIRST {
            if sends(self.kind) {
                self.send(SMALL);
            }
        }
        for _ in 0..FIRST {
            if receives(self.kind) {
                self.receive();
            }
        }
        while !is_shared(&mut self.socket) || sends(self.kind) && !has_own_ring() {
            self.turn(SMALL);
        }
        for _ in 0..MORE {
            self.turn(SMALL);
        }
    }
}

/// Whether this process sends in shared memory.
fn has_own_ring() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut lines = maps.lines();
    lines.any(|line| line.contains("/memfd:ringmq-ring") && line.contains(" rw-s "))
}

/// The part in which it is killed lies between the second and the third stop.
fn victim(script: &Script, binds: bool, honest: bool, from: u64, log: &Log, endpoint: &str) {
    stop();
    let context = Context::new().unwrap();
    let mut victim = Victim {
        socket: socket(&context, script.victim),
        kind: script.victim,
        from,
        log,
        next: 0,
        over: false,
        honest,
    };
    if script.short == Short::Nothing {
        stop();
        open(&mut victim.socket, binds, endpoint);
        victim.go_over();
        return stop();
    }
    open(&mut victim.socket, binds, endpoint);
    victim.go_over();
    let mut files = Vec::new();
    match script.short {
        Short::Descriptors(Side::Victim) => {
            assert!(limit_descriptors(DESCRIPTORS));
            files = use_up();
        }
        Short::Memory(Side::Victim) => assert!(limit_memory(MEMORY)),
        _ => {}
    }
    // It does not look whether it is in shared memory from here on.
    victim.over = false;
    stop();
    if script.sends_large(Side::Victim) {
        victim.send(script.large());
        victim.receive();
    }
    for _ in 0..MORE {
        victim.send(SMALL);
        victim.receive();
    }
    stop();
    drop(files);
}

pub(super) fn all_scripts() -> impl Iterator<Item = &'static Script> {
    OVER.iter().chain(&BACK).chain(&TAKE_BACK)
}

/// Forks and kills victims on command. A command has the number of the script, the side that binds, the honesty and the
/// number of the victim, how many system calls and then instructions it makes, the path of the log, and the endpoint.
pub(super) fn killer() {
    loop {
        let line = listen();
        let words: Vec<&str> = line.split(' ').collect();
        let &[script, binds, honest, from, calls, steps, log, endpoint] = &words[..] else {
            assert_eq!(line, "end");
            return;
        };
        let number = |text: &str| text.parse::<u64>().unwrap();
        let script = all_scripts().nth(number(script) as usize).unwrap();
        let log = Log(File::options().read(true).write(true).open(log).unwrap());
        let mut victim = Followed::fork(|| {
            let (binds, honest) = (binds == "binds", honest == "true");
            victim(script, binds, honest, number(from), &log, endpoint);
        });
        victim.run(u64::MAX, 0);
        log.set(STAGE, BEGUN);
        assert_eq!(listen(), "go on");
        let calls = number(calls);
        log.set(CALLS, victim.run(calls, number(steps)));
        if calls == u64::MAX {
            log.set(STAGE, ENDED);
            assert_eq!(listen(), "kill");
        }
        victim.kill();
        log.set(STAGE, DEAD);
    }
}
