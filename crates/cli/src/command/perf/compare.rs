//! `ringmq perf compare`: the floors and the pipe, side by side.

use std::io::{Write, stdout};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use ringmq_bench::compare::{Comparison, Effort, Finished, Machine, Plan, Step};
use ringmq_bench::plot::{Curve, draw};
use ringmq_bench::{Pin, Program, allowed_cpus};

use crate::command::Failure;

/// `ringmq perf compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Compare {
    /// Fewer and shorter rounds: some ten seconds, and figures that vary more
    #[arg(long)]
    quick: bool,
    /// The two CPUs of the rows that need two [default: two that are no threads of one core]
    #[arg(long, value_name = "A,B")]
    pin: Option<Pin>,
    /// Print one JSON object a line, a line for each row
    #[arg(long)]
    json: bool,
    /// Draw the percentile curves of the rows on two cores into an SVG file
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

impl Compare {
    pub(super) fn run(self, program: &Program) -> Result<(), Failure> {
        let pair = match self.pin {
            Some(Pin::Cpus(near, far)) => Some((near, far)),
            Some(Pin::None) | None => None,
        };
        let machine = Machine::this(pair);
        let effort = if self.quick { Effort::QUICK } else { Effort::FULL };
        if !self.json {
            writeln!(stdout(), "{machine}")?;
            writeln!(stdout(), "Medians of {} rounds, in which the rows take turns.\n", effort.rounds)?;
        }
        let mut finished = Vec::new();
        let bar = progress_bar();
        for step in Comparison::new(Plan::new(machine.pair), effort, program) {
            match step? {
                Step::Ran { name, done, total } => {
                    bar.set_length(total as u64);
                    bar.set_position(done as u64);
                    bar.set_message(name);
                }
                Step::Section(section) => {
                    bar.suspend(|| print(&section, self.json))?;
                    finished.push(section);
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn print(section: &Finished, json: bool) -> Result<(), Failure> {
    if json {
        for line in section.json() {
            writeln!(stdout(), "{line}")?;
        }
    } else {
        writeln!(stdout(), "{section}")?;
    }
    Ok(())
}
