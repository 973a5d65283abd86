//! `ringmq top`, `ls` and `doctor` beside processes whose status pages lie.
//!
//! A page is made here by hand: a memfd of the name and the size of a page, whose contents are not those of ringmq. The
//! process that has it open is a child, `sleep`, whose number is in the page where that matters.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::Value;

use super::{errors, ringmq};

const ROW: usize = 512;
const ROWS: usize = 8192;
const MAGIC: u64 = u64::from_le_bytes(*b"ringmqT\x01");

/// A process with a page.
pub(crate) struct Liar {
    pub(crate) child: Child,
    page: File,
}

impl Liar {
    /// Begins with a page of zeros of this length.
    fn begin(len: u64) -> Liar {
        let page: OwnedFd = memfd_create("ringmq-status", MemfdFlags::empty()).unwrap();
        let page = File::from(page);
        page.set_len(len).unwrap();
        // The memfd is not close-on-exec, so the child has it open, too.
        assert!(page.as_raw_fd() > 2);
        let child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Liar { child, page }
    }

    /// Of the right length, with a header that names the child.
    pub(crate) fn with_header() -> Liar {
        let liar = Liar::begin((ROW * ROWS) as u64);
        liar.put(0, 0x00, MAGIC);
        liar.put(0, 0x08, u64::from(liar.child.id()));
        liar.put(0, 0x18, 4);
        liar
    }

    fn put(&self, row: usize, word: usize, value: u64) {
        let at = (row * ROW + word) as u64;
        self.page.write_all_at(&value.to_ne_bytes(), at).unwrap();
    }

    /// A connection of a socket, with these texts.
    fn connection(&self, row: usize, endpoint: &[u8], peer: &[u8]) {
        // A PUSH socket.
        self.put(1, 0x08, 1);
        self.put(1, 0x18, 8 | 3 << 8);
        // Ready, connected, in shared memory.
        self.put(row, 0x08, 3);
        self.put(row, 0x10, 1);
        self.put(row, 0x18, 8);
        self.put(row, 0x20, 3 | 2 << 8 | 3 << 16);
        self.put(row, 0x50, endpoint.len() as u64 | (peer.len() as u64) << 16);
        let at = (row * ROW) as u64;
        self.page
            .write_all_at(&endpoint[..endpoint.len().min(160)], at + 0x60)
            .unwrap();
        self.page
            .write_all_at(&peer[..peer.len().min(64)], at + 0x100)
            .unwrap();
    }

    /// What `top --once --json` says of the child.
    fn status(&self) -> Value {
        super::status(self.child.id())
    }

    /// All verbs go on beside it, and print no control character but the end of a line.
    fn all_go_on(&self) -> String {
        let pid = self.child.id().to_string();
        let mut all = String::new();
        for arguments in [
            &["top", "--once", "--interval", "0.01"][..],
            &["ls"],
            &["doctor", &pid],
        ] {
            let output = ringmq(arguments).output().unwrap();
            assert!(
                output.status.success(),
                "{arguments:?}: {}",
                errors(&output)
            );
            let text = String::from_utf8(output.stdout).unwrap();
            let is_clean = |character: char| !character.is_control() || character == '\n';
            assert!(text.chars().all(is_clean), "{text:?}");
            all += &text;
        }
        all
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn random_bytes_are_no_page() {
    let mut liar = Liar::begin((ROW * ROWS) as u64);
    let mut word = 88_172_645_463_325_252_u64;
    let mut bytes = Vec::new();
    for _ in 0..ROW * ROWS / 8 {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    liar.page.rewind().unwrap();
    liar.page.write_all(&bytes).unwrap();
    assert_eq!(liar.status(), Value::Null);
    // Behind a header that looks right, they are rows that make no sense, or sense of some kind.
    liar.put(0, 0x00, MAGIC);
    liar.put(0, 0x08, u64::from(liar.child.id()));
    liar.put(0, 0x18, u64::MAX);
    liar.put(0, 0x30, u64::MAX);
    assert_eq!(liar.status()["pid"], liar.child.id());
    liar.all_go_on();
}

#[test]
fn a_page_of_another_size_or_layout_or_process_is_not_read() {
    for len in [0, 4096, (ROW * ROWS) as u64 - 1, (2 * ROW * ROWS) as u64] {
        assert_eq!(Liar::begin(len).status(), Value::Null, "{len}");
    }
    let liar = Liar::with_header();
    assert_eq!(liar.status()["pid"], liar.child.id());
    liar.put(0, 0x00, MAGIC + (1 << 56));
    assert_eq!(liar.status(), Value::Null);
    liar.put(0, 0x00, MAGIC);
    liar.put(0, 0x08, 1);
    assert_eq!(liar.status(), Value::Null);
    // It is not sealed, so it may become shorter.
    liar.put(0, 0x08, u64::from(liar.child.id()));
    liar.page.set_len(ROW as u64).unwrap();
    liar.all_go_on();
}

#[test]
fn texts_are_cut_and_control_characters_are_escaped() {
    let liar = Liar::with_header();
    let evil = b"ipc://\x1b[2J\x1b]0;owned\x07\r\n\xff\xfe\xe2\x80\xae";
    liar.connection(2, evil, b"\x00\x01peer");
    liar.connection(3, &[b'x'; 3000], &[b'y'; 3000]);
    let text = liar.all_go_on();
    assert!(text.contains("ipc://\\u{1b}[2J"), "{text}");
    let status = liar.status();
    let connections = status["sockets"][0]["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2);
    let endpoint = connections[0]["endpoint"].as_str().unwrap();
    assert!(
        endpoint.contains("\\u{202e}") && endpoint.contains('\u{fffd}'),
        "{endpoint}"
    );
    assert_eq!(connections[1]["endpoint"], "x".repeat(160) + "…");
    assert_eq!(connections[1]["peer"], "y".repeat(64) + "…");
}

#[test]
fn counts_of_any_size_are_shown() {
    let liar = Liar::with_header();
    liar.connection(2, b"ipc:///tmp/huge", b"");
    for word in (0x140..ROW)
        .step_by(8)
        .chain([0x28, 0x30, 0x38, 0x40, 0x48])
    {
        liar.put(2, word, u64::MAX);
    }
    liar.put(0, 0x20, u64::MAX);
    let status = liar.status();
    assert_eq!(status["missing"], u64::MAX);
    let connection = &status["sockets"][0]["connections"][0];
    assert_eq!(connection["sent"]["messages"], u64::MAX);
    assert_eq!(connection["memory"], u64::MAX);
    liar.all_go_on();
    // Ends that name each other, and themselves.
    liar.put(2, 0x38, 7);
    liar.put(2, 0x40, 7);
    liar.connection(3, b"ipc:///tmp/huge", b"");
    liar.put(3, 0x38, 7);
    liar.put(3, 0x40, 7);
    liar.all_go_on();
}

#[test]
fn a_row_that_never_settles_is_left_out() {
    let liar = Liar::with_header();
    liar.connection(2, b"ipc:///tmp/busy", b"");
    liar.connection(3, b"ipc:///tmp/calm", b"");
    // It is being written, for ever.
    liar.put(2, 0x00, 1);
    let status = liar.status();
    let connections = status["sockets"][0]["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0]["endpoint"], "ipc:///tmp/calm");
    let text = liar.all_go_on();
    assert!(
        // Rows of other processes may be in the midst of a change.
        text.contains(" more sockets and connections are not shown"),
        "{text}"
    );
}

#[test]
fn a_process_that_ends_while_it_is_watched_harms_nothing() {
    let mut top = ringmq(&["top", "--json", "--interval", "0.01"])
        .spawn()
        .unwrap();
    let output = top.stdout.take().unwrap();
    let (lines, heard) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        use std::io::BufRead;
        for line in std::io::BufReader::new(output).lines() {
            if lines.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    let patience = Duration::from_secs(60);
    for _ in 0..5 {
        let mut liar = Liar::with_header();
        liar.connection(2, b"ipc:///tmp/dying", b"");
        let pid = liar.child.id();
        let has = |line: &str| line.contains(&format!("\"pid\":{pid},"));
        while !has(&heard.recv_timeout(patience).unwrap()) {}
        liar.child.kill().unwrap();
        liar.child.wait().unwrap();
        while has(&heard.recv_timeout(patience).unwrap()) {}
    }
    assert!(top.try_wait().unwrap().is_none());
    top.kill().unwrap();
    top.wait().unwrap();
    drop(heard);
    reader.join().unwrap();
}

#[test]
fn a_file_of_that_name_that_is_no_memory_is_not_opened() {
    let folder = ringmq_testing::Scratch::new();
    // A memfd is shown as `/memfd:NAME (deleted)`. This path has the same last part, in another folder: a test makes no file
    // in the root folder.
    let path = folder.path("memfd:ringmq-status (deleted)");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let fifo = File::options().read(true).write(true).open(&path).unwrap();
    let mut command = Command::new("sleep");
    command.arg("600").stdin(fifo).arg0("sleep");
    let mut child = command.spawn().unwrap();
    let output = ringmq(&["top", "--once", "--interval", "0.01"])
        .output()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
}
