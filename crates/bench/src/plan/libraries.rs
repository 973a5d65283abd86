//! The libraries of ZeroMQ sockets that can be measured on this machine.

use std::fmt;

use crate::plan::sockets::Face;

/// A loaded library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The version that it reports.
    pub version: String,
    /// The path of its file.
    pub path: String,
}

/// The libraries that can be loaded. An error says why one cannot.
#[derive(Debug, Clone)]
pub struct Libraries {
    /// The libzmq of this machine.
    pub stock: Result<Described, String>,
    /// The C interface of ringmq.
    pub own: Result<Described, String>,
}

impl Libraries {
    /// Returns true if sockets of `face` can be measured.
    pub fn has(&self, face: Face) -> bool {
        match face {
            Face::Rust | Face::Plain => true,
            Face::C => self.own.is_ok(),
            Face::Stock => self.stock.is_ok(),
        }
    }

    /// For each library that cannot be loaded, why.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        [&self.stock, &self.own]
            .into_iter()
            .filter_map(|one| one.as_ref().err())
            .map(String::as_str)
    }
}

/// Prints a line for each library: its file, or why its rows are left out.
impl fmt::Display for Libraries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stock {
            Ok(Described { version, path }) => writeln!(f, "libzmq is stock {version}, {path}.")?,
            Err(cause) => writeln!(f, "Rows of libzmq are left out: {cause}.")?,
        }
        match &self.own {
            Ok(Described { path, .. }) => write!(f, "ringmq C is {path}."),
            Err(cause) => write!(f, "Rows of ringmq's C interface are left out: {cause}."),
        }
    }
}
