//! Why shared memory is refused. The numbers are the same in the frames of the bare pipe and of sockets.

use std::fmt;

/// Why a peer refused what it was offered. The number goes over the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// 1: another version of the handoff.
    Version,
    /// 2: a process of another user.
    OtherUser,
    /// 3: a number in the offer is out of bounds, or a frame came out of turn.
    Offer,
    /// 4: a descriptor is missing, superfluous, or not what it has to be.
    Descriptor,
    /// 5: no memory, descriptors or mappings left.
    Resources,
    /// A number that this version has no name for.
    Other(u32),
}

impl RefusalReason {
    /// The number in a frame.
    pub fn code(self) -> u32 {
        match self {
            RefusalReason::Version => 1,
            RefusalReason::OtherUser => 2,
            RefusalReason::Offer => 3,
            RefusalReason::Descriptor => 4,
            RefusalReason::Resources => 5,
            RefusalReason::Other(code) => code,
        }
    }

    /// The reason that has this number.
    pub fn from_code(code: u32) -> RefusalReason {
        match code {
            1 => RefusalReason::Version,
            2 => RefusalReason::OtherUser,
            3 => RefusalReason::Offer,
            4 => RefusalReason::Descriptor,
            5 => RefusalReason::Resources,
            other => RefusalReason::Other(other),
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefusalReason::Version => f.write_str("another version of the handoff"),
            RefusalReason::OtherUser => f.write_str("a process of another user"),
            RefusalReason::Offer => f.write_str("a frame that is out of bounds or out of turn"),
            RefusalReason::Descriptor => f.write_str("a descriptor that is not what it has to be"),
            RefusalReason::Resources => f.write_str("no memory, descriptors or mappings left"),
            RefusalReason::Other(code) => write!(f, "a reason with the number {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers are a contract with every ringmq that was ever built.
    #[test]
    fn each_reason_has_its_number() {
        let reasons = [
            (0, RefusalReason::Other(0)),
            (1, RefusalReason::Version),
            (2, RefusalReason::OtherUser),
            (3, RefusalReason::Offer),
            (4, RefusalReason::Descriptor),
            (5, RefusalReason::Resources),
            (6, RefusalReason::Other(6)),
            (u32::MAX, RefusalReason::Other(u32::MAX)),
        ];
        for (code, reason) in reasons {
            assert_eq!(RefusalReason::from_code(code), reason);
            assert_eq!(reason.code(), code);
        }
    }
}
