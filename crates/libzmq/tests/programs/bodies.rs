//! Large bodies of C programs that are killed, received by copies and in place.

use std::process::Command;

use super::{STOCK, compiled, fs};
use ringmq_testing::built_library;
use tempfile::TempDir;

/// Kills so many of each kind, with our library in both ways, and with libzmq if it is installed.
fn killed(rounds: u32, seconds: u32) {
    let mut ways = vec![(built_library(), "0"), (built_library(), "1")];
    if std::path::Path::new(STOCK).exists() {
        ways.push((STOCK.into(), "0"));
    }
    for (library, in_place) in ways {
        let folder = TempDir::new().unwrap();
        fs::copy(&library, folder.path().join("libzmq.so.5")).unwrap();
        let program = compiled("killed_bodies", folder.path());
        let output = Command::new("timeout")
            .arg(seconds.to_string())
            .arg(program)
            .env("LD_LIBRARY_PATH", folder.path())
            .env("RINGMQ_IN_PLACE", in_place)
            .env("ROUNDS", rounds.to_string())
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let status = output.status;
        let library = library.display();
        assert!(status.success(), "{library}, {in_place}: {status}\n{said}");
    }
}

#[test]
fn killed_bodies() {
    killed(6, 60);
}

#[test]
#[ignore = "soak: 1,000 deaths of each side"]
fn killed_bodies_a_thousand_times() {
    killed(500, 600);
}
