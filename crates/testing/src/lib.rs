//! What the tests of ringmq share: processes with roles, watchdogs, resource counters.
//!
//! A test about two processes is one function. It looks first whether it was started for a [`role`];
//! if not, it is the test, and starts itself in other processes by [`spawn_role`]:
//!
//! ```no_run
//! use std::time::Duration;
//! use ringmq_testing::{Actor, role, say, spawn_role, watchdog};
//!
//! #[test]
//! fn the_other_process_answers() {
//!     if role().is_some() {
//!         say("hello");
//!         return;
//!     }
//!     let _guard = watchdog(Duration::from_secs(20));
//!     let mut other = Actor::start(&mut spawn_role("the_other_process_answers", "greeter", &[]));
//!     assert_eq!(other.hear(), "hello");
//!     other.finish();
//! }
//! ```
//!
//! Nothing here sleeps to synchronise: processes wait for each other's lines, and a [`watchdog`] ends a
//! test that waits in vain.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and its processes talk by lines"
)]

mod activity;
mod actor;
mod built;
mod choices;
mod counters;
mod followed;
mod inherited;
mod limit;
mod memory;
mod pages;
mod pattern;
mod port;
mod random;
mod role;
mod scope;
mod scratch;
mod storm;
mod tracee;
mod unread;
mod waiting;
mod watchdog;
mod zmtp;

pub use activity::{Activity, is_asleep, now_nanos, pin_to, thread_id, until_asleep, until_gone};
pub use actor::Actor;
pub use built::built_library;
pub use choices::{Choices, Seeded};
pub use counters::Counters;
pub use followed::Followed;
pub use inherited::inherited;
pub use limit::{Mappings, limit_descriptors, limit_memory, use_up_mappings};
pub use memory::found_in_memory;
pub use pages::{forgo_huge_pages, huge_bytes, page_faults};
pub use pattern::{Bytes, Messages};
pub use port::ReservedPort;
pub use random::{Random, mix, seed};
pub use role::{
    fork_and, fork_and_linger, in_own_process, listen, role, role_args, say, spawn_role, under,
};
pub use scope::{Scope, scope};
pub use scratch::{Scratch, abstract_name};
pub use storm::SignalStorm;
pub use tracee::{Stepped, Tracee, stop};
pub use unread::unread;
pub use waiting::{soon, until};
pub use watchdog::{Watchdog, watchdog};
pub use zmtp::{zmtp_greeting, zmtp_ready};
