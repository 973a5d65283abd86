//! One order of steps, by choices that a seed or a fuzzer makes.

use ringmq_testing::Choices;

use super::oracle;
use super::world::{Budget, Setup, Step, Uses, Verdict, World};
use super::{Frame, Why};

/// Makes steps until the choices are over, checks after each, and lets both sides finish. `observe` sees each world.
pub(crate) fn walk(choices: &mut impl Choices, mut observe: impl FnMut(&World)) -> Verdict<World> {
    let setup = setup(choices);
    let mut world = World::new(&setup);
    if setup.agreed {
        world = oracle::finish(world)?;
    }
    let mut steps = Vec::new();
    while !choices.is_over() {
        let step = step(choices, &setup);
        if world.may(step) && world.step(step)? {
            steps.push(step);
            oracle::check(&world).map_err(|why| format!("{why}\nsteps: {steps:?}\n{world:?}"))?;
            observe(&world);
        }
        if world.record.has_violation() {
            return Ok(world);
        }
    }
    oracle::finish(world).map_err(|why| format!("{why}\nsteps: {steps:?}"))
}

fn setup(choices: &mut impl Choices) -> Setup {
    let uses = match choices.below(4) {
        0 => [Uses::SENDS, Uses::RECEIVES],
        1 => [Uses::RECEIVES, Uses::SENDS],
        _ => [Uses::BOTH; 2],
    };
    let possible = match choices.below(16) {
        0 => [Ok(()), Err(Why::TurnedOff)],
        _ => [Ok(()); 2],
    };
    let lies = match choices.below(4) {
        0 => 1 + choices.below(12) as u8,
        _ => 0,
    };
    let mut few = |limit| [0, 1].map(|_| choices.below(limit) as u8);
    let (messages, send_short, send_full) = (few(50), few(3), few(3));
    let (receive_short, closes, deaths) = (few(3), few(2), few(2));
    let (misses, give_backs) = (few(2), few(2));
    Setup {
        uses,
        possible,
        // A side that lies listens: what its peer has to keep is what a side that dialed has to.
        dialer: if lies > 0 {
            0
        } else {
            choices.below(2) as usize
        },
        budget: Budget {
            messages,
            send_short,
            send_full,
            receive_short,
            misses,
            give_backs,
            closes,
            deaths: deaths.map(|deaths| deaths * 2),
            // What both sides may lose then is explored for one direction only.
            severs: 0,
            reconnects: if lies > 0 { 0 } else { 3 },
            refusals: choices.below(8).saturating_sub(5) as u8,
            lies,
        },
        wire: 1 + choices.below(6) as usize,
        agreed: lies == 0 && choices.below(4) > 0,
        fault: None,
    }
}

fn step(choices: &mut impl Choices, setup: &Setup) -> Step {
    let side = choices.below(2) as usize;
    let rare = choices.below(48);
    if rare == 0 {
        return match choices.below(11) {
            0 => Step::SendShort(side),
            1 => Step::SendFull(side),
            2 => Step::RetryShort(side),
            3 => Step::ReceiveShort(side),
            4 => Step::RunShort(side),
            5 => Step::Distrust(side),
            6 => Step::Close(side),
            7 => Step::Die(side),
            8 => Step::Miss(side),
            9 => Step::GiveBack(side),
            _ => Step::Reconnect,
        };
    }
    if rare < 7 && setup.budget.lies > 0 {
        return match choices.below(15) {
            0 => Step::Foreign(Frame::Refuse(choices.below(7) as u32)),
            1 => Step::Foreign(Frame::Back),
            2 => Step::Foreign(Frame::TakeBack),
            3 => Step::Foreign(Frame::TakenBack),
            4 => Step::ForeignMessage,
            5 => Step::ForeignGarbage,
            6 | 7 => Step::Foreign(Frame::Switch),
            8 => Step::Foreign(Frame::Accept),
            9 => Step::Foreign(Frame::Offer),
            10 => Step::Foreign(Frame::BackAccepted),
            11 => Step::Foreign(Frame::Yield),
            12 => Step::Foreign(Frame::Closing),
            _ => Step::ForeignRead,
        };
    }
    match choices.below(12) {
        0 | 1 => Step::Send(side),
        2 => Step::Receive(side),
        3 | 4 => Step::Command(side),
        5 => Step::Order(side),
        6 | 7 => Step::Take(side),
        8 | 9 => Step::Output(side),
        10 => Step::Drained(side),
        _ => match choices.below(3) {
            0 => Step::Retry(side),
            1 => Step::Tick,
            _ => Step::Reconnect,
        },
    }
}
