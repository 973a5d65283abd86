//! The form of a reply, which is all that a peer may send to a REQ. A connection on which something else comes is ended, as
//! in libzmq.

/// Bytes of the request number (`ZMQ_REQ_CORRELATE`) with which a reply may begin.
const NUMBER: usize = size_of::<u32>();

/// How far a peer is in a reply: `[ number ]  empty  body ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Begins,
    Numbered,
    Body,
}

impl Reply {
    /// Takes the next part, of `len` bytes; `more` parts follow it or not. Returns true if the part may come here.
    pub(crate) fn takes(&mut self, more: bool, len: usize) -> bool {
        *self = match (*self, more, len) {
            (Reply::Begins, true, NUMBER) => Reply::Numbered,
            (Reply::Begins | Reply::Numbered, true, 0) | (Reply::Body, true, _) => Reply::Body,
            (Reply::Body, false, _) => Reply::Begins,
            _ => return false,
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reply(parts: &[&[u8]]) -> bool {
        let mut reply = Reply::Begins;
        let last = parts.len() - 1;
        let mut parts = parts.iter().enumerate();
        let all = parts.all(|(at, part)| reply.takes(at < last, part.len()));
        all && reply == Reply::Begins
    }

    #[test]
    fn replies_have_an_envelope_and_perhaps_a_number() {
        assert!(is_reply(&[b"", b"body"]));
        assert!(is_reply(&[b"", b"", b"body", b""]));
        assert!(is_reply(&[b"1234", b"", b"body"]));
        for strange in [
            &[&b""[..]][..],
            &[b"body"],
            &[b"a", b"b"],
            &[b"1234", b"body", b""],
        ] {
            assert!(!is_reply(strange), "{strange:?}");
        }
    }
}
