//! The calls that do not wait, of every face, as one.

use ringmq_pipe::{Receiver, RecvError, SendError, Sender, Vow};

/// How a message is taken without waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Take {
    Recv,
    Read,
    InPlace,
}

impl Take {
    pub(crate) const ALL: [Take; 3] = [Take::Recv, Take::Read, Take::InPlace];

    /// Takes one message, in place of what `message` held; as bytes, what there is, and an empty message is
    /// the end.
    pub(crate) fn take(
        self,
        receiver: &mut Receiver,
        message: &mut Vec<u8>,
    ) -> Result<(), RecvError> {
        match self {
            Take::Recv => receiver.try_recv(message),
            Take::Read => {
                message.resize(4096, 0);
                let read = receiver.try_read(message)?;
                message.truncate(read);
                Ok(())
            }
            Take::InPlace => {
                // SAFETY: the peers of these tests do not change what they have sent.
                let lent = receiver.try_recv_in_place(unsafe { Vow::new() })?;
                message.clear();
                message.extend_from_slice(&lent);
                Ok(())
            }
        }
    }

    /// Whether there is nothing, and nothing else is wrong.
    pub(crate) fn finds_nothing(self, receiver: &mut Receiver) -> bool {
        match self.take(receiver, &mut Vec::new()) {
            Err(RecvError::WouldBlock) => true,
            Ok(()) => false,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }
}

/// How a message is sent without waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Give {
    Send,
    Write,
    Claim,
}

impl Give {
    pub(crate) const ALL: [Give; 3] = [Give::Send, Give::Write, Give::Claim];

    /// Sends all of a message that is no longer than a piece.
    pub(crate) fn give(self, sender: &mut Sender, message: &[u8]) -> Result<(), SendError> {
        match self {
            Give::Send => sender.try_send(message),
            Give::Write => {
                assert_eq!(sender.try_write(message)?, message.len());
                Ok(())
            }
            Give::Claim => {
                let mut claim = sender.try_claim(message.len())?;
                claim.copy_from_slice(message);
                claim.commit()
            }
        }
    }

    /// Sends until there is no room; returns how many messages that were.
    pub(crate) fn fill(self, sender: &mut Sender, message: &[u8]) -> u64 {
        let mut given = 0;
        loop {
            match self.give(sender, message) {
                Ok(()) => given += 1,
                Err(SendError::WouldBlock) => return given,
                Err(error) => panic!("{self:?}: {error}"),
            }
        }
    }
}
