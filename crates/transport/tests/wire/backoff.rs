//! Waiting before the next attempt, in virtual time, against an oracle that counts as libzmq does, in
//! whole milliseconds.

use std::time::Duration;

use ringmq_testing::{Random, seed};
use ringmq_transport::{Backoff, DialError, ReconnectStop};

/// libzmq's rule, with its numbers.
struct Oracle {
    interval: i64,
    most: i64,
    current: i64,
}

impl Oracle {
    fn next(&mut self, random: u32) -> Option<i64> {
        let longest = i64::from(i32::MAX);
        if self.interval <= 0 {
            return None;
        }
        if self.most <= 0 {
            let jitter = i64::from(random) % self.interval;
            return Some((self.interval + jitter).min(longest));
        }
        let candidate = match self.current {
            -1 => self.interval,
            current if current > longest / 2 => longest,
            current => current * 2,
        };
        self.current = candidate.min(self.most);
        Some(self.current)
    }
}

#[test]
fn waits_are_those_of_libzmq() {
    let mut random = Random::new(seed());
    let ms = |n: i64| Duration::from_millis(u64::try_from(n).unwrap());
    let numbers = [
        0,
        1,
        2,
        100,
        1000,
        60_000,
        i64::from(i32::MAX) - 1,
        i64::from(i32::MAX),
    ];
    for _ in 0..2_000 {
        let interval = [-1, 0, 1, 99, 100, 1000, i64::from(i32::MAX)][random.within(0..7)];
        let most = numbers[random.within(0..numbers.len())];
        let mut oracle = Oracle {
            interval,
            most,
            current: -1,
        };
        let given = u64::try_from(interval).ok().map(Duration::from_millis);
        let mut backoff = Backoff::new(given, ms(most));
        let mut clock = Duration::ZERO;
        let mut expected = 0;
        for _ in 0..random.within(1..50) {
            if random.one_in(10) {
                backoff.reset();
                oracle.current = -1;
            }
            let number = random.next() as u32;
            let wait = backoff.next(number);
            assert_eq!(wait, oracle.next(number).map(ms), "{interval} {most}");
            let Some(wait) = wait else { break };
            clock += wait;
            expected += i64::try_from(wait.as_millis()).unwrap();
        }
        assert_eq!(clock, ms(expected), "whole milliseconds");
    }
}

#[test]
fn jitter_fills_the_interval_and_no_more() {
    let ms = Duration::from_millis;
    let mut backoff = Backoff::new(Some(ms(4)), Duration::ZERO);
    let waits: Vec<_> = (0..5).map(|random| backoff.next(random).unwrap()).collect();
    assert_eq!(waits, [ms(4), ms(5), ms(6), ms(7), ms(4)]);
}

#[test]
fn what_ends_all_trying() {
    let failed = |kind: std::io::ErrorKind| DialError::Os {
        step: "connect",
        endpoint: "tcp://127.0.0.1:1".into(),
        source: kind.into(),
        fd: None,
    };
    let refused = failed(std::io::ErrorKind::ConnectionRefused);
    let unreachable = failed(std::io::ErrorKind::HostUnreachable);
    let never = ReconnectStop::default();
    let on_refusal = ReconnectStop {
        refused: true,
        ..never
    };
    let after_disconnect = ReconnectStop {
        after_disconnect: true,
        ..never
    };
    for (stop, error, disconnected, ends) in [
        (never, &refused, true, false),
        (on_refusal, &refused, false, true),
        (on_refusal, &unreachable, false, false),
        (after_disconnect, &refused, false, false),
        (after_disconnect, &refused, true, true),
        (after_disconnect, &unreachable, true, false),
    ] {
        assert_eq!(stop.ends_after(error, disconnected), ends, "{stop:?}");
    }
}
