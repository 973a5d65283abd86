//! Signals and pauses: no message is lost, and no receiver sleeps while one waits.

use std::time::{Duration, Instant};

use ringmq::{Context, Kind, RecvError, SendError, Wait};
use ringmq_testing::{Actor, Random, SignalStorm, role, seed, soon, spawn_role, watchdog};

use crate::parts::{arg, last, make, number, read, rings, socket};
use crate::places::Places;

/// Between two signals to one thread.
const PERIOD: Duration = Duration::from_micros(100);

fn strategy(name: &str) -> Wait {
    match name {
        "park" => Wait::Park,
        _ => Wait::Adaptive,
    }
}

/// Sends so many messages, with a pause now and then; in a storm of signals, if it is to be in one.
fn sender() {
    let mut random = Random::new(number(2));
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    push.set_wait(strategy(&arg(3)));
    push.connect(&arg(0)).unwrap();
    let storm = (arg(4) == "storm").then(|| SignalStorm::start(PERIOD));
    for number in 0..number(1) {
        let mut message = ringmq::Message::from(make_small(number));
        while let Err(error) = push.send(message) {
            assert!(matches!(error.reason, SendError::Interrupted), "{error}");
            message = error.message;
        }
        if random.one_in(1000) {
            random.dawdle(Duration::from_micros(300));
        }
    }
    drop(storm);
}

/// One in a hundred is of any size.
fn make_small(number: u64) -> Vec<u8> {
    if number.is_multiple_of(100) {
        make(0, number)
    } else {
        number.to_le_bytes().to_vec()
    }
}

fn run(test: &str, count: u64, wait: &str, weather: &str) {
    let seed = seed();
    let mut random = Random::new(!seed);
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    pull.set_wait(strategy(wait));
    pull.bind(&endpoint).unwrap();
    let args = [
        &endpoint[..],
        &count.to_string(),
        &seed.to_string(),
        wait,
        weather,
    ];
    let sender = Actor::start(&mut spawn_role(test, "sender", &args));
    let storm = (weather == "storm").then(|| SignalStorm::start(PERIOD));
    let mut longest = Duration::ZERO;
    let mut shared = false;
    for number in 0..count {
        let before = Instant::now();
        let message = loop {
            match pull.recv_deadline(soon()) {
                Err(RecvError::Interrupted) => {}
                received => break received.unwrap(),
            }
        };
        if number > 0 {
            longest = longest.max(before.elapsed());
        }
        if number.is_multiple_of(100) {
            assert_eq!(read(last(&message)), (0, number));
        } else {
            assert_eq!(last(&message), number.to_le_bytes());
        }
        if random.one_in(1000) {
            random.dawdle(Duration::from_micros(300));
        }
        shared |= number.is_multiple_of(10_000) && rings() > 0;
    }
    let signals = storm.as_ref().map_or(0, SignalStorm::handled);
    println!("{wait}, {weather}: {count} messages, {signals} signals, longest wait {longest:?}");
    assert!(shared);
    assert!((weather == "storm") == (signals > 0));
    drop(storm);
    sender.finish();
}

#[test]
fn calls_that_signals_interrupt_lose_nothing() {
    const TEST: &str = "signals::calls_that_signals_interrupt_lose_nothing";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for wait in ["park", "adaptive"] {
        run(TEST, 200_000, wait, "storm");
    }
}

#[test]
fn a_million_messages_with_pauses_all_wake_their_receiver() {
    const TEST: &str = "signals::a_million_messages_with_pauses_all_wake_their_receiver";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for wait in ["park", "adaptive"] {
        run(TEST, 500_000, wait, "calm");
    }
}

#[test]
#[ignore = "soak: 20 million messages"]
fn ten_million_messages_with_pauses_all_wake_their_receiver() {
    const TEST: &str = "signals::ten_million_messages_with_pauses_all_wake_their_receiver";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(1200));
    for wait in ["park", "adaptive"] {
        run(TEST, 10_000_000, wait, "calm");
    }
}
