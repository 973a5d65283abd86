//! The doorbell's words over a script: whatever they hold, a look is one decision.

use ringmq_ring::{GenerationSeen, Look, WantedSeen, Word};

use crate::random::Random;
use crate::scripted::{Positions, Script};

const ROUNDS: u64 = 1_000_000;
/// As in `announcement.rs`: whether the owner sleeps, asks for fences, has closed.
const ARMED: u64 = 1;
const FENCES: u64 = 1 << 62;
const CLOSED: u64 = 1 << 63;

#[test]
fn a_generation_is_loaded_once_and_once_more_behind_a_fence() {
    let script = Script::new(8, 4);
    let mut seen = GenerationSeen::new(Word::new(Positions(script.clone())).unwrap());
    let mut random = Random::new(4);
    let mut rung = 0;
    let mut looks = [0_u64; 3];
    for _ in 0..ROUNDS {
        script.forget();
        // A few generations, and each flag in half of the words.
        let flags = random.word() & (FENCES | CLOSED);
        script.around.set((flags, flags + 6));
        let look = seen.look();
        let loads = script.loads();
        let (first, last) = (loads[0].1, loads[loads.len() - 1].1);
        if loads.len() == 2 {
            assert!(first & FENCES != 0 && first & CLOSED == 0);
        }
        assert!(loads.len() <= 2);
        let expected = if last & CLOSED != 0 {
            Look::Closed
        } else if last & ARMED == 0 || last == rung {
            Look::Nothing
        } else {
            rung = last;
            Look::Ring
        };
        assert_eq!(look, expected, "{loads:#x?}");
        looks[look as usize] += 1;
        script.forget();
        assert_eq!(
            seen.is_closed(),
            script.loads_at_most_one_each()[0].1 & CLOSED != 0
        );
    }
    assert!(looks.iter().all(|&times| times > ROUNDS / 500), "{looks:?}");
}

#[test]
fn a_wanted_position_is_loaded_once() {
    let script = Script::new(8, 5);
    let mut seen = WantedSeen::new(Word::new(Positions(script.clone())).unwrap());
    let mut random = Random::new(5);
    let (mut rung, mut rings) = (0, 0_u64);
    for _ in 0..ROUNDS {
        script.forget();
        let position = random.below(100) * 8;
        script
            .around
            .set((position.saturating_sub(16), position + 16));
        let look = seen.look(position);
        let loads = script.loads_at_most_one_each();
        assert_eq!(loads.len(), 1);
        let word = loads[0].1;
        if word & ARMED == 0 {
            rung = 0;
        }
        let reached = word & ARMED != 0 && word & !ARMED <= position;
        let expected = if reached && word != rung {
            rung = word;
            rings += 1;
            Look::Ring
        } else {
            Look::Nothing
        };
        assert_eq!(look, expected, "{word:#x} at {position}");
    }
    assert!(rings > ROUNDS / 500, "{rings}");
}
