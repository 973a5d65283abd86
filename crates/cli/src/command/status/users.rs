//! The names of users.

use std::collections::HashMap;

/// The names of the users that `/etc/passwd` has.
#[derive(Debug, Default)]
pub(crate) struct Users(HashMap<u32, String>);

impl Users {
    /// Reads them. Without the file there are none.
    pub(crate) fn read() -> Users {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let names = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, uid) = (fields.next()?, fields.nth(1)?);
            Some((uid.parse().ok()?, name.to_owned()))
        });
        Users(names.collect())
    }

    /// The name of a user, or the number.
    pub(crate) fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or(uid.to_string())
    }
}
