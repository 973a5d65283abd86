//! `ringmq record`, `replay` and `recording`: messages in files, which docs/recording.md specifies.

mod clock;
mod file;
mod format;
mod info;
mod queue;
mod recorder;
mod recording;
mod repair;
mod replay;
mod span;
mod target;
mod verify;

pub(crate) use recorder::{Record, run as record};
pub(crate) use recording::{Verb, run};
pub(crate) use replay::{Replay, run as replay};
