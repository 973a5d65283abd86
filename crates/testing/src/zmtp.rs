//! What a peer that is made by hand says first, by ZMTP 3.

/// The greeting of ZMTP 3, of this minor version, with the mechanism NULL.
pub fn zmtp_greeting(minor: u8) -> Vec<u8> {
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, minor];
    greeting.extend_from_slice(b"NULL");
    greeting.resize(64, 0);
    greeting
}

/// The READY of a socket type with these other properties, as a frame.
///
/// # Panics
///
/// If it is longer than a short frame may be.
pub fn zmtp_ready(kind: &str, properties: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    let kind: (&str, &[u8]) = ("Socket-Type", kind.as_bytes());
    for (name, value) in [kind].iter().chain(properties) {
        body.push(u8::try_from(name.len()).unwrap());
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value);
    }
    let mut frame = vec![4, u8::try_from(body.len()).unwrap()];
    frame.append(&mut body);
    frame
}
