//! A broker between clients and services that come and go, and a service that can be told to stop.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example broker          # all of them, in four processes
//! cargo run --release -p ringmq-examples --example broker -- serve ipc:///tmp/front ipc:///tmp/back ipc:///tmp/control
//! cargo run --release -p ringmq-examples --example broker -- work ipc:///tmp/back ipc:///tmp/control
//! cargo run --release -p ringmq-examples --example broker -- ask ipc:///tmp/front "hello" "world"
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process::{Child, Command};
use std::time::Instant;

use ringmq::{Context, Interest, Item, Kind, Poller, SetOption, proxy};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", front, back, control] => serve(front, back, control),
        ["work", back, control] => work(back, control),
        ["ask", front, ref words @ ..] => ask(front, words),
        [] => all(),
        _ => Err(
            "usage: broker [serve FRONT BACK CONTROL | work BACK CONTROL | ask FRONT WORD...]"
                .into(),
        ),
    }
}

/// Starts the others, waits for the client, and has the services stop.
fn all() -> Result<(), Box<dyn Error>> {
    let name = |what: &str| format!("ipc://@ringmq-broker-{what}-{}", std::process::id());
    let (front, back, control) = (name("front"), name("back"), name("control"));
    let start = |arguments: &[&str]| -> std::io::Result<Child> {
        Command::new(std::env::current_exe()?)
            .args(arguments)
            .spawn()
    };
    let context = Context::new()?;
    let mut stop = context.socket(Kind::Xpub)?;
    stop.set(SetOption::XpubVerbose(true))?;
    stop.bind(&control)?;
    let mut services = [
        start(&["work", &back, &control])?,
        start(&["work", &back, &control])?,
    ];
    let mut client = start(&["ask", &front, "hello", "shared", "memory"])?;
    let broker = {
        let (mut clients, mut workers) =
            (context.socket(Kind::Router)?, context.socket(Kind::Dealer)?);
        clients.bind(&front)?;
        workers.bind(&back)?;
        std::thread::spawn(move || proxy(&mut clients, &mut workers, None))
    };
    client.wait()?;
    for _ in &services {
        // One has subscribed.
        stop.recv()?;
    }
    stop.send("stop")?;
    for service in &mut services {
        service.wait()?;
    }
    context.shutdown();
    broker.join().map_err(|_| "the broker has panicked")??;
    Ok(())
}

/// Passes requests on, and says on `control`, once its input ends, that the services are to stop.
fn serve(front: &str, back: &str, control: &str) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let mut clients = context.socket(Kind::Router)?;
    clients.bind(front)?;
    let mut services = context.socket(Kind::Dealer)?;
    services.bind(back)?;
    let mut stop = context.socket(Kind::Pub)?;
    stop.bind(control)?;
    let broker = std::thread::spawn(move || proxy(&mut clients, &mut services, None));
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    stop.send("stop")?;
    context.shutdown();
    broker.join().map_err(|_| "the broker has panicked")??;
    Ok(())
}

/// Answers in capitals, until it is told to stop: a poller waits for both.
fn work(back: &str, control: &str) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let mut requests = context.socket(Kind::Rep)?;
    requests.connect(back)?;
    let mut told = context.socket(Kind::Sub)?;
    told.subscribe(b"")?;
    told.connect(control)?;
    let (mut poller, mut answered) = (Poller::new(), 0);
    loop {
        let mut items = [
            Item::socket(&mut requests, Interest::READABLE),
            Item::socket(&mut told, Interest::READABLE),
        ];
        poller.wait(&mut items, None)?;
        let [request, stop] = items.map(|item| item.ready().readable);
        if request {
            let word = requests.recv()?;
            requests.send(word[0].to_ascii_uppercase())?;
            answered += 1;
        }
        if stop {
            println!("service {}: {answered} answered", std::process::id());
            return Ok(());
        }
    }
}

fn ask(front: &str, words: &[&str]) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let mut client = context.socket(Kind::Req)?;
    client.connect(front)?;
    for word in words {
        let start = Instant::now();
        client.send(*word)?;
        let answer = client.recv()?;
        let elapsed = start.elapsed();
        println!(
            "{word} -> {} ({elapsed:?})",
            String::from_utf8_lossy(&answer[0])
        );
    }
    Ok(())
}
