//! What a socket's `watch` returns is what tokio's `AsyncFd` takes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ringmq::{Context, Kind, Message, RecvError, SendError, Socket, Watched};
use ringmq_testing::watchdog;
use tokio::io::unix::AsyncFd;

const ENDPOINTS: [&str; 3] = ["inproc://jobs", "ipc://*", "tcp://127.0.0.1:*"];

/// Also as older versions of tokio have it.
#[allow(
    deprecated,
    reason = "`register` takes the same types, and older versions have `new` alone"
)]
fn register(socket: &mut Socket) -> AsyncFd<Watched> {
    AsyncFd::new(socket.watch()).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap()
}

fn pull_and_push(context: &Context, endpoint: &str) -> (Socket, Socket) {
    let (mut pull, mut push) = (
        context.socket(Kind::Pull).unwrap(),
        context.socket(Kind::Push).unwrap(),
    );
    pull.bind(endpoint).unwrap();
    push.connect(pull.last_endpoint()).unwrap();
    (pull, push)
}

async fn recv(socket: &mut Socket, watched: &AsyncFd<Watched>, waits: &mut usize) -> Message {
    loop {
        match socket.try_recv() {
            Err(RecvError::WouldBlock) => *waits += 1,
            outcome => return outcome.unwrap(),
        }
        watched.readable().await.unwrap().clear_ready();
    }
}

async fn send(
    socket: &mut Socket,
    watched: &AsyncFd<Watched>,
    waits: &mut usize,
    message: impl Into<Message>,
) {
    let mut message = message.into();
    while let Err(error) = socket.try_send(message) {
        assert!(matches!(error.reason, SendError::WouldBlock), "{error}");
        message = error.message;
        *waits += 1;
        watched.readable().await.unwrap().clear_ready();
    }
}

#[test]
fn a_watched_socket_wakes_a_task_that_receives() {
    let _guard = watchdog(Duration::from_secs(60));
    for endpoint in ENDPOINTS {
        let context = Context::new().unwrap();
        let (mut pull, mut push) = pull_and_push(&context, endpoint);
        runtime().block_on(async {
            let watched = register(&mut pull);
            for number in 0..100u8 {
                let mut waits = 0;
                // The first is polled first, so that the task waits before the message is sent.
                let (message, ()) = tokio::join!(
                    biased;
                    recv(&mut pull, &watched, &mut waits),
                    async { push.send(vec![number]).unwrap() },
                );
                assert_eq!(message[0].as_slice(), [number], "{endpoint}");
                assert!(waits > 0, "{endpoint}");
            }
        });
    }
}

#[test]
fn a_watched_socket_wakes_a_task_that_sends() {
    // More than the marks of both ends and the buffers of the kernel take.
    const MESSAGES: usize = 20_000;
    let _guard = watchdog(Duration::from_secs(60));
    for endpoint in ENDPOINTS {
        let context = Context::new().unwrap();
        let (mut pull, mut push) = pull_and_push(&context, endpoint);
        runtime().block_on(async {
            let (room, news) = (register(&mut push), register(&mut pull));
            let (mut waits_to_send, mut waits_to_recv) = (0, 0);
            // In one thread: nothing is received before the sender waits.
            tokio::join!(
                biased;
                async {
                    for number in 0..MESSAGES {
                        send(&mut push, &room, &mut waits_to_send, vec![number as u8; 1000]).await;
                    }
                },
                async {
                    for number in 0..MESSAGES {
                        let message = recv(&mut pull, &news, &mut waits_to_recv).await;
                        assert_eq!(message[0].as_slice(), [number as u8; 1000], "{endpoint}");
                    }
                },
            );
            assert!(waits_to_send > 0, "{endpoint}");
        });
    }
}
