//! Who is let in.

use std::time::Duration;

use mio::Interest;
use ringmq_sys::Credentials;
use ringmq_testing::watchdog;
use ringmq_transport::{AcceptError, IpcFilter, Options, Setback};

use crate::reactor::{bind, connect, ipv6, until};

/// What the filters make of a connection from here.
fn is_let_in(text: &str, options: &Options) -> bool {
    let mut listener = bind(text, options);
    let _client = connect(listener.endpoint(), options).unwrap();
    until(&mut listener, Interest::READABLE);
    match listener.accept() {
        Ok(Some(_)) => true,
        Ok(None) => panic!("no connection"),
        Err(error @ AcceptError::Filtered { .. }) => {
            assert_eq!(error.setback(), Setback::Passing);
            assert!(listener.accept().unwrap().is_none(), "once is enough");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn addresses_are_filtered() {
    let _guard = watchdog(Duration::from_secs(60));
    for (filters, let_in) in [
        (&["127.0.0.1"][..], true),
        (&["127.0.0.0/8"], true),
        (&["10.0.0.0/8"], false),
        (&["10.0.0.0/8", "127.0.0.1/32"], true),
        (&["::1"], false),
        (&["0.0.0.0/0"], true),
    ] {
        let options = Options {
            accept_from: filters.iter().map(|f| f.parse().unwrap()).collect(),
            ..Options::default()
        };
        assert_eq!(
            is_let_in("tcp://127.0.0.1:*", &options),
            let_in,
            "{filters:?}"
        );
    }
}

#[test]
fn users_groups_and_processes_are_filtered() {
    let _guard = watchdog(Duration::from_secs(60));
    let Credentials { uid, gid, pid } = Credentials::own();
    let filter = |uids: &[u32], gids: &[u32], pids: &[i32]| IpcFilter {
        uids: uids.into(),
        gids: gids.into(),
        pids: pids.into(),
    };
    for (accept_whom, let_in) in [
        (filter(&[], &[], &[]), true),
        (filter(&[uid], &[], &[]), true),
        (filter(&[uid + 1], &[], &[]), false),
        (filter(&[], &[gid], &[]), true),
        (filter(&[], &[u32::MAX - 7], &[]), false),
        (filter(&[], &[], &[pid]), true),
        (filter(&[], &[], &[pid + 1]), false),
        (filter(&[uid + 1], &[], &[pid]), true),
    ] {
        let options = Options {
            accept_whom,
            ..Options::default()
        };
        assert_eq!(is_let_in("ipc://*", &options), let_in, "{options:?}");
    }
}

#[test]
fn ipv4_peers_of_an_ipv6_listener_have_mapped_addresses() {
    if !ipv6() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    for (filter, let_in) in [
        ("::ffff:127.0.0.0/104", true),
        ("127.0.0.0/8", true),
        ("10.0.0.0/8", false),
    ] {
        let options = Options {
            ipv6: true,
            accept_from: vec![filter.parse().unwrap()],
            ..Options::default()
        };
        assert_eq!(is_let_in("tcp://127.0.0.1:*", &options), let_in, "{filter}");
    }
}
