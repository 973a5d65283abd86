//! C programs that hold against libzmq itself hold against ours.
//!
//! Each file in `tests/c` is compiled with `include/zmq.h` of this repository, and run with both libraries.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

#[path = "programs/bodies.rs"]
mod bodies;
#[path = "programs/log.rs"]
mod log;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use ringmq_testing::built_library;
use tempfile::TempDir;

/// Where Debian has libzmq.
const STOCK: &str = "/usr/lib/x86_64-linux-gnu/libzmq.so.5";

/// Compiles a program, and gives its path.
fn compiled(name: &str, folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    compiled_from(&here.join("tests/c").join(name).with_extension("c"), folder)
}

/// As [`compiled`], of a file anywhere.
fn compiled_from(source: &Path, folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = source.file_stem().unwrap();
    let program = folder.join(name);
    let status = Command::new("cc")
        .args([
            "-std=c11",
            "-D_GNU_SOURCE",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
        ])
        .arg("-I")
        .arg(here.join("../../include"))
        .arg(source)
        .arg(folder.join("libzmq.so.5"))
        .arg("-o")
        .arg(&program)
        .status()
        .unwrap();
    assert!(status.success(), "{} does not compile", source.display());
    program
}

/// Runs a program, which has a minute, with the library in a folder. Returns what it has printed.
fn run(program: &Path, folder: &Path, library: &str) -> String {
    run_waiting(program, folder, library, "adaptive")
}

/// As [`run`], with a way to wait, of which only our library knows.
fn run_waiting(program: &Path, folder: &Path, library: &str, wait: &str) -> String {
    let output = Command::new("timeout")
        .arg("60")
        .arg(program)
        .env("LD_LIBRARY_PATH", folder)
        .env("RINGMQ_WAIT", wait)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "with {library}: {}\n{said}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Whom a program is run with.
#[derive(PartialEq)]
enum With {
    Both,
    Ours,
}

fn holds(name: &str, with: With) {
    let with_ours = TempDir::new().unwrap();
    fs::copy(built_library(), with_ours.path().join("libzmq.so.5")).unwrap();
    let program = compiled(name, with_ours.path());
    if with == With::Both && Path::new(STOCK).exists() {
        let with_stock = TempDir::new().unwrap();
        fs::copy(STOCK, with_stock.path().join("libzmq.so.5")).unwrap();
        run(&program, with_stock.path(), "libzmq");
    } else if with == With::Both {
        eprintln!("not run with libzmq itself: {STOCK} is not installed");
    }
    run(&program, with_ours.path(), "ours");
}

/// As [`holds`], with each way to wait of ours.
fn holds_however_it_waits(name: &str, with: With) {
    holds(name, with);
    let folder = TempDir::new().unwrap();
    fs::copy(built_library(), folder.path().join("libzmq.so.5")).unwrap();
    let program = compiled(name, folder.path());
    for wait in ["park", "spin"] {
        run_waiting(&program, folder.path(), wait, wait);
    }
}

#[test]
fn messages() {
    holds("messages", With::Both);
}

#[test]
fn alignment() {
    holds("alignment", With::Both);
}

#[test]
fn marks() {
    holds("marks", With::Both);
}

#[test]
fn bounds() {
    holds("bounds", With::Both);
}

#[test]
fn memory() {
    holds("memory", With::Both);
}

#[test]
fn multipart() {
    holds("multipart", With::Both);
}

#[test]
fn states() {
    holds("states", With::Both);
}

#[test]
fn pubsub() {
    holds("pubsub", With::Both);
}

#[test]
fn monitors() {
    holds("monitors", With::Both);
}

#[test]
fn after_handshake() {
    holds("after_handshake", With::Both);
}

#[test]
fn refusals() {
    holds("refusals", With::Both);
}

#[test]
fn stored() {
    holds("stored", With::Both);
}

#[test]
fn addresses() {
    holds("addresses", With::Both);
}

#[test]
fn polls() {
    holds("polls", With::Both);
}

#[test]
fn conflate() {
    holds("conflate", With::Both);
}

#[test]
fn connections() {
    holds("connections", With::Both);
}

#[test]
fn threads() {
    holds("threads", With::Both);
}

#[test]
fn leases() {
    holds("leases", With::Both);
}

#[test]
fn peers() {
    holds("peers", With::Both);
}

#[test]
fn requests() {
    holds("requests", With::Both);
}

#[test]
fn routers() {
    holds("routers", With::Both);
}

#[test]
fn routing_ids() {
    holds("routing_ids", With::Both);
}

#[test]
fn publishers() {
    holds("publishers", With::Both);
}

#[test]
fn waiting() {
    holds("waiting", With::Both);
}

#[test]
fn forks() {
    holds("forks", With::Both);
}

#[test]
fn mappings() {
    holds("mappings", With::Both);
}

#[test]
fn forked_inside() {
    holds("forked_inside", With::Both);
}

#[test]
fn stops() {
    holds("stops", With::Both);
}

#[test]
fn dontwait() {
    holds("dontwait", With::Both);
}

/// A call that spins uses its CPU anyway.
#[test]
fn storms() {
    let folder = TempDir::new().unwrap();
    fs::copy(built_library(), folder.path().join("libzmq.so.5")).unwrap();
    let program = compiled("storms", folder.path());
    for wait in ["adaptive", "park"] {
        eprintln!("{}", run_waiting(&program, folder.path(), "ours", wait));
    }
}

#[test]
fn signals() {
    holds("signals", With::Both);
}

#[test]
fn polled() {
    holds_however_it_waits("polled", With::Both);
}

#[test]
fn crowds() {
    holds_however_it_waits("crowds", With::Ours);
}

#[test]
fn places() {
    holds("places", With::Both);
}

#[test]
fn bursts() {
    holds("bursts", With::Both);
}

#[test]
fn names() {
    holds("names", With::Both);
}

#[test]
fn tools() {
    holds("tools", With::Both);
}

/// libzmq leaves the paths of its sockets where they are.
#[test]
fn moved() {
    holds("moved", With::Ours);
}

#[test]
fn bytes() {
    holds("bytes", With::Both);
}

#[test]
fn sizes() {
    holds("sizes", With::Both);
}

#[test]
fn unanswered() {
    holds("unanswered", With::Both);
}

#[test]
fn misuse() {
    holds("misuse", With::Ours);
}

#[test]
fn subscribers() {
    holds("subscribers", With::Ours);
}

#[test]
fn drafts() {
    holds("drafts", With::Ours);
}

/// Debian's libzmq has no drafts.
#[test]
fn groups() {
    holds("groups", With::Ours);
}

/// As above. libzmq's drafts run it, too.
#[test]
fn datagrams() {
    holds("datagrams", With::Ours);
}

/// As above.
#[test]
fn peers_by_number() {
    holds_however_it_waits("peers_by_number", With::Ours);
}

/// As above.
#[test]
fn pollers() {
    holds_however_it_waits("pollers", With::Ours);
}

/// As above.
#[test]
fn notices() {
    holds("notices", With::Ours);
}

/// As above. libzmq's drafts make the attempts, too, and abort when the socket closes.
#[test]
fn proxied() {
    holds("proxied", With::Ours);
}

/// libzmq has no such options.
#[test]
fn sharing() {
    holds("sharing", With::Ours);
}

#[test]
fn arenas() {
    holds("arenas", With::Ours);
}

#[test]
fn scheduling() {
    holds("scheduling", With::Both);
}

/// Debian's libzmq has no drafts, and aborts when the kernel refuses.
#[test]
fn context_drafts() {
    holds("context_drafts", With::Ours);
}

#[test]
fn closed_unread() {
    holds("closed_unread", With::Both);
}

#[test]
fn users() {
    holds("users", With::Both);
}

#[test]
fn keys() {
    holds("keys", With::Both);
}

#[test]
fn restarts() {
    holds("restarts", With::Both);
}

/// A proxy that spins uses its CPU anyway.
#[test]
fn proxies() {
    holds("proxies", With::Both);
    let folder = TempDir::new().unwrap();
    fs::copy(built_library(), folder.path().join("libzmq.so.5")).unwrap();
    let program = compiled("proxies", folder.path());
    run_waiting(&program, folder.path(), "ours", "park");
}

#[test]
fn departures() {
    holds("departures", With::Both);
}

/// libzmq crashes.
#[test]
fn unreadable() {
    holds("unreadable", With::Ours);
}

#[test]
fn unlimited() {
    holds_however_it_waits("unlimited", With::Both);
}

#[test]
fn older() {
    holds("older", With::Both);
}
