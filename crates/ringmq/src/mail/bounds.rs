//! What a socket demands of the messages that it receives. The session checks messages that come by ZMTP. The receiving
//! end checks messages in shared memory.

use ringmq_pattern::Kind;
use ringmq_pipe::remote::Contents;

use crate::mail::failure::Failure;
use crate::mail::reply::Reply;

/// The bounds of messages that a socket receives. A peer that breaks them loses its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    /// The most bytes of a part; `None` for no limit.
    longest: Option<u64>,
    /// The messages have to be replies to a REQ.
    replies: bool,
}

impl Bounds {
    /// The bounds of a socket of this type, whose parts have at most `longest` bytes.
    pub(crate) fn new(kind: Kind, longest: Option<u64>) -> Bounds {
        Bounds {
            longest,
            replies: kind == Kind::Req,
        }
    }

    /// Returns true if any message is within the bounds.
    pub(crate) fn are_none(&self) -> bool {
        *self == Bounds::default()
    }

    /// The bytes that a message of one part has to stay below, or the second part of an enveloped message.
    #[inline(always)]
    pub(crate) fn below(&self, enveloped: bool) -> usize {
        if self.replies && !enveloped {
            return 0;
        }
        let longest = self.longest.unwrap_or(u64::MAX);
        usize::try_from(longest).map_or(usize::MAX, |most| most.saturating_add(1))
    }

    /// Why a message with parts of these lengths is out of bounds; `None` if it is within.
    pub(crate) fn refuse(&self, contents: &Contents) -> Option<Failure> {
        let mut reply = Reply::Begins;
        let mut left = contents.parts().len();
        for (_, len) in contents.parts() {
            left -= 1;
            if self.replies && !reply.takes(left > 0, len) {
                return Some(Failure::NoReply);
            }
            let size = len as u64;
            if let Some(limit) = self.longest
                && size > limit
            {
                return Some(Failure::TooLong { size, limit });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_as_long_as_it_may_be_and_no_longer() {
        let bounds = Bounds::new(Kind::Pull, Some(10));
        assert_eq!(bounds.refuse(&Contents::One(10)), None);
        let (size, limit) = (11, 10);
        let too_long = Some(Failure::TooLong { size, limit });
        assert_eq!(bounds.refuse(&Contents::One(11)), too_long);
        let parts = Contents::Several(16, [10, 0, 11].into_iter().collect());
        assert_eq!(bounds.refuse(&parts), too_long);
        assert_eq!(bounds.below(false), 11);
        assert_eq!(Bounds::default().below(false), usize::MAX);
        assert!(Bounds::new(Kind::Dealer, None).are_none());
    }

    #[test]
    fn a_req_takes_replies_only() {
        let bounds = Bounds::new(Kind::Req, None);
        assert_eq!(bounds.refuse(&Contents::One(3)), Some(Failure::NoReply));
        let several = |lens: &[u32]| Contents::Several(16, lens.iter().copied().collect());
        assert_eq!(bounds.refuse(&several(&[0, 5])), None);
        assert_eq!(bounds.refuse(&several(&[4, 0, 5])), None);
        assert_eq!(bounds.refuse(&several(&[1, 5])), Some(Failure::NoReply));
        assert_eq!(bounds.below(false), 0);
        assert_eq!(bounds.below(true), usize::MAX);
    }
}
