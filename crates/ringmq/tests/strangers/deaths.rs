//! Peers that die in the midst of a message, on a byte stream: what the kernel had accepted of whole messages is
//! received, in order, and nothing of half of one.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use ringmq::{EventKind, Kind, Message, Monitor, MonitorError, RecvError, Socket};
use ringmq_testing::{
    Actor, Bytes, Random, Scratch, mix, role, role_args, seed, soon, spawn_role, watchdog,
};

use super::{bound, frame, peer};

/// The parts of message `number`: some are as long as what a session reads at once.
fn parts(number: u64) -> Vec<Vec<u8>> {
    let part = |at: u64| {
        let key = mix(number) ^ at;
        let longest = if mix(key).is_multiple_of(32) {
            200_000
        } else {
            300
        };
        let mut bytes = vec![0; (mix(!key) % longest) as usize];
        Bytes::new(key).fill(0, &mut bytes);
        bytes
    };
    let rest = (0..mix(number) % 3).map(part);
    std::iter::once(number.to_le_bytes().to_vec())
        .chain(rest)
        .collect()
}

fn encoded(number: u64) -> Vec<u8> {
    let parts = parts(number);
    let more = |at: usize| u8::from(at + 1 < parts.len());
    let frames = parts.iter().enumerate();
    frames
        .flat_map(|(at, part)| frame(more(at), part))
        .collect()
}

/// Sends until it is killed, in pieces of any length, and keeps account of the bytes that the kernel took.
fn sends() {
    let [endpoint, log, seed] = &role_args()[..] else {
        panic!("other arguments");
    };
    let mut random = Random::new(seed.parse().unwrap());
    let log = File::create(log).unwrap();
    let mut stream = peer(endpoint, "PUSH");
    let mut taken = 0_u64;
    for number in 0.. {
        let bytes = encoded(number);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let most = random.within(1..rest.len() + 1);
            let written = stream.write(&rest[..most]).unwrap();
            taken += written as u64;
            log.write_all_at(&taken.to_le_bytes(), 0).unwrap();
            rest = &rest[written..];
        }
    }
}

/// Sees that this is the next message.
fn see(message: &Message, next: &mut u64) {
    let received: Vec<_> = message.iter().map(|part| part.to_vec()).collect();
    assert!(
        received == parts(*next),
        "message {next} is another, or torn"
    );
    *next += 1;
}

fn is_over(monitor: &mut Monitor) -> bool {
    match monitor.try_recv() {
        Ok(event) => matches!(event.kind, EventKind::Disconnected { .. }),
        Err(MonitorError::WouldBlock) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Receives what there is until the connection has ended, and all that it has left.
fn receive_rest(pull: &mut Socket, monitor: &mut Monitor, next: &mut u64) {
    let mut over = false;
    loop {
        match pull.try_recv() {
            Ok(message) => see(&message, next),
            Err(RecvError::WouldBlock) if over => return,
            Err(RecvError::WouldBlock) => over = is_over(monitor),
            Err(error) => panic!("{error}"),
        }
    }
}

/// How many messages are whole in so many bytes.
fn whole(bytes: u64) -> u64 {
    let mut left = bytes;
    let fits = |number: &u64| {
        let len = encoded(*number).len() as u64;
        left.checked_sub(len).map(|less| left = less).is_some()
    };
    (0..).take_while(fits).count() as u64
}

#[test]
fn all_that_is_whole_is_received_and_nothing_else() {
    const TEST: &str = "deaths::all_that_is_whole_is_received_and_nothing_else";
    if role().is_some() {
        return sends();
    }
    let _guard = watchdog(Duration::from_secs(120));
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    let log = scratch.path("log");
    for endpoint in ["tcp://127.0.0.1:*", &format!("ipc://{}", scratch.path("s"))] {
        let mut pull = bound(Kind::Pull, endpoint);
        let mut monitor = pull.monitor().unwrap();
        let endpoint = pull.last_endpoint().to_owned();
        let mut torn = 0;
        for _ in 0..30 {
            let begin = random.next().to_string();
            let mut victim =
                Actor::start(&mut spawn_role(TEST, "sends", &[&endpoint, &log, &begin]));
            let mut next = 0;
            for _ in 0..random.below(300) + 1 {
                see(&pull.recv_deadline(soon()).unwrap(), &mut next);
            }
            random.dawdle(Duration::from_millis(3));
            victim.kill();
            victim.wait();
            receive_rest(&mut pull, &mut monitor, &mut next);
            let word = fs::read(&log).unwrap().try_into().unwrap();
            let taken = u64::from_le_bytes(word);
            // It may have been killed before it wrote the last of it down.
            let (least, most) = (whole(taken), whole(taken) + 1);
            assert!((least..=most).contains(&next), "{next} of {least}");
            let sent: usize = (0..next).map(|number| encoded(number).len()).sum();
            torn += u32::from(taken > sent as u64);
        }
        println!("{endpoint}: {torn} of 30 died in the midst of a message");
        assert!(torn > 0);
    }
}
