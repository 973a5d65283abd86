//! What is an endpoint, how it is displayed, what may be connected to. Facts of libzmq's, most of them
//! tried on version 4.3.4.

use ringmq_testing::{Random, seed};
use ringmq_transport::{AddressError, Endpoint, ParseEndpointError as Error};

#[test]
fn what_is_accepted_and_how_it_is_displayed() {
    // (text, canonical, good for connecting)
    for (text, canonical, connect) in [
        ("tcp://localhost:1234", "", true),
        ("tcp://127.0.0.1:5555", "", true),
        ("tcp://127.1:5555", "", true),
        ("tcp://[127.0.0.1]:5555", "tcp://127.0.0.1:5555", true),
        ("tcp://[::1]:1234", "", true),
        ("tcp://::1:1234", "tcp://[::1]:1234", true),
        ("tcp://[0:0:0::0001]:1234", "tcp://[::1]:1234", true),
        ("tcp://[::ffff:1.2.3.4]:1", "", true),
        ("tcp://[fe80::1%eth0]:5555", "", true),
        ("tcp://fe80::1%2:5555", "tcp://[fe80::1%2]:5555", true),
        ("tcp://lo%lo:0", "", true),
        ("tcp://host:0", "", true),
        ("tcp://host:8bad", "tcp://host:8", true),
        ("tcp://a_b-c.d:1", "", true),
        ("tcp://192.168.1.17:5555;192.168.1.1:5555", "", true),
        ("tcp://127.0.0.1:0;localhost:1234", "", true),
        ("tcp://127.0.0.1:*;localhost:1234", "", true),
        ("tcp://lo:5555;localhost:1235", "", true),
        (
            "tcp://::1:5555;::1:1235",
            "tcp://[::1]:5555;[::1]:1235",
            true,
        ),
        ("tcp://:80", "", true),
        ("tcp://[::1:5", "", true),
        ("tcp://[ip.zeromq].org:22", "", true),
        // For bind only.
        ("tcp://*:5555", "", false),
        ("tcp://*:*", "", false),
        ("tcp://*:0", "", false),
        ("tcp://eth0:*", "", false),
        ("tcp://[::]:*", "", false),
        ("tcp://*:*;localhost:1", "", false),
        ("tcp://192.168.0.200:*", "", false),
        // For neither, but that is found out later.
        ("tcp://in val id:1234", "", false),
        ("tcp://a/b:1", "", false),
        ("tcp://_a:1", "", false),
        ("tcp://-a:1", "", false),
        ("tcp://ä:1", "", false),
        ("ipc:///tmp/socket", "", true),
        ("ipc://relative/socket", "", true),
        ("ipc://@name", "", true),
        ("ipc://name with spaces: and ;", "", true),
        ("ipc://*", "", false),
        ("ipc://*more", "ipc://*", false),
        ("inproc://name", "", true),
        ("inproc://*", "", true),
        ("inproc://a://b", "", true),
    ] {
        let endpoint: Endpoint = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        let canonical = if canonical.is_empty() {
            text
        } else {
            canonical
        };
        assert_eq!(endpoint.to_string(), canonical);
        assert_eq!(canonical.parse::<Endpoint>().as_ref(), Ok(&endpoint));
        assert!(canonical.starts_with(endpoint.scheme()));
        let checked = endpoint.check_connect();
        assert_eq!(checked.is_ok(), connect, "{text}");
        if let Err(error) = checked {
            let endpoint = canonical.to_owned();
            assert_eq!(error, Error::NotForConnect { endpoint });
        }
    }
}

#[test]
fn what_is_refused_and_why() {
    let parse = |text: &str| text.parse::<Endpoint>().unwrap_err();
    for text in ["", "x", "tcp:/x", "tcp:127.0.0.1:1", "://x", "://"] {
        assert_eq!(parse(text), Error::NoScheme { text: text.into() });
    }
    for (text, scheme) in [
        ("invalid://localhost:1234", "invalid"),
        ("TCP://127.0.0.1:1", "TCP"),
        ("pgm://127.0.0.1:1", "pgm"),
        (" tcp://127.0.0.1:1", " tcp"),
    ] {
        let scheme = scheme.to_owned();
        assert_eq!(parse(text), Error::UnknownScheme { scheme });
    }
    for scheme in ["tcp", "ipc", "inproc", "udp"] {
        assert_eq!(parse(&format!("{scheme}://")), Error::Empty { scheme });
    }
    assert!(matches!(parse("foo://"), Error::Empty { .. }));
    for (text, of) in [
        ("tcp://127.0.0.1", "127.0.0.1"),
        ("tcp://*", "*"),
        ("tcp://a;b:1", "a"),
        ("tcp://a:1;b", "b"),
        ("tcp://a:1;", ""),
    ] {
        assert_eq!(parse(text), Error::NoPort { text: of.into() });
    }
    for port in [
        "",
        "bad",
        "invalid",
        "65536",
        "99999999999",
        "-1",
        "00",
        "8 0",
        " 80",
        "**",
    ] {
        let text = format!("tcp://127.0.0.1:{port}");
        assert_eq!(parse(&text), Error::BadPort { port: port.into() });
    }
    assert_eq!(parse("ipc://@"), Error::Name(AddressError::Empty));
    assert_eq!(
        parse("ipc:///a\0"),
        Error::Name(AddressError::Nul { at: 2 })
    );
}

#[test]
fn a_name_has_107_bytes_with_all_that_belongs_to_it() {
    for first in ["/", "@", "x"] {
        let longest = format!("ipc://{first}{}", "x".repeat(106));
        assert!(longest.parse::<Endpoint>().is_ok());
        let longer = format!("{longest}x").parse::<Endpoint>();
        let refused = AddressError::TooLong { len: 108, max: 107 };
        assert_eq!(longer, Err(Error::Name(refused)));
    }
}

#[test]
fn whatever_parses_is_the_same_after_display() {
    let mut random = Random::new(seed());
    let pieces = [
        "tcp://",
        "ipc://",
        "inproc://",
        ":",
        "*",
        ";",
        "[",
        "]",
        "%",
        "::1",
        "1.2.3.4",
        "eth0",
        "5555",
        "0",
        "/",
        "@",
        "fe80::",
        "ü",
        " ",
    ];
    let mut accepted = 0;
    for _ in 0..50_000 {
        let mut text = String::from(pieces[random.within(0..3)]);
        for _ in 0..random.within(1..9) {
            text.push_str(pieces[random.within(3..pieces.len())]);
        }
        let Ok(endpoint) = text.parse::<Endpoint>() else {
            continue;
        };
        accepted += 1;
        let displayed = endpoint.to_string();
        assert_eq!(
            displayed.parse(),
            Ok(endpoint),
            "{text} displayed as {displayed}"
        );
    }
    assert!(accepted > 1000, "{accepted}");
}
