//! No wake-up is lost: two processes that wait for each other all the time, around the moments when one
//! falls asleep.
//!
//! Each burst waits for its answer, so a lost wake-up stalls both sides without end.
//! Bursts of one message are what makes a sleeper ask its peer for fences; longer ones make it pay for the
//! order itself. Each regime is also forced.

use std::ops::Range;
use std::time::Duration;

use ringmq_pipe::{Options, Pipe, Wait};
use ringmq_testing::{Random, now_nanos, role, role_args, seed, watchdog};

use crate::ends::{arg, join, meet, name_of, number, wait_named};

/// What two processes do with each other.
#[derive(Debug)]
struct Exchange {
    wait: Wait,
    /// Who pays for the order before a sleep; `None` as the pipe sees fit.
    fences: Option<bool>,
    /// Messages before an answer.
    burst: Range<usize>,
    messages: u64,
}

/// Longer than any spinning, shorter than two sleeps: a waiting thread is about to sleep, asleep, or waking.
const LONGEST_PAUSE: Duration = Duration::from_micros(80);
/// What a stall is, in a soak on a machine that has nothing else to do.
const STALL: u64 = 100_000_000;

impl Exchange {
    fn options(wait: Wait, fences: Option<bool>) -> Options {
        // A full ring puts the sender to sleep as well.
        let options = Options::new().capacity(4096).wait(wait);
        match fences {
            Some(ask) => options.ask_fences(ask),
            None => options,
        }
    }

    /// Sends bursts and awaits the answers; returns the longest time that one took, beside the pauses.
    fn lead(&self, mut pipe: Pipe, random: &mut Random) -> u64 {
        let mut message = Vec::new();
        let (mut sent, mut longest) = (0, 0);
        while sent < self.messages {
            let burst = random.within(self.burst.clone());
            for last in (0..burst).rev() {
                if random.one_in(2) {
                    random.dawdle(LONGEST_PAUSE / burst as u32);
                }
                let len = if random.one_in(8) {
                    random.within(1..600)
                } else {
                    1
                };
                message.clear();
                message.resize(len, u8::from(last == 0));
                let before = now_nanos();
                pipe.sender().send(&message).unwrap();
                longest = longest.max(now_nanos() - before);
                sent += 1;
            }
            let before = now_nanos();
            pipe.receiver().recv(&mut message).unwrap();
            longest = longest.max(now_nanos() - before);
            assert_eq!(message, sent.to_le_bytes(), "the answer counts what came");
        }
        longest
    }

    fn run(&self, test: &str, random: &mut Random) {
        let args = [
            random.next().to_string(),
            name_of(self.wait).to_owned(),
            format!("{:?}", self.fences),
        ];
        let args = args.each_ref().map(String::as_str);
        let options = Exchange::options(self.wait, self.fences);
        let (pipe, actor) = meet(test, "answers", &args, &options);
        let longest = self.lead(pipe, random);
        println!("{self:?}: longest stall {} us", longest / 1000);
        if is_soak() {
            assert!(
                longest < STALL,
                "{self:?}: a stall of {} ms",
                longest / 1_000_000
            );
        }
        actor.finish();
    }
}

/// The role: answers each burst, after a pause.
fn answer() {
    let fences = ["Some(true)", "Some(false)"].map(|name| name == arg(2));
    let fences = fences.contains(&true).then_some(fences[0]);
    let mut pipe = join(&Exchange::options(wait_named(&arg(1)), fences));
    let mut random = Random::new(number(0));
    let (mut came, mut message) = (0u64, Vec::new());
    while pipe.receiver().recv(&mut message).is_ok() {
        came += 1;
        if random.one_in(16) {
            random.dawdle(LONGEST_PAUSE);
        }
        if message[0] == 1 {
            pipe.sender().send(&came.to_le_bytes()).unwrap();
        }
    }
}

/// Whether the long tests were asked for: nothing else should run then.
fn is_soak() -> bool {
    std::env::args().any(|argument| argument.contains("ignored"))
}

/// Exchanges `total` messages in all, with every way to wait. A lost wake-up stalls an exchange without end, so each
/// exchange has a `limit` of its own: where a wake-up is expensive, all of them together take long.
fn lose_nothing(test: &str, total: u64, limit: Duration) {
    if role().is_some() {
        assert_eq!(role_args().len(), 4);
        return answer();
    }
    let mut random = Random::new(seed());
    let exchanges = [Wait::Park, Wait::Adaptive].into_iter().flat_map(|wait| {
        let regimes = [None, Some(true), Some(false)];
        regimes.into_iter().flat_map(move |fences| {
            [1..2, 1..20, 100..300].map(|burst| Exchange {
                wait,
                fences,
                // An answer costs two wake-ups, a message of a long burst next to nothing.
                messages: total / if burst.start > 1 { 4 } else { 16 },
                burst,
            })
        })
    });
    for exchange in exchanges {
        let _guard = watchdog(limit);
        exchange.run(test, &mut random);
    }
}

#[test]
fn no_wake_up_is_lost() {
    const TEST: &str = "wakeups::no_wake_up_is_lost";
    lose_nothing(TEST, 100_000, Duration::from_secs(120));
}

#[test]
#[ignore = "soak: 10 million messages"]
fn no_wake_up_is_lost_among_millions() {
    const TEST: &str = "wakeups::no_wake_up_is_lost_among_millions";
    lose_nothing(TEST, 5_000_000, Duration::from_secs(1200));
}
