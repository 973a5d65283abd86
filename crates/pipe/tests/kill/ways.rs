//! Ways to send, to be stepped through.

use std::io::{IoSlice, Write};

use ringmq_pipe::{Options, Pipe, Wait};
use ringmq_testing::Messages;

pub(crate) const CAPACITY: usize = 4096;

/// One way to send, from a given state of the ring.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// Where the ring starts.
    start: u64,
    /// Messages that are sent and received before.
    pub(crate) before: u64,
    /// Messages that are sent by `send`, and their length.
    pub(crate) count: u64,
    len: usize,
    send: fn(&mut Pipe, &[Vec<u8>]),
    /// Whether the receiver sleeps when it is sent.
    pub(crate) to_sleeper: bool,
}

const SMALL: Way = Way {
    name: "small",
    start: 0,
    before: 1,
    count: 1,
    len: 40,
    send: |pipe, messages| pipe.sender().send(&messages[0]).unwrap(),
    to_sleeper: false,
};

/// Small ones first. Each may be killed after any instruction.
pub(crate) const WAYS: [Way; 14] = [
    SMALL,
    Way {
        name: "to a sleeper",
        to_sleeper: true,
        ..SMALL
    },
    Way {
        name: "behind a pad",
        start: CAPACITY as u64 - 64,
        before: 0,
        len: 100,
        ..SMALL
    },
    Way {
        // The room that the sender knows of is spent, and there is a pad again.
        name: "room is looked for",
        before: 33,
        len: 500,
        ..SMALL
    },
    Way {
        name: "in pieces",
        len: 1500,
        ..SMALL
    },
    Way {
        name: "in pieces around the end",
        start: CAPACITY as u64 - 1000,
        before: 0,
        len: 1900,
        ..SMALL
    },
    Way {
        name: "batch",
        count: 3,
        send: |pipe, messages| assert_eq!(pipe.sender().send_batch(messages).unwrap(), 3),
        ..SMALL
    },
    Way {
        name: "batch around the end",
        start: CAPACITY as u64 - 128,
        before: 0,
        count: 3,
        len: 70,
        send: |pipe, messages| assert_eq!(pipe.sender().send_batch(messages).unwrap(), 3),
        ..SMALL
    },
    Way {
        name: "claim and commit",
        send: |pipe, messages| {
            let mut claim = pipe.sender().claim(messages[0].len() + 20).unwrap();
            claim[..messages[0].len()].copy_from_slice(&messages[0]);
            claim.commit_len(messages[0].len()).unwrap();
        },
        ..SMALL
    },
    Way {
        name: "in a block",
        send: send_in_block,
        ..SMALL
    },
    Way {
        name: "in a block, to a sleeper",
        to_sleeper: true,
        send: send_in_block,
        ..SMALL
    },
    Way {
        name: "now or never",
        len: 600,
        send: |pipe, messages| pipe.sender().try_send(&messages[0]).unwrap(),
        ..SMALL
    },
    Way {
        name: "write",
        send: |pipe, messages| pipe.write_all(&messages[0]).unwrap(),
        ..SMALL
    },
    Way {
        name: "write from two",
        send: |pipe, messages| {
            let (first, rest) = messages[0].split_at(11);
            let slices = [IoSlice::new(first), IoSlice::new(rest)];
            assert_eq!(pipe.write_vectored(&slices).unwrap(), messages[0].len());
        },
        ..SMALL
    },
];

fn send_in_block(pipe: &mut Pipe, messages: &[Vec<u8>]) {
    let mut block = pipe.sender().block(messages[0].len()).unwrap();
    block.copy_from_slice(&messages[0]);
    pipe.sender().send_block(block).unwrap();
}

/// Not a way to send a batch: a sender that is killed between the two leaves one of two messages.
pub(crate) const IN_TWO_STEPS: Way = Way {
    name: "in two steps",
    count: 2,
    send: |pipe, messages| {
        pipe.sender().send(&messages[0]).unwrap();
        pipe.sender().send(&messages[1]).unwrap();
    },
    ..SMALL
};

impl Way {
    /// That of this name.
    pub(crate) fn named(name: &str) -> &'static Way {
        WAYS.iter().find(|way| way.name == name).unwrap()
    }

    /// The sender's options.
    pub(crate) fn options(&self) -> Options {
        Options::new()
            .capacity(CAPACITY)
            .block_capacity(CAPACITY)
            .start_position(self.start)
            .wait(Wait::Park)
    }

    /// What is sent before.
    pub(crate) fn messages_before(&self) -> Messages {
        Messages::new(1, 100, 100)
    }

    /// What is sent.
    pub(crate) fn messages(&self) -> Messages {
        Messages::new(2, self.len, self.len)
    }

    /// Everything that [`send`](Way::send) sends.
    pub(crate) fn all_messages(&self) -> Vec<Vec<u8>> {
        let messages = self.messages();
        (0..self.count).map(|number| messages.get(number)).collect()
    }

    /// Sends it.
    #[inline(never)]
    pub(crate) fn send(&self, pipe: &mut Pipe, messages: &[Vec<u8>]) {
        (self.send)(pipe, messages);
    }
}
