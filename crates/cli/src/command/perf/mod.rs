//! `ringmq perf`: latency, throughput, and both against the floors of this machine.

mod compare;
mod single;

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use ringmq_bench::{Pin, Program, Size, Spec, Transport, Wait, Work};

use super::Failure;

/// `ringmq perf`.
#[derive(Debug, clap::Args)]
pub(crate) struct Perf {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Round trips between two processes, one at a time
    Latency(single::Latency),
    /// Messages one way between two processes, as many as go
    Throughput(single::Throughput),
    /// The floors of this machine and the pipe, side by side in one run (about a minute)
    Compare(compare::Compare),
    /// One side of a measurement, started by the others
    #[command(hide = true)]
    Peer,
}

impl Perf {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Latency(latency) => latency.run(&program()?),
            Verb::Throughput(throughput) => throughput.run(&program()?),
            Verb::Compare(compare) => compare.run(&program()?),
            Verb::Peer => Ok(ringmq_bench::peer()?),
        }
    }
}

/// This program as [`Verb::Peer`].
fn program() -> Result<Program, ringmq_bench::Error> {
    Program::this(["perf", "peer"])
}

/// What is to be measured.
#[derive(Debug, clap::Args)]
struct Choices {
    /// What carries the messages
    #[arg(long, value_parser = words::<Transport>(Transport::ALL.map(Transport::name)), default_value = "pipe")]
    transport: Transport,
    /// How both sides of the pipe wait [default: adaptive; what is not a pipe knows one way only]
    #[arg(long, value_parser = words::<Wait>(Wait::ALL.map(Wait::name)))]
    wait: Option<Wait>,
    /// Payload of a message, such as 64 or 1KiB [default: 64; eventfd 8, cacheline's latency 0]
    #[arg(long, value_name = "BYTES")]
    size: Option<Size>,
    /// Messages that are measured, after a tenth as many to warm up
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// CPUs of the two processes, which may be the same, or none [default: two, if there are two]
    #[arg(long, value_name = "A,B|none")]
    pin: Option<Pin>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Choices {
    fn spec(&self, work: Work) -> Spec {
        let mut spec = Spec::new(work, self.transport);
        spec = self.wait.map_or(spec.clone(), |wait| spec.with_wait(wait));
        spec = self.size.map_or(spec.clone(), |size| spec.with_size(size));
        spec = self.count.map_or(spec.clone(), |count| spec.with_count(count));
        self.pin.map_or(spec.clone(), |pin| spec.with_pin(pin))
    }
}

/// A parser of `names`, which shows them in the help.
fn words<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = ringmq_bench::Error> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|word| word.parse::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        choices: Choices,
    }

    fn spec(line: &str) -> Result<Spec, clap::Error> {
        let line = Line::try_parse_from(std::iter::once("perf").chain(line.split_whitespace()))?;
        Ok(line.choices.spec(Work::Latency))
    }

    #[test]
    fn every_choice_arrives() {
        let line = "--transport os-pipe --wait spin --size 1KiB --count 7 --pin 3,3";
        let spec = spec(line).unwrap();
        assert_eq!((spec.transport, spec.wait), (Transport::OsPipe, Wait::Spin));
        assert_eq!((spec.size, spec.count, spec.pin), (Size(1024), 7, Pin::Cpus(3, 3)));
    }

    #[test]
    fn defaults_are_those_of_the_transport() {
        let spec = spec("--transport eventfd --pin none").unwrap();
        assert_eq!((spec.size, spec.wait, spec.pin), (Size(8), Wait::Park, Pin::None));
        assert!(spec.count > 0);
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_right_words() {
        for (line, part) in [
            ("--pin 0", "such as 0,1"),
            ("--pin 0,x", "such as 0,1"),
            ("--transport udp", "os-pipe"),
            ("--wait never", "adaptive"),
            ("--size 1GB", "1KiB"),
            ("--count -1", "--count"),
        ] {
            let error = spec(line).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
