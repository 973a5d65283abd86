//! Every order of steps, breadth first.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use super::oracle;
use super::world::{Setup, Step, World};
use super::{Frame, Receiving, Sending};

/// What an exploration has seen.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) states: usize,
    /// States in which nothing is left to do.
    pub(super) quiet: usize,
    /// States that end by a violation.
    pub(super) violations: usize,
    /// Pairs of ways in which a side sends and receives.
    pub(super) ways: HashSet<(Sending, Receiving)>,
}

/// All steps, those without effect among them.
fn steps(setup: &Setup) -> Vec<Step> {
    let mut steps = vec![Step::Tick, Step::Reconnect];
    for side in 0..2 {
        steps.extend([
            Step::Send(side),
            Step::SendShort(side),
            Step::SendFull(side),
            Step::Retry(side),
            Step::RetryShort(side),
            Step::Receive(side),
            Step::ReceiveShort(side),
            Step::Miss(side),
            Step::GiveBack(side),
            Step::Command(side),
            Step::Order(side),
            Step::Take(side),
            Step::Output(side),
            Step::Drained(side),
            Step::RunShort(side),
            Step::Distrust(side),
            Step::Close(side),
            Step::Die(side),
            Step::Sever(side),
        ]);
    }
    if setup.budget.lies > 0 {
        steps.extend([
            Step::ForeignMessage,
            Step::ForeignGarbage,
            Step::ForeignRead,
        ]);
        steps.extend(FRAMES.map(Step::Foreign));
    }
    steps
}

pub(super) const FRAMES: [Frame; 10] = [
    Frame::Offer,
    Frame::Accept,
    Frame::Refuse(2),
    Frame::Switch,
    Frame::Back,
    Frame::Closing,
    Frame::TakeBack,
    Frame::TakenBack,
    Frame::BackAccepted,
    Frame::Yield,
];

/// Makes every step in every state that can be reached, and checks each. Fails with the steps that lead to what the
/// oracle does not allow.
///
/// A state is remembered by two hashes of 64 bits. That two states have the same ones is less likely than a fault of the
/// machine that runs this.
pub(super) fn explore(setup: &Setup) -> Result<Explored, String> {
    let hashers = [RandomState::new(), RandomState::new()];
    let hash = |world: &World| hashers.each_ref().map(|hasher| hasher.hash_one(world));
    let steps = steps(setup);
    let mut explored = Explored::default();
    let mut seen = HashSet::new();
    // How each state was reached: from which one, and by which step.
    let mut origins: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut first = World::new(setup);
    if setup.agreed && first.record.liar {
        first.agree_with_liar()?;
    } else if setup.agreed {
        first = oracle::finish(first)?;
    }
    seen.insert(hash(&first));
    let mut queue = VecDeque::from([(0, first)]);
    while let Some((number, world)) = queue.pop_front() {
        explored.states += 1;
        for side in &world.sides {
            explored.ways.insert(side.session.switch.ways());
        }
        if world.record.has_violation() {
            // The connection has ended at one side, and both sides may live.
            explored.violations += 1;
            continue;
        }
        let mut quiet = true;
        for step in &steps {
            if !world.may(*step) {
                continue;
            }
            let mut next = world.clone();
            let moved = next
                .step(*step)
                .map_err(|why| failed(&why, &trace(&origins, number, Some(*step)), &world))?;
            if !moved {
                continue;
            }
            quiet &= !oracle::is_progress(*step);
            if seen.insert(hash(&next)) {
                oracle::check(&next)
                    .map_err(|why| failed(&why, &trace(&origins, number, Some(*step)), &world))?;
                origins.push((number, Some(*step)));
                queue.push_back((origins.len() - 1, next));
            }
        }
        if quiet {
            explored.quiet += 1;
            let mut end = world.clone();
            oracle::check_quiet(&mut end)
                .map_err(|why| failed(&why, &trace(&origins, number, None), &world))?;
        }
    }
    Ok(explored)
}

/// The steps to the state of this number, and perhaps one more.
fn trace(origins: &[(usize, Option<Step>)], number: usize, last: Option<Step>) -> Vec<Step> {
    let mut trace: Vec<Step> = last.into_iter().collect();
    let mut at = number;
    while let Some((from, Some(step))) = origins.get(at) {
        trace.push(*step);
        at = *from;
    }
    trace.reverse();
    trace
}

fn failed(why: &str, trace: &[Step], before: &World) -> String {
    format!("{why}\nsteps: {trace:?}\nbefore the last one: {before:?}")
}
