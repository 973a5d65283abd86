//! Frames and commands that a peer may send become the right events.

use ringmq_message::Frame;
use ringmq_zmtp::{Command, Event, Kind, Settings};

use super::{Choices, command, drain, frame, pieces, ready};

/// What a peer says: bytes, what they mean, and what is to be answered.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    events: Vec<Event>,
    answers: Vec<u8>,
}

/// Lengths on both sides of every border: inline, short, copied, directly read, and the first memory of a body.
const BORDERS: [u64; 8] = [0, 45, 64, 255, 4096, 8192, 65536, 131_072];

impl Said {
    fn say(&mut self, choices: &mut impl Choices) {
        match choices.below(12) {
            0 => self.subscribe(choices),
            1 => self.ping(choices),
            2 => self.extend(choices),
            _ => self.part(choices),
        }
    }

    fn part(&mut self, choices: &mut impl Choices) {
        let borders = if choices.one_in(8) { 8 } else { 4 };
        let border = choices.of(&BORDERS[..borders]);
        let len = (border + choices.below(5)).saturating_sub(2);
        let payload = vec![choices.below(256) as u8; len as usize];
        let more = choices.one_in(2);
        // What has no meaning may be anything, and a short payload may have a long size.
        let long = len > 255 || choices.one_in(8);
        let reserved = choices.below(32) as u8 & 0x1f;
        let flags = u8::from(more) | u8::from(long) << 1 | reserved << 3;
        self.bytes.extend(frame(flags, &payload));
        let meant = Frame::from(payload).with_more(more);
        self.events.push(Event::Frame(meant));
    }

    fn subscribe(&mut self, choices: &mut impl Choices) {
        let len = choices.below(300);
        let topic = choices.bytes(len);
        let on = choices.one_in(2);
        let name = if on { "SUBSCRIBE" } else { "CANCEL" };
        self.bytes.extend(command(name, &topic));
        let topic = Frame::from(topic);
        self.events.push(Event::Subscribe { topic, on });
    }

    fn ping(&mut self, choices: &mut impl Choices) {
        let len = choices.below(20);
        let context = choices.bytes(len);
        let data = [&[0, choices.below(9) as u8], &context[..]].concat();
        self.bytes.extend(command("PING", &data));
        let repeated = &context[..context.len().min(16)];
        self.answers.extend(command("PONG", repeated));
    }

    fn extend(&mut self, choices: &mut impl Choices) {
        let len = choices.below(300);
        let data = choices.bytes(len);
        let name = choices.of(&["SHMOPEN", "shmopen", "READY", "PONG", "JOIN", "X"]);
        self.bytes.extend(command(name, &data));
        if name == "SHMOPEN" {
            let name = name.into();
            let told = Command { name, data };
            self.events.push(Event::Command(Box::new(told)));
        }
    }
}

/// A peer says things that it may say, in any pieces, and then what it may not.
pub(crate) fn check(choices: &mut impl Choices) {
    let mut settings = Settings::new(Kind::Dealer);
    settings.extensions = vec!["SHMOPEN".into()];
    let mut connection = ready(settings);
    let mut said = Said::default();
    for _ in 0..40 {
        if choices.is_over() {
            break;
        }
        said.say(choices);
    }
    let most = choices.of(&[1, 10, 1000, 70_000, 1 << 20]);
    let length = || 1 + choices.below(most) as usize;
    let (events, end) = pieces::in_pieces(&mut connection, &said.bytes, length);
    assert_eq!(end, Ok(()));
    assert!(events == said.events);
    assert!(drain(&mut connection) == said.answers);
    let len = choices.below(60);
    let garbage = choices.bytes(len);
    let _ = pieces::in_pieces(&mut connection, &garbage, || 7);
}
