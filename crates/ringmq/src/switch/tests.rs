//! Two switches against each other, in every order, and the table of one.

mod explore;
mod oracle;
mod rows;
mod table;
mod walk;
mod world;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ringmq_testing::{Random, Seeded, seed, watchdog};

use self::explore::{Explored, explore};
use self::walk::walk;
use self::world::{Budget, Fault, Item, Setup, Step, Uses, World};
use super::*;

const LIMIT: Duration = Duration::from_secs(240);

/// One direction: the first side, which has dialed, sends to the second.
fn one_way(budget: Budget) -> Setup {
    Setup {
        uses: [Uses::SENDS, Uses::RECEIVES],
        possible: [Ok(()); 2],
        dialer: 0,
        budget,
        wire: 4,
        agreed: true,
        fault: None,
    }
}

/// Explores, and demands that there are so many states: fewer would show that something is not tried any more.
fn every_order(setup: &Setup, states: usize) -> Explored {
    let _guard = watchdog(LIMIT);
    let explored = explore(setup).unwrap_or_else(|why| panic!("{why}"));
    println!(
        "{} states, {} quiet, {} violations, {} ways",
        explored.states,
        explored.quiet,
        explored.violations,
        explored.ways.len()
    );
    assert!(explored.quiet > 0);
    assert_eq!(explored.states, states, "{setup:?}");
    explored
}

#[test]
fn agreement_in_every_order() {
    for (refusals, states) in [(0, 433), (1, 2762)] {
        let budget = Budget {
            messages: [1, 0],
            refusals,
            ..Budget::NONE
        };
        let setup = Setup {
            uses: [Uses::BOTH; 2],
            agreed: false,
            ..one_way(budget)
        };
        every_order(&setup, states);
    }
}

#[test]
fn one_direction_in_every_order() {
    let budget = Budget {
        messages: [4, 0],
        send_short: [1, 0],
        send_full: [1, 0],
        receive_short: [0, 1],
        ..Budget::NONE
    };
    for dialer in 0..2 {
        let setup = Setup {
            dialer,
            ..one_way(budget)
        };
        every_order(&setup, 12616);
    }
}

#[test]
fn mappings_run_short_in_every_order() {
    for (misses, give_backs, states) in [
        ([0, 1], [0, 0], 2564),
        ([0, 0], [1, 1], 64956),
        ([0, 1], [0, 1], 41126),
    ] {
        let budget = Budget {
            messages: [3, 0],
            send_short: [1, 0],
            misses,
            give_backs,
            ..Budget::NONE
        };
        let explored = every_order(&one_way(budget), states);
        let dropped = explored.ways.iter().any(|way| way.1 == Receiving::Dropped);
        assert_eq!(dropped, give_backs[1] > 0);
    }
}

#[test]
fn two_directions_in_every_order() {
    let budget = Budget {
        messages: [2, 1],
        send_short: [1, 0],
        receive_short: [1, 1],
        ..Budget::NONE
    };
    let setup = Setup {
        uses: [Uses::BOTH; 2],
        wire: 3,
        ..one_way(budget)
    };
    every_order(&setup, 25477);
}

#[test]
fn closes_in_every_order() {
    let mut ways = HashSet::new();
    for (closes, dialer, states) in [
        ([1, 0], 0, 4780),
        ([1, 0], 1, 4780),
        ([0, 1], 0, 19398),
        ([0, 1], 1, 18963),
    ] {
        let budget = Budget {
            messages: [2, 0],
            send_short: [1, 0],
            send_full: [1, 0],
            receive_short: [0, 1],
            closes,
            ..Budget::NONE
        };
        let setup = Setup {
            dialer,
            ..one_way(budget)
        };
        ways.extend(every_order(&setup, states).ways);
    }
    // Every state after the agreement, but those that take a death (a sender is held) and a lack of mappings (a receiver
    // is dropped).
    let sending: HashSet<Sending> = ways.iter().map(|way| way.0).collect();
    let receiving: HashSet<Receiving> = ways.iter().map(|way| way.1).collect();
    assert_eq!((sending.len(), receiving.len()), (11, 7), "{ways:?}");
}

#[test]
fn deaths_in_every_order() {
    let mut held = false;
    for (deaths, states) in [([1, 0], 1105), ([0, 1], 68661)] {
        let budget = Budget {
            messages: [2, 0],
            send_short: [1, 0],
            receive_short: [0, 1],
            deaths,
            reconnects: 1,
            ..Budget::NONE
        };
        let explored = every_order(&one_way(budget), states);
        held |= explored.ways.iter().any(|way| way.0 == Sending::Held);
    }
    assert!(held);
}

/// The side that dialed ends a connection by itself, and connects to the same process again: nothing comes twice.
#[test]
fn a_live_peer_is_left_in_every_order() {
    let budget = Budget {
        messages: [2, 0],
        send_short: [1, 0],
        severs: 1,
        reconnects: 1,
        ..Budget::NONE
    };
    let setup = Setup {
        wire: 3,
        ..one_way(budget)
    };
    every_order(&setup, 193_689);
}

#[test]
fn a_liar_in_every_order() {
    for (agreed, send_short, states) in [(false, 0, 27575), (true, 1, 97271)] {
        let budget = Budget {
            messages: [2, 0],
            send_short: [send_short, 0],
            lies: 2,
            ..Budget::NONE
        };
        let setup = Setup {
            uses: [Uses::BOTH; 2],
            agreed,
            ..one_way(budget)
        };
        let explored = every_order(&setup, states);
        assert!(explored.violations > 1000, "{explored:?}");
    }
}

/// The oracle finds each deliberate fault of a session, which shows that it can fail.
#[test]
fn every_fault_is_found() {
    let _guard = watchdog(LIMIT);
    let setup = |fault| Setup {
        fault: Some(fault),
        ..one_way(Budget {
            messages: [3, 0],
            send_short: [1, 0],
            receive_short: [0, 1],
            closes: [1, 0],
            severs: u8::from(fault == Fault::SendsAgain),
            reconnects: u8::from(fault == Fault::SendsAgain),
            ..Budget::NONE
        })
    };
    for fault in Fault::ALL {
        let found = explore(&setup(fault));
        let why = found
            .err()
            .unwrap_or_else(|| panic!("{fault:?} was not found"));
        println!("{fault:?}: {}", why.lines().next().unwrap_or_default());
    }
}

/// A SUB or PULL says SWITCH when its socket closes, though it sends nothing in shared memory.
#[test]
fn a_socket_that_only_receives_says_switch_when_it_closes() {
    let setup = one_way(Budget {
        closes: [0, 1],
        ..Budget::NONE
    });
    let mut world = oracle::finish(World::new(&setup)).unwrap();
    for step in [Step::Close(1), Step::Order(1), Step::Output(1)] {
        assert!(world.step(step).unwrap(), "{step:?}");
    }
    assert!(world.wires[1].contains(&Item::Frame(Frame::Switch)));
    let world = oracle::finish(world).unwrap();
    assert!(!world.record.has_violation());
}

/// A sender closes at once, and a receiver cannot map what it has sent last: the sender takes that back.
#[test]
fn a_socket_that_has_closed_sends_what_its_peer_cannot_map() {
    for (give_backs, states) in [([0, 0], 3791), ([1, 0], 47956)] {
        let budget = Budget {
            messages: [3, 0],
            misses: [0, 1],
            closes: [1, 0],
            give_backs,
            ..Budget::NONE
        };
        let explored = every_order(&one_way(budget), states);
        assert_eq!(explored.violations, 0);
        let asked = explored.ways.iter().any(|way| way.0 == Sending::Closing);
        assert!(asked, "{explored:?}");
    }
}

/// The frames cross on the wires: BACK of a sender without memory, or of one that has closed, and TAKE BACK. TAKE BACK is
/// the answer, and everything comes by ZMTP, in order.
#[test]
fn back_crosses_take_back() {
    let budget = Budget {
        messages: [4, 0],
        send_short: [1, 0],
        receive_short: [0, 1],
        closes: [1, 0],
        ..Budget::NONE
    };
    let short = [
        Step::SendShort(0),
        Step::Order(0),
        Step::Order(0),
        Step::Output(0),
        Step::ReceiveShort(1),
        Step::Order(1),
    ];
    let closed = [
        Step::Close(0),
        Step::Order(0),
        Step::Output(0),
        Step::ReceiveShort(1),
        Step::Order(1),
    ];
    for (steps, frame) in [(&short[..], Frame::Back), (&closed[..], Frame::Closing)] {
        let mut world = oracle::finish(World::new(&one_way(budget))).unwrap();
        assert!(world.step(Step::Send(0)).unwrap());
        world = oracle::finish(world).unwrap();
        for step in [Step::Send(0)].iter().chain(steps).copied() {
            assert!(world.step(step).unwrap(), "{step:?}");
            oracle::check(&world).unwrap();
        }
        assert!(world.wires[0].contains(&Item::Frame(frame)));
        assert!(world.wires[1].contains(&Item::Frame(Frame::TakeBack)));
        let world = oracle::finish(world).unwrap();
        assert!(!world.record.has_violation());
        let sent = world.sides[0].socket.sent;
        assert_eq!(world.sides[1].socket.got.len(), usize::from(sent));
    }
}

#[test]
fn seeded_walks() {
    let _guard = watchdog(LIMIT);
    let mut seeds = Random::new(seed());
    let mut seen: HashMap<(Sending, Receiving), usize> = HashMap::new();
    for number in 0..10_000 {
        let mut choices = Seeded::new(seeds.next(), 3000);
        let count = |world: &World| {
            for side in &world.sides {
                *seen.entry(side.session.switch.ways()).or_default() += 1;
            }
        };
        if let Err(why) = walk(&mut choices, count) {
            panic!("walk {number}: {why}");
        }
    }
    let ways: HashSet<(Sending, Receiving)> = seen.keys().copied().collect();
    println!(
        "{} worlds, {} ways",
        seen.values().sum::<usize>() / 2,
        ways.len()
    );
    let sending: HashSet<Sending> = ways.iter().map(|way| way.0).collect();
    let receiving: HashSet<Receiving> = ways.iter().map(|way| way.1).collect();
    assert_eq!((sending.len(), receiving.len()), (13, 9), "{seen:?}");
}
