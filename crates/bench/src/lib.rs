//! Benchmarks of ringmq: the bare pipe beside the floors of this machine, and its sockets beside those of stock libzmq.
//!
//! A *floor* is the least that a message between two processes can cost on this machine: a cache line that travels to
//! another core and back, an eventfd that wakes a sleeper, a copy in and a copy out. Absolute figures differ between
//! machines. The ratio of a row to its floor, both measured in one run, can be compared.
//!
//! ```text
//!            supervisor: asleep in poll(2), the watchdog of both
//!             │ job, descriptors                     │ job, descriptors
//!             ▼ ▲ samples                            ▼ ▲ verdict
//!        ┌────────────┐   ── message, stamped ──▶  ┌────────────┐
//!        │ near side  │        the transport       │  far side  │
//!        │ has a clock│   ◀── the same, or ack ──  │ echo, sink │
//!        └────────────┘                            └────────────┘
//!           CPU A                                     CPU B
//! ```
//!
//! # The contract
//!
//! * **Two processes, never threads.** The supervisor starts this program twice ([`Program`]) and sleeps during the run.
//!   The sides read the clock. The one exception is inproc, where the sides are two threads of the near process. A
//!   publisher has a process for each subscriber.
//! * **Both libraries take the same path.** The sockets of ringmq and of stock libzmq, which is loaded at run time
//!   ([`Libraries`]), are driven by the same code. Only the calls of the library differ.
//! * **A run ends.** A side that dies, or makes no progress for ten seconds, ends the run with an error that names the
//!   side and a remedy. Both sides die with the supervisor.
//! * **Everything that is measured happened.** The payload is written and read. Each message of a round trip carries a
//!   stamp that the near side checks, and the last message of a one-way run carries the number of messages.
//!
//! # The path of one round trip
//!
//! 1. [`run()`] checks the [`Spec`], creates the descriptors of the transport and starts both sides.
//! 2. Each side receives its job over a Unix socket, which is its standard input, and pins itself to its CPU.
//! 3. The near side stamps a message, reads the clock, sends the message and waits for the echo.
//! 4. The far side receives the message and sends it back.
//! 5. The near side reads the clock, records the difference and checks the stamp.
//! 6. At the end, the near side sends the histogram to the supervisor.
//!
//! ```no_run
//! use ringmq_bench::{Program, Report, Spec, Transport, Work, run};
//!
//! // A program whose `main` calls `ringmq_bench::peer()` when it is started as `program perf peer`.
//! let program = Program::this(["perf", "peer"])?;
//! let spec = Spec::new(Work::Latency, Transport::Unix);
//! let report = Report::new(&spec, &run(&spec, &program)?);
//! println!("{}", report.json());
//! # Ok::<(), ringmq_bench::Error>(())
//! ```
//!
//! # The order of the modules
//!
//! `run` starts processes and measures, `report` prints and draws the figures, `plan` says what is measured. Each may
//! use the modules after it, and all use `error`.

mod error;
mod plan;
mod report;
mod run;

pub use error::Error;
pub use plan::cpu::{Pin, allowed_cpus, apart};
pub use plan::large::{Bodies, FarSides, Large, Touch};
pub use plan::libraries::{Described, Libraries};
pub use plan::mechanism::Mechanism;
pub use plan::pause::Pause;
pub use plan::size::Size;
pub use plan::sockets::{Face, Pattern, Sockets};
pub use plan::spec::Spec;
pub use plan::words::{Transport, Wait, Work};
pub use report::histogram::Samples;
pub use report::measured::Measured;
pub use report::outcome::{Cpu, Memory, Outcome, Rate, Rtt};
pub use report::plot;
pub use report::single::Report;
pub use run::peer::peer;
pub use run::program::Program;
pub use run::protocol::PEER_MARK;
pub use run::sockets::library::{OWN_PATH, STOCK_PATH};
pub use run::supervise::run;

pub mod compare {
    //! A comparison: the floors of this machine and the pipe, and the sockets of ringmq and of stock libzmq, side by
    //! side in one run.
    //!
    //! A [`Comparison`] is an iterator. Each step is one run, or a section whose rows have had all their rounds. The
    //! rows of a section take turns, so that other load of the machine affects all of them. The figures of a row are
    //! the medians of its rounds' figures.

    pub use crate::plan::part::Part;
    pub use crate::plan::rows::Plan;
    pub use crate::plan::rows::planned::Row;
    pub use crate::report::machine::Machine;
    pub use crate::report::section::{Finished, FinishedRow, curves};
    pub use crate::run::compare::{Comparison, Effort, Step};
}
