//! Mechanisms and ZAP, as libzmq's options say them one by one. A socket takes them together.

use std::ffi::c_int;

use ringmq::{KeyPair, Login, PublicKey, SecretKey, Security, SocketOptions};

use crate::errors::Errno;
use crate::numbers::*;

/// Values of `ZMQ_MECHANISM`.
const NULL: c_int = 0;
const PLAIN: c_int = 1;
const CURVE: c_int = 2;

/// Bytes of a key, and of its text in Z85.
const KEY: usize = 32;
const KEY_TEXT: usize = 40;

/// The most bytes of a user, a password or a domain.
const MOST_TEXT: usize = 255;

/// What was set. As in libzmq the last option decides on the mechanism; what others have set stays.
#[derive(Clone)]
pub(crate) struct Secured {
    mechanism: c_int,
    server: bool,
    login: Login,
    public_key: [u8; KEY],
    secret_key: SecretKey,
    server_key: [u8; KEY],
    domain: Vec<u8>,
    enforce_domain: bool,
}

impl Default for Secured {
    fn default() -> Secured {
        Secured {
            mechanism: NULL,
            server: false,
            login: Login::new("", ""),
            public_key: [0; KEY],
            secret_key: SecretKey::from_bytes(&[0; KEY]),
            server_key: [0; KEY],
            domain: Vec::new(),
            enforce_domain: false,
        }
    }
}

/// What an option has.
pub(crate) enum Answer<'a> {
    Number(c_int),
    Text(&'a [u8]),
    Key(&'a [u8; KEY]),
}

impl Secured {
    /// Sets an option, if it is one of these.
    pub(crate) fn set(
        &mut self,
        option: c_int,
        value: &[u8],
        null: bool,
    ) -> Option<Result<(), Errno>> {
        Some(match option {
            MECHANISM => Err(Errno::INVALID),
            PLAIN_SERVER => self.set_server(value, PLAIN),
            CURVE_SERVER => self.set_server(value, CURVE),
            PLAIN_USERNAME | PLAIN_PASSWORD => self.set_login(option, value, null),
            CURVE_PUBLICKEY | CURVE_SECRETKEY | CURVE_SERVERKEY => self.set_key(option, value),
            ZAP_DOMAIN if (1..=MOST_TEXT).contains(&value.len()) => {
                self.domain = value.to_vec();
                Ok(())
            }
            ZAP_DOMAIN => Err(Errno::INVALID),
            ZAP_ENFORCE_DOMAIN => number(value).map(|on| self.enforce_domain = on != 0),
            _ => return None,
        })
    }

    fn set_server(&mut self, value: &[u8], mechanism: c_int) -> Result<(), Errno> {
        let server = number(value)?;
        if !(0..=1).contains(&server) {
            return Err(Errno::INVALID);
        }
        self.server = server == 1;
        self.mechanism = if self.server { mechanism } else { NULL };
        Ok(())
    }

    /// Only a null pointer without bytes ends the mechanism; the text stays then.
    fn set_login(&mut self, option: c_int, value: &[u8], null: bool) -> Result<(), Errno> {
        if value.is_empty() && null {
            self.mechanism = NULL;
            return Ok(());
        }
        if !(1..=MOST_TEXT).contains(&value.len()) {
            return Err(Errno::INVALID);
        }
        let (user, password) = if option == PLAIN_USERNAME {
            (value, self.login.password())
        } else {
            (self.login.username(), value)
        };
        self.login = Login::new(user, password);
        self.server = false;
        self.mechanism = PLAIN;
        Ok(())
    }

    fn set_key(&mut self, option: c_int, value: &[u8]) -> Result<(), Errno> {
        match option {
            CURVE_SECRETKEY => self.secret_key = secret_key(value)?,
            CURVE_PUBLICKEY => self.public_key = *public_key(value)?.as_bytes(),
            _ => {
                self.server_key = *public_key(value)?.as_bytes();
                self.server = false;
            }
        }
        self.mechanism = CURVE;
        Ok(())
    }

    /// What an option has, if it is one of these.
    pub(crate) fn get(&self, option: c_int) -> Option<Answer<'_>> {
        let serves =
            |mechanism| Answer::Number((self.server && self.mechanism == mechanism).into());
        Some(match option {
            MECHANISM => Answer::Number(self.mechanism),
            PLAIN_SERVER => serves(PLAIN),
            CURVE_SERVER => serves(CURVE),
            PLAIN_USERNAME => Answer::Text(self.login.username()),
            PLAIN_PASSWORD => Answer::Text(self.login.password()),
            CURVE_PUBLICKEY => Answer::Key(&self.public_key),
            CURVE_SECRETKEY => Answer::Key(self.secret_key.as_bytes()),
            CURVE_SERVERKEY => Answer::Key(&self.server_key),
            ZAP_DOMAIN => Answer::Text(&self.domain),
            ZAP_ENFORCE_DOMAIN => Answer::Number(self.enforce_domain.into()),
            _ => return None,
        })
    }

    /// The options of later connections.
    pub(crate) fn apply(&self, options: SocketOptions) -> SocketOptions {
        options
            .security(self.security())
            .zap_domain(&self.domain)
            .zap_enforce_domain(self.enforce_domain)
    }

    fn security(&self) -> Security {
        match (self.mechanism, self.server) {
            (PLAIN, true) => Security::PlainServer,
            (PLAIN, false) => Security::PlainClient(self.login.clone()),
            // As in libzmq, a server needs the secret half only, and a client shows the public half that was set.
            (CURVE, true) => Security::CurveServer(KeyPair::from_secret(self.secret_key.clone())),
            (CURVE, false) => Security::CurveClient {
                keys: KeyPair::from_halves(
                    PublicKey::from_bytes(self.public_key),
                    self.secret_key.clone(),
                ),
                server_key: PublicKey::from_bytes(self.server_key),
            },
            _ => Security::Null,
        }
    }
}

fn number(value: &[u8]) -> Result<c_int, Errno> {
    let bytes = value.try_into().map_err(|_| Errno::INVALID)?;
    Ok(c_int::from_ne_bytes(bytes))
}

/// The text of a key, with or without a NUL at its end.
fn key_text(value: &[u8]) -> Result<&str, Errno> {
    let text = match value {
        [text @ .., 0] if text.len() == KEY_TEXT => text,
        text if text.len() == KEY_TEXT => text,
        _ => return Err(Errno::INVALID),
    };
    std::str::from_utf8(text).map_err(|_| Errno::INVALID)
}

fn public_key(value: &[u8]) -> Result<PublicKey, Errno> {
    match value.try_into() {
        Ok(bytes) => Ok(PublicKey::from_bytes(bytes)),
        Err(_) => key_text(value)?.parse().map_err(|_| Errno::INVALID),
    }
}

fn secret_key(value: &[u8]) -> Result<SecretKey, Errno> {
    match value.try_into() {
        Ok(bytes) => Ok(SecretKey::from_bytes(bytes)),
        Err(_) => key_text(value)?.parse().map_err(|_| Errno::INVALID),
    }
}
