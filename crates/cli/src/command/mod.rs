//! The commands, one file or folder each.

pub(crate) mod generate;
pub(crate) mod keygen;
#[allow(dead_code, reason = "the commands that use all of it are on their way")]
pub(crate) mod outcome;
pub(crate) mod perf;
pub(crate) mod pipe;
pub(crate) mod record;
pub(crate) mod run;
mod status;
pub(crate) mod top;
