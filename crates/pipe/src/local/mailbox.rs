//! Commands between threads.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_ring::{Words, WordsMut, words};

use super::waker::Waker;

/// Commands for one thread, which looks at a word to know whether there are any.
#[derive(Debug)]
pub struct Mailbox<C> {
    inside: Arc<Mutex<Inside<C>>>,
    posted: Words<1>,
    taken: u64,
}

/// Where commands are posted. Clones are for the same mailbox.
#[derive(Debug)]
pub struct Post<C> {
    inside: Arc<Mutex<Inside<C>>>,
}

#[derive(Debug)]
struct Inside<C> {
    commands: VecDeque<C>,
    count: u64,
    posted: WordsMut<1>,
    waker: Waker,
    open: bool,
}

impl<C> Clone for Post<C> {
    fn clone(&self) -> Post<C> {
        Post {
            inside: Arc::clone(&self.inside),
        }
    }
}

impl<C> Mailbox<C> {
    /// An empty mailbox, whose owner is woken by `waker`.
    pub fn new(waker: Waker) -> Mailbox<C> {
        let (posted, seen) = words();
        Mailbox {
            inside: Arc::new(Mutex::new(Inside {
                commands: VecDeque::new(),
                count: 0,
                posted,
                waker,
                open: true,
            })),
            posted: seen,
            taken: 0,
        }
    }

    /// A handle to post commands with.
    pub fn post(&self) -> Post<C> {
        Post {
            inside: Arc::clone(&self.inside),
        }
    }

    /// Returns true if there are commands. Costs one load.
    #[inline(always)]
    pub fn has_mail(&self) -> bool {
        self.posted.get(0) != self.taken
    }

    /// Takes the oldest command.
    pub fn take(&mut self) -> Option<C> {
        if !self.has_mail() {
            return None;
        }
        let command = lock(&self.inside).commands.pop_front();
        self.taken += u64::from(command.is_some());
        command
    }

    /// Closes the mailbox for posts. Commands that were posted can still be taken.
    pub fn close(&mut self) {
        lock(&self.inside).open = false;
    }
}

impl<C> Drop for Mailbox<C> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<C> Post<C> {
    /// Posts a command, and wakes the owner if it sleeps.
    ///
    /// # Errors
    ///
    /// The command comes back if the mailbox is closed.
    pub fn send(&self, command: C) -> Result<(), C> {
        let bell = self.put(command)?.waker.look();
        // The lock is released first, because the thread that is woken takes it.
        if let Some(bell) = bell {
            // The command was posted. An owner that cannot be woken finds it at its next call.
            let _: io::Result<()> = bell.ring();
        }
        Ok(())
    }

    /// Posts a command without waking the owner, which finds it when it is next awake.
    ///
    /// # Errors
    ///
    /// As [`send`](Post::send).
    pub fn leave(&self, command: C) -> Result<(), C> {
        self.put(command).map(drop)
    }

    /// Takes back all commands for which `is_meant`, from the first one on for which `is_first`. `None` if the owner has
    /// taken that one. Takes time for each command that waits.
    pub fn take_back(
        &self,
        is_first: impl Fn(&C) -> bool,
        is_meant: impl Fn(&C) -> bool,
    ) -> Option<Vec<C>> {
        let mut inside = lock(&self.inside);
        let first = inside.commands.iter().position(is_first)?;
        let mut kept = inside.commands.split_off(first);
        let mut back = Vec::new();
        while let Some(command) = kept.pop_front() {
            if is_meant(&command) {
                back.push(command);
            } else {
                inside.commands.push_back(command);
            }
        }
        inside.count -= back.len() as u64;
        let count = inside.count;
        inside.posted.set(0, count);
        // They are dropped without the lock.
        Some(back)
    }

    fn put(&self, command: C) -> Result<MutexGuard<'_, Inside<C>>, C> {
        let mut inside = lock(&self.inside);
        if !inside.open {
            return Err(command);
        }
        inside.commands.push_back(command);
        inside.count += 1;
        let count = inside.count;
        inside.posted.set(0, count);
        Ok(inside)
    }

    /// Returns true if both are for the same mailbox.
    pub fn is_same(&self, other: &Post<C>) -> bool {
        Arc::ptr_eq(&self.inside, &other.inside)
    }
}

/// Locks, also after a panic: a thread that panics under the lock leaves a whole queue.
fn lock<C>(inside: &Mutex<Inside<C>>) -> MutexGuard<'_, Inside<C>> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}
