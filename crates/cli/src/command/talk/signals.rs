//! Signals that end a command in order.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use ringmq::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::command::outcome::Failure;

/// How long a command has to end in order. A call that no signal ends, such as a write to a full pipe, cannot keep the
/// process for longer.
const GRACE: Duration = Duration::from_millis(500);

/// The signal that has come, if one has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts {
    seen: Arc<OnceLock<i32>>,
    /// Set if the command needs as long as it takes.
    patient: Arc<OnceLock<()>>,
}

impl Interrupts {
    /// Watches for signals in a thread. The first one shuts the context down, which ends every call of its sockets.
    pub(crate) fn watch(context: &Context) -> Result<Interrupts, Failure> {
        let interrupts = Interrupts::default();
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
        let mut signals = signals
            .map_err(|error| Failure::work(format_args!("cannot handle signals: {error}")))?;
        let (seen, context) = (interrupts.clone(), context.clone());
        thread::spawn(move || {
            for signal in signals.forever() {
                let is_first = seen.seen.set(signal).is_ok();
                context.shutdown();
                if is_first && seen.patient.get().is_some() {
                    continue;
                }
                thread::sleep(GRACE);
                let _ = emulate_default_handler(signal);
            }
        });
        Ok(interrupts)
    }

    /// Gives the command as long as it takes to end in order: only a second signal ends the process.
    pub(crate) fn be_patient(&self) {
        let _ = self.patient.set(());
    }

    /// Fails if a signal has come.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.seen.get() {
            Some(signal) => Err(Failure::signal(*signal)),
            None => Ok(()),
        }
    }
}
