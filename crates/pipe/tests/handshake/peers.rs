//! Both sides of connection set-up, each against a peer made by hand; and what is left afterwards.

use std::fs;

use ringmq_pipe::{ConnectError, Listener, Options, Pipe};
use ringmq_sys::{Address, ListenOptions, RecvError, Stream, UnixListener};
use ringmq_testing::abstract_name;

use crate::raw::{Raw, Sent, later};

/// Who is to judge what a peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    Listener,
    Connector,
}

pub(crate) const BOTH: [Judge; 2] = [Judge::Listener, Judge::Connector];

/// What it did.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) error: ConnectError,
    /// What it answered; nothing if it just hung up.
    pub(crate) answer: Option<Raw>,
}

impl Verdict {
    /// The reason of the refusal, which has to be the answer.
    #[track_caller]
    pub(crate) fn reason(&self) -> u32 {
        match self.answer {
            Some(frame) if frame == Raw::refuse(frame.reason) => frame.reason,
            _ => panic!("not refused: {self:?}"),
        }
    }
}

/// Descriptors and shared mappings of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    fds: usize,
    maps: usize,
}

impl Held {
    pub(crate) fn now() -> Held {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        Held {
            fds: fs::read_dir("/proc/self/fd").unwrap().count(),
            maps: maps.matches("/memfd:").count(),
        }
    }
}

/// A listener, and with it the place where hostile peers are tried.
pub(crate) struct Court {
    pub(crate) listener: Listener,
    /// A listener made by hand, for connectors.
    unix: UnixListener,
    held: Held,
}

impl Court {
    pub(crate) fn open() -> Court {
        let listener = Listener::bind(&abstract_name("court"), &Options::new()).unwrap();
        let address: Address = abstract_name("court").parse().unwrap();
        let unix = UnixListener::bind(&address, &ListenOptions::default()).unwrap();
        let mut court = Court {
            listener,
            unix,
            held: Held::now(),
        };
        // What is made once for each process is made now.
        court.admits_a_good_peer();
        court.held = Held::now();
        court
    }

    /// Lets `judge` read what a peer sends, who then closes nothing until it has read the answer.
    pub(crate) fn judge(&mut self, judge: Judge, sent: &[Sent]) -> Verdict {
        match judge {
            Judge::Listener => self.listener_judges(sent),
            Judge::Connector => self.connector_judges(sent),
        }
    }

    fn listener_judges(&mut self, sent: &[Sent]) -> Verdict {
        let peer = self.dial();
        for frame in sent {
            frame.over(&peer).unwrap();
        }
        let error = self.listener.attempt(later()).unwrap_err();
        let answer = answer(&peer);
        Verdict { error, answer }
    }

    fn connector_judges(&mut self, sent: &[Sent]) -> Verdict {
        self.connector(|peer| {
            let (offer, fds) = receive(peer).unwrap();
            assert_eq!((offer.kind, fds), (crate::raw::OFFER, 4));
            for frame in sent {
                frame.over(peer).unwrap();
            }
            answer(peer)
        })
    }

    /// A connector, against a listener that does as `hostile` says and returns the answer.
    pub(crate) fn connector(&self, hostile: impl FnOnce(&Stream) -> Option<Raw>) -> Verdict {
        let (outcome, answer) = self.meet(&Options::new(), hostile);
        let error = outcome.unwrap_err();
        Verdict { error, answer }
    }

    /// A connector with `options`, and what a listener made by hand does with it.
    pub(crate) fn meet<T>(
        &self,
        options: &Options,
        by_hand: impl FnOnce(&Stream) -> T,
    ) -> (Result<Pipe, ConnectError>, T) {
        let address = self.unix.address().to_string();
        ringmq_testing::scope(|scope| {
            let connecting = scope.spawn(|| options.connect(&address));
            let peer = self.unix.accept(later()).unwrap();
            let seen = by_hand(&peer);
            drop(peer);
            (connecting.join().unwrap(), seen)
        })
    }

    /// A connection to the listener that says nothing yet.
    pub(crate) fn dial(&self) -> Stream {
        Stream::connect(&self.listener.address().parse().unwrap(), later()).unwrap()
    }

    /// Sees that nothing is left of those who were tried (and that the caller has closed his ends), and
    /// that a good peer gets in.
    #[track_caller]
    pub(crate) fn adjourn(&mut self, case: &str) {
        assert_eq!(Held::now(), self.held, "leaked: {case}");
        self.admits_a_good_peer();
        assert_eq!(
            Held::now(),
            self.held,
            "leaked by a good peer after: {case}"
        );
    }

    fn admits_a_good_peer(&mut self) {
        let address = self.listener.address();
        ringmq_testing::scope(|scope| {
            let client = scope.spawn(|| {
                let mut pipe = Options::new().connect(&address).unwrap();
                pipe.sender().send(b"good").unwrap();
                assert_eq!(hear(&mut pipe), b"day");
            });
            let mut pipe = self.listener.attempt(later()).unwrap();
            assert_eq!(hear(&mut pipe), b"good");
            pipe.sender().send(b"day").unwrap();
            client.join().unwrap();
        });
    }
}

pub(crate) fn hear(pipe: &mut Pipe) -> Vec<u8> {
    let mut message = Vec::new();
    pipe.receiver().recv(&mut message).unwrap();
    message
}

/// The next frame, and the number of descriptors that came with it; nothing at a hang-up.
pub(crate) fn receive(peer: &Stream) -> Option<(Raw, usize)> {
    let mut bytes = [0; 64];
    match peer.recv_exact(&mut bytes, 4, later()) {
        Ok(came) => Some((Raw::parse(&bytes), came.fds.len())),
        Err(RecvError::Closed { got: 0, .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The last frame before the hang-up: an offer before it is no answer.
pub(crate) fn answer(peer: &Stream) -> Option<Raw> {
    let mut last = None;
    while let Some((frame, _)) = receive(peer) {
        if frame.kind != crate::raw::OFFER {
            assert_eq!(last, None, "two answers");
            last = Some(frame);
        }
    }
    last
}
