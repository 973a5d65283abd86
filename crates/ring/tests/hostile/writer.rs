//! The writer over a script: the reader's report is loaded once, and an error names what was read.

use std::rc::Rc;

use ringmq_ring::{ClaimError, Corrupt, Kind, MappedMut, Writer};

use crate::heap::{Heap, Held};
use crate::random::Random;
use crate::scripted::{Positions, Script};

const ROUNDS: u64 = 1_000_000;

type ScriptedWriter = Writer<Held<MappedMut>, Positions>;

#[derive(Debug, Default)]
struct Tally {
    fits: u64,
    full: u64,
    corrupt: u64,
}

#[test]
fn a_writer_believes_nothing() {
    for (seed, capacity) in [(1, 1024), (2, 4096), (3, 1 << 16)] {
        let script = Script::new(8, seed);
        let ring = Heap::new(capacity);
        let start = (1 << 32) - 4096;
        let report = Positions(script.clone());
        let mut writer = Writer::new(ring.mapped_mut(), report, start).expect("a capacity");
        let mut random = Random::new(seed);
        let mut tally = Tally::default();
        for _ in 0..ROUNDS {
            script.forget();
            script.around.set((writer.seen_reader(), writer.position()));
            step(&mut writer, &mut random, &script, &mut tally);
            assert!(writer.seen_reader() <= writer.position());
        }
        let enough = ROUNDS / 500;
        assert!(tally.fits > enough && tally.full > enough, "{tally:?}");
        assert!(tally.corrupt > enough, "{tally:?}");
    }
}

fn step(writer: &mut ScriptedWriter, random: &mut Random, script: &Rc<Script>, tally: &mut Tally) {
    let before = writer.seen_reader();
    if random.below(8) == 0 {
        let looked = writer.look_at_reader();
        let loads = script.loads_at_most_one_each();
        match looked {
            Ok(position) => assert_eq!((position, writer.seen_reader()), (loads[0].1, position)),
            Err(corrupt) => check_error(writer, before, corrupt, &loads),
        }
        return;
    }
    let len = match random.below(4) {
        0 => random.below(writer.longest() as u64 + 1) as usize,
        1 => writer.longest(),
        _ => random.below(130) as usize,
    };
    let keep = random.below(len as u64 + 1) as usize;
    let error = match writer.claim(len) {
        Ok(mut claim) => {
            claim.copy_from(&[0x5a; 300]);
            claim.publish(Kind::Last, keep);
            tally.fits += 1;
            script.loads_at_most_one_each();
            return;
        }
        Err(error) => error,
    };
    let loads = script.loads_at_most_one_each();
    assert_eq!(loads.len(), 1, "refused without a look");
    match error {
        ClaimError::Full { wanted } => {
            assert_eq!(writer.seen_reader(), loads[0].1);
            assert_eq!(wanted % (writer.capacity() as u64 / 8), 0);
            assert!(wanted > writer.seen_reader() && wanted <= writer.position());
            tally.full += 1;
        }
        ClaimError::Corrupt(corrupt) => {
            check_error(writer, before, corrupt, &loads);
            tally.corrupt += 1;
        }
        ClaimError::TooLong { .. } => panic!("{len} bytes are not too long"),
    }
}

/// The numbers are what was loaded, and what would have been right.
fn check_error(writer: &ScriptedWriter, before: u64, corrupt: Corrupt, loads: &[(usize, u64)]) {
    let Corrupt::Position {
        reported,
        least,
        most,
    } = corrupt
    else {
        panic!("a writer reads positions only: {corrupt}");
    };
    assert_eq!(loads, [(0, reported)]);
    assert_eq!((least, most), (before, writer.position()));
    assert!(!(least..=most).contains(&reported) || !reported.is_multiple_of(8));
    assert_eq!(
        writer.seen_reader(),
        before,
        "an impossible position was kept"
    );
}
