//! Requests to a service that sometimes does not answer: each has a time, and is sent again.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example request_reply    # both, in two processes
//! cargo run --release -p ringmq-examples --example request_reply -- serve ipc:///tmp/square
//! cargo run --release -p ringmq-examples --example request_reply -- ask ipc:///tmp/square 3 4 5
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use ringmq::{Context, Kind, RecvError, SetOption, Socket};

/// How long a reply may take, and how often a request is sent.
const TIME: Duration = Duration::from_millis(200);
const TRIES: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", endpoint] => serve(endpoint),
        ["ask", endpoint, ref numbers @ ..] => ask(endpoint, numbers),
        [] => both(),
        _ => Err("usage: request_reply [serve ENDPOINT | ask ENDPOINT NUMBER...]".into()),
    }
}

fn both() -> Result<(), Box<dyn Error>> {
    let endpoint = format!("ipc://@ringmq-square-{}", std::process::id());
    let mut service = Command::new(std::env::current_exe()?)
        .args(["serve", &endpoint])
        .spawn()?;
    let asked = ask(&endpoint, &["1", "2", "3", "4", "5", "6"]);
    service.kill()?;
    service.wait()?;
    asked
}

/// Squares numbers. Every third request is lost, as it is when a service restarts.
fn serve(endpoint: &str) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    // A ROUTER can leave a request without a reply; a REP could not go on.
    let mut router = context.socket(Kind::Router)?;
    router.bind(endpoint)?;
    for count in 1u64.. {
        let mut request = router.recv()?;
        if count % 3 == 0 {
            continue;
        }
        // The id of the client and the delimiters lead the way back, and only the last part changes.
        let number = request.pop().ok_or("a request without parts")?;
        let number: i64 = std::str::from_utf8(&number)?.parse()?;
        request.push((number * number).to_string());
        router.send(request)?;
    }
    Ok(())
}

fn ask(endpoint: &str, numbers: &[&str]) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let mut req = context.socket(Kind::Req)?;
    // A request may follow another that has had no reply, whose late reply is then not taken for its own.
    req.set(SetOption::ReqRelaxed(true))?;
    req.set(SetOption::ReqCorrelate(true))?;
    req.set_recv_timeout(TIME);
    // What has not been sent by then does not keep this program from its end.
    req.set_linger(Duration::ZERO);
    req.connect(endpoint)?;
    for number in numbers {
        println!("{number} squared is {}", retry(&mut req, number)?);
    }
    Ok(())
}

/// Sends a request until a reply comes in time.
fn retry(req: &mut Socket, request: &str) -> Result<String, Box<dyn Error>> {
    for _ in 0..TRIES {
        req.send(request)?;
        match req.recv() {
            Ok(reply) => return Ok(String::from_utf8(reply[0].to_vec())?),
            Err(RecvError::TimedOut) => println!("no reply to {request} in {TIME:?}, again"),
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("no reply to {request} in {TRIES} tries").into())
}
