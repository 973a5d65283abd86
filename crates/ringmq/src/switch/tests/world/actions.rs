//! How a session performs the actions of its switch.

use super::super::{Action, Frame, Input, RESOURCES, Short, Unread};
use super::session::{Fault, Source};
use super::socket::Command;
use super::{Item, Pipe, Verdict, World};

impl World {
    pub(super) fn perform(&mut self, number: usize) -> Verdict<()> {
        let mut violated = false;
        while let Some(action) = self.sides[number].session.switch.next_action() {
            self.record.acts(number, &action)?;
            if action == Action::Violation {
                violated = true;
            } else {
                self.perform_one(number, action)?;
            }
        }
        if violated && !self.sides[number].session.is_over() {
            self.record.violated(number)?;
            self.sides[number].commands.push_back(Command::Stop);
            self.end(number, true)?;
        }
        Ok(())
    }

    fn perform_one(&mut self, number: usize, action: Action) -> Verdict<()> {
        let connection = self.connection();
        let at = self.memories[connection][number].read;
        let uses = self.sides[number].uses;
        let fault = self.fault;
        let side = &mut self.sides[number];
        let session = &mut side.session;
        match action {
            Action::MakeOffer => {
                let short = session.refuses == Some(RESOURCES);
                let made = if short { Err(Short) } else { Ok(()) };
                session.switch.input(Input::OfferMade(made));
            }
            Action::Judge => {
                let judged = match session.refuses {
                    Some(code) => Err(code),
                    None if !session.came => Err(4),
                    None if session.switch.descriptors() == 1 => Err(3),
                    None => Ok(()),
                };
                session.switch.input(Input::Judged(judged));
            }
            Action::Meet => {
                (session.sender, session.receiver) = (uses.sends, uses.receives);
                session.switch.input(Input::Met {
                    sends: uses.sends,
                    receives: uses.receives,
                });
            }
            Action::Say(frame) => {
                self.record.said(number, frame)?;
                if fault == Some(Fault::SaysTwice) && frame == Frame::TakenBack {
                    self.write(number, Item::Frame(frame));
                }
                self.write(number, Item::Frame(frame));
            }
            Action::GiveSender => {
                (session.sender, session.witness) = (false, true);
                side.commands.push_back(Command::Sender(connection));
            }
            Action::GiveReceiver => {
                session.receiver = false;
                side.commands.push_back(Command::Receiver(connection));
            }
            Action::DropReceiver => session.receiver = false,
            Action::GiveBack => side.commands.push_back(Command::GiveBack),
            Action::CloseInbound => {
                if let Some(pipe) = session.inbound.take() {
                    side.inbound[pipe].ended = true;
                }
            }
            Action::OpenInbound(_) => {
                let receiver = Some(open(&mut side.inbound));
                session.inbound = receiver;
                self.downgrade(number, None, receiver, false);
            }
            Action::HoldPipe(_) => self.hold(number),
            Action::OpenPipe(_) => {
                let pipe = self.spare(number, connection);
                let session = &mut self.sides[number].session;
                session.chain.push_back(Source::Pipe(pipe));
                self.end_or_downgrade(number, Some(pipe), None, false);
            }
            Action::AppendHeld => self.append_held(number),
            Action::TakeUnread => {
                session.witness = false;
                let unread = Source::Unread { connection, at };
                if fault == Some(Fault::HeldFirst) {
                    self.append_held(number);
                }
                if fault != Some(Fault::DropsUnread) {
                    self.sides[number].session.chain.push_back(unread);
                }
            }
            Action::DropSegments => session.witness = false,
            Action::AppendUnsent => {
                self.end_with_unsent(number);
            }
            Action::DropUnsent => session.unsent = None,
            Action::Resume { unread, held, .. } => self.resume(number, unread, held),
            Action::Stays(_)
            | Action::TellAgreed
            | Action::CarrierShared
            | Action::RetryUnsent
            | Action::ShortOfMemory
            | Action::Violation => {}
        }
        Ok(())
    }

    fn hold(&mut self, number: usize) {
        let side = &mut self.sides[number];
        if side.session.unsent.is_some() {
            side.session.held = Some(Source::Unsent(None));
            self.end_with_unsent(number);
        } else {
            let pipe = self.spare(number, self.connection());
            self.sides[number].session.held = Some(Source::Pipe(pipe));
            self.downgrade(number, Some(pipe), None, false);
        }
    }

    /// The unsent message goes instead of what the closed socket would have given to its last pipe. Its end in shared
    /// memory is dropped. Returns false if there is no such message.
    fn end_with_unsent(&mut self, number: usize) -> bool {
        let session = &mut self.sides[number].session;
        let Some(unsent) = session.unsent.take() else {
            return false;
        };
        if let Some(last) = session.held.as_mut().or(session.chain.back_mut()) {
            *last = Source::Unsent(Some(unsent.message));
        }
        self.memories[unsent.connection][number].ended = true;
        true
    }

    /// The pipe by which a socket sends when it leaves the memory of this connection.
    pub(super) fn spare(&mut self, number: usize, connection: usize) -> usize {
        let pipes = &mut self.sides[number].outbound;
        let spare = &mut self.memories[connection][number].spare;
        *spare.get_or_insert_with(|| open(pipes))
    }

    fn append_held(&mut self, number: usize) {
        let session = &mut self.sides[number].session;
        if self.fault == Some(Fault::ForgetsHeld) {
            return;
        }
        session.chain.extend(session.held.take());
    }

    fn resume(&mut self, number: usize, unread: Unread, held: bool) {
        let connection = self.connection();
        let at = self.memories[connection][number].read;
        self.chain_at_end(number);
        let behind = self.fault == Some(Fault::FrontBehind);
        let opens = matches!(unread, Unread::Pipe | Unread::BehindThenPipe);
        let sender = opens.then(|| self.spare(number, connection));
        let side = &mut self.sides[number];
        let session = &mut side.session;
        let receiver = Some(open(&mut side.inbound));
        if let Some(pipe) = session.inbound {
            side.inbound[pipe].ended = true;
        }
        session.inbound = receiver;
        let left = Source::Unread { connection, at };
        match unread {
            Unread::None | Unread::Pipe => {}
            Unread::Front if !behind => session.chain.push_front(left),
            Unread::Front | Unread::Behind | Unread::BehindThenPipe => {
                session.chain.push_back(left);
            }
        }
        session.chain.extend(sender.map(Source::Pipe));
        if held {
            self.append_held(number);
        }
        self.end_or_downgrade(number, sender, receiver, true);
    }

    fn end_or_downgrade(
        &mut self,
        number: usize,
        sender: Option<usize>,
        receiver: Option<usize>,
        gone: bool,
    ) {
        if !self.end_with_unsent(number) {
            self.downgrade(number, sender, receiver, gone);
        }
    }

    fn downgrade(
        &mut self,
        number: usize,
        sender: Option<usize>,
        receiver: Option<usize>,
        gone: bool,
    ) {
        self.sides[number].commands.push_back(Command::Downgrade {
            sender,
            receiver,
            gone,
        });
    }
}

/// A new pipe, by its number.
fn open(pipes: &mut Vec<Pipe>) -> usize {
    pipes.push(Pipe::default());
    pipes.len() - 1
}
