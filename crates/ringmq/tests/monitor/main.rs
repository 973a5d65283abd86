//! What monitors tell, ours to ours, and of peers that do not fit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carriers;
mod connections;
mod readers;
mod strangers;

use std::net::TcpListener;
use std::time::Duration;

use ringmq::{Context, EventKind, Kind, Monitor, MonitorError, MonitorEvent, Socket};
use ringmq_testing::soon;

const INTERVAL: Duration = Duration::from_millis(20);

/// The next event but for how messages travel, which has a test of its own.
fn next(monitor: &mut Monitor) -> MonitorEvent {
    loop {
        let event = monitor.recv_deadline(soon()).unwrap();
        if !matches!(event.kind, EventKind::CarrierChanged { .. }) {
            return event;
        }
    }
}

/// The next event but for `ConnectDelayed`, which ipc has not.
fn settled(monitor: &mut Monitor) -> MonitorEvent {
    let event = next(monitor);
    if event.kind == EventKind::ConnectDelayed {
        return next(monitor);
    }
    event
}

/// The monitor has stopped, and ends.
#[track_caller]
fn is_stopped(monitor: &mut Monitor) {
    assert_eq!(next(monitor).kind, EventKind::MonitorStopped);
    assert!(matches!(monitor.recv(), Err(MonitorError::Ended)));
    assert!(monitor.next().is_none());
}

/// A socket, and its monitor.
fn monitored(kind: Kind) -> (Socket, Monitor) {
    let mut socket = Context::new().unwrap().socket(kind).unwrap();
    socket
        .change_options(|options| options.reconnect_interval(INTERVAL))
        .unwrap();
    socket.set_linger(Duration::ZERO);
    let monitor = socket.monitor().unwrap();
    (socket, monitor)
}

#[track_caller]
fn is_disconnected(monitor: &mut Monitor) {
    let event = next(monitor).kind;
    assert!(matches!(event, EventKind::Disconnected { .. }), "{event:?}");
}

#[track_caller]
fn is_retried(monitor: &mut Monitor) {
    let EventKind::ConnectRetried { after } = next(monitor).kind else {
        panic!("not tried again");
    };
    assert!((INTERVAL..INTERVAL * 2).contains(&after), "{after:?}");
}

/// An endpoint without a listener.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}
