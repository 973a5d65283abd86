//! `RINGMQ_LOG=1`: the events of `tracing` as lines on standard error, for a program that knows nothing of them.
//!
//! ```text
//!   ringmq[4711] loaded version=0.2.0 shared_memory=true wait=Adaptive
//!   ringmq[4711] connected endpoint=ipc:///tmp/upper.sock type=REQ peer=4712 carrier=ZMTP reason="..."
//!   ringmq[4711] carrier changed endpoint=ipc:///tmp/upper.sock type=REQ peer=4712 carrier=shared-memory
//!   ringmq[4711] disconnected endpoint=ipc:///tmp/upper.sock type=REQ reason="..."
//! ```

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::context::environment::Environment;
use crate::mail::SharedMemory;
use crate::registry::Defaults;

/// Prints events of ringmq up to a level, one a line.
struct Printer(Level);

/// The text of one event.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.0, " {value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}

impl Line {
    fn new() -> Line {
        Line(format!("ringmq[{}]", std::process::id()))
    }

    /// Prints it, in one piece.
    fn print(mut self) {
        self.0.push('\n');
        // A program that has closed standard error does without.
        let _ = std::io::stderr().write_all(self.0.as_bytes());
    }
}

impl Subscriber for Printer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ringmq")
            && !metadata.is_span()
            && *metadata.level() <= self.0
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::new();
        event.record(&mut line);
        line.print();
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

/// With the first context of a process: begins to print if the environment asks for it and the program has no subscriber
/// of its own, and says which version this is. An environment that requires shared memory asks for warnings. Prints unknown
/// values of the environment once, also if nothing else is printed: only a program whose environment names ringmq has any.
pub(crate) fn begin(environment: &Environment) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Defaults { share, require, .. } = environment.defaults;
        let level = match environment.log {
            Some(true) => Some(Level::INFO),
            None if require => Some(Level::WARN),
            _ => None,
        };
        if let Some(level) = level {
            // The program's own comes first.
            let _ = tracing::subscriber::set_global_default(Printer(level));
        }
        let shared_memory = match (share, require) {
            (_, true) => "required",
            (SharedMemory::On, _) => "true",
            (SharedMemory::Ipc, _) => "ipc",
            (SharedMemory::Off, _) => "false",
        };
        tracing::info!(
            version = %env!("CARGO_PKG_VERSION"),
            %shared_memory,
            wait = ?environment.defaults.wait,
            "loaded"
        );
        for refused in &environment.refused {
            if tracing::enabled!(Level::WARN) {
                tracing::warn!("{refused}");
            } else if environment.log != Some(false) {
                let mut line = Line::new();
                line.0.push(' ');
                line.0.push_str(refused);
                line.print();
            }
        }
    });
}
