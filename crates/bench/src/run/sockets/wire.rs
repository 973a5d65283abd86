//! The Unix socket between the two sides, for what they cannot say over ZeroMQ sockets.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::plan::words::Transport;
use crate::run::carrier::Ends;

/// A side's end of that socket.
#[derive(Debug)]
pub(crate) struct Wire(UnixStream);

impl Wire {
    /// The wire of a side, and the name of this run.
    pub(crate) fn of(ends: Ends) -> Result<(Wire, String), Error> {
        let address = ends.address.clone();
        let [wire] = ends.take()?;
        Ok((Wire(UnixStream::from(wire)), address))
    }

    /// All wires of a side, and the name of this run.
    pub(crate) fn all(ends: Ends) -> (Vec<Wire>, String) {
        let wires = ends.fds.into_iter();
        let wires = wires.map(|wire| Wire(UnixStream::from(wire)));
        (wires.collect(), ends.address)
    }

    /// Sends the endpoints that this side is bound to.
    pub(crate) fn send_endpoints(&mut self, endpoints: &[String]) -> io::Result<()> {
        self.0
            .write_all(format!("{}\n", endpoints.join(" ")).as_bytes())
    }

    /// Receives the endpoints that the other side is bound to.
    pub(crate) fn receive_endpoints(&self) -> io::Result<Vec<String>> {
        let mut line = String::new();
        BufReader::new(&self.0).read_line(&mut line)?;
        Ok(line.split_whitespace().map(str::to_owned).collect())
    }

    /// Receives the endpoint of the other side's only socket; empty if it sends none.
    pub(crate) fn receive_endpoint(&self) -> io::Result<String> {
        let endpoints = self.receive_endpoints()?;
        Ok(endpoints.into_iter().next().unwrap_or_default())
    }

    /// Tells the other side that this one has come to the next step.
    pub(crate) fn send_step(&mut self) -> io::Result<()> {
        self.0.write_all(&[1])
    }

    /// Waits until the other side has come to its next step.
    pub(crate) fn receive_step(&mut self) -> io::Result<()> {
        self.0.read_exact(&mut [0])
    }

    /// Tells the far side that this one is done. Closing is not enough, because the supervisor has the socket, too.
    pub(crate) fn end(&self) {
        // An error means that the other side has died, and does not wait.
        let _ = self.0.shutdown(Shutdown::Both);
    }

    /// Waits until the near side is done. If that side dies, the supervisor ends this one.
    pub(crate) fn wait_for_end(&mut self) {
        // Nothing but the end is left to read. An error is an end, too.
        let _ = self.0.read(&mut [0]);
    }
}

/// The endpoints that the far side binds, by the name of this run.
pub(crate) fn endpoints(spec: &Spec, address: &str) -> [String; 2] {
    ["a", "b"].map(|one| match spec.transport {
        Transport::ZmqTcp => "tcp://127.0.0.1:*".to_owned(),
        // An abstract address leaves no file behind.
        Transport::ZmqIpc => format!("ipc://@{address}{one}"),
        _ => format!("inproc://{one}"),
    })
}
