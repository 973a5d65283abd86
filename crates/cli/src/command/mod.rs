//! The commands, one file or folder each.

pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod info;
pub(crate) mod keygen;
pub(crate) mod ls;
pub(crate) mod outcome;
pub(crate) mod perf;
pub(crate) mod pipe;
mod progress;
pub(crate) mod record;
pub(crate) mod run;
mod status;
pub(crate) mod talk;
pub(crate) mod top;
