//! Waiting for several sockets and descriptors at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ringmq::{
    Context, Interest, Item, Kind, PollError, Poller, Readiness, RecvError, Socket, Wait,
};
use ringmq_testing::watchdog;

const WAITS: [Wait; 3] = [Wait::Spin, Wait::Park, Wait::Adaptive];

fn pull_and_push(context: &Context, name: &str) -> (Socket, Socket) {
    let mut pull = context.socket(Kind::Pull).unwrap();
    pull.bind(name).unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    push.connect(pull.last_endpoint()).unwrap();
    (pull, push)
}

/// Waits for something to read from any of the sockets, and says from which there is.
fn readable(
    poller: &mut Poller,
    sockets: &mut [Socket],
    timeout: Option<Duration>,
) -> Result<Vec<usize>, PollError> {
    let items = sockets.iter_mut();
    let mut items: Vec<_> = items
        .map(|socket| Item::socket(socket, Interest::READABLE))
        .collect();
    let count = poller.wait(&mut items, timeout)?;
    let ready: Vec<usize> = (0..items.len())
        .filter(|at| items[*at].ready().readable)
        .collect();
    assert_eq!(ready.len(), count);
    Ok(ready)
}

#[test]
fn only_what_was_asked_for_is_told() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut left = context.socket(Kind::Pair).unwrap();
    let mut right = context.socket(Kind::Pair).unwrap();
    left.bind("inproc://a").unwrap();
    right.connect("inproc://a").unwrap();
    right.send("word").unwrap();
    let mut poller = Poller::new();
    for (interest, readable, writable) in [
        (Interest::NONE, false, false),
        (Interest::READABLE, true, false),
        (Interest::WRITABLE, false, true),
        (Interest::READABLE | Interest::WRITABLE, true, true),
        (Interest::URGENT, false, false),
    ] {
        let mut items = [Item::socket(&mut left, interest)];
        let count = poller.wait(&mut items, Some(Duration::ZERO)).unwrap();
        assert_eq!(count, usize::from(readable || writable), "{interest:?}");
        let expected = Readiness {
            readable,
            writable,
            ..Readiness::default()
        };
        assert_eq!(items[0].ready(), expected, "{interest:?}");
    }
}

#[test]
fn a_wait_without_items_lasts_as_long_as_it_was_told() {
    let _guard = watchdog(Duration::from_secs(60));
    let start = Instant::now();
    let time = Duration::from_millis(20);
    assert_eq!(Poller::new().wait(&mut [], Some(time)).unwrap(), 0);
    assert!(start.elapsed() >= time);
}

#[test]
fn a_wait_for_nothing_ends_in_time_however_it_waits() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let (pull, _push) = pull_and_push(&context, "inproc://a");
        let mut sockets = [pull];
        let (start, time) = (Instant::now(), Duration::from_millis(20));
        let ready = readable(&mut Poller::new(), &mut sockets, Some(time)).unwrap();
        assert!(ready.is_empty() && start.elapsed() >= time, "{wait:?}");
    }
}

/// Each word is sent after the one before was seen: a wake-up that is lost hangs.
#[test]
fn no_word_is_lost_between_two_waits() {
    const WORDS: usize = 500;
    for wait in WAITS {
        for names in [
            ["inproc://a", "inproc://b", "inproc://back"],
            ["ipc://*", "ipc://*", "ipc://*"],
        ] {
            let _guard = watchdog(Duration::from_secs(120));
            let context = Context::new().unwrap();
            context.set_wait(wait);
            let (first, mut to_first) = pull_and_push(&context, names[0]);
            let (second, mut to_second) = pull_and_push(&context, names[1]);
            let (mut seen, mut tell) = pull_and_push(&context, names[2]);
            let sender = std::thread::spawn(move || {
                for word in 0..WORDS {
                    let to = [&mut to_first, &mut to_second];
                    to[word % 2].send(word.to_string()).unwrap();
                    seen.recv().unwrap();
                }
            });
            let (mut poller, mut sockets) = (Poller::new(), [first, second]);
            for word in 0..WORDS {
                let ready = readable(&mut poller, &mut sockets, None).unwrap();
                assert_eq!(ready, [word % 2]);
                let message = sockets[word % 2].try_recv().unwrap();
                assert_eq!(message[0].as_slice(), word.to_string().as_bytes());
                tell.send("").unwrap();
            }
            sender.join().unwrap();
        }
    }
}

#[test]
fn room_ends_a_wait_for_room() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let mut pull = context.socket(Kind::Pull).unwrap();
        pull.set_recv_hwm(1);
        pull.bind("inproc://a").unwrap();
        let mut push = context.socket(Kind::Push).unwrap();
        push.set_send_hwm(1);
        push.connect("inproc://a").unwrap();
        while push.try_send("word").is_ok() {}
        let mut poller = Poller::new();
        let mut items = [Item::socket(&mut push, Interest::WRITABLE)];
        assert_eq!(poller.wait(&mut items, Some(Duration::ZERO)).unwrap(), 0);
        let reader =
            std::thread::spawn(
                move || {
                    while pull.recv().is_ok_and(|message| message[0].len() == 4) {}
                },
            );
        assert_eq!(poller.wait(&mut items, None).unwrap(), 1);
        assert!(items[0].ready().writable);
        push.send("the end").unwrap();
        reader.join().unwrap();
    }
}

#[test]
fn descriptors_are_waited_for_beside_sockets() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let (mut pull, mut push) = pull_and_push(&context, "inproc://a");
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let mut poller = Poller::new();
        let mut wait_for_both = |pull: &mut Socket, near: &UnixStream| {
            let mut items = [
                Item::socket(pull, Interest::READABLE),
                Item::descriptor(near.as_fd(), Interest::READABLE),
            ];
            poller.wait(&mut items, None).unwrap();
            items.map(|item| item.ready())
        };
        let writer = std::thread::spawn(move || {
            far.write_all(b"x").unwrap();
            far
        });
        let [socket, descriptor] = wait_for_both(&mut pull, &near);
        assert!(!socket.any() && descriptor.readable && !descriptor.broken);
        assert_eq!(near.read(&mut [0]).unwrap(), 1);
        let sender = std::thread::spawn(move || {
            push.send("word").unwrap();
            push
        });
        let [socket, descriptor] = wait_for_both(&mut pull, &near);
        assert!(socket.readable && !descriptor.any());
        pull.try_recv().unwrap();
        drop(writer.join().unwrap());
        let [socket, descriptor] = wait_for_both(&mut pull, &near);
        assert!(!socket.any() && descriptor.broken);
        sender.join().unwrap();
    }
}

#[test]
fn the_end_of_a_context_ends_a_wait() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let (pull, _push) = pull_and_push(&context, "inproc://a");
        let end = {
            let context = context.clone();
            std::thread::spawn(move || context.shutdown())
        };
        let ended = readable(&mut Poller::new(), &mut [pull], None);
        assert!(matches!(ended, Err(PollError::Terminated)), "{ended:?}");
        end.join().unwrap();
    }
}

/// Who also polls the descriptor of a socket has its edges kept, whatever the poller has drained.
#[test]
fn a_descriptor_that_others_poll_tells_what_comes_after_a_wait() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let (mut pull, mut push) = pull_and_push(&context, "inproc://a");
        let watched = pull.watch();
        let mut poller = Poller::new();
        for _ in 0..100 {
            let mut items = [Item::socket(&mut pull, Interest::READABLE)];
            let none = poller.wait(&mut items, Some(Duration::from_micros(100)));
            assert_eq!(none.unwrap(), 0);
            push.send("word").unwrap();
            // As if it were any descriptor.
            let mut bell = [Item::descriptor(watched.as_fd(), Interest::READABLE)];
            assert_eq!(poller.wait(&mut bell, None).unwrap(), 1);
            assert!(pull.events().unwrap().readable);
            pull.try_recv().unwrap();
        }
    }
}

/// A call that has waited in vain has answered that there is nothing, as one that does not wait.
#[test]
fn a_descriptor_tells_what_comes_after_a_timeout() {
    let _guard = watchdog(Duration::from_secs(60));
    let moment = Some(Duration::from_secs(20));
    for wait in WAITS {
        for timeout in [Duration::ZERO, Duration::from_micros(200)] {
            let context = Context::new().unwrap();
            context.set_wait(wait);
            let mut pull = context.socket(Kind::Pull).unwrap();
            let mut push = context.socket(Kind::Push).unwrap();
            pull.set_recv_hwm(1);
            push.set_send_hwm(1);
            pull.bind("inproc://a").unwrap();
            push.connect("inproc://a").unwrap();
            pull.set_recv_timeout(timeout);
            push.set_send_timeout(timeout);
            let (pull_bell, push_bell) = (pull.watch(), push.watch());
            let mut poller = Poller::new();
            for _ in 0..100 {
                assert!(matches!(pull.recv(), Err(RecvError::TimedOut)));
                push.send("word").unwrap();
                let mut bell = [Item::descriptor(pull_bell.as_fd(), Interest::READABLE)];
                assert_eq!(poller.wait(&mut bell, moment).unwrap(), 1);
                while push.send("word").is_ok() {}
                while pull.recv().is_ok() {}
                let mut bell = [Item::descriptor(push_bell.as_fd(), Interest::READABLE)];
                assert_eq!(poller.wait(&mut bell, moment).unwrap(), 1);
            }
        }
    }
}
