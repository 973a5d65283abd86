//! Contexts.

use std::collections::BTreeSet;
use std::ffi::{c_int, c_void};

use ringmq::{ArenaOptions, Context, ThreadOptions};

use crate::arguments::{bytes, out, room_at};
use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Content, Guard, Pool, Slot};
use crate::numbers::{SHARED_MEMORY, of_shared_memory, shared_memory};

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
    name_prefix: Vec<u8>,
    cpus: BTreeSet<c_int>,
    own_arena: bool,
    huge_pages: bool,
    prefault: bool,
    /// MiB.
    reserve: c_int,
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
// Options that libzmq does not have: `include/ringmq.h`.
const OWN_ARENA: c_int = 0x524d_0001;
const HUGE_PAGES: c_int = 0x524d_0002;
const PREFAULT: c_int = 0x524d_0003;
const RESERVE: c_int = 0x524d_0004;

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
            name_prefix: Vec::new(),
            cpus: BTreeSet::new(),
            own_arena: false,
            huge_pages: false,
            prefault: true,
            reserve: 0,
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
            THREAD_NAME_PREFIX => self.name_prefix = value.to_string().into_bytes(),
            ZERO_COPY_RECV => self.zero_copy = value != 0,
            IPV6 => self.ipv6 = value != 0,
            BLOCKY => self.blocky = value != 0,
            OWN_ARENA => self.own_arena = value != 0,
            HUGE_PAGES => self.huge_pages = value != 0,
            PREFAULT => self.prefault = value != 0,
            RESERVE => self.reserve = value,
            _ => return Err(Errno::INVALID),
        }
        Ok(())
    }

    /// What the I/O threads have of them.
    fn threads(&self) -> ThreadOptions {
        let prefix = String::from_utf8_lossy(&self.name_prefix);
        let mut options = ThreadOptions::new().name_prefix(&prefix);
        if self.policy >= 0 {
            options = options.policy(self.policy);
        }
        if self.priority >= 0 {
            options = options.priority(self.priority);
        }
        let cpus = self.cpus.iter().map(|cpu| cpu.unsigned_abs());
        cpus.fold(options, ThreadOptions::cpu)
    }

    /// What the memory for blocks has of them.
    fn arena(&self) -> ArenaOptions {
        let reserve = (self.reserve.unsigned_abs() as usize).saturating_mul(1 << 20);
        ArenaOptions::new()
            .own(self.own_arena)
            .huge_pages(self.huge_pages)
            .prefault(self.prefault)
            .reserve(reserve)
    }

    fn get(&self, option: c_int) -> Result<c_int, Errno> {
        Ok(match option {
            IO_THREADS => self.io_threads,
            MAX_SOCKETS => self.most_sockets,
            SOCKET_LIMIT => MOST_SOCKETS,
            THREAD_SCHED_POLICY => self.policy,
            MAX_MSGSZ => self.greatest_message,
            MSG_T_SIZE => 64,
            THREAD_NAME_PREFIX => leading_number(&self.name_prefix),
            ZERO_COPY_RECV => self.zero_copy.into(),
            IPV6 => self.ipv6.into(),
            BLOCKY => self.blocky.into(),
            OWN_ARENA => self.own_arena.into(),
            HUGE_PAGES => self.huge_pages.into(),
            PREFAULT => self.prefault.into(),
            RESERVE => self.reserve,
            _ => return Err(Errno::INVALID),
        })
    }
}

/// The most bytes of a prefix that is a text.
const MOST_PREFIX: usize = 16;

/// As C's `atoi`.
fn leading_number(text: &[u8]) -> c_int {
    let text = text.trim_ascii_start();
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let digits = text[sign..].iter().take_while(|byte| byte.is_ascii_digit());
    let end = sign + digits.count();
    let number = std::str::from_utf8(&text[..end]).map(str::parse);
    number.map_or(0, Result::unwrap_or_default)
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
    fn get(&self, option: c_int) -> Result<c_int, Errno> {
        match option {
            SHARED_MEMORY => Ok(of_shared_memory(self.context.shared_memory())),
            option => self.settings.get(option),
        }
    }

    fn set(&mut self, option: c_int, value: c_int) -> Result<(), Errno> {
        if option == SHARED_MEMORY {
            self.context.set_shared_memory(shared_memory(value)?);
            return Ok(());
        }
        self.settings.set(option, value)?;
        match option {
            MAX_SOCKETS => self.context.set_max_sockets(value.unsigned_abs() as usize),
            IO_THREADS => self.context.set_io_threads(value.unsigned_abs() as usize),
            OWN_ARENA..=RESERVE => self.context.set_arena(&self.settings.arena())?,
            _ => self.pass_on(option),
        }
        Ok(())
    }

    /// Tells the context of an option of its threads.
    fn pass_on(&self, option: c_int) {
        if matches!(option, THREAD_PRIORITY..=THREAD_SCHED_POLICY)
            || matches!(option, THREAD_AFFINITY_CPU_ADD..=THREAD_NAME_PREFIX)
        {
            self.context.set_thread_options(&self.settings.threads());
        }
    }

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
        held.set(option, value)?;
        Ok(0)
    })
}

/// Asks for an option.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_get(handle: *mut c_void, option: c_int) -> c_int {
    // SAFETY: the caller's contract.
    catch(|| unsafe { Held::enter(handle) }?.get(option))
}

/// Sets an option, which may be a text.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_set_ext(
    handle: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: usize,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut held = unsafe { Held::enter(handle) }?;
        // SAFETY: the caller's contract.
        let value = unsafe { bytes(value, len) }.map_err(|_| Errno::INVALID)?;
        if let Ok(number) = value.try_into() {
            held.set(option, c_int::from_ne_bytes(number))?;
        } else if option == THREAD_NAME_PREFIX && (1..=MOST_PREFIX).contains(&len) {
            held.settings.name_prefix = value.to_vec();
            held.pass_on(option);
        } else {
            return Err(Errno::INVALID);
        }
        Ok(0)
    })
}

/// Asks for an option, which may be a text. As in libzmq the size is only read, and a text has no NUL at its end.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ctx_get_ext(
    handle: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut usize,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let held = unsafe { Held::enter(handle) }?;
        // SAFETY: the caller's contract.
        let len = *unsafe { out(len) }?;
        let number;
        let found = if len == size_of::<c_int>() {
            number = held.get(option)?.to_ne_bytes();
            &number[..]
        } else if option == THREAD_NAME_PREFIX && len >= held.settings.name_prefix.len() {
            &held.settings.name_prefix
        } else {
            return Err(Errno::INVALID);
        };
        // SAFETY: the caller's contract.
        let room = unsafe { room_at(value, len) }?;
        for (to, byte) in room.iter_mut().zip(found) {
            to.write(*byte);
        }
        Ok(0)
    })
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
