//! Keys of CURVE.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dryoc::classic::crypto_core::crypto_scalarmult_base;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::z85::{self, Z85Error};

/// Bytes of a key.
const LEN: usize = 32;
/// Bytes of a key as text.
const TEXT: usize = 40;

/// Fills a slice with bytes that cannot be predicted, such as those of `getrandom`. This crate has no source of its own, as
/// it has no clock. Keys are made of these bytes: a source that repeats itself gives the secrets away.
pub type Random = fn(&mut [u8]) -> Result<(), NoRandom>;

/// The source of random bytes has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes")]
pub struct NoRandom;

/// Text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A key has 40 characters.
    #[error("a key of {len} bytes: as text it has 40")]
    Length {
        /// Bytes that there are.
        len: usize,
    },
    /// It is not Z85.
    #[error("a key that is not Z85: {0}")]
    Text(#[from] Z85Error),
}

/// The public half of a key pair of CURVE. It may be shown to everybody. As text it is 40 characters of Z85.
///
/// ```
/// use ringmq_zmtp::PublicKey;
///
/// let key: PublicKey = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID".parse()?;
/// assert_eq!(key.as_bytes()[0], 0xbb);
/// assert_eq!(key.to_string(), "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
/// # Ok::<(), ringmq_zmtp::KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; LEN]);

impl PublicKey {
    /// The key of these bytes. Keys that are no points of a large order are refused where they are used.
    pub const fn from_bytes(bytes: [u8; LEN]) -> PublicKey {
        PublicKey(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<PublicKey, KeyError> {
        let mut key = PublicKey([0; LEN]);
        read(text, &mut key.0)?;
        Ok(key)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The secret half of a key pair of CURVE. Clones share the memory, which is wiped when the last of them is dropped.
/// `Debug` does not show it, and comparing takes the same time whatever is compared.
#[derive(Clone)]
pub struct SecretKey(Arc<Zeroizing<[u8; LEN]>>);

impl SecretKey {
    /// A copy of these bytes, which are the caller's to wipe. Any bytes are a key.
    pub fn from_bytes(bytes: &[u8; LEN]) -> SecretKey {
        let mut key = SecretKey::zeros();
        key.fill(|own| own.copy_from_slice(bytes));
        key
    }

    /// A new key.
    ///
    /// # Errors
    ///
    /// If there are no random bytes.
    pub fn generate(random: Random) -> Result<SecretKey, NoRandom> {
        let mut key = SecretKey::zeros();
        key.fill(|own| random(own))?;
        Ok(key)
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        let mut key = [0; LEN];
        crypto_scalarmult_base(&mut key, self.as_bytes());
        PublicKey(key)
    }

    /// The bytes, which are secret.
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// The key as 40 characters of Z85, which are as secret as the key. The caller keeps or wipes them.
    pub fn to_z85(&self) -> String {
        shown(self.as_bytes())
    }

    fn zeros() -> SecretKey {
        SecretKey(Arc::new(Zeroizing::new([0; LEN])))
    }

    /// Writes a key that has no clones yet, where it stays.
    fn fill<T>(&mut self, fill: impl FnOnce(&mut [u8; LEN]) -> T) -> T {
        let key: &mut Zeroizing<[u8; LEN]> = Arc::make_mut(&mut self.0);
        fill(key)
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<SecretKey, KeyError> {
        let mut key = SecretKey::zeros();
        key.fill(|own| read(text, own))?;
        Ok(key)
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &SecretKey) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A public and a secret key that belong together.
///
/// ```
/// use ringmq_zmtp::{KeyPair, SecretKey};
///
/// // The example of zmq_curve(7).
/// let secret: SecretKey = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6".parse()?;
/// let keys = KeyPair::from_secret(secret);
/// assert_eq!(keys.public().to_string(), "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
/// # Ok::<(), ringmq_zmtp::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    public: PublicKey,
    secret: SecretKey,
}

impl KeyPair {
    /// A new pair.
    ///
    /// # Errors
    ///
    /// If there are no random bytes.
    pub fn generate(random: Random) -> Result<KeyPair, NoRandom> {
        Ok(KeyPair::from_secret(SecretKey::generate(random)?))
    }

    /// The pair that a secret key belongs to.
    pub fn from_secret(secret: SecretKey) -> KeyPair {
        let public = secret.public_key();
        KeyPair { public, secret }
    }

    /// A pair of two halves that are stored apart. If they do not belong together, a server refuses the client that shows
    /// them.
    pub fn from_halves(public: PublicKey, secret: SecretKey) -> KeyPair {
        KeyPair { public, secret }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The secret half.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

fn read(text: &str, key: &mut [u8; LEN]) -> Result<(), KeyError> {
    let len = text.len();
    if len != TEXT {
        return Err(KeyError::Length { len });
    }
    Ok(z85::decode_into(text.as_bytes(), key)?)
}

fn shown(key: &[u8; LEN]) -> String {
    z85::encode(key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let keys = KeyPair::from_secret(SecretKey::from_bytes(&[7; LEN]));
        let shown = format!("{keys:?}");
        assert!(shown.contains(&keys.public().to_string()));
        assert!(shown.ends_with("secret: SecretKey(..) }"), "{shown}");
        assert!(!shown.contains(&keys.secret().to_z85()));
    }

    #[test]
    fn secrets_are_compared_and_read_as_written() {
        let [one, two] = [1, 2].map(|byte| SecretKey::from_bytes(&[byte; LEN]));
        assert!(one == one.clone() && one != two);
        assert_eq!(one.to_z85().parse(), Ok(one.clone()));
        let len = TEXT - 1;
        let cut = &one.to_z85()[..len];
        assert_eq!(cut.parse::<SecretKey>(), Err(KeyError::Length { len }));
        let at = len;
        let wrong = KeyError::Text(Z85Error::Digit { at });
        assert_eq!(format!("{cut} ").parse::<PublicKey>(), Err(wrong));
    }

    #[test]
    fn new_keys_are_what_the_source_says() {
        let keys = KeyPair::generate(|bytes| {
            bytes.fill(7);
            Ok(())
        });
        let known = KeyPair::from_secret(SecretKey::from_bytes(&[7; LEN]));
        assert_eq!(keys, Ok(known));
        assert_eq!(KeyPair::generate(|_| Err(NoRandom)), Err(NoRandom));
    }
}
