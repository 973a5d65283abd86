//! What a program sets for a whole process, and what it is shown of it.

pub(crate) mod environment;
pub(crate) mod log;
