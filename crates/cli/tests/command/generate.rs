//! `ringmq generate`: a page for each verb, and completions that the shells take.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ringmq_testing::Scratch;

use crate::{errors, ringmq};

/// The verbs that the help of `words` lists, each with all verbs below it.
fn verbs_below(words: &[&str], found: &mut BTreeSet<String>) {
    let output = ringmq(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let help = String::from_utf8(output.stdout).unwrap();
    found.insert([&["ringmq"], words].concat().join("-"));
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return;
    };
    let list = list.split("\n\n").next().unwrap();
    // A verb stands two columns from the left; more is a line of its description.
    let verbs = list.lines().filter_map(|line| line.strip_prefix("  "));
    for verb in verbs.filter(|line| !line.starts_with(' ')) {
        let verb = verb.split_whitespace().next().unwrap();
        if verb != "help" {
            verbs_below(&[words, &[verb]].concat(), found);
        }
    }
}

fn generate(what: &str) -> Scratch {
    let scratch = Scratch::new();
    let folder = scratch.path("made");
    for _ in 0..2 {
        // The second time the files are replaced.
        let output = ringmq(&["generate", what, &folder]).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    }
    scratch
}

#[test]
fn each_verb_has_a_page_and_each_page_a_verb() {
    let made = generate("man");
    let mut verbs = BTreeSet::new();
    verbs_below(&[], &mut verbs);
    assert!(verbs.contains("ringmq-pipe-listen"), "{verbs:?}");
    let pages = fs::read_dir(made.path("made")).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\n.SH NAME\n"), "{}", path.display());
        assert!(text.contains("\n.SH SYNOPSIS\n"), "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        name.strip_suffix(".1").unwrap().to_owned()
    });
    assert_eq!(pages.collect::<BTreeSet<_>>(), verbs);
}

#[test]
fn the_shells_take_the_completions() {
    let made = generate("completions");
    for (shell, name) in [
        ("bash", "ringmq.bash"),
        ("zsh", "_ringmq"),
        ("fish", "ringmq.fish"),
    ] {
        let file = made.path(&format!("made/{name}"));
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("keygen"), "{name} knows the verbs");
        assert!(!text.contains("generate"), "{name} knows a hidden verb");
        let Some(mut check) = installed(shell) else {
            println!("skipped: there is no {shell}");
            continue;
        };
        let output = check.args(["-n", &file]).output().unwrap();
        assert!(output.status.success(), "{shell}: {}", errors(&output));
        assert_eq!(errors(&output), "", "{shell}");
    }
}

#[test]
fn bash_completes_a_verb() {
    let made = generate("completions");
    let Some(mut bash) = installed("bash") else {
        println!("skipped: there is no bash");
        return;
    };
    // What bash does at a tab, without a terminal.
    let script = r#"source "$1"; COMP_WORDS=(ringmq key); COMP_CWORD=1; _ringmq ringmq key ringmq; echo "${COMPREPLY[@]}""#;
    let file = made.path("made/ringmq.bash");
    let output = bash
        .args(["--norc", "-c", script, "bash", &file])
        .output()
        .unwrap();
    assert_eq!(errors(&output), "");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "keygen");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let output = ringmq(&["generate", "man", "/dev/null/pages"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("/dev/null/pages"));
}

/// A command that starts the shell, if it is there.
fn installed(shell: &str) -> Option<Command> {
    let path = std::env::var_os("PATH")?;
    let program = std::env::split_paths(&path)
        .map(|folder| folder.join(shell))
        .find(|program| Path::is_file(program))?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    Some(command)
}
