//! `ringmq recording`: messages in files, which docs/recording.md specifies.

mod file;
#[allow(dead_code, reason = "the command that records is on its way")]
mod format;
mod info;
mod recording;
mod repair;
mod verify;

pub(crate) use recording::{Verb, run};
