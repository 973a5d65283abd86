//! When to spin, for how long, and when to sleep.

pub(crate) mod adaptive;
mod awaited;
pub(crate) mod quota;
mod slept;
mod spin;
pub(crate) mod spin_backoff;
pub(crate) mod storm;
mod strategy;

pub use awaited::{Awaited, Company};
pub use slept::Slept;
pub use spin::{Spinner, Spun};
pub use storm::Storm;
pub use strategy::Wait;
