//! A server that only known clients can talk to, and a client, encrypted by CURVE.
//!
//! ```sh
//! cargo run --release -p ringmq-examples --example curve
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use ringmq::{Authenticator, Context, Kind, Security, SocketOptions, generate_key_pair};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Each side makes its pair once, keeps the secret half, and gives the public half to the other.
    let (server_keys, alice) = (generate_key_pair()?, generate_key_pair()?);
    let server_key = *server_keys.public();

    let context = Context::new()?;
    let _authenticator = Authenticator::new()
        .key(*alice.public(), "alice")
        .start(&context)?;
    let options = SocketOptions::new()
        .security(Security::CurveServer(server_keys))
        .zap_domain("example");
    let mut server = context.socket_with(Kind::Rep, &options)?;
    server.bind("tcp://127.0.0.1:*")?;

    let options = SocketOptions::new().security(Security::CurveClient {
        keys: alice,
        server_key,
    });
    let mut client = context.socket_with(Kind::Req, &options)?;
    client.connect(server.last_endpoint())?;
    client.send("Who am I?")?;

    let question = server.recv()?;
    let properties = question[0]
        .properties()
        .ok_or("the message has no properties")?;
    let user = properties.get("User-Id").ok_or("the user has no name")?;
    server.send(user.to_bytes())?;
    println!(
        "The server says: {}",
        String::from_utf8_lossy(&client.recv()?[0])
    );
    Ok(())
}
