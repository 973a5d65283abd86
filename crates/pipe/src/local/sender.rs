//! The end that sends.

use ringmq_ring::{Producer, Wanted, Words, WordsMut};

use super::latest::Putter;
use super::waker::Waker;
use super::{RECEIVED, RECEIVER_GONE};
use crate::marks::limit;
use crate::status::Shown;

/// The sending end of a pipe within a process. When it is dropped, the receiver gets what was sent, and then the end.
#[derive(Debug)]
pub struct Sender<T> {
    producer: Producer<T>,
    /// The number of messages that may wait; `u64::MAX` is no limit.
    mark: u64,
    sent: u64,
    /// The receiver's report at the last look.
    received: u64,
    reported: Words<2>,
    ended: WordsMut<1>,
    wants: Wanted<WordsMut<1>>,
    waker: Waker,
    /// The place of the last message, in a conflating pipe.
    latest: Option<Putter<T>>,
    /// The longest bytes that the pipe carries, if the receiver takes bytes.
    bytes_most: Option<usize>,
    /// Where the messages that were sent are shown.
    shown: Option<Shown>,
}

impl<T> Sender<T> {
    /// [Bytes](Sender::push_bytes) that lie in the place of an element, in the cache line that the receiver looks at.
    pub const SHORT: usize = Producer::<T>::SHORT;

    pub(super) fn new(
        producer: Producer<T>,
        mark: u64,
        reported: Words<2>,
        ended: WordsMut<1>,
        wants: WordsMut<1>,
        waker: Waker,
    ) -> Sender<T> {
        Sender {
            producer,
            mark: limit(mark),
            sent: 0,
            received: 0,
            reported,
            ended,
            wants: Wanted::new(wants.into()),
            waker,
            latest: None,
            bytes_most: None,
            shown: None,
        }
    }

    /// Shows from now on how many messages were sent: at slow points, and with [`show`](Sender::show).
    pub fn show_in(&mut self, shown: Option<Shown>) {
        self.shown = shown;
    }

    /// Shows how many messages were sent.
    #[inline]
    pub fn show(&mut self) {
        if let Some(shown) = &mut self.shown {
            shown.show(self.sent);
        }
    }

    /// Makes this the end of a pipe that carries so many bytes.
    pub(super) fn carry_bytes(&mut self, most: usize) {
        self.bytes_most = Some(most);
    }

    /// Returns true if the pipe is one of [bytes](super::pipe_of_bytes).
    #[inline(always)]
    pub fn carries_bytes(&self) -> bool {
        self.bytes_most.is_some()
    }

    /// Makes this the end of a conflating pipe.
    pub(super) fn conflate(&mut self, latest: Putter<T>) {
        self.mark = u64::MAX;
        self.latest = Some(latest);
    }

    /// Returns true if the mark admits one more message. If not, asks the receiver to ring when it does.
    #[inline(always)]
    pub fn has_room(&mut self) -> bool {
        self.sent - self.received < self.mark || self.look_for_room()
    }

    /// Returns true if fewer messages than the mark and `by` wait. [`push`](Sender::push) takes one beyond the mark,
    /// too.
    pub fn has_room_beyond(&self, by: u64) -> bool {
        self.waiting() < self.mark.saturating_add(by)
    }

    /// Returns true if the credit of the last look is used up. The receiver may have given some back since.
    pub fn is_spent(&self) -> bool {
        self.sent - self.received >= self.mark
    }

    #[cold]
    fn look_for_room(&mut self) -> bool {
        self.show();
        self.received = self.reported.get(RECEIVED).min(self.sent);
        if self.sent - self.received < self.mark {
            self.wants.disarm();
            return true;
        }
        if !self.wants.is_armed() {
            // Waits for the report that makes room. If an earlier report would do, a receiver that looks late would
            // ring for that one, and not again for the one that makes room.
            self.wants.arm((self.sent - self.mark + 1) << 3);
            self.received = self.reported.get(RECEIVED).min(self.sent);
            if self.sent - self.received < self.mark {
                self.wants.disarm();
                return true;
            }
        }
        false
    }

    /// Puts in one element of a message. With the `last` one the receiver sees the whole message, and is woken if it
    /// sleeps. A conflating pipe keeps only the `last` element.
    ///
    /// # Errors
    ///
    /// If the receiver cannot be woken. The message is in the pipe all the same.
    #[inline(always)]
    pub fn push(&mut self, element: T, last: bool) -> std::io::Result<()> {
        if self.latest.is_some() {
            return self.replace(element, last);
        }
        self.producer.push(element);
        if !last {
            return Ok(());
        }
        self.sent += 1;
        self.producer.publish();
        self.waker.wake()
    }

    /// Puts in a copy of bytes as the last element of a message, as [`push`](Sender::push) does. Returns false if the pipe
    /// does not carry these bytes: they are too many, or more than [`BODY_MOST`](ringmq_ring::BODY_MOST), or the pipe is not
    /// one of [bytes](super::pipe_of_bytes), or there is no room at the moment. The caller makes an element of them then.
    ///
    /// # Errors
    ///
    /// As [`push`](Sender::push).
    #[inline(always)]
    pub fn push_bytes(&mut self, bytes: &[u8]) -> std::io::Result<bool> {
        if !self.put_bytes(bytes) {
            return Ok(false);
        }
        self.producer.publish();
        self.waker.wake().map(|()| true)
    }

    /// As [`push_bytes`](Sender::push_bytes), but the receiver sees the message, and is woken, with the next
    /// [`flush`](Sender::flush).
    #[inline(always)]
    pub fn push_bytes_deferred(&mut self, bytes: &[u8]) -> bool {
        let put = self.put_bytes(bytes);
        if put {
            self.producer.defer();
        }
        put
    }

    #[inline(always)]
    fn put_bytes(&mut self, bytes: &[u8]) -> bool {
        let put = self.bytes_most.is_some_and(|most| bytes.len() <= most)
            && self.producer.push_bytes(bytes);
        self.sent += u64::from(put);
        put
    }

    /// Same as [`push`](Sender::push), but the receiver sees the message, and is woken, with the next
    /// [`flush`](Sender::flush). For messages that arrived together. A conflating pipe shows each message at once.
    ///
    /// # Errors
    ///
    /// As [`push`](Sender::push).
    #[inline]
    pub fn push_deferred(&mut self, element: T, last: bool) -> std::io::Result<()> {
        if self.latest.is_some() {
            return self.replace(element, last);
        }
        self.producer.push(element);
        if last {
            self.sent += 1;
            self.producer.defer();
        }
        Ok(())
    }

    /// Shows the receiver all messages that were deferred, and wakes it if it sleeps.
    ///
    /// # Errors
    ///
    /// As [`push`](Sender::push).
    #[inline]
    pub fn flush(&mut self) -> std::io::Result<()> {
        if self.producer.flush() {
            return self.waker.wake();
        }
        Ok(())
    }

    #[cold]
    fn replace(&mut self, element: T, last: bool) -> std::io::Result<()> {
        let Some(latest) = self.latest.as_mut().filter(|_| last) else {
            return Ok(());
        };
        latest.put(element);
        self.waker.wake()
    }

    /// Takes back the elements of an unfinished message.
    pub fn rollback(&mut self) {
        self.producer.rollback();
    }

    /// Returns true if a message is unfinished.
    pub fn is_in_midst(&self) -> bool {
        self.producer.has_unpublished()
    }

    /// Returns true if the receiver was dropped: what is sent from now on is lost.
    #[inline]
    pub fn is_orphaned(&self) -> bool {
        self.reported.get(RECEIVER_GONE) != 0
    }

    /// The number of messages sent that the receiver has not reported.
    pub fn waiting(&self) -> u64 {
        self.sent - self.reported.get(RECEIVED).min(self.sent)
    }

    /// Changes the mark; 0 is no limit. A conflating pipe has no mark.
    pub fn set_mark(&mut self, mark: u64) {
        if self.latest.is_some() {
            return;
        }
        self.mark = limit(mark);
        // The report that the old mark waited for is not the one that the new mark needs.
        self.wants.disarm();
    }

    /// Ends the sender: it never has room again, because nothing will be received.
    pub fn refuse(&mut self) {
        self.mark = 0;
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.show();
        self.producer.flush();
        self.producer.rollback();
        self.ended.set(0, 1);
        // An owner that cannot be woken is gone, or looks by itself.
        let _ = self.waker.wake();
    }
}
