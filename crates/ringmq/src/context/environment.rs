//! What the environment of a process asks for, without a change to the program.

use std::ffi::OsString;

use ringmq_pipe::Wait;
use ringmq_pipe::blocks::ArenaMemory;

use crate::mail::SharedMemory;
use crate::registry::Defaults;

/// Values of `RINGMQ_SHM`, in any case: which connections use shared memory, and whether ipc connections that cannot are
/// refused.
const SHARES: [(&str, (SharedMemory, bool)); 10] = [
    ("on", (SharedMemory::On, false)),
    ("1", (SharedMemory::On, false)),
    ("yes", (SharedMemory::On, false)),
    ("true", (SharedMemory::On, false)),
    ("ipc", (SharedMemory::Ipc, false)),
    ("require", (SharedMemory::On, true)),
    ("off", (SharedMemory::Off, false)),
    ("0", (SharedMemory::Off, false)),
    ("no", (SharedMemory::Off, false)),
    ("false", (SharedMemory::Off, false)),
];

/// Words for yes and no, in any case.
const SWITCH: [(&str, bool); 8] = [
    ("on", true),
    ("1", true),
    ("yes", true),
    ("true", true),
    ("off", false),
    ("0", false),
    ("no", false),
    ("false", false),
];

const WAITS: [(&str, Wait); 3] = [
    ("adaptive", Wait::Adaptive),
    ("spin", Wait::Spin),
    ("park", Wait::Park),
];

/// The oldest version of ZMTP that a peer may speak, and whether it is one before 3.0. Peers of 1.0 and 2.0 differ in
/// nothing that a program would choose by.
const VERSIONS: [(&str, bool); 3] = [("3", false), ("2", true), ("1", true)];

/// The variables of ringmq. One that is empty counts as one that is not set.
#[derive(Debug, PartialEq)]
pub(crate) struct Environment {
    /// `RINGMQ_WAIT`: how calls wait; adaptive by default. `RINGMQ_SHM`: which connections use shared memory, by
    /// default those over ipc and within this machine over tcp; whether those over ipc are refused without it.
    /// `RINGMQ_ZMTP`: whether older peers are accepted; they are not by default.
    pub(crate) defaults: Defaults,
    /// `RINGMQ_IN_PLACE`: whether a C program reads long messages where its peers have put them; it does not by default.
    pub(crate) in_place: bool,
    /// `RINGMQ_HUGE_PAGES`: whether blocks have huge pages; they do not by default. `RINGMQ_PREFAULT`: whether the pages of
    /// blocks are mapped when their memory is made; they are by default.
    pub(crate) memory: ArenaMemory,
    /// `RINGMQ_LOG`: whether events are printed; `None` if the variable is not set.
    pub(crate) log: Option<bool>,
    /// `RINGMQ_STATUS`: whether other processes can read what this one is doing; they can by default.
    pub(crate) status: bool,
    /// A line for each variable with an unknown value, which is not used.
    pub(crate) refused: Vec<String>,
}

impl Environment {
    /// Reads it as it is now.
    pub(crate) fn read() -> Environment {
        Environment::of(|name| std::env::var_os(name))
    }

    fn of(value: impl Fn(&str) -> Option<OsString>) -> Environment {
        let mut refused = Vec::new();
        let mut switch = |name| choose(name, value(name), &SWITCH, &mut refused);
        let (log, in_place) = (switch("RINGMQ_LOG"), switch("RINGMQ_IN_PLACE"));
        let (huge_pages, prefault) = (switch("RINGMQ_HUGE_PAGES"), switch("RINGMQ_PREFAULT"));
        let status = switch("RINGMQ_STATUS");
        let standard = ArenaMemory::default();
        let share = choose("RINGMQ_SHM", value("RINGMQ_SHM"), &SHARES, &mut refused);
        let (share, require) = share.unwrap_or((SharedMemory::On, false));
        let wait = choose("RINGMQ_WAIT", value("RINGMQ_WAIT"), &WAITS, &mut refused);
        let older = choose("RINGMQ_ZMTP", value("RINGMQ_ZMTP"), &VERSIONS, &mut refused);
        Environment {
            defaults: Defaults {
                wait: wait.unwrap_or(Wait::Adaptive),
                share,
                require,
                accept_older: older.unwrap_or(false),
            },
            in_place: in_place.unwrap_or(false),
            memory: ArenaMemory {
                huge_pages: huge_pages.unwrap_or(standard.huge_pages),
                prefault: prefault.unwrap_or(standard.prefault),
                ..standard
            },
            log,
            status: status.unwrap_or(true),
            refused,
        }
    }
}

/// What a value stands for; `None` if there is no value, or none that is known.
fn choose<T: Copy>(
    name: &str,
    value: Option<OsString>,
    known: &[(&str, T)],
    refused: &mut Vec<String>,
) -> Option<T> {
    let value = value.filter(|value| !value.is_empty())?;
    let found = known
        .iter()
        .find(|(word, _)| value.eq_ignore_ascii_case(word));
    if found.is_none() {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let words = words.join(", ");
        refused.push(format!("{name}={value:?} is ignored: it can be {words}"));
    }
    found.map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Environment {
        Environment::of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn words_for_no_turn_off_and_words_for_yes_turn_on() {
        for no in ["off", "OFF", "0", "no", "No", "false", "FALSE"] {
            let environment = of(&[("RINGMQ_SHM", no), ("RINGMQ_LOG", no)]);
            assert_eq!(
                (environment.defaults.share, environment.log),
                (SharedMemory::Off, Some(false))
            );
            assert!(environment.refused.is_empty());
        }
        for yes in ["on", "On", "1", "yes", "true", "TRUE"] {
            let environment = of(&[("RINGMQ_SHM", yes), ("RINGMQ_LOG", yes)]);
            assert_eq!(
                (environment.defaults.share, environment.log),
                (SharedMemory::On, Some(true))
            );
            assert!(environment.refused.is_empty());
        }
        for (word, wait) in [
            ("spin", Wait::Spin),
            ("PARK", Wait::Park),
            ("adaptive", Wait::Adaptive),
        ] {
            let environment = of(&[("RINGMQ_WAIT", word)]);
            assert_eq!(environment.defaults.wait, wait);
            assert!(environment.refused.is_empty());
        }
    }

    #[test]
    fn memory_has_the_pages_that_are_asked_for() {
        let environment = of(&[("RINGMQ_HUGE_PAGES", "1"), ("RINGMQ_PREFAULT", "off")]);
        assert!(environment.memory.huge_pages && !environment.memory.prefault);
        let environment = of(&[("RINGMQ_HUGE_PAGES", "0"), ("RINGMQ_PREFAULT", "yes")]);
        assert_eq!(environment.memory, ArenaMemory::default());
        assert_eq!(of(&[("RINGMQ_PREFAULT", "2")]).refused.len(), 1);
    }

    #[test]
    fn shared_memory_is_required_by_a_word_of_its_own() {
        for (word, share, require) in [
            ("require", SharedMemory::On, true),
            ("Require", SharedMemory::On, true),
            ("ipc", SharedMemory::Ipc, false),
        ] {
            let environment = of(&[("RINGMQ_SHM", word)]);
            let defaults = environment.defaults;
            assert_eq!(
                (defaults.share, defaults.require),
                (share, require),
                "{word}"
            );
            assert!(environment.refused.is_empty());
        }
    }

    #[test]
    fn older_peers_are_accepted_by_the_version_that_they_speak() {
        for (value, older) in [("3", false), ("2", true), ("1", true)] {
            let environment = of(&[("RINGMQ_ZMTP", value)]);
            assert_eq!(environment.defaults.accept_older, older);
            assert!(environment.refused.is_empty());
        }
        let environment = of(&[("RINGMQ_ZMTP", "4")]);
        assert!(!environment.defaults.accept_older);
        assert_eq!(
            environment.refused,
            ["RINGMQ_ZMTP=\"4\" is ignored: it can be 3, 2, 1"]
        );
    }

    #[test]
    fn no_value_is_the_default() {
        let default = Environment {
            defaults: Defaults {
                wait: Wait::Adaptive,
                share: SharedMemory::On,
                require: false,
                accept_older: false,
            },
            in_place: false,
            memory: ArenaMemory::default(),
            log: None,
            status: true,
            refused: Vec::new(),
        };
        assert_eq!(of(&[]), default);
        let empty = [("RINGMQ_WAIT", ""), ("RINGMQ_SHM", ""), ("RINGMQ_LOG", "")];
        assert_eq!(of(&empty), default);
    }

    #[test]
    fn unknown_values_are_told_of_and_change_nothing() {
        let environment = of(&[
            ("RINGMQ_WAIT", "bogus"),
            ("RINGMQ_SHM", "of"),
            ("RINGMQ_LOG", "debug"),
        ]);
        assert_eq!(environment.defaults.wait, Wait::Adaptive);
        assert_eq!(environment.defaults.share, SharedMemory::On);
        assert_eq!(environment.log, None);
        assert_eq!(
            environment.refused,
            [
                "RINGMQ_LOG=\"debug\" is ignored: it can be on, 1, yes, true, off, 0, no, false",
                "RINGMQ_SHM=\"of\" is ignored: it can be on, 1, yes, true, ipc, require, off, 0, no, false",
                "RINGMQ_WAIT=\"bogus\" is ignored: it can be adaptive, spin, park",
            ]
        );
    }
}
