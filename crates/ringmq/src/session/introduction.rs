//! What two ends of a tcp connection within one machine tell each other to find a Unix socket: bytes of the greeting, a
//! property of READY, and one frame each way over that socket. docs/handoff.md, section 12, specifies them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ringmq_sys::Address;

/// The property of a READY by which a side says that its end of a tcp connection may go over to a Unix socket.
pub(crate) const PROPERTY: &str = "X-Ringmq-Tcp";
/// In the filler of a greeting: this side will say so, to a peer that has the same bytes there.
pub(crate) const FILLER: &[u8] = b"ringmq";
/// The last command of a direction on tcp.
pub(crate) const MOVE: &str = "X-RINGMQ-MOVE";
/// The first part of the property, without what later versions may add.
const VERSION: &str = "1";
/// What the names of our Unix sockets begin with. No other name is dialed: a peer could name a socket of any program.
const PREFIX: &str = "ringmq-";
/// Hexadecimal digits of a secret, and behind the prefix.
const DIGITS: usize = 32;
const MAGIC: &[u8; 7] = b"ringmqT";
/// Bytes of a frame.
pub(crate) const FRAME: usize = 72;
/// Bytes of an address in a frame.
const END: usize = 18;

/// A number that proves where a frame comes from: it has travelled over one connection only.
#[derive(Clone, Copy)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    /// A new one. `None` if the kernel has no random bytes.
    pub(crate) fn new() -> Option<Secret> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Secret(bytes))
    }

    /// Compares all bytes, whichever differ: the time says nothing about them.
    pub(crate) fn is(&self, other: &Secret) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a side says in its READY.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    /// The Unix socket of the side that has accepted the connection.
    pub(crate) place: Option<Place>,
    /// Which of its connections it is.
    pub(crate) ticket: u64,
    pub(crate) secret: Secret,
}

/// The name of a Unix socket, in the abstract namespace: it exists in one network namespace only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    /// A name that no process can foresee. `None` if the kernel has no random bytes.
    pub(crate) fn new() -> Option<Place> {
        let Secret(bytes) = Secret::new()?;
        Some(Place(format!(
            "{PREFIX}{:032x}",
            u128::from_be_bytes(bytes)
        )))
    }

    fn parse(name: &str) -> Option<Place> {
        let digits = name.strip_prefix(PREFIX)?;
        is_hexadecimal(digits).then(|| Place(name.to_owned()))
    }

    pub(crate) fn address(&self) -> Address {
        Address::Abstract(self.0.clone().into_bytes())
    }
}

impl Introduction {
    /// The value of the property.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let place = self.place.as_ref().map_or("", |place| &place.0);
        let secret = u128::from_be_bytes(self.secret.0);
        format!("{VERSION};{place};{};{secret:032x}", self.ticket).into_bytes()
    }

    /// Reads the value of the property. `None` if it is not understood; parts behind the fourth are for later versions.
    pub(crate) fn decode(value: &[u8]) -> Option<Introduction> {
        let mut parts = std::str::from_utf8(value).ok()?.split(';');
        let mut next = || parts.next();
        if next()? != VERSION {
            return None;
        }
        let place = match next()? {
            "" => None,
            name => Some(Place::parse(name)?),
        };
        let ticket = next()?.parse().ok()?;
        let secret = next().filter(|secret| is_hexadecimal(secret))?;
        let secret = u128::from_str_radix(secret, 16).ok()?;
        Some(Introduction {
            place,
            ticket,
            secret: Secret(secret.to_be_bytes()),
        })
    }
}

/// Which side a frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    /// HELLO, of the side that has connected.
    Connecting,
    /// WELCOME, the answer.
    Binding,
}

/// A frame on the Unix socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hello {
    pub(crate) from: Whence,
    /// The ticket of the binding side.
    pub(crate) ticket: u64,
    /// That of the side which the frame goes to.
    pub(crate) secret: Secret,
    /// The addresses of the tcp connection as the sender has them, its own first.
    pub(crate) ends: [SocketAddr; 2],
}

impl Hello {
    pub(crate) fn encode(&self) -> [u8; FRAME] {
        let mut frame = Vec::with_capacity(FRAME);
        frame.extend_from_slice(MAGIC);
        frame.push(match self.from {
            Whence::Connecting => 1,
            Whence::Binding => 2,
        });
        frame.extend_from_slice(&self.ticket.to_le_bytes());
        frame.extend_from_slice(&self.secret.0);
        for end in self.ends {
            frame.extend_from_slice(&encoded(end));
        }
        frame.resize(FRAME, 0);
        let mut bytes = [0; FRAME];
        bytes.copy_from_slice(&frame);
        bytes
    }

    /// Reads a frame. `None` if it is none.
    pub(crate) fn decode(frame: &[u8; FRAME]) -> Option<Hello> {
        let (magic, rest) = frame.split_first_chunk::<7>()?;
        let (from, rest) = rest.split_first()?;
        let (ticket, rest) = rest.split_first_chunk::<8>()?;
        let (secret, rest) = rest.split_first_chunk::<16>()?;
        let (own, rest) = rest.split_first_chunk::<END>()?;
        let (peer, _) = rest.split_first_chunk::<END>()?;
        let from = match from {
            1 => Whence::Connecting,
            2 => Whence::Binding,
            _ => return None,
        };
        (magic == MAGIC).then_some(Hello {
            from,
            ticket: u64::from_le_bytes(*ticket),
            secret: Secret(*secret),
            ends: [decoded(own), decoded(peer)],
        })
    }

    /// Returns true if the sender has the other end of the connection with these ends, this side's first. Within one network
    /// namespace no two sockets have the same pair of addresses, so that nothing is between the two.
    pub(crate) fn is_opposite(&self, ends: [SocketAddr; 2]) -> bool {
        encoded(self.ends[0]) == encoded(ends[1]) && encoded(self.ends[1]) == encoded(ends[0])
    }
}

fn is_hexadecimal(digits: &str) -> bool {
    digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address as IPv6, and the port.
fn encoded(end: SocketAddr) -> [u8; END] {
    let ip = match end.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; END];
    let (address, port) = bytes.split_at_mut(16);
    address.copy_from_slice(&ip.octets());
    port.copy_from_slice(&end.port().to_be_bytes());
    bytes
}

fn decoded(bytes: &[u8; END]) -> SocketAddr {
    let mut ip = [0; 16];
    ip.copy_from_slice(&bytes[..16]);
    let port = u16::from_be_bytes([bytes[16], bytes[17]]);
    SocketAddr::new(IpAddr::from(ip).to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn introduction() -> Introduction {
        Introduction {
            place: Place::new(),
            ticket: 4711,
            secret: Secret::new().unwrap(),
        }
    }

    #[test]
    fn a_property_is_read_as_it_was_written() {
        let with = introduction();
        let without = Introduction {
            place: None,
            ..with.clone()
        };
        for wrote in [with, without] {
            let mut value = wrote.encode();
            // For later versions.
            value.extend_from_slice(b";more");
            let read = Introduction::decode(&value).unwrap();
            assert_eq!((&read.place, read.ticket), (&wrote.place, wrote.ticket));
            assert!(read.secret.is(&wrote.secret));
        }
    }

    #[test]
    fn what_is_no_property_is_none() {
        let good = String::from_utf8(introduction().encode()).unwrap();
        let parts: Vec<&str> = good.split(';').collect();
        let with = |at: usize, part| {
            let mut parts = parts.clone();
            parts[at] = part;
            parts.join(";")
        };
        let wrong = [
            String::new(),
            ";;;".to_owned(),
            with(0, "2"),
            with(0, ""),
            with(1, "systemd"),
            with(1, "ringmq-"),
            with(1, "ringmq-../0123456789abcdef0123456789a"),
            with(2, ""),
            with(2, "-1"),
            with(2, "99999999999999999999"),
            with(3, ""),
            with(3, &parts[3][1..]),
            with(3, "+123456789abcdef0123456789abcdef0"),
            good[..good.len() - 1].to_owned(),
        ];
        for value in wrong {
            let read = Introduction::decode(value.as_bytes());
            assert!(read.is_none(), "{value}: {read:?}");
        }
        assert!(Introduction::decode(&[0xff; 60]).is_none());
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let ends = [end("127.0.0.1:5555"), end("[::1]:40000")];
        for from in [Whence::Connecting, Whence::Binding] {
            let secret = Secret::new().unwrap();
            let wrote = Hello {
                from,
                ticket: u64::MAX - 1,
                secret,
                ends,
            };
            let frame = wrote.encode();
            let read = Hello::decode(&frame).unwrap();
            assert_eq!(
                (read.from, read.ticket, read.ends),
                (from, wrote.ticket, ends)
            );
            assert!(read.secret.is(&secret));
            for at in 0..8 {
                let mut other = frame;
                other[at] ^= 0x40;
                assert!(Hello::decode(&other).is_none(), "byte {at}");
            }
        }
    }

    #[test]
    fn opposite_ends_have_each_others_addresses() {
        let (one, other) = (end("127.0.0.1:5555"), end("127.0.0.1:40000"));
        let hello = Hello {
            from: Whence::Connecting,
            ticket: 0,
            secret: Secret::new().unwrap(),
            ends: [one, other],
        };
        assert!(hello.is_opposite([other, one]));
        // A socket of both families has addresses of IPv4 in another form.
        assert!(hello.is_opposite([end("[::ffff:127.0.0.1]:40000"), one]));
        assert!(!hello.is_opposite([one, other]));
        assert!(!hello.is_opposite([end("127.0.0.1:40001"), one]));
        assert!(!hello.is_opposite([end("127.0.0.2:40000"), one]));
    }

    #[test]
    fn a_secret_is_itself_only_and_is_not_printed() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert!(one.is(&one) && !one.is(&other));
        assert_eq!(format!("{one:?}"), "Secret(..)");
    }
}
