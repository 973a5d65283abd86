//! A socket that threads share by a lock, which none of them holds while it sleeps.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use ringmq::{
    Context, Frame, Interest, Item, Kind, PollStep, PollWait, Poller, RecvError, SendError,
    SharedMemory, Socket, StreamWork, Wait,
};
use ringmq_testing::{seed, watchdog};

const WAITS: [Wait; 3] = [Wait::Park, Wait::Adaptive, Wait::Spin];
const MESSAGES: u32 = 2000;

/// A socket and its lock, as a face keeps them.
#[derive(Clone)]
struct Shared {
    socket: Arc<Mutex<Socket>>,
    wanted: Arc<AtomicUsize>,
}

impl Shared {
    fn new(mut socket: Socket) -> Shared {
        let wanted = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&wanted);
        socket.share(move || seen.load(Ordering::Relaxed) > 0);
        Shared {
            socket: Arc::new(Mutex::new(socket)),
            wanted,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Socket> {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        let socket = self.socket.lock().unwrap();
        self.wanted.fetch_sub(1, Ordering::Relaxed);
        socket
    }

    fn recv(&self) -> Result<u32, RecvError> {
        let mut number = Frame::new();
        let mut socket = self.lock();
        let mut received = socket.recv_part_into(&mut number);
        while let Some(pause) = socket.take_pause() {
            drop(socket);
            let woken = pause.rest().unwrap();
            socket = self.lock();
            socket.wake();
            received = socket.recv_part_into_again(&mut number, woken);
        }
        received.map(|()| u32::from_ne_bytes(number.as_slice().try_into().unwrap()))
    }

    fn send(&self, number: u32) -> Result<(), SendError> {
        let number = number.to_ne_bytes();
        let mut socket = self.lock();
        let mut sent = socket.send_slice(&number);
        while let Some(pause) = socket.take_pause() {
            drop(socket);
            let woken = pause.rest().unwrap();
            socket = self.lock();
            socket.wake();
            sent = socket.send_slice_again(&number, woken);
        }
        sent
    }

    /// Waits until there is something to read, and takes it if no other thread has.
    fn poll_and_recv(&self, poller: &mut Poller) -> Option<u32> {
        let mut wait = PollWait::new(None);
        loop {
            let mut socket = self.lock();
            let mut items = [Item::socket(&mut socket, Interest::READABLE)];
            match poller.step(&mut items, &mut wait).unwrap() {
                PollStep::Ready(_) => {
                    let mut number = [0; 4];
                    let received = socket.try_recv_slice(&mut number);
                    return received.ok().map(|_| u32::from_ne_bytes(number));
                }
                PollStep::Pause(pause) => {
                    drop(socket);
                    pause.rest(&mut wait, []);
                    self.lock().wake();
                }
            }
        }
    }
}

/// Two DEALERs whose marks are small, so that both directions often wait.
fn pair(wait: Wait, endpoint: &str) -> (Context, Shared, Shared) {
    let context = Context::new().unwrap();
    context.set_wait(wait);
    // Over tcp it is streams.
    context.set_shared_memory(SharedMemory::Ipc);
    context.set_stream_work(StreamWork::Random(seed()));
    let [mut one, mut other] = [0; 2].map(|_| {
        let mut socket = context.socket(Kind::Dealer).unwrap();
        socket.set_send_hwm(2);
        socket.set_recv_hwm(2);
        socket
    });
    one.bind(endpoint).unwrap();
    other.connect(one.last_endpoint()).unwrap();
    (context, Shared::new(one), Shared::new(other))
}

#[test]
fn one_thread_sends_while_another_receives() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in WAITS {
        for endpoint in ["inproc://both", "ipc://*", "tcp://127.0.0.1:*"] {
            let (_context, near, far) = pair(wait, endpoint);
            let echo = thread::spawn(move || {
                for _ in 0..MESSAGES {
                    far.send(far.recv().unwrap()).unwrap();
                }
            });
            let receiver = near.clone();
            let receiver = thread::spawn(move || {
                for number in 0..MESSAGES {
                    assert_eq!(receiver.recv().unwrap(), number);
                }
            });
            for number in 0..MESSAGES {
                near.send(number).unwrap();
            }
            receiver.join().unwrap();
            echo.join().unwrap();
        }
    }
}

#[test]
fn threads_that_poll_and_threads_that_receive_lose_nothing() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in WAITS {
        for endpoint in ["inproc://crowd", "ipc://*"] {
            let (_context, near, far) = pair(wait, endpoint);
            let crowd: Vec<_> = (0..4)
                .map(|at| {
                    let near = near.clone();
                    thread::spawn(move || {
                        let mut poller = Poller::new();
                        let mut numbers = Vec::new();
                        while numbers.len() < MESSAGES as usize / 4 {
                            match at % 2 {
                                0 => numbers.push(near.recv().unwrap()),
                                _ => numbers.extend(near.poll_and_recv(&mut poller)),
                            }
                        }
                        numbers
                    })
                })
                .collect();
            for number in 0..MESSAGES {
                far.send(number).unwrap();
            }
            let numbers = crowd.into_iter().map(|thread| thread.join().unwrap());
            let mut numbers = numbers.flatten().collect::<Vec<_>>();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..MESSAGES));
        }
    }
}

#[test]
fn a_change_by_another_thread_ends_a_wait() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in WAITS {
        let (_context, near, far) = pair(wait, "inproc://change");
        while near.lock().try_send_slice(&[0; 4]).is_ok() {}
        let sender = near.clone();
        let sender = thread::spawn(move || sender.send(7).unwrap());
        while !near.lock().is_waited_for() && wait != Wait::Spin {
            thread::yield_now();
        }
        let mut socket = near.lock();
        socket.wake_others();
        socket.set_send_hwm(1000);
        drop(socket);
        sender.join().unwrap();
        while far.recv().unwrap() != 7 {}
    }
}
