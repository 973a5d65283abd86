//! The announcement of a sleeper that has no descriptor of its own: a session, or the thread that runs sessions.

use std::sync::Arc;

use ringmq_ring::{Generation, Words, WordsMut, words};

use super::waker::{Bell, Bellpull};

/// The announcement of one sleeper, which sleeps in its own way. Threads that wake it order their publications themselves.
#[derive(Debug)]
pub struct Announcement {
    generation: Generation<WordsMut<1>>,
    seen: Words<1>,
    /// Where the other side runs from which the sleeper has what it brings, as [`Bellpull`] has it.
    cpu: WordsMut<1>,
    cpu_seen: Words<1>,
}

impl Announcement {
    /// The announcement of a sleeper that is awake.
    pub fn new() -> Announcement {
        let (word, seen) = words();
        let (cpu, cpu_seen) = words();
        Announcement {
            generation: Generation::new(word.into(), true),
            seen,
            cpu,
            cpu_seen,
        }
    }

    /// Tells on which CPU those run that bring what the sleeper passes on.
    pub fn tell_cpu(&mut self, cpu: u32) {
        self.cpu.set(0, u64::from(cpu) + 1);
    }

    /// The handle by which other threads wake the sleeper, with `bell`.
    pub fn bellpull(&self, bell: Arc<dyn Bell>) -> Bellpull {
        Bellpull::new(self.seen.clone(), Some(self.cpu_seen.clone()), bell)
    }

    /// Announces a sleep. The caller looks once more before it sleeps.
    pub fn arm(&mut self) {
        // The word asks publishers for fences, so no barrier is needed here.
        let _ = self.generation.arm();
    }

    /// Says that it is awake.
    #[inline]
    pub fn disarm(&mut self) {
        self.generation.disarm();
    }
}

impl Default for Announcement {
    fn default() -> Announcement {
        Announcement::new()
    }
}
