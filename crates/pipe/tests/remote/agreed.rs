//! One side of a connection between sockets, whose handoff a test makes by hand over a stream.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use ringmq_pipe::Wait;
use ringmq_pipe::local::Waker;
use ringmq_pipe::remote::{
    Carry, Courier, FRAME, Lines, Marks, Offer, OfferFrame, Own, Parts, Receiver, Ringers, Sender,
    Witness,
};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_sys::{Ancillary, Stream};

/// How frames lie on the stream: bare, or in a command of ZMTP.
pub(crate) type Wrap = fn(&[u8; FRAME]) -> Vec<u8>;

/// A side that has made its offer.
pub(crate) struct Offering {
    sleeper: Sleeper,
    own: Own,
    wrap: Wrap,
}

/// A side that has agreed with its peer.
pub(crate) struct Agreed {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) witness: Witness,
    pub(crate) courier: Arc<Courier>,
    pub(crate) stream: Arc<Stream>,
    /// The peer reads its pages.
    pub(crate) _sleeper: Sleeper,
}

/// Sends the frames of the courier over the stream. Each must find room there.
#[derive(Debug)]
struct OverStream {
    stream: Arc<Stream>,
    wrap: Wrap,
}

impl Carry for OverStream {
    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let bytes = (self.wrap)(frame);
        let sent = self.stream.send_now(&bytes, descriptor.as_slice())?;
        assert_eq!(sent, bytes.len());
        Ok(())
    }
}

impl Offering {
    /// Makes a side without high-water marks, and sends its offer.
    pub(crate) fn send(stream: &Stream, wrap: Wrap) -> Offering {
        let mut sleeper = Sleeper::new(Wait::Park).unwrap();
        let control = sleeper.control().unwrap().get().unwrap();
        sleeper.show().unwrap();
        let marks = Marks {
            sending: 0,
            receiving: 0,
        };
        let own = Own::make(&control, marks).unwrap();
        let offer = wrap(&OfferFrame::Offer(own.offer()).encode());
        let sent = stream.send_now(&offer, &own.descriptors()).unwrap();
        assert_eq!(sent, offer.len());
        Offering { sleeper, own, wrap }
    }

    /// Agrees with the peer, whose offer came with these descriptors. Frames go over the stream.
    pub(crate) fn agree(self, offer: &Offer, came: Ancillary, stream: Stream) -> Agreed {
        let stream = Arc::new(stream);
        let carry = OverStream {
            stream: Arc::clone(&stream),
            wrap: self.wrap,
        };
        self.agree_over(offer, came, stream, Box::new(carry))
    }

    /// The same, with something else that carries the frames.
    pub(crate) fn agree_over(
        self,
        offer: &Offer,
        came: Ancillary,
        stream: Arc<Stream>,
        carry: Box<dyn Carry>,
    ) -> Agreed {
        let peer = self.own.judge(offer, came, Some(&mut Ringers::default()));
        let lines = Lines {
            carry,
            session: Waker::unset(),
            socket: Waker::unset(),
        };
        let Parts {
            sender,
            receiver,
            witness,
            courier,
            ..
        } = self.own.meet(peer.unwrap(), lines, 1 << 30);
        courier.flush().unwrap();
        Agreed {
            sender,
            receiver,
            witness,
            courier,
            stream,
            _sleeper: self.sleeper,
        }
    }
}
