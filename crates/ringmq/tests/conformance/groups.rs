//! RADIO and DISH: groups.

use std::time::Duration;

use ringmq::{Frame, Kind, OptionError, SendError, Socket};
use ringmq_testing::{soon, until};

use crate::world::{World, is_empty, message};

rules!(
    a_dish_receives_the_groups_that_it_joined,
    groups_may_change_while_connected,
    a_radio_sends_nothing_that_was_not_joined,
    a_group_has_a_name,
    a_message_to_a_group_has_one_part,
);

fn report(group: &str, text: &str) -> Frame {
    Frame::from(text).with_group(group).unwrap()
}

/// The group of the next message, and its text.
#[track_caller]
fn take(dish: &mut Socket) -> (String, String) {
    let received = dish.recv_deadline(soon()).unwrap();
    assert_eq!(received.len(), 1);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(received[0].group()), text(&received[0]))
}

/// Sends to this group until it arrives: what is sent before the join has arrived is dropped. All of it is received.
#[track_caller]
fn hears(radio: &mut Socket, dish: &mut Socket, group: &str) {
    until(|| {
        radio.send(report(group, "joined")).unwrap();
        // Not more often: with as many on the way as the marks admit, the last one would be dropped, too.
        std::thread::sleep(Duration::from_millis(1));
        dish.events().unwrap().readable
    });
    // What was sent last is the last to come.
    radio.send(report(group, "last")).unwrap();
    while take(dish) != (group.to_owned(), "last".to_owned()) {}
}

fn a_dish_receives_the_groups_that_it_joined(world: &World) {
    let (mut radio, mut dish) = world.pair(Kind::Radio, Kind::Dish);
    let longest = "x".repeat(255);
    let groups = ["weather", "trains", "", &longest];
    for group in groups {
        dish.join(group).unwrap();
        hears(&mut radio, &mut dish, group);
    }
    let body = "y".repeat(100_000);
    for text in ["", "short", &body] {
        for group in groups {
            radio.send(report(group, text)).unwrap();
            radio.send(report("weathe", "no")).unwrap();
            radio.send(report("weather in May", "no")).unwrap();
        }
        for group in groups {
            assert_eq!(take(&mut dish), (group.to_owned(), text.to_owned()));
        }
    }
    is_empty(&mut dish);
}

fn groups_may_change_while_connected(world: &World) {
    let (mut dish, place) = world.bound(Kind::Dish);
    // Before there is a connection.
    dish.join("a").unwrap();
    let mut radio = world.connected(Kind::Radio, &place);
    hears(&mut radio, &mut dish, "a");
    dish.join("b").unwrap();
    hears(&mut radio, &mut dish, "b");
    dish.leave("a").unwrap();
    dish.join("c").unwrap();
    hears(&mut radio, &mut dish, "c");
    radio.send(report("a", "left")).unwrap();
    radio.send(report("b", "kept")).unwrap();
    assert_eq!(take(&mut dish), ("b".to_owned(), "kept".to_owned()));
}

/// The mark of the pipe does not fill with what the peer did not join.
fn a_radio_sends_nothing_that_was_not_joined(world: &World) {
    let (mut radio, mut dish) = world.pair(Kind::Radio, Kind::Dish);
    dish.join("wanted").unwrap();
    hears(&mut radio, &mut dish, "wanted");
    for at in 0..20_000 {
        radio.send(report("unwanted", &at.to_string())).unwrap();
    }
    radio.send(report("wanted", "end")).unwrap();
    assert_eq!(take(&mut dish), ("wanted".to_owned(), "end".to_owned()));
}

fn a_group_has_a_name(world: &World) {
    let mut dish = world.socket(Kind::Dish);
    assert_eq!(dish.leave("a"), Err(OptionError::Value));
    assert_eq!(dish.join("a"), Ok(()));
    assert_eq!(dish.join("a"), Err(OptionError::Value));
    assert_eq!(dish.join("x".repeat(256)), Err(OptionError::Value));
    assert_eq!(dish.join("x\0y"), Err(OptionError::Value));
    let mut sub = world.socket(Kind::Sub);
    assert_eq!(sub.join("a"), Err(OptionError::NotSupported));
    assert!(Frame::new().with_group("x".repeat(256)).is_err());
    // Other types do not look at the group.
    let (mut pull, mut push) = world.pair(Kind::Pull, Kind::Push);
    push.send(report("a", "text")).unwrap();
    assert_eq!(take(&mut pull), (String::new(), "text".to_owned()));
}

fn a_message_to_a_group_has_one_part(world: &World) {
    let (mut radio, mut dish) = world.pair(Kind::Radio, Kind::Dish);
    let refused = radio.send(message(&["a", "b"])).unwrap_err();
    assert!(matches!(refused.reason, SendError::Multipart));
    assert_eq!(refused.message.len(), 2);
    assert!(matches!(radio.recv(), Err(ringmq::RecvError::NotSupported)));
    let refused = dish.send("a").unwrap_err();
    assert!(matches!(refused.reason, SendError::NotSupported));
}
