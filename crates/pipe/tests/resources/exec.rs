//! Fault 14: a program that is started sees none of our descriptors, at whatever moment it is started.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Listener, Options};
use ringmq_testing::{
    Actor, Scratch, abstract_name, inherited, listen, role, say, spawn_role, watchdog,
};

use crate::connected;

#[test]
fn a_started_program_inherits_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let before = inherited();
    let scratch = Scratch::new();
    let options = Options::new();
    let mut listener = Listener::bind(&scratch.path("socket"), &options).unwrap();
    let _ends = connected(&mut listener, &options);
    let _pair = options.pair().unwrap();
    // And one whose set-up is under way.
    let address = listener.address().parse().unwrap();
    let _silent = ringmq_sys::Stream::connect(&address, None).unwrap();
    let waiting = listener.attempt(Some(Instant::now()));
    assert!(matches!(waiting, Err(ConnectError::TimedOut)));
    assert_eq!(inherited(), before);
}

/// Nor in the moment between a call that makes a descriptor and another that would mark it: there is no
/// such moment.
#[test]
fn descriptors_are_born_close_on_exec() {
    const TEST: &str = "exec::descriptors_are_born_close_on_exec";
    if role().is_some() {
        let options = Options::new();
        say("ready");
        listen();
        let mut listener = Listener::bind(&abstract_name("exec"), &options).unwrap();
        let (mut left, right) = connected(&mut listener, &options);
        let _pair = options.pair().unwrap();
        let scratch = Scratch::new();
        drop(Listener::bind(&scratch.path("socket"), &options).unwrap());
        left.sender().send(b"hello").unwrap();
        drop((left, right));
        return say("done");
    }
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let trace = scratch.path("trace");
    let mut other = Actor::start(&mut spawn_role(TEST, "makes descriptors", &[]));
    assert_eq!(other.hear(), "ready");
    let calls = "trace=memfd_create,pipe,pipe2,epoll_create,epoll_create1,eventfd,eventfd2,socket,\
                 socketpair,accept,accept4,open,openat,dup,dup2,dup3,fcntl,recvmsg,pidfd_open";
    let strace = Command::new("strace")
        .args([
            "-f",
            "-o",
            &trace,
            "-p",
            &other.pid().to_string(),
            "-e",
            calls,
        ])
        .stderr(Stdio::piped())
        .spawn();
    let mut strace = match strace {
        Ok(strace) => strace,
        Err(error) => return eprintln!("skipped: strace: {error}"),
    };
    let mut line = String::new();
    let mut told = BufReader::new(strace.stderr.take().unwrap());
    told.read_line(&mut line).unwrap();
    if !line.contains("attached") {
        strace.wait().unwrap();
        return eprintln!("skipped: strace cannot attach here: {line}");
    }
    other.tell("go");
    assert_eq!(other.hear(), "done");
    other.finish();
    strace.wait().unwrap();
    let mut born = 0;
    for line in fs::read_to_string(&trace).unwrap().lines() {
        let makes = match line.split_once("fcntl(") {
            Some((_, arguments)) => arguments.contains("F_DUPFD"),
            None => !line.contains("recvmsg(") || line.contains("SCM_RIGHTS"),
        };
        // pidfd_open(2) has no flag for it: they are always close-on-exec.
        let always =
            line.contains("pidfd_open(") || line.contains("+++") || line.contains(" = -1 ");
        if makes && !always && !line.contains("resumed>") {
            assert!(line.contains("CLOEXEC"), "{line}");
            born += 1;
        }
    }
    // An end: two memories, two bells, each end of a bell once, two epolls; four that came, by one call.
    assert!(born > 40, "{born} calls");
}
