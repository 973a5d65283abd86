//! `RINGMQ_LOG=1`: what is told by `tracing`, printed to standard error, from a program that knows nothing of it.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Prints events of ringmq, one a line.
struct Printer;

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

impl Subscriber for Printer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ringmq") && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("ringmq[{}]", std::process::id()));
        event.record(&mut line);
        line.0.push('\n');
        // Whoever asked for it and closed standard error does without.
        let _ = std::io::stderr().write_all(line.0.as_bytes());
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

/// Begins to print, if the environment asks for it and the program has no subscriber of its own.
pub(crate) fn begin() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let asked = std::env::var_os("RINGMQ_LOG");
        if asked.is_some_and(|value| value != "0" && !value.is_empty()) {
            // The program's own comes first.
            let _ = tracing::subscriber::set_global_default(Printer);
        }
    });
}
