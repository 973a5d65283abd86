//! The commands, one file or folder each.

pub(crate) mod generate;
pub(crate) mod keygen;
pub(crate) mod outcome;
pub(crate) mod perf;
pub(crate) mod pipe;
pub(crate) mod record;
pub(crate) mod run;
mod status;
pub(crate) mod talk;
pub(crate) mod top;
