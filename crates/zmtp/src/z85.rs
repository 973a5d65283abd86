//! Z85: binary data as text that can be printed and put into source code.
//!
//! RFC 32: four bytes, the highest first, are a number that is written as five digits of base 85.

/// The digits.
const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// No digit has this value.
const NONE: u8 = 0xff;

/// The value of each byte as a digit.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < DIGITS.len() {
        values[DIGITS[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// Why data has no text, or text no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Z85Error {
    /// Data comes in fours and text in fives.
    #[error("{len} bytes, which {multiple} does not divide")]
    Length {
        /// Bytes that there are.
        len: usize,
        /// 4 for data, 5 for text.
        multiple: usize,
    },
    /// A character is no digit.
    #[error("the character at {at} is no digit of Z85")]
    Digit {
        /// Its place.
        at: usize,
    },
    /// Five digits have a value of more than 32 bits.
    #[error("the five digits at {at} are more than 32 bits")]
    TooLarge {
        /// The place of the first.
        at: usize,
    },
}

/// Encodes data as text.
///
/// # Errors
///
/// [`Z85Error::Length`] if 4 does not divide the number of bytes.
///
/// ```
/// use ringmq_zmtp::z85;
///
/// let data = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
/// assert_eq!(z85::encode(&data)?, "HelloWorld");
/// assert_eq!(z85::decode("HelloWorld")?, data);
/// # Ok::<(), z85::Z85Error>(())
/// ```
pub fn encode(data: &[u8]) -> Result<String, Z85Error> {
    let (chunks, rest) = data.as_chunks::<4>();
    if !rest.is_empty() {
        let len = data.len();
        return Err(Z85Error::Length { len, multiple: 4 });
    }
    let mut text = String::with_capacity(chunks.len() * 5);
    for chunk in chunks {
        let number = u32::from_be_bytes(*chunk);
        for power in [85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1] {
            text.push(char::from(DIGITS[(number / power % 85) as usize]));
        }
    }
    Ok(text)
}

/// Decodes text.
///
/// # Errors
///
/// What is wrong with the text.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Z85Error> {
    let text = text.as_ref();
    let mut data = vec![0; text.len() / 5 * 4];
    decode_into(text, &mut data)?;
    Ok(data)
}

/// Decodes text into `data`, which has 4 bytes for 5 of the text.
pub(crate) fn decode_into(text: &[u8], data: &mut [u8]) -> Result<(), Z85Error> {
    let (groups, rest) = text.as_chunks::<5>();
    let (chunks, _) = data.as_chunks_mut::<4>();
    if !rest.is_empty() || groups.len() != chunks.len() {
        let len = text.len();
        return Err(Z85Error::Length { len, multiple: 5 });
    }
    for (at, (group, chunk)) in groups.iter().zip(chunks).enumerate() {
        let mut number = 0;
        for (digit, byte) in group.iter().enumerate() {
            let value = VALUES[usize::from(*byte)];
            if value == NONE {
                return Err(Z85Error::Digit { at: at * 5 + digit });
            }
            number = number * 85 + u64::from(value);
        }
        let number = u32::try_from(number).map_err(|_| Z85Error::TooLarge { at: at * 5 })?;
        *chunk = number.to_be_bytes();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringmq_testing::{Random, seed};

    #[test]
    fn the_key_of_the_manual() {
        // zmq_curve(7) and RFC 32 have these.
        let key = [
            0xbb, 0x88, 0x47, 0x1d, 0x65, 0xe2, 0x65, 0x9b, 0x30, 0xc5, 0x5a, 0x53, 0x21, 0xce,
            0xbb, 0x5a, 0xab, 0x2b, 0x70, 0xa3, 0x98, 0x64, 0x5c, 0x26, 0xdc, 0xa2, 0xb2, 0xfc,
            0xb4, 0x3f, 0xc5, 0x18,
        ];
        let text = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
        assert_eq!(encode(&key).unwrap(), text);
        assert_eq!(decode(text).unwrap(), key);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut random = Random::new(seed());
        for len in (0..200).step_by(4) {
            let data: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
            assert_eq!(decode(encode(&data).unwrap()).unwrap(), data);
        }
        assert_eq!(decode("%nSc0").unwrap(), [0xff; 4]);
    }

    #[test]
    fn what_is_wrong_is_found_and_where() {
        let length = |len, multiple| Err(Z85Error::Length { len, multiple });
        assert_eq!(encode(&[0; 5]), length(5, 4).map(|()| String::new()));
        assert_eq!(decode("0000"), length(4, 5).map(|()| Vec::new()));
        assert_eq!(decode("00000000 0"), Err(Z85Error::Digit { at: 8 }));
        assert_eq!(decode("0000\u{e9}"), length(6, 5).map(|()| Vec::new()));
        assert_eq!(decode("00000%nSc1"), Err(Z85Error::TooLarge { at: 5 }));
        assert_eq!(decode("#####"), Err(Z85Error::TooLarge { at: 0 }));
    }
}
