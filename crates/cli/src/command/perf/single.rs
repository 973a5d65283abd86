//! `ringmq perf latency`, `throughput`, `connect` and `memory`: one run.

use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Args;
use ringmq_bench::plot::{Curve, check, draw};
use ringmq_bench::{Measured, Pause, Program, Report, Spec, Work, run};

use super::{Choices, Failure, LargeBodies};

/// Arguments of `ringmq perf latency`.
#[derive(Debug, Args)]
pub(crate) struct Latency {
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    large: LargeBodies,
    /// Sleep so long before each message, such as 100us or 10ms, and measure how long it takes one way, to a receiver
    /// that has slept meanwhile.
    #[arg(long, value_name = "TIME")]
    pause: Option<Pause>,
    /// Draw the percentile curve into an SVG file.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// Arguments of `ringmq perf throughput`.
#[derive(Debug, Args)]
pub(crate) struct Throughput {
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    large: LargeBodies,
}

/// Arguments of `ringmq perf connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    choices: Choices,
}

/// Arguments of `ringmq perf memory`.
#[derive(Debug, Args)]
pub(crate) struct Memory {
    #[command(flatten)]
    choices: Choices,
}

impl Connect {
    pub(super) fn run(&self, program: &Program) -> Result<(), Failure> {
        let spec = self.choices.spec(Work::Connect)?;
        measure(&spec, self.choices.json, program).map(drop)
    }
}

impl Memory {
    pub(super) fn run(&self, program: &Program) -> Result<(), Failure> {
        let spec = self.choices.spec(Work::Memory)?;
        measure(&spec, self.choices.json, program).map(drop)
    }
}

impl Latency {
    pub(super) fn run(&self, program: &Program) -> Result<(), Failure> {
        self.plot.as_deref().map_or(Ok(()), check)?;
        let mut spec = self.large.of(self.choices.spec(Work::Latency)?);
        if let Some(pause) = self.pause {
            spec = spec.with_pause(pause);
            spec = self.choices.counted(spec);
        }
        let measured = measure(&spec, self.choices.json, program)?;
        if let (Some(path), Measured::Latency(samples)) = (&self.plot, measured) {
            let name = format!("{}, {}, {}", spec.transport, spec.wait, spec.size);
            let title = match spec.pause {
                Some(pause) => format!(
                    "One way between two processes after {pause}, pin {}",
                    spec.pin
                ),
                None => format!("Round trips between two processes, pin {}", spec.pin),
            };
            draw(path, &title, &[Curve { name, samples }])?;
        }
        Ok(())
    }
}

impl Throughput {
    pub(super) fn run(&self, program: &Program) -> Result<(), Failure> {
        let spec = self.large.of(self.choices.spec(Work::Throughput)?);
        measure(&spec, self.choices.json, program).map(drop)
    }
}

fn measure(spec: &Spec, json: bool, program: &Program) -> Result<Measured, Failure> {
    let measured = run(spec, program)?;
    let report = Report::new(spec, &measured);
    if json {
        writeln!(stdout(), "{}", report.json())?;
    } else {
        writeln!(stdout(), "{report}")?;
    }
    Ok(measured)
}
