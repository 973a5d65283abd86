//! SOCKS5: a proxy that connects on our behalf (RFC 1928), by user and password if it wants (RFC 1929).
//!
//! ```text
//!   we                                            proxy
//!    │ version, one method ──────────────────────▶ │
//!    │ ◀────────────────────── version, method     │   0 none, 2 user and password, 255 refused
//!    │ user, password ───────────────────────────▶ │   after method 2
//!    │ ◀────────────────────── version, status     │
//!    │ CONNECT host port ────────────────────────▶ │   names are looked up by the proxy
//!    │ ◀────────────────────── version, code, address
//!    │ ◀═══════════════════ bytes of the peer ═══▶ │
//! ```
//!
//! [`Exchange`] is this without a socket. It takes exactly the bytes of each answer: those behind the last one are the peer's.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::endpoint::{Host, ParseEndpointError, TcpAddress, TcpPlace};

const VERSION: u8 = 5;
/// Of the exchange of user and password.
const PASSWORD_VERSION: u8 = 1;
const NO_PASSWORD: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Where a SOCKS5 proxy is, and who connects through it.
///
/// ```
/// use ringmq_transport::SocksProxy;
///
/// let proxy: SocksProxy = "proxy.example:1080".parse()?;
/// assert_eq!(proxy.user("name", "password").address(), "proxy.example:1080");
/// # Ok::<(), ringmq_transport::ParseEndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SocksProxy {
    text: String,
    at: Result<TcpAddress, ParseEndpointError>,
    user: Vec<u8>,
    password: Vec<u8>,
}

impl SocksProxy {
    /// As [`FromStr`], but for a text that is no address, with which every attempt to connect fails. libzmq takes any.
    #[doc(hidden)]
    #[must_use]
    pub fn of_any(text: &str) -> SocksProxy {
        let at = text.parse().and_then(|address: TcpAddress| {
            let endpoint = text.to_owned();
            match (&address.place.host, address.place.port) {
                (Host::Ip(_) | Host::Name(_), Some(1..)) => Ok(address),
                _ => Err(ParseEndpointError::NotForConnect { endpoint }),
            }
        });
        SocksProxy {
            text: text.to_owned(),
            at,
            user: Vec::new(),
            password: Vec::new(),
        }
    }

    /// Authenticates by a user and a password, which the proxy gets in the clear. An empty user is none. Of each at most
    /// 255 bytes are sent.
    #[must_use]
    pub fn user(mut self, name: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> SocksProxy {
        let most = |bytes: &[u8]| bytes[..bytes.len().min(255)].to_vec();
        self.user = most(name.as_ref());
        self.password = most(password.as_ref());
        self
    }

    /// The host and the port of the proxy, as they were given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.text
    }

    pub(crate) fn at(&self) -> Result<&TcpAddress, ParseEndpointError> {
        self.at.as_ref().map_err(Clone::clone)
    }
}

impl FromStr for SocksProxy {
    type Err = ParseEndpointError;

    /// Parses `host:port`, where the host is a name or an address, or `source:port;host:port` to connect from a source.
    fn from_str(text: &str) -> Result<SocksProxy, ParseEndpointError> {
        let proxy = SocksProxy::of_any(text);
        proxy.at()?;
        Ok(proxy)
    }
}

impl fmt::Debug for SocksProxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = String::from_utf8_lossy(&self.user);
        f.debug_struct("SocksProxy")
            .field("address", &self.text)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

/// Why a proxy did not connect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocksError {
    /// It speaks no SOCKS5, or another version of the exchange of user and password.
    #[error("the proxy answered with version {found} instead of {expected}")]
    Version {
        /// The byte that came.
        found: u8,
        /// The byte that was to come.
        expected: u8,
    },
    /// It wants a method that was not offered; 255 says that it wants none of those that were.
    #[error("the proxy wants the authentication method {method}, which was not offered")]
    Method {
        /// The method's number.
        method: u8,
    },
    /// It knows no such user and password.
    #[error("the proxy refused user and password: status {status}")]
    Password {
        /// Not 0.
        status: u8,
    },
    /// It could not connect, or does not want to.
    #[error("the proxy did not connect: {} (code {code})", meaning(*.code))]
    Refused {
        /// Not 0.
        code: u8,
    },
    /// Its answer has an address of a kind that there is not.
    #[error("the proxy answered with an address of kind {kind}")]
    Address {
        /// Neither 1, 3 nor 4.
        kind: u8,
    },
    /// A name of more than 255 bytes.
    #[error("the name of the host has {length} bytes; a proxy takes 255")]
    Name {
        /// In bytes.
        length: usize,
    },
}

/// What a code stands for. Source: RFC 1928 section 6.
fn meaning(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "kind of address not supported",
        _ => "unknown reason",
    }
}

/// What a proxy is asked, and what it has answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    state: State,
    /// What is still to be sent.
    output: Vec<u8>,
    /// The answer, as far as it has come.
    input: Vec<u8>,
    /// Of user and password, if there are any.
    password: Option<Vec<u8>>,
    request: Vec<u8>,
}

/// Which answer is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Method,
    Password,
    Reply,
    Connected,
}

impl Exchange {
    pub(crate) fn new(proxy: &SocksProxy, to: &TcpPlace) -> Result<Exchange, SocksError> {
        let password = (!proxy.user.is_empty()).then(|| {
            let mut message = vec![PASSWORD_VERSION];
            for text in [&proxy.user, &proxy.password] {
                put_text(&mut message, text);
            }
            message
        });
        let method = match password {
            Some(_) => PASSWORD,
            None => NO_PASSWORD,
        };
        Ok(Exchange {
            state: State::Method,
            output: vec![VERSION, 1, method],
            input: Vec::new(),
            password,
            request: request(to)?,
        })
    }

    /// What to send. Once there is nothing, an answer has to be received.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many bytes of the output were sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.output.drain(..bytes.min(self.output.len()));
    }

    /// How many bytes to receive, at most: no byte of the peer's is among them. 0 once connected.
    pub(crate) fn wanted(&self) -> usize {
        self.answer_len().saturating_sub(self.input.len())
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Takes bytes of an answer; at most as many as were [wanted](Exchange::wanted).
    pub(crate) fn received(&mut self, bytes: &[u8]) -> Result<(), SocksError> {
        self.input.extend_from_slice(bytes);
        self.check()?;
        if self.wanted() > 0 {
            return Ok(());
        }
        let answer = std::mem::take(&mut self.input);
        match self.state {
            State::Method if answer[1] == PASSWORD => {
                // Checked: it was offered.
                self.output = self.password.take().unwrap_or_default();
                self.state = State::Password;
            }
            State::Method | State::Password => {
                self.output = std::mem::take(&mut self.request);
                self.state = State::Reply;
            }
            State::Reply => self.state = State::Connected,
            State::Connected => {}
        }
        Ok(())
    }

    /// The length of the answer, as far as it is known.
    fn answer_len(&self) -> usize {
        match (self.state, &self.input[..]) {
            (State::Method | State::Password, _) => 2,
            // Version, code, reserved, kind of address, the address, and a port of 2 bytes.
            (State::Reply, [_, _, _, IPV4, ..]) => 4 + 4 + 2,
            (State::Reply, [_, _, _, IPV6, ..]) => 4 + 16 + 2,
            (State::Reply, [_, _, _, NAME, len, ..]) => 5 + usize::from(*len) + 2,
            (State::Reply, [_, _, _, NAME]) => 5,
            (State::Reply, _) => 4,
            (State::Connected, _) => 0,
        }
    }

    /// Checks each byte as soon as it is there: a peer that is no proxy may never send another one.
    fn check(&self) -> Result<(), SocksError> {
        let expected = match self.state {
            State::Password => PASSWORD_VERSION,
            _ => VERSION,
        };
        match (self.state, &self.input[..]) {
            (_, [found, ..]) if *found != expected => Err(SocksError::Version {
                found: *found,
                expected,
            }),
            (State::Method, [_, method, ..]) => match *method {
                NO_PASSWORD => Ok(()),
                PASSWORD if self.password.is_some() => Ok(()),
                method => Err(SocksError::Method { method }),
            },
            (State::Password, [_, status, ..]) if *status != 0 => {
                Err(SocksError::Password { status: *status })
            }
            (State::Reply, [_, code, ..]) if *code != 0 => Err(SocksError::Refused { code: *code }),
            (State::Reply, [_, _, _, kind, ..]) if ![IPV4, NAME, IPV6].contains(kind) => {
                Err(SocksError::Address { kind: *kind })
            }
            _ => Ok(()),
        }
    }
}

/// A text of at most 255 bytes, its length before it.
fn put_text(message: &mut Vec<u8>, text: &[u8]) {
    let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
    message.push(len);
    message.extend_from_slice(&text[..usize::from(len)]);
}

fn request(to: &TcpPlace) -> Result<Vec<u8>, SocksError> {
    let mut message = vec![VERSION, CONNECT, 0];
    match &to.host {
        Host::Ip(IpAddr::V4(ip)) => {
            message.push(IPV4);
            message.extend(ip.octets());
        }
        Host::Ip(IpAddr::V6(ip)) => {
            message.push(IPV6);
            message.extend(ip.octets());
        }
        Host::Name(name) if name.len() <= 255 => {
            message.push(NAME);
            put_text(&mut message, name.as_bytes());
        }
        Host::Name(name) => return Err(SocksError::Name { length: name.len() }),
        // What may be connected to is checked before; it is no name that a proxy can look up.
        Host::Any => return Err(SocksError::Name { length: 0 }),
    }
    message.extend(to.port.unwrap_or(0).to_be_bytes());
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(to: &str, user: &str) -> Exchange {
        let proxy: SocksProxy = "proxy:1080".parse().unwrap();
        Exchange::new(&proxy.user(user, "secret"), &to.parse().unwrap()).unwrap()
    }

    /// Sends all that is to be sent, a few bytes at a time.
    fn sends(exchange: &mut Exchange, expected: &[u8]) {
        let mut sent = Vec::new();
        while !exchange.output().is_empty() {
            let some = exchange.output().len().min(2);
            sent.extend_from_slice(&exchange.output()[..some]);
            exchange.sent(some);
        }
        assert_eq!(sent, expected);
    }

    /// Receives what was wanted of these bytes, so many at a time at most. Returns those that are left.
    fn receives<'a>(
        exchange: &mut Exchange,
        mut bytes: &'a [u8],
        step: usize,
    ) -> Result<&'a [u8], SocksError> {
        while exchange.output().is_empty() && exchange.wanted() > 0 && !bytes.is_empty() {
            let (now, later) = bytes.split_at(step.min(exchange.wanted()).min(bytes.len()));
            exchange.received(now)?;
            bytes = later;
        }
        Ok(bytes)
    }

    /// Each answer to CONNECT is taken to its last byte and no further, however slowly it comes.
    #[test]
    fn what_follows_the_answer_is_the_peers() {
        let mut named = vec![5, 0, 0, 3, 255];
        named.extend([b'n'; 255 + 2]);
        let answers = [
            vec![5, 0, 0, 1, 127, 0, 0, 1, 4, 56],
            [vec![5, 0, 0, 4], vec![0; 18]].concat(),
            vec![5, 0, 0, 3, 0, 1, 2],
            named,
        ];
        for answer in answers {
            for step in [1, 2, 3, 1000] {
                let mut exchange = exchange("192.0.2.1:5555", "");
                sends(&mut exchange, &[5, 1, 0]);
                assert_eq!(receives(&mut exchange, &[5, 0], step), Ok(&[][..]));
                sends(&mut exchange, &[5, 1, 0, 1, 192, 0, 2, 1, 0x15, 0xb3]);
                let bytes = [&answer[..], b"ZMTP"].concat();
                assert_eq!(receives(&mut exchange, &bytes, step), Ok(&b"ZMTP"[..]));
                assert!(exchange.is_connected() && exchange.wanted() == 0);
            }
        }
    }

    #[test]
    fn names_are_left_to_the_proxy_and_addresses_are_sent_as_numbers() {
        assert_eq!(
            request(&"host:258".parse().unwrap()).unwrap(),
            [&[5, 1, 0, 3, 4][..], b"host", &[1, 2]].concat()
        );
        let ipv6 = request(&"[::1]:80".parse().unwrap()).unwrap();
        assert_eq!(ipv6[..4], [5, 1, 0, 4]);
        assert_eq!((ipv6[19], ipv6.len()), (1, 22));
        let long = format!("{}:80", "n".repeat(256));
        assert_eq!(
            request(&long.parse().unwrap()),
            Err(SocksError::Name { length: 256 })
        );
    }

    #[test]
    fn a_user_is_sent_when_the_proxy_asks_for_one() {
        for answered in [2, 0] {
            let mut exchange = exchange("host:1", "me");
            sends(&mut exchange, &[5, 1, 2]);
            receives(&mut exchange, &[5, answered], 1).unwrap();
            if answered == 2 {
                sends(&mut exchange, b"\x01\x02me\x06secret");
                receives(&mut exchange, &[1, 0], 1).unwrap();
            }
            sends(&mut exchange, b"\x05\x01\x00\x03\x04host\x00\x01");
            assert!(!exchange.is_connected());
        }
    }

    #[test]
    fn every_refusal_is_an_error() {
        let with_user = |answers: &[&[u8]]| {
            let mut exchange = exchange("host:1", "me");
            for answer in answers {
                exchange.sent(usize::MAX);
                receives(&mut exchange, answer, 1)?;
            }
            Ok(())
        };
        let version = |found, expected| Err(SocksError::Version { found, expected });
        assert_eq!(with_user(&[&[4]]), version(4, 5));
        assert_eq!(with_user(&[b"HTTP"]), version(b'H', 5));
        assert_eq!(with_user(&[&[5, 2], &[5]]), version(5, 1));
        assert_eq!(with_user(&[&[5, 2], &[1, 0], &[1]]), version(1, 5));
        for method in [1, 3, 255] {
            assert_eq!(
                with_user(&[&[5, method]]),
                Err(SocksError::Method { method })
            );
        }
        for status in [1, 255] {
            let refused = with_user(&[&[5, 2], &[1, status]]);
            assert_eq!(refused, Err(SocksError::Password { status }));
        }
        for code in 1..=255 {
            // The rest of the answer is not waited for.
            let refused = with_user(&[&[5, 0], &[5, code]]);
            assert_eq!(refused, Err(SocksError::Refused { code }));
        }
        for kind in [0, 2, 5, 255] {
            let wrong = with_user(&[&[5, 0], &[5, 0, 0, kind]]);
            assert_eq!(wrong, Err(SocksError::Address { kind }));
        }
        // A user was not offered.
        let mut exchange = exchange("host:1", "");
        exchange.sent(usize::MAX);
        let wrong = exchange.received(&[5, PASSWORD]);
        assert_eq!(wrong, Err(SocksError::Method { method: PASSWORD }));
    }

    #[test]
    fn an_address_without_a_port_or_a_host_is_no_proxy() {
        for wrong in ["", "host", "host:", "host:0", "*:1080", "host:*", ":"] {
            assert!(wrong.parse::<SocksProxy>().is_err(), "{wrong}");
            assert_eq!(SocksProxy::of_any(wrong).address(), wrong);
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let proxy: SocksProxy = "proxy:1080".parse().unwrap();
        let text = format!("{:?}", proxy.user("me", "secret"));
        assert!(text.contains("proxy:1080") && text.contains("me"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
