//! `ringmq proxy`: messages are passed on between two sockets.

use clap::{Args, ValueEnum};
use ringmq::{
    Context, Kind, PollError, Proxy, ProxyEnd, ProxyError, RecvError, Socket, SocketOptions,
};

use crate::command::outcome::{Failure, say};
use crate::command::talk::endpoint::{self, Way};
use crate::command::talk::options::{self, Plan, Setting, parse_setting};
use crate::command::talk::security::SecurityArguments;
use crate::command::talk::signals::Interrupts;

/// Arguments of `ringmq proxy`.
#[derive(Debug, Args)]
#[command(after_long_help = options::help())]
pub(crate) struct ProxyArguments {
    /// Where clients, publishers or pushers are. It is bound, if it has no leading >, which connects
    frontend: String,
    /// Where services, subscribers or pullers are. It is bound, if it has no leading >
    backend: String,
    /// What is passed on
    #[arg(long, short, value_name = "KIND", default_value = "queue")]
    kind: ProxyKind,
    /// Publish a copy of each message there, for subscribers. It is bound, if it has no leading >
    #[arg(long, value_name = "ENDPOINT")]
    capture: Option<String>,
    /// An option of both sockets, such as sndhwm=10; --help lists them
    #[arg(long = "option", short, value_name = "NAME=VALUE", value_parser = parse_setting)]
    options: Vec<Setting>,
    /// Say on standard error what the sockets are bound to
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    security: SecurityArguments,
}

/// The sockets of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProxyKind {
    /// Requests to services, and replies back: ROUTER and DEALER
    Queue,
    /// Messages of publishers to subscribers: XSUB and XPUB
    Forwarder,
    /// What is pushed, to the next: PULL and PUSH
    Streamer,
}

impl ProxyKind {
    fn ends(self) -> [Kind; 2] {
        match self {
            ProxyKind::Queue => [Kind::Router, Kind::Dealer],
            ProxyKind::Forwarder => [Kind::Xsub, Kind::Xpub],
            ProxyKind::Streamer => [Kind::Pull, Kind::Push],
        }
    }
}

/// Runs `ringmq proxy`.
pub(crate) fn run(arguments: &ProxyArguments) -> Result<(), Failure> {
    let context = Context::new().map_err(Failure::work)?;
    let interrupts = Interrupts::watch(&context)?;
    let options = SocketOptions::new().linger(std::time::Duration::ZERO);
    let (options, _authenticator) = arguments.security.apply(options, &context)?;
    let plan = Plan::new(options, &arguments.options);
    let begin = |kind: Kind, endpoint: &str| -> Result<Socket, Failure> {
        let endpoints = [endpoint.to_owned()];
        let ways = endpoint::ways(&endpoints, false, false, Way::Bind)?;
        let mut socket = plan.socket(&context, kind, &[])?;
        for (way, endpoint) in &ways {
            endpoint::open(&mut socket, *way, endpoint)?;
            let last = socket.last_endpoint();
            if *way == Way::Bind && (arguments.verbose || last != endpoint) {
                say(format_args!("{kind} bound to {last}"));
            }
        }
        Ok(socket)
    };
    let [front, back] = arguments.kind.ends();
    let mut front = begin(front, &arguments.frontend)?;
    let mut back = begin(back, &arguments.backend)?;
    let capture = arguments.capture.as_deref();
    let mut capture = capture.map(|at| begin(Kind::Pub, at)).transpose()?;
    loop {
        let mut proxy = Proxy::between(&mut front, &mut back);
        if let Some(capture) = &mut capture {
            proxy = proxy.capture(capture);
        }
        match proxy.run() {
            Ok(ProxyEnd::Shutdown)
            | Err(
                ProxyError::Poll(PollError::Interrupted | PollError::Terminated)
                | ProxyError::Recv(RecvError::Interrupted | RecvError::Terminated),
            ) => interrupts.check()?,
            Ok(_) => return Ok(()),
            Err(error) => {
                interrupts.check()?;
                return Err(Failure::work(error));
            }
        }
    }
}
