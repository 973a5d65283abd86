//! `ringmq perf compare`: the floors and the pipe, side by side.

use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ringmq_bench::compare::{Comparison, Effort, Finished, Machine, Plan, Step, curves};
use ringmq_bench::plot::{check, draw};
use ringmq_bench::{Pin, Program};

use super::Failure;

/// Arguments of `ringmq perf compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Fewer and shorter rounds: some ten seconds instead of about a minute.
    #[arg(long)]
    quick: bool,
    /// The two CPUs of the rows that need two. [default: two that are no threads of one core]
    #[arg(long, value_name = "A,B|none")]
    pin: Option<Pin>,
    /// Print one JSON object a line, a line for each row.
    #[arg(long)]
    json: bool,
    /// Draw the percentile curves of the rows on two CPUs that carry 64 bytes into an SVG file.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

impl Compare {
    pub(super) fn run(&self, program: &Program) -> Result<(), Failure> {
        self.plot.as_deref().map_or(Ok(()), check)?;
        let machine = Machine::this(self.pin)?;
        let effort = if self.quick {
            Effort::QUICK
        } else {
            Effort::FULL
        };
        if !self.json {
            let rounds = effort.rounds;
            writeln!(stdout(), "{machine}")?;
            writeln!(
                stdout(),
                "Medians of {rounds} rounds; in a round, rows take turns.\n"
            )?;
        }
        let bar = progress_bar();
        let mut sections = Vec::new();
        for step in Comparison::new(Plan::new(machine.pair), effort, program) {
            match step? {
                Step::Ran { name, done, total } => {
                    bar.set_length(total as u64);
                    bar.set_position(done as u64);
                    bar.set_message(name);
                }
                Step::Section(section) => {
                    bar.suspend(|| print(&section, self.json))?;
                    sections.push(section);
                }
            }
        }
        bar.finish_and_clear();
        match &self.plot {
            Some(path) => Ok(draw(
                path,
                "Round trips of 64 bytes between two processes on two CPUs",
                &curves(&sections),
            )?),
            None => Ok(()),
        }
    }
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}");
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
