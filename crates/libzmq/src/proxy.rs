//! Proxies: whatever comes in at one socket leaves through another, and back.

use std::ffi::{c_int, c_void};

use ringmq_message::Frame;

use crate::boundary::catch;
use crate::errors::Errno;
use crate::get_option::events;
use crate::message::copied;
use crate::poll::{Item, POLLIN, POLLOUT, poll};
use crate::socket::{Open, number};
use crate::transfer::{DONTWAIT, SNDMORE, receive, send};

/// Messages that go one way before the other way has its turn.
const BURST: usize = 1000;

/// `ZMQ_REP`: one that has to answer.
const REP: c_int = 4;

/// What went through one socket, in messages' parts and in bytes: received, and sent.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    received: [u64; 2],
    sent: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Paused,
    Ended,
}

/// The sockets; null for one that is not there. Index 0 is the frontend, 1 the backend.
struct Proxy {
    ends: [*mut c_void; 2],
    capture: *mut c_void,
    control: *mut c_void,
    state: State,
    passed: [Passed; 2],
}

/// Sends a part to a socket.
///
/// # Safety
///
/// As [`Open::enter`].
unsafe fn send_to(handle: *mut c_void, frame: Frame, more: bool) -> Result<(), Errno> {
    // SAFETY: the caller's.
    let mut open = unsafe { Open::enter(handle) }?;
    let sent = send(&mut open.socket, frame, if more { SNDMORE } else { 0 });
    sent.map_err(|error| Errno::from(&error.reason))
}

impl Proxy {
    /// Runs until it is told to end, or a socket fails.
    ///
    /// # Safety
    ///
    /// The sockets as [`Open::enter`] wants them; so for all methods.
    unsafe fn run(&mut self) -> Result<(), Errno> {
        while self.state != State::Ended {
            // SAFETY: the caller's.
            if unsafe { self.take_command() }? {
                continue;
            }
            let mut ready = [0; 2];
            for (ready, end) in ready.iter_mut().zip(self.ends) {
                // SAFETY: the caller's.
                *ready = events(&mut *unsafe { Open::enter(end) }?)?;
            }
            // SAFETY: the caller's.
            if self.state == State::Active && unsafe { self.pass(ready) }? {
                continue;
            }
            let mut items = vec![Item::of(self.ends[0], 0), Item::of(self.ends[1], 0)];
            if self.state == State::Active {
                for from in [0, 1] {
                    // Whoever has something waits for room at the other, and whoever has nothing for something.
                    if ready[from] & POLLIN == 0 {
                        items[from].events |= POLLIN;
                    } else {
                        items[1 - from].events |= POLLOUT;
                    }
                }
            }
            if !self.control.is_null() {
                items.push(Item::of(self.control, POLLIN));
            }
            // SAFETY: the caller's.
            unsafe { poll(&mut items, None) }?;
        }
        Ok(())
    }

    /// Passes on what can be passed on. Says whether anything was.
    unsafe fn pass(&mut self, ready: [i16; 2]) -> Result<bool, Errno> {
        let ways: &[usize] = if self.ends[0] == self.ends[1] {
            &[0]
        } else {
            &[0, 1]
        };
        let mut passed = false;
        for &from in ways {
            let room = ways.len() == 1 || ready[1 - from] & POLLOUT != 0;
            if ready[from] & POLLIN != 0 && room {
                // SAFETY: the caller's.
                passed |= unsafe { self.forward(from) }?;
            }
        }
        Ok(passed)
    }

    /// Passes a burst on.
    unsafe fn forward(&mut self, from: usize) -> Result<bool, Errno> {
        for done in 0..BURST {
            let mut first = true;
            loop {
                // SAFETY: the caller's.
                let mut open = unsafe { Open::enter(self.ends[from]) }?;
                let flags = if first { DONTWAIT } else { 0 };
                let mut frame = match receive(&mut open.socket, flags) {
                    Err(Errno::AGAIN) if first => return Ok(done > 0),
                    received => received?,
                };
                drop(open);
                first = false;
                let (more, bytes) = (frame.more(), frame.len() as u64);
                count(&mut self.passed[from].received, bytes);
                frame.share();
                if !self.capture.is_null() {
                    // SAFETY: the caller's.
                    unsafe { send_to(self.capture, frame.clone(), more) }?;
                }
                // SAFETY: the caller's.
                unsafe { send_to(self.ends[1 - from], frame, more) }?;
                count(&mut self.passed[1 - from].sent, bytes);
                if !more {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Does what the control socket asks for. Says whether it asked.
    unsafe fn take_command(&mut self) -> Result<bool, Errno> {
        if self.control.is_null() {
            return Ok(false);
        }
        // SAFETY: the caller's.
        let mut open = unsafe { Open::enter(self.control) }?;
        let command = match receive(&mut open.socket, DONTWAIT) {
            Err(Errno::AGAIN | Errno::STATE) => return Ok(false),
            received => received?,
        };
        let answers = number(open.socket.kind()) == REP;
        drop(open);
        match command.as_slice() {
            b"STATISTICS" => {
                // SAFETY: the caller's.
                unsafe { self.tell() }?;
                return Ok(true);
            }
            b"PAUSE" => self.state = State::Paused,
            b"RESUME" => self.state = State::Active,
            b"TERMINATE" => self.state = State::Ended,
            _ => {}
        }
        if answers {
            // SAFETY: the caller's.
            unsafe { send_to(self.control, Frame::new(), false) }?;
        }
        Ok(true)
    }

    /// Sends the eight numbers.
    unsafe fn tell(&self) -> Result<(), Errno> {
        let [front, back] = self.passed;
        let numbers = [front.received, front.sent, back.received, back.sent];
        let numbers = numbers.as_flattened();
        for (at, number) in numbers.iter().enumerate() {
            let frame = copied(&number.to_ne_bytes())?;
            // SAFETY: the caller's.
            unsafe { send_to(self.control, frame, at + 1 < numbers.len()) }?;
        }
        Ok(())
    }
}

fn count(passed: &mut [u64; 2], bytes: u64) {
    passed[0] += 1;
    passed[1] += bytes;
}

/// Runs a proxy that is told by messages to pause, to go on, to end, or what it has done.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    catch(|| {
        if frontend.is_null() || backend.is_null() {
            return Err(Errno::FAULT);
        }
        let mut proxy = Proxy {
            ends: [frontend, backend],
            capture,
            control,
            state: State::Active,
            passed: [Passed::default(); 2],
        };
        // SAFETY: the caller's contract.
        unsafe { proxy.run() }?;
        Ok(0)
    })
}

/// Runs a proxy, until the context ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_proxy(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_proxy_steerable(frontend, backend, capture, std::ptr::null_mut()) }
}

/// Formerly [`zmq_proxy`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_device(
    _kind: c_int,
    frontend: *mut c_void,
    backend: *mut c_void,
) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_proxy(frontend, backend, std::ptr::null_mut()) }
}
