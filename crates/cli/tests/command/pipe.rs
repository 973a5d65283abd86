//! `ringmq pipe`: what goes in comes out, both ways, and an end is an end.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use ringmq_testing::{Random, Scratch, abstract_name, seed, watchdog};

use crate::{errors, ringmq, signal};

/// Two commands that are connected, or about to be.
struct Ends {
    listen: Child,
    connect: Child,
}

impl Ends {
    /// Starts both at `path`, with streams that the test holds.
    fn start(path: &str, more: &[&str]) -> Ends {
        let start = |verb: &str| {
            let mut command = ringmq(&["pipe", verb, path]);
            command.args(more).stdin(Stdio::piped());
            if verb == "connect" {
                command.args(["--timeout", "20"]);
            }
            command.spawn().unwrap()
        };
        Ends {
            listen: start("listen"),
            connect: start("connect"),
        }
    }

    fn finish(self) -> (Output, Output) {
        (
            self.listen.wait_with_output().unwrap(),
            self.connect.wait_with_output().unwrap(),
        )
    }
}

/// Writes one line, and closes nothing.
fn say(child: &mut Child, line: &str) {
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(line.as_bytes()).unwrap();
    stdin.flush().unwrap();
}

/// Waits for exactly this on the standard output.
#[track_caller]
fn hear(child: &mut Child, line: &str) {
    let mut heard = vec![0; line.len()];
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut heard).unwrap();
    assert_eq!(heard, line.as_bytes());
}

/// A file of so many random bytes.
fn random_file(scratch: &Scratch, name: &str, len: usize) -> String {
    let mut random = Random::new(seed());
    let bytes: Vec<u8> = (0..len / 8)
        .flat_map(|_| random.next().to_le_bytes())
        .collect();
    let path = scratch.path(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Files go both ways at once, through rings much smaller than they are, in each wait strategy.
#[test]
fn files_both_ways() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let there = random_file(&scratch, "there", 24 << 20);
    let back = random_file(&scratch, "back", 8 << 20);
    let (came_there, came_back) = (scratch.path("came-there"), scratch.path("came-back"));
    for wait in ["spin", "park", "adaptive"] {
        for size in ["64KiB", "1M"] {
            let path = abstract_name("files");
            let run = |verb, input: &str, output: &str| {
                ringmq(&["pipe", verb, &path, "--wait", wait, "--size", size])
                    .stdin(File::open(input).unwrap())
                    .stdout(File::create(output).unwrap())
                    .spawn()
                    .unwrap()
            };
            let listen = run("listen", &back, &came_there);
            let connect = run("connect", &there, &came_back);
            let (listen, connect) = Ends { listen, connect }.finish();
            assert!(listen.status.success(), "{wait} {size}: {listen:?}");
            assert!(connect.status.success(), "{wait} {size}: {connect:?}");
            assert!(fs::read(&there).unwrap() == fs::read(&came_there).unwrap());
            assert!(fs::read(&back).unwrap() == fs::read(&came_back).unwrap());
        }
    }
}

/// A line comes out at once, and the end of one direction leaves the other alone.
#[test]
fn an_end_of_input_closes_one_direction() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut ends = Ends::start(&abstract_name("half"), &[]);
    say(&mut ends.connect, "a question\n");
    hear(&mut ends.listen, "a question\n");
    drop(ends.connect.stdin.take());
    let mut rest = Vec::new();
    let stdout = ends.listen.stdout.as_mut().unwrap();
    stdout.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    for line in ["an answer\n", "and another\n"] {
        say(&mut ends.listen, line);
        hear(&mut ends.connect, line);
    }
    drop(ends.listen.stdin.take());
    let (listen, connect) = ends.finish();
    assert!(listen.status.success() && connect.status.success());
    assert!(listen.stderr.is_empty() && connect.stderr.is_empty());
}

/// A peer that is killed is named, and what it had sent has come out.
#[test]
fn a_death_is_said() {
    let _guard = watchdog(Duration::from_secs(60));
    for victim_listens in [true, false] {
        let mut ends = Ends::start(&abstract_name("death"), &[]);
        let (victim, survivor) = if victim_listens {
            (&mut ends.listen, &mut ends.connect)
        } else {
            (&mut ends.connect, &mut ends.listen)
        };
        say(victim, "last words\n");
        hear(survivor, "last words\n");
        victim.kill().unwrap();
        let pid = victim.id();
        // Held open: it is the death that ends the survivor, not its own input.
        let input = survivor.stdin.take();
        let (listen, connect) = ends.finish();
        drop(input);
        let (victim, survivor) = if victim_listens {
            (listen, connect)
        } else {
            (connect, listen)
        };
        assert_eq!(victim.status.signal(), Some(9));
        assert_eq!(survivor.status.code(), Some(1));
        assert!(
            errors(&survivor).contains(&format!("the peer (process {pid}) died")),
            "{survivor:?}"
        );
    }
}

/// What keeps two ends from meeting is said with its remedy, and changes nothing.
#[test]
fn errors_name_cause_and_remedy() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let unused = scratch.path("unused");
    let output = ringmq(&["pipe", "connect", &unused, "--timeout", "0.1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.contains(&unused) && said.contains("ringmq pipe listen"),
        "{said}"
    );

    let file = scratch.path("file");
    fs::write(&file, "precious").unwrap();
    let output = ringmq(&["pipe", "listen", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains(&file), "{output:?}");
    assert_eq!(fs::read(&file).unwrap(), b"precious");

    for wrong in [
        &["pipe", "listen", "@x", "--wait", "sleep"][..],
        &["pipe", "listen", "@x", "--size", "12x"],
        &["pipe", "listen", "@x", "--mode", "999"],
        &["pipe", "listen", "@x", "--mode", "77777"],
        &["pipe", "connect", "@x", "--timeout", "1e30"],
        &["pipe", "connect", "@x", "--timeout", "nan"],
        &["pipe", "connect", "@x", "--timeout=-1"],
        &["pipe", "listen", "@x", "--size", "64KB"],
        &["pipe", "listen"],
    ] {
        let output = ringmq(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let output = ringmq(&["pipe", "listen", "@x", "--size", "1000"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("1000"), "{output:?}");
}

/// An error that a listener would not mend is reported at once, without the advice to start one.
#[test]
fn no_listener_helps_against_other_refusals() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let file = scratch.path("file");
    fs::write(&file, "precious").unwrap();
    let below = format!("{file}/socket");
    for path in [&file, &below] {
        // The watchdog is sooner.
        let output = ringmq(&["pipe", "connect", path, "--timeout", "600"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = errors(&output);
        assert!(
            said.contains(path.as_str()) && !said.contains("pipe listen"),
            "{said}"
        );
    }
    // A socket without a listener may have one soon.
    let dead = scratch.path("dead");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let output = ringmq(&["pipe", "connect", &dead, "--timeout", "0"])
        .output()
        .unwrap();
    assert!(errors(&output).contains("pipe listen"), "{output:?}");
}

/// A signal that ends one side ends the stream for the other, which is no death.
#[test]
fn an_interrupt_is_an_end() {
    let _guard = watchdog(Duration::from_secs(60));
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        for victim_listens in [true, false] {
            let mut ends = Ends::start(&abstract_name("interrupt"), &["--wait", "park"]);
            let (victim, survivor) = if victim_listens {
                (&mut ends.listen, &mut ends.connect)
            } else {
                (&mut ends.connect, &mut ends.listen)
            };
            say(victim, "last words\n");
            hear(survivor, "last words\n");
            signal(victim, name);
            // Held open: it is not the end of its own input that ends the survivor.
            let input = survivor.stdin.take();
            let (listen, connect) = ends.finish();
            drop(input);
            let (victim, survivor) = if victim_listens {
                (listen, connect)
            } else {
                (connect, listen)
            };
            assert_eq!(victim.status.signal(), Some(number), "{victim:?}");
            assert!(
                survivor.status.success() && survivor.stderr.is_empty(),
                "{survivor:?}"
            );
        }
    }
}

/// A command that waits for a peer ends at once, and removes its path.
#[test]
fn an_interrupt_ends_a_wait_for_a_peer() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("p");
    let mut listen = ringmq(&["pipe", "listen", &path]).spawn().unwrap();
    while fs::metadata(&path).is_err() {
        assert!(listen.try_wait().unwrap().is_none());
    }
    signal(&listen, "INT");
    let output = listen.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    assert!(fs::metadata(&path).is_err());
}

/// On a terminal that shows the data there is nothing else.
#[test]
fn a_terminal_shows_data_alone() {
    let _guard = watchdog(Duration::from_secs(60));
    let path = abstract_name("terminal");
    let line = format!(
        "{} pipe listen {path} --wait park",
        env!("CARGO_BIN_EXE_ringmq")
    );
    // script(1) runs it on a terminal of its own.
    let listen = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut listen = match listen {
        Ok(listen) => listen,
        Err(error) => {
            eprintln!("not run: script(1) is missing: {error}");
            return;
        }
    };
    let mut connect = ringmq(&["pipe", "connect", &path, "--timeout", "20"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    for line in 0..20 {
        say(&mut connect, &format!("line {line}\n"));
        // The terminal adds a carriage return. A progress line is drawn five times a second.
        hear(&mut listen, &format!("line {line}\r\n"));
        // The time that passes is what is tested: lines come while progress is drawn.
        std::thread::sleep(Duration::from_millis(30));
    }
    drop((connect.stdin.take(), listen.stdin.take()));
    let listen = listen.wait_with_output().unwrap();
    assert!(connect.wait().unwrap().success() && listen.status.success());
}

/// The help names the values and the defaults of what can be chosen.
#[test]
fn help_has_values_and_defaults() {
    for (command, parts) in [
        (
            &["pipe", "listen", "--help"][..],
            &[
                "[possible values: spin, park, adaptive]",
                "[default: adaptive]",
                "[default: 1M]",
            ][..],
        ),
        (
            &["pipe", "connect", "--help"],
            &["[default: 1]", "[possible values: spin"],
        ),
        (
            &["perf", "latency", "--help"],
            &[
                "[default: 100000",
                "[possible values: spin",
                "[default: 64;",
            ],
        ),
        (&["perf", "throughput", "--help"], &["throughput 1000000"]),
        (&["perf", "compare", "--help"], &["[default: all]"]),
    ] {
        let output = ringmq(command).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(help.contains(part), "{command:?}: {part} is not in {help}");
        }
    }
}

/// The path exists while the listener runs, with the permissions that were asked for, and is gone afterwards.
#[test]
fn the_path_comes_and_goes() {
    use std::os::unix::fs::PermissionsExt;
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("p");
    let mut listen = ringmq(&["pipe", "listen", &path, "--mode", "640"])
        .spawn()
        .unwrap();
    let mode = loop {
        match fs::metadata(&path) {
            Ok(metadata) => break metadata.permissions().mode(),
            Err(_) => assert!(listen.try_wait().unwrap().is_none()),
        }
    };
    assert_eq!(mode & 0o777, 0o640);
    let connect = ringmq(&["pipe", "connect", &path, "--timeout", "20"])
        .spawn()
        .unwrap();
    let (listen, connect) = Ends { listen, connect }.finish();
    assert!(listen.status.success() && connect.status.success());
    assert!(fs::metadata(&path).is_err());
}
