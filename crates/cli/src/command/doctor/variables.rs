//! The variables of ringmq in an environment.

use crate::command::doctor::finding::Finding;

/// The variables of ringmq that an environment has.
pub(crate) fn variables(value: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let value = |name: &str| value(name).filter(|value| !value.is_empty());
    let is_off = |name: &str| {
        let off = ["off", "0", "no", "false"];
        value(name).is_some_and(|value| off.contains(&value.to_lowercase().as_str()))
    };
    let mut findings = Vec::new();
    if is_off("RINGMQ_SHM") {
        findings.push(Finding::problem(
            "RINGMQ_SHM=off: no connection uses shared memory",
            "remove the variable from the environment of the program",
        ));
    }
    if value("RINGMQ_SHM").is_some_and(|value| value.eq_ignore_ascii_case("ipc")) {
        findings.push(Finding::note(
            "RINGMQ_SHM=ipc: no tcp connection uses shared memory",
            "remove the variable from the environment of the program, if tcp connections within this machine are to",
        ));
    }
    if is_off("RINGMQ_STATUS") {
        findings.push(Finding::note(
            "RINGMQ_STATUS=off: `ringmq top`, `ls` and `doctor` do not see the sockets",
            "remove the variable from the environment of the program",
        ));
    }
    for name in [
        "RINGMQ_WAIT",
        "RINGMQ_ZMTP",
        "RINGMQ_IN_PLACE",
        "RINGMQ_LOG",
    ] {
        if let Some(value) = value(name) {
            findings.push(Finding::good(format_args!(
                "{name}={}",
                value.escape_debug()
            )));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Level;

    #[test]
    fn variables_that_turn_things_off_are_found() {
        let of = |set: &[(&str, &str)]| {
            variables(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[]).is_empty() && of(&[("RINGMQ_SHM", "on")]).is_empty());
        let found = of(&[
            ("RINGMQ_SHM", "OFF"),
            ("RINGMQ_STATUS", "0"),
            ("RINGMQ_WAIT", "spin"),
        ]);
        let levels: Vec<Level> = found.iter().map(|one| one.level).collect();
        assert_eq!(levels, [Level::Problem, Level::Note, Level::Good]);
        let found = of(&[("RINGMQ_SHM", "Ipc")]);
        let levels: Vec<Level> = found.iter().map(|one| one.level).collect();
        assert_eq!(levels, [Level::Note]);
    }
}
