//! `ringmq perf`: latency, throughput, and both beside the floors of this machine.

mod compare;
mod single;

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use ringmq_bench::{
    Bodies, Face, FarSides, Large, Mechanism, Pattern, Pin, Program, Size, Sockets, Spec, Touch,
    Transport, Wait, Work,
};

/// The verbs of `ringmq perf`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Round trips between two processes, one at a time.
    Latency(single::Latency),
    /// Messages one way between two processes, as many as go.
    Throughput(single::Throughput),
    /// The first reply to a peer that has just begun, once for each of many short-lived peers, and the CPU time of a peer.
    Connect(single::Connect),
    /// What a silent connection costs each side in memory.
    Memory(single::Memory),
    /// The floors of this machine and the pipe, ringmq's sockets and libzmq's, side by side in one run.
    Compare(compare::Compare),
    /// One side of a measurement, started by the others.
    #[command(hide = true)]
    Peer,
}

/// Why the command failed.
#[derive(Debug)]
enum Failure {
    Bench(ringmq_bench::Error),
    Stdout(io::Error),
}

impl From<ringmq_bench::Error> for Failure {
    fn from(error: ringmq_bench::Error) -> Failure {
        Failure::Bench(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Stdout(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Bench(error) => error.fmt(f),
            Failure::Stdout(error) => write!(f, "cannot write standard output: {error}"),
        }
    }
}

/// Runs the command.
pub(crate) fn run(verb: &Verb) -> ExitCode {
    match measure(verb) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has seen enough (`| head`).
        Err(Failure::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("ringmq: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(verb: &Verb) -> Result<(), Failure> {
    let program = || Program::this(["perf", "peer"]);
    match verb {
        Verb::Latency(latency) => latency.run(&program()?),
        Verb::Throughput(throughput) => throughput.run(&program()?),
        Verb::Connect(connect) => connect.run(&program()?),
        Verb::Memory(memory) => memory.run(&program()?),
        Verb::Compare(compare) => compare.run(&program()?),
        Verb::Peer => Ok(ringmq_bench::peer()?),
    }
}

/// What is to be measured.
#[derive(Debug, Args)]
struct Choices {
    /// What carries the messages; zmq-... are ZeroMQ sockets. [default: pipe; zmq-ipc where only sockets can]
    #[arg(long, value_parser = words::<Transport>(Transport::ALL.map(Transport::name)))]
    transport: Option<Transport>,
    /// Which sockets. [default: req-rep; push-pull for throughput and memory]
    #[arg(long, value_parser = words::<Pattern>(Pattern::ALL.map(Pattern::name)))]
    pattern: Option<Pattern>,
    /// Whose sockets: ringmq's, the same by their C interface, or those of the libzmq of this machine. RINGMQ_BENCH_LIBZMQ
    /// and RINGMQ_BENCH_OWN_LIBZMQ name other files. [default: ringmq]
    #[arg(long, value_parser = words::<Face>(Face::ALL.map(Face::name)))]
    library: Option<Face>,
    /// The security mechanism of zmq-ipc and zmq-tcp: with plain the receiver has an authenticator, with curve messages are
    /// encrypted and stay on ZMTP. [default: null]
    #[arg(long, value_parser = words::<Mechanism>(Mechanism::ALL.map(Mechanism::name)))]
    mechanism: Option<Mechanism>,
    /// How both sides wait. Only the pipe and ringmq's sockets have a choice. [default: adaptive; cacheline spin, others
    /// park]
    #[arg(long, value_parser = words::<Wait>(Wait::ALL.map(Wait::name)))]
    wait: Option<Wait>,
    /// Payload of a message, such as 64, 1K or 1KiB. [default: 64; eventfd 8, latency of cacheline 0]
    #[arg(long, value_name = "BYTES")]
    size: Option<Size>,
    /// Messages (peers, connections) that are measured, after a tenth as many to warm up. [default: 100000 round trips;
    /// throughput 1000000 messages, 10000000 in memory; fewer if they are longer than 1 KiB; with --pause, for 3 s;
    /// connect and memory 1000]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// CPUs of the two processes, which may be the same, or none. [default: two, if there are two]
    #[arg(long, value_name = "A,B|none")]
    pin: Option<Pin>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// How large bodies are made and read.
#[derive(Debug, Args)]
struct LargeBodies {
    /// Make each body anew, write and read parts of it: copied at both ends (send and recv, or zmq_send and zmq_recv),
    /// sent in place (blocks, or zmq_msg_send and zmq_msg_recv), or received in place as well (a vow, or
    /// RINGMQ_IN_PLACE=1). Of zmq-ipc and zmq-tcp; the pipe has in-place. [default: one buffer for all messages]
    #[arg(long, value_parser = words::<Bodies>(Bodies::ALL.map(Bodies::name)))]
    bodies: Option<Bodies>,
    /// The parts of large bodies that are written and read: the first and the last 8 bytes, or 8 bytes of each page.
    /// [default: ends]
    #[arg(long, value_parser = words::<Touch>(Touch::ALL.map(Touch::name)))]
    touch: Option<Touch>,
    /// The number of processes that pub-sub publishes to. [default: 1]
    #[arg(long, value_name = "N")]
    subscribers: Option<FarSides>,
}

impl LargeBodies {
    /// Adds what was asked for to `spec`. Any of the arguments asks for large bodies, and pub-sub does.
    fn of(&self, spec: Spec) -> Spec {
        let asked = self.bodies.is_some()
            || self.touch.is_some()
            || self.subscribers.is_some()
            || spec.sockets.pattern == Pattern::PubSub;
        if !asked {
            return spec;
        }
        let bodies = match spec.transport {
            Transport::Pipe => Bodies::InPlace,
            _ => Bodies::default(),
        };
        spec.with_large(Large {
            bodies: self.bodies.unwrap_or(bodies),
            touch: self.touch.unwrap_or_default(),
            far_sides: self.subscribers.unwrap_or_default(),
        })
    }
}

impl Choices {
    fn spec(&self, work: Work) -> Result<Spec, ringmq_bench::Error> {
        let transport = self.transport.unwrap_or(match work {
            Work::Latency | Work::Throughput => Transport::Pipe,
            Work::Connect | Work::Memory => Transport::ZmqIpc,
        });
        let mut spec = Spec::new(work, transport);
        if (self.pattern.is_some() || self.library.is_some()) && !transport.is_zmq() {
            return Err(ringmq_bench::Error::Choice {
                what: format!("{transport} has no sockets of ZeroMQ's"),
                remedy: "leave --pattern and --library away, or choose --transport zmq-ipc"
                    .to_owned(),
            });
        }
        let Sockets { pattern, face } = spec.sockets;
        spec = spec.with_sockets(Sockets {
            pattern: self.pattern.unwrap_or(pattern),
            face: self.library.unwrap_or(face),
        });
        if let Some(size) = self.size {
            spec = spec.with_size(size);
        }
        spec = self.counted(spec);
        spec.mechanism = self.mechanism.unwrap_or(spec.mechanism);
        spec.wait = self.wait.unwrap_or(spec.wait);
        spec.pin = self.pin.unwrap_or(spec.pin);
        Ok(spec)
    }

    /// With as many messages as were asked for, if any number was.
    fn counted(&self, spec: Spec) -> Spec {
        match self.count {
            Some(count) => spec.with_count(count),
            None => spec,
        }
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
        Ok(line.choices.spec(Work::Latency).unwrap())
    }

    #[test]
    fn every_choice_arrives() {
        let line = "--transport os-pipe --wait spin --size 1KiB --count 7 --pin 3,3";
        let spec = spec(line).unwrap();
        assert_eq!((spec.transport, spec.wait), (Transport::OsPipe, Wait::Spin));
        assert_eq!(
            (spec.size, spec.count, spec.pin),
            (Size(1024), 7, Pin::Cpus(3, 3))
        );
    }

    #[test]
    fn choices_of_sockets_arrive_and_go_with_sockets_only() {
        let spec =
            spec("--transport zmq-tcp --pattern pair --library libzmq --mechanism curve").unwrap();
        assert_eq!(spec.transport, Transport::ZmqTcp);
        assert_eq!(
            (spec.sockets.pattern, spec.sockets.face, spec.wait),
            (Pattern::Pair, Face::Stock, Wait::Park)
        );
        assert_eq!(spec.mechanism, Mechanism::Curve);
        for line in ["--pattern pair", "--transport tcp --library libzmq"] {
            let words = std::iter::once("perf").chain(line.split_whitespace());
            let line = Line::try_parse_from(words).unwrap();
            let error = line.choices.spec(Work::Latency).unwrap_err().to_string();
            assert!(error.contains("zmq-ipc"), "{error}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_transport() {
        let spec = spec("--transport eventfd --pin none").unwrap();
        assert_eq!(
            (spec.size, spec.wait, spec.pin),
            (Size(8), Wait::Park, Pin::None)
        );
        assert!(spec.count > 0);
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_right_words() {
        for (line, part) in [
            ("--pin 0", "such as 0,1"),
            ("--pin 0,x", "such as 0,1"),
            ("--transport udp", "os-pipe"),
            ("--wait never", "adaptive"),
            ("--pattern pub", "push-pull"),
            ("--library zmq", "libzmq"),
            ("--mechanism gssapi", "curve"),
            ("--size 1GB", "4MiB"),
            ("--count x", "--count"),
        ] {
            let error = spec(line).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
