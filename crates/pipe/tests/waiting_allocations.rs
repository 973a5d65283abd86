//! No message costs an allocation: an allocator that counts. In a program of its own, whose allocator it is.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::time::Duration;

use ringmq_pipe::{Options, Pipe, Receiver, Sender, Vow, Wait};
use ringmq_testing::watchdog;

/// The system's allocator, counting what each thread asks for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is being torn down has no counter any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is passed on as it is; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: passed on.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MESSAGES: usize = 100_000;
/// The first messages may allocate: the receiver's buffer, and what a first wait needs.
const FIRST: usize = 100;

/// Does `each` so many times; returns how often this thread allocated after the first.
fn allocations(mut each: impl FnMut(usize)) -> u64 {
    let mut before = 0;
    for number in 0..MESSAGES {
        if number == FIRST {
            before = ALLOCATIONS.get();
        }
        each(number);
    }
    ALLOCATIONS.get() - before
}

/// A way to send, and one to receive what was sent so.
type Way = (
    &'static str,
    fn(&mut Sender),
    fn(&mut Receiver, &mut Vec<u8>),
);

const MESSAGE: [u8; 200] = [7; 200];

const WAYS: [Way; 5] = [
    (
        "message",
        |sender| sender.send(&MESSAGE).unwrap(),
        |receiver, buffer| receiver.recv(buffer).unwrap(),
    ),
    (
        "in pieces",
        |sender| sender.send(&[7; 3000]).unwrap(),
        |receiver, buffer| receiver.recv(buffer).unwrap(),
    ),
    (
        "bytes",
        |sender| sender.write_all(&MESSAGE).unwrap(),
        |receiver, buffer| {
            buffer.resize(MESSAGE.len(), 0);
            receiver.read_exact(buffer).unwrap();
        },
    ),
    (
        "batch",
        |sender| assert_eq!(sender.send_batch([MESSAGE]).unwrap(), 1),
        |receiver, buffer| receiver.recv(buffer).unwrap(),
    ),
    (
        "in place",
        |sender| {
            let mut claim = sender.claim(MESSAGE.len()).unwrap();
            claim.copy_from_slice(&MESSAGE);
            claim.commit().unwrap();
        },
        |receiver, _| {
            // SAFETY: both ends are in this process, and write no message again before it was released.
            let vow = unsafe { Vow::new() };
            assert_eq!(receiver.recv_in_place(vow).unwrap().len(), MESSAGE.len());
        },
    ),
];

fn pair(wait: Wait) -> (Pipe, Pipe) {
    Options::new().capacity(16 << 10).wait(wait).pair().unwrap()
}

#[test]
fn the_counter_counts() {
    let count = allocations(|_| drop(std::hint::black_box(Box::new(7))));
    assert_eq!(count, (MESSAGES - FIRST) as u64);
}

/// One thread sends and receives in turn, so neither side waits.
#[test]
fn messages_cost_no_allocation() {
    let _guard = watchdog(Duration::from_secs(60));
    for (name, send, receive) in WAYS {
        let (mut left, mut right) = pair(Wait::Adaptive);
        let mut buffer = Vec::new();
        let count = allocations(|_| {
            send(left.sender());
            receive(right.receiver(), &mut buffer);
        });
        assert_eq!(count, 0, "{name}");
    }
}

/// Both sides wait for each other, spinning or asleep.
#[test]
fn waiting_costs_no_allocation() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in [Wait::Spin, Wait::Park, Wait::Adaptive] {
        for (name, send, receive) in WAYS {
            let (left, right) = pair(wait);
            let (mut sender, mut receiver) = (left.split().0, right.split().1);
            let receiving = std::thread::spawn(move || {
                let mut buffer = Vec::new();
                allocations(|_| receive(&mut receiver, &mut buffer))
            });
            let sent = allocations(|_| send(&mut sender));
            let received = receiving.join().unwrap();
            // Spinning reads the cgroup's quota again every second, which allocates.
            let most = if wait == Wait::Park { 0 } else { 2000 };
            assert!(
                sent <= most && received <= most,
                "{name}, {wait:?}: {sent}, {received}"
            );
        }
    }
}
