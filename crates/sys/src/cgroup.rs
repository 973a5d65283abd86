//! The cgroups of this thread: where their files are, and how much memory they leave.
//!
//! Source: cgroups(7), the kernel's `admin-guide/cgroup-v2` and `admin-guide/cgroup-v1/memory`.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The folder of a cgroup, by the version of the hierarchy.
#[derive(Debug)]
pub(crate) enum Folder {
    First(PathBuf),
    Second(PathBuf),
}

/// The cgroups of this thread, and what is mounted.
pub(crate) fn of_thread() -> Option<(String, String)> {
    listed("/proc/thread-self/cgroup")
}

/// The cgroups of a process, as this one sees them, and what is mounted here.
pub(crate) fn of_process(pid: i32) -> Option<(String, String)> {
    listed(&format!("/proc/{pid}/cgroup"))
}

fn listed(groups: &str) -> Option<(String, String)> {
    let text = |path| {
        let bytes = fs::read(path).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let groups = text(groups)?;
    Some((groups, text("/proc/thread-self/mountinfo")?))
}

/// The folders of our cgroups of a controller, and of all above them, up to the top of what is mounted.
pub(crate) fn folders(groups: &str, mounts: &str, controller: &str) -> Vec<Folder> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        // hierarchy-ID:controllers:path
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let second = controllers.is_empty();
        if !second && !controllers.split(',').any(|name| name == controller) {
            continue;
        }
        let mounts = mounts.lines().filter_map(Mount::parse);
        for mount in mounts.filter(|mount| mount.holds(controller, second)) {
            let all = mount.folders(group).into_iter();
            folders.extend(all.map(|folder| match second {
                true => Folder::Second(folder),
                false => Folder::First(folder),
            }));
        }
    }
    folders
}

/// How many bytes of memory the cgroups of this thread leave: the least that is found between our cgroup and the top of
/// what is mounted. Files in the page cache do not count: the kernel gives them up. Where there is `enough` without that,
/// the rest is not looked at. `None` if there is no limit, or none to be seen.
pub(crate) fn memory_left(enough: u64) -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let groups = fs::read_to_string("/proc/thread-self/cgroup").ok()?;
    // In a forked child another thread of the parent may hold the lock for ever.
    if let Ok(mut known) = KNOWN.try_lock() {
        let (_, folders) = match known.take() {
            Some(same) if same.0 == groups => known.insert(same),
            _ => {
                let found = folders(&groups, &of_thread()?.1, "memory");
                known.insert((groups, found))
            }
        };
        return least_left(folders, enough, &read);
    }
    let folders = folders(&groups, &of_thread()?.1, "memory");
    least_left(&folders, enough, &read)
}

/// The folders that limit memory, and the cgroups that they were found for: mounts are long to read.
static KNOWN: Mutex<Option<(String, Vec<Folder>)>> = Mutex::new(None);

/// [`memory_left`] of these folders, with the files read by `read`.
fn least_left(
    folders: &[Folder],
    enough: u64,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Option<u64> {
    let left = folders.iter().filter_map(|folder| {
        let (folder, most, used, cached) = match folder {
            Folder::First(folder) => (
                folder,
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                ["total_inactive_file", "total_active_file"],
            ),
            Folder::Second(folder) => (
                folder,
                "memory.max",
                "memory.current",
                ["inactive_file", "active_file"],
            ),
        };
        let number = |name: &str| read(&folder.join(name))?.trim().parse::<u64>().ok();
        // "max" does not parse.
        let most = number(most)?;
        let used = number(used)?;
        let left = most.saturating_sub(used);
        if left >= enough {
            return Some(left);
        }
        let stat = read(&folder.join("memory.stat")).unwrap_or_default();
        let lines = stat.lines().filter_map(|line| line.split_once(' '));
        let files = lines.filter(|(name, _)| cached.contains(name));
        let files: u64 = files
            .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
            .sum();
        Some(most.saturating_sub(used.saturating_sub(files)))
    });
    left.min()
}

/// A mounted cgroup hierarchy, from a line of mountinfo. Source: proc_pid_mountinfo(5).
struct Mount<'a> {
    /// The part of the hierarchy that is mounted.
    root: Cow<'a, str>,
    /// Where.
    point: Cow<'a, str>,
    system: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        // id parent device root point options [optional]... - system source super-options
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let mut right = right.split(' ');
        let (root, point) = (unescape(left.next()?), unescape(left.next()?));
        let system = right.next()?;
        let options = right.nth(1).unwrap_or("");
        Some(Mount {
            root,
            point,
            system,
            options,
        })
    }

    fn holds(&self, controller: &str, second: bool) -> bool {
        if second {
            self.system == "cgroup2"
        } else {
            let mut options = self.options.split(',');
            self.system == "cgroup" && options.any(|option| option == controller)
        }
    }

    /// The folders of `group` and of all above it, up to the top of the mount. A group that lies
    /// outside of what is mounted leaves the top alone.
    fn folders(&self, group: &str) -> Vec<PathBuf> {
        let top = PathBuf::from(self.point.as_ref());
        let below = Path::new(group)
            .strip_prefix(self.root.as_ref())
            .unwrap_or(Path::new(""));
        let mut folders = vec![top.clone()];
        let mut folder = top;
        for name in below {
            if name == ".." {
                break;
            }
            folder.push(name);
            folders.push(folder.clone());
        }
        folders
    }
}

/// mountinfo writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let plain = text
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\");
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_all_groups_is_left_and_files_do_not_count() {
        let mounts = "30 1 0:26 / /two rw - cgroup2 cgroup2 rw\n31 1 0:27 / /one rw - cgroup cgroup rw,memory\n";
        let known = [
            ("/two/a/memory.max", "1000\n"),
            ("/two/a/memory.current", "700\n"),
            (
                "/two/a/memory.stat",
                "anon 1\ninactive_file 100\nactive_file 50\nshmem 9\n",
            ),
            ("/two/a/b/memory.max", "max\n"),
            ("/two/a/b/memory.current", "600\n"),
            ("/one/c/memory.limit_in_bytes", "800\n"),
            ("/one/c/memory.usage_in_bytes", "900\n"),
        ];
        let read = |path: &Path| {
            let found = known.iter().find(|(name, _)| path == Path::new(name))?;
            Some(found.1.to_owned())
        };
        let left =
            |groups: &str, enough| least_left(&folders(groups, mounts, "memory"), enough, &read);
        assert_eq!(left("0::/a/b\n", 301), Some(450));
        assert_eq!(left("0::/a/b\n", 300), Some(300));
        assert_eq!(left("4:memory:/c\n0::/a\n", 1), Some(0));
        assert_eq!(left("4:cpu:/c\n0::/\n", 1), None);
    }
}
