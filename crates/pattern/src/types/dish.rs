//! DISH: the messages of the groups that it joined.

use std::sync::Arc;

use ringmq_message::{Frame, Kind, LONGEST_GROUP, Properties};

use super::xsub::Xsub;
use crate::queues::Drops;
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, SetOption,
};
use crate::topics::{SUBSCRIBE, UNSUBSCRIBE, subscription};

/// A SUB whose topics are groups. In a pipe a message has two parts: the group, and what was sent.
#[derive(Debug)]
pub(crate) struct Dish {
    subscriber: Xsub,
    /// A message that was read to know that there is one.
    held: Option<Frame>,
    label: Option<Label>,
}

/// The properties of the last message, which the next one has as a rule: those that it came with, and with its group.
#[derive(Debug)]
struct Label {
    came_with: Option<Arc<Properties>>,
    with_group: Arc<Properties>,
}

impl Label {
    fn fits(&self, group: &[u8], properties: Option<&Arc<Properties>>) -> bool {
        let same = match (&self.came_with, properties) {
            (Some(known), Some(theirs)) => Arc::ptr_eq(known, theirs),
            (None, None) => true,
            _ => false,
        };
        same && self.with_group.group().to_bytes() == group
    }
}

impl Dish {
    pub(crate) fn new() -> Dish {
        Dish {
            subscriber: Xsub::new(Kind::Dish),
            held: None,
            label: None,
        }
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.subscriber.is_behind()
    }

    pub(crate) fn groups(&self) -> usize {
        self.subscriber.topics()
    }

    /// The next message of a group that it joined. What is no message of a group is dropped.
    fn next(&mut self, pipes: &mut impl Pipes) -> Option<Frame> {
        let mut drops = Drops::default();
        loop {
            let group = self.subscriber.next_wanted(&mut drops, pipes)?;
            let (mut frame, peer) = self.subscriber.fair.recv(pipes)?;
            if frame.more() {
                self.subscriber.fair.drop_rest(peer, &mut drops, pipes);
                continue;
            }
            self.put_label(&mut frame, &group);
            return Some(frame);
        }
    }

    /// Says in a frame which group it belongs to.
    fn put_label(&mut self, frame: &mut Frame, group: &[u8]) {
        let properties = frame.properties();
        if !self
            .label
            .as_ref()
            .is_some_and(|label| label.fits(group, properties))
        {
            let came_with = properties.cloned();
            let mut with_group = came_with.as_deref().cloned().unwrap_or_default();
            // It is one that was joined, so it is a name.
            let _ = with_group.set_group(group);
            self.label = Some(Label {
                came_with,
                with_group: Arc::new(with_group),
            });
        }
        let label = self.label.as_ref();
        frame.set_properties(label.map(|label| Arc::clone(&label.with_group)));
    }
}

impl Route for Dish {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.subscriber.attach(peer, remote, pipes)
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.subscriber.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        self.subscriber.activated(peer, ready, pipes);
    }

    fn hiccup<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.subscriber.hiccup(peer, pipes);
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        let held = self.held.take();
        held.or_else(|| self.next(pipes))
            .ok_or(RecvPartError::Empty)
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        if self.held.is_none() {
            self.held = self.next(pipes);
        }
        self.held.is_some()
    }

    /// A group is joined once, and left if it was joined.
    fn set<P: Pipes>(&mut self, option: SetOption<'_>, pipes: &mut P) -> Result<(), OptionError> {
        let (kind, group) = match option {
            SetOption::Join(group) => (SUBSCRIBE, group),
            SetOption::Leave(group) => (UNSUBSCRIBE, group),
            _ => return Err(OptionError),
        };
        let joins = kind == SUBSCRIBE;
        if group.len() > LONGEST_GROUP
            || group.contains(&0)
            || self.subscriber.contains(group) == joins
        {
            return Err(OptionError);
        }
        self.subscriber.part(subscription(kind, group), pipes);
        Ok(())
    }
}
