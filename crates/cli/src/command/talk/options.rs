//! Socket options by name: `-o sndhwm=10`. The names and units are those of libzmq's manual.

use std::time::Duration;

use ringmq::{
    Context, Heartbeat, IpcFilter, Keepalive, Kind, OptionError, ReconnectStop, SetOption,
    SharedMemory, Socket, SocketOptions, SocksProxy, Subnet, Wait,
};

use crate::command::outcome::Failure;

/// Options as they were given, each checked.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    known: &'static Known,
    value: String,
}

/// An option that can be set.
#[derive(Debug)]
struct Known {
    name: &'static str,
    /// Shown with the name, and beside an error.
    values: &'static str,
    apply: fn(&mut Plan, &str) -> Option<()>,
}

/// What the settings make of a socket.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    options: SocketOptions,
    later: Vec<Later>,
    keepalive: Keepalive,
    heartbeat: Beats,
    subnets: Vec<Subnet>,
    filter: IpcFilter,
}

/// Options that the socket is told after it was made.
#[derive(Debug, Clone)]
enum Later {
    Flag(fn(bool) -> SetOption<'static>, bool),
    Welcome(Vec<u8>),
}

#[derive(Debug, Default)]
struct Beats {
    interval: Duration,
    timeout: Option<Duration>,
    ttl: Duration,
}

/// Parses NAME=VALUE.
pub(crate) fn parse_setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("an option is NAME=VALUE, such as sndhwm=10")?;
    let lower = name.to_ascii_lowercase().replace('-', "_");
    let lower = lower.strip_prefix("zmq_").unwrap_or(&lower);
    let known = KNOWN.iter().find(|known| known.name == lower);
    let known = known.ok_or_else(|| {
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        format!("there is no option {name}; there are {}", names.join(", "))
    })?;
    (known.apply)(&mut Plan::default(), value)
        .ok_or_else(|| format!("{} is {}, and not {value:?}", known.name, known.values))?;
    Ok(Setting {
        known,
        value: value.to_owned(),
    })
}

/// What the long help says: each option with its values.
pub(crate) fn help() -> String {
    let lines = KNOWN
        .iter()
        .map(|known| format!("  {:24} {}", known.name, known.values));
    let lines: Vec<String> = lines.collect();
    format!("Options of sockets (-o):\n{}", lines.join("\n"))
}

impl Plan {
    /// Adds settings to these options, the later ones over the earlier ones.
    pub(crate) fn new(options: SocketOptions, settings: &[Setting]) -> Plan {
        let mut plan = Plan {
            options,
            ..Plan::default()
        };
        for setting in settings {
            // Each was applied to an empty plan when it was parsed.
            let _ = (setting.known.apply)(&mut plan, &setting.value);
        }
        plan
    }

    /// Makes a socket. The settings come after the flags, so that the command line decides.
    pub(crate) fn socket(
        &self,
        context: &Context,
        kind: Kind,
        flags: &[SetOption<'_>],
    ) -> Result<Socket, Failure> {
        let socket = context.socket_with(kind, &self.options);
        let mut socket = socket.map_err(Failure::usage)?;
        for flag in flags {
            socket.set(*flag).map_err(Failure::work)?;
        }
        let finished = self.finish(&mut socket);
        finished.map_err(|error| Failure::usage(format_args!("--option: {error} ({kind})")))?;
        Ok(socket)
    }

    /// Sets what a socket is told after it was made.
    ///
    /// # Errors
    ///
    /// A socket of this type has no such option.
    fn finish(&self, socket: &mut Socket) -> Result<(), OptionError> {
        for later in &self.later {
            match later {
                Later::Flag(make, on) => socket.set(make(*on))?,
                Later::Welcome(message) => socket.set(SetOption::XpubWelcome(message))?,
            }
        }
        Ok(())
    }

    fn change(&mut self, change: impl FnOnce(SocketOptions) -> SocketOptions) -> Option<()> {
        self.options = change(std::mem::take(&mut self.options));
        Some(())
    }

    fn keep_alive(&mut self, change: impl FnOnce(&mut Keepalive)) -> Option<()> {
        change(&mut self.keepalive);
        let keepalive = self.keepalive;
        self.change(|options| options.keepalive(keepalive))
    }

    fn beat(&mut self, change: impl FnOnce(&mut Beats)) -> Option<()> {
        change(&mut self.heartbeat);
        let beats = &self.heartbeat;
        let heartbeat = (!beats.interval.is_zero()).then(|| Heartbeat {
            interval: beats.interval,
            timeout: beats.timeout.unwrap_or(beats.interval),
            ttl: beats.ttl,
        });
        self.change(|options| options.heartbeat(heartbeat))
    }

    fn let_in(&mut self, change: impl FnOnce(&mut IpcFilter)) -> Option<()> {
        change(&mut self.filter);
        let filter = self.filter.clone();
        self.change(|options| options.accept_ipc_from(filter))
    }

    fn flag(&mut self, make: fn(bool) -> SetOption<'static>, value: &str) -> Option<()> {
        self.later.push(Later::Flag(make, truth(value)?));
        Some(())
    }
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

fn number(value: &str) -> Option<u32> {
    value.parse().ok()
}

/// Milliseconds.
fn millis(value: &str) -> Option<Duration> {
    value.parse().ok().map(Duration::from_millis)
}

/// Milliseconds; -1 is no limit.
fn millis_or_none(value: &str) -> Option<Option<Duration>> {
    match value {
        "-1" => Some(None),
        value => millis(value).map(Some),
    }
}

/// A number; -1 leaves it to the system.
fn or_system<T>(value: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        "-1" => Some(None),
        value => parse(value).map(Some),
    }
}

fn size(value: &str) -> Option<usize> {
    ringmq_bench::Size::bytes(value)
}

/// A mark: 0 is no limit.
fn mark(value: &str) -> Option<Option<u32>> {
    number(value).map(|messages| (messages > 0).then_some(messages))
}

const TRUTH: &str = "0 or 1";
const MILLIS: &str = "milliseconds";
const MILLIS_OR_NONE: &str = "milliseconds, or -1 for no limit";
const BYTES: &str = "bytes, such as 65536 or 64K";

/// A row of the table: how an option with this value changes the plan.
macro_rules! known {
    ($name:literal, $values:expr, |$plan:ident, $value:ident| $apply:expr) => {
        Known {
            name: $name,
            values: $values,
            apply: |$plan, $value| $apply,
        }
    };
}

const KNOWN: &[Known] = &[
    known!("accept_older", TRUTH, |plan, value| {
        let on = truth(value)?;
        plan.change(|options| options.accept_older(on))
    }),
    known!("affinity", "a mask of I/O threads", |plan, value| {
        let threads = value.parse().ok()?;
        plan.change(|options| options.affinity(threads))
    }),
    known!(
        "backlog",
        "connections that wait to be accepted",
        |plan, value| {
            let connections = i32::try_from(number(value)?).ok()?;
            plan.change(|options| options.backlog(connections))
        }
    ),
    known!("bindtodevice", "a network interface", |plan, value| {
        plan.change(|options| options.device(value))
    }),
    known!("busy_poll", "microseconds", |plan, value| {
        let micros = number(value)?;
        plan.change(|options| options.busy_poll(micros))
    }),
    known!("conflate", TRUTH, |plan, value| {
        let on = truth(value)?;
        plan.change(|options| options.conflate(on))
    }),
    known!("connect_timeout", MILLIS, |plan, value| {
        let time = millis(value)?;
        plan.change(|options| options.connect_timeout(time))
    }),
    known!("disconnect_msg", "a message", |plan, value| {
        plan.change(|options| options.disconnect_message(value))
    }),
    known!(
        "handshake_ivl",
        "milliseconds, or 0 for no limit",
        |plan, value| {
            let time = millis(value)?;
            plan.change(|options| options.handshake_timeout((!time.is_zero()).then_some(time)))
        }
    ),
    known!(
        "heartbeat_ivl",
        "milliseconds, or 0 for none",
        |plan, value| {
            let time = millis(value)?;
            plan.beat(|beats| beats.interval = time)
        }
    ),
    known!("heartbeat_timeout", MILLIS, |plan, value| {
        let time = millis(value)?;
        plan.beat(|beats| beats.timeout = Some(time))
    }),
    known!("heartbeat_ttl", MILLIS, |plan, value| {
        let time = millis(value)?;
        plan.beat(|beats| beats.ttl = time)
    }),
    known!("hello_msg", "a message", |plan, value| {
        plan.change(|options| options.hello_message(value))
    }),
    known!("hiccup_msg", "a message", |plan, value| {
        plan.change(|options| options.hiccup_message(value))
    }),
    known!("immediate", TRUTH, |plan, value| {
        let on = truth(value)?;
        plan.change(|options| options.immediate(on))
    }),
    known!("in_batch_size", BYTES, |plan, value| {
        let bytes = size(value).filter(|bytes| *bytes > 0)?;
        plan.change(|options| options.recv_batch(bytes))
    }),
    known!("invert_matching", TRUTH, |plan, value| {
        plan.flag(SetOption::InvertMatching, value)
    }),
    known!(
        "ipc_filter_gid",
        "a group that may connect by ipc",
        |plan, value| {
            let gid = number(value)?;
            plan.let_in(|filter| filter.gids.push(gid))
        }
    ),
    known!(
        "ipc_filter_pid",
        "a process that may connect by ipc",
        |plan, value| {
            let pid = value.parse().ok()?;
            plan.let_in(|filter| filter.pids.push(pid))
        }
    ),
    known!(
        "ipc_filter_uid",
        "a user that may connect by ipc",
        |plan, value| {
            let uid = number(value)?;
            plan.let_in(|filter| filter.uids.push(uid))
        }
    ),
    known!("ipv6", TRUTH, |plan, value| {
        let on = truth(value)?;
        plan.change(|options| options.ipv6(on))
    }),
    known!("linger", MILLIS_OR_NONE, |plan, value| {
        let time = millis_or_none(value)?;
        plan.change(|options| options.linger(time))
    }),
    known!("maxmsgsize", "bytes, or -1 for no limit", |plan, value| {
        let bytes = or_system(value, size)?;
        plan.change(|options| options.max_message(bytes.map(|bytes| bytes as u64)))
    }),
    known!("out_batch_size", BYTES, |plan, value| {
        let bytes = size(value).filter(|bytes| *bytes > 0)?;
        plan.change(|options| options.send_batch(bytes))
    }),
    known!("priority", "a number", |plan, value| {
        let priority = number(value)?;
        plan.change(|options| options.priority(priority))
    }),
    known!("probe_router", TRUTH, |plan, value| {
        plan.flag(SetOption::ProbeRouter, value)
    }),
    known!("rcvbuf", "bytes, or -1 for the system's", |plan, value| {
        let bytes = or_system(value, size)?;
        plan.change(|options| options.recv_buffer(bytes))
    }),
    known!("rcvhwm", "messages, or 0 for no limit", |plan, value| {
        let messages = mark(value)?;
        plan.change(|options| options.recv_hwm(messages))
    }),
    known!(
        "reconnect_ivl",
        "milliseconds, or -1 for never",
        |plan, value| {
            let time = millis_or_none(value)?;
            plan.change(|options| options.reconnect_interval(time))
        }
    ),
    known!("reconnect_ivl_max", MILLIS, |plan, value| {
        let time = millis(value)?;
        plan.change(|options| options.reconnect_interval_max(time))
    }),
    known!(
        "reconnect_stop",
        "a sum: 1 refused, 2 handshake failed, 4 after a disconnect",
        |plan, value| {
            let bits = number(value).filter(|bits| *bits < 8)?;
            plan.change(|options| {
                options.reconnect_stop(ReconnectStop {
                    refused: bits & 1 != 0,
                    handshake_failed: bits & 2 != 0,
                    after_disconnect: bits & 4 != 0,
                })
            })
        }
    ),
    known!("req_correlate", TRUTH, |plan, value| {
        plan.flag(SetOption::ReqCorrelate, value)
    }),
    known!("req_relaxed", TRUTH, |plan, value| {
        plan.flag(SetOption::ReqRelaxed, value)
    }),
    known!("router_handover", TRUTH, |plan, value| {
        plan.flag(SetOption::RouterHandover, value)
    }),
    known!("router_mandatory", TRUTH, |plan, value| {
        plan.flag(SetOption::RouterMandatory, value)
    }),
    known!("router_raw", TRUTH, |plan, value| {
        plan.flag(SetOption::RouterRaw, value)
    }),
    known!("shared_limit", BYTES, |plan, value| {
        let bytes = size(value)? as u64;
        plan.change(|options| options.shared_limit(bytes))
    }),
    known!("shared_memory", "0, 1 or ipc", |plan, value| {
        let share = match value {
            "ipc" => SharedMemory::Ipc,
            _ => SharedMemory::from(truth(value)?),
        };
        plan.change(|options| options.shared_memory(share))
    }),
    known!("sndbuf", "bytes, or -1 for the system's", |plan, value| {
        let bytes = or_system(value, size)?;
        plan.change(|options| options.send_buffer(bytes))
    }),
    known!("sndhwm", "messages, or 0 for no limit", |plan, value| {
        let messages = mark(value)?;
        plan.change(|options| options.send_hwm(messages))
    }),
    known!("socks_proxy", "HOST:PORT", |plan, value| {
        let proxy = (!value.is_empty()).then(|| SocksProxy::of_any(value))?;
        plan.change(|options| options.socks_proxy(proxy))
    }),
    known!(
        "tcp_accept_filter",
        "an address or subnet that may connect",
        |plan, value| {
            plan.subnets.push(value.parse().ok()?);
            let subnets = plan.subnets.clone();
            plan.change(|options| options.accept_tcp_from(subnets))
        }
    ),
    known!(
        "tcp_keepalive",
        "0, 1, or -1 for the system's",
        |plan, value| {
            let on = or_system(value, truth)?;
            plan.keep_alive(|keepalive| keepalive.on = on)
        }
    ),
    known!(
        "tcp_keepalive_cnt",
        "probes, or -1 for the system's",
        |plan, value| {
            let count = or_system(value, number)?;
            plan.keep_alive(|keepalive| keepalive.count = count)
        }
    ),
    known!(
        "tcp_keepalive_idle",
        "seconds, or -1 for the system's",
        |plan, value| {
            let idle = or_system(value, seconds)?;
            plan.keep_alive(|keepalive| keepalive.idle = idle)
        }
    ),
    known!(
        "tcp_keepalive_intvl",
        "seconds, or -1 for the system's",
        |plan, value| {
            let interval = or_system(value, seconds)?;
            plan.keep_alive(|keepalive| keepalive.interval = interval)
        }
    ),
    known!("tcp_maxrt", MILLIS, |plan, value| {
        let time = millis(value)?;
        plan.change(|options| options.max_retransmit(time))
    }),
    known!("tos", "a number", |plan, value| {
        let tos = number(value)?;
        plan.change(|options| options.type_of_service(tos))
    }),
    known!("wait", "spin, park or adaptive", |plan, value| {
        let wait = match value {
            "spin" => Wait::Spin,
            "park" => Wait::Park,
            "adaptive" => Wait::Adaptive,
            _ => return None,
        };
        plan.change(|options| options.wait(wait))
    }),
    known!("xpub_nodrop", TRUTH, |plan, value| {
        plan.flag(SetOption::XpubNodrop, value)
    }),
    known!("xpub_verbose", TRUTH, |plan, value| {
        plan.flag(SetOption::XpubVerbose, value)
    }),
    known!("xpub_verboser", TRUTH, |plan, value| {
        plan.flag(SetOption::XpubVerboser, value)
    }),
    known!("xpub_welcome_msg", "a message", |plan, value| {
        plan.later.push(Later::Welcome(value.as_bytes().to_vec()));
        Some(())
    }),
    known!("zap_domain", "a name", |plan, value| {
        plan.change(|options| options.zap_domain(value))
    }),
];

fn seconds(value: &str) -> Option<Duration> {
    value.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_may_be_those_of_libzmq() {
        assert!(KNOWN.is_sorted_by_key(|known| known.name));
        for name in ["sndhwm", "SNDHWM", "ZMQ_SNDHWM", "zmq-sndhwm"] {
            assert!(parse_setting(&format!("{name}=3")).is_ok(), "{name}");
        }
        let error = parse_setting("sndwhm=3").unwrap_err();
        assert!(error.contains("sndhwm") && error.contains("tcp_keepalive"));
    }

    #[test]
    fn later_settings_count() {
        let settings = ["sndhwm=5", "sndhwm=0", "linger=-1", "heartbeat_ivl=100"];
        let settings = settings.map(|text| parse_setting(text).unwrap());
        let plan = Plan::new(SocketOptions::new(), &settings);
        assert_eq!(plan.options.get_send_hwm(), None);
        assert_eq!(plan.options.get_linger(), None);
        let heartbeat = plan.options.get_heartbeat().unwrap();
        assert_eq!(heartbeat.timeout, Duration::from_millis(100));
    }

    #[test]
    fn wrong_values_say_what_is_right() {
        for wrong in [
            "sndhwm=x",
            "sndhwm=",
            "conflate=2",
            "linger=-2",
            "wait=never",
            "reconnect_stop=8",
            "tcp_accept_filter=here",
            "rcvbuf=-2",
        ] {
            let (name, _) = wrong.split_once('=').unwrap();
            let error = parse_setting(wrong).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
