//! Proxies: whatever comes in at one socket leaves through another, and back.

use std::ffi::{c_int, c_void};

use ringmq::{Proxy, ProxyEnd, ProxyPause, ProxyProgress, ProxyStep};

use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Guard, Slot};
use crate::socket::Open;

/// The sockets of a proxy while it does not hold them: front, back, capture and control; some may be missing.
struct Places([Option<(&'static Slot<Open>, u32)>; 4]);

/// The same sockets while the proxy holds them.
type Held = [Option<Guard<Open>>; 4];

impl Places {
    /// Enters all of them. None is held while another one is waited for: two threads never wait for each other.
    ///
    /// # Safety
    ///
    /// Null, or as [`Slot::find`] wants them.
    unsafe fn of(handles: [*mut c_void; 4]) -> Result<(Places, Held), Errno> {
        let mut places = Places([None; 4]);
        for (place, handle) in places.0.iter_mut().zip(handles) {
            if !handle.is_null() {
                // SAFETY: the caller's.
                let slot = unsafe { Slot::<Open>::find(handle) }?;
                *place = Some((slot, slot.enter_to_ask()?.life()));
            }
        }
        let held = places.enter()?;
        Ok((places, held))
    }

    fn enter(&self) -> Result<Held, Errno> {
        'all: loop {
            let mut held: Held = [None, None, None, None];
            for (at, (slot, life)) in self.there() {
                match slot.try_enter() {
                    Ok(open) if open.life() == life => held[at] = Some(open),
                    Ok(_) => return Err(Errno::NO_SOCKET),
                    // A socket that is there twice is in its own way.
                    Err(Errno::BUSY) if self.is_before(at, slot) => return Err(Errno::BUSY),
                    Err(Errno::BUSY) => {
                        drop(held);
                        slot.await_free()?;
                        continue 'all;
                    }
                    Err(errno) => return Err(errno),
                }
            }
            return Ok(held);
        }
    }

    fn there(&self) -> impl Iterator<Item = (usize, (&'static Slot<Open>, u32))> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(at, place)| Some((at, (*place)?)))
    }

    fn is_before(&self, at: usize, slot: &'static Slot<Open>) -> bool {
        let mut before = self.there().take_while(|(other, _)| *other < at);
        before.any(|(_, (other, _))| std::ptr::eq(other, slot))
    }

    /// Leaves the sockets, rests, and enters them again.
    fn rest(
        &self,
        held: Held,
        pause: ProxyPause,
        progress: &mut ProxyProgress,
    ) -> Result<Held, Errno> {
        if pause.is_brief() {
            drop(held);
            self.there().for_each(|(_, (slot, _))| slot.let_in());
        } else {
            held.into_iter().flatten().for_each(Open::leave);
        }
        pause.rest(progress);
        // All of them are to know that this thread is awake, also if one was closed.
        let back = self.there().map(|(_, (slot, life))| Open::back(slot, life));
        let back: Vec<Result<(), Errno>> = back.map(|open| open.map(drop)).collect();
        back.into_iter().collect::<Result<(), Errno>>()?;
        self.enter()
    }
}

/// Takes a step of a proxy. Gives how it has ended, or what to rest on.
fn step(held: &mut Held, progress: &mut ProxyProgress) -> Result<ProxyStep, Errno> {
    let [front, back, capture, control] = held.each_mut().map(|open| {
        let open = open.as_mut();
        open.map(|open| &mut open.socket)
    });
    let front = front.ok_or(Errno::FAULT)?;
    let mut proxy = match back {
        Some(back) => Proxy::between(front, back),
        None => Proxy::of(front),
    };
    if let Some(capture) = capture {
        proxy = proxy.capture(capture);
    }
    if let Some(control) = control {
        proxy = proxy.control(control);
    }
    proxy = proxy.resume(std::mem::take(progress));
    let step = proxy.step();
    *progress = proxy.stop();
    Ok(step?)
}

/// Runs a proxy. Messages at the control socket pause, resume or end it, or ask for its statistics.
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
        let other = if backend == frontend {
            std::ptr::null_mut()
        } else {
            backend
        };
        // SAFETY: the caller's contract.
        let (places, mut held) = unsafe { Places::of([frontend, other, capture, control]) }?;
        let mut progress = ProxyProgress::default();
        loop {
            match step(&mut held, &mut progress)? {
                ProxyStep::Ended(ProxyEnd::Told) => return Ok(0),
                // The context was shut down.
                ProxyStep::Ended(_) => return Err(Errno::TERMINATED),
                ProxyStep::Pause(pause) => held = places.rest(held, pause, &mut progress)?,
            }
        }
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
