//! Judges the peers of a context's servers.

mod certificates;
mod judge;

use std::io;
use std::path::Path;
use std::thread::JoinHandle;

use ringmq_message::{Frame, Message};
use ringmq_pattern::Kind;
use ringmq_sys::without_signals;
use ringmq_transport::Subnet;
use ringmq_zmtp::{Credentials, Login, PublicKey, Refusal, User, Verdict};
use thiserror::Error;

use crate::authenticator::certificates::Folder;
use crate::authenticator::judge::Rules;
use crate::context::Context;
use crate::error::{EndpointError, SocketError};
use crate::socket::Socket;

/// Where servers find their authenticator (RFC 27).
const ENDPOINT: &str = "inproc://zeromq.zap.01";
const VERSION: &[u8] = b"1.0";

/// Judges the peers of all servers of a [`Context`]: by their addresses, passwords and keys, or by a function.
///
/// A peer is denied if its address is denied, or if addresses are allowed and its own is not among them. Otherwise
///
/// * the function that [`decide`](Authenticator::decide) was given decides, if there is one;
/// * a peer of NULL is accepted;
/// * a peer of PLAIN is accepted with one of the [passwords](Authenticator::password), as the user of that name;
/// * a peer of CURVE is accepted with one of the [keys](Authenticator::key), or of the keys in a
///   [folder](Authenticator::certificates).
///
/// ```
/// use ringmq::{
///     Authenticator, Context, Kind, Security, SocketOptions, generate_key_pair,
/// };
///
/// let (server_keys, keys) = (generate_key_pair()?, generate_key_pair()?);
/// let server_key = *server_keys.public();
///
/// let context = Context::new()?;
/// let authenticator = Authenticator::new()
///     .allow("127.0.0.0/8".parse()?)
///     .key(*keys.public(), "alice")
///     .start(&context)?;
///
/// let options = SocketOptions::new().security(Security::CurveServer(server_keys));
/// let mut server = context.socket_with(Kind::Rep, &options)?;
/// server.bind("tcp://127.0.0.1:*")?;
///
/// let options = SocketOptions::new().security(Security::CurveClient { keys, server_key });
/// let mut client = context.socket_with(Kind::Req, &options)?;
/// client.connect(server.last_endpoint())?;
/// client.send("hello")?;
/// let message = server.recv()?;
/// let properties = message[0].properties().expect("the message came by ZMTP");
/// assert_eq!(properties.get("User-Id"), Some(c"alice"));
/// authenticator.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Authenticator {
    rules: Rules,
}

/// What a peer shows of itself.
#[derive(Debug)]
#[non_exhaustive]
pub struct AuthenticationRequest {
    /// The [domain](crate::SocketOptions::zap_domain) of the server; empty for none.
    pub domain: Vec<u8>,
    /// The address of the peer: over tcp an IP address; over ipc what libzmq says, which is no address.
    pub address: String,
    /// The routing id of the server; empty for none.
    pub routing_id: Vec<u8>,
    /// What the peer shows by its mechanism.
    pub credentials: Credentials,
}

/// Why an authenticator cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthenticatorError {
    /// It gets no socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The context has an authenticator.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The folder of certificates cannot be read.
    #[error("cannot read the folder of certificates: {0}")]
    Certificates(#[source] io::Error),
    /// There is no thread for it.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// There are no random bytes.
    #[error(transparent)]
    NoRandom(#[from] ringmq_zmtp::NoRandom),
}

impl From<AuthenticatorError> for io::Error {
    fn from(error: AuthenticatorError) -> io::Error {
        match error {
            AuthenticatorError::Socket(error) => error.into(),
            AuthenticatorError::Endpoint(error) => error.into(),
            AuthenticatorError::Certificates(error) | AuthenticatorError::Thread(error) => error,
            AuthenticatorError::NoRandom(error) => io::Error::other(error),
        }
    }
}

impl Authenticator {
    /// One that accepts every peer of NULL, and no other.
    pub fn new() -> Authenticator {
        Authenticator::default()
    }

    /// Allows peers of these addresses. If none are allowed, all are that are not [denied](Authenticator::deny). Peers over
    /// ipc have no address, and are neither allowed nor denied by one.
    #[must_use]
    pub fn allow(mut self, addresses: Subnet) -> Authenticator {
        self.rules.allowed.push(addresses);
        self
    }

    /// Denies peers of these addresses, also if they are allowed.
    #[must_use]
    pub fn deny(mut self, addresses: Subnet) -> Authenticator {
        self.rules.denied.push(addresses);
        self
    }

    /// Accepts peers of PLAIN with this user name and password, as the user of that name.
    #[must_use]
    pub fn password(mut self, login: Login) -> Authenticator {
        self.rules.logins.push(login);
        self
    }

    /// Accepts peers of CURVE with this key, as this user.
    #[must_use]
    pub fn key(mut self, key: PublicKey, user: impl AsRef<[u8]>) -> Authenticator {
        let id = user.as_ref().to_vec();
        let metadata = Vec::new();
        self.rules.keys.insert(key, User { id, metadata });
        self
    }

    /// Accepts peers of CURVE whose certificates are in this folder: files as czmq and pyzmq write them, of which the public
    /// key and the metadata count. The user of a peer is its public key as text. Changes of the folder count from the next
    /// peer on; a file that cannot be read is no certificate.
    #[must_use]
    pub fn certificates(mut self, folder: impl AsRef<Path>) -> Authenticator {
        self.rules.folders.push(Folder::new(folder.as_ref()));
        self
    }

    /// Lets a function decide about each peer whose address is not denied. It runs in the thread of the authenticator: while
    /// it runs, other peers wait.
    ///
    /// ```
    /// use ringmq::{Authenticator, PeerCredentials, Refusal, User, Verdict};
    ///
    /// let authenticator = Authenticator::new().decide(|request| match &request.credentials {
    ///     PeerCredentials::Plain(login) if login.password() == b"secret" => {
    ///         Verdict::Accept(User::default())
    ///     }
    ///     _ => Verdict::Refuse(Refusal::Denied),
    /// });
    /// ```
    #[must_use]
    pub fn decide(
        mut self,
        decide: impl FnMut(&AuthenticationRequest) -> Verdict + Send + 'static,
    ) -> Authenticator {
        self.rules.function = Some(Box::new(decide));
        self
    }

    /// Starts it, in a thread of its own. It ends with the context, or when it is [stopped](RunningAuthenticator::stop).
    ///
    /// # Errors
    ///
    /// [`AuthenticatorError`].
    pub fn start(mut self, context: &Context) -> Result<RunningAuthenticator, AuthenticatorError> {
        for folder in &mut self.rules.folders {
            folder.load().map_err(AuthenticatorError::Certificates)?;
        }
        let mut token = vec![0; 16];
        getrandom::fill(&mut token).map_err(|_| ringmq_zmtp::NoRandom)?;
        let mut socket = context.socket(Kind::Router)?;
        socket.bind(ENDPOINT)?;
        let (rules, stop) = (self.rules, token.clone());
        let builder = std::thread::Builder::new().name("ringmq zap".to_owned());
        let started = without_signals(|| builder.spawn(move || serve(socket, rules, &stop)));
        let thread = started.and_then(|spawned| spawned);
        Ok(RunningAuthenticator {
            context: context.clone(),
            token,
            thread: Some(thread.map_err(AuthenticatorError::Thread)?),
        })
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// An [`Authenticator`] that runs. Dropping it stops it.
#[derive(Debug)]
pub struct RunningAuthenticator {
    context: Context,
    /// What stops the thread.
    token: Vec<u8>,
    thread: Option<JoinHandle<()>>,
}

impl RunningAuthenticator {
    /// Stops it: returns when the context can have another one. Servers with a domain deny all peers until then.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, for want of a socket.
    pub fn stop(mut self) -> Result<(), AuthenticatorError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), AuthenticatorError> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        match self.context.socket(Kind::Dealer) {
            Ok(mut socket) => {
                socket.connect(ENDPOINT)?;
                // It ends without it if it has ended.
                let _ = socket.try_send(self.token.clone());
                let _ = thread.join();
                Ok(())
            }
            // It ends with the context.
            Err(SocketError::Terminated) => {
                let _ = thread.join();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for RunningAuthenticator {
    fn drop(&mut self) {
        // Without a socket to reach it, it goes on until the context ends.
        let _ = self.end();
    }
}

/// Answers requests until it is to stop, or the context ends.
fn serve(mut socket: Socket, mut rules: Rules, stop: &[u8]) {
    while let Ok(message) = socket.recv() {
        if let [_, token] = &message[..]
            && token.as_slice() == stop
        {
            return;
        }
        let Some((whom, id, request)) = parse(&message) else {
            // It is no request: a session never sends such a message.
            continue;
        };
        let verdict = rules.judge(&request);
        // A session that has gone meanwhile needs no reply.
        let _ = socket.try_send(reply(whom, id, &verdict));
    }
}

/// Reads a request: its sender, its id, and what it asks.
fn parse(message: &Message) -> Option<(Frame, Frame, AuthenticationRequest)> {
    let [
        whom,
        delimiter,
        version,
        id,
        domain,
        address,
        routing_id,
        mechanism,
        shown @ ..,
    ] = &message[..]
    else {
        return None;
    };
    if !delimiter.is_empty() || version.as_slice() != VERSION {
        return None;
    }
    let credentials = match (mechanism.as_slice(), shown) {
        (b"NULL", []) => Credentials::Null,
        (b"PLAIN", [username, password]) => {
            Credentials::Plain(Login::new(username.as_slice(), password.as_slice()))
        }
        (b"CURVE", [key]) => {
            Credentials::Curve(PublicKey::from_bytes(key.as_slice().try_into().ok()?))
        }
        _ => return None,
    };
    let request = AuthenticationRequest {
        domain: domain.to_vec(),
        address: String::from_utf8_lossy(address).into_owned(),
        routing_id: routing_id.to_vec(),
        credentials,
    };
    Some((whom.clone(), id.clone(), request))
}

fn reply(whom: Frame, id: Frame, verdict: &Verdict) -> Message {
    let no_user = User::default();
    let (status, text, user) = match verdict {
        Verdict::Accept(user) => ("200", "OK", user),
        Verdict::Refuse(Refusal::Temporary) => ("300", "not now", &no_user),
        Verdict::Refuse(Refusal::Denied) => ("400", "denied", &no_user),
        Verdict::Refuse(Refusal::Internal) => ("500", "internal error", &no_user),
    };
    let metadata = user.metadata_bytes();
    let parts = [&b""[..], VERSION].map(Frame::copy_from_slice);
    let rest = [status.as_bytes(), text.as_bytes(), &user.id, &metadata];
    std::iter::once(whom)
        .chain(parts)
        .chain([id])
        .chain(rest.map(Frame::copy_from_slice))
        .collect()
}
