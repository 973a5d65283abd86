//! The names of programs.

/// The name of the program of a process; `None` if there is no such process that this one can see.
pub(crate) fn name(pid: i32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().escape_debug().to_string())
}
