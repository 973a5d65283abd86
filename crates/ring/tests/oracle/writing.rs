//! The operations of the writer, and their expected results.

use ringmq_ring::{Claim, ClaimError, Kind, Look, Mapped, MappedMut};

use super::heap::Held;
use super::model::Verdict;
use super::{Choices, Rig};

type HeldClaim<'a> = Claim<'a, Held<MappedMut>, Held<Mapped>>;

impl Rig {
    pub(super) fn write(&mut self, choices: &mut impl Choices) {
        match choices.below(32) {
            0..=19 => self.write_record(choices),
            20..=23 => self.push(choices),
            24..=28 => self.publish(),
            29 => self.abort(),
            30 => assert_eq!(self.writer.look_at_reader(), Ok(self.model.reader)),
            _ if choices.one_in(256) => self.end(),
            _ => {}
        }
    }

    /// Short and long, to the byte at every limit that there is.
    fn length(&self, choices: &mut impl Choices) -> usize {
        let longest = self.model.longest();
        match choices.below(8) {
            0 | 1 => choices.below(9) as usize,
            2 | 3 => choices.below(130) as usize,
            4 => (longest + 1).saturating_sub(choices.below(32) as usize),
            // Ends where the memory ends, or a few bytes before or behind.
            5 => (self.model.room_to_wrap() as usize).saturating_sub(choices.below(80) as usize),
            6 if choices.one_in(4) => longest + 1 + choices.below(1 << 33) as usize,
            _ => choices.below(longest as u64 + 1) as usize,
        }
    }

    fn write_record(&mut self, choices: &mut impl Choices) {
        let len = self.length(choices);
        let spare = [0, 0, 8, 8, 16, 64][choices.below(6) as usize];
        let verdict = self.model.verdict(len, spare);
        let claimed = if spare == 0 {
            self.writer.claim(len)
        } else {
            self.writer.claim_sparing(len, spare)
        };
        match (claimed, verdict) {
            (Ok(claim), Verdict::Fits) => {
                let payload = payload(self.serial, len);
                let committed = use_claim(claim, &payload, choices);
                self.note_commit(committed, payload, spare);
            }
            (Err(refusal), verdict) => self.refused(refusal, verdict, (len, spare), choices),
            (Ok(_), verdict) => {
                panic!("claimed {len} bytes and {spare}, which should be {verdict:?}")
            }
        }
    }

    fn push(&mut self, choices: &mut impl Choices) {
        let len = self.length(choices);
        let verdict = self.model.verdict(len, 0);
        let payload = payload(self.serial, len.min(self.model.longest() + 1));
        match (self.writer.push(Kind::Last, &payload), verdict) {
            (Ok(()), Verdict::Fits) => {
                let committed = Committed {
                    kind: Kind::Last,
                    len,
                    published: true,
                };
                self.note_commit(Some(committed), payload, 0);
            }
            (Err(refusal), verdict) => self.refused(refusal, verdict, (payload.len(), 0), choices),
            (Ok(()), verdict) => panic!("pushed {len} bytes, which should be {verdict:?}"),
        }
    }

    fn note_commit(&mut self, committed: Option<Committed>, mut payload: Vec<u8>, spare: u64) {
        self.serial += 1;
        let Some(committed) = committed else {
            return;
        };
        let claimed = payload.len();
        payload.truncate(committed.len);
        self.model.commit(committed.kind, payload, claimed);
        self.may_abort = spare >= 8;
        if committed.published {
            self.model.publish();
        }
    }

    fn refused(
        &mut self,
        refusal: ClaimError,
        verdict: Verdict,
        asked: (usize, u64),
        choices: &mut impl Choices,
    ) {
        match (refusal, verdict) {
            (ClaimError::TooLong { len, longest }, Verdict::TooLong { longest: expected }) => {
                assert_eq!((len, longest), (asked.0, expected));
            }
            (ClaimError::Full { wanted }, Verdict::Full { wanted: expected }) => {
                assert_eq!(wanted, expected);
                assert!(wanted > self.model.reader && wanted <= self.model.head);
                if choices.one_in(2) {
                    self.wait_for(wanted, asked, choices);
                }
            }
            (refusal, verdict) => panic!("{asked:?}: {refusal}; it should be {verdict:?}"),
        }
    }

    /// A writer that waits publishes, arms, and is rung once, when there is room for certain.
    fn wait_for(&mut self, wanted: u64, asked: (usize, u64), choices: &mut impl Choices) {
        self.publish();
        assert!(wanted <= self.writer.position());
        self.wanted.arm(wanted);
        assert_eq!(self.wanted_seen.look(self.reader.position()), Look::Nothing);
        while self.model.reader < wanted {
            let passed = self.take(choices);
            let reached = self.model.reader >= wanted;
            assert!(passed || !reached, "{wanted} was passed unnoticed");
            if passed {
                let expected = if reached { Look::Ring } else { Look::Nothing };
                assert_eq!(self.wanted_seen.look(self.reader.position()), expected);
            }
        }
        assert_eq!(self.wanted_seen.look(self.reader.position()), Look::Nothing);
        self.wanted.disarm();
        let again = self.writer.claim_sparing(asked.0, asked.1).map(|_| ());
        assert_eq!(again, Ok(()), "{asked:?} after {wanted} was passed");
    }

    pub(super) fn publish(&mut self) {
        self.writer.publish();
        self.model.publish();
    }

    /// What the last claim spared is enough.
    fn abort(&mut self) {
        if self.may_abort {
            self.may_abort = false;
            self.writer.abort();
            self.model.commit(Kind::Abort, Vec::new(), 0);
            self.model.publish();
        }
    }

    /// There is always room for the end.
    fn end(&mut self) {
        self.writer.end();
        self.model.end();
    }
}

/// What became of a claim.
struct Committed {
    kind: Kind,
    len: usize,
    published: bool,
}

/// Fills a claim in one of the ways that there are, and commits all of it, less, or nothing.
fn use_claim(
    mut claim: HeldClaim<'_>,
    payload: &[u8],
    choices: &mut impl Choices,
) -> Option<Committed> {
    assert_eq!(
        (claim.len(), claim.is_empty()),
        (payload.len(), payload.is_empty())
    );
    let kind = [Kind::Last, Kind::More][choices.below(2) as usize];
    let len = match choices.below(4) {
        0 => choices.below(payload.len() as u64 + 1) as usize,
        1 => payload.len().saturating_sub(choices.below(64) as usize),
        _ => payload.len(),
    };
    match choices.below(4) {
        0 => claim.copy_from(&payload[..len]),
        1 => claim.as_mut_slice().copy_from_slice(payload),
        2 => claim.copy_from(&[payload, b"what does not fit"].concat()),
        _ => claim.copy_from(payload),
    }
    assert!(claim.as_slice()[..len] == payload[..len]);
    let beyond = payload.len() + choices.below(100) as usize;
    let published = match choices.below(8) {
        0 => return None,
        1 | 2 => {
            claim.publish(kind, if len == payload.len() { beyond } else { len });
            true
        }
        _ => {
            match len == payload.len() {
                true if choices.one_in(2) => claim.commit(kind),
                true => claim.commit_shorter(kind, beyond),
                false => claim.commit_shorter(kind, len),
            }
            false
        }
    };
    Some(Committed {
        kind,
        len,
        published,
    })
}

/// Bytes that tell every record from every other, and each word from the next.
fn payload(serial: u64, len: usize) -> Vec<u8> {
    let words = (0..len.div_ceil(8) as u64).map(|word| {
        let mixed = (serial << 20 | word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_ne_bytes()
    });
    let mut bytes: Vec<u8> = words.flatten().collect();
    bytes.truncate(len);
    bytes
}
