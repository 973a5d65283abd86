//! RADIO, DISH and DGRAM over udp.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it is skipped"
)]

use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use ringmq::{
    Carrier, Context, EndpointError, Frame, Kind, Message, RecvError, Security, SendError, Socket,
    SocketOptions, datagram_address,
};
use ringmq_testing::{Random, seed, soon, until, watchdog};

const LIMIT: Duration = Duration::from_secs(90);

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

fn pair(group: &str, text: &str) -> (String, String) {
    (group.to_owned(), text.to_owned())
}

#[track_caller]
fn is_empty(socket: &mut Socket) {
    let received = socket.try_recv();
    assert!(
        matches!(received, Err(RecvError::WouldBlock)),
        "{received:?}"
    );
}

/// A DISH that is bound, and a RADIO that is connected to it.
fn meet(context: &Context, endpoint: &str, options: &SocketOptions) -> (Socket, Socket) {
    let mut dish = context.socket_with(Kind::Dish, options).unwrap();
    dish.bind(endpoint).unwrap();
    let mut radio = context.socket_with(Kind::Radio, options).unwrap();
    radio.connect(dish.last_endpoint()).unwrap();
    (dish, radio)
}

/// The address of a socket that is bound to an address of this machine.
fn address(socket: &Socket) -> SocketAddr {
    let text = socket.last_endpoint().strip_prefix("udp://").unwrap();
    text.parse().unwrap()
}

fn bound(context: &Context, kind: Kind) -> Socket {
    let mut socket = context.socket(kind).unwrap();
    socket.bind("udp://127.0.0.1:*").unwrap();
    socket
}

/// A message of a DGRAM to this address.
fn to(address: SocketAddr, text: &str) -> Message {
    Message::from_iter([&address.to_string(), text])
}

fn strange() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_dish_receives_the_groups_that_it_joined() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let (mut dish, mut radio) = meet(&context, "udp://127.0.0.1:*", &SocketOptions::new());
    let longest = "x".repeat(255);
    let groups = ["weather", "trains", "", &longest];
    let body = "y".repeat(7900);
    for group in groups {
        dish.join(group).unwrap();
        for text in ["", "short", &body] {
            radio.send(report("weathe", "no")).unwrap();
            radio.send(report("weather in May", "no")).unwrap();
            radio.send(report(group, text)).unwrap();
            assert_eq!(take(&mut dish), pair(group, text));
        }
    }
    dish.leave("weather").unwrap();
    radio.send(report("weather", "left")).unwrap();
    radio.send(report("trains", "kept")).unwrap();
    assert_eq!(take(&mut dish), pair("trains", "kept"));
    let connections = [dish.connections(), radio.connections()].concat();
    assert_eq!(connections.len(), 2);
    for connection in connections {
        assert_eq!(connection.carrier, Carrier::Datagrams);
        assert_eq!(connection.endpoint, dish.last_endpoint());
    }
}

#[test]
fn ipv6_carries_datagrams() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("the loopback has no IPv6");
        return;
    }
    let options = SocketOptions::new().ipv6(true);
    let (mut dish, mut radio) = meet(&context, "udp://[::1]:*", &options);
    dish.join("").unwrap();
    radio.send("six").unwrap();
    assert_eq!(take(&mut dish), pair("", "six"));
    // A socket that is bound to all addresses has those of IPv4, too.
    let mut all = context.socket_with(Kind::Dgram, &options).unwrap();
    all.bind("udp://*:*").unwrap();
    let port = all.last_endpoint().rsplit_once(':').unwrap().1;
    let port: u16 = port.parse().unwrap();
    let mut four = bound(&context, Kind::Dgram);
    four.send(to(([127, 0, 0, 1], port).into(), "four"))
        .unwrap();
    let question = all.recv_deadline(soon()).unwrap();
    assert_eq!(datagram_address(&question[0]), Some(address(&four)));
    all.send(question).unwrap();
    assert_eq!(four.recv_deadline(soon()).unwrap()[1].as_slice(), b"four");
    let mut six = context.socket_with(Kind::Dgram, &options).unwrap();
    six.bind("udp://[::1]:*").unwrap();
    six.send(to((Ipv6Addr::LOCALHOST, port).into(), "six"))
        .unwrap();
    let question = all.recv_deadline(soon()).unwrap();
    assert_eq!(datagram_address(&question[0]), Some(address(&six)));
}

#[test]
fn members_of_a_multicast_group_receive_what_is_sent_to_it() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let endpoint = "udp://127.0.0.1;239.255.77.3:*";
    let (mut first, mut radio) = meet(&context, endpoint, &SocketOptions::new());
    let mut second = context.socket(Kind::Dish).unwrap();
    second.bind(first.last_endpoint()).unwrap();
    let mut stranger = context.socket(Kind::Dish).unwrap();
    let elsewhere = first.last_endpoint().replace("77.3", "77.4");
    stranger.bind(&elsewhere).unwrap();
    let dishes = [&mut first, &mut second, &mut stranger];
    for dish in dishes {
        dish.join("a").unwrap();
    }
    radio.send(report("a", "to both")).unwrap();
    for dish in [&mut first, &mut second] {
        assert_eq!(take(dish), pair("a", "to both"));
    }
    radio.connect(&elsewhere).unwrap();
    radio.send(report("a", "to all")).unwrap();
    for dish in [&mut first, &mut second, &mut stranger] {
        assert_eq!(take(dish), pair("a", "to all"));
    }
}

/// What is not wanted does not fill the pipe.
#[test]
fn a_dish_has_room_for_what_it_joined() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let options = SocketOptions::new().recv_hwm(1);
    let (mut dish, mut radio) = meet(&context, "udp://127.0.0.1:*", &options);
    dish.join("wanted").unwrap();
    for _ in 0..50 {
        for _ in 0..10 {
            radio.send(report("unwanted", "no")).unwrap();
        }
        radio.send(report("wanted", "yes")).unwrap();
        assert_eq!(take(&mut dish), pair("wanted", "yes"));
    }
    is_empty(&mut dish);
}

#[test]
fn what_is_malformed_or_too_long_is_dropped() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let options = SocketOptions::new().max_message(8000);
    let (mut dish, mut radio) = meet(&context, "udp://127.0.0.1:*", &options);
    dish.join("g").unwrap();
    let (stranger, there) = (strange(), address(&dish));
    let good = |text: &[u8]| [b"\x01g", text].concat();
    for bad in [
        vec![],
        vec![1],
        vec![255, b'g'],
        good(&[b'x'; 8001]),
        good(&[b'x'; 8191]),
        good(&[b'x'; 60_000]),
    ] {
        stranger.send_to(&bad, there).unwrap();
        stranger.send_to(&good(b"good"), there).unwrap();
        assert_eq!(take(&mut dish), pair("g", "good"));
    }
    // 8192 bytes with the group and its length are not too long to be sent.
    let mut all = bound(&context, Kind::Dish);
    all.join("g").unwrap();
    radio.connect(all.last_endpoint()).unwrap();
    let most = "x".repeat(8190);
    for text in [&most, "longer than that", &format!("{most}x"), "end"] {
        radio.send(report("g", text)).unwrap();
    }
    assert_eq!(take(&mut all), pair("g", &most));
    assert_eq!(take(&mut all), pair("g", "longer than that"));
    assert_eq!(take(&mut all), pair("g", "end"));
    assert_eq!(take(&mut dish), pair("g", "longer than that"));
    assert_eq!(take(&mut dish), pair("g", "end"));
}

#[test]
fn any_bytes_at_all_do_no_harm() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let mut dish = bound(&context, Kind::Dish);
    let mut dgram = bound(&context, Kind::Dgram);
    dish.join("g").unwrap();
    let (stranger, mut random) = (strange(), Random::new(seed()));
    for _ in 0..5000 {
        let len = random.below(600) as usize;
        let bytes: Vec<u8> = (0..len).map(|_| random.below(4) as u8).collect();
        stranger.send_to(&bytes, address(&dish)).unwrap();
        stranger.send_to(&bytes, address(&dgram)).unwrap();
        if let Ok(received) = dgram.try_recv() {
            let from = stranger.local_addr().unwrap();
            assert_eq!(datagram_address(&received[0]), Some(from));
        }
    }
    until(|| {
        stranger.send_to(b"\x01gend", address(&dish)).unwrap();
        dish.try_recv().is_ok_and(|end| &end[0][..] == b"end")
    });
    until(|| {
        stranger.send_to(b"end", address(&dgram)).unwrap();
        dgram.try_recv().is_ok_and(|end| &end[1][..] == b"end")
    });
}

#[test]
fn a_full_queue_drops() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let options = SocketOptions::new().recv_hwm(2);
    let (mut dish, mut radio) = meet(&context, "udp://127.0.0.1:*", &options);
    dish.join("g").unwrap();
    let stranger = strange();
    let datagram = [b"\x01g", &[b'x'; 8000][..]].concat();
    for _ in 0..5000 {
        stranger.send_to(&datagram, address(&dish)).unwrap();
    }
    // 5,000 datagrams are 40 MB; the kernel keeps far less.
    let mut received = 0;
    until(|| {
        radio.send(report("g", "end")).unwrap();
        let message = dish.recv_deadline(soon()).unwrap();
        received += 1;
        message[0].len() == 3
    });
    assert!((1..5000).contains(&received), "{received}");
}

#[test]
fn a_dgram_answers_who_has_asked() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let (mut server, mut client) = (bound(&context, Kind::Dgram), bound(&context, Kind::Dgram));
    assert_eq!(server.kind(), Kind::Dgram);
    for at in 0..100 {
        let text = format!("question {at}");
        client.send(to(address(&server), &text)).unwrap();
        let question = server.recv_deadline(soon()).unwrap();
        assert_eq!(question.len(), 2);
        assert_eq!(question[1].as_slice(), text.as_bytes());
        let from = address(&client);
        assert_eq!(question[0].as_slice(), format!("{from}\0").as_bytes());
        assert_eq!(datagram_address(&question[0]), Some(from));
        // The part that came names where the answer goes.
        server
            .send_part(question[0].clone().with_more(true))
            .unwrap();
        server.send_part("answer").unwrap();
        let answer = client.recv_deadline(soon()).unwrap();
        assert_eq!(answer[1].as_slice(), b"answer");
        assert_eq!(datagram_address(&answer[0]), Some(address(&server)));
    }
    // Any program is a peer.
    let stranger = strange();
    stranger.set_read_timeout(Some(LIMIT)).unwrap();
    stranger.send_to(b"", address(&server)).unwrap();
    let mut question = server.recv_deadline(soon()).unwrap();
    assert!(question[1].is_empty());
    question.pop();
    question.push(Frame::from("to a stranger"));
    server.send(question).unwrap();
    let mut room = [0; 100];
    let (len, from) = stranger.recv_from(&mut room).unwrap();
    assert_eq!(
        (&room[..len], from),
        (&b"to a stranger"[..], address(&server))
    );
}

#[test]
fn a_dgram_drops_what_has_no_address() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let (mut server, mut client) = (bound(&context, Kind::Dgram), bound(&context, Kind::Dgram));
    let there = address(&server).to_string();
    let longest = "x".repeat(8192);
    for (to, text) in [
        ("", "nowhere"),
        ("127.0.0.1", "no port"),
        ("127.0.0.1:0", "port 0"),
        ("localhost:5555", "a name"),
        ("[::1]:5555", "another family"),
        ("\u{0}", "nothing"),
        (&there, &format!("{longest}x")),
    ] {
        client.send(Message::from_iter([to, text])).unwrap();
        client
            .send(Message::from_iter([&there[..], &longest]))
            .unwrap();
        let received = server.recv_deadline(soon()).unwrap();
        assert_eq!(received[1].as_slice(), longest.as_bytes());
    }
    is_empty(&mut server);
}

#[test]
fn a_dgram_has_messages_of_two_parts_and_is_bound_before() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let mut dgram = context.socket(Kind::Dgram).unwrap();
    let there = ["127.0.0.1:9", "text"];
    let refused = dgram.send(Message::from_iter(there)).unwrap_err();
    assert!(matches!(refused.reason, SendError::State));
    assert_eq!(refused.message.len(), 2);
    is_empty(&mut dgram);
    dgram.bind("udp://127.0.0.1:*").unwrap();
    let own = address(&dgram).to_string();
    // As in libzmq, a second bind has no effect.
    dgram.bind("udp://127.0.0.1:*").unwrap();
    assert_eq!(dgram.connections().len(), 1);
    for parts in [&[][..], &["a"], &["a", "b", "c"]] {
        let message: Message = parts.iter().copied().collect();
        let refused = dgram.send(message).unwrap_err();
        assert!(matches!(refused.reason, SendError::Multipart));
        assert_eq!(refused.message.len(), parts.len());
    }
    let refused = dgram.send_part("alone").unwrap_err();
    assert!(matches!(refused.reason, SendError::Multipart));
    dgram
        .send_part(Frame::from(own.as_str()).with_more(true))
        .unwrap();
    let refused = dgram
        .send_part(Frame::from("b").with_more(true))
        .unwrap_err();
    assert!(matches!(refused.reason, SendError::Multipart));
    dgram.send_part("to itself").unwrap();
    assert_eq!(
        dgram.recv_deadline(soon()).unwrap()[1].as_slice(),
        b"to itself"
    );
}

#[test]
fn each_type_has_its_use_of_udp() {
    let context = Context::new().unwrap();
    #[track_caller]
    fn unfit(result: Result<(), EndpointError>) {
        assert!(matches!(result, Err(EndpointError::Unfit(_))), "{result:?}");
    }
    for kind in Kind::ALL.into_iter().chain([Kind::Stream]) {
        let mut socket = context.socket(kind).unwrap();
        for endpoint in ["udp://127.0.0.1:*", "udp://nonsense"] {
            if kind != Kind::Dish {
                unfit(socket.bind(endpoint));
            }
            if kind != Kind::Radio {
                unfit(socket.connect(endpoint));
            }
            if !kind.uses_groups() {
                unfit(socket.disconnect(endpoint));
            }
        }
    }
    let mut dgram = bound(&context, Kind::Dgram);
    unfit(dgram.connect("udp://127.0.0.1:5555"));
    for other in ["tcp://127.0.0.1:*", "ipc://*", "inproc://dgram"] {
        unfit(dgram.bind(other));
        unfit(dgram.connect(other));
    }
    let mut radio = context.socket(Kind::Radio).unwrap();
    for wild in ["udp://*:5555", "udp://127.0.0.1:*"] {
        let refused = radio.connect(wild);
        assert!(matches!(refused, Err(EndpointError::Udp(_))), "{refused:?}");
    }
    let refused = radio.connect("udp://127.0.0.1");
    assert!(
        matches!(refused, Err(EndpointError::Endpoint(_))),
        "{refused:?}"
    );
    // What was to be protected is not sent.
    let options = SocketOptions::new().security(Security::PlainServer);
    let mut radio = context.socket_with(Kind::Radio, &options).unwrap();
    let refused = radio.connect("udp://127.0.0.1:5555");
    assert!(
        matches!(refused, Err(EndpointError::Unprotected(_))),
        "{refused:?}"
    );
}

#[test]
fn what_was_sent_before_the_close_leaves() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let mut dish = bound(&context, Kind::Dish);
    dish.join("").unwrap();
    let other = Context::new().unwrap();
    let mut radio = other.socket(Kind::Radio).unwrap();
    radio.connect(dish.last_endpoint()).unwrap();
    for at in 0..50 {
        radio.send(at.to_string()).unwrap();
    }
    drop(radio);
    other.terminate();
    for at in 0..50 {
        assert_eq!(take(&mut dish), pair("", &at.to_string()));
    }
}

#[test]
fn an_endpoint_that_was_left_carries_nothing() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let (mut dish, mut radio) = meet(&context, "udp://127.0.0.1:*", &SocketOptions::new());
    let mut other = bound(&context, Kind::Dish);
    for dish in [&mut dish, &mut other] {
        dish.join("").unwrap();
    }
    radio.connect(other.last_endpoint()).unwrap();
    radio.send("to both").unwrap();
    assert_eq!(take(&mut dish), pair("", "to both"));
    let there = dish.last_endpoint().to_owned();
    radio.disconnect(&there).unwrap();
    assert!(matches!(
        radio.disconnect(&there),
        Err(EndpointError::Unknown(_))
    ));
    radio.send("to the other").unwrap();
    assert_eq!(take(&mut other), pair("", "to both"));
    assert_eq!(take(&mut other), pair("", "to the other"));
    // The port is free once the I/O thread has closed the socket.
    dish.unbind(&there).unwrap();
    let free = there.strip_prefix("udp://").unwrap();
    until(|| UdpSocket::bind(free).is_ok());
    is_empty(&mut dish);
    // The socket goes on at another.
    dish.bind("udp://127.0.0.1:*").unwrap();
    radio.connect(dish.last_endpoint()).unwrap();
    radio.send("again").unwrap();
    assert_eq!(take(&mut dish), pair("", "again"));
}

#[test]
fn a_radio_sends_by_all_transports_at_once() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let (mut far, mut radio) = meet(&context, "udp://127.0.0.1:*", &SocketOptions::new());
    radio.bind("inproc://radio").unwrap();
    let mut near = context.socket(Kind::Dish).unwrap();
    near.connect("inproc://radio").unwrap();
    for dish in [&mut far, &mut near] {
        dish.join("g").unwrap();
    }
    radio.send(report("g", "to both")).unwrap();
    for dish in [&mut far, &mut near] {
        assert_eq!(take(dish), pair("g", "to both"));
    }
    drop(far);
    radio.send(report("g", "to one")).unwrap();
    assert_eq!(take(&mut near), pair("g", "to one"));
}

#[test]
fn a_context_ends_with_its_udp_sockets() {
    let _guard = watchdog(LIMIT);
    let context = Context::new().unwrap();
    let (dish, radio) = meet(&context, "udp://127.0.0.1:*", &SocketOptions::new());
    let mut dgram = bound(&context, Kind::Dgram);
    let ending = {
        let context = context.clone();
        std::thread::spawn(move || context.terminate())
    };
    assert!(matches!(dgram.recv(), Err(RecvError::Terminated)));
    drop((dish, radio, dgram));
    ending.join().unwrap();
}
