//! Running other programs: each is printed as one could type it, gets no input, and fails with a name.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Why a task failed, in words for the person who ran it.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What every task answers.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(words: impl Into<String>) -> Failure {
        Failure(words.into())
    }

    /// A failure that lists `problems`, or success when there are none.
    pub(crate) fn of(what: &str, problems: &[String]) -> Outcome {
        if problems.is_empty() {
            return Ok(());
        }
        Err(Failure(format!(
            "{what}: {} found\n  {}",
            problems.len(),
            problems.join("\n  ")
        )))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs `command` and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = announce(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure(format!("cannot start `{line}`: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!("`{line}` failed ({status})")))
    }
}

/// Runs `command`, which is a `cargo test`, and answers how many tests passed in it.
pub(crate) fn count_tests(command: &mut Command) -> Outcome<usize> {
    let line = announce(command);
    let broken = |error| Failure(format!("cannot run `{line}`: {error}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let mut passed = 0;
    if let Some(output) = child.stdout.take() {
        // Bytes, for a test may print anything: a line that is no UTF-8 must not end the run.
        for bytes in BufReader::new(output).split(b'\n') {
            let text = String::from_utf8_lossy(&bytes.map_err(broken)?).into_owned();
            println!("{text}");
            passed += passed_in(&text).unwrap_or(0);
        }
    }
    let status = child.wait().map_err(broken)?;
    if status.success() {
        Ok(passed)
    } else {
        Err(Failure(format!("`{line}` failed ({status})")))
    }
}

/// As [`count_tests`], but a run in which nothing was tested is a failure too: a misspelled cfg or
/// filter must not pass for a success.
pub(crate) fn run_tests(command: &mut Command) -> Outcome {
    match count_tests(command)? {
        0 => Err(Failure(format!("`{}` ran no test", typed(command)))),
        passed => {
            println!("{passed} tests passed");
            Ok(())
        }
    }
}

/// What `command` writes to its standard output.
pub(crate) fn answer(command: &mut Command) -> Outcome<String> {
    let line = typed(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure(format!("cannot start `{line}`: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let words = String::from_utf8_lossy(&output.stderr);
        Err(Failure(format!(
            "`{line}` failed ({}): {words}",
            output.status
        )))
    }
}

/// The number in a summary line of the test harness, `test result: ok. 7 passed; …`.
fn passed_in(line: &str) -> Option<usize> {
    line.strip_prefix("test result: ok. ")?
        .split_once(" passed")?
        .0
        .parse()
        .ok()
}

fn announce(command: &Command) -> String {
    let line = typed(command);
    println!("$ {line}");
    line
}

/// The command as one would type it.
fn typed(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        Some(format!(
            "{}={}",
            name.to_string_lossy(),
            quoted(&value?.to_string_lossy())
        ))
    });
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or(&program).to_owned();
    let arguments = command
        .get_args()
        .map(|word| quoted(&word.to_string_lossy()));
    set.chain([program])
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '*', ';']) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_a_failure_with_its_name() {
        let failure = run(&mut Command::new("false")).unwrap_err();
        assert!(failure.to_string().contains("`false` failed"), "{failure}");
    }

    #[test]
    fn a_run_without_tests_fails() {
        let words = "test result: ok. 0 passed; 0 failed; 0 ignored";
        let failure = run_tests(Command::new("echo").arg(words)).unwrap_err();
        assert!(failure.to_string().contains("ran no test"), "{failure}");
        let words = "test result: ok. 2 passed; 0 failed; 0 ignored";
        run_tests(Command::new("echo").arg(words)).unwrap();
    }

    #[test]
    fn only_summary_lines_are_counted() {
        assert_eq!(passed_in("test result: ok. 12 passed; 0 failed"), Some(12));
        assert_eq!(passed_in("test result: FAILED. 12 passed; 1 failed"), None);
        assert_eq!(passed_in("running 12 tests"), None);
    }

    #[test]
    fn a_command_is_shown_with_its_environment() {
        let mut command = Command::new("/somewhere/cargo");
        command
            .env("RUSTFLAGS", "--cfg loom")
            .args(["test", "--test", "loom*"]);
        assert_eq!(
            typed(&command),
            "RUSTFLAGS='--cfg loom' cargo test --test 'loom*'"
        );
    }
}
