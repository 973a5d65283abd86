//! The examples of docs/command.md, each in a folder of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ringmq_testing::Scratch;

use super::guard;

/// The blocks of a kind, each with the block of text that follows it directly, which is what it prints.
fn examples(document: &str) -> Vec<(String, Option<String>)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    let mut prose = true;
    for line in document.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                let kind = if prose {
                    kind.to_owned()
                } else {
                    format!("+{kind}")
                };
                blocks.push((kind, String::new()));
                prose = false;
            }
        } else if inside {
            let (_, text) = blocks.last_mut().unwrap();
            text.push_str(line);
            text.push('\n');
        } else if !line.is_empty() {
            prose = true;
        }
    }
    let mut examples = Vec::new();
    for (at, (kind, text)) in blocks.iter().enumerate() {
        if kind.trim_start_matches('+') == "sh" {
            let printed = blocks.get(at + 1).filter(|(kind, _)| kind == "+text");
            examples.push((text.clone(), printed.map(|(_, text)| text.clone())));
        }
    }
    examples
}

#[test]
fn examples_print_what_they_say() {
    let _guard = guard();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command.md");
    let document = fs::read_to_string(document).unwrap();
    let examples = examples(&document);
    assert!(examples.len() > 8);
    let folder = Path::new(env!("CARGO_BIN_EXE_ringmq")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    for (script, printed) in examples {
        let scratch = Scratch::new();
        // What an example leaves running would hold the output open.
        let ends = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT";
        let output = Command::new("timeout")
            .args(["60", "bash", "-e", "-c", &format!("{ends}\n{script}")])
            .current_dir(scratch.path(""))
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}\n{output:?}");
        if let Some(printed) = printed {
            assert_eq!(String::from_utf8_lossy(&output.stdout), printed, "{script}");
        }
    }
}
