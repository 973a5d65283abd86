//! What a peer may send to a REQ: libzmq, too, ends a connection on which anything else comes.

/// Bytes of the number of a request (`ZMQ_REQ_CORRELATE`), which a reply may begin with.
const NUMBER: usize = size_of::<u32>();

/// Where the peer is in a reply: `[ number ]  empty  body ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Begins,
    Numbered,
    Body,
}

impl Reply {
    /// Takes the next part, of `len` bytes, which `more` parts follow or not; says whether it may come here.
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
