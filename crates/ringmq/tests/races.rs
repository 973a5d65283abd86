//! Contexts that end at any moment, while threads make sockets, and wait in them, in every way there is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ringmq::{
    Context, EndpointError, Interest, Item, Kind, OptionError, PollError, Poller, RecvError,
    SendError, Socket, SocketError, StreamWork,
};
use ringmq_testing::{Random, Scratch, scope, seed, watchdog};

/// A thread of a round.
type Work = fn(&Context, &str);

/// What a thread does until its context ends; all do it with the same endpoint.
const WORKS: [Work; 6] = [receives, sends, asks, polls, publishes, comes_and_goes];

/// A socket that is bound to the endpoint, or connected, unless its context has ended.
fn socket(context: &Context, kind: Kind, endpoint: &str, binds: bool) -> Option<Socket> {
    let mut socket = match context.socket(kind) {
        Ok(socket) => socket,
        Err(SocketError::Terminated) => return None,
        Err(error) => panic!("{error}"),
    };
    socket.set_linger(Duration::ZERO);
    socket.set_send_hwm(3);
    socket.set_recv_hwm(3);
    socket
        .change_options(|options| options.reconnect_interval(Duration::from_millis(1)))
        .unwrap();
    let opened = if binds {
        socket.bind(endpoint)
    } else {
        socket.connect(endpoint)
    };
    match opened {
        Ok(()) => Some(socket),
        Err(EndpointError::Terminated) => None,
        // Another one of this round is there already, or has gone a moment ago.
        Err(_) if binds => Some(socket),
        Err(error) => panic!("{error}"),
    }
}

/// Whether it goes on.
fn received<T>(result: &Result<T, RecvError>) -> bool {
    match result {
        Ok(_) => true,
        Err(RecvError::Terminated) => false,
        Err(error) => panic!("{error}"),
    }
}

fn sent(socket: &mut Socket, text: &str) -> bool {
    match socket.send(text) {
        Ok(()) => true,
        Err(error) => match error.reason {
            SendError::Terminated => false,
            reason => panic!("{reason}"),
        },
    }
}

fn receives(context: &Context, endpoint: &str) {
    if let Some(mut dealer) = socket(context, Kind::Dealer, endpoint, true) {
        while received(&dealer.recv()) {}
    }
}

fn sends(context: &Context, endpoint: &str) {
    if let Some(mut dealer) = socket(context, Kind::Dealer, endpoint, false) {
        while sent(&mut dealer, "message") {}
    }
}

fn asks(context: &Context, endpoint: &str) {
    if let Some(mut req) = socket(context, Kind::Req, endpoint, false) {
        while sent(&mut req, "question") && received(&req.recv()) {}
    }
}

fn polls(context: &Context, endpoint: &str) {
    let name = format!("inproc://{:?}", std::thread::current().id());
    let Some(mut rep) = socket(context, Kind::Rep, &name, true) else {
        return;
    };
    let Some(mut dealer) = socket(context, Kind::Dealer, endpoint, false) else {
        return;
    };
    let mut poller = Poller::new();
    loop {
        let mut items = [
            Item::socket(&mut rep, Interest::READABLE),
            Item::socket(&mut dealer, Interest::READABLE),
        ];
        match poller.wait(&mut items, None) {
            Ok(_) => {}
            Err(PollError::Terminated) => return,
            Err(error) => panic!("{error}"),
        }
        // Whatever it is, it is taken, or the end.
        if let Err(RecvError::Terminated) = dealer.try_recv() {
            return;
        }
    }
}

fn publishes(context: &Context, _endpoint: &str) {
    let name = format!("inproc://{:?}", std::thread::current().id());
    let Some(mut publisher) = socket(context, Kind::Pub, &name, true) else {
        return;
    };
    let Some(mut subscriber) = socket(context, Kind::Sub, &name, false) else {
        return;
    };
    match subscriber.subscribe(b"") {
        Ok(()) => {}
        Err(OptionError::Terminated) => return,
        Err(error) => panic!("{error}"),
    }
    while sent(&mut publisher, "news") {
        if let Err(RecvError::Terminated) = subscriber.try_recv() {
            return;
        }
    }
}

fn comes_and_goes(context: &Context, endpoint: &str) {
    while let Some(mut dealer) = socket(context, Kind::Dealer, endpoint, false) {
        match dealer.try_send("hello").map_err(|error| error.reason) {
            Ok(()) | Err(SendError::WouldBlock) => {}
            Err(SendError::Terminated) => return,
            Err(reason) => panic!("{reason}"),
        }
    }
}

/// One context: threads at work, and its end, at once or in two steps.
fn round(random: &mut Random, endpoint: &str) {
    let context = Context::new().unwrap();
    context.set_stream_work(StreamWork::Random(random.below(u64::MAX)));
    // Half of the rounds are over streams.
    context.set_shared_memory(random.one_in(2));
    let count = random.within(2..6);
    scope(|scope| {
        for _ in 0..count {
            let work = WORKS[random.within(0..WORKS.len())];
            let context = context.clone();
            scope.spawn(move || work(&context, endpoint));
        }
        let most = if random.one_in(8) { 20 } else { 2 };
        random.dawdle(Duration::from_millis(most));
        if random.one_in(2) {
            context.shutdown();
            random.dawdle(Duration::from_micros(100));
        }
        // Waits until all of them have left.
        context.terminate();
    });
}

fn rounds(count: u32) {
    let _guard = watchdog(Duration::from_secs(60 + u64::from(count)));
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    for number in 0..count {
        let endpoint = match number % 3 {
            0 => "inproc://race".to_owned(),
            1 => format!("ipc://{}", scratch.path(&number.to_string())),
            // What the round before has left.
            _ => format!("ipc://{}", scratch.path("same")),
        };
        round(&mut random, &endpoint);
    }
}

#[test]
fn a_context_may_end_at_any_moment() {
    rounds(150);
}

#[test]
#[ignore = "soak: 1,000 contexts"]
fn a_thousand_contexts_may_end_at_any_moment() {
    rounds(1000);
}
