//! Connection set-up: offer – offer – accept, over the Unix socket. docs/handoff.md specifies it.

use std::io;
use std::time::Instant;

use ringmq_sys::{Address, AdoptMemoryError, Ancillary, Credentials, RecvError, Stream};

use super::error::ConnectError;
use super::meeting::Own;
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
        let met = recv_offer(&stream, deadline)
            .map_err(timed_out)
            .and_then(|(offer, credentials, came)| own.meet(&offer, came, credentials));
        match met {
            Ok(pipe) => {
                send(&stream, Frame::Accept, deadline)?;
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
        send_offer(&right, &own_right, deadline)?;
        let meet = |own: Own, stream| {
            let (offer, credentials, mut came) = recv_offer(stream, deadline)?;
            // The peer is this process: there is no death to watch for.
            came.pidfd = None;
            own.meet(&offer, came, credentials)
        };
        Ok((meet(own_left, &left)?, meet(own_right, &right)?))
    }
}

/// A peer that is being accepted: its offer is awaited, or its word on ours.
#[derive(Debug)]
pub(crate) enum Accepting {
    Offer(Stream),
    Accept(Stream, Box<Pipe>),
}

impl Accepting {
    pub(crate) fn stream(&self) -> &Stream {
        match self {
            Accepting::Offer(stream) | Accepting::Accept(stream, _) => stream,
        }
    }

    /// Goes on with what is there to be read. An honest peer sends each frame whole, so nothing here
    /// waits for the rest of one.
    pub(crate) fn advance(self, options: &Options) -> Result<Advanced, ConnectError> {
        let now = Some(Instant::now());
        match self {
            Accepting::Offer(stream) => {
                let met = recv_offer(&stream, now).and_then(|(offer, credentials, came)| {
                    let own = Credentials::own().uid;
                    if credentials.uid != own && !options.other_uids {
                        return Err(ConnectError::OtherUser {
                            peer: credentials.uid,
                            own,
                        });
                    }
                    let mine = Own::make(options)?;
                    let frame = Frame::Offer(mine.offer()).encode();
                    let sent: Vec<_> = mine
                        .descriptors()
                        .iter()
                        .map(|fd| fd.try_clone_to_owned())
                        .collect::<Result<_, _>>()
                        .map_err(ConnectError::os("dup"))?;
                    let pipe = mine.meet(&offer, came, credentials)?;
                    let sent: Vec<_> = sent.iter().map(std::os::fd::AsFd::as_fd).collect();
                    stream.send(&frame, &sent, now).map_err(not_sent)?;
                    Ok(pipe)
                });
                match met {
                    Ok(pipe) => Ok(Advanced::Waiting(Accepting::Accept(stream, Box::new(pipe)))),
                    Err(error) => Err(refuse(&stream, error)),
                }
            }
            Accepting::Accept(stream, pipe) => {
                let error = match recv(&stream, 0, now) {
                    Ok((Frame::Accept, _)) => return Ok(Advanced::Done(pipe)),
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

fn recv_offer(
    stream: &Stream,
    deadline: Option<Instant>,
) -> Result<(Offer, Credentials, Ancillary), ConnectError> {
    match recv(stream, DESCRIPTORS, deadline)? {
        (Frame::Offer(offer), came) => {
            let credentials = came.credentials.ok_or(OfferError::Anonymous)?;
            Ok((offer, credentials, came))
        }
        (Frame::Refuse(reason), _) => Err(ConnectError::Refused(reason)),
        (other @ Frame::Accept, _) => Err(OfferError::Kind(other.kind()).into()),
    }
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
