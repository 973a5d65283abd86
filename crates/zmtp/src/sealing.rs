//! The boxes of CURVE: bytes that are encrypted and authenticated, in place.
//!
//! RFC 26 has `crypto_box` and `crypto_secretbox` of NaCl: X25519, HSalsa20, XSalsa20, Poly1305.

use std::fmt;

use dryoc::classic::crypto_box::{
    crypto_box_detached_afternm_inplace, crypto_box_open_detached_afternm_inplace,
};
use dryoc::classic::crypto_core::{crypto_core_hsalsa20, crypto_scalarmult};
use dryoc::classic::crypto_onetimeauth::{crypto_onetimeauth, crypto_onetimeauth_verify};
use salsa20::Salsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::keys::{NoRandom, PublicKey, Random, SecretKey};

/// Bytes in front of what is encrypted, which authenticate it.
pub(crate) const TAG: usize = 16;
/// Bytes of a nonce.
const NONCE: usize = 24;

/// Up to as many bytes are sealed, and opened, with a key that was derived before. With more of them it takes longer:
/// `salsa20` makes one block of 64 bytes after the other, dryoc several at once (docs/performance.md, "CURVE beside
/// libzmq"). The first 32 bytes are the key of the tag.
const SEALED_SHORT: usize = 2 * 64 - 32;
const OPENED_SHORT: usize = 3 * 64 - 32;

pub(crate) type Nonce = [u8; NONCE];

/// A nonce whose last 8 bytes count.
pub(crate) fn short_nonce(prefix: &[u8; 16], count: u64) -> Nonce {
    let mut nonce = [0; NONCE];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&count.to_be_bytes());
    nonce
}

/// A nonce whose last 16 bytes are random.
pub(crate) fn long_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> Nonce {
    let mut nonce = [0; NONCE];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(random);
    nonce
}

/// Random bytes of some length.
pub(crate) fn random<const N: usize>(source: Random) -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    source(&mut bytes)?;
    Ok(bytes)
}

/// What two ends share, to seal and open boxes with. It stays where it is, and is wiped when it is dropped.
pub(crate) struct BoxKey(Box<Zeroizing<[u8; 32]>>);

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey(..)")
    }
}

impl BoxKey {
    /// The key that this public and this secret key have in common. Public keys of a low order, such as zeros, have the
    /// same with everybody: they are refused.
    pub(crate) fn between(theirs: &PublicKey, ours: &SecretKey) -> Result<BoxKey, Error> {
        let mut point = Zeroizing::new([0; 32]);
        crypto_scalarmult(&mut point, ours.as_bytes(), theirs.as_bytes())
            .map_err(|_| Error::WeakKey)?;
        let mut key = BoxKey(Box::new(Zeroizing::new([0; 32])));
        crypto_core_hsalsa20(&mut key.0, &[0; 16], &point, None);
        Ok(key)
    }

    /// A key that only we have.
    pub(crate) fn own(random: Random) -> Result<BoxKey, NoRandom> {
        let mut key = BoxKey(Box::new(Zeroizing::new([0; 32])));
        random(&mut key.0[..])?;
        Ok(key)
    }

    /// Encrypts what follows the [`TAG`] in `bytes`, and writes the tag.
    pub(crate) fn seal(&self, nonce: &Nonce, bytes: &mut [u8]) {
        if let Some((tag, data)) = bytes.split_first_chunk_mut::<TAG>() {
            crypto_box_detached_afternm_inplace(data, tag, nonce, &self.0);
        }
    }

    /// Decrypts what follows the tag in `bytes`, if it is what was sealed; `None` if not.
    pub(crate) fn open<'a>(&self, nonce: &Nonce, bytes: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (tag, data) = bytes.split_first_chunk_mut::<TAG>()?;
        let opened = crypto_box_open_detached_afternm_inplace(data, tag, nonce, &self.0);
        opened.is_ok().then_some(data)
    }
}

/// The boxes of one direction: their nonces differ in the last 8 bytes.
///
/// XSalsa20 derives a key from the first 16 bytes of the nonce, by HSalsa20, and uses Salsa20 with it and the other 8.
/// Short boxes use a key that was derived once. They are what `crypto_box` makes (NaCl, "Cryptography in NaCl", section 10):
/// the first 32 bytes of Salsa20 are the key of Poly1305, those that follow encrypt.
pub(crate) struct Boxes {
    prefix: &'static [u8; 16],
    derived: Box<Zeroizing<[u8; 32]>>,
}

impl Boxes {
    /// The boxes of `key` whose nonces begin so.
    pub(crate) fn new(key: &BoxKey, prefix: &'static [u8; 16]) -> Boxes {
        let mut derived = Box::new(Zeroizing::new([0; 32]));
        crypto_core_hsalsa20(&mut derived, prefix, &key.0, None);
        Boxes { prefix, derived }
    }

    /// As [`BoxKey::seal`], with the nonce that ends with `count`. The key is the one of [`new`](Boxes::new).
    #[inline]
    pub(crate) fn seal(&self, key: &BoxKey, count: u64, bytes: &mut [u8]) {
        match bytes.split_first_chunk_mut::<TAG>() {
            Some((tag, data)) if data.len() <= SEALED_SHORT => {
                let (mut cipher, tag_key) = self.cipher(count);
                cipher.apply_keystream(data);
                crypto_onetimeauth(tag, data, &tag_key);
            }
            _ => key.seal(&short_nonce(self.prefix, count), bytes),
        }
    }

    /// As [`BoxKey::open`], with the nonce that ends with `count`. The key is the one of [`new`](Boxes::new).
    #[inline]
    pub(crate) fn open<'a>(
        &self,
        key: &BoxKey,
        count: u64,
        bytes: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        if bytes.len() > TAG + OPENED_SHORT {
            return key.open(&short_nonce(self.prefix, count), bytes);
        }
        let (tag, data) = bytes.split_first_chunk_mut::<TAG>()?;
        let (mut cipher, tag_key) = self.cipher(count);
        crypto_onetimeauth_verify(tag, data, &tag_key).ok()?;
        cipher.apply_keystream(data);
        Some(data)
    }

    /// What encrypts, and the key of the tag.
    #[inline]
    fn cipher(&self, count: u64) -> (Salsa20, Zeroizing<[u8; 32]>) {
        let key: &[u8; 32] = &self.derived;
        let mut cipher = Salsa20::new(key.into(), &count.to_be_bytes().into());
        let mut tag_key = Zeroizing::new([0; 32]);
        cipher.apply_keystream(&mut tag_key[..]);
        (cipher, tag_key)
    }
}

/// The short nonces of one end. Each is used once, so none is sent twice, and none is taken twice.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    sent: u64,
    received: Option<u64>,
}

impl Nonces {
    /// So many have been sent.
    #[cfg(test)]
    pub(crate) fn after(sent: u64) -> Nonces {
        Nonces {
            sent,
            received: None,
        }
    }

    /// The next that we send. The first is 1. There is none after the last.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<u64, Error> {
        self.sent = self.sent.checked_add(1).ok_or(Error::NoncesSpent)?;
        Ok(self.sent)
    }

    /// Takes one of the peer's. The first may be any, and each later one is the next number: a stream that loses nothing
    /// has no gaps, and with a gap the parts of a message could be taken out by one who cannot read them.
    ///
    /// RFC 26 wants an incrementing integer. libzmq counts so, too, but accepts gaps.
    #[inline]
    pub(crate) fn take(&mut self, nonce: u64) -> Result<(), Error> {
        if let Some(last) = self.received
            && last.checked_add(1) != Some(nonce)
        {
            return Err(Error::Sequence { nonce, last });
        }
        self.received = Some(nonce);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of order 1, 2, 4 and 8, on the curve and on its twist, and three of them written otherwise.
    const WEAK: [[u8; 32]; 7] = {
        let mut keys = [[0; 32]; 7];
        keys[1][0] = 1;
        keys[2] = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ];
        keys[3] = [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ];
        let mut at = 4;
        while at < 7 {
            keys[at] = [0xff; 32];
            keys[at][0] = 0xec + (at - 4) as u8;
            keys[at][31] = 0x7f;
            at += 1;
        }
        keys
    };

    #[test]
    fn keys_of_low_order_are_refused() {
        let ours = SecretKey::from_bytes(&[7; 32]);
        for weak in WEAK {
            for top in [0, 0x80] {
                let mut weak = weak;
                weak[31] |= top;
                let between = BoxKey::between(&PublicKey::from_bytes(weak), &ours);
                assert_eq!(between.err(), Some(Error::WeakKey), "{weak:?}");
            }
        }
        let strong = SecretKey::from_bytes(&[8; 32]).public_key();
        assert!(BoxKey::between(&strong, &ours).is_ok());
    }

    /// What is done with a derived key is what dryoc does, whose boxes are those of libsodium.
    #[test]
    fn short_boxes_are_those_of_long_keys() {
        let [one, two] = [1, 2].map(|byte| SecretKey::from_bytes(&[byte; 32]));
        let key = BoxKey::between(&two.public_key(), &one).unwrap();
        for prefix in [b"CurveZMQMESSAGEC", b"CurveZMQMESSAGES"] {
            let boxes = Boxes::new(&key, prefix);
            for len in 0..=OPENED_SHORT + 70 {
                let count = u64::MAX / (len as u64 + 1);
                let plain: Vec<u8> = (0..TAG + len).map(|at| at as u8).collect();
                let nonce = short_nonce(prefix, count);
                let [mut whole, mut short] = [(); 2].map(|()| plain.clone());
                key.seal(&nonce, &mut whole);
                boxes.seal(&key, count, &mut short);
                assert_eq!(short, whole, "{len}");
                let mut opened = whole.clone();
                let opened = boxes.open(&key, count, &mut opened);
                assert_eq!(opened.as_deref(), Some(&plain[TAG..]), "{len}");
                assert!(boxes.open(&key, count ^ 1, &mut whole.clone()).is_none());
                for at in [0, TAG - 1, TAG + len / 2, TAG + len - 1] {
                    let mut wrong = whole.clone();
                    if let Some(byte) = wrong.get_mut(at) {
                        *byte ^= 0x80;
                        assert!(boxes.open(&key, count, &mut wrong).is_none(), "{len}");
                    }
                }
            }
            for len in 0..TAG {
                assert!(boxes.open(&key, 1, &mut [0; TAG][..len]).is_none());
            }
        }
    }

    #[test]
    fn a_box_opens_for_its_nonce_and_as_it_was_sealed() {
        let [one, two] = [1, 2].map(|byte| SecretKey::from_bytes(&[byte; 32]));
        let ours = BoxKey::between(&two.public_key(), &one).unwrap();
        let theirs = BoxKey::between(&one.public_key(), &two).unwrap();
        let nonce = short_nonce(b"CurveZMQMESSAGEC", 3);
        let mut sealed = [0; TAG + 5];
        sealed[TAG..].copy_from_slice(b"hello");
        ours.seal(&nonce, &mut sealed);
        for at in 0..sealed.len() {
            let mut wrong = sealed;
            wrong[at] ^= 1;
            assert_eq!(theirs.open(&nonce, &mut wrong), None);
        }
        let other = short_nonce(b"CurveZMQMESSAGEC", 4);
        assert_eq!(theirs.open(&other, &mut sealed.clone()), None);
        assert_eq!(theirs.open(&nonce, &mut sealed[..TAG - 1].to_vec()), None);
        assert_eq!(theirs.open(&nonce, &mut sealed).unwrap(), b"hello");
    }

    #[test]
    fn nonces_go_up_and_end() {
        let mut nonces = Nonces::default();
        assert_eq!((nonces.next(), nonces.next()), (Ok(1), Ok(2)));
        assert_eq!((nonces.take(6), nonces.take(7)), (Ok(()), Ok(())));
        for nonce in [0, 6, 7, 9, u64::MAX] {
            let last = 7;
            assert_eq!(nonces.take(nonce), Err(Error::Sequence { nonce, last }));
        }
        assert_eq!(nonces.take(8), Ok(()));
        let last = u64::MAX;
        nonces.received = Some(last);
        for nonce in [0, last] {
            assert_eq!(nonces.take(nonce), Err(Error::Sequence { nonce, last }));
        }
        let mut nonces = Nonces::after(u64::MAX - 1);
        assert_eq!(nonces.next(), Ok(u64::MAX));
        for _ in 0..2 {
            assert_eq!(nonces.next(), Err(Error::NoncesSpent));
        }
    }
}
