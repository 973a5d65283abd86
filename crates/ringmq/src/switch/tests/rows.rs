//! The transitions that the table test demands: from a state, by an input, to a state, with actions.

use std::time::Duration;

use super::super::agreement::{Ours, Said, Theirs};
use super::super::*;
use Action::{
    AppendHeld, AppendUnsent, CarrierShared, CloseInbound, DropSegments, DropUnsent, GiveReceiver,
    GiveSender, HoldPipe, Judge, MakeOffer, Meet, OpenInbound, OpenPipe, RetryUnsent, Say,
    ShortOfMemory, Stays, TakeUnread,
};

pub(super) const SINCE: Duration = Duration::from_millis(5);
pub(super) const YOUNG: Duration = Duration::from_micros(5999);
pub(super) const RIPE: Duration = Duration::from_millis(6);

/// BACK, when a segment waits that this side could not map.
pub(super) const BACK_WHEN_SHORT: Input = Input::Frame {
    frame: Frame::Back,
    in_midst: false,
    short: true,
};

/// BACK of a socket that has closed, then.
pub(super) const CLOSING_WHEN_SHORT: Input = Input::Frame {
    frame: Frame::Closing,
    in_midst: false,
    short: true,
};

/// From a state, by an input, to a state, with actions.
pub(super) type Row<State> = (State, Input, State, Vec<Action>);

pub(super) fn frame(frame: Frame) -> Input {
    Input::Frame {
        frame,
        in_midst: false,
        short: false,
    }
}

pub(super) fn sending_states() -> Vec<Sending> {
    use Sending::*;
    let states = vec![
        Zmtp,
        Idle,
        Held,
        Draining,
        Shared,
        IdleSwitched,
        Retreating,
        FallingBack,
        Leaving,
        Reading,
        Back,
        Closing,
        Lost,
    ];
    for state in &states {
        // A new state is a new entry above.
        match state {
            Zmtp | Idle | Held | Draining | Shared | IdleSwitched => {}
            Retreating | FallingBack | Leaving | Reading | Back | Closing | Lost => {}
        }
    }
    states
}

pub(super) fn sending_rows() -> Vec<Row<Sending>> {
    use Sending::*;
    let end = |at_end| Input::Output { at_end };
    let cannot = |let_go| Input::CannotSend { let_go };
    let held = vec![ShortOfMemory, HoldPipe(Why::Resources)];
    let switch = Say(Frame::Switch);
    let back = Say(Frame::Back);
    let taken_back = Say(Frame::TakenBack);
    let refused = Why::RefusedByPeer(5);
    let take_back = frame(Frame::TakeBack);
    let mut rows = vec![
        (
            Held,
            Input::Fresh,
            Draining,
            vec![GiveSender, CarrierShared],
        ),
        (
            Held,
            end(true),
            Shared,
            vec![switch, GiveSender, CarrierShared],
        ),
        (Idle, end(true), IdleSwitched, vec![switch]),
        (Draining, end(true), Shared, vec![switch]),
        (Retreating, end(true), Leaving, vec![switch, back]),
        (FallingBack, end(true), Leaving, vec![back]),
        (FallingBack, end(false), Leaving, vec![back]),
        (
            Leaving,
            frame(Frame::BackAccepted),
            Reading,
            vec![AppendHeld],
        ),
        (Draining, Input::Unused, Idle, vec![DropSegments]),
        (Shared, Input::Unused, IdleSwitched, vec![DropSegments]),
        (
            Leaving,
            take_back,
            Back,
            vec![taken_back, TakeUnread, AppendHeld],
        ),
        (Draining, cannot(true), Retreating, held.clone()),
        (Shared, cannot(true), FallingBack, held.clone()),
        (Shared, cannot(false), FallingBack, held),
        (
            Shared,
            take_back,
            Back,
            vec![taken_back, TakeUnread, OpenPipe(refused)],
        ),
        (
            FallingBack,
            take_back,
            Back,
            vec![taken_back, TakeUnread, AppendHeld],
        ),
        (IdleSwitched, take_back, Back, vec![taken_back]),
        (Reading, Input::PeerDrained, Back, vec![DropSegments]),
        (Shared, Input::Leave, Closing, vec![Say(Frame::Closing)]),
        (
            Closing,
            frame(Frame::BackAccepted),
            Back,
            vec![DropSegments],
        ),
        (
            Closing,
            take_back,
            Back,
            vec![Say(Frame::TakenBack), TakeUnread],
        ),
    ];
    for state in sending_states() {
        for let_go in [false, true] {
            if state != Shared && !(state == Draining && let_go) {
                rows.push((state, cannot(let_go), state, vec![ShortOfMemory]));
            }
        }
        for immediate in [false, true] {
            let what = match state {
                Draining | Shared => RetryUnsent,
                Retreating | FallingBack | Leaving | Reading | Back => AppendUnsent,
                _ if immediate => DropUnsent,
                _ => AppendUnsent,
            };
            let unsent = true;
            rows.push((
                state,
                Input::Closed { unsent, immediate },
                state,
                vec![what],
            ));
        }
    }
    rows
}

pub(super) fn receiving_states() -> Vec<Receiving> {
    use Receiving::*;
    let states = vec![
        Zmtp, Idle, Agreed, Dropped, Shared, Asked, Back, Ending, Lost,
    ];
    for state in &states {
        match state {
            Zmtp | Idle | Agreed | Dropped | Shared | Asked | Back | Ending | Lost => {}
        }
    }
    states
}

pub(super) fn receiving_rows() -> Vec<Row<Receiving>> {
    use Receiving::*;
    let given = vec![CloseInbound, GiveReceiver, CarrierShared];
    let take_back = vec![ShortOfMemory, Say(Frame::TakeBack)];
    let refused = OpenInbound(Why::RefusedByPeer(5));
    let short = OpenInbound(Why::Resources);
    let mut rows = vec![
        (Idle, frame(Frame::Switch), Shared, vec![CloseInbound]),
        (Agreed, frame(Frame::Switch), Shared, given),
        (Shared, Input::CannotReceive, Asked, take_back),
        (
            Back,
            Input::CannotReceive,
            Back,
            vec![ShortOfMemory, Action::Violation],
        ),
        (
            Shared,
            frame(Frame::Back),
            Back,
            vec![Say(Frame::BackAccepted), refused],
        ),
        (Shared, BACK_WHEN_SHORT, Shared, vec![]),
        (Asked, frame(Frame::Back), Asked, vec![]),
        (Asked, BACK_WHEN_SHORT, Asked, vec![]),
        (
            Shared,
            frame(Frame::Closing),
            Ending,
            vec![Say(Frame::BackAccepted)],
        ),
        (Shared, CLOSING_WHEN_SHORT, Shared, vec![Say(Frame::Yield)]),
        (Asked, frame(Frame::Closing), Asked, vec![]),
        (Asked, CLOSING_WHEN_SHORT, Asked, vec![]),
        (
            Ending,
            Input::CannotReceive,
            Ending,
            vec![ShortOfMemory, Action::Violation],
        ),
        (Ending, Input::Message, Ending, vec![Action::Violation]),
        (
            Dropped,
            frame(Frame::Switch),
            Asked,
            vec![CloseInbound, Say(Frame::TakeBack)],
        ),
        (Asked, frame(Frame::TakenBack), Back, vec![short]),
        (Shared, Input::Message, Shared, vec![Action::Violation]),
        (Asked, Input::Message, Asked, vec![Action::Violation]),
    ];
    for state in [Zmtp, Idle, Agreed, Dropped, Asked, Lost] {
        rows.push((state, Input::CannotReceive, state, vec![ShortOfMemory]));
    }
    rows
}

pub(super) fn agreement_states() -> Vec<Agreement> {
    use Agreement::*;
    let mut states = vec![
        Impossible(Why::NotIpc),
        Possible,
        Ripening { since: SINCE },
        Answering,
        Agreed,
        Off(Said::Nothing),
        Off(Said::Refuse),
    ];
    for ours in [Ours::Unframed, Ours::Framed, Ours::Sent] {
        for theirs in [
            Theirs::Nothing,
            Theirs::Judged,
            Theirs::Accepted,
            Theirs::Both,
        ] {
            states.push(Offering { ours, theirs });
        }
    }
    for state in &states {
        match state {
            Impossible(_) | Possible | Ripening { .. } | Answering | Agreed | Off(_) => {}
            Offering { ours, theirs } => match (ours, theirs) {
                (Ours::Unframed | Ours::Framed | Ours::Sent, Theirs::Nothing) => {}
                (_, Theirs::Judged | Theirs::Accepted | Theirs::Both) => {}
            },
        }
    }
    states
}

pub(super) fn agreement_rows() -> Vec<Row<Agreement>> {
    use Agreement::*;
    let ready = |peer_can| Input::Ready {
        peer_can,
        now: SINCE,
    };
    let offering = |ours, theirs| Offering { ours, theirs };
    let ripening = Ripening { since: SINCE };
    let first = offering(Ours::Unframed, Theirs::Nothing);
    let [off, refused] = [Said::Nothing, Said::Refuse].map(Off);
    let no = |code| Say(Frame::Refuse(code));
    let short = Stays(Why::Resources);
    let impossible = Impossible(Why::NotIpc);
    let mut rows = vec![
        (impossible, ready(true), off, vec![Stays(Why::NotIpc)]),
        (impossible, ready(false), off, vec![Stays(Why::NotIpc)]),
        (Possible, ready(false), off, vec![Stays(Why::NotOffered)]),
        (Possible, ready(true), ripening, vec![]),
        (ripening, Input::Time(RIPE), ripening, vec![MakeOffer]),
        (ripening, Input::OfferMade(Ok(())), first, vec![]),
        (ripening, Input::OfferMade(Err(Short)), off, vec![short]),
        (ripening, frame(Frame::Offer), Answering, vec![MakeOffer]),
        (Answering, Input::OfferMade(Ok(())), first, vec![Judge]),
        (
            Answering,
            Input::OfferMade(Err(Short)),
            refused,
            vec![no(5), short],
        ),
        (off, frame(Frame::Offer), refused, vec![no(5)]),
        (refused, frame(Frame::Offer), refused, vec![]),
        (off, Input::Undecodable(1), refused, vec![no(1)]),
        (
            Agreed,
            Input::Undecodable(1),
            Agreed,
            vec![Action::Violation],
        ),
    ];
    for state in [off, refused] {
        rows.push((state, frame(Frame::Accept), state, vec![]));
        rows.push((state, frame(Frame::Refuse(2)), state, vec![]));
    }
    for state in agreement_states() {
        if !matches!(state, Agreed | Off(_)) {
            let actions = vec![no(1), Stays(Why::Refused(1))];
            rows.push((state, Input::Undecodable(1), refused, actions));
        }
        let Offering { ours, theirs } = state else {
            continue;
        };
        let meet = |theirs| (ours == Ours::Sent && theirs == Theirs::Both).then_some(Meet);
        let judged = match theirs {
            Theirs::Nothing | Theirs::Judged => Theirs::Judged,
            Theirs::Accepted | Theirs::Both => Theirs::Both,
        };
        let accepted = match theirs {
            Theirs::Nothing | Theirs::Accepted => Theirs::Accepted,
            Theirs::Judged | Theirs::Both => Theirs::Both,
        };
        let accept = [Say(Frame::Accept)].into_iter().chain(meet(judged));
        let by_peer = Stays(Why::RefusedByPeer(2));
        rows.extend([
            (state, frame(Frame::Offer), state, vec![Judge]),
            (
                state,
                Input::Judged(Ok(())),
                offering(ours, judged),
                accept.collect(),
            ),
            (state, Input::Judged(Err(5)), refused, vec![no(5), short]),
            (
                state,
                Input::Judged(Err(4)),
                refused,
                vec![no(4), Stays(Why::Refused(4))],
            ),
            (
                state,
                frame(Frame::Accept),
                offering(ours, accepted),
                meet(accepted).into_iter().collect(),
            ),
            (state, frame(Frame::Refuse(2)), off, vec![by_peer]),
            (
                state,
                Input::OfferSent,
                offering(Ours::Sent, theirs),
                vec![],
            ),
        ]);
        if ours == Ours::Unframed {
            rows.push((
                state,
                Input::OfferFramed,
                offering(Ours::Framed, theirs),
                vec![],
            ));
        }
    }
    rows
}
