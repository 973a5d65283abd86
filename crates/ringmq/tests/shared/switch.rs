//! The moment at which a connection goes over to shared memory, and the one at which it goes back.

use std::time::Duration;

use ringmq::{Carrier, Connection, Context, Frame, Kind, Message, SetOption, Socket};
use ringmq_testing::{Actor, listen, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, last, make, number, read, rings, socket};
use crate::places::Places;

const KINDS: [(Kind, Kind); 3] = [
    (Kind::Push, Kind::Pull),
    (Kind::Pair, Kind::Pair),
    (Kind::Dealer, Kind::Router),
];

/// Connects before the peer binds, sends, and makes no further call.
fn sleeper() {
    let context = Context::new().unwrap();
    let mut sender = socket(&context, KINDS[number(1) as usize].0);
    sender.connect(&arg(0)).unwrap();
    for number in 0..1000 {
        sender.try_send(make(0, number)).unwrap();
    }
    say("sent");
    assert_eq!(listen(), "enough");
}

#[test]
fn what_was_sent_before_the_bind_arrives_without_a_further_call() {
    const TEST: &str = "switch::what_was_sent_before_the_bind_arrives_without_a_further_call";
    if role().is_some() {
        return sleeper();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for (which, (_, kind)) in KINDS.into_iter().enumerate() {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let args = [&endpoint[..], &which.to_string()];
        let mut sleeper = Actor::start(&mut spawn_role(TEST, "sleeper", &args));
        assert_eq!(sleeper.hear(), "sent");
        let context = Context::new().unwrap();
        let mut receiver = socket(&context, kind);
        receiver.bind(&endpoint).unwrap();
        for number in 0..1000 {
            let message = receiver.recv_deadline(soon()).unwrap();
            assert_eq!(read(last(&message)), (0, number));
        }
        sleeper.tell("enough");
        sleeper.finish();
    }
}

/// The socket goes over in the midst of the session's work, and says nothing more until what it has sent is received:
/// the session must not fall asleep between its last message and the end behind it. 400 connections, one after the
/// other; with 30 us between that look and the announcement of the sleep, one in 450 stood still.
#[test]
fn a_socket_that_goes_over_and_then_waits_has_its_messages_delivered() {
    let _guard = watchdog(Duration::from_secs(120));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    pull.bind(&endpoint).unwrap();
    for _ in 0..400 {
        let mut push = socket(&context, Kind::Push);
        push.connect(&endpoint).unwrap();
        let mut over = false;
        while !over {
            let mut connections = push.connections().into_iter();
            over = connections.any(|one| one.carrier == Carrier::SharedMemory);
            for number in 0..100 {
                push.send(make(0, number)).unwrap();
            }
            for number in 0..100 {
                let message = pull.recv_deadline(soon()).unwrap();
                assert_eq!(read(last(&message)), (0, number));
            }
        }
    }
}

/// Two sockets of two contexts.
struct Two {
    endpoint: String,
    _places: Places,
    near: Socket,
    far: Option<Socket>,
    context: Context,
}

impl Two {
    /// Makes a sender that connects to an endpoint without a listener.
    fn new() -> Two {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let mut near = socket(&Context::new().unwrap(), Kind::Pair);
        near.connect(&endpoint).unwrap();
        Two {
            endpoint,
            _places: places,
            near,
            far: None,
            context: Context::new().unwrap(),
        }
    }

    fn far(&mut self) -> &mut Socket {
        self.far.as_mut().unwrap()
    }

    /// The other one binds, after the one before has closed.
    fn bind(&mut self) {
        self.far = None;
        let mut far = socket(&self.context, Kind::Pair);
        far.bind(&self.endpoint).unwrap();
        self.far = Some(far);
    }

    /// Has the far one send until the near one has received in shared memory, and so knows of it.
    fn go_over(&mut self) {
        loop {
            self.far().send("over").unwrap();
            assert_eq!(last(&self.near.recv_deadline(soon()).unwrap()), b"over");
            if rings() > 0 {
                return;
            }
        }
    }
}

fn part(text: &str, more: bool) -> Frame {
    Frame::copy_from_slice(text.as_bytes()).with_more(more)
}

#[track_caller]
fn expect(socket: &mut Socket, parts: &[&str]) {
    let message = socket.recv_deadline(soon()).unwrap();
    let got: Vec<_> = message.iter().map(|part| part.as_slice()).collect();
    let want: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
    assert_eq!(got, want);
}

#[test]
fn a_message_sent_part_by_part_is_whole_across_the_switch() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut two = Two::new();
    two.near.send_part(part("one", true)).unwrap();
    two.bind();
    two.go_over();
    two.near.send_part(part("two", true)).unwrap();
    two.near.send_part(part("three", false)).unwrap();
    two.near.send("next").unwrap();
    expect(two.far(), &["one", "two", "three"]);
    expect(two.far(), &["next"]);
}

/// The peer goes and another one comes between two parts.
#[test]
fn a_message_sent_part_by_part_is_whole_across_the_way_back() {
    let _guard = watchdog(Duration::from_secs(60));
    // It has begun before the first peer, or with it.
    for before in [true, false] {
        let mut two = Two::new();
        if before {
            two.near.send_part(part("one", true)).unwrap();
        }
        two.bind();
        two.go_over();
        if !before {
            two.near.send("unread").unwrap();
            two.near.send_part(part("one", true)).unwrap();
        }
        two.bind();
        // The second one is heard after what is to be done about the first.
        two.far().send("here").unwrap();
        expect(&mut two.near, &["here"]);
        two.near.send_part(part("two", false)).unwrap();
        two.near.send("next").unwrap();
        if !before {
            expect(two.far(), &["unread"]);
        }
        expect(two.far(), &["one", "two"]);
        expect(two.far(), &["next"]);
    }
}

#[test]
fn messages_of_many_parts_empty_ones_and_large_ones_are_whole() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut two = Two::new();
    two.bind();
    two.go_over();
    let many = (0..5000_u64).map(|number| match number % 3 {
        0 => Vec::new(),
        _ => make(number, number),
    });
    let many: Vec<Vec<u8>> = many.collect();
    let large = || vec![7_u8; 64 << 20];
    let messages = [
        many.clone(),
        vec![Vec::new()],
        vec![Vec::new(); 3],
        vec![large()],
        vec![b"small".to_vec(), large(), Vec::new(), large()],
        many,
    ];
    for parts in &messages {
        let message: Message = parts.iter().map(|part| &part[..]).collect();
        two.near.send(message).unwrap();
        let got = two.far().recv_deadline(soon()).unwrap();
        assert!(
            got.iter()
                .map(|part| part.as_slice())
                .eq(parts.iter().map(|part| &part[..]))
        );
        two.far().send(got).unwrap();
        let back = two.near.recv_deadline(soon()).unwrap();
        assert!(
            back.iter()
                .map(|part| part.as_slice())
                .eq(parts.iter().map(|part| &part[..]))
        );
    }
}

const ROUNDS: u64 = 20;
const EACH: u64 = 500;

fn subscriber() {
    let context = Context::new().unwrap();
    let mut sub = socket(&context, Kind::Sub);
    sub.connect(&arg(0)).unwrap();
    let mut next = None;
    loop {
        let message = sub.recv().unwrap();
        let (round, number) = read(last(&message));
        if round == 0 {
            if next.is_none() {
                say("there");
                next = Some((1, 0));
            }
            continue;
        }
        let expected = next.unwrap();
        assert!((round, number) >= expected, "out of order");
        if arg(1) == "all" {
            assert_eq!((round, number), expected);
        }
        next = Some(if number + 1 == EACH {
            (round + 1, 0)
        } else {
            (round, number + 1)
        });
        if number + 1 == EACH {
            say(&format!("round {round}"));
        }
        if round == ROUNDS && number + 1 == EACH {
            return;
        }
    }
}

#[test]
fn a_subscriber_that_is_stopped_does_not_slow_the_others() {
    const TEST: &str = "switch::a_subscriber_that_is_stopped_does_not_slow_the_others";
    if role().is_some() {
        return subscriber();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut publisher = socket(&context, Kind::Xpub);
    publisher.set(SetOption::XpubVerbose(true)).unwrap();
    publisher.bind(&endpoint).unwrap();
    let start = |what: &str| Actor::start(&mut spawn_role(TEST, "subscriber", &[&endpoint, what]));
    let mut others: Vec<Actor> = (0..7).map(|_| start("all")).collect();
    let mut stopped = start("some");
    for _ in 0..=others.len() {
        assert_eq!(last(&publisher.recv_deadline(soon()).unwrap()), [1]);
    }
    let shared = |one: &Connection| one.carrier == Carrier::SharedMemory;
    while !publisher.connections().iter().all(shared) {
        std::thread::yield_now();
    }
    // One message: a receiver with many left to read would miss some of those that are counted.
    publisher.send(make(0, 0)).unwrap();
    for actor in others.iter_mut().chain([&mut stopped]) {
        assert_eq!(actor.hear(), "there");
    }
    stopped.stop();
    for round in 1..=ROUNDS {
        for number in 0..EACH {
            publisher.send(make(round, number)).unwrap();
        }
        for other in &mut others {
            assert_eq!(other.hear(), format!("round {round}"));
        }
    }
    stopped.go_on();
    // It has room again at some time, and goes on.
    std::thread::scope(|scope| {
        let end = scope.spawn(|| while stopped.hear() != format!("round {ROUNDS}") {});
        while !end.is_finished() {
            publisher.send(make(ROUNDS, EACH - 1)).unwrap();
            std::thread::yield_now();
        }
    });
    others.into_iter().for_each(Actor::finish);
}

/// The receiver closes its listener, reads what it has, and binds again; who connects sends the rest, once.
#[test]
fn an_unbind_and_another_bind_bring_everything_once() {
    let _guard = watchdog(Duration::from_secs(60));
    for round in 0..20 {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let (context, other) = (Context::new().unwrap(), Context::new().unwrap());
        let mut push = socket(&context, Kind::Push);
        push.connect(&endpoint).unwrap();
        let mut pull = socket(&other, Kind::Pull);
        pull.bind(&endpoint).unwrap();
        let mut sent = 0;
        let mut seen = Vec::new();
        while sent < 100 || rings() == 0 {
            push.send(make(0, sent)).unwrap();
            sent += 1;
            seen.push(read(last(&pull.recv_deadline(soon()).unwrap())).1);
        }
        for _ in 0..1000 {
            push.send(make(0, sent)).unwrap();
            sent += 1;
        }
        pull.unbind(&endpoint).unwrap();
        for _ in 0..round * 20 {
            seen.extend(pull.try_recv().map(|message| read(last(&message)).1));
        }
        pull.bind(&endpoint).unwrap();
        while seen.last() != Some(&(sent - 1)) {
            seen.push(read(last(&pull.recv_deadline(soon()).unwrap())).1);
        }
        assert!(seen.into_iter().eq(0..sent), "round {round}");
    }
}
