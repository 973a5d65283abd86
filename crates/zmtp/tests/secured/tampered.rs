//! Two ends, and between them one who changes, drops, repeats and adds bytes, but has no keys.

use std::time::Duration;

use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Error, Event, Kind, Refusal, Settings, User, Verdict};

use super::{Recorded, plain_client, plain_server};
use crate::invariants::{Choices, drain};

/// CURVE: each end gets what the other sent, in that order, up to some point, and nothing else. Returns how much arrived, and
/// whether anything was refused.
pub(crate) fn check_curve(choices: &mut impl Choices) -> (usize, bool) {
    let recorded = Recorded {
        client: "",
        server: "",
        types: [Kind::Xsub, Kind::Xpub],
    };
    let mut settings = [false, true].map(|server| recorded.settings(server));
    settings[1].authenticate = choices.one_in(2);
    let wire = play(choices, settings);
    for to in [0, 1] {
        let [got, sent] = [&wire.got[to], &wire.sent[1 - to]].map(|events| meant(events));
        assert!(
            sent.starts_with(&got),
            "{got:?} is not the beginning of {sent:?}"
        );
    }
    let arrived = wire.got.iter().map(Vec::len).sum();
    (arrived, wire.errors.iter().any(Option::is_some))
}

/// These events, with subscriptions as messages. CURVE does not protect the greeting: with another minor version there, a
/// subscription is sent in the form of that version. Both forms mean the same to a publisher.
fn meant(events: &[Event]) -> Vec<Event> {
    let meant = events.iter().map(|event| match event {
        Event::Subscribe { topic, on } => {
            let message = [&[u8::from(*on)], topic.as_slice()].concat();
            Event::Frame(Frame::from(message))
        }
        event => event.clone(),
    });
    meant.collect()
}

/// PLAIN protects nothing of what passes, but both ends survive it.
pub(crate) fn check_plain(choices: &mut impl Choices) {
    let settings = [plain_client(Kind::Xsub), plain_server(Kind::Xpub)];
    play(choices, settings);
}

/// What passed.
struct Wire {
    ends: [Connection; 2],
    errors: [Option<Error>; 2],
    /// Whether the server has accepted the client.
    accepted: bool,
    sent: [Vec<Event>; 2],
    got: [Vec<Event>; 2],
    /// What has been delivered before.
    old: Vec<Vec<u8>>,
}

fn play(choices: &mut impl Choices, settings: [Settings; 2]) -> Wire {
    let mut wire = Wire {
        ends: settings.map(|settings| Connection::new(settings, Duration::ZERO)),
        errors: [None, None],
        accepted: false,
        sent: Default::default(),
        got: Default::default(),
        old: Vec::new(),
    };
    // Most of those who are let alone get through the handshake.
    let evil = choices.of(&[4, 20, 1000]);
    for _ in 0..60 {
        if choices.is_over() {
            break;
        }
        let from = choices.below(2) as usize;
        wire.send(choices, from);
        let mut said = drain(&mut wire.ends[from]);
        if choices.one_in(evil) {
            wire.tamper(choices, &mut said);
        }
        if said.len() < 4096 {
            wire.old.push(said.clone());
        }
        wire.deliver(choices, 1 - from, &said);
    }
    wire
}

impl Wire {
    fn send(&mut self, choices: &mut impl Choices, from: usize) {
        let end = &mut self.ends[from];
        if !end.is_ready() || choices.one_in(2) {
            return;
        }
        let len = choices.of(&[0, 1, 30, 60, 250, 1000, 5000]);
        let payload = vec![choices.below(256) as u8; len];
        if from == 0 && choices.one_in(3) {
            let on = choices.one_in(2);
            end.subscribe(&payload, on);
            let topic = Frame::from(payload);
            self.sent[from].push(Event::Subscribe { topic, on });
        } else {
            let frame = Frame::from(payload).with_more(choices.one_in(3));
            end.send(frame.clone());
            self.sent[from].push(Event::Frame(frame));
        }
    }

    fn tamper(&self, choices: &mut impl Choices, said: &mut Vec<u8>) {
        let at = choices.below(said.len() as u64 + 1) as usize;
        match choices.below(6) {
            0 if at < said.len() => said[at] ^= 1 << choices.below(8),
            1 if at < said.len() => drop(said.drain(at..=at)),
            2 => said.insert(at, choices.below(256) as u8),
            3 => said.truncate(at),
            4 if !self.old.is_empty() => {
                let old = &self.old[choices.below(self.old.len() as u64) as usize];
                said.splice(at..at, old.iter().copied());
            }
            _ => {
                let name =
                    choices.of(&["HELLO", "WELCOME", "INITIATE", "READY", "MESSAGE", "ERROR"]);
                let len = choices.of(&[0, 16, 160, 194, 248, 300]);
                let data = choices.bytes(len);
                said.splice(at..at, crate::invariants::command(name, &data));
            }
        }
    }

    fn deliver(&mut self, choices: &mut impl Choices, to: usize, said: &[u8]) {
        let cut = choices.below(said.len() as u64 + 1) as usize;
        for piece in [&said[..cut], &said[cut..]] {
            let mut input = piece;
            while let Some(event) = self.receive(to, &mut input) {
                match event {
                    Event::Ready => assert!(self.got[to].is_empty() && self.ends[to].is_ready()),
                    Event::Authenticate(_) => {
                        assert!(to == 1 && !self.accepted);
                        self.accepted = !choices.one_in(10);
                        let verdict = match self.accepted {
                            true => Verdict::Accept(User::default()),
                            false => Verdict::Refuse(Refusal::Denied),
                        };
                        self.errors[to] = self.ends[to].decide(verdict).err();
                        assert_eq!(self.errors[to].is_none(), self.accepted);
                    }
                    event => {
                        let settings = self.ends[to].settings();
                        let asks = settings.authenticate || settings.mechanism.name() == "PLAIN";
                        assert!(to == 0 || self.accepted || !asks);
                        self.got[to].push(event);
                    }
                }
            }
        }
    }

    fn receive(&mut self, to: usize, input: &mut &[u8]) -> Option<Event> {
        match self.ends[to].receive(input, Duration::ZERO) {
            Ok(event) => {
                assert!(self.errors[to].is_none());
                event
            }
            Err(error) => {
                let first = self.errors[to].get_or_insert_with(|| error.clone());
                assert_eq!(*first, error);
                None
            }
        }
    }
}
