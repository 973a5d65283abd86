//! kill -9 aimed at each step of going over to shared memory, of BACK and of TAKE BACK: the other side has whole
//! messages, in order, each once, serves the next peer, and keeps nothing of the dead one.
//!
//! Three processes take part. The test has the survivor's socket. The killer forks one victim after the other, and traces
//! it: it kills the victim at a system call of one of its threads, or some instructions later. Whatever a peer sees of
//! these steps is a frame, which is a system call, or a word in memory, which is one of the instructions between.

#[path = "aimed/victim.rs"]
mod victim;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, Kind, Socket, ZmtpReason};
use ringmq_testing::{
    Actor, Random, limit_descriptors, limit_memory, role, seed, spawn_role, watchdog,
};

use self::victim::{
    BEGUN, CALLS, DEAD, DESCRIPTORS, ENDED, Log, MEMORY, NEXT, RECEIVED, SENT, SMALL, STAGE,
    SURVIVOR, Script, Short, Side, UNDER_WAY, all_scripts, killer, make, read, receives, sends,
    use_up,
};
use crate::parts::{Held, is_shared, open, rings, socket};
use crate::places::Places;

/// What a survivor has sent and received, and what it does in turn.
struct Survivor {
    socket: Socket,
    kind: Kind,
    next: u64,
    /// Messages that came, and were not answered.
    owed: u64,
    /// One more than the last number that came of a victim, and of the peer after it.
    of_victim: u64,
    of_next: u64,
    /// Bytes of the next message that it sends.
    len: usize,
    /// How the messages go, as was last seen.
    carrier: Option<Carrier>,
}

impl Survivor {
    fn turn(&mut self) {
        let moment = Instant::now() + Duration::from_millis(1);
        if receives(self.kind)
            && let Ok(message) = self.socket.recv_deadline(moment)
        {
            let (from, number) = read(&message);
            let next = if from == NEXT {
                &mut self.of_next
            } else {
                &mut self.of_victim
            };
            assert_eq!(number, *next, "of {from}");
            *next += 1;
            self.owed += 1;
        }
        if self.kind == Kind::Push {
            self.owed = 1;
        }
        while sends(self.kind) && self.owed > 0 {
            let message = make(SURVIVOR, self.next, self.len);
            if self.socket.send_deadline(message, moment).is_err() {
                break;
            }
            self.owed -= 1;
            self.next += 1;
            self.len = SMALL;
        }
        if let Some(connection) = self.socket.connections().first()
            && connection.carrier != Carrier::Zmtp(ZmtpReason::PeerGone)
        {
            self.carrier = Some(connection.carrier);
        }
    }
}

/// A victim that has come to the end has gone over, or back.
fn went_as_it_should(script: &Script, survivor: &mut Survivor) {
    let right = match script.short {
        Short::Nothing => Carrier::SharedMemory,
        Short::Descriptors(Side::Survivor) | Short::Memory(Side::Survivor) => {
            Carrier::Zmtp(ZmtpReason::Resources)
        }
        _ => Carrier::Zmtp(ZmtpReason::RefusedByPeer(ringmq::RefusalReason::Resources)),
    };
    while survivor.socket.connections()[0].carrier != right {
        survivor.turn();
    }
    survivor.carrier = Some(right);
}

/// How far a victim came, as the survivor saw it: how messages went at last, and how many it had received and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reached {
    carrier: Option<Carrier>,
    received: u64,
    sent: u64,
}

/// What a survivor has not received.
const WERE_SENT: &str = "messages that were in shared memory";

/// Kills one victim; gives how many calls it had begun or ended, and how far it came.
struct Round<'a> {
    script: usize,
    victim_binds: bool,
    honest: bool,
    from: u64,
    calls: u64,
    steps: u64,
    killer: &'a mut Actor,
}

impl Round<'_> {
    fn run(&mut self) -> (u64, Reached) {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let before = Held::now();
        let script = all_scripts().nth(self.script).unwrap();
        let path = places.path("log");
        let mut log = File::options();
        let log = Log(log.read(true).write(true).create(true).open(&path).unwrap());
        let context = Context::new().unwrap();
        let mut survivor = Survivor {
            socket: socket(&context, script.survivor),
            kind: script.survivor,
            next: 0,
            owed: 0,
            of_victim: 0,
            of_next: 0,
            len: SMALL,
            carrier: None,
        };
        open(&mut survivor.socket, !self.victim_binds, &endpoint);
        let opened = Held::now();
        let binds = if self.victim_binds {
            "binds"
        } else {
            "connects"
        };
        let (which, honest, from) = (self.script, self.honest, self.from);
        let (calls, steps) = (self.calls, self.steps);
        self.killer.tell(&format!(
            "{which} {binds} {honest} {from} {calls} {steps} {path} {endpoint}"
        ));
        while log.get(STAGE) != BEGUN {
            survivor.turn();
        }
        let mut files = Vec::new();
        match script.short {
            Short::Descriptors(Side::Survivor) => files = use_up(),
            Short::Memory(Side::Survivor) => assert!(limit_memory(MEMORY)),
            _ => {}
        }
        if script.sends_large(Side::Survivor) {
            survivor.len = script.large();
        }
        self.killer.tell("go on");
        while log.get(STAGE) == BEGUN {
            survivor.turn();
        }
        if log.get(STAGE) == ENDED {
            went_as_it_should(script, &mut survivor);
            self.killer.tell("kill");
            while log.get(STAGE) != DEAD {
                survivor.turn();
            }
        }
        drop(files);
        assert!(limit_memory(1 << 46));
        if !self.victim_binds {
            while !survivor.socket.connections().is_empty() {
                survivor.turn();
            }
        }
        survivor.owed = 0;
        let reached = Reached {
            carrier: survivor.carrier,
            received: log.get(RECEIVED),
            sent: survivor.of_victim,
        };
        self.next_is_served(script, &endpoint, &mut survivor, &log);
        let sent = log.get(SENT);
        assert!(
            survivor.of_victim >= sent,
            "{} of {sent} {WERE_SENT}",
            survivor.of_victim
        );
        if self.victim_binds && sends(script.survivor) {
            // What was not read is kept for the next peer.
            Held::now().is_near(&opened);
        } else {
            opened.wait_idle(|| survivor.turn());
        }
        drop((survivor, context));
        let calls = log.get(CALLS);
        drop(log);
        before.wait(|| {});
        (calls, reached)
    }

    /// Another peer at the same endpoint is served, and gets nothing twice.
    fn next_is_served(&self, script: &Script, endpoint: &str, survivor: &mut Survivor, log: &Log) {
        let context = Context::new().unwrap();
        let mut next = socket(&context, script.victim);
        open(&mut next, self.victim_binds, endpoint);
        let received = log.get(RECEIVED);
        let (mut sent, mut came, mut wanted) = (0, 0, received);
        let goes_over = script.short == Short::Nothing && self.from.is_multiple_of(4);
        loop {
            if sends(script.victim)
                && (sent < 3 || goes_over)
                && next.try_send(make(NEXT, sent, SMALL)).is_ok()
            {
                sent += 1;
            }
            survivor.turn();
            while receives(script.victim)
                && let Ok(message) = next.try_recv()
            {
                let (from, number) = read(&message);
                assert_eq!(from, SURVIVOR);
                assert!(number >= wanted, "{number} instead of {wanted}");
                if came == 0 && script.survivor == Kind::Dealer {
                    let lost = number - received;
                    assert!(lost <= UNDER_WAY, "{lost} are lost");
                } else if came > 0 {
                    assert_eq!(number, wanted);
                }
                wanted = number + 1;
                came += 1;
            }
            let all_sent = !sends(script.victim) || survivor.of_next >= 3;
            let all_came = !receives(script.victim) || came >= 3;
            if all_sent && all_came && (!goes_over || is_shared(&mut next) && rings() > 0) {
                break;
            }
        }
        while survivor.of_next < sent {
            survivor.turn();
        }
    }
}

/// Kills at so many places of each script.
fn kill_at(test: &str, scripts: std::ops::Range<usize>, most: u64) {
    if role().is_some() {
        return killer();
    }
    assert!(limit_descriptors(DESCRIPTORS));
    let mut random = Random::new(seed());
    let mut killer = Actor::start(&mut spawn_role(test, "killer", &[]));
    let mut from = 0;
    for script in scripts {
        for victim_binds in [false, true] {
            let _guard = watchdog(Duration::from_secs(60 + most));
            let mut kill = |calls, steps| {
                let mut round = Round {
                    script,
                    victim_binds,
                    honest: true,
                    from,
                    calls,
                    steps,
                    killer: &mut killer,
                };
                from += 1;
                round.run()
            };
            let (all, end) = kill(u64::MAX, 0);
            let places = most.min(all);
            let mut seen = Vec::new();
            for place in 0..places {
                let (low, high) = (all * place / places, all * (place + 1) / places);
                let calls = low + random.below(high - low) + 1;
                let steps = if random.one_in(2) {
                    0
                } else {
                    random.below(3000)
                };
                let (_, reached) = kill(calls, steps);
                if !seen.contains(&reached) {
                    seen.push(reached);
                }
            }
            let what = all_scripts().nth(script).unwrap();
            println!("{what:?}, victims bind: {victim_binds}: {places} of {all} calls");
            println!("    {} ways, {:?} to {end:?}", seen.len(), seen[0]);
            assert!(seen.len() > 1, "{seen:?}");
        }
    }
    killer.tell("end");
    killer.finish();
}

/// Kills of one script, in the test that is always run, and in the long one. Most scripts have fewer calls than that.
const FEW: u64 = 8;
const MANY: u64 = 1000;

#[test]
fn a_peer_killed_while_it_goes_over_harms_no_other() {
    const TEST: &str = "aimed::a_peer_killed_while_it_goes_over_harms_no_other";
    kill_at(TEST, 0..3, FEW);
}

#[test]
fn a_peer_killed_while_one_side_goes_back_harms_no_other() {
    const TEST: &str = "aimed::a_peer_killed_while_one_side_goes_back_harms_no_other";
    kill_at(TEST, 3..5, FEW);
}

#[test]
fn a_peer_killed_while_messages_are_taken_back_harms_no_other() {
    const TEST: &str = "aimed::a_peer_killed_while_messages_are_taken_back_harms_no_other";
    kill_at(TEST, 5..7, FEW);
}

/// A victim that counts each message before it has sent it is wrong for a few instructions only. The kills find it.
#[test]
fn a_victim_that_counts_a_message_too_early_is_found() {
    const TEST: &str = "aimed::a_victim_that_counts_a_message_too_early_is_found";
    /// Kills until it is found, at most. About one in 200 finds it.
    const MOST: u64 = 2000;
    if role().is_some() {
        return killer();
    }
    let _guard = watchdog(Duration::from_secs(300));
    let mut killer = Actor::start(&mut spawn_role(TEST, "killer", &[]));
    let mut from = 0;
    let mut kill = |calls| {
        from += 1;
        let mut round = Round {
            script: 0,
            victim_binds: false,
            honest: false,
            from,
            calls,
            steps: 0,
            killer: &mut killer,
        };
        round.run()
    };
    let (all, _) = kill(u64::MAX);
    // It counts at the end, where its messages go in shared memory. The number of calls until there differs by a half.
    let mut random = Random::new(seed());
    let found = (0..MOST).find_map(|_| {
        let calls = all / 2 + random.below(all);
        catch_unwind(AssertUnwindSafe(|| kill(calls))).err()
    });
    println!("{from} kills");
    let found = found.unwrap().downcast::<String>().unwrap();
    assert!(found.ends_with(WERE_SENT), "{found}");
    killer.tell("end");
    killer.finish();
}

#[test]
#[ignore = "soak: a kill at every system call, or 1,000 of them"]
fn a_peer_killed_at_every_call_of_going_over_and_back_harms_no_other() {
    const TEST: &str = "aimed::a_peer_killed_at_every_call_of_going_over_and_back_harms_no_other";
    kill_at(TEST, 0..7, MANY);
}
