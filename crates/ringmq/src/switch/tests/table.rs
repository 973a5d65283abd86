//! The table of transitions: every state and every input. What is not listed is a violation for a frame, and nothing for
//! another input.

use std::time::Duration;

use super::super::agreement::{Ours, Theirs};
use super::super::*;
use super::rows::{
    BACK_WHEN_SHORT, CLOSING_WHEN_SHORT, RIPE, Row, SINCE, YOUNG, agreement_rows, agreement_states,
    frame, receiving_rows, receiving_states, sending_rows, sending_states,
};
use Action::{CarrierShared, TellAgreed};

/// What was said about carriers and YIELD.
const TOLD: [(Told, Yields); 5] = [
    (Told::Zmtp, Yields::Neither),
    (Told::Shared, Yields::Neither),
    (Told::Shared, Yields::Ours),
    (Told::Shared, Yields::Theirs),
    (Told::Shared, Yields::Both),
];

const YIELD: Action = Action::Say(Frame::Yield);

/// Every input but those that change more than one of the three states: `Met` and `Ended`.
fn inputs() -> Vec<Input> {
    let mut inputs = vec![
        Input::Time(YOUNG),
        Input::Time(RIPE),
        Input::OfferMade(Ok(())),
        Input::OfferMade(Err(Short)),
        Input::OfferFramed,
        Input::OfferSent,
        Input::Judged(Ok(())),
        Input::Judged(Err(4)),
        Input::Judged(Err(5)),
        Input::Undecodable(1),
        Input::Message,
        Input::CannotReceive,
        Input::Fresh,
        Input::PeerDrained,
        Input::Unused,
        Input::GiveBack,
        Input::Leave,
    ];
    for flag in [false, true] {
        inputs.extend([
            Input::Ready {
                peer_can: flag,
                now: SINCE,
            },
            Input::CannotSend { let_go: flag },
            Input::Output { at_end: flag },
        ]);
        for immediate in [false, true] {
            inputs.push(Input::Closed {
                unsent: flag,
                immediate,
            });
        }
        for frame in super::explore::FRAMES {
            for short in [false, true] {
                inputs.push(Input::Frame {
                    frame,
                    in_midst: flag,
                    short,
                });
            }
        }
    }
    for input in &inputs {
        match input {
            Input::Ready { .. } | Input::Time(_) | Input::OfferMade(_) | Input::OfferFramed => {}
            Input::OfferSent | Input::Judged(_) | Input::Undecodable(_) | Input::Met { .. } => {}
            Input::Frame { .. } | Input::Message | Input::CannotSend { .. } => {}
            Input::CannotReceive | Input::Output { .. } | Input::Fresh | Input::PeerDrained => {}
            Input::Unused | Input::GiveBack | Input::Leave => {}
            Input::Closed { .. } | Input::Ended { .. } => {}
        }
    }
    inputs
}

/// The row for a state and an input: only SWITCH asks whether it is in the midst of a message, and only BACK, of a
/// socket that has closed or not, whether a segment waits.
fn find<State: Copy + PartialEq>(
    rows: &[Row<State>],
    from: State,
    input: Input,
) -> Option<(State, Vec<Action>)> {
    let asked = match input {
        Input::Frame {
            frame: Frame::Switch,
            in_midst: true,
            ..
        } => Input::Frame {
            frame: Frame::Switch,
            in_midst: true,
            short: false,
        },
        Input::Frame {
            frame: Frame::Back,
            short: true,
            ..
        } => BACK_WHEN_SHORT,
        Input::Frame {
            frame: Frame::Closing,
            short: true,
            ..
        } => CLOSING_WHEN_SHORT,
        Input::Frame { frame: what, .. } => frame(what),
        input => input,
    };
    let mut found = rows.iter().filter(|row| row.0 == from && row.1 == asked);
    let row = found.next().map(|row| (row.2, row.3.clone()));
    assert!(found.next().is_none(), "two rows for {asked:?}");
    row
}

fn actions(switch: &mut Switch) -> Vec<Action> {
    std::iter::from_fn(|| switch.next_action()).collect()
}

#[test]
fn every_state_and_every_input() {
    let rows = Rows {
        agreement: agreement_rows(),
        sending: sending_rows(),
        receiving: receiving_rows(),
    };
    let mut seen = 0;
    for agreement in agreement_states() {
        for sending in sending_states() {
            for receiving in receiving_states() {
                for (told, yields) in TOLD {
                    let state = Switch {
                        agreement,
                        sending,
                        receiving,
                        yields,
                        told,
                        actions: VecDeque::new(),
                    };
                    for input in inputs() {
                        every_row(&rows, &state, input);
                        seen += 1;
                    }
                }
            }
        }
    }
    assert_eq!(
        seen,
        agreement_states().len() * 13 * 9 * TOLD.len() * inputs().len()
    );
}

/// The rows of the three states.
struct Rows {
    agreement: Vec<Row<Agreement>>,
    sending: Vec<Row<Sending>>,
    receiving: Vec<Row<Receiving>>,
}

fn every_row(rows: &Rows, before: &Switch, input: Input) {
    if input == Input::GiveBack
        || matches!(
            input,
            Input::Frame {
                frame: Frame::Yield,
                ..
            }
        )
    {
        return every_yield(before, input);
    }
    let agreement = find(&rows.agreement, before.agreement, input);
    let sending = find(&rows.sending, before.sending, input);
    let receiving = find(&rows.receiving, before.receiving, input);
    let known = [agreement.is_some(), sending.is_some(), receiving.is_some()];
    assert!(
        known.iter().filter(|known| **known).count() <= 1,
        "{input:?} in {before:?}"
    );
    let none = match input {
        Input::Frame { .. } if known == [false; 3] => vec![Action::Violation],
        _ => vec![],
    };
    let (agreement, one) = agreement.unwrap_or((before.agreement, vec![]));
    let (sending, two) = sending.unwrap_or((before.sending, vec![]));
    let (receiving, three) = receiving.unwrap_or((before.receiving, vec![]));
    let mut expected = [one, two, three, none].concat();
    let told = if expected.contains(&CarrierShared) {
        Told::Shared
    } else {
        before.told
    };
    if before.told == Told::Shared {
        expected.retain(|action| *action != CarrierShared);
    }
    if matches!(input, Input::CannotSend { .. })
        && matches!(before.yields, Yields::Theirs | Yields::Both)
    {
        // The peer runs short, not this side.
        expected.retain(|action| *action != Action::ShortOfMemory);
        expected.fill(Action::HoldPipe(Why::RefusedByPeer(5)));
    }
    if matches!(before.yields, Yields::Ours | Yields::Both)
        && let Some(action @ Action::OpenInbound(_)) = expected.last_mut()
    {
        *action = Action::OpenInbound(Why::Resources);
    }
    let yields = match before.yields {
        Yields::Neither if expected == [YIELD] => Yields::Ours,
        Yields::Theirs if expected == [YIELD] => Yields::Both,
        yields => yields,
    };
    if matches!(before.yields, Yields::Ours | Yields::Both) {
        // It was said before.
        expected.retain(|action| *action != YIELD);
    }
    let mut after = before.clone();
    after.input(input);
    assert_eq!(actions(&mut after), expected, "{input:?} in {before:?}");
    let state = Switch {
        agreement,
        sending,
        receiving,
        yields,
        told,
        actions: VecDeque::new(),
    };
    assert_eq!(after, state, "{input:?} in {before:?}");
}

/// This process has no mapping left, or the peer's.
fn every_yield(before: &Switch, input: Input) {
    let mut after = before.clone();
    after.input(input);
    let heard = actions(&mut after);
    let mut expected = before.clone();
    let agreed = before.agreement == Agreement::Agreed;
    let (ours, theirs) = match before.yields {
        Yields::Neither => (false, false),
        Yields::Ours => (true, false),
        Yields::Theirs => (false, true),
        Yields::Both => (true, true),
    };
    let mut does = Vec::new();
    if input == Input::GiveBack {
        if agreed && before.sending != Sending::Lost {
            does.extend((!ours).then_some(Action::Say(Frame::Yield)));
            expected.yields = if theirs { Yields::Both } else { Yields::Ours };
            if before.receiving == Receiving::Agreed {
                expected.receiving = Receiving::Dropped;
                does.push(Action::DropReceiver);
            }
            does.push(Action::GiveBack);
        }
    } else if agreed && !theirs {
        expected.yields = if ours { Yields::Both } else { Yields::Theirs };
        does.push(Action::GiveBack);
    } else {
        does.push(Action::Violation);
    }
    assert_eq!(heard, does, "{input:?} in {before:?}");
    assert_eq!(after, expected, "{input:?} in {before:?}");
}

#[test]
fn both_have_accepted() {
    for agreement in agreement_states() {
        for (sends, receives) in [(true, true), (true, false), (false, true)] {
            let mut switch = Switch::new(Ok(()));
            switch.agreement = agreement;
            let before = switch.clone();
            switch.input(Input::Met { sends, receives });
            let both = Agreement::Offering {
                ours: Ours::Sent,
                theirs: Theirs::Both,
            };
            if agreement != both {
                assert_eq!(switch, before);
                continue;
            }
            let heard = actions(&mut switch);
            assert!(switch.is_agreed());
            if sends {
                assert_eq!((switch.sending, heard), (Sending::Held, vec![]));
            } else {
                let told = vec![TellAgreed, CarrierShared];
                assert_eq!((switch.sending, heard), (Sending::Idle, told));
            }
            let expected = if receives {
                Receiving::Agreed
            } else {
                Receiving::Idle
            };
            assert_eq!(switch.receiving, expected);
        }
    }
}

#[test]
fn what_is_left_at_the_end() {
    use Sending::*;
    for sending in sending_states() {
        for receiving in receiving_states() {
            for told in [Told::Zmtp, Told::Shared] {
                for bits in 0..8 {
                    let [survives, closing, given] = [1, 2, 4].map(|bit| bits & bit > 0);
                    let mut switch = Switch::new(Ok(()));
                    (switch.sending, switch.receiving, switch.told) = (sending, receiving, told);
                    switch.input(Input::Ended {
                        survives,
                        closing,
                        given,
                    });
                    let (unread, held, segments) = match sending {
                        Zmtp | Idle | Held | IdleSwitched | Back | Lost => {
                            (Unread::None, false, false)
                        }
                        Draining | Shared | Closing if closing => (Unread::None, false, true),
                        Shared | Closing if given => (Unread::Pipe, false, true),
                        FallingBack | Leaving if given => (Unread::None, true, true),
                        Reading if given => (Unread::None, false, true),
                        Draining | Shared | Closing => (Unread::BehindThenPipe, false, true),
                        Retreating | FallingBack | Leaving => (Unread::Behind, true, true),
                        Reading => (Unread::Front, false, true),
                    };
                    let tell = told == Told::Shared;
                    let shared = matches!(
                        receiving,
                        Receiving::Shared | Receiving::Asked | Receiving::Ending
                    );
                    let resume = Action::Resume { unread, held, tell };
                    let resumes = survives && (segments || shared || tell);
                    let expected: Vec<Action> = resumes.then_some(resume).into_iter().collect();
                    assert_eq!(actions(&mut switch), expected, "{sending:?}, {receiving:?}");
                    assert_eq!(switch.ways(), (Lost, Receiving::Lost));
                }
            }
        }
    }
}

#[test]
fn questions() {
    for agreement in agreement_states() {
        let mut switch = Switch::new(Ok(()));
        switch.agreement = agreement;
        let asked = (
            switch.offers_property(),
            switch.reads_descriptors(),
            switch.descriptors(),
            switch.deadline(),
            (switch.has_offer(), switch.is_framed()),
        );
        let overripe = Duration::from_millis(25);
        let none = (false, false);
        let expected = match agreement {
            Agreement::Impossible(_) | Agreement::Off(_) => (false, false, 3, None, none),
            Agreement::Possible => (true, true, 3, None, none),
            Agreement::Ripening { .. } => (false, true, 3, Some(overripe), none),
            Agreement::Answering => (false, true, 3, None, none),
            Agreement::Agreed => (false, true, 1, None, none),
            Agreement::Offering { ours, theirs } => {
                let has = match ours {
                    Ours::Unframed => (true, false),
                    Ours::Framed => (true, true),
                    Ours::Sent => none,
                };
                let most = match theirs {
                    Theirs::Judged | Theirs::Both => 1,
                    Theirs::Nothing | Theirs::Accepted => 3,
                };
                (false, true, most, None, has)
            }
        };
        assert_eq!(asked, expected, "{agreement:?}");
        assert_eq!(switch.wants_time(), switch.deadline().is_some());
    }
    for sending in sending_states() {
        let mut switch = Switch::new(Ok(()));
        switch.sending = sending;
        let asked = [
            switch.wants_end(),
            switch.wants_output(),
            switch.wants_fresh(),
            switch.polls_segments(),
            switch.wants_drained(),
        ];
        use Sending::*;
        let expected = match sending {
            Zmtp | Shared | IdleSwitched | Back | Closing | Lost => [false; 5],
            Idle | Draining => [true, false, false, false, false],
            Held => [true, false, true, false, false],
            Retreating => [true, false, false, true, false],
            FallingBack => [false, true, false, true, false],
            Leaving => [false, false, false, true, false],
            Reading => [false, false, false, true, true],
        };
        assert_eq!(asked, expected, "{sending:?}");
        assert_eq!(switch.may_leave(), sending == Shared);
        assert_eq!(switch.awaits_answer(), sending == Closing);
    }
}
