//! Asks the authenticator of the context about a peer, by ZAP (RFC 27).
//!
//! The authenticator is a REP or ROUTER that is bound to a name within the process. Each handshake has a pipe of its own to
//! it, as in libzmq, so that no peer waits for another one here.

use ringmq_message::Frame;
use ringmq_pipe::local::{Post, Receiver, Sender, Waker};
use ringmq_zmtp::{Credentials, Refusal, User, Verdict};

use crate::mail::ends::direction;
use crate::mail::{Addresses, Attachment, Command, Far, Identity, PipeId};
use crate::names::SharedNames;

/// The name that the authenticator is bound to.
const NAME: &str = "zeromq.zap.01";
const ENDPOINT: &str = "inproc://zeromq.zap.01";
const VERSION: &[u8] = b"1.0";
/// A pipe carries one request only, so each has the same id.
const REQUEST_ID: &[u8] = b"1";
/// Parts of a reply: delimiter, version, request id, status, reason, user, properties.
const REPLY_PARTS: usize = 7;

/// What an authenticator is asked, beside the credentials.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) domain: &'a [u8],
    /// The address of the peer.
    pub(crate) address: &'a str,
    /// The routing id of this socket.
    pub(crate) routing_id: &'a [u8],
}

/// Why there is no verdict. The peer is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoVerdict {
    /// No socket is bound to the name.
    Absent,
    /// The reply has not the parts of a reply.
    Malformed,
    /// It begins with an envelope.
    Envelope,
    /// It is of another version of ZAP.
    Version,
    /// It is a reply to another request.
    RequestId,
    /// Its status is none of 200, 300, 400 and 500.
    Status,
    /// Its properties cannot be read.
    Metadata,
}

impl NoVerdict {
    /// The `ZMQ_PROTOCOL_ERROR_ZAP_*` of `zmq.h`; `None` without an authenticator.
    pub(crate) fn code(self) -> Option<u32> {
        match self {
            NoVerdict::Absent => None,
            NoVerdict::Envelope => Some(0x2000_0000),
            NoVerdict::Malformed => Some(0x2000_0001),
            NoVerdict::RequestId => Some(0x2000_0002),
            NoVerdict::Version => Some(0x2000_0003),
            NoVerdict::Status => Some(0x2000_0004),
            NoVerdict::Metadata => Some(0x2000_0005),
        }
    }
}

/// A request to the authenticator that has no reply yet.
#[derive(Debug)]
pub(crate) struct Exchange {
    id: PipeId,
    authenticator: Post<Command>,
    /// Kept until the reply is there: without it, the authenticator would drop the request.
    _requests: Sender<Frame>,
    replies: Receiver<Frame>,
    reply: Vec<Frame>,
}

impl Exchange {
    /// Asks the authenticator. `session` wakes the session for the reply. `None` if there is no authenticator.
    pub(crate) fn begin(
        names: &SharedNames,
        session: &Waker,
        subject: &Subject<'_>,
        credentials: &Credentials,
    ) -> Option<Exchange> {
        let mut names = names.lock();
        let id = names.pipe_id();
        let face = names.bound(NAME)?.clone();
        drop(names);
        let authenticator = Waker::from(face.bellpull);
        let (to, from) = (authenticator.clone(), session.clone());
        let (mut requests, far_receiver) = direction(false, 0, to, from);
        let (to, from) = (session.clone(), authenticator);
        let (far_sender, replies) = direction(false, 0, to, from);
        let attachment = Attachment {
            id,
            sender: far_sender,
            receiver: far_receiver,
            routing_id: Vec::new(),
            probed: false,
            marks: None,
            addresses: Addresses::default(),
            identity: Box::new(Identity::within(ENDPOINT)),
            farewell: None,
            far: Far::Handshake,
            datagrams: false,
            row: None,
        };
        let attach = Command::Attach(Box::new(attachment));
        face.post.send(attach).ok()?;
        for (part, more) in request(subject, credentials) {
            let frame = match credentials {
                Credentials::Plain(login) if !more => login.password_frame(),
                _ => Frame::copy_from_slice(part),
            };
            // A socket that cannot be woken finds the request at its next call.
            let _ = requests.push(frame.with_more(more), !more);
        }
        Some(Exchange {
            id,
            authenticator: face.post,
            _requests: requests,
            replies,
            reply: Vec::new(),
        })
    }

    /// Returns true if [`look`](Exchange::look) finds something new.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.replies.is_ready()
    }

    /// What the authenticator has decided; `None` if it has not replied yet. One that has gone replies no more: as in
    /// libzmq, the handshake ends when its time is over.
    pub(crate) fn look(&mut self) -> Option<Result<Verdict, NoVerdict>> {
        while let Some(part) = self.replies.pop() {
            let more = part.more();
            self.reply.push(part);
            if !more {
                return Some(verdict(&self.reply));
            }
            if self.reply.len() == REPLY_PARTS {
                return Some(Err(NoVerdict::Malformed));
            }
        }
        None
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // An authenticator that has closed has no more peers.
        let _ = self.authenticator.send(Command::Gone(self.id));
    }
}

/// The parts of a request, each with whether others follow.
fn request<'a>(
    subject: &Subject<'a>,
    credentials: &'a Credentials,
) -> impl Iterator<Item = (&'a [u8], bool)> {
    let shown: [Option<&[u8]>; 2] = match credentials {
        Credentials::Null => [None, None],
        Credentials::Plain(login) => [Some(login.username()), Some(login.password())],
        Credentials::Curve(key) => [Some(key.as_bytes()), None],
    };
    let parts = [
        b"",
        VERSION,
        REQUEST_ID,
        subject.domain,
        subject.address.as_bytes(),
        subject.routing_id,
        credentials.mechanism().as_bytes(),
    ];
    let mut parts = parts
        .into_iter()
        .chain(shown.into_iter().flatten())
        .peekable();
    std::iter::from_fn(move || {
        let part = parts.next()?;
        Some((part, parts.peek().is_some()))
    })
}

/// What a reply says.
fn verdict(reply: &[Frame]) -> Result<Verdict, NoVerdict> {
    let [delimiter, version, request_id, status, _, user, properties] = reply else {
        return Err(NoVerdict::Malformed);
    };
    if !delimiter.is_empty() {
        return Err(NoVerdict::Envelope);
    }
    if version.as_slice() != VERSION {
        return Err(NoVerdict::Version);
    }
    if request_id.as_slice() != REQUEST_ID {
        return Err(NoVerdict::RequestId);
    }
    let refusal = match status.as_slice() {
        b"200" => {
            let user = User::read(user, properties).map_err(|_| NoVerdict::Metadata)?;
            return Ok(Verdict::Accept(user));
        }
        b"300" => Refusal::Temporary,
        b"400" => Refusal::Denied,
        b"500" => Refusal::Internal,
        _ => return Err(NoVerdict::Status),
    };
    Ok(Verdict::Refuse(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(parts: &[&[u8]]) -> Vec<Frame> {
        parts
            .iter()
            .map(|part| Frame::copy_from_slice(part))
            .collect()
    }

    #[test]
    fn a_reply_is_whole_or_no_verdict() {
        let good: [&[u8]; 7] = [b"", b"1.0", b"1", b"200", b"OK", b"me", b""];
        let Ok(Verdict::Accept(user)) = verdict(&reply(&good)) else {
            panic!("it is a good one");
        };
        assert_eq!(user.id, b"me");
        let changed = |at: usize, part: &'static [u8]| {
            let mut parts = good;
            parts[at] = part;
            verdict(&reply(&parts))
        };
        assert_eq!(changed(0, b"id"), Err(NoVerdict::Envelope));
        assert_eq!(changed(1, b"1.1"), Err(NoVerdict::Version));
        assert_eq!(changed(2, b"2"), Err(NoVerdict::RequestId));
        for status in [&b""[..], b"20", b"201", b"600", b"2000"] {
            let mut parts = good;
            parts[3] = status;
            assert_eq!(verdict(&reply(&parts)), Err(NoVerdict::Status));
        }
        assert_eq!(changed(6, b"\x01"), Err(NoVerdict::Metadata));
        assert_eq!(changed(3, b"300"), Ok(Verdict::Refuse(Refusal::Temporary)));
        assert_eq!(verdict(&reply(&good[..6])), Err(NoVerdict::Malformed));
        assert_eq!(verdict(&[]), Err(NoVerdict::Malformed));
    }

    #[test]
    fn a_request_ends_with_the_credentials() {
        let subject = Subject {
            domain: b"test",
            address: "127.0.0.1",
            routing_id: b"",
        };
        let login = ringmq_zmtp::Login::new("me", "secret");
        let credentials = Credentials::Plain(login);
        let parts: Vec<_> = request(&subject, &credentials).collect();
        assert_eq!(parts.len(), 9);
        assert_eq!(
            parts[6..],
            [(&b"PLAIN"[..], true), (b"me", true), (b"secret", false)]
        );
        let parts: Vec<_> = request(&subject, &Credentials::Null).collect();
        assert_eq!(parts[6..], [(&b"NULL"[..], false)]);
    }
}
