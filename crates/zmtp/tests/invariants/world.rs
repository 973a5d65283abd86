//! Two connections and the wire between them: what one end sends is what the other gets.

use std::collections::VecDeque;
use std::time::Duration;

use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Event, Heartbeat, Kind, Settings};

use super::Choices;

/// One end, the bytes on the way to it, and the events that it has yet to report.
pub(crate) struct End {
    pub(crate) connection: Connection,
    wire: VecDeque<u8>,
    expected: VecDeque<Event>,
    /// Bytes of subscriptions that it has sent since a message began, which has not ended.
    within: Option<usize>,
}

/// Subscriptions between two parts that the peer keeps, in bytes, less what it counts beside their topics.
const WITHIN: usize = 48 << 10;

/// Both ends, and the time.
pub(crate) struct World {
    pub(crate) ends: [End; 2],
    now: Duration,
}

impl World {
    pub(crate) fn new(settings: [Settings; 2]) -> World {
        World {
            ends: settings.map(|settings| End {
                connection: Connection::new(settings, Duration::ZERO),
                wire: VecDeque::new(),
                expected: VecDeque::from([Event::Ready]),
                within: None,
            }),
            now: Duration::ZERO,
        }
    }

    /// Writes up to `most` bytes of one end's output.
    fn write(&mut self, from: usize, most: usize) {
        let connection = &mut self.ends[from].connection;
        let bytes = connection.output().flatten().copied().take(most);
        let bytes: Vec<u8> = bytes.collect();
        connection.sent(bytes.len());
        self.ends[1 - from].wire.extend(bytes);
    }

    /// Lets one end read up to `most` bytes, and compares what it makes of them.
    fn read(&mut self, to: usize, most: usize) {
        let end = &mut self.ends[to];
        let mut most = most.min(end.wire.len());
        if let Some((target, room)) = end.connection.large_target() {
            most = most.min(room);
            target.extend(end.wire.drain(..most));
            end.connection.large_filled(most);
            most = 0;
        }
        let bytes: Vec<u8> = end.wire.drain(..most).collect();
        let mut input = &bytes[..];
        loop {
            // Every other byte string as bytes, if it is a whole message.
            let expected = &mut end.expected;
            let taken = end.connection.receive_bytes(&mut input, |bytes| {
                let taken = bytes.len() % 2 == 0;
                if taken {
                    let frame = Event::Frame(Frame::copy_from_slice(bytes));
                    assert!(Some(frame) == expected.pop_front());
                }
                taken
            });
            if taken {
                continue;
            }
            let Some(event) = end.connection.receive(&mut input, self.now).expect("right") else {
                break;
            };
            assert!(Some(event) == end.expected.pop_front());
        }
    }

    /// Sends something from one end, if it may.
    fn send(&mut self, from: usize, choices: &mut impl Choices) {
        let [one, two] = &mut self.ends;
        let (end, other) = if from == 0 { (one, two) } else { (two, one) };
        if !end.connection.is_ready() || end.connection.pending() > 1 << 20 {
            return;
        }
        let most = choices.of(&[10, 60, 300, 300, 5000, 200_000]);
        let payload = vec![choices.below(256) as u8; choices.below(most) as usize];
        let kept = end.within.map_or(0, |within| within + payload.len() + 64);
        if choices.one_in(6) && payload.len() < 60_000 && kept <= WITHIN {
            end.within = end.within.map(|_| kept);
            let on = choices.one_in(2);
            end.connection.subscribe(&payload, on);
            let topic = Frame::from(payload);
            other.expected.push_back(Event::Subscribe { topic, on });
        } else {
            let frame = Frame::from(payload).with_more(choices.one_in(2));
            end.within = match frame.more() {
                true => end.within.or(Some(0)),
                false => None,
            };
            if !frame.more() && frame.len() % 3 == 0 {
                end.connection.send_bytes(&frame);
            } else {
                end.connection.send(frame.clone());
            }
            other.expected.push_back(Event::Frame(frame));
        }
    }

    /// Writes and reads until nothing is on the way.
    pub(crate) fn settle(&mut self) {
        while self
            .ends
            .iter()
            .any(|end| end.connection.pending() + end.wire.len() > 0)
        {
            for at in [0, 1] {
                self.write(at, usize::MAX);
                self.read(1 - at, usize::MAX);
            }
        }
        assert!(self.ends.iter().all(|end| end.connection.is_ready()));
    }
}

/// Both ends do what they like; what has been sent arrives, once and in order.
pub(crate) fn check(choices: &mut impl Choices) {
    let ours = choices.of(&Kind::ALL);
    let peers: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|peer| ours.accepts(*peer))
        .collect();
    let settings = [ours, choices.of(&peers)].map(|socket_type| {
        let mut settings = Settings::new(socket_type);
        settings.handshake_timeout = None;
        settings.heartbeat = choices.one_in(2).then_some(Heartbeat {
            interval: Duration::from_millis(10),
            timeout: Duration::ZERO,
            ttl: Duration::ZERO,
        });
        settings
    });
    let mut world = World::new(settings);
    for _ in 0..300 {
        if choices.is_over() {
            break;
        }
        let at = choices.below(2) as usize;
        let most = choices.of(&[1, 20, 1000, 100_000]);
        let most = 1 + choices.below(most) as usize;
        match choices.below(5) {
            0 | 1 => world.send(at, choices),
            2 => world.write(at, most),
            3 => world.read(at, most),
            _ => {
                world.now += Duration::from_millis(choices.below(20));
                world.ends[at]
                    .connection
                    .tick(world.now)
                    .expect("nothing is due");
            }
        }
    }
    world.settle();
    assert!(world.ends.iter().all(|end| end.expected.is_empty()));
}
