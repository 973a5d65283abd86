//! `ringmq perf compare`: the floors and the pipe, ringmq's sockets and libzmq's, side by side.

use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ringmq_bench::compare::{Comparison, Effort, Finished, Machine, Part, Plan, Step, curves};
use ringmq_bench::plot::{check, draw};
use ringmq_bench::{Error, Libraries, Pin, Program};

use super::{Failure, words};

/// Arguments of `ringmq perf compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Fewer and shorter rounds, and fewer sizes of large bodies: a fifth of the time, about.
    #[arg(long)]
    quick: bool,
    /// Only these parts: pipe (a minute, about), sockets, or of them latency, throughput, connect, memory (four minutes
    /// together, about), pauses (the first message after one: a minute), busy (round trips beside processes that
    /// compute: half a minute), large (bodies of 4 KiB to 64 MiB, copied and in place, and published to 1 to 8 processes:
    /// seven minutes; up to 1 GiB of memory). [default: all]
    #[arg(long, value_name = "PART,...", value_delimiter = ',')]
    #[arg(value_parser = words::<Part>(Part::ALL.map(Part::name)))]
    only: Vec<Part>,
    /// The two CPUs of the rows that need two. [default: two that are no threads of one core]
    #[arg(long, value_name = "A,B|none")]
    pin: Option<Pin>,
    /// Print one JSON object a line, a line for each row.
    #[arg(long)]
    json: bool,
    /// Draw the percentile curves of round trips of 64 bytes on two CPUs into an SVG file: of the pipe and its floors, or,
    /// with `--only latency` or `sockets`, of REQ/REP over ipc with ringmq and libzmq.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

impl Compare {
    pub(super) fn run(&self, program: &Program) -> Result<(), Failure> {
        self.plot.as_deref().map_or(Ok(()), check)?;
        let drawn = [Part::Pipe, Part::Latency];
        if self.plot.is_some() && !drawn.iter().any(|part| part.is_among(&self.only)) {
            return Err(Failure::Bench(Error::Choice {
                what: "the picture shows the pipe, or round trips of sockets".to_owned(),
                remedy: "add pipe or latency to --only, or leave --plot away".to_owned(),
            }));
        }
        let libraries = Libraries::look();
        let machine = Machine::this(self.pin)?;
        let effort = if self.quick {
            Effort::QUICK
        } else {
            Effort::FULL
        };
        if !self.json {
            let rounds = effort.rounds;
            writeln!(stdout(), "{machine}")?;
            if self.has_sockets() {
                writeln!(stdout(), "{libraries}")?;
            }
            writeln!(
                stdout(),
                "Medians of {rounds} rounds; in a round, rows take turns.\n"
            )?;
        }
        if self.json && self.has_sockets() {
            // Standard output is for rows.
            for reason in libraries.missing() {
                eprintln!("ringmq: {reason}");
            }
        }
        let bar = progress_bar();
        let plan = match self.quick {
            true => Plan::quick(machine.pair, &self.only, &libraries),
            false => Plan::new(machine.pair, &self.only, &libraries),
        };
        let mut sections = Vec::new();
        for step in Comparison::new(plan, effort, program) {
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
            Some(path) => {
                let title = if Part::Pipe.is_among(&self.only) {
                    "Round trips of 64 bytes between two processes on two CPUs"
                } else {
                    "REQ/REP over ipc, round trips of 64 bytes between two processes on two CPUs"
                };
                Ok(draw(path, title, &curves(&sections))?)
            }
            None => Ok(()),
        }
    }
}

impl Compare {
    /// Is anything measured that libzmq can do, too?
    fn has_sockets(&self) -> bool {
        Part::ALL
            .into_iter()
            .any(|part| part != Part::Pipe && part.is_among(&self.only))
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
