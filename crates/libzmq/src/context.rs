//! Contexts.

use std::collections::BTreeSet;
use std::ffi::{c_int, c_void};

use ringmq::Context;

use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Content, Guard, Pool, Slot};

/// What is behind a context's handle.
pub(crate) struct Held {
    pub(crate) context: Context,
    pub(crate) settings: Settings,
    /// Who made it: a forked child leaves it to its parent.
    process: u32,
}

/// Options of a context.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    io_threads: c_int,
    most_sockets: c_int,
    greatest_message: c_int,
    pub(crate) ipv6: bool,
    pub(crate) blocky: bool,
    zero_copy: bool,
    priority: c_int,
    policy: c_int,
    name_prefix: c_int,
    cpus: BTreeSet<c_int>,
}

const IO_THREADS: c_int = 1;
const MAX_SOCKETS: c_int = 2;
const SOCKET_LIMIT: c_int = 3;
const THREAD_PRIORITY: c_int = 3;
const THREAD_SCHED_POLICY: c_int = 4;
const MAX_MSGSZ: c_int = 5;
const MSG_T_SIZE: c_int = 6;
const THREAD_AFFINITY_CPU_ADD: c_int = 7;
const THREAD_AFFINITY_CPU_REMOVE: c_int = 8;
const THREAD_NAME_PREFIX: c_int = 9;
const ZERO_COPY_RECV: c_int = 10;
const IPV6: c_int = 42;
const BLOCKY: c_int = 70;

/// What `SOCKET_LIMIT` says. `MAX_SOCKETS` may be greater, as in libzmq.
const MOST_SOCKETS: c_int = 65_535;

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            io_threads: 1,
            most_sockets: 1023,
            greatest_message: c_int::MAX,
            ipv6: false,
            blocky: true,
            zero_copy: true,
            priority: -1,
            policy: -1,
            name_prefix: 0,
            cpus: BTreeSet::new(),
        }
    }
}

impl Settings {
    fn set(&mut self, option: c_int, value: c_int) -> Result<(), Errno> {
        if option == THREAD_AFFINITY_CPU_REMOVE {
            let removed = self.cpus.remove(&value);
            return removed.then_some(()).ok_or(Errno::INVALID);
        }
        if value < 0 && option != THREAD_NAME_PREFIX {
            return Err(Errno::INVALID);
        }
        match option {
            IO_THREADS => self.io_threads = value,
            MAX_SOCKETS if value > 0 => self.most_sockets = value,
            THREAD_PRIORITY => self.priority = value,
            THREAD_SCHED_POLICY => self.policy = value,
            MAX_MSGSZ => self.greatest_message = value,
            THREAD_AFFINITY_CPU_ADD => drop(self.cpus.insert(value)),
            THREAD_NAME_PREFIX => self.name_prefix = value,
            ZERO_COPY_RECV => self.zero_copy = value != 0,
            IPV6 => self.ipv6 = value != 0,
            BLOCKY => self.blocky = value != 0,
            _ => return Err(Errno::INVALID),
        }
        Ok(())
    }

    fn get(&self, option: c_int) -> Result<c_int, Errno> {
        Ok(match option {
            IO_THREADS => self.io_threads,
            MAX_SOCKETS => self.most_sockets,
            SOCKET_LIMIT => MOST_SOCKETS,
            THREAD_SCHED_POLICY => self.policy,
            MAX_MSGSZ => self.greatest_message,
            MSG_T_SIZE => 64,
            THREAD_NAME_PREFIX => self.name_prefix,
            ZERO_COPY_RECV => self.zero_copy.into(),
            IPV6 => self.ipv6.into(),
            BLOCKY => self.blocky.into(),
            _ => return Err(Errno::INVALID),
        })
    }
}

static POOL: Pool<Held> = Pool::new();

impl Content for Held {
    const TAG: u32 = 0xc0_47_e8_71;
    const NONE: Errno = Errno::FAULT;

    fn pool() -> &'static Pool<Held> {
        &POOL
    }
}

impl Held {
    /// The context behind a handle. Any thread may have it, for a moment.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    pub(crate) unsafe fn enter(handle: *mut c_void) -> Result<Guard<Held>, Errno> {
        // SAFETY: the caller's.
        unsafe { Slot::<Held>::find(handle) }?.enter_at_last()
    }
}

/// Makes a context.
#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_new() -> *mut c_void {
    catch(|| {
        Ok(Slot::make(Held {
            context: Context::new()?,
            settings: Settings::default(),
            process: std::process::id(),
        }))
    })
}

/// Ends a context: waits for its sockets to be closed, and for what they have sent to leave. Fails with `EINTR` if a
/// signal is handled meanwhile, and may be called again then.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_term(handle: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let held = match unsafe { Held::enter(handle) } {
            Err(Errno::TERMINATED) => {
                // SAFETY: as above.
                unsafe { Slot::<Held>::find(handle) }?.abandon();
                return Ok(0);
            }
            held => held?,
        };
        let here = held.process == std::process::id();
        let context = held.context.clone();
        drop(held);
        if here {
            context.terminate_unless_interrupted()?;
        }
        // SAFETY: slots stay; a thread that ended the context meanwhile has done what is left.
        if let Ok(held) = unsafe { Held::enter(handle) } {
            drop(held.close());
        }
        Ok(0)
    })
}

/// Ends all calls that wait.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_shutdown(handle: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        match unsafe { Held::enter(handle) } {
            // Of the calls that it would end, none is in this process.
            Err(Errno::TERMINATED) => {}
            held => held?.context.shutdown(),
        }
        Ok(0)
    })
}

/// Sets an option.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_set(handle: *mut c_void, option: c_int, value: c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut held = unsafe { Held::enter(handle) }?;
        held.settings.set(option, value)?;
        if option == MAX_SOCKETS {
            held.context.set_max_sockets(value.unsigned_abs() as usize);
        } else if option == IO_THREADS {
            held.context.set_io_threads(value.unsigned_abs() as usize);
        }
        Ok(0)
    })
}

/// Asks for an option.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_get(handle: *mut c_void, option: c_int) -> c_int {
    // SAFETY: the caller's contract.
    catch(|| unsafe { Held::enter(handle) }?.settings.get(option))
}

/// Formerly [`zmq_ctx_new`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_init(io_threads: c_int) -> *mut c_void {
    catch(|| {
        if io_threads < 0 {
            return Err(Errno::INVALID);
        }
        let made = zmq_ctx_new();
        // SAFETY: null or a context, and both are allowed.
        unsafe { zmq_ctx_set(made, IO_THREADS, io_threads) };
        Ok(made)
    })
}

/// Formerly [`zmq_ctx_term`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_term(handle: *mut c_void) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_ctx_term(handle) }
}

/// Formerly [`zmq_ctx_term`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_destroy(handle: *mut c_void) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_ctx_term(handle) }
}
