//! Programs that were written for libzmq run with ours, and their ipc connections go to shared memory by themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod options;
mod programs;
mod security;

use interop::begin;
use ringmq_testing::Scratch;

use programs::{Library, Program};

/// Messages to and fro.
const COUNT: u32 = 2000;

/// Has two programs talk, of which the first binds if `first_binds`. Says whether they did so in shared memory, of which
/// both have to be of one opinion.
fn talk(first: (&str, Library), second: (&str, Library), first_binds: bool) -> bool {
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
    let opens = |binds| if binds { "bind" } else { "connect" };
    let mut programs =
        [(first, first_binds), (second, !first_binds)].map(|((way, library), binds)| {
            let args = [way, opens(binds), &endpoint, &COUNT.to_string()];
            Program::start(library, &scratch, &args)
        });
    let shared = programs.each_mut().map(Program::has_shared);
    programs.into_iter().for_each(Program::finish);
    assert_eq!(shared[0], shared[1], "{first:?}, {second:?}");
    shared[0]
}

#[test]
fn two_programs_with_ours_share_memory() {
    let Some(_guard) = begin() else { return };
    for first_binds in [true, false] {
        assert!(talk(
            ("req", Library::Ours),
            ("rep", Library::Ours),
            first_binds
        ));
    }
}

#[test]
fn a_program_with_ours_talks_to_one_with_stock_libzmq() {
    let Some(_guard) = begin() else { return };
    for first_binds in [true, false] {
        assert!(!talk(
            ("req", Library::Ours),
            ("rep", Library::Stock),
            first_binds
        ));
        assert!(!talk(
            ("req", Library::Stock),
            ("rep", Library::Ours),
            first_binds
        ));
    }
}

/// In all ways that the manual allows for `ZMQ_FD`.
const WATCH: [&str; 3] = ["level_triggered", "edge_triggered", "by_asyncio"];

#[test]
fn programs_that_watch_a_descriptor_share_memory() {
    let Some(_guard) = begin() else { return };
    for way in WATCH {
        for first_binds in [true, false] {
            assert!(
                talk((way, Library::Ours), ("echo", Library::Ours), first_binds),
                "{way}"
            );
        }
        // Both programs wait in a poll, not in a call of libzmq.
        for echo in ["echo_level_triggered", "echo_edge_triggered"] {
            assert!(
                talk((way, Library::Ours), (echo, Library::Ours), true),
                "{way}, {echo}"
            );
        }
    }
}

#[test]
fn programs_that_watch_a_descriptor_talk_to_stock_libzmq() {
    let Some(_guard) = begin() else { return };
    for way in WATCH {
        for first_binds in [true, false] {
            assert!(
                !talk((way, Library::Ours), ("echo", Library::Stock), first_binds),
                "{way}"
            );
        }
        // They are right with libzmq itself.
        assert!(
            !talk(
                (way, Library::Stock),
                ("echo_edge_triggered", Library::Stock),
                true
            ),
            "{way}"
        );
    }
}
