//! A server that answers every message in capitals, and a client.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example echo            # both, in two processes
//! cargo run --release -p ringmq-examples --example echo -- serve /tmp/echo.sock
//! cargo run --release -p ringmq-examples --example echo -- ask /tmp/echo.sock "hello" "world"
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use ringmq_pipe::{Listener, Options, RecvError};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", path] => serve(&mut Listener::bind(path, &Options::new())?),
        ["ask", path, ref words @ ..] => ask(path, words),
        [] => {
            let path = format!("@ringmq-echo-{}", std::process::id());
            let mut listener = Listener::bind(&path, &Options::new())?;
            let client = Command::new(std::env::current_exe()?)
                .args(["ask", &path])
                .spawn()?;
            serve(&mut listener)?;
            client.wait_with_output()?;
            Ok(())
        }
        _ => Err("usage: echo [serve PATH | ask PATH WORD...]".into()),
    }
}

/// Serves one client until it closes.
fn serve(listener: &mut Listener) -> Result<(), Box<dyn Error>> {
    let mut pipe = listener.accept()?;
    let mut request = Vec::new();
    loop {
        match pipe.receiver().recv(&mut request) {
            Ok(()) => {}
            Err(RecvError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        request.make_ascii_uppercase();
        pipe.sender().send(&request)?;
    }
}

fn ask(path: &str, words: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut pipe = Options::new().connect(path)?;
    let words = if words.is_empty() {
        &["hello", "shared", "memory"]
    } else {
        words
    };
    let mut reply = Vec::new();
    for word in words {
        let start = Instant::now();
        pipe.sender().send(word.as_bytes())?;
        pipe.receiver().recv(&mut reply)?;
        let elapsed = start.elapsed();
        println!(
            "{word} -> {} ({elapsed:?})",
            String::from_utf8_lossy(&reply)
        );
    }
    Ok(())
}
