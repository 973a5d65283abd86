//! What is measured: the choices of one run, and the rows of a comparison.

mod checks;
pub(crate) mod cpu;
pub(crate) mod large;
pub(crate) mod libraries;
pub(crate) mod mechanism;
pub(crate) mod part;
pub(crate) mod pause;
pub(crate) mod rows;
pub(crate) mod size;
pub(crate) mod sockets;
pub(crate) mod spec;
pub(crate) mod words;
