//! What the kernel tells of a process.

use std::fs::{self, File};
use std::io::{self, Read};

use crate::status::decode::clean;

/// Characters of a command that are kept.
const COMMAND: usize = 512;

/// A process that is there.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) pid: i32,
    pub(super) uid: u32,
    /// Its number in its own pid namespace.
    pub(super) inner_pid: u64,
    pub(super) name: String,
    pub(super) command: String,
}

/// The start of a file of `/proc`, as text.
fn start_of(path: &str, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The numbers of all processes.
pub(super) fn all() -> io::Result<Vec<i32>> {
    let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

/// When a process began, in ticks since the machine did. With its number this names a process for good.
pub(super) fn began(pid: i32) -> io::Result<u64> {
    let stat = start_of(&format!("/proc/{pid}/stat"), 4096)?;
    // The name of the program may contain blanks and parentheses. Source: proc(5), fields 3 and 22.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    let began = fields.and_then(|fields| fields.split_whitespace().nth(19)?.parse().ok());
    began.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

impl Who {
    pub(super) fn of(pid: i32) -> io::Result<Who> {
        let status = start_of(&format!("/proc/{pid}/status"), 16 << 10)?;
        let field = |name: &str| {
            let lines = &mut status.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        };
        // Real, effective, saved, and that for file systems.
        let uid = field("Uid").and_then(|all| all.split_whitespace().nth(1)?.parse().ok());
        let (Some(uid), Some(name)) = (uid, field("Name")) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        // From the outermost namespace to its own.
        let inner = field("NSpid").and_then(|all| all.split_whitespace().last());
        let inner_pid = inner.and_then(|pid| pid.parse().ok());
        let command = start_of(&format!("/proc/{pid}/cmdline"), 4 * COMMAND as u64);
        let command = command.unwrap_or_default();
        let words: Vec<&str> = command
            .split('\0')
            .filter(|word| !word.is_empty())
            .collect();
        let command: String = clean(&words.join(" ")).chars().take(COMMAND).collect();
        Ok(Who {
            pid,
            uid,
            inner_pid: inner_pid.unwrap_or(u64::from(pid.cast_unsigned())),
            name: clean(name.trim()),
            command,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_one_of_all_and_has_a_name() {
        let own = std::process::id().cast_signed();
        assert!(all().unwrap().contains(&own));
        let who = Who::of(own).unwrap();
        assert_eq!(who.pid, own);
        assert!(!who.name.is_empty() && !who.command.is_empty());
        let first = began(own).unwrap();
        assert!(first > 0 && began(own).unwrap() == first);
        assert!(began(-1).is_err() && Who::of(-1).is_err());
    }
}
