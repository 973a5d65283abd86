//! The tests of tests/shared over tcp, within one machine: the connections go over to shared memory, too. Each file is the
//! same, and only [`Places`](places::Places) are others.
//!
//! Files that are not here: `liar` writes frames by hand to a Unix socket, and those of a connection that has come from tcp
//! are the same (tests/crossing has those on the way). `relay` passes bytes of a Unix socket on (tests/crossing, too, over
//! tcp). `required` is about contexts that refuse ipc peers without shared memory, and refuse none over tcp.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it saw"
)]

#[path = "../shared/abandoned.rs"]
mod abandoned;
#[path = "../shared/aimed.rs"]
mod aimed;
#[path = "../shared/bounds.rs"]
mod bounds;
#[path = "../shared/calls.rs"]
mod calls;
#[path = "../shared/close.rs"]
mod close;
#[path = "../shared/containers.rs"]
mod containers;
#[path = "../shared/death.rs"]
mod death;
#[path = "../shared/exec.rs"]
mod exec;
#[path = "../shared/fallback.rs"]
mod fallback;
#[path = "../shared/forked.rs"]
mod forked;
#[path = "../shared/hurry.rs"]
mod hurry;
#[path = "../shared/idle.rs"]
mod idle;
#[path = "../shared/kill.rs"]
mod kill;
#[path = "../shared/late.rs"]
mod late;
#[path = "../shared/limits.rs"]
mod limits;
#[path = "../shared/long.rs"]
mod long;
#[path = "../shared/many.rs"]
mod many;
#[path = "../shared/maps.rs"]
mod maps;
#[path = "../shared/notices.rs"]
mod notices;
#[path = "../shared/pages.rs"]
mod pages;
#[path = "../shared/parts.rs"]
mod parts;
mod places;
#[path = "../shared/resources.rs"]
mod resources;
#[path = "../shared/scribbles.rs"]
mod scribbles;
#[path = "../shared/short.rs"]
mod short;
#[path = "../shared/signals.rs"]
mod signals;
#[path = "../shared/spare.rs"]
mod spare;
#[path = "../shared/stalled.rs"]
mod stalled;
#[path = "../shared/switch.rs"]
mod switch;
#[path = "../shared/unread.rs"]
mod unread;
#[path = "../shared/unreadable.rs"]
mod unreadable;
