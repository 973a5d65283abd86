//! Which values of options there are.

use crate::error::OptionError;
use crate::socket::options::SocketOptions;

/// The most bytes that the names and values of all properties have.
const PROPERTIES_MOST: usize = 32 << 10;

impl SocketOptions {
    /// Checks the values that can be wrong.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let id = self.routing_id.as_deref();
        let bytes = self.properties.iter();
        let bytes: usize = bytes.map(|(name, value)| name.len() + value.len()).sum();
        if id.is_some_and(|id| id.is_empty() || id.len() > 255)
            || !self
                .properties
                .iter()
                .all(|(name, value)| fits(name, value))
            || bytes > PROPERTIES_MOST
            || !self.security.is_valid()
            || self.zap.domain.len() > 255
        {
            return Err(OptionError::Value);
        }
        Ok(())
    }

    /// Adds a property, or one that [`check`](SocketOptions::check) refuses.
    pub(super) fn add_property(&mut self, name: &str, value: &[u8]) {
        let mut properties = self.properties.iter();
        let known = properties.any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !known || !fits(name, value) {
            self.properties.push((name.to_owned(), value.to_vec()));
        }
    }
}

/// Whether it is a property that an application may give.
fn fits(name: &str, value: &[u8]) -> bool {
    let ours = name.get(..8);
    (2..=255).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && name.starts_with("X-")
        && !ours.is_some_and(|ours| ours.eq_ignore_ascii_case("X-Ringmq"))
        && !value.is_empty()
}
