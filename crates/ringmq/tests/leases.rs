//! Threads of the application that do the work of an I/O thread: over streams, a thread that waits reads them by itself, and
//! one that sends writes by itself. Whatever they do meanwhile, no message waits for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc::channel;
use std::thread::{scope, yield_now};
use std::time::Duration;

use ringmq::{Context, Interest, Item, Kind, Poller, SharedMemory, Socket, Wait};
use ringmq_testing::{fork_and, soon, watchdog};

const WAITS: [Wait; 3] = [Wait::Park, Wait::Adaptive, Wait::Spin];
const ENDPOINTS: [&str; 2] = ["tcp://127.0.0.1:*", "ipc://*"];

/// A context whose connections stay on streams.
fn context() -> Context {
    let context = Context::new().unwrap();
    context.set_shared_memory(SharedMemory::Off);
    context
}

fn socket(context: &Context, kind: Kind, wait: Wait) -> Socket {
    let mut socket = context.socket(kind).unwrap();
    socket.set_wait(wait);
    socket.set_linger(None);
    socket
}

fn ask(asker: &mut Socket, number: u32) {
    asker
        .send_deadline(&number.to_ne_bytes()[..], soon())
        .unwrap();
    let answer = asker.recv_deadline(soon()).unwrap();
    assert_eq!(answer[0].as_slice(), number.to_ne_bytes());
}

/// Answers so many requests.
fn answer(answerer: &mut Socket, requests: u32) {
    for _ in 0..requests {
        let request = answerer.recv_deadline(soon()).unwrap();
        answerer.send_deadline(request, soon()).unwrap();
    }
}

fn each(test: impl Fn(&str, Wait)) {
    let _guard = watchdog(Duration::from_secs(120));
    for endpoint in ENDPOINTS {
        for wait in WAITS {
            test(endpoint, wait);
        }
    }
}

/// A thread has read the streams of its context by itself, and makes no further call: others are served.
#[test]
fn the_io_thread_reads_when_the_application_stays_away() {
    each(|endpoint, wait| {
        let (here, there) = (context(), context());
        let mut rep = socket(&here, Kind::Rep, wait);
        rep.bind(endpoint).unwrap();
        let mut pull = socket(&here, Kind::Pull, wait);
        pull.bind(endpoint).unwrap();
        let address = rep.last_endpoint().to_owned();
        let mut req = socket(&there, Kind::Req, wait);
        scope(|scope| {
            scope.spawn(|| {
                req.connect(&address).unwrap();
                (0..100).for_each(|number| ask(&mut req, number));
            });
            answer(&mut rep, 100);
        });
        // The handshake needs both sides: this connection has not been seen by a call.
        let mut push = socket(&there, Kind::Push, wait);
        push.change_options(|options| options.immediate(true))
            .unwrap();
        push.connect(pull.last_endpoint()).unwrap();
        push.send_deadline("late", soon()).unwrap();
        assert_eq!(pull.recv_deadline(soon()).unwrap()[0].as_slice(), b"late");
    });
}

/// Two threads wait for two sockets of one context: one of them reads for both, and leaves while the other waits.
#[test]
fn each_of_two_threads_that_wait_is_served() {
    const REQUESTS: u32 = 300;
    each(|endpoint, wait| {
        let (here, there) = (context(), context());
        scope(|scope| {
            for _ in 0..2 {
                let mut rep = socket(&here, Kind::Rep, wait);
                rep.bind(endpoint).unwrap();
                let mut req = socket(&there, Kind::Req, wait);
                req.connect(rep.last_endpoint()).unwrap();
                scope.spawn(move || answer(&mut rep, REQUESTS));
                scope.spawn(move || (0..REQUESTS).for_each(|number| ask(&mut req, number)));
            }
        });
    });
}

/// A poller waits for sockets of two contexts, and reads the streams of both.
#[test]
fn a_poller_reads_the_streams_of_several_contexts() {
    const REQUESTS: u32 = 500;
    each(|endpoint, wait| {
        let (one, other, there) = (context(), context(), context());
        let mut reps = [&one, &other].map(|context| socket(context, Kind::Rep, wait));
        reps.iter_mut().for_each(|rep| rep.bind(endpoint).unwrap());
        let addresses = [0, 1].map(|number: usize| reps[number].last_endpoint().to_owned());
        scope(|scope| {
            for address in addresses {
                let mut req = socket(&there, Kind::Req, wait);
                scope.spawn(move || {
                    req.connect(&address).unwrap();
                    (0..REQUESTS).for_each(|number| ask(&mut req, number));
                });
            }
            let mut poller = Poller::new();
            let mut left = 2 * REQUESTS;
            while left > 0 {
                let [first, second] = &mut reps;
                let mut items = [
                    Item::socket(first, Interest::READABLE),
                    Item::socket(second, Interest::READABLE),
                ];
                let long = Some(Duration::from_secs(20));
                assert!(poller.wait(&mut items, long).unwrap() > 0);
                let ready = items.map(|item| item.ready().readable);
                for (rep, ready) in reps.iter_mut().zip(ready) {
                    if ready {
                        answer(rep, 1);
                        left -= 1;
                    }
                }
            }
        });
    });
}

/// Calls that do not wait, between calls that do: what comes meanwhile is read by the I/O thread.
#[test]
fn calls_that_do_not_wait_find_what_comes() {
    each(|endpoint, wait| {
        let (here, there) = (context(), context());
        let mut rep = socket(&here, Kind::Rep, wait);
        rep.bind(endpoint).unwrap();
        let address = rep.last_endpoint().to_owned();
        let mut req = socket(&there, Kind::Req, wait);
        scope(|scope| {
            scope.spawn(|| {
                req.connect(&address).unwrap();
                (0..400).for_each(|number| ask(&mut req, number));
            });
            for number in 0..400 {
                if number % 20 < 10 {
                    answer(&mut rep, 1);
                    continue;
                }
                let request = loop {
                    match rep.try_recv() {
                        Ok(request) => break request,
                        Err(_) => yield_now(),
                    }
                };
                rep.send_deadline(request, soon()).unwrap();
            }
        });
    });
}

/// Requests and answers in one thread.
fn both_sides(rep: &mut Socket, req: &mut Socket, times: u32) {
    for number in 0..times {
        req.send_deadline(&number.to_ne_bytes()[..], soon())
            .unwrap();
        answer(rep, 1);
        let answer = req.recv_deadline(soon()).unwrap();
        assert_eq!(answer[0].as_slice(), number.to_ne_bytes());
    }
}

/// The pipes of a child that drops its sockets lead to sessions of its parent, whose streams it has, too.
#[test]
fn a_child_that_drops_its_sockets_harms_no_connection() {
    each(|endpoint, wait| {
        let (here, there) = (context(), context());
        let mut rep = Some(socket(&here, Kind::Rep, wait));
        let mut req = Some(socket(&there, Kind::Req, wait));
        let ends = (rep.as_mut().unwrap(), req.as_mut().unwrap());
        ends.0.bind(endpoint).unwrap();
        ends.1.connect(ends.0.last_endpoint()).unwrap();
        both_sides(ends.0, ends.1, 100);
        assert!(fork_and(|| {
            drop((rep.take(), req.take()));
            true
        }));
        let (rep, req) = (rep.as_mut().unwrap(), req.as_mut().unwrap());
        both_sides(rep, req, 100);
    });
}

/// Sockets that wait in one thread after the other.
#[test]
fn sockets_that_go_from_thread_to_thread_are_served() {
    const SOCKETS: usize = 250;
    let _guard = watchdog(Duration::from_secs(120));
    for endpoint in ENDPOINTS {
        let (here, there) = (context(), context());
        let mut rep = socket(&there, Kind::Rep, Wait::Adaptive);
        rep.bind(endpoint).unwrap();
        let address = rep.last_endpoint().to_owned();
        scope(|scope| {
            scope.spawn(move || answer(&mut rep, 4 * SOCKETS as u32));
            let mut next = None;
            // Each socket goes through four threads.
            for _ in 0..4 {
                let (to_next, from_before) = channel::<Socket>();
                let before = next.replace(from_before);
                let (here, address) = (&here, &address);
                scope.spawn(move || {
                    for number in 0..SOCKETS {
                        let mut req = match &before {
                            Some(before) => before.recv().unwrap(),
                            None => {
                                let mut req = socket(here, Kind::Req, Wait::Adaptive);
                                req.connect(address).unwrap();
                                req
                            }
                        };
                        ask(&mut req, number as u32);
                        let _last = to_next.send(req);
                    }
                });
            }
        });
    }
}
