//! `ringmq pub`, `sub`, `push`, `pull`, `req`, `rep`, `pair`, `dealer`, `router`, `xpub`, `xsub` and `stream`: sockets of the
//! shell.

pub(crate) mod arguments;
mod both;
pub(crate) mod conversation;
pub(crate) mod endpoint;
mod format;
mod input;
mod measure;
mod msgpack;
mod options;
mod output;
mod peers;
mod proxy;
pub(crate) mod receive;
mod reply;
mod request;
mod security;
pub(crate) mod send;
mod signals;
pub(crate) mod time;
mod window;

use std::process::ExitCode;

use clap::Subcommand;
use ringmq::Kind;

use crate::command::outcome;
use crate::command::talk::measure::Quantity;

/// The verbs that talk.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Publish what is read to subscribers; binds by default.
    Pub(send::Pub),
    /// Print what publishers send; connects by default.
    Sub(receive::Sub),
    /// Send what is read to one of the peers in turn; connects by default.
    Push(send::Push),
    /// Print what peers push; binds by default.
    Pull(receive::Pull),
    /// Send what is read as requests, and print the replies; connects by default.
    Req(request::Req),
    /// Print requests and answer them; binds by default.
    Rep(reply::Rep),
    /// Talk to one peer, both ways; connects by default.
    Pair(both::Both),
    /// Talk to peers in turn, both ways; connects by default.
    Dealer(both::Both),
    /// Talk to peers by their ids, which are the first parts of messages; binds by default.
    Router(both::Both),
    /// Publish what is read, and print subscriptions; binds by default.
    Xpub(both::Both),
    /// Print what publishers send, and tell them what --data and --file say; connects by default.
    Xsub(both::Xsub),
    /// Talk to programs that speak no ZeroMQ, over tcp: the first part is the id of a connection; connects by default.
    Stream(both::Both),
    /// Print how often messages come, as `ros2 topic hz` does.
    Hz(measure::Measure),
    /// Print how many bytes come in a second, as `ros2 topic bw` does.
    Bw(measure::Measure),
    /// Pass messages on between two endpoints; binds both by default.
    Proxy(proxy::ProxyArguments),
}

/// Runs a verb.
pub(crate) fn run(verb: &Verb) -> ExitCode {
    outcome::end(match verb {
        Verb::Pub(arguments) => send::publish(arguments),
        Verb::Sub(arguments) => receive::subscribe(arguments),
        Verb::Push(arguments) => send::push(arguments),
        Verb::Pull(arguments) => receive::pull(arguments),
        Verb::Req(arguments) => request::run(arguments),
        Verb::Rep(arguments) => reply::run(arguments),
        Verb::Pair(arguments) => both::run(Kind::Pair, arguments),
        Verb::Dealer(arguments) => both::run(Kind::Dealer, arguments),
        Verb::Router(arguments) => both::run(Kind::Router, arguments),
        Verb::Xpub(arguments) => both::run(Kind::Xpub, arguments),
        Verb::Xsub(arguments) => both::xsub(arguments),
        Verb::Stream(arguments) => both::run(Kind::Stream, arguments),
        Verb::Hz(arguments) => measure::run(Quantity::Rate, arguments),
        Verb::Bw(arguments) => measure::run(Quantity::Bandwidth, arguments),
        Verb::Proxy(arguments) => proxy::run(arguments),
    })
}
