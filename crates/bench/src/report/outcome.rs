//! The figures of one run.

use std::time::Duration;

use crate::plan::spec::Spec;
use crate::report::histogram::Samples;
use crate::report::measured::Measured;

/// Round-trip times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "percentiles explain themselves")]
pub struct Rtt {
    pub min: u64,
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// The rate of messages in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rate {
    pub msgs_per_s: f64,
    pub bytes_per_s: f64,
}

/// The bytes that a connection costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The side that connects.
    pub near: u64,
    /// The side that is bound.
    pub far: u64,
}

/// The CPU time of a short-lived peer in nanoseconds, in all threads of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    /// The side that connects. It makes and ends a context for each peer.
    pub near: u64,
    /// The side that is bound.
    pub far: u64,
}

/// The figures of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The times of round trips.
    Rtt(Rtt),
    /// The times of first messages after a pause, in one direction.
    First(Rtt),
    /// The rate of messages in one direction.
    Rate(Rate),
    /// The times of first replies, and the CPU time of a peer.
    Reply(Rtt, Cpu),
    /// The memory of idle connections.
    Memory(Memory),
}

impl Rtt {
    /// The percentiles of `samples`.
    pub fn of(samples: &Samples) -> Rtt {
        Rtt {
            min: samples.min(),
            p50: samples.at(0.5),
            p99: samples.at(0.99),
            p999: samples.at(0.999),
            max: samples.max(),
        }
    }
}

impl Rate {
    /// The rate of `count` messages of `size` bytes in `took`.
    pub fn of(count: u64, size: usize, took: Duration) -> Rate {
        let msgs_per_s = count as f64 / took.as_secs_f64().max(1e-9);
        Rate {
            msgs_per_s,
            bytes_per_s: msgs_per_s * size as f64,
        }
    }
}

impl Outcome {
    /// The figures of a run of `spec`. Memory is divided by the number of connections.
    pub fn of(spec: &Spec, measured: &Measured) -> Outcome {
        match measured {
            Measured::Latency(samples) if spec.pause.is_some() => Outcome::First(Rtt::of(samples)),
            Measured::Latency(samples) => Outcome::Rtt(Rtt::of(samples)),
            Measured::Throughput(took) => Outcome::Rate(Rate::of(spec.count, spec.size.0, *took)),
            Measured::Connect { samples, near, far } => {
                let each = |time: &Duration| {
                    let ns = time.as_nanos() / u128::from(spec.count.max(1));
                    u64::try_from(ns).unwrap_or(u64::MAX)
                };
                let (near, far) = (each(near), each(far));
                Outcome::Reply(Rtt::of(samples), Cpu { near, far })
            }
            Measured::Memory { near, far } => Outcome::Memory(Memory {
                near: near / spec.count.max(1),
                far: far / spec.count.max(1),
            }),
        }
    }

    /// The times of round trips, first messages or first replies; `None` for other figures.
    pub fn rtt(&self) -> Option<Rtt> {
        match self {
            Outcome::Rtt(rtt) | Outcome::First(rtt) | Outcome::Reply(rtt, _) => Some(*rtt),
            Outcome::Rate(_) | Outcome::Memory(_) => None,
        }
    }

    /// The rate of messages in one direction; `None` for other figures.
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Outcome::Rate(rate) => Some(*rate),
            Outcome::Rtt(_) | Outcome::First(_) | Outcome::Reply(..) | Outcome::Memory(_) => None,
        }
    }

    /// The ratio to `floor`: of the median times, of the rates, or of the bytes of both sides together. `None` if the
    /// two are of different kinds.
    pub fn against(&self, floor: &Outcome) -> Option<f64> {
        match (self, floor) {
            (Outcome::Rtt(own), Outcome::Rtt(floor))
            | (Outcome::First(own), Outcome::First(floor))
            | (Outcome::Reply(own, _), Outcome::Reply(floor, _)) => {
                Some(own.p50 as f64 / floor.p50.max(1) as f64)
            }
            (Outcome::Rate(own), Outcome::Rate(floor)) => Some(own.msgs_per_s / floor.msgs_per_s),
            (Outcome::Memory(own), Outcome::Memory(floor)) => {
                Some((own.near + own.far) as f64 / (floor.near + floor.far).max(1) as f64)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_kind() {
        let rtt = |p50| {
            Outcome::Rtt(Rtt {
                min: 1,
                p50,
                p99: 9,
                p999: 9,
                max: 9,
            })
        };
        let rate = |n| {
            Outcome::Rate(Rate {
                msgs_per_s: n,
                bytes_per_s: n,
            })
        };
        assert_eq!(rtt(6).against(&rtt(4)), Some(1.5));
        assert_eq!(rate(3.0).against(&rate(4.0)), Some(0.75));
        assert_eq!(rtt(6).against(&rate(4.0)), None);
        let memory = |near, far| Outcome::Memory(Memory { near, far });
        assert_eq!(memory(1, 2).against(&memory(2, 4)), Some(0.5));
    }
}
