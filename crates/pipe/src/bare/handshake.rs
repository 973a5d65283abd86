//! Connection set-up: offer – offer – accept, over the Unix socket. docs/handoff.md specifies it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use ringmq_sys::{Address, AdoptMemoryError, Ancillary, Credentials, RecvError, Stream};

use super::error::ConnectError;
use super::meeting::{Own, take_blocks};
use super::offer::{DESCRIPTORS, FRAME, Frame, Offer, OfferError};
use super::options::Options;
use super::pipe::Pipe;
use crate::refusal::RefusalReason;

impl Options {
    /// Connects to a [`Listener`](crate::Listener): a path, or `@name` for an abstract socket.
    /// Connection set-up ends within the [handshake timeout](Options::handshake_timeout).
    ///
    /// # Errors
    ///
    /// [`ConnectError::Unreachable`] if no process listens there; the others say which side refused what.
    pub fn connect(&self, address: &str) -> Result<Pipe, ConnectError> {
        let deadline = self.handshake_ends(Instant::now());
        self.connect_to(&address.parse()?, deadline)
    }

    /// As [`connect`](Options::connect), with a deadline of its own instead of the timeout.
    ///
    /// # Errors
    ///
    /// As [`connect`](Options::connect); [`ConnectError::TimedOut`] at the deadline.
    pub fn connect_deadline(&self, address: &str, deadline: Instant) -> Result<Pipe, ConnectError> {
        self.connect_to(&address.parse()?, Some(deadline))
    }

    fn connect_to(
        &self,
        address: &Address,
        deadline: Option<Instant>,
    ) -> Result<Pipe, ConnectError> {
        let own = Own::make(self)?;
        let stream = Stream::connect(address, deadline).map_err(|source| match source.kind() {
            io::ErrorKind::TimedOut => ConnectError::TimedOut,
            io::ErrorKind::Interrupted => ConnectError::Interrupted,
            _ => ConnectError::Unreachable {
                address: address.clone(),
                source,
            },
        })?;
        send_offer(&stream, &own, deadline)?;
        let met = recv_offer(&stream, DESCRIPTORS + 1, deadline)
            .map_err(timed_out)
            .and_then(|offered| conclude(own, offered));
        match met {
            Ok((pipe, blocks)) => {
                accept(&stream, blocks, deadline)?;
                Ok(pipe)
            }
            Err(error) => Err(refuse(&stream, error)),
        }
    }

    /// Both ends of a pipe within this process, for two threads or for a test.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: memory or descriptors run short, or the options are no options.
    pub fn pair(&self) -> Result<(Pipe, Pipe), ConnectError> {
        let (left, right) = Stream::pair().map_err(ConnectError::os("socketpair"))?;
        let deadline = self.handshake_ends(Instant::now());
        let (own_left, own_right) = (Own::make(self)?, Own::make(self)?);
        send_offer(&left, &own_left, deadline)?;
        let mut offered = recv_offer(&right, DESCRIPTORS, deadline)?;
        // The peer is this process: there is no death to watch for.
        offered.came.pidfd = None;
        let (mut right_pipe, blocks) = answer(&right, own_right, offered, deadline)?;
        let mut offered = recv_offer(&left, DESCRIPTORS + 1, deadline)?;
        offered.came.pidfd = None;
        let (left_pipe, memory) = conclude(own_left, offered)?;
        accept(&left, memory, deadline)?;
        let (_, came) = recv(&right, 1, deadline)?;
        take_blocks(&mut right_pipe, came.fds, blocks)?;
        Ok((left_pipe, right_pipe))
    }
}

/// A peer that is being accepted: its offer is awaited, or its word on ours.
#[derive(Debug)]
pub(crate) enum Accepting {
    Offer(Stream),
    /// The bytes are those of its memory for blocks, which comes with its word.
    Accept(Stream, Box<Pipe>, u64),
}

impl Accepting {
    pub(crate) fn stream(&self) -> &Stream {
        match self {
            Accepting::Offer(stream) | Accepting::Accept(stream, ..) => stream,
        }
    }

    /// Goes on with what is there to be read. An honest peer sends each frame whole, so nothing here
    /// waits for the rest of one.
    pub(crate) fn advance(self, options: &Options) -> Result<Advanced, ConnectError> {
        let now = Some(Instant::now());
        match self {
            Accepting::Offer(stream) => {
                let met = recv_offer(&stream, DESCRIPTORS, now).and_then(|offered| {
                    let (peer, own) = (offered.credentials.uid, Credentials::own().uid);
                    if peer != own && !options.other_uids {
                        return Err(ConnectError::OtherUser { peer, own });
                    }
                    answer(&stream, Own::make(options)?, offered, now)
                });
                match met {
                    Ok((pipe, blocks)) => {
                        let pipe = Box::new(pipe);
                        Ok(Advanced::Waiting(Accepting::Accept(stream, pipe, blocks)))
                    }
                    Err(error) => Err(refuse(&stream, error)),
                }
            }
            Accepting::Accept(stream, mut pipe, blocks) => {
                let descriptors = usize::from(blocks > 0);
                let error = match recv(&stream, descriptors, now) {
                    Ok((Frame::Accept, came)) => match take_blocks(&mut pipe, came.fds, blocks) {
                        Ok(()) => return Ok(Advanced::Done(pipe)),
                        Err(error) => error,
                    },
                    Ok((Frame::Refuse(reason), _)) => ConnectError::Refused(reason),
                    Ok((other @ Frame::Offer(_), _)) => OfferError::Kind(other.kind()).into(),
                    Err(error) => error,
                };
                Err(refuse(&stream, error))
            }
        }
    }
}

/// Where an acceptance has got to.
pub(crate) enum Advanced {
    Waiting(Accepting),
    Done(Box<Pipe>),
}

fn send(stream: &Stream, frame: Frame, deadline: Option<Instant>) -> Result<(), ConnectError> {
    stream
        .send(&frame.encode(), &[], deadline)
        .map_err(not_sent)
}

fn send_offer(stream: &Stream, own: &Own, deadline: Option<Instant>) -> Result<(), ConnectError> {
    let frame = Frame::Offer(own.offer()).encode();
    stream
        .send(&frame, &own.descriptors(), deadline)
        .map_err(not_sent)
}

/// Why a frame was not sent. A peer that has hung up gives the same error as when its end of the stream is read.
fn not_sent(error: io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            let (got, want) = (0, FRAME);
            RecvError::Closed { got, want }.into()
        }
        _ => ConnectError::os("sendmsg")(error),
    }
}

fn recv(
    stream: &Stream,
    descriptors: usize,
    deadline: Option<Instant>,
) -> Result<(Frame, Ancillary), ConnectError> {
    let mut bytes = [0; FRAME];
    let came = stream.recv_exact(&mut bytes, descriptors, deadline)?;
    Ok((Frame::decode(&bytes)?, came))
}

/// What a peer has offered.
struct Offered {
    offer: Offer,
    credentials: Credentials,
    came: Ancillary,
}

fn recv_offer(
    stream: &Stream,
    descriptors: usize,
    deadline: Option<Instant>,
) -> Result<Offered, ConnectError> {
    match recv(stream, descriptors, deadline)? {
        (Frame::Offer(offer), came) => {
            let credentials = came.credentials.ok_or(OfferError::Anonymous)?;
            Ok(Offered {
                offer,
                credentials,
                came,
            })
        }
        (Frame::Refuse(reason), _) => Err(ConnectError::Refused(reason)),
        (other @ Frame::Accept, _) => Err(OfferError::Kind(other.kind()).into()),
    }
}

/// Meets a peer that has connected, and sends it the own offer. Returns the bytes of its memory for blocks, too.
fn answer(
    stream: &Stream,
    own: Own,
    offered: Offered,
    deadline: Option<Instant>,
) -> Result<(Pipe, u64), ConnectError> {
    let Offered {
        offer,
        credentials,
        came,
    } = offered;
    let frame = Frame::Offer(own.offer()).encode();
    let sent: Vec<_> = own
        .descriptors()
        .into_iter()
        .chain(own.blocks_for(&offer))
        .map(|fd| fd.try_clone_to_owned())
        .collect::<Result<_, _>>()
        .map_err(ConnectError::os("dup"))?;
    let pipe = own.meet(&offer, came, credentials)?;
    let sent: Vec<_> = sent.iter().map(OwnedFd::as_fd).collect();
    stream.send(&frame, &sent, deadline).map_err(not_sent)?;
    Ok((pipe, offer.blocks))
}

/// Meets a peer that has answered the own offer. Returns the memory for blocks that is to be sent with the acceptance.
fn conclude(own: Own, offered: Offered) -> Result<(Pipe, Option<OwnedFd>), ConnectError> {
    let Offered {
        offer,
        credentials,
        mut came,
    } = offered;
    let own_blocks = own.blocks_for(&offer);
    let own_blocks = own_blocks
        .map(|fd| fd.try_clone_to_owned())
        .transpose()
        .map_err(ConnectError::os("dup"))?;
    let got = came.fds.len();
    let want = DESCRIPTORS + usize::from(offer.blocks > 0);
    if got != want {
        return Err(OfferError::Descriptors { got, want }.into());
    }
    let blocks = came.fds.split_off(DESCRIPTORS);
    let mut pipe = own.meet(&offer, came, credentials)?;
    take_blocks(&mut pipe, blocks, offer.blocks)?;
    Ok((pipe, own_blocks))
}

fn accept(
    stream: &Stream,
    blocks: Option<OwnedFd>,
    deadline: Option<Instant>,
) -> Result<(), ConnectError> {
    let blocks: Vec<_> = blocks.iter().map(OwnedFd::as_fd).collect();
    stream
        .send(&Frame::Accept.encode(), &blocks, deadline)
        .map_err(not_sent)
}

fn timed_out(error: ConnectError) -> ConnectError {
    match error {
        ConnectError::Exchange(RecvError::TimedOut { .. }) => ConnectError::TimedOut,
        other => other,
    }
}

/// Sends the peer a refusal, if the error concerns it, and returns the error.
fn refuse(stream: &Stream, error: ConnectError) -> ConnectError {
    let reason = match &error {
        // The peer is gone, or has ended the exchange itself.
        ConnectError::Refused(_)
        | ConnectError::TimedOut
        | ConnectError::Exchange(RecvError::Closed { .. }) => return error,
        ConnectError::Offer(OfferError::Version { .. }) => RefusalReason::Version,
        ConnectError::OtherUser { .. } => RefusalReason::OtherUser,
        ConnectError::Offer(OfferError::Descriptors { .. })
        | ConnectError::Exchange(RecvError::TooManyDescriptors { .. }) => RefusalReason::Descriptor,
        // Lost although there were no more than there was room for: there was none in our table.
        ConnectError::Exchange(RecvError::DescriptorsLost { got, max }) if got > max => {
            RefusalReason::Descriptor
        }
        ConnectError::Offer(_)
        | ConnectError::Exchange(RecvError::TimedOut { .. } | RecvError::TwoSenders { .. }) => {
            RefusalReason::Offer
        }
        ConnectError::PeerMemory {
            refusal: AdoptMemoryError::Os { .. },
            ..
        } => RefusalReason::Resources,
        ConnectError::PeerMemory { .. } | ConnectError::PeerDoorbell(_) => {
            RefusalReason::Descriptor
        }
        _ => RefusalReason::Resources,
    };
    // The caller needs the error. It is no further error if the refusal does not reach the peer.
    let _ = send(stream, Frame::Refuse(reason), Some(Instant::now()));
    error
}
