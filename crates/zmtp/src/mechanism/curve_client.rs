//! CURVE, the client's end.
//!
//! RFC 26. In the names of the RFC: S and C are the long-term keys of server and client, S' and C' those of this
//! connection, the small letters their secret halves.

use zeroize::Zeroizing;

use super::{Done, Step, curve};
use crate::command;
use crate::error::Error;
use crate::keys::{KeyPair, PublicKey};
use crate::metadata;
use crate::output::Output;
use crate::sealed::{Sealed, Side};
use crate::sealing::{BoxKey, Nonces, TAG, long_nonce, random, short_nonce};
use crate::settings::{CurveClient, Settings};

/// Bytes of WELCOME behind the name.
const WELCOME: usize = 16 + TAG + 32 + curve::COOKIE;

/// The client's end.
#[derive(Debug)]
pub(crate) struct Client {
    config: CurveClient,
    /// C' and c'
    short: KeyPair,
    nonces: Nonces,
    state: State,
}

#[derive(Debug)]
enum State {
    /// HELLO is sent. The key is of S and c'.
    Greeted(BoxKey),
    /// INITIATE is sent. The key is of S' and c'.
    Initiated(BoxKey),
    /// It is over.
    Done,
}

impl Client {
    pub(crate) fn new(config: &CurveClient, output: &mut Output) -> Result<Client, Error> {
        let short = KeyPair::generate(config.random)?;
        let key = BoxKey::between(&config.server_key, short.secret())?;
        let mut nonces = Nonces::default();
        let nonce = nonces.next()?;

        let mut hello = [0; curve::HELLO];
        hello[..2].copy_from_slice(&curve::VERSION);
        hello[74..106].copy_from_slice(short.public().as_bytes());
        hello[106..114].copy_from_slice(&nonce.to_be_bytes());
        key.seal(&short_nonce(curve::OF_HELLO, nonce), &mut hello[114..]);
        output.push_command(command::HELLO, &hello);
        Ok(Client {
            config: config.clone(),
            short,
            nonces,
            state: State::Greeted(key),
        })
    }

    pub(crate) fn command(
        &mut self,
        (name, data): (&[u8], &[u8]),
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Step, Error> {
        match (std::mem::replace(&mut self.state, State::Done), name) {
            (State::Greeted(key), command::WELCOME) => {
                self.welcome(&key, data, settings, output)?;
                Ok(Step::Wait)
            }
            (State::Initiated(key), command::READY) => self.ready(key, data, settings),
            (State::Greeted(_) | State::Initiated(_), command::ERROR) => {
                Err(command::refusal(data))
            }
            (_, name) => Err(command::unexpected(name)),
        }
    }

    fn welcome(
        &mut self,
        key: &BoxKey,
        data: &[u8],
        settings: &Settings,
        output: &mut Output,
    ) -> Result<(), Error> {
        let command = "WELCOME";
        // libzmq reports a wrong size as this, too.
        let wrong = Error::Cryptographic { command };
        let welcome: &[u8; WELCOME] = data.try_into().map_err(|_| wrong.clone())?;
        let (nonce, sealed) = welcome.split_at(16);
        let nonce = curve::array(nonce);
        let mut opened = Zeroizing::new(sealed.to_vec());
        let opened = key.open(&long_nonce(curve::OF_WELCOME, &nonce), &mut opened);
        let (server, cookie) = opened.ok_or(wrong)?.split_at(32);
        let server = PublicKey::from_bytes(curve::array(server));
        let key = BoxKey::between(&server, self.short.secret())?;
        let cookie = curve::array(cookie);
        let initiate = self.initiate(&key, &server, &cookie, settings)?;
        output.push_command(command::INITIATE, &initiate);
        self.state = State::Initiated(key);
        Ok(())
    }

    fn initiate(
        &mut self,
        key: &BoxKey,
        server: &PublicKey,
        cookie: &[u8; curve::COOKIE],
        settings: &Settings,
    ) -> Result<Vec<u8>, Error> {
        let keys = &self.config.keys;
        let vouch_nonce = random(self.config.random)?;
        let mut vouch = [0; curve::VOUCH];
        vouch[TAG..TAG + 32].copy_from_slice(self.short.public().as_bytes());
        vouch[TAG + 32..].copy_from_slice(self.config.server_key.as_bytes());
        let vouch_key = BoxKey::between(server, keys.secret())?;
        vouch_key.seal(&long_nonce(curve::OF_VOUCH, &vouch_nonce), &mut vouch);

        let nonce = self.nonces.next()?;
        let mut initiate = [&cookie[..], &nonce.to_be_bytes(), &[0; TAG]].concat();
        let head = initiate.len() - TAG;
        initiate.extend_from_slice(keys.public().as_bytes());
        initiate.extend_from_slice(&vouch_nonce);
        initiate.extend_from_slice(&vouch);
        initiate.extend(metadata::write(settings));
        let nonce = short_nonce(curve::OF_INITIATE, nonce);
        key.seal(&nonce, &mut initiate[head..]);
        Ok(initiate)
    }

    fn ready(&mut self, key: BoxKey, data: &[u8], settings: &Settings) -> Result<Step, Error> {
        let (nonce, sealed) = match data.split_first_chunk::<8>() {
            Some((nonce, sealed)) if sealed.len() >= TAG => (nonce, sealed),
            _ => return Err(Error::MalformedReady { size: data.len() }),
        };
        let nonce = u64::from_be_bytes(*nonce);
        self.nonces.take(nonce)?;
        let mut opened = sealed.to_vec();
        let opened = key.open(&short_nonce(curve::OF_READY, nonce), &mut opened);
        let command = "READY";
        let opened = opened.ok_or(Error::Cryptographic { command })?;
        let metadata = metadata::read(opened, settings.limits.properties)?;
        let nonces = std::mem::take(&mut self.nonces);
        let sealed = Sealed::new(Side::Client, key, nonces);
        Ok(Step::done(Done::sealed(metadata, None, sealed)))
    }
}
