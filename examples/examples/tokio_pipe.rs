//! A pipe behind tokio's `AsyncFd`: readiness comes from the descriptor, data from shared memory.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example tokio_pipe
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::os::fd::AsRawFd;

use ringmq_pipe::{Options, Receiver, RecvError, SendError, Sender};
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

struct AsyncReceiver(AsyncFd<Receiver>);
struct AsyncSender(AsyncFd<Sender>);

/// Registers a half of a pipe with the runtime.
fn register<T: AsRawFd>(half: T) -> std::io::Result<AsyncFd<T>> {
    // SAFETY: a half has one descriptor, which is open for as long as the half lives and never another.
    Ok(unsafe { AsyncFd::register_with_interest(half, Interest::READABLE) }?)
}

impl AsyncReceiver {
    fn new(receiver: Receiver) -> std::io::Result<Self> {
        Ok(Self(register(receiver)?))
    }

    /// Receives one message. Dropping the future loses nothing.
    async fn recv(&mut self, message: &mut Vec<u8>) -> Result<(), RecvError> {
        loop {
            match self.0.get_mut().try_recv(message) {
                Err(RecvError::WouldBlock) => {}
                outcome => return outcome,
            }
            let mut ready = self.0.readable().await.map_err(RecvError::Os)?;
            ready.clear_ready_matching(Ready::READABLE);
        }
    }
}

impl AsyncSender {
    fn new(sender: Sender) -> std::io::Result<Self> {
        Ok(Self(register(sender)?))
    }

    /// Sends one message that fits the ring. A sender's descriptor is *readable* when there is room.
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        loop {
            match self.0.get_mut().try_send(message) {
                Err(SendError::WouldBlock) => {}
                outcome => return outcome,
            }
            let mut ready = self.0.readable().await.map_err(SendError::Os)?;
            ready.clear_ready_matching(Ready::READABLE);
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (left, right) = Options::new().capacity(64 << 10).pair()?;
    let (sender, receiver) = left.split();
    let (mut sender, mut receiver) = (AsyncSender::new(sender)?, AsyncReceiver::new(receiver)?);

    // The other end, in a thread without a runtime: it echoes until we close.
    let echo = std::thread::spawn(move || -> Result<u64, SendError> {
        let (mut sender, mut receiver) = right.split();
        let (mut message, mut count) = (Vec::new(), 0);
        while receiver.recv(&mut message).is_ok() {
            sender.send(&message)?;
            count += 1;
        }
        Ok(count)
    });

    const MESSAGES: usize = 20_000;
    let send = async move {
        for number in 0..MESSAGES {
            sender.send(&vec![number as u8; number % 3000]).await?;
        }
        // Dropping the sender closes this direction; the echo then closes the other.
        Ok::<(), SendError>(())
    };
    let receive = async move {
        let (mut message, mut count) = (Vec::new(), 0);
        loop {
            match receiver.recv(&mut message).await {
                Ok(()) if message.len() == count % 3000 => count += 1,
                Ok(()) => return Err(format!("message {count} has {} bytes", message.len())),
                Err(RecvError::Closed) => return Ok(count),
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    let (sent, received) = tokio::join!(send, receive);
    sent?;
    let echoed = echo.join().map_err(|_| "the echoing thread panicked")??;
    println!("sent {MESSAGES}, echoed {echoed}, received {}", received?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn it_runs() {
        let _guard = ringmq_testing::watchdog(Duration::from_secs(60));
        super::main().unwrap();
    }
}
