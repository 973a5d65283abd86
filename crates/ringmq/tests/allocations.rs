//! No small message costs an allocation of its own once its connection is under way, in the thread that sends it, in the
//! one that receives it, nor in an I/O thread: an allocator that counts. In a program of its own, whose allocator it is.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it saw"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringmq::{Context, Frame, Kind, Socket, Wait};
use ringmq_testing::watchdog;

/// The system's allocator, counting what all threads ask for.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn count() {
    // ORDERING: relaxed; a message or a join comes before each look.
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
}

fn allocations() -> u64 {
    // ORDERING: as in `count`.
    ALLOCATIONS.load(Ordering::Relaxed)
}

// SAFETY: everything is passed on as it is; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: passed on.
        unsafe { System.alloc_zeroed(layout) }
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

/// The longest message that a frame holds in itself.
const MESSAGE: [u8; 45] = [7; 45];
const WARM_UP: u64 = 5_000;
const MESSAGES: u64 = 20_000;

/// A bound socket and one that is connected to it, each of a context of its own but for inproc.
fn pair(bound: Kind, connected: Kind, endpoint: &str) -> (Socket, Socket) {
    let context = Context::new().unwrap();
    let other = match endpoint.starts_with("inproc") {
        true => context.clone(),
        false => Context::new().unwrap(),
    };
    let mut bound = context.socket(bound).unwrap();
    let mut connected = other.socket(connected).unwrap();
    // The other strategies read the CPUs and the quota of this process every second, which allocates.
    bound.set_wait(Wait::Park);
    connected.set_wait(Wait::Park);
    bound.bind(endpoint).unwrap();
    connected.connect(bound.last_endpoint()).unwrap();
    (bound, connected)
}

/// Calls `each` this many times. Returns the number of allocations of all threads after the first call.
fn count_of(times: u64, mut each: impl FnMut()) -> u64 {
    let before = allocations();
    (0..times).for_each(|_| each());
    allocations() - before
}

/// The least count of several times. The thread of the test harness allocates when a test begins, once; what a message
/// costs comes every time.
fn least_count_of(mut each: impl FnMut()) -> u64 {
    (0..WARM_UP).for_each(|_| each());
    let counts = (0..5).map(|_| count_of(MESSAGES / 5, &mut each));
    counts.min().unwrap()
}

#[test]
fn the_counter_counts() {
    let boxed = || drop(std::hint::black_box(Box::new(7)));
    assert_eq!(least_count_of(boxed), MESSAGES / 5);
    let before = allocations();
    std::thread::spawn(boxed).join().unwrap();
    assert!(allocations() > before, "another thread is not counted");
}

fn send(socket: &mut Socket) {
    socket.send_part(Frame::copy_from_slice(&MESSAGE)).unwrap();
}

fn receive(socket: &mut Socket) {
    assert_eq!(socket.recv_part().unwrap().as_slice(), MESSAGE);
}

const ENDPOINTS: [&str; 3] = ["inproc://allocations", "tcp://127.0.0.1:*", "ipc://*"];

/// One thread asks and answers in turn; over tcp and ipc two I/O threads carry the messages.
#[test]
fn round_trips_cost_no_allocation() {
    let _guard = watchdog(Duration::from_secs(300));
    for endpoint in ENDPOINTS {
        for (bound, connected) in [(Kind::Pair, Kind::Pair), (Kind::Rep, Kind::Req)] {
            let (mut near, mut far) = pair(bound, connected, endpoint);
            let count = least_count_of(|| {
                send(&mut far);
                receive(&mut near);
                send(&mut near);
                receive(&mut far);
            });
            assert_eq!(count, 0, "{endpoint}, {bound:?}");
        }
    }
}

/// Elements of a chunk of the ring between two threads, which keeps one emptied chunk for the next time.
const CHUNK: u64 = 64;
/// More than can be under way when the receiver begins to count, and when it ends.
const UNDER_WAY: u64 = 10_000;

/// As many as go, one way: a sender that gets ahead by several chunks, and falls back again, allocates chunks, of which
/// there is one for 64 messages and ring. Nothing else is allocated, and nothing for a message of its own.
///
/// The count of a connection whose way to shared memory takes long was above this once in some 500 runs: such a connection
/// is reported, and the next one has to do.
#[test]
fn messages_one_way_cost_chunks_at_most() {
    let _guard = watchdog(Duration::from_secs(300));
    for endpoint in ENDPOINTS {
        assert!((0..3).any(|_| costs_chunks_at_most(endpoint)), "{endpoint}");
    }
}

fn costs_chunks_at_most(endpoint: &str) -> bool {
    let rings = match endpoint.starts_with("inproc") {
        true => 1,
        // From the sender to its I/O thread, and from the receiver's to the receiver.
        false => 2,
    };
    let (mut pull, mut push) = pair(Kind::Pull, Kind::Push, endpoint);
    let sending = std::thread::spawn(move || {
        (0..WARM_UP + MESSAGES).for_each(|_| send(&mut push));
        push
    });
    (0..WARM_UP).for_each(|_| receive(&mut pull));
    let carrier = |pull: &mut Socket| pull.connections().first().map(|one| one.carrier);
    let (began, mut counts) = (carrier(&mut pull), [0; 4]);
    for count in &mut counts {
        *count = count_of(MESSAGES / 4, || receive(&mut pull));
    }
    let ended = carrier(&mut pull);
    drop(sending.join().unwrap());
    let most = rings * (MESSAGES + UNDER_WAY) / CHUNK;
    let is_met = counts.iter().sum::<u64>() <= most;
    if !is_met {
        eprintln!("{endpoint}: {counts:?}, {most} at most; {began:?} first, then {ended:?}");
    }
    is_met
}

/// What is written in place in shared memory is written in the ring: there is no frame, and so no allocation.
#[test]
fn what_is_written_in_the_ring_costs_no_allocation() {
    let _guard = watchdog(Duration::from_secs(300));
    for (bound, connected) in [(Kind::Pair, Kind::Pair), (Kind::Rep, Kind::Req)] {
        let (mut near, mut far) = pair(bound, connected, "ipc://*");
        let mut room = vec![0; 20_000];
        let count = least_count_of(|| {
            for len in [45, 20_000] {
                far.send_with(len, |bytes| bytes[len - 1] = 7).unwrap();
                assert_eq!(near.recv_slice(&mut room).unwrap(), len);
                assert_eq!(room[len - 1], 7);
                near.send_with(1, |bytes| bytes[0] = 8).unwrap();
                assert_eq!(far.recv_slice(&mut room).unwrap(), 1);
                assert_eq!(room[0], 8);
            }
        });
        assert_eq!(count, 0, "{bound:?}");
    }
}

/// A long message uses the memory of one that was dropped before. An allocator gives long memory back to the kernel, and
/// each page of the next one costs a page fault. The receiver keeps a message until it has copied it, as bindings of other
/// languages do.
#[test]
fn long_messages_use_memory_that_was_used_before() {
    let _guard = watchdog(Duration::from_secs(300));
    for endpoint in ["inproc://long", "ipc://*"] {
        for len in [100_000, 1 << 20, 4 << 20] {
            let (mut pull, mut push) = pair(Kind::Pull, Kind::Push, endpoint);
            let mut copy = vec![0_u8; len];
            let mut kept = Frame::new();
            let mut each = || {
                let mut sent = Frame::zeroed(len).unwrap();
                sent.as_mut_slice()[len - 1] = 7;
                push.send_part_from(&mut sent).unwrap();
                let frame = pull.recv_part().unwrap();
                copy.copy_from_slice(&frame);
                assert_eq!(copy[len - 1], 7);
                push.send_slice(&copy).unwrap();
                pull.recv_part_into(&mut kept).unwrap();
                assert_eq!(kept.len(), len);
            };
            // The connection goes over to shared memory, and the ring grows, meanwhile.
            (0..100).for_each(|_| each());
            let counts = (0..5).map(|_| count_of(10, &mut each));
            // A block costs a few words of the heap, and each turn sends two.
            let most = if endpoint.starts_with("ipc") { 20 } else { 0 };
            assert!(counts.min() <= Some(most), "{endpoint}, {len} bytes");
        }
    }
}
