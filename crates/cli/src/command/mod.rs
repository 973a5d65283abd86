//! The commands, one file or folder each.

pub(crate) mod keygen;
pub(crate) mod perf;
pub(crate) mod pipe;
