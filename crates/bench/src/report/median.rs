//! The medians of several runs' figures.

use crate::report::outcome::{Cpu, Memory, Outcome, Rate, Rtt};

/// The median of each figure. There is at least one outcome, and all are of one kind.
pub(crate) fn median(outcomes: &[Outcome]) -> Outcome {
    let memory = |side: fn(&Memory) -> u64| {
        let all = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Memory(memory) => Some(side(memory) as f64),
            _ => None,
        });
        middle(all) as u64
    };
    if let Some(Outcome::Memory(_)) = outcomes.first() {
        return Outcome::Memory(Memory {
            near: memory(|memory| memory.near),
            far: memory(|memory| memory.far),
        });
    }
    let rtts: Vec<_> = outcomes.iter().filter_map(Outcome::rtt).collect();
    if rtts.is_empty() {
        let rates: Vec<_> = outcomes.iter().filter_map(Outcome::rate).collect();
        return Outcome::Rate(Rate {
            msgs_per_s: middle(rates.iter().map(|rate| rate.msgs_per_s)),
            bytes_per_s: middle(rates.iter().map(|rate| rate.bytes_per_s)),
        });
    }
    let of = |figure: fn(&Rtt) -> u64| middle(rtts.iter().map(|rtt| figure(rtt) as f64)) as u64;
    let rtt = Rtt {
        min: of(|rtt| rtt.min),
        p50: of(|rtt| rtt.p50),
        p99: of(|rtt| rtt.p99),
        p999: of(|rtt| rtt.p999),
        max: of(|rtt| rtt.max),
    };
    let cpu = |side: fn(&Cpu) -> u64| {
        let all = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Reply(_, cpu) => Some(side(cpu) as f64),
            _ => None,
        });
        middle(all) as u64
    };
    let cpu = Cpu {
        near: cpu(|cpu| cpu.near),
        far: cpu(|cpu| cpu.far),
    };
    match outcomes.first() {
        Some(Outcome::Reply(..)) => Outcome::Reply(rtt, cpu),
        Some(Outcome::First(_)) => Outcome::First(rtt),
        _ => Outcome::Rtt(rtt),
    }
}

/// The median: the mean of the middle two of an even number, and 0 for no values.
fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => f64::midpoint(values[n / 2 - 1], values[n / 2]),
        n => values[n / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_each_figure() {
        let rtt = |p50, max| {
            Outcome::Rtt(Rtt {
                min: 1,
                p50,
                p99: 10,
                p999: 10,
                max,
            })
        };
        let median = median(&[rtt(5, 100), rtt(3, 300), rtt(4, 200)]);
        assert_eq!(median, rtt(4, 200));
        assert_eq!(middle([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(middle(std::iter::empty()), 0.0);
    }
}
