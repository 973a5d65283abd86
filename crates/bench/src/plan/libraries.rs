//! Which libraries can be measured here.

use std::fmt;

use crate::plan::sockets::Face;
use crate::run::sockets::library::Library;

/// The environment variable that names the stock libzmq to load, instead of the one that the loader finds.
pub const STOCK_PATH: &str = "RINGMQ_BENCH_LIBZMQ";
/// The environment variable that names ringmq's `libzmq.so`, instead of the one beside this program.
pub const OWN_PATH: &str = "RINGMQ_BENCH_OWN_LIBZMQ";

/// A library that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its version, as it says itself.
    pub version: String,
    /// Its file.
    pub path: String,
}

/// What can be loaded here, and why the rest cannot.
#[derive(Debug, Clone)]
pub struct Libraries {
    /// The machine's libzmq.
    pub stock: Result<Described, String>,
    /// ringmq's C interface.
    pub own: Result<Described, String>,
}

impl Libraries {
    /// Looks for both.
    pub fn look() -> Libraries {
        let describe = |face| {
            let library = Library::open(face).map_err(|error| error.to_string())?;
            Ok(library.describe())
        };
        // In this order: a library that is loaded already is found by the name that it gives itself, which is the
        // same for both.
        let stock = describe(Face::Stock);
        let own = describe(Face::C);
        Libraries { stock, own }
    }

    /// Can rows of `face` be measured?
    pub fn has(&self, face: Face) -> bool {
        match face {
            Face::Rust | Face::Plain => true,
            Face::C => self.own.is_ok(),
            Face::Stock => self.stock.is_ok(),
        }
    }
}

impl Libraries {
    /// Why rows are missing, for each library that is.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        [&self.stock, &self.own]
            .into_iter()
            .filter_map(|one| one.as_ref().err())
            .map(String::as_str)
    }
}

/// Two lines: which libraries are measured, and why one is not.
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
