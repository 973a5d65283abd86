//! CURVE, the server's end.
//!
//! RFC 26. In the names of the RFC: S and C are the long-term keys of server and client, S' and C' those of this
//! connection, the small letters their secret halves.

use std::time::Duration;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Done, Step, curve};
use crate::authenticate::{Credentials, User};
use crate::command;
use crate::error::Error;
use crate::keys::{PublicKey, SecretKey};
use crate::metadata::{self, Metadata};
use crate::output::Output;
use crate::sealed::{Sealed, Side};
use crate::sealing::{BoxKey, Nonces, TAG, long_nonce, random, short_nonce};
use crate::settings::{CurveServer, Settings};

/// RFC 26, The WELCOME Command: a cookie is good for so long.
const COOKIE_LIFE: Duration = Duration::from_secs(60);
/// Bytes of INITIATE behind the name, without metadata.
const INITIATE: usize = curve::COOKIE + 8 + TAG + IDENTITY;
/// The key of the client and the vouch for it.
const IDENTITY: usize = 32 + 16 + curve::VOUCH;

/// The server's end.
#[derive(Debug)]
pub(crate) struct Server {
    config: CurveServer,
    nonces: Nonces,
    state: State,
}

#[derive(Debug)]
enum State {
    /// HELLO comes.
    Listening,
    /// WELCOME is sent, and INITIATE comes.
    Welcomed(Cookie),
    /// INITIATE has come, and the verdict about it comes. The key is of C' and s'.
    Asked { key: BoxKey, metadata: Metadata },
    /// It is over.
    Done,
}

/// What the cookie of this connection holds, and the only key that opens it.
#[derive(Debug)]
struct Cookie {
    key: BoxKey,
    /// C'
    client: PublicKey,
    /// s'
    short: SecretKey,
    /// From this time on the cookie is worth nothing.
    ends: Duration,
}

impl Server {
    pub(crate) fn new(config: &CurveServer) -> Server {
        Server {
            config: config.clone(),
            nonces: Nonces::default(),
            state: State::Listening,
        }
    }

    pub(crate) fn command(
        &mut self,
        (name, data): (&[u8], &[u8]),
        settings: &Settings,
        output: &mut Output,
        now: Duration,
    ) -> Result<Step, Error> {
        match (std::mem::replace(&mut self.state, State::Done), name) {
            (State::Listening, command::HELLO) => {
                let cookie = self.hello(data, output, now)?;
                self.state = State::Welcomed(cookie);
                Ok(Step::Wait)
            }
            (State::Welcomed(cookie), command::INITIATE) => {
                let (client, key, metadata) = self.initiate(cookie, data, settings, now)?;
                if settings.authenticate {
                    self.state = State::Asked { key, metadata };
                    return Ok(Step::ask(Credentials::Curve(client)));
                }
                self.ready(key, metadata, None, settings, output)
            }
            (_, name) => Err(command::unexpected(name)),
        }
    }

    /// The peer may go on.
    pub(crate) fn accept(
        &mut self,
        user: Option<User>,
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Asked { key, metadata } => self.ready(key, metadata, user, settings, output),
            state => {
                self.state = state;
                Ok(Step::Wait)
            }
        }
    }

    /// RFC 26, The HELLO Command.
    fn hello(&mut self, data: &[u8], output: &mut Output, now: Duration) -> Result<Cookie, Error> {
        let hello: &[u8; curve::HELLO] = match data.try_into() {
            Ok(hello) if data.starts_with(&curve::VERSION) => hello,
            _ => return Err(Error::MalformedHello { size: data.len() }),
        };
        let client = PublicKey::from_bytes(curve::array(&hello[74..106]));
        let nonce = u64::from_be_bytes(curve::array(&hello[106..114]));
        self.nonces.take(nonce)?;
        let key = BoxKey::between(&client, self.config.keys.secret())?;
        let mut sealed: [u8; TAG + 64] = curve::array(&hello[114..]);
        let opened = key.open(&short_nonce(curve::OF_HELLO, nonce), &mut sealed);
        let command = "HELLO";
        opened.ok_or(Error::Cryptographic { command })?;
        self.welcome(&key, client, output, now)
    }

    /// RFC 26, The WELCOME Command. `key` is of C' and s.
    fn welcome(
        &self,
        key: &BoxKey,
        client: PublicKey,
        output: &mut Output,
        now: Duration,
    ) -> Result<Cookie, Error> {
        let source = self.config.random;
        let cookie = Cookie {
            key: BoxKey::own(source)?,
            client,
            short: SecretKey::generate(source)?,
            ends: now.saturating_add(COOKIE_LIFE),
        };
        let nonce = random::<16>(source)?;
        let mut baked = Zeroizing::new([0; curve::COOKIE]);
        baked[..16].copy_from_slice(&nonce);
        baked[32..].copy_from_slice(&cookie.content()[..]);
        let nonce = long_nonce(curve::OF_COOKIE, &nonce);
        cookie.key.seal(&nonce, &mut baked[16..]);

        let nonce = random::<16>(source)?;
        let short = cookie.short.public_key();
        let mut welcome = [&nonce[..], &[0; TAG], short.as_bytes(), &baked[..]].concat();
        let nonce = long_nonce(curve::OF_WELCOME, &nonce);
        key.seal(&nonce, &mut welcome[16..]);
        output.push_command(command::WELCOME, &welcome);
        Ok(cookie)
    }

    /// RFC 26, The INITIATE Command. Returns C, the key of C' and s', and the client's metadata. The cookie is gone.
    fn initiate(
        &mut self,
        cookie: Cookie,
        data: &[u8],
        settings: &Settings,
        now: Duration,
    ) -> Result<(PublicKey, BoxKey, Metadata), Error> {
        if data.len() < INITIATE {
            return Err(Error::MalformedInitiate { size: data.len() });
        }
        let (baked, rest) = data.split_at(curve::COOKIE);
        let (nonce, sealed) = rest.split_at(8);
        cookie.check(baked, now)?;
        let nonce = u64::from_be_bytes(curve::array(nonce));
        self.nonces.take(nonce)?;
        let command = "INITIATE";
        let wrong = Error::Cryptographic { command };
        let key = BoxKey::between(&cookie.client, &cookie.short)?;
        let mut opened = sealed.to_vec();
        let opened = key.open(&short_nonce(curve::OF_INITIATE, nonce), &mut opened);
        let (identity, metadata) = opened.ok_or(wrong.clone())?.split_at(IDENTITY);

        let client = PublicKey::from_bytes(curve::array(&identity[..32]));
        let nonce = long_nonce(curve::OF_VOUCH, &curve::array(&identity[32..48]));
        let mut vouch: [u8; curve::VOUCH] = curve::array(&identity[48..]);
        let vouch_key = BoxKey::between(&client, &cookie.short)?;
        let vouched = vouch_key.open(&nonce, &mut vouch).ok_or(wrong)?;
        // That the client names the server keeps another server from passing the vouch on.
        let ours = self.config.keys.public();
        let meant = [&cookie.client.as_bytes()[..], ours.as_bytes()].concat();
        if !bool::from(vouched.ct_eq(&meant)) {
            return Err(Error::Vouch);
        }
        let metadata = metadata::read(metadata, settings.limits.properties)?;
        Ok((client, key, metadata))
    }

    /// RFC 26, The READY Command.
    fn ready(
        &mut self,
        key: BoxKey,
        metadata: Metadata,
        user: Option<User>,
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Step, Error> {
        let nonce = self.nonces.next()?;
        let mut ready = [&nonce.to_be_bytes()[..], &[0; TAG]].concat();
        ready.extend(metadata::write(settings));
        key.seal(&short_nonce(curve::OF_READY, nonce), &mut ready[8..]);
        output.push_command(command::READY, &ready);
        let nonces = std::mem::take(&mut self.nonces);
        let sealed = Sealed::new(Side::Server, key, nonces);
        Ok(Step::done(Done::sealed(metadata, user, sealed)))
    }
}

impl Cookie {
    /// C' and s'.
    fn content(&self) -> Zeroizing<[u8; 64]> {
        let mut content = Zeroizing::new([0; 64]);
        content[..32].copy_from_slice(self.client.as_bytes());
        content[32..].copy_from_slice(self.short.as_bytes());
        content
    }

    /// Whether these bytes are the cookie, and come in time.
    fn check(&self, baked: &[u8], now: Duration) -> Result<(), Error> {
        if now >= self.ends {
            return Err(Error::CookieExpired);
        }
        let nonce = long_nonce(curve::OF_COOKIE, &curve::array(&baked[..16]));
        let mut content = Zeroizing::new(baked[16..].to_vec());
        let opened = self.key.open(&nonce, &mut content);
        match opened {
            Some(opened) if bool::from(opened.ct_eq(&self.content()[..])) => Ok(()),
            _ => {
                let command = "INITIATE";
                Err(Error::Cryptographic { command })
            }
        }
    }
}
