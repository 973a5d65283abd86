//! Sockets behind tokio's `AsyncFd`: readiness comes from the descriptor that `Socket::watch` gives.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example tokio_socket
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use ringmq::{Context, Kind, Message, RecvError, SendError, Socket, UnsentError, Watched};
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

struct AsyncSocket {
    socket: Socket,
    watched: AsyncFd<Watched>,
}

impl AsyncSocket {
    fn new(mut socket: Socket) -> io::Result<Self> {
        let watched = socket.watch();
        // SAFETY: a `Watched` has one descriptor, which is open for as long as the value lives and never another.
        let watched = unsafe { AsyncFd::register_with_interest(watched, Interest::READABLE) }?;
        Ok(Self { socket, watched })
    }

    /// Receives one message. Dropping the future loses nothing.
    async fn recv(&mut self) -> Result<Message, RecvError> {
        loop {
            match self.socket.try_recv() {
                Err(RecvError::WouldBlock) => self.change().await.map_err(RecvError::Os)?,
                outcome => return outcome,
            }
        }
    }

    /// Sends one message. Dropping the future before its end drops the message, and nothing of it is sent.
    async fn send(&mut self, message: impl Into<Message>) -> Result<(), UnsentError> {
        let mut message = message.into();
        loop {
            match self.socket.try_send(message) {
                Err(error) if matches!(error.reason, SendError::WouldBlock) => {
                    message = error.message;
                }
                outcome => return outcome,
            }
            if let Err(error) = self.change().await {
                let reason = SendError::Os(error);
                return Err(UnsentError { reason, message });
            }
        }
    }

    /// Waits until the socket can do more than at its last `WouldBlock`. The descriptor is *readable* for both, for
    /// messages that have come and for room to send.
    async fn change(&self) -> io::Result<()> {
        let mut ready = self.watched.readable().await?;
        // Before the next try: a change after this line makes the descriptor readable again.
        ready.clear_ready_matching(Ready::READABLE);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let context = Context::new()?;
    let (mut jobs, mut results) = (context.socket(Kind::Push)?, context.socket(Kind::Pull)?);
    jobs.bind("ipc://*")?;
    results.bind("ipc://*")?;

    // A worker in a thread without a runtime, which returns each job until the context is shut down.
    let (mut input, mut output) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    input.connect(jobs.last_endpoint())?;
    output.connect(results.last_endpoint())?;
    let worker = std::thread::spawn(move || -> Result<usize, UnsentError> {
        let mut count = 0;
        while let Ok(job) = input.recv() {
            output.send(job)?;
            count += 1;
        }
        Ok(count)
    });

    const MESSAGES: usize = 20_000;
    let (mut jobs, mut results) = (AsyncSocket::new(jobs)?, AsyncSocket::new(results)?);
    let send = async {
        for number in 0..MESSAGES {
            jobs.send(vec![number as u8; number % 3000]).await?;
        }
        Ok::<(), Box<dyn Error>>(())
    };
    let receive = async {
        for number in 0..MESSAGES {
            let result = results.recv().await?;
            let bytes = result[0].as_slice();
            if bytes.len() != number % 3000 || bytes.iter().any(|&byte| byte != number as u8) {
                return Err(format!("result {number} is not job {number}").into());
            }
        }
        Ok::<(), Box<dyn Error>>(())
    };
    tokio::try_join!(send, receive)?;
    context.shutdown();
    let worked = worker.join().map_err(|_| "the worker has panicked")??;
    println!("sent {MESSAGES} jobs, {worked} were worked on, received all results");
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
