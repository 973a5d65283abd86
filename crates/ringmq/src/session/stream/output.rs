//! From the pipe of the socket to the stream.

use std::io::{self, IoSlice};

use ringmq_message::{Frame, Kind};
use ringmq_pipe::remote::Courier;

use crate::session::broken::Broken;
use crate::session::ends::Ends;
use crate::session::stream::{Open, Turn};
use crate::switch::{Input, Switch};

/// Slices of one write.
const SLICES: usize = 32;

impl Open {
    /// Encodes what the socket has sent, and writes. Says whether anything was done.
    pub(super) fn give_output(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Broken> {
        let mut done = false;
        if turn.driver.switch.has_offer() {
            // It goes before all messages.
            return self.give_offer(&mut turn.driver.switch);
        }
        if self.connection.is_ready() {
            if let Some(greeting) = self.greeting.take() {
                done = true;
                self.connection.send(*greeting);
            }
            // What the socket waits for goes before more messages.
            let wanted = self.handoff.courier().is_some_and(Courier::wants);
            let owes_move = self.passage.owes_move();
            while !wanted
                && (ends.out_midst || !owes_move)
                && self.connection.pending() < turn.link.batches.sending
                && self.encode_next(ends, turn.link.kind)
            {
                done = true;
            }
            if owes_move && !ends.out_midst {
                done = true;
                self.say_move();
            }
            let switch = &turn.driver.switch;
            let at_end = switch.wants_end() && ends.outbound.is_at_end();
            if at_end || switch.wants_output() {
                done = true;
                self.input(ends, turn, Input::Output { at_end })?;
            }
        }
        done |= self.write()?;
        if self.passage.is_crossing() {
            done |= self.arrive(ends, turn)?;
        }
        Ok(done)
    }

    /// Writes our offer of shared memory, once everything before it is written.
    #[cold]
    fn give_offer(&mut self, switch: &mut Switch) -> Result<bool, Broken> {
        let mut done = false;
        if !switch.is_framed() {
            done = self.write()?;
            if self.connection.pending() > 0 {
                return Ok(done);
            }
        }
        if !self.writable {
            return Ok(done);
        }
        // Neither of these inputs has actions.
        if !switch.is_framed() {
            self.handoff.frame_offer(&mut self.connection);
            switch.input(Input::OfferFramed);
        }
        match self
            .handoff
            .send_offer(self.passage.writer(), &mut self.connection)
        {
            Ok(()) => {
                switch.input(Input::OfferSent);
                Ok(true)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    Ok(done)
                }
                io::ErrorKind::Interrupted => Ok(true),
                _ => Err(Broken::Io(error)),
            },
        }
    }

    /// Writes what waits. Says whether anything was done.
    pub(super) fn write(&mut self) -> Result<bool, Broken> {
        let mut done = false;
        if self.connection.pending() > 0
            && let Some(courier) = self.handoff.courier()
        {
            courier.hold();
        }
        while self.writable && self.connection.pending() > 0 {
            let written = {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let mut count = 0;
                let mut limit = self.passage.limit();
                for (slot, slice) in slices.iter_mut().zip(self.connection.output()) {
                    let slice = within(&mut limit, slice);
                    *slot = IoSlice::new(slice);
                    count += 1;
                }
                self.passage.writer().write_vectored(&slices[..count])
            };
            match written {
                Ok(0) => return Err(Broken::Closed),
                Ok(written) => {
                    self.connection.sent(written);
                    self.moved[1] += written as u64;
                    if self.passage.wrote(written) {
                        self.told_of_room = false;
                    }
                    done = true;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.writable = false,
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(Broken::Io(error)),
                },
            }
        }
        if let Some(courier) = self.handoff.courier() {
            if self.connection.pending() > 0 {
                courier.full();
            } else {
                match courier.flush() {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.writable = false;
                    }
                    Err(error) => return Err(Broken::Io(error)),
                }
            }
        }
        Ok(done)
    }

    /// Encodes what comes next from the socket, if there is something.
    #[inline]
    fn encode_next(&mut self, ends: &mut Ends, kind: Kind) -> bool {
        let whole = !ends.out_midst;
        let connection = &mut self.connection;
        let taken = ends.outbound.take_bytes(|bytes| match bytes.split_first() {
            Some((on @ (0 | 1), topic)) if whole && subscribes(kind) => {
                connection.subscribe(topic, *on == 1);
            }
            _ => connection.send_bytes(bytes),
        });
        if taken {
            ends.out_midst = false;
            ends.outbound.done();
            return true;
        }
        match ends.outbound.pop() {
            Some(frame) => {
                self.encode(ends, kind, frame);
                true
            }
            None => false,
        }
    }

    fn encode(&mut self, ends: &mut Ends, kind: Kind, frame: Frame) {
        let first = !ends.out_midst;
        ends.out_midst = frame.more();
        if !ends.out_midst {
            ends.outbound.done();
        }
        // Subscriptions are commands on the wire, and frames everywhere else.
        if first
            && !frame.more()
            && subscribes(kind)
            && let Some((on @ (0 | 1), topic)) = frame.split_first()
        {
            self.connection.subscribe(topic, *on == 1);
        } else {
            self.connection.send(frame);
        }
    }
}

/// Returns true if the messages of such a socket that begin with 0 or 1 are subscriptions.
fn subscribes(kind: Kind) -> bool {
    matches!(kind, Kind::Sub | Kind::Xsub | Kind::Dish)
}

/// The part of a slice that the limit lets through, which has less left then.
#[inline]
fn within<'a>(limit: &mut Option<usize>, slice: &'a [u8]) -> &'a [u8] {
    let Some(left) = limit else {
        return slice;
    };
    let slice = slice.get(..*left).unwrap_or(slice);
    *left -= slice.len();
    slice
}
