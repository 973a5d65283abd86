//! RADIO and DISH: groups.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::sync::Arc;

use ringmq_message::Frame;
use ringmq_pattern::{Kind, RecvPartError, SendPartError, SetOption};
use world::Stage;

/// Sends to a group.
fn send_to(radio: &mut Stage, group: &str, text: &str) -> Result<(), SendPartError> {
    let frame = Frame::from(text).with_group(group).unwrap();
    let Stage { pattern, world, .. } = radio;
    pattern.send(frame, world)
}

/// The group of the next message, and the message.
fn recv(dish: &mut Stage) -> (String, String) {
    let frame = dish.recv_part().unwrap();
    assert!(!frame.more());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(frame.group()), text(&frame))
}

fn pair(group: &str, text: &str) -> (String, String) {
    (group.to_owned(), text.to_owned())
}

#[test]
fn a_radio_sends_to_those_who_joined_exactly_this_group() {
    let mut radio = Stage::with(Kind::Radio, 3);
    radio.give(0, "\x01weather");
    radio.give(1, "\x01w");
    radio.give(1, "\x01weather in May");
    for group in ["weather", "w", "", "weather in", "trains"] {
        send_to(&mut radio, group, "text").unwrap();
    }
    assert_eq!(radio.got(0), ["weather|text"]);
    assert_eq!(radio.got(1), ["w|text"]);
    assert_eq!(radio.got(2), [""; 0]);
    // The empty name is one like others.
    radio.give(2, "\x01");
    radio.send("text without a group").unwrap();
    send_to(&mut radio, "w", "text").unwrap();
    assert_eq!(radio.got(2), ["|text without a group"]);
    radio.give(0, "\x00weather");
    send_to(&mut radio, "weather", "text").unwrap();
    assert_eq!(radio.got(0), [""; 0]);
    assert_eq!(radio.recv(), Err(RecvPartError::NotSupported));
}

#[test]
fn a_radio_refuses_a_part_that_others_follow() {
    let mut radio = Stage::with(Kind::Radio, 1);
    radio.give(0, "\x01");
    assert!(matches!(radio.send_part("a"), Err(SendPartError::Multipart(frame)) if frame.more()));
    radio.send("b").unwrap();
    assert_eq!(radio.got(0), ["|b"]);
}

#[test]
fn a_radio_drops_what_there_is_no_room_for_or_refuses_it_whole() {
    let mut radio = Stage::with(Kind::Radio, 2);
    for peer in 0..2 {
        radio.give(peer, "\x01g");
    }
    radio.pipe(0).room = 0;
    send_to(&mut radio, "g", "a").unwrap();
    assert_eq!(radio.got(1), ["g|a"]);
    radio.set(SetOption::XpubNodrop(true));
    let refused = send_to(&mut radio, "g", "b");
    assert!(matches!(&refused, Err(SendPartError::WouldBlock(frame)) if frame.group() == b"g"));
    assert_eq!(radio.got(1), [""; 0]);
    radio.pipe(0).room = 10;
    assert_eq!(radio.got(0), [""; 0]);
    send_to(&mut radio, "g", "b").unwrap();
    assert_eq!(
        (radio.got(0), radio.got(1)),
        (vec!["g|b".to_owned()], vec!["g|b".to_owned()])
    );
    for option in [
        SetOption::InvertMatching(true),
        SetOption::Subscribe(b""),
        SetOption::Join(b""),
    ] {
        assert!(radio.pattern.set(option, &mut radio.world).is_err());
    }
}

#[test]
fn a_dish_joins_and_leaves_at_all_radios_and_at_those_that_come_later() {
    let mut dish = Stage::with(Kind::Dish, 1);
    dish.set(SetOption::Join(b"a"));
    dish.set(SetOption::Join(b""));
    assert_eq!(dish.got(0), ["\x01a", "\x01"]);
    dish.join(1);
    let mut joined = dish.got(1);
    joined.sort();
    assert_eq!(joined, ["\x01", "\x01a"]);
    dish.set(SetOption::Leave(b"a"));
    assert_eq!(
        (dish.got(0), dish.got(1)),
        (vec!["\0a".to_owned()], vec!["\0a".to_owned()])
    );
    assert_eq!(dish.pattern.topics(), Some(1));
}

#[test]
fn a_group_is_joined_once_and_left_once_and_has_a_name() {
    let mut dish = Stage::with(Kind::Dish, 1);
    let longest = [b'a'; 255];
    let too_long = [b'a'; 256];
    let mut set = |option: SetOption<'_>| dish.pattern.set(option, &mut dish.world).is_ok();
    assert!(!set(SetOption::Leave(b"g")));
    assert!(set(SetOption::Join(b"g")) && !set(SetOption::Join(b"g")));
    assert!(set(SetOption::Leave(b"g")) && !set(SetOption::Leave(b"g")));
    assert!(set(SetOption::Join(&longest)) && !set(SetOption::Join(&too_long)));
    assert!(!set(SetOption::Join(b"a\0b")) && !set(SetOption::Subscribe(b"s")));
    assert_eq!(dish.got(0).len(), 3);
}

#[test]
fn a_dish_says_which_group_a_message_belongs_to() {
    let mut dish = Stage::with(Kind::Dish, 2);
    dish.set(SetOption::Join(b"a"));
    dish.set(SetOption::Join(b"b"));
    assert!(!dish.can_recv());
    for text in ["a|1", "b|2", "a|3", "a|4"] {
        dish.give(0, text);
    }
    assert!(dish.can_recv() && dish.can_recv());
    assert_eq!(recv(&mut dish), pair("a", "1"));
    assert_eq!(recv(&mut dish), pair("b", "2"));
    // Messages of one group in a row share what says so.
    let (first, second) = (dish.recv_part().unwrap(), dish.recv_part().unwrap());
    assert!(Arc::ptr_eq(
        first.properties().unwrap(),
        second.properties().unwrap()
    ));
    assert_eq!(dish.recv(), Err(RecvPartError::Empty));
    assert!(matches!(
        dish.send("a"),
        Err(SendPartError::NotSupported(_))
    ));
    assert!(!dish.can_send());
}

#[test]
fn a_dish_drops_what_it_has_not_joined_and_what_is_no_message_of_a_group() {
    let mut dish = Stage::with(Kind::Dish, 2);
    dish.set(SetOption::Join(b"a"));
    for text in ["b|1", "a", "aa|2", "|3", "a|4|5", "a||6", "a|", "a|7"] {
        dish.give(0, text);
    }
    assert_eq!(recv(&mut dish), pair("a", ""));
    assert_eq!(recv(&mut dish), pair("a", "7"));
    assert!(!dish.can_recv());
    // A message that poll has found comes, also if the group was left.
    dish.give(0, "a|8");
    assert!(dish.can_recv());
    dish.set(SetOption::Leave(b"a"));
    assert_eq!(recv(&mut dish), pair("a", "8"));
    dish.give(0, "a|9");
    assert_eq!(dish.recv(), Err(RecvPartError::Empty));
    // A peer that sends such messages without end is put off.
    dish.fill(0, (0..10_000).map(|at| format!("a|{at}|x")));
    assert_eq!(dish.recv(), Err(RecvPartError::Empty));
    assert!(dish.world.pipes[0].put_off);
}

#[test]
fn what_poll_has_found_is_received_though_its_peer_has_gone() {
    let mut dish = Stage::with(Kind::Dish, 1);
    dish.set(SetOption::Join(b"a"));
    dish.give(0, "a|1");
    assert!(dish.can_recv());
    dish.leave(0);
    assert_eq!(recv(&mut dish), pair("a", "1"));
    assert!(!dish.can_recv());
}
