//! When to spin, for how long, and when to sleep.

mod adaptive;
mod awaited;
mod beside;
mod quota;
mod slept;
mod spin;
mod spin_backoff;
pub(crate) mod storm;
mod strategy;
mod turns;

pub use awaited::{Awaited, Company};
pub use beside::{Beside, Ended};
pub use slept::Slept;
pub use spin::{Spinner, Spun};
pub use storm::Storm;
pub use strategy::Wait;
