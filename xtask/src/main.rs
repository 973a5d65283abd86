//! The task runner of ringmq. Every check that guards the project is a command of this program, and
//! `cargo xtask test` runs those that must hold before a change is merged.
//!
//! ```text
//! cargo xtask test ─┬─ setup            what is missing on the machine
//!                   ├─ fmt clippy       the compiler's own opinion
//!                   ├─ layers sizes     the shape that ARCHITECTURE.md promises
//!                   ├─ docs             rustdoc, doctests, links
//!                   ├─ unit portable    the tests, with either way to copy
//!                   ├─ interop          stock libzmq at the other end
//!                   ├─ loom asan        the tests, under a model and a sanitizer
//!                   └─ deny             licences and sources of what we depend on
//! by hand:             tsan soak mutants book package release
//! ```

// Printing is what a task runner is for.
#![allow(clippy::print_stdout, clippy::print_stderr)]
#![forbid(unsafe_code)]

mod asan;
mod book;
mod clippy;
mod deny;
mod docs;
mod fmt;
mod interop;
mod layers;
mod links;
mod loom;
mod markdown;
mod mutants;
mod package;
mod portable;
mod process;
mod release;
mod setup;
mod sizes;
mod soak;
mod source;
mod test;
mod tools;
mod tsan;
mod unit;
mod workspace;
mod wrap;

use std::process::ExitCode;

use ::clap::{Parser, Subcommand};

use crate::process::Outcome;
use crate::workspace::Workspace;

/// Tasks of the ringmq workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold, in order, with a timed summary.
    Test(test::Arguments),
    /// Install the Debian packages and cargo commands that the tests need.
    Setup,
    /// Formatting: `cargo fmt --check`.
    Fmt,
    /// Clippy over all targets, warnings denied.
    Clippy,
    /// The floors, walls and rooms of ARCHITECTURE.md against the crates and their sources, and circles of files.
    Layers,
    /// Lines of code per file: a note above 300, an error above 500.
    Sizes,
    /// Rustdoc with warnings denied, the doctests, and the relative links of the Markdown files.
    Docs,
    /// The tests of every crate but `interop`, by nextest where it is installed.
    Unit,
    /// The ring's tests with the portable copy instead of the processor's.
    Portable,
    /// ringmq and stock libzmq against each other.
    Interop,
    /// The ring's interleaving tests under loom.
    Loom,
    /// The tests of ring and pipe under AddressSanitizer and LeakSanitizer.
    Asan,
    /// The tests of ring and pipe under ThreadSanitizer (by hand).
    Tsan,
    /// The book of `docs`, by mdBook, with its links checked (by hand).
    Book,
    /// Licences, bans and sources of the dependencies.
    Deny,
    /// Long tests and fuzzing (by hand).
    Soak(soak::Arguments),
    /// Mutation tests of the ring (by hand).
    Mutants(mutants::Arguments),
    /// The Debian packages, the wheel and the tarball (by hand).
    Package(package::Arguments),
    /// What a release needs: versions, CHANGELOG, crates, links, book, packages (by hand).
    Release(release::Arguments),
}

fn run(task: &Task) -> Outcome {
    let workspace = Workspace::find()?;
    match task {
        Task::Test(arguments) => test::run(&workspace, arguments),
        Task::Setup => setup::run(&workspace),
        Task::Fmt => fmt::run(&workspace),
        Task::Clippy => clippy::run(&workspace),
        Task::Layers => layers::run(&workspace),
        Task::Sizes => sizes::run(&workspace),
        Task::Docs => docs::run(&workspace),
        Task::Unit => unit::run(&workspace),
        Task::Portable => portable::run(&workspace),
        Task::Interop => interop::run(&workspace),
        Task::Loom => loom::run(&workspace),
        Task::Asan => asan::run(&workspace),
        Task::Tsan => tsan::run(&workspace),
        Task::Book => book::run(&workspace),
        Task::Deny => deny::run(&workspace),
        Task::Soak(arguments) => soak::run(&workspace, arguments),
        Task::Mutants(arguments) => mutants::run(&workspace, arguments),
        Task::Package(arguments) => package::run(&workspace, arguments),
        Task::Release(arguments) => release::run(&workspace, arguments),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
