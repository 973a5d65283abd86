//! The promise that messages may be lent on.

/// A promise: my peer is honest.
///
/// The program that makes one vouches that the process at the other end never changes a message that it has published:
/// neither out of malice, nor by a stray pointer, nor because an attacker controls it. Then messages can be lent where
/// they lie, as `&[u8]`, without a copy.
#[derive(Debug, Clone, Copy)]
pub struct Vow(());

impl Vow {
    /// Makes the promise.
    ///
    /// # Safety
    ///
    /// As long as a message is lent on the strength of this vow, the peer does not write to it. A
    /// `&[u8]` whose bytes change is undefined behaviour.
    pub const unsafe fn new() -> Vow {
        Vow(())
    }
}
