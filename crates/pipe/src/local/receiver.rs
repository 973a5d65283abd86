//! The end that receives.

use ringmq_ring::{Consumer, Look, WantedSeen, Words, WordsMut};

use super::latest::Taker;
use super::waker::Waker;
use super::{RECEIVED, RECEIVER_GONE};
use crate::marks::step;
use crate::status::Shown;

/// The receiving end of a pipe within a process. Dropping it drops what was not received.
#[derive(Debug)]
pub struct Receiver<T> {
    consumer: Consumer<T>,
    received: u64,
    reported: u64,
    /// The number of messages between two reports.
    step: u64,
    reports: WordsMut<2>,
    end: Words<1>,
    wanted: WantedSeen<Words<1>>,
    waker: Waker,
    /// The place of the last message, in a conflating pipe.
    latest: Option<Taker<T>>,
    /// Makes an element of bytes, in a pipe that carries them.
    make: Option<fn(&[u8]) -> T>,
    /// Where the messages that were received are shown.
    shown: Option<Shown>,
}

impl<T> Receiver<T> {
    pub(super) fn new(
        consumer: Consumer<T>,
        mark: u64,
        reports: WordsMut<2>,
        end: Words<1>,
        wanted: Words<1>,
        waker: Waker,
    ) -> Receiver<T> {
        Receiver {
            consumer,
            received: 0,
            reported: 0,
            step: step(mark),
            reports,
            end,
            wanted: WantedSeen::new(wanted.into()),
            waker,
            latest: None,
            make: None,
            shown: None,
        }
    }

    /// Shows from now on how many messages were received: at slow points, and with [`show`](Receiver::show).
    pub fn show_in(&mut self, shown: Option<Shown>) {
        self.shown = shown;
    }

    /// Shows how many messages were received.
    #[inline]
    pub fn show(&mut self) {
        if let Some(shown) = &mut self.shown {
            shown.show(self.received);
        }
    }

    /// Makes this the end of a pipe that carries bytes.
    pub(super) fn carry_bytes(&mut self, make: fn(&[u8]) -> T) {
        self.make = Some(make);
    }

    /// Makes this the end of a conflating pipe.
    pub(super) fn conflate(&mut self, latest: Taker<T>) {
        self.latest = Some(latest);
    }

    /// Returns true if an element is there. If it is the first of a message, the others are there, too.
    #[inline(always)]
    pub fn is_ready(&mut self) -> bool {
        self.consumer.is_ready() || self.latest.as_ref().is_some_and(Taker::is_ready)
    }

    /// Takes the next element. After the last element of a message the caller calls [`done`](Receiver::done).
    #[inline(always)]
    pub fn pop(&mut self) -> Option<T> {
        match self.consumer.pop() {
            None => self.pop_other(),
            element => element,
        }
    }

    /// As [`pop`](Receiver::pop), for an element that is in the ring as such. `None` in a conflating pipe.
    #[inline(always)]
    pub fn pop_element(&mut self) -> Option<T> {
        self.consumer.pop()
    }

    /// An element that is not in the ring as such.
    #[inline(never)]
    fn pop_other(&mut self) -> Option<T> {
        match self.make {
            Some(make) => self.consumer.take_bytes(make),
            None => self.latest.as_mut()?.take(),
        }
    }

    /// As [`pop`](Receiver::pop), for what was sent as [bytes](super::Sender::push_bytes), which `with` gets to see. It is
    /// the last element of a message. `None` if the next one is an element.
    #[inline(always)]
    pub fn take_bytes<R>(&mut self, with: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.make.and_then(|_| self.consumer.take_bytes(with))
    }

    /// Counts a whole message as received, and gives credit back when a step is complete.
    ///
    /// # Errors
    ///
    /// If the sender waits for room and cannot be woken.
    #[inline(always)]
    pub fn done(&mut self) -> std::io::Result<()> {
        self.received += 1;
        if self.received - self.reported < self.step {
            return Ok(());
        }
        self.report()
    }

    #[cold]
    fn report(&mut self) -> std::io::Result<()> {
        self.tell();
        self.look()
    }

    fn tell(&mut self) {
        self.show();
        self.reported = self.received;
        self.reports.set(RECEIVED, self.received);
    }

    /// Returns true if the sender waits for this report.
    fn look(&mut self) -> std::io::Result<()> {
        match self.wanted.look(self.received << 3) {
            Look::Ring => self.waker.ring_anyway(),
            Look::Nothing | Look::Closed => Ok(()),
        }
    }

    /// Returns true if the sender is gone and everything was received.
    #[inline]
    pub fn is_at_end(&mut self) -> bool {
        // The sender sets the end after its last message, so the look for a message comes second.
        self.end.get(0) != 0 && !self.is_ready()
    }

    /// Returns true if the sender is gone, also while messages are left to receive.
    pub fn sender_is_gone(&self) -> bool {
        self.end.get(0) != 0
    }

    /// The number of whole messages received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The CPU that the sender's owner last ran on, if it has published one.
    pub fn cpu(&self) -> Option<u32> {
        self.waker.cpu()
    }

    /// Changes the mark, which sets the step of credit; 0 is no limit. Gives credit back at once if a step is complete
    /// by the new mark, because a sender with a smaller mark may wait for it.
    pub fn set_mark(&mut self, mark: u64) {
        self.step = step(mark);
        if self.received - self.reported >= self.step {
            // The credit is published. A sender that cannot be woken finds it at its next call.
            let _ = self.report();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.show();
        self.reports.set(RECEIVER_GONE, 1);
        // An owner that cannot be woken is gone, or looks by itself.
        let _ = self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::super::{Announcement, Bell, Waker, pipe};

    /// Counts how often it is rung.
    struct Count(Mutex<u32>);

    impl Bell for Count {
        fn ring(&self) -> io::Result<()> {
            *self.0.lock().unwrap() += 1;
            Ok(())
        }
    }

    /// The sender may see a report, use it up, and wait for the next one, all before the receiver looks whom to wake.
    #[test]
    fn a_report_that_was_used_up_is_not_the_one_that_is_waited_for() {
        let bell = Arc::new(Count(Mutex::new(0)));
        let rings = || *bell.0.lock().unwrap();
        let announcement = Announcement::new();
        let waker = Waker::from(announcement.bellpull(Arc::clone(&bell) as Arc<dyn Bell>));
        let (mut sender, mut receiver) = pipe(2, Waker::unset(), waker);
        for number in 0..2 {
            sender.push(number, true).unwrap();
        }
        assert_eq!(receiver.pop(), Some(0));
        receiver.received += 1;
        receiver.tell();
        assert!(sender.has_room());
        sender.push(2, true).unwrap();
        assert!(!sender.has_room());
        receiver.look().unwrap();
        assert_eq!(rings(), 0);
        assert_eq!(receiver.pop(), Some(1));
        receiver.done().unwrap();
        assert_eq!(rings(), 1);
        assert!(sender.has_room());
    }
}
