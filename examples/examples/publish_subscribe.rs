//! A publisher and three subscribers, each of which wants other topics.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example publish_subscribe    # all of them, in four processes
//! cargo run --release -p ringmq-examples --example publish_subscribe -- subscribe ipc:///tmp/news weather
//! cargo run --release -p ringmq-examples --example publish_subscribe -- publish ipc:///tmp/news 1
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process::{Child, Command};

use ringmq::{Context, Kind, Message, SetOption};

/// What is published, each with its topic in front: a subscriber to `weather` gets `weather.sea`, too.
const NEWS: [(&str, &str); 6] = [
    ("weather.sea", "gale from the north"),
    ("weather.land", "sun"),
    ("sports", "nil to nil"),
    ("markets", "up"),
    ("weather.sea", "calm"),
    ("markets", "down"),
];
const END: &str = "end";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["publish", endpoint, subscribers] => publish(endpoint, subscribers.parse()?),
        ["subscribe", endpoint, ref topics @ ..] => subscribe(endpoint, topics),
        [] => all(),
        _ => Err(
            "usage: publish_subscribe [publish ENDPOINT SUBSCRIBERS | subscribe ENDPOINT TOPIC...]"
                .into(),
        ),
    }
}

fn all() -> Result<(), Box<dyn Error>> {
    let endpoint = format!("ipc://@ringmq-news-{}", std::process::id());
    let program = std::env::current_exe()?;
    let start = |topics: &[&str]| -> std::io::Result<Child> {
        let mut subscriber = Command::new(&program);
        subscriber
            .args(["subscribe", &endpoint])
            .args(topics)
            .spawn()
    };
    let mut subscribers = [
        start(&["weather"])?,
        start(&["markets", "sports"])?,
        // The empty topic stands for all.
        start(&[""])?,
    ];
    publish(&endpoint, subscribers.len())?;
    for subscriber in &mut subscribers {
        if !subscriber.wait()?.success() {
            return Err("a subscriber has failed".into());
        }
    }
    Ok(())
}

fn publish(endpoint: &str, subscribers: usize) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    // As a PUB, and it hears of subscriptions: what is published before one has come does not reach that subscriber.
    let mut publisher = context.socket(Kind::Xpub)?;
    publisher.set(SetOption::XpubVerbose(true))?;
    publisher.bind(endpoint)?;
    // Each subscribes to the end last.
    let mut ready = 0;
    while ready < subscribers {
        let subscription = publisher.recv()?;
        ready += usize::from(subscription[0][1..] == *END.as_bytes());
    }
    for (topic, text) in NEWS {
        publisher.send(Message::from_iter([topic, text]))?;
    }
    publisher.send(END)?;
    Ok(())
}

fn subscribe(endpoint: &str, topics: &[&str]) -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let mut subscriber = context.socket(Kind::Sub)?;
    subscriber.connect(endpoint)?;
    for topic in topics.iter().chain([&END]) {
        subscriber.subscribe(topic)?;
    }
    let mut count = 0;
    loop {
        let news = subscriber.recv()?;
        if news[0][..] == *END.as_bytes() {
            break;
        }
        count += 1;
        let [topic, text] = [&news[0], &news[1]].map(|part| String::from_utf8_lossy(part));
        println!("to {topics:?}: {topic}: {text}");
    }
    println!("to {topics:?}: {count} in all");
    Ok(())
}
