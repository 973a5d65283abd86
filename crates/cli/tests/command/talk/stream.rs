//! `ringmq stream`: programs that speak no ZeroMQ.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::{Talker, guard, run};

#[test]
fn a_connection_carries_bytes() {
    let _guard = guard();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut request = [0; 10];
        peer.read_exact(&mut request).unwrap();
        peer.write_all(b"\x00reply\xff\nno end").unwrap();
        request
    });
    // The end of the connection ends the command.
    let output = run(&["stream", &at], b"GET\r\n\r\n\0\xff\n");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"\x00reply\xff\nno end");
    assert_eq!(&server.join().unwrap(), b"GET\r\n\r\n\0\xff\n");
}

#[test]
fn a_server_sees_the_ids_of_its_connections() {
    let _guard = guard();
    let mut server = Talker::start(&["stream", "--bind", "tcp://127.0.0.1:*", "--json"]);
    let at = server.bound();
    let mut client = TcpStream::connect(at.trim_start_matches("tcp://")).unwrap();
    // An empty message says that there is a connection.
    let made: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
    assert_eq!(made[1], "");
    client.write_all(b"hello").unwrap();
    let heard: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
    assert_eq!((&heard[0], &heard[1]), (&made[0], &"hello".into()));
    let id: Vec<u8> = match &made[0] {
        serde_json::Value::String(text) => text.bytes().collect(),
        hex => {
            let digits = hex["hex"].as_str().unwrap().as_bytes();
            let pairs = digits.chunks(2);
            let bytes = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
            bytes
                .map(|pair| u8::from_str_radix(pair, 16).unwrap())
                .collect()
        }
    };
    let escaped: String = id.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    server.say(format!("\"{escaped}\" \"good bye\"\n"));
    let mut reply = [0; 8];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"good bye");
    // An empty part ends the connection.
    server.say(format!("\"{escaped}\" \"\"\n"));
    assert_eq!(client.read(&mut reply).unwrap(), 0);
    server.kill();
}
