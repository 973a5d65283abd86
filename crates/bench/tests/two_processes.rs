//! Each transport between two real processes: this test's program, started again as [`role_peer`].

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ringmq_bench::compare::{Comparison, Effort, Part, Plan, Step};
use ringmq_bench::{Bodies, Face, FarSides, Large, Mechanism, Pattern, Sockets, Touch};
use ringmq_bench::{
    Error, Libraries, Measured, Outcome, PEER_MARK, Pin, Program, Report, Rtt, Size, Spec,
    Transport, Work, allowed_cpus, run,
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Not a test: what a side of a measurement runs.
#[test]
fn role_peer() {
    if std::env::var_os(PEER_MARK).is_some() {
        ringmq_bench::peer().unwrap();
    }
}

fn program() -> Program {
    Program::this(["role_peer", "--exact", "--nocapture"]).unwrap()
}

fn latency(spec: &Spec) -> Rtt {
    let Measured::Latency(samples) = run(spec, &program()).unwrap() else {
        panic!("{spec} measured no latency");
    };
    assert_eq!(samples.count(), spec.count, "{spec}");
    Rtt::of(&samples)
}

#[test]
fn round_trips_are_counted_and_ordered() {
    for transport in Transport::ALL {
        let rtt = latency(&Spec::new(Work::Latency, transport).with_count(100));
        let Rtt {
            min,
            p50,
            p99,
            p999,
            max,
        } = rtt;
        assert!(0 < min && min <= p50, "{transport}: {rtt:?}");
        assert!(
            p50 <= p99 && p99 <= p999 && p999 <= max,
            "{transport}: {rtt:?}"
        );
    }
}

#[test]
fn messages_after_a_pause_say_when_they_were_sent() {
    for transport in Transport::ALL {
        let spec = Spec::new(Work::Latency, transport).with_size(Size(8));
        let spec = spec.with_pause("300us".parse().unwrap()).with_count(10);
        let start = Instant::now();
        let rtt = latency(&spec);
        assert!(start.elapsed() >= Duration::from_millis(3), "{spec}");
        assert!(0 < rtt.min && rtt.min <= rtt.p50, "{spec}: {rtt:?}");
    }
}

#[test]
fn payload_of_any_size_goes_there_and_back() {
    for transport in Transport::ALL
        .into_iter()
        .filter(|transport| *transport != Transport::Eventfd)
    {
        for size in [1, 7, 1000, 1 << 20] {
            latency(
                &Spec::new(Work::Latency, transport)
                    .with_size(Size(size))
                    .with_count(10),
            );
        }
    }
}

#[test]
fn one_cpu_is_enough() {
    let only = allowed_cpus()[0];
    let spec = Spec::new(Work::Latency, Transport::Unix).with_count(100);
    latency(&spec.clone().with_pin(Pin::Cpus(only, only)));
    latency(&spec.with_pin(Pin::None));
}

#[test]
fn messages_one_way_all_arrive() {
    for transport in Transport::ALL
        .into_iter()
        .filter(|transport| *transport != Transport::Eventfd)
    {
        for (size, count) in [(1, 10_000), (64, 10_000), (100_000, 100)] {
            let spec = Spec::new(Work::Throughput, transport)
                .with_size(Size(size))
                .with_count(count);
            let measured = run(&spec, &program()).unwrap();
            let rate = Report::new(&spec, &measured).outcome.rate().unwrap();
            assert!(rate.msgs_per_s > 0.0, "{spec}");
            assert!(
                (rate.bytes_per_s / rate.msgs_per_s - size as f64).abs() < 0.01,
                "{spec}"
            );
        }
    }
}

/// Specs of `work` with the sockets of each library that is here, over each transport that it can be measured of.
fn of_each_library(work: Work, transports: &[Transport], pattern: Pattern) -> Vec<Spec> {
    let libraries = Libraries::look();
    let here = Face::ALL.into_iter().filter(|face| libraries.has(*face));
    let specs = here.flat_map(|face| {
        let spec = move |transport: &Transport| {
            Spec::new(work, *transport).with_sockets(Sockets { pattern, face })
        };
        transports.iter().map(spec)
    });
    specs.collect()
}

#[test]
fn sockets_of_each_library_carry_what_they_are_given() {
    for pattern in [Pattern::Pair, Pattern::ReqRep, Pattern::PushPull] {
        for spec in of_each_library(Work::Latency, &Transport::ZMQ, pattern) {
            latency(&spec.clone().with_count(100));
            latency(&spec.with_size(Size(1 << 20)).with_count(5));
        }
    }
    for pattern in [Pattern::Pair, Pattern::PushPull] {
        for spec in of_each_library(Work::Throughput, &Transport::ZMQ, pattern) {
            for (size, count) in [(8, 10_000), (65_536, 200)] {
                let spec = spec.clone().with_size(Size(size)).with_count(count);
                let measured = run(&spec, &program()).unwrap();
                assert!(Outcome::of(&spec, &measured).rate().is_some(), "{spec}");
            }
        }
    }
}

/// The ways of bodies that a library and the pipe have.
fn ways(spec: &Spec) -> impl Iterator<Item = Spec> {
    let ways = Bodies::ALL.into_iter().flat_map(|bodies| {
        let way = move |touch| Large {
            bodies,
            touch,
            ..Large::default()
        };
        Touch::ALL.map(way)
    });
    let specs = ways.map(|large| spec.clone().with_large(large));
    let possible: Vec<_> = specs.filter(|spec| spec.check().is_ok()).collect();
    assert!(possible.len() >= 2, "{spec}");
    possible.into_iter()
}

#[test]
fn large_bodies_go_there_and_back_however_they_are_copied() {
    let transports = [Transport::ZmqIpc, Transport::ZmqTcp];
    let mut specs = of_each_library(Work::Latency, &transports, Pattern::ReqRep);
    specs.extend(of_each_library(Work::Latency, &transports, Pattern::Pair));
    specs.push(Spec::new(Work::Latency, Transport::Pipe));
    for spec in specs.iter().flat_map(ways) {
        for size in [16, 5000, 1 << 20] {
            latency(&spec.clone().with_size(Size(size)).with_count(5));
        }
    }
}

/// Runs messages in one direction. The sides check that each one arrives.
fn one_way(spec: &Spec) {
    let measured = run(spec, &program()).unwrap();
    let rate = Outcome::of(spec, &measured).rate();
    assert!(rate.unwrap().msgs_per_s > 0.0, "{spec}");
}

#[test]
fn large_bodies_one_way_all_arrive() {
    let transports = [Transport::ZmqIpc, Transport::ZmqTcp];
    let mut specs = of_each_library(Work::Throughput, &transports, Pattern::PushPull);
    specs.push(Spec::new(Work::Throughput, Transport::Pipe));
    for spec in specs.iter().flat_map(ways) {
        for (size, count) in [(4096, 500), (1 << 20, 50)] {
            one_way(&spec.clone().with_size(Size(size)).with_count(count));
        }
    }
}

#[test]
fn each_subscriber_gets_every_large_body() {
    let transports = [Transport::ZmqIpc, Transport::ZmqTcp];
    let specs = of_each_library(Work::Throughput, &transports, Pattern::PubSub);
    for spec in specs.iter().flat_map(ways) {
        let spec = spec.with_size(Size(1 << 20)).with_pin(Pin::None);
        let large = spec.large.unwrap();
        for count in [1, 4] {
            let far_sides = FarSides::new(count).unwrap();
            let spec = spec.clone().with_large(Large { far_sides, ..large });
            one_way(&spec.with_count(40));
        }
    }
}

#[test]
fn each_of_several_sides_is_named_when_it_fails() {
    let mute = Program::this(["no_such_test", "--exact"]).unwrap();
    let large = Large {
        far_sides: FarSides::new(3).unwrap(),
        ..Large::default()
    };
    let spec = Spec::new(Work::Throughput, Transport::ZmqIpc).with_large(large);
    let pattern = Pattern::PubSub;
    let spec = spec.with_sockets(Sockets {
        pattern,
        face: Face::Rust,
    });
    let error = run(&spec, &mute).unwrap_err();
    assert!(matches!(error, Error::Side { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("copied, ends, to 3"), "{text}");
    assert!(
        text.contains("the far side ended without an answer"),
        "{text}"
    );
}

#[test]
fn short_lived_peers_of_each_library_have_their_reply() {
    let transports = [Transport::ZmqIpc, Transport::ZmqTcp];
    for spec in of_each_library(Work::Connect, &transports, Pattern::ReqRep) {
        let spec = spec.with_count(20);
        let Measured::Connect { samples, near, far } = run(&spec, &program()).unwrap() else {
            panic!("{spec} measured no replies");
        };
        assert!(samples.count() == 20 && samples.min() > 0, "{spec}");
        assert!(!near.is_zero() && !far.is_zero(), "{spec}");
    }
}

#[test]
fn each_library_has_each_mechanism() {
    let transports = [Transport::ZmqIpc, Transport::ZmqTcp];
    for mechanism in [Mechanism::Plain, Mechanism::Curve] {
        for spec in of_each_library(Work::Latency, &transports, Pattern::ReqRep) {
            latency(&spec.with_mechanism(mechanism).with_count(50));
        }
        for spec in of_each_library(Work::Throughput, &transports, Pattern::PushPull) {
            let spec = spec.with_mechanism(mechanism).with_count(1000);
            let measured = run(&spec, &program()).unwrap();
            assert!(Outcome::of(&spec, &measured).rate().is_some(), "{spec}");
        }
        for spec in of_each_library(Work::Connect, &transports, Pattern::ReqRep) {
            let spec = spec.with_mechanism(mechanism).with_count(10);
            let Measured::Connect { samples, .. } = run(&spec, &program()).unwrap() else {
                panic!("{spec} measured no replies");
            };
            assert_eq!(samples.count(), 10, "{spec}");
        }
    }
}

#[test]
fn connections_of_each_library_cost_memory() {
    let transports = [Transport::ZmqIpc, Transport::ZmqTcp];
    for spec in of_each_library(Work::Memory, &transports, Pattern::PushPull) {
        let spec = spec.with_count(200);
        let Measured::Memory { near, far } = run(&spec, &program()).unwrap() else {
            panic!("{spec} measured no memory");
        };
        assert!(near > 0 && far > 0, "{spec}: {near}, {far}");
    }
}

#[test]
fn a_side_that_does_not_answer_is_named() {
    // The harness runs no test of this name and ends well, without a word to the supervisor.
    let mute = Program::this(["no_such_test", "--exact"]).unwrap();
    let spec = Spec::new(Work::Latency, Transport::Unix);
    let error = run(&spec, &mute).unwrap_err();
    assert!(matches!(error, Error::Side { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("latency of unix") && text.contains("side ended without an answer"),
        "{text}"
    );
}

/// Starts a run that takes hours, sends `signal` to a far side of it, and says how the run ended.
fn disturb(spec: Spec, mark: &'static str, signal: Signal) -> String {
    // A mark among the arguments, by which the side is found; the harness makes nothing of it.
    let args = ["role_peer", "--exact", "--nocapture", "--skip", mark];
    let program = Program::this(args)
        .unwrap()
        .with_patience(Duration::from_secs(1));
    let spec = spec.with_count(1 << 40);
    let run = std::thread::spawn(move || run(&spec, &program).unwrap_err().to_string());
    // A watchdog of this test.
    let until = Instant::now() + Duration::from_secs(60);
    let far = loop {
        if let Some(far) = find_far_side(mark) {
            break far;
        }
        assert!(Instant::now() < until, "no far side was started");
        std::thread::yield_now();
    };
    kill_process(far, signal).unwrap();
    let error = run.join().unwrap();
    assert!(
        test_kill_process(far).is_err(),
        "the far side is still there"
    );
    error
}

/// A far side with `mark` among its arguments.
fn find_far_side(mark: &str) -> Option<Pid> {
    let far = format!("{PEER_MARK}=far");
    let holds = |folder: &Path, file: &str, word: &str| {
        let text = fs::read(folder.join(file)).unwrap_or_default();
        text.split(|byte| *byte == 0)
            .any(|found| found == word.as_bytes())
    };
    let folders = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut ours = folders.filter(|at| holds(at, "cmdline", mark) && holds(at, "environ", &far));
    Pid::from_raw(ours.next()?.file_name()?.to_str()?.parse().ok()?)
}

#[test]
fn a_side_that_is_killed_ends_the_run() {
    let spec = Spec::new(Work::Latency, Transport::Eventfd);
    let error = disturb(spec, "mark_killed", Signal::KILL);
    assert!(
        error.contains("the far side was killed by signal 9"),
        "{error}"
    );
}

#[test]
fn a_subscriber_that_is_killed_ends_the_run() {
    let large = Large {
        bodies: Bodies::InPlace,
        far_sides: FarSides::new(3).unwrap(),
        ..Large::default()
    };
    let spec = Spec::new(Work::Throughput, Transport::ZmqIpc).with_size(Size(4096));
    let spec = spec.with_large(large).with_sockets(Sockets {
        pattern: Pattern::PubSub,
        face: Face::Rust,
    });
    let error = disturb(spec, "mark_subscriber", Signal::KILL);
    assert!(
        error.contains("the far side was killed by signal 9"),
        "{error}"
    );
}

#[test]
fn a_side_that_hangs_ends_the_run() {
    let spec = Spec::new(Work::Latency, Transport::Eventfd);
    let error = disturb(spec, "mark_stopped", Signal::STOP);
    assert!(error.contains("hangs: no message for 1 s"), "{error}");
}

#[test]
fn a_comparison_has_all_its_rows() {
    let plan = Plan::new(None, &[Part::Pipe], &Libraries::look());
    let effort = Effort {
        rounds: 1,
        time: Duration::from_millis(1),
    };
    let program = program();
    let (mut ran, mut expected, mut sections) = (0, 0, Vec::new());
    for step in Comparison::new(plan, effort, &program) {
        match step.unwrap() {
            Step::Ran { done, total, .. } => {
                ran += 1;
                assert_eq!(done, ran);
                expected = total;
            }
            Step::Section(section) => sections.push(section),
        }
    }
    assert_eq!((ran, sections.len()), (expected, 1));
    let rows = &sections[0].rows;
    assert!(rows[0].is_floor && rows[0].ratio == 1.0);
    for row in rows {
        assert!(row.samples.count() >= 1000, "{}", row.name);
        assert!(
            matches!(row.outcome, Outcome::Rtt(rtt) if rtt.p50 > 0),
            "{}",
            row.name
        );
        assert!(row.ratio > 0.0, "{}", row.name);
    }
}
