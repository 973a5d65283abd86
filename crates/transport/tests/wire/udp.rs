//! Datagrams: what endpoints stand for, and what is in a datagram.

use std::io::{ErrorKind, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};

use ringmq_testing::{Random, seed, until};
use ringmq_transport::{
    Endpoint, Options, ParseEndpointError, ResolveError, UdpAddress, UdpError, UdpSocket,
    datagram_address, datagram_name, split_datagram,
};
use socket2::SockRef;

use crate::reactor::ipv6;

fn address(text: &str) -> UdpAddress {
    match text.parse() {
        Ok(Endpoint::Udp(address)) => address,
        other => panic!("{text}: {other:?}"),
    }
}

fn six() -> Options {
    Options {
        ipv6: true,
        ..Options::default()
    }
}

fn bind(text: &str, options: &Options) -> UdpSocket {
    UdpSocket::bind(&address(text), options).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Where a bound socket is to be reached.
fn there(socket: &UdpSocket) -> UdpAddress {
    let Endpoint::Udp(address) = socket.endpoint() else {
        panic!("{:?}", socket.endpoint());
    };
    assert!(address.place.port.is_some_and(|port| port > 0));
    address.clone()
}

fn take(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let (mut room, mut taken) = ([0; 1000], None);
    until(|| match socket.recv(&mut room) {
        Ok((len, from)) => {
            taken = Some((room[..len].to_vec(), from));
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            false
        }
    });
    taken.unwrap()
}

#[test]
fn endpoints_are_parsed() {
    for (text, connects) in [
        ("udp://127.0.0.1:5555", true),
        ("udp://[::1]:123", true),
        ("udp://*:5555", false),
        ("udp://127.0.0.1:*", false),
        ("udp://127.0.0.1:0", true),
        ("udp://localhost:1", true),
        ("udp://239.0.0.1:1234", true),
        ("udp://*;239.0.0.1:1234", true),
        ("udp://eth0;239.0.0.1:1234", true),
        ("udp://[::1];[ff01::1]:5555", true),
    ] {
        let endpoint = Endpoint::Udp(address(text));
        assert_eq!(endpoint.to_string(), text);
        assert_eq!(endpoint.scheme(), "udp");
        let connected = UdpSocket::connect(&address(text), &Options::default());
        let is_wild = matches!(
            connected,
            Err(UdpError::Connect(ResolveError::Wildcard { .. }))
        );
        assert_eq!(is_wild, !connects, "{text}: {connected:?}");
        assert_eq!(endpoint.check_connect().is_ok(), connects, "{text}");
    }
    for text in ["udp://127.0.0.1", "udp://127.0.0.1;239.0.0.1", "udp://a:1;"] {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(
            matches!(error, ParseEndpointError::NoPort { .. }),
            "{text}: {error}"
        );
    }
    let error = "udp://127.0.0.1:none".parse::<Endpoint>().unwrap_err();
    assert!(matches!(error, ParseEndpointError::BadPort { .. }));
}

#[test]
fn what_cannot_be_combined_is_refused() {
    let refused = |text: &str, options: &Options| {
        let bound = UdpSocket::bind(&address(text), options).unwrap_err();
        let connected = UdpSocket::connect(&address(text), options).unwrap_err();
        (bound, connected)
    };
    for (text, options) in [
        ("udp://127.0.0.1;1.2.3.4:5555", Options::default()),
        ("udp://239.0.0.1;239.0.0.1:5555", Options::default()),
        ("udp://[::1];[fe00::1]:5555", six()),
    ] {
        if options.ipv6 && !ipv6() {
            continue;
        }
        let both = refused(text, &options);
        assert!(
            matches!(both, (UdpError::Group { .. }, UdpError::Group { .. })),
            "{text}: {both:?}"
        );
    }
    if ipv6() {
        let both = refused("udp://[::1];[ff01::1]:5555", &six());
        assert!(
            matches!(both, (UdpError::Unnamed { .. }, UdpError::Unnamed { .. })),
            "{both:?}"
        );
    }
    let both = refused("udp://none such;239.0.0.1:5555", &Options::default());
    assert!(
        matches!(both, (UdpError::Interface(_), UdpError::Interface(_))),
        "{both:?}"
    );
    let both = refused("udp://[::1]:5555", &Options::default());
    assert!(
        matches!(both, (UdpError::Bind(_), UdpError::Connect(_))),
        "{both:?}"
    );
    let elsewhere = UdpSocket::bind(&address("udp://192.0.2.77:*"), &Options::default());
    assert!(
        matches!(&elsewhere, Err(UdpError::Os { step: "bind", .. })),
        "{elsewhere:?}"
    );
}

#[test]
fn a_datagram_arrives_whole() {
    let bound = bind("udp://127.0.0.1:*", &Options::default());
    let sender = UdpSocket::connect(&there(&bound), &Options::default()).unwrap();
    let pieces = [b"a".as_slice(), b"", b"bc"].map(IoSlice::new);
    sender.send(&pieces, None).unwrap();
    let (datagram, from) = take(&bound);
    assert_eq!(datagram, b"abc");
    bound.send(&[IoSlice::new(b"")], Some(from)).unwrap();
    assert_eq!(take(&sender).0, b"");
    // Without an address it goes nowhere.
    let error = bound.send(&pieces, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    // What is too long is an error of this datagram.
    let long = [0; 100_000];
    sender.send(&[IoSlice::new(&long)], None).unwrap_err();
    sender.send(&pieces, None).unwrap();
    assert_eq!(take(&bound).0, b"abc");
}

#[test]
fn a_socket_of_ipv6_reaches_both_families() {
    let both = bind("udp://*:*", &six());
    let four = bind("udp://127.0.0.1:*", &Options::default());
    let port = there(&four).place.port.unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    both.send(&[IoSlice::new(b"hi")], Some(to)).unwrap();
    let (datagram, from) = take(&four);
    assert_eq!(datagram, b"hi");
    four.send(&[IoSlice::new(b"ho")], Some(from)).unwrap();
    let (datagram, from) = take(&both);
    assert_eq!(datagram, b"ho");
    assert_eq!(datagram_name(from), format!("{to}\0").into_bytes());
}

#[test]
fn ports_that_the_system_chooses_differ_and_named_ones_are_shared() {
    let one = bind("udp://127.0.0.1:*", &Options::default());
    let others: Vec<_> = (0..200)
        .map(|_| bind("udp://127.0.0.1:*", &Options::default()))
        .collect();
    let mut ports: Vec<_> = others.iter().map(|other| there(other).place.port).collect();
    ports.push(there(&one).place.port);
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), others.len() + 1);
    UdpSocket::bind(&there(&one), &Options::default()).unwrap();
}

#[test]
fn members_of_a_group_receive_what_is_sent_to_it() {
    let options = Options::default();
    let first = bind("udp://127.0.0.1;239.255.77.1:*", &options);
    let port = there(&first).place.port.unwrap();
    let second = bind(&format!("udp://lo;239.255.77.1:{port}"), &options);
    let stranger = bind(&format!("udp://127.0.0.1;239.255.77.2:{port}"), &options);
    let send = |group: &str| {
        let to = address(&format!("udp://127.0.0.1;{group}:{port}"));
        let sender = UdpSocket::connect(&to, &options).unwrap();
        sender
            .send(&[IoSlice::new(group.as_bytes())], None)
            .unwrap();
    };
    send("239.255.77.1");
    send("239.255.77.2");
    for member in [&first, &second] {
        assert_eq!(take(member).0, b"239.255.77.1");
    }
    assert_eq!(take(&stranger).0, b"239.255.77.2");
    let mut room = [0; 10];
    for socket in [&first, &second, &stranger] {
        let error = socket.recv(&mut room).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

/// The loopback reflects datagrams that the kernel does not, so the options are looked at.
#[test]
fn how_far_a_group_reaches_is_an_option() {
    let options = Options {
        multicast_loop: false,
        multicast_hops: 7,
        ..Options::default()
    };
    let group = address("udp://127.0.0.1;239.255.77.1:5555");
    let far = UdpSocket::connect(&group, &options).unwrap();
    let far = SockRef::from(&far);
    assert!(!far.multicast_loop_v4().unwrap());
    assert_eq!(far.multicast_ttl_v4().unwrap(), 7);
    assert_eq!(far.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
    let near = UdpSocket::connect(&group, &Options::default()).unwrap();
    let near = SockRef::from(&near);
    assert!(near.multicast_loop_v4().unwrap());
    assert_eq!(near.multicast_ttl_v4().unwrap(), 1);
    let too_far = Options {
        multicast_hops: 256,
        ..Options::default()
    };
    let error = UdpSocket::connect(&group, &too_far).unwrap_err();
    assert!(matches!(error, UdpError::Os { .. }));
    let group = address("udp://lo;[ff12::7777]:5555");
    let options = Options {
        ipv6: true,
        ..options
    };
    if let Ok(far) = UdpSocket::connect(&group, &options) {
        let far = SockRef::from(&far);
        if far.domain().unwrap() == socket2::Domain::IPV6 {
            assert!(!far.multicast_loop_v6().unwrap());
            assert_eq!(far.multicast_hops_v6().unwrap(), 7);
        }
    }
}

#[test]
fn members_of_an_ipv6_group_receive_what_is_sent_to_it() {
    let Ok(bound) = UdpSocket::bind(&address("udp://lo;[ff12::7777]:*"), &six()) else {
        eprintln!("the loopback has no IPv6");
        return;
    };
    let sender = UdpSocket::connect(&there(&bound), &six()).unwrap();
    if let Err(error) = sender.send(&[IoSlice::new(b"six")], None) {
        eprintln!("the loopback has no multicast of IPv6: {error}");
        return;
    }
    assert_eq!(take(&bound).0, b"six");
}

/// What a datagram is split into is what it was made of, and nothing is outside of it.
#[test]
fn datagrams_are_split_as_they_were_made() {
    let mut random = Random::new(seed());
    for _ in 0..20_000 {
        let len = random.below(300) as usize;
        let bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        match split_datagram(&bytes) {
            Some((group, body)) => {
                let head = [group.len() as u8];
                assert_eq!([&head, group, body].concat(), bytes);
            }
            None => assert!(
                bytes
                    .first()
                    .is_none_or(|group| usize::from(*group) >= bytes.len())
            ),
        }
        // Any bytes at all are an address or none.
        if let Some(address) = datagram_address(&bytes) {
            let mut canonical = address;
            canonical.set_ip(address.ip().to_canonical());
            assert_eq!(datagram_address(&datagram_name(address)), Some(canonical));
        }
    }
}

#[test]
fn addresses_have_names() {
    for text in ["127.0.0.1:1", "255.255.255.255:65535", "[::1]:5555"] {
        let name = datagram_name(text.parse().unwrap());
        assert_eq!(name, format!("{text}\0").into_bytes());
        for part in [text.as_bytes(), &name, &[&name[..], b"and more"].concat()] {
            assert_eq!(datagram_address(part), text.parse().ok());
        }
    }
    for part in [
        "",
        "\0",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "localhost:1",
        "::1:5555",
        " 127.0.0.1:1",
        "127.0.0.1:1 ",
    ] {
        assert_eq!(datagram_address(part.as_bytes()), None, "{part:?}");
    }
}
