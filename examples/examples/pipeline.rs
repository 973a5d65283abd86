//! A pipeline of files: a source reads them, workers count their words, and a sink adds up.
//!
//! ```text
//!              PUSH             PULL  PUSH            PULL
//!    source  --------> worker, worker, ... ---------> sink
//!    path, content                        path, words
//! ```
//! ```text
//! cargo run --release -p ringmq-examples --example pipeline -- FOLDER [WORKERS]
//! ```
//! Without a folder it takes the one with its own sources. Each worker is a process.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringmq::{Context, Frame, Kind, Message};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["work", source, sink] => work(source, sink),
        [] => run(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")),
            2,
        ),
        [folder] => run(Path::new(folder), 2),
        [folder, workers] => run(Path::new(folder), workers.parse()?),
        _ => Err("usage: pipeline [FOLDER [WORKERS]]".into()),
    }
}

fn run(folder: &Path, workers: usize) -> Result<(), Box<dyn Error>> {
    let name = |what: &str| format!("ipc://@ringmq-pipeline-{what}-{}", std::process::id());
    let (source_at, sink_at) = (name("source"), name("sink"));
    let context = Context::new()?;
    let (mut source, mut sink) = (context.socket(Kind::Push)?, context.socket(Kind::Pull)?);
    source.bind(&source_at)?;
    sink.bind(&sink_at)?;
    let program = std::env::current_exe()?;
    let start = |_| {
        Command::new(&program)
            .args(["work", &source_at, &sink_at])
            .spawn()
    };
    let mut workers = (0..workers).map(start).collect::<Result<Vec<_>, _>>()?;

    let files = files_below(folder)?;
    let count = files.len();
    let reader = std::thread::spawn(move || {
        // It waits when the workers are late: as many files are on their way as the high-water marks admit.
        for path in files {
            // Any bytes make a path, and a content: the message takes the vector as it is.
            let content =
                fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let name = Frame::from(path.into_os_string().into_encoded_bytes());
            let message = Message::from_iter([name, Frame::from(content)]);
            source.send(message).map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    });
    let mut words = 0;
    for _ in 0..count {
        let result = sink.recv()?;
        let of_file: u64 = std::str::from_utf8(&result[1])?.parse()?;
        println!("{of_file:>8}  {}", String::from_utf8_lossy(&result[0]));
        words += of_file;
    }
    println!("{words:>8}  words in {count} files");
    reader.join().map_err(|_| "the source has panicked")??;
    for worker in &mut workers {
        worker.kill()?;
        worker.wait()?;
    }
    Ok(())
}

fn work(source_at: &str, sink_at: &str) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let (mut source, mut sink) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    source.connect(source_at)?;
    sink.connect(sink_at)?;
    loop {
        let mut file = source.recv()?;
        let content = file.pop().ok_or("a file without content")?;
        let words = content.split(|byte| byte.is_ascii_whitespace());
        let words = words.filter(|word| !word.is_empty()).count();
        file.push(words.to_string());
        sink.send(file)?;
    }
}

fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
