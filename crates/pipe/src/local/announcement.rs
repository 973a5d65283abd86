//! Who sleeps without a descriptor of its own: a session, or the thread that runs them.

use std::sync::Arc;

use ringmq_ring::{Generation, Words, WordsMut, words};

use super::waker::{Bell, Bellpull};

/// The announcement of one sleeper, who has its own way to sleep. Those who wake it order their publications themselves.
#[derive(Debug)]
pub struct Announcement {
    generation: Generation<WordsMut<1>>,
    seen: Words<1>,
}

impl Announcement {
    /// Of a sleeper that is awake.
    pub fn new() -> Announcement {
        let (word, seen) = words();
        Announcement {
            generation: Generation::new(word.into(), true),
            seen,
        }
    }

    /// What others need to wake it, by this bell.
    pub fn bellpull(&self, bell: Arc<dyn Bell>) -> Bellpull {
        Bellpull::new(self.seen.clone(), None, bell)
    }

    /// Announces a sleep. The caller looks once more before it sleeps.
    pub fn arm(&mut self) {
        // The publisher fences, as the word asks.
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
