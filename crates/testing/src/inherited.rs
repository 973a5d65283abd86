//! What a program inherits.

use std::process::Command;

/// What the descriptors of a program that is started now are.
///
/// # Panics
///
/// If `ls` cannot be started.
pub fn inherited() -> Vec<String> {
    let listed = Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output()
        .unwrap();
    assert!(listed.status.success());
    let text = String::from_utf8(listed.stdout).unwrap();
    let targets = text
        .lines()
        .filter_map(|line| Some(line.split_once(" -> ")?.1));
    // Its own output is a pipe, with another number each time.
    let kind = |target: &str| target.split(['[', ':']).next().unwrap().to_owned();
    targets
        .map(kind)
        .filter(|kind| !kind.starts_with("/proc/"))
        .collect()
}
