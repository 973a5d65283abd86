//! The I/O threads of a context, and who of them has how much to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_pipe::local::Post;

use crate::mail::{Host, Order};

/// All I/O threads of a context.
#[derive(Debug)]
pub(crate) struct Crew {
    desks: Vec<(Post<Order>, Arc<dyn Host>)>,
    /// Sessions and listeners of each.
    loads: Mutex<Vec<usize>>,
}

/// Room that an I/O thread has for one thing more; given back unless [`taken`](Place::taken).
#[derive(Debug)]
pub(crate) struct Place {
    crew: Arc<Crew>,
    number: usize,
    taken: bool,
}

impl Place {
    /// Of the thread.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Where it takes its orders.
    pub(crate) fn post(&self) -> Post<Order> {
        self.crew.desks[self.number].0.clone()
    }

    /// Its work, as other threads see it.
    pub(crate) fn host(&self) -> Arc<dyn Host> {
        Arc::clone(&self.crew.desks[self.number].1)
    }

    /// The order was given. The thread says itself when it is done.
    pub(crate) fn taken(mut self) {
        self.taken = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.taken {
            self.crew.relieve(self.number);
        }
    }
}

impl Crew {
    pub(crate) fn new(desks: Vec<(Post<Order>, Arc<dyn Host>)>) -> Crew {
        let loads = Mutex::new(vec![0; desks.len()]);
        Crew { desks, loads }
    }

    /// Who has the least to do, and has one thing more from now on. `affinity` says who may be chosen, a bit for each
    /// of the first 64; 0 for everybody.
    pub(crate) fn choose(self: &Arc<Crew>, affinity: u64) -> Option<Place> {
        let mut loads = self.loads();
        let may = |number: usize| affinity == 0 || number < 64 && affinity >> number & 1 == 1;
        let numbers = (0..loads.len()).filter(|number| may(*number));
        let number = numbers.min_by_key(|number| loads[*number])?;
        loads[number] += 1;
        Some(Place {
            crew: Arc::clone(self),
            number,
            taken: false,
        })
    }

    /// This one has one thing less to do.
    pub(crate) fn relieve(&self, number: usize) {
        let mut loads = self.loads();
        loads[number] = loads[number].saturating_sub(1);
    }

    /// Everybody but this one.
    pub(crate) fn others(&self, number: usize) -> impl Iterator<Item = &Post<Order>> {
        let desks = self.desks.iter().enumerate();
        desks.filter_map(move |(other, (post, _))| (other != number).then_some(post))
    }

    fn loads(&self) -> MutexGuard<'_, Vec<usize>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use ringmq_pipe::local::{Mailbox, Waker};

    use crate::mail::{Host, StreamWork};
    use crate::reactor::crew::{Arc, Crew};
    use crate::reactor::lease::Lease;

    #[test]
    fn the_least_busy_thread_that_may_is_chosen() {
        let mailbox = Mailbox::new(Waker::unset());
        let host: Arc<dyn Host> = Arc::new(Lease::new(false, StreamWork::default()).unwrap());
        let desk = || (mailbox.post(), Arc::clone(&host));
        let crew = Arc::new(Crew::new((0..66).map(|_| desk()).collect()));
        let chosen = |affinity| {
            let place = crew.choose(affinity)?;
            let number = place.number();
            place.taken();
            Some(number)
        };
        assert_eq!([0, 0, 0b11].map(chosen), [0, 1, 0].map(Some));
        assert_eq!([0b10, 0b11, 1 << 63].map(chosen), [1, 0, 63].map(Some));
        crew.relieve(1);
        crew.relieve(1);
        drop(crew.choose(0b10));
        assert_eq!(chosen(0b11), Some(1));
        assert!(Arc::new(Crew::new(vec![desk()])).choose(0b10).is_none());
    }
}
