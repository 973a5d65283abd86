//! A comparison: the runs of a plan, row by row and round by round.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::Error;
use crate::plan::rows::Plan;
use crate::plan::rows::planned::Row;
use crate::plan::size::Size;
use crate::plan::spec::Spec;
use crate::plan::words::Work;
use crate::report::histogram::Samples;
use crate::report::measured::Measured;
use crate::report::median::median;
use crate::report::outcome::Outcome;
use crate::report::section::{Finished, FinishedRow};
use crate::run::load::Load;
use crate::run::program::Program;
use crate::run::supervise::run;

/// The number and length of the runs of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// The number of rounds of each row.
    pub rounds: usize,
    /// The time that a row takes in a round, about.
    pub time: Duration,
}

impl Effort {
    /// Five rounds. The pipe takes about a minute, the sockets about six, large bodies about seven.
    pub const FULL: Effort = Effort {
        rounds: 5,
        time: Duration::from_millis(150),
    };
    /// Three short rounds, for a first impression.
    pub const QUICK: Effort = Effort {
        rounds: 3,
        time: Duration::from_millis(20),
    };

    /// The number of messages that takes `time`, if one message takes `ns`.
    fn count(self, spec: &Spec, ns: f64) -> u64 {
        if let Some(pause) = spec.pause {
            return pause.fill(self.time, 4, 1000);
        }
        let least = match spec.work {
            Work::Latency | Work::Throughput if spec.large.is_some() => 5,
            Work::Latency => 1000,
            Work::Throughput => 8,
            Work::Connect => 50,
            // The number of connections is fixed.
            Work::Memory => return spec.count,
        };
        ((self.time.as_nanos() as f64 / ns.max(0.5)) as u64).clamp(least, 1 << 30)
    }
}

/// The result of a step of a [`Comparison`].
#[derive(Debug)]
pub enum Step {
    /// A run has ended.
    Ran {
        /// The name of its row.
        name: String,
        /// The number of runs that have ended.
        done: usize,
        /// The number of all runs.
        total: usize,
    },
    /// All runs of a section have ended.
    Section(Finished),
}

/// A comparison in progress, an iterator over its steps.
#[derive(Debug)]
pub struct Comparison<'a> {
    program: &'a Program,
    effort: Effort,
    sections: VecDeque<Section>,
    done: usize,
    total: usize,
}

/// A section in progress.
#[derive(Debug)]
struct Section {
    title: String,
    base: &'static str,
    rows: Vec<Running>,
    /// The number of processes that compute meanwhile.
    busy: usize,
    load: Option<Load>,
    /// The round of the next run. Round 0 finds the number of messages for the others.
    round: usize,
    row: usize,
}

/// A row in progress.
#[derive(Debug)]
struct Running {
    row: Row,
    outcomes: Vec<Outcome>,
    samples: Samples,
}

impl<'a> Comparison<'a> {
    /// A comparison of the rows of `plan`.
    pub fn new(plan: Plan, effort: Effort, program: &'a Program) -> Comparison<'a> {
        let running = |row| Running {
            row,
            outcomes: Vec::new(),
            samples: Samples::new(),
        };
        let sections: VecDeque<_> = plan
            .sections
            .into_iter()
            .map(|planned| {
                let rows = planned.rows.into_iter().map(running).collect();
                Section {
                    title: planned.title,
                    base: planned.base,
                    rows,
                    busy: planned.busy,
                    load: None,
                    round: 0,
                    row: 0,
                }
            })
            .collect();
        let rows: usize = sections.iter().map(|section| section.rows.len()).sum();
        Comparison {
            program,
            effort,
            sections,
            done: 0,
            total: rows * (effort.rounds + 1),
        }
    }

    fn step(&mut self, section: &mut Section) -> Result<Step, Error> {
        if section.busy > 0 && section.load.is_none() {
            section.load = Some(Load::start(self.program, section.busy)?);
        }
        let running = &mut section.rows[section.row];
        let spec = &mut running.row.spec;
        if section.round == 0 {
            let measured = run(&first(spec), self.program)?;
            let ns = match &measured {
                // The first bodies touch new memory, and a run has few of them.
                Measured::Latency(samples) if spec.large.is_some() => samples.at(0.5) as f64,
                Measured::Latency(samples) | Measured::Connect { samples, .. } => samples.mean(),
                Measured::Memory { .. } => 0.0,
                Measured::Throughput(took) => took.as_nanos() as f64 / first(spec).count as f64,
            };
            *spec = spec.clone().with_count(self.effort.count(spec, ns));
        } else {
            let measured = run(spec, self.program)?;
            running.outcomes.push(Outcome::of(spec, &measured));
            if let Measured::Latency(samples) | Measured::Connect { samples, .. } = measured {
                running.samples.add(&samples);
            }
        }
        let name = running.row.name.clone();
        section.row += 1;
        if section.row == section.rows.len() {
            (section.row, section.round) = (0, section.round + 1);
        }
        self.done += 1;
        Ok(Step::Ran {
            name,
            done: self.done,
            total: self.total,
        })
    }
}

/// The spec of round 0, which finds how long a message takes.
fn first(spec: &Spec) -> Spec {
    let count = match spec.work {
        // The pause says how long a message takes. This run only warms up.
        Work::Latency if spec.pause.is_some() => 1,
        // 32 MiB, or more where a few bodies are more.
        Work::Latency | Work::Throughput if spec.large.is_some() => {
            ((32 << 20) / spec.size.max(Size(1)).0 as u64).clamp(5, 500)
        }
        Work::Latency => 500,
        Work::Connect => 20,
        Work::Memory => spec.count,
        Work::Throughput => ((8 << 20) / spec.size.max(Size(1)).0 as u64).clamp(16, 20_000),
    };
    spec.clone().with_count(count)
}

impl Iterator for Comparison<'_> {
    type Item = Result<Step, Error>;

    /// Does the next run. The comparison ends after an error.
    fn next(&mut self) -> Option<Self::Item> {
        let mut section = self.sections.pop_front()?;
        if section.round > self.effort.rounds {
            return Some(Ok(Step::Section(section.finish())));
        }
        let step = self.step(&mut section);
        if step.is_ok() {
            self.sections.push_front(section);
        } else {
            self.sections.clear();
        }
        Some(step)
    }
}

impl Section {
    fn finish(self) -> Finished {
        let outcomes: Vec<_> = self.rows.iter().map(|row| median(&row.outcomes)).collect();
        let names: Vec<_> = self.rows.iter().map(|row| row.row.name.clone()).collect();
        let rows = self
            .rows
            .into_iter()
            .enumerate()
            .map(|(at, running)| FinishedRow {
                outcome: outcomes[at],
                floor: names[running.row.floor].clone(),
                is_floor: running.row.floor == at,
                ratio: outcomes[at]
                    .against(&outcomes[running.row.floor])
                    .unwrap_or(f64::NAN),
                name: running.row.name,
                spec: running.row.spec,
                samples: running.samples,
            });
        Finished {
            title: self.title,
            base: self.base,
            rows: rows.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::words::Transport;

    #[test]
    fn a_row_takes_its_time() {
        let spec = Spec::new(Work::Latency, Transport::Unix);
        let effort = Effort {
            rounds: 1,
            time: Duration::from_millis(100),
        };
        assert_eq!(effort.count(&spec, 10_000.0), 10_000);
        assert_eq!(effort.count(&spec, 1e9), 1000);
        let bulk = Spec::new(Work::Throughput, Transport::Unix);
        assert_eq!(effort.count(&bulk, 1e9), 8);
        assert_eq!(effort.count(&bulk, 0.0), 200_000_000);
    }
}
