//! How a socket and its peers come to trust each other.

use ringmq_zmtp::{CurveClient, CurveServer, KeyPair, Login, Mechanism, NoRandom, PublicKey};

use crate::mail::Zap;
use crate::socket::options::SocketOptions;

/// The security mechanism of a socket. Both sides of a connection have to name the same, one of them as its server, which
/// has nothing to do with who binds and who connects.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Security {
    /// None. With a [domain](SocketOptions::zap_domain), an authenticator judges the addresses of peers.
    #[default]
    Null,
    /// Peers show a user name and a password, in the clear. An authenticator has to accept them.
    PlainServer,
    /// This socket shows a user name and a password, in the clear.
    PlainClient(Login),
    /// Everything is encrypted. Clients know the public key of this pair. An authenticator judges their keys, if there is
    /// one.
    CurveServer(KeyPair),
    /// Everything is encrypted. The server knows this socket by the public key of the pair.
    CurveClient {
        /// The keys of this socket.
        keys: KeyPair,
        /// The public key of the server. A server that has not the secret half is refused.
        server_key: PublicKey,
    },
}

/// Makes a key pair for CURVE.
///
/// # Errors
///
/// If the system has no random bytes.
///
/// ```
/// let keys = ringmq::generate_key_pair()?;
/// assert_eq!(keys.public().to_string().len(), 40);
/// # Ok::<(), ringmq::NoRandom>(())
/// ```
pub fn generate_key_pair() -> Result<KeyPair, NoRandom> {
    KeyPair::generate(random)
}

fn random(bytes: &mut [u8]) -> Result<(), NoRandom> {
    getrandom::fill(bytes).map_err(|_| NoRandom)
}

impl Security {
    /// As the connections know it.
    pub(crate) fn mechanism(&self) -> Mechanism {
        match self.clone() {
            Security::Null => Mechanism::Null,
            Security::PlainServer => Mechanism::PlainServer,
            Security::PlainClient(login) => Mechanism::PlainClient(login),
            Security::CurveServer(keys) => Mechanism::CurveServer(CurveServer { keys, random }),
            Security::CurveClient { keys, server_key } => Mechanism::CurveClient(CurveClient {
                keys,
                server_key,
                random,
            }),
        }
    }

    /// Whether the values can be told to a peer.
    pub(super) fn is_valid(&self) -> bool {
        match self {
            Security::PlainClient(login) => {
                login.username().len() <= 255 && login.password().len() <= 255
            }
            _ => true,
        }
    }
}

impl SocketOptions {
    /// How the socket and its peers come to trust each other; [`Security::Null`] by default. Connections that are
    /// encrypted stay on ZMTP; others may move to shared memory.
    ///
    /// A user name or password of more than 255 bytes is refused where the options are used, as
    /// [`OptionError::Value`](crate::OptionError::Value).
    ///
    /// ```
    /// use ringmq::{Context, Kind, Security, SocketOptions, generate_key_pair};
    ///
    /// let (server_keys, keys) = (generate_key_pair()?, generate_key_pair()?);
    /// let server_key = *server_keys.public();
    ///
    /// let context = Context::new()?;
    /// let options = SocketOptions::new().security(Security::CurveServer(server_keys));
    /// let mut server = context.socket_with(Kind::Rep, &options)?;
    /// server.bind("tcp://127.0.0.1:*")?;
    ///
    /// let options = SocketOptions::new().security(Security::CurveClient { keys, server_key });
    /// let mut client = context.socket_with(Kind::Req, &options)?;
    /// client.connect(server.last_endpoint())?;
    /// client.send("a secret")?;
    /// assert_eq!(server.recv()?[0].as_slice(), b"a secret");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn security(mut self, security: Security) -> SocketOptions {
        self.security = security;
        self
    }

    /// The domain that an authenticator is told (RFC 27), so that it can have different rules for different sockets; none by
    /// default. With a domain, peers of [`Security::Null`] are judged, too. It has at most 255 bytes.
    #[must_use]
    pub fn zap_domain(mut self, domain: impl AsRef<[u8]>) -> SocketOptions {
        self.zap.domain = domain.as_ref().to_vec();
        self
    }

    /// Whether a socket with a domain denies all peers while the context has no authenticator; true by default. If not, such
    /// peers are accepted, but for those of PLAIN: that is what libzmq does by default.
    #[must_use]
    pub fn zap_enforce_domain(mut self, enforce: bool) -> SocketOptions {
        self.zap.enforce = enforce;
        self
    }

    /// See [`security`](SocketOptions::security).
    pub fn get_security(&self) -> &Security {
        &self.security
    }

    /// See [`zap_domain`](SocketOptions::zap_domain). Empty if there is none.
    pub fn get_zap_domain(&self) -> &[u8] {
        &self.zap.domain
    }

    /// See [`zap_enforce_domain`](SocketOptions::zap_enforce_domain).
    pub fn get_zap_enforce_domain(&self) -> bool {
        self.zap.enforce
    }

    /// What a socket without these options has.
    pub(super) fn default_zap() -> Zap {
        Zap {
            domain: Vec::new(),
            enforce: true,
        }
    }

    /// Whether an authenticator is asked about peers, if there is one.
    pub(crate) fn authenticates(&self) -> bool {
        match &self.security {
            Security::Null => !self.zap.domain.is_empty(),
            Security::PlainServer | Security::CurveServer(_) => true,
            Security::PlainClient(_) | Security::CurveClient { .. } => false,
        }
    }
}
