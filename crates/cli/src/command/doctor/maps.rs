//! Which libraries a process has mapped.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;

/// Bytes of a list of mappings that are read.
const MOST: u64 = 4 << 20;

/// The files of a process whose names are those of a libzmq, ringmq's or another; `None` if this user may not look.
pub(crate) fn libzmqs(pid: i32) -> Option<BTreeSet<String>> {
    let mut maps = Vec::new();
    let file = File::open(format!("/proc/{pid}/maps")).ok()?;
    file.take(MOST).read_to_end(&mut maps).ok()?;
    Some(among(&String::from_utf8_lossy(&maps)))
}

fn among(maps: &str) -> BTreeSet<String> {
    let paths = maps.lines().filter_map(|line| line.split_once('/'));
    let paths = paths.map(|(_, path)| format!("/{path}"));
    let is_libzmq = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.starts_with("libzmq") && name.contains(".so")
    };
    paths
        .filter(is_libzmq)
        .map(|path| path.escape_debug().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_their_names() {
        let maps = "\
7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/libzmq.so.5.2.4
7f01-7f02 r--p 00001000 08:01 1 /usr/lib/x86_64-linux-gnu/libzmq.so.5.2.4
7f02-7f03 r-xp 00000000 08:01 2 /home/a b/pyzmq.libs/libzmq-915149f0.so.5.2.5
7f03-7f04 r-xp 00000000 08:01 3 /usr/lib/libc.so.6
7f04-7f05 rw-s 00000000 00:01 4 /memfd:ringmq-status (deleted)
7f05-7f06 rw-p 00000000 00:00 0 [heap]";
        let found: Vec<String> = among(maps).into_iter().collect();
        assert_eq!(
            found,
            [
                "/home/a b/pyzmq.libs/libzmq-915149f0.so.5.2.5",
                "/usr/lib/x86_64-linux-gnu/libzmq.so.5.2.4"
            ]
        );
    }
}
