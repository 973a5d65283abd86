//! The live table of `ringmq top`, on a terminal that `script` makes.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ringmq::{Context, Kind};
use ringmq_testing::{until_gone, watchdog};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);
/// What gives the terminal back: the ordinary screen, and the cursor. The mode is what `stty` says of it.
const RESTORED: [&str; 3] = ["\x1b[?1049l", "\x1b[?25h", "mode is restored"];

/// `top` on a terminal.
struct Screen {
    script: Child,
    /// All that came.
    raw: String,
    grid: Grid,
    output: Receiver<Vec<u8>>,
}

/// What stands on a terminal, as far as the drawing of `top` asks for it: places, and characters.
#[derive(Default)]
struct Grid {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// A sequence that has begun.
    sequence: Option<String>,
}

impl Grid {
    fn take(&mut self, text: &str) {
        for character in text.chars() {
            match (&mut self.sequence, character) {
                (None, '\x1b') => self.sequence = Some(String::new()),
                (None, '\r') => self.column = 0,
                (None, '\n') => self.row += 1,
                (None, character) => self.put(character),
                (Some(sequence), character) => {
                    sequence.push(character);
                    let is_open = sequence == "[" || !character.is_ascii_alphabetic();
                    if !is_open {
                        let sequence = self.sequence.take().unwrap();
                        self.obey(&sequence);
                    }
                }
            }
        }
    }

    fn obey(&mut self, sequence: &str) {
        if let Some(place) = sequence
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix('H'))
        {
            let mut numbers = place.split(';').map(|number| number.parse().unwrap_or(1));
            self.row = numbers.next().unwrap_or(1_usize) - 1;
            self.column = numbers.next().unwrap_or(1_usize) - 1;
        } else if sequence == "[2J" {
            self.rows.clear();
        }
    }

    fn put(&mut self, character: char) {
        if self.rows.len() <= self.row {
            self.rows.resize(self.row + 1, Vec::new());
        }
        let row = &mut self.rows[self.row];
        if row.len() <= self.column {
            row.resize(self.column + 1, ' ');
        }
        row[self.column] = character;
        self.column += 1;
    }

    fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| row.iter().collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }
}

impl Screen {
    fn begin(columns: u32) -> Screen {
        let top = env!("CARGO_BIN_EXE_ringmq");
        let command = format!(
            "ulimit -c 0; stty cols {columns} rows 20; before=$(stty -g); {top} top --interval 0.1; code=$?; \
             test \"$before\" = \"$(stty -g)\" && echo mode is restored; echo code $code"
        );
        let mut script = Command::new("script")
            .args(["-q", "-e", "-c", &command, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut from = script.stdout.take().unwrap();
        let (to, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                if to.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Screen {
            script,
            raw: String::new(),
            grid: Grid::default(),
            output,
        }
    }

    /// Takes what comes next.
    fn hear(&mut self, wanted: &str) {
        let bytes = self.output.recv_timeout(PATIENCE);
        let bytes = bytes.unwrap_or_else(|_| panic!("no {wanted:?} in {}", self.grid.text()));
        // A character may come in two pieces; none of those that are waited for does.
        let text = String::from_utf8_lossy(&bytes);
        self.grid.take(&text);
        self.raw += &text;
    }

    /// Waits until a text stands on the terminal.
    fn until(&mut self, text: &str) {
        while !self.grid.text().contains(text) {
            self.hear(text);
        }
    }

    /// Waits until these bytes have come.
    fn until_raw(&mut self, text: &str) {
        while !self.raw.contains(text) {
            self.hear(text);
        }
    }

    /// The process of `top`.
    fn pid(&self) -> u32 {
        let pids = format!("pgrep -P $(pgrep -P {}) -x ringmq", self.script.id());
        let found = Command::new("sh").args(["-c", &pids]).output().unwrap();
        let pid = String::from_utf8(found.stdout).unwrap();
        pid.trim().parse().unwrap()
    }

    fn press(&mut self, keys: &str) {
        let terminal = self.script.stdin.as_mut().unwrap();
        terminal.write_all(keys.as_bytes()).unwrap();
        terminal.flush().unwrap();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn the_table_lives_on_forty_columns_and_gives_the_terminal_back() {
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    pull.bind("inproc://screen").unwrap();
    let mut screen = Screen::begin(40);
    screen.until("PROGRAM");
    screen.until("PULL");
    screen.press("?");
    screen.until("select a line");
    screen.press("\x1b");
    screen.until("PROGRAM");
    screen.press("/inproc://screen\r");
    screen.until("1 lines");
    screen.press("\r");
    screen.until("endpoint");
    screen.until("inproc://screen");
    screen.press("q");
    screen.until("PROGRAM");
    screen.press("q");
    for restored in RESTORED {
        screen.until_raw(restored);
    }
    screen.until_raw("code 0");
}

#[test]
fn ctrl_c_ends_it_and_gives_the_terminal_back() {
    let mut screen = Screen::begin(120);
    screen.until("ringmq top");
    screen.press("\x03");
    for restored in RESTORED {
        screen.until_raw(restored);
    }
    screen.until_raw("code 130");
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    for (name, code) in [("TERM", 143), ("HUP", 129), ("INT", 130), ("QUIT", 131)] {
        let mut screen = Screen::begin(120);
        screen.until("ringmq top");
        let pid = screen.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success(), "{pid:?}");
        for restored in RESTORED {
            screen.until_raw(restored);
        }
        screen.until_raw(&format!("code {code}"));
    }
}

#[test]
fn it_ends_when_its_terminal_goes_away() {
    let _guard = watchdog(PATIENCE);
    let mut screen = Screen::begin(120);
    screen.until("ringmq top");
    let pid = screen.pid();
    screen.script.kill().unwrap();
    until_gone(pid);
}
