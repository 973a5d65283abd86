//! Contexts with arenas of their own.

use std::fs;
use std::time::Duration;

use ringmq::{ArenaOptions, Context, Frame, Kind, Message, SendError, Socket, SocketOptions, Vow};
use ringmq_testing::{
    Actor, fork_and, in_own_process, listen, role, say, soon, spawn_role, until, watchdog,
};

use crate::memory::Kept;
use crate::parts::{arg, open, socket, until_shared};
use crate::places::Places;

const BYTES: usize = 2 << 20;

fn with_own_arena() -> Context {
    let context = Context::new().unwrap();
    context.set_arena(&ArenaOptions::new().own(true)).unwrap();
    context
}

/// The number of the memfd that has this byte.
fn memfd(byte: &u8) -> String {
    let at = std::ptr::from_ref(byte).addr();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let found = maps.lines().find(|line| {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let address = |text| usize::from_str_radix(text, 16).unwrap();
        (address(from)..address(to)).contains(&at)
    });
    let line = found.unwrap();
    assert!(line.contains("memfd:ringmq-blocks"), "{line}");
    line.split_whitespace().nth(4).unwrap().to_owned()
}

#[test]
fn each_context_with_an_arena_of_its_own_has_another_memfd() {
    let contexts = [with_own_arena(), with_own_arena()];
    let [shared, other] = [Context::new().unwrap(), Context::new().unwrap()];
    let block = |context: &Context| context.block(BYTES).unwrap();
    let own = contexts.each_ref().map(block);
    let of_process = [block(&shared), block(&other), block(&shared)];
    let [first, second] = own.each_ref().map(|block| memfd(&block[0]));
    assert_ne!(first, second);
    for block in &of_process {
        assert!(![&first, &second].contains(&&memfd(&block[0])));
    }
    let again = contexts[0].clone().block(BYTES).unwrap();
    assert!(contexts[0].arena_usage().bytes >= 2 * BYTES);
    drop(again);
}

#[test]
fn the_memory_of_an_arena_goes_with_the_last_frame_of_its_context() {
    const TEST: &str = "own::the_memory_of_an_arena_goes_with_the_last_frame_of_its_context";
    in_own_process(TEST, || {
        let context = with_own_arena();
        let (mut pull, mut push) = (
            context.socket(Kind::Pull).unwrap(),
            context.socket(Kind::Push).unwrap(),
        );
        pull.bind("inproc://bodies").unwrap();
        push.connect("inproc://bodies").unwrap();
        let mut block = context.block(BYTES).unwrap();
        block.fill(7);
        push.send(block.freeze()).unwrap();
        let frame = pull.recv().unwrap().into_iter().next().unwrap();
        // Another segment, without any block.
        drop(context.block(8 << 20));
        let kept = || Kept::by(std::process::id());
        let before = kept().allocated;
        drop((pull, push));
        context.terminate();
        assert!(
            kept().allocated < before,
            "a segment without blocks goes at once"
        );
        assert!(kept().allocated >= BYTES as u64);
        assert!(frame.iter().all(|byte| *byte == 7));
        let clone = frame.clone();
        drop(frame);
        assert!(clone.iter().all(|byte| *byte == 7));
        drop(clone);
        let nothing = Kept {
            allocated: 0,
            mapped: 0,
        };
        assert_eq!(kept(), nothing);
    });
}

/// Sends a body from a context that ends then. Another one, with an I/O thread, goes on.
fn sender_that_ends() {
    let other = Context::new().unwrap();
    let mut open_socket = socket(&other, Kind::Pull);
    open(&mut open_socket, true, &arg(1));
    let context = with_own_arena();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    open(&mut push, true, &arg(0));
    until_shared(&mut push, 1);
    push.send(vec![7; BYTES]).unwrap();
    assert!(context.arena_usage().bytes >= BYTES);
    assert_eq!(listen(), "held");
    drop(push);
    context.terminate();
    assert!(Kept::by(std::process::id()).allocated > 0);
    say("ended");
    assert_eq!(listen(), "dropped");
    until(|| Kept::by(std::process::id()).allocated == 0);
    assert_eq!(Kept::by(std::process::id()).mapped, 0);
    drop(open_socket);
}

#[test]
fn a_frame_that_a_peer_holds_outlives_the_context_and_its_memory_comes_back_after_it() {
    const TEST: &str =
        "own::a_frame_that_a_peer_holds_outlives_the_context_and_its_memory_comes_back_after_it";
    if role().is_some() {
        return sender_that_ends();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = |name| places.endpoint(name);
    let args = [endpoint("s"), endpoint("other")];
    let args = args.each_ref().map(String::as_str);
    let mut sender = Actor::start(&mut spawn_role(TEST, "sender", &args));
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    // SAFETY: the sender does not write what it has sent.
    pull.set_in_place(unsafe { Vow::new() });
    open(&mut pull, false, args[0]);
    let frame = pull.recv_deadline(soon()).unwrap();
    let frame = frame.into_iter().next().unwrap();
    let _ = memfd(&frame[0]);
    sender.tell("held");
    assert_eq!(sender.hear(), "ended");
    assert!(frame.iter().all(|byte| *byte == 7));
    drop(frame);
    sender.tell("dropped");
    sender.finish();
}

/// A socket of a context with an arena of its own, and its peer in shared memory.
struct Pair {
    context: Context,
    sends: Socket,
    _receives: Socket,
    _places: Places,
}

fn pair(sending: Kind, receiving: Kind, options: &SocketOptions) -> Pair {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = with_own_arena();
    let mut sends = context.socket_with(sending, options).unwrap();
    sends.set_linger(Duration::ZERO);
    open(&mut sends, true, &endpoint);
    let mut receives = socket(&Context::new().unwrap(), receiving);
    open(&mut receives, false, &endpoint);
    until_shared(&mut sends, 1);
    assert_eq!(context.arena_usage().bytes, 0);
    Pair {
        context,
        sends,
        _receives: receives,
        _places: places,
    }
}

#[test]
fn every_way_to_send_takes_blocks_from_the_arena_of_the_context() {
    let _guard = watchdog(Duration::from_secs(60));
    type Way = fn(&Context, &mut Socket);
    let ways: [(&str, Kind, Kind, Way); 7] = [
        ("a block", Kind::Push, Kind::Pull, |context, socket| {
            let block = context.block(BYTES).unwrap();
            socket.send(block.freeze()).unwrap();
        }),
        ("a copy", Kind::Push, Kind::Pull, |_, socket| {
            socket.send(vec![7; BYTES]).unwrap();
        }),
        (
            "a copy in parts",
            Kind::Dealer,
            Kind::Dealer,
            |_, socket| {
                socket
                    .send_part(Frame::from("first").with_more(true))
                    .unwrap();
                socket.send_part(vec![7; BYTES]).unwrap();
            },
        ),
        ("a copy for all", Kind::Pub, Kind::Sub, |_, socket| {
            socket.send(vec![7; BYTES]).unwrap();
        }),
        ("a part for all", Kind::Pub, Kind::Sub, |_, socket| {
            let parts = [vec![7], vec![7; 32 << 10]];
            socket.send(Message::from_iter(parts)).unwrap();
        }),
        ("written", Kind::Push, Kind::Pull, |_, socket| {
            socket.send_with(BYTES, |bytes| bytes.fill(7)).unwrap();
        }),
        ("written for all", Kind::Pub, Kind::Sub, |_, socket| {
            socket.send_with(32 << 10, |bytes| bytes.fill(7)).unwrap();
        }),
    ];
    for (name, sending, receiving, send) in ways {
        println!("{name}");
        let mut pair = pair(sending, receiving, &SocketOptions::new());
        // The first messages of a PUB may find no subscription, and the first to each peer goes over to shared memory.
        until(|| {
            send(&pair.context, &mut pair.sends);
            pair.context.arena_usage().bytes > 0
        });
    }
}

#[test]
fn the_limit_of_a_socket_counts_blocks_of_an_own_arena() {
    const LIMIT: u64 = 16 << 20;
    let _guard = watchdog(Duration::from_secs(60));
    let options = SocketOptions::new().shared_limit(LIMIT);
    let mut pair = pair(Kind::Push, Kind::Pull, &options);
    let huge = ArenaOptions::new().own(true).huge_pages(true);
    pair.context.set_arena(&huge).unwrap();
    let mut sent = 0;
    let refused = loop {
        let block = pair.context.block(BYTES).unwrap();
        match pair.sends.try_send(block.freeze()) {
            Ok(()) => sent += BYTES as u64,
            Err(unsent) => break unsent.reason,
        }
        assert!(sent <= 2 * LIMIT);
    };
    assert!(matches!(refused, SendError::WouldBlock), "{refused}");
    // One message may wait outside of the limit.
    assert!(sent >= LIMIT / 2 && sent <= LIMIT + BYTES as u64, "{sent}");
}

#[test]
fn a_forked_child_writes_to_no_block_of_its_parents_context() {
    const TEST: &str = "own::a_forked_child_writes_to_no_block_of_its_parents_context";
    in_own_process(TEST, || {
        let context = with_own_arena();
        let filled = |byte| {
            let mut block = context.block(BYTES).unwrap();
            let before = block[0];
            block.fill(byte);
            before
        };
        filled(7);
        // The same memory, if the child had it.
        assert!(fork_and(
            || filled(9) != 7 && context.arena_usage().bytes == 0
        ));
        assert_eq!(filled(7), 7);
    });
}

#[test]
fn what_is_reserved_is_there_before_the_first_message() {
    let context = Context::new().unwrap();
    let options = ArenaOptions::new().own(true).reserve(32 << 20);
    context.set_arena(&options).unwrap();
    assert_eq!(context.arena_usage().bytes, 32 << 20);
    let blocks: Vec<_> = (0..16).map(|_| context.block(BYTES).unwrap()).collect();
    assert_eq!(context.arena_usage().bytes, 32 << 20);
    drop(blocks);
    let refused = context.set_arena(&options.reserve(1 << 50));
    assert!(refused.is_err());
    assert!(context.block(BYTES).is_ok());
}
