//! The `ringmq` command: try, measure and watch.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints: that is its job"
)]

mod command;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Messages between processes of one machine, at the speed of a cache line.
#[derive(Debug, Parser)]
#[command(
    name = "ringmq",
    version,
    propagate_version = true,
    after_long_help = command::outcome::EXIT_CODES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Standard input and output through shared memory, like `nc -U`.
    #[command(subcommand)]
    Pipe(command::pipe::Verb),
    /// Run a program on the libzmq.so.5 of ringmq.
    Run(command::run::Run),
    /// Make a key pair for CURVE.
    Keygen(command::keygen::Keygen),
    /// Latency and throughput between two processes, beside the floors of this machine.
    #[command(subcommand)]
    Perf(command::perf::Verb),
    /// Man pages and completions, for packages.
    #[command(subcommand, hide = true)]
    Generate(command::generate::Verb),
    /// Write what comes at a socket to a file; connects a SUB by default.
    Record(Box<command::record::Record>),
    /// Send what was recorded, with the time between messages.
    Replay(Box<command::record::Replay>),
    /// Look at recordings, check them, repair them
    #[command(subcommand)]
    Recording(command::record::Verb),
    /// What the ringmq processes of this machine are doing.
    Top(command::top::Top),
    #[command(flatten)]
    Talk(Box<command::talk::Verb>),
    /// Who listens where.
    Ls(command::ls::Ls),
    /// What the peer at an endpoint says of itself.
    Info(command::info::Info),
    /// Why a connection is not in shared memory, and what helps.
    Doctor(command::doctor::Doctor),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Pipe(verb) => command::pipe::run(&verb),
        Command::Run(arguments) => command::run::run(&arguments),
        Command::Keygen(arguments) => command::keygen::run(&arguments),
        Command::Perf(verb) => command::perf::run(&verb),
        Command::Generate(verb) => command::generate::run(&verb, Arguments::command()),
        Command::Record(arguments) => command::record::record(&arguments),
        Command::Replay(arguments) => command::record::replay(&arguments),
        Command::Recording(verb) => command::record::run(&verb),
        Command::Top(arguments) => command::top::run(&arguments),
        Command::Talk(verb) => command::talk::run(&verb),
        Command::Ls(arguments) => command::ls::run(&arguments),
        Command::Info(arguments) => command::info::run(&arguments),
        Command::Doctor(arguments) => command::doctor::run(&arguments),
    }
}
