//! The search for the libraries that can be loaded.

use crate::plan::libraries::Libraries;
use crate::plan::sockets::Face;
use crate::run::sockets::library::Library;

impl Libraries {
    /// Looks for both libraries.
    pub fn look() -> Libraries {
        let describe = |face| {
            let library = Library::open(face).map_err(|error| error.to_string())?;
            Ok(library.describe())
        };
        // Stock libzmq comes first: the loader finds a library that is loaded already by the name that the library
        // gives itself, and both give the same.
        let stock = describe(Face::Stock);
        let own = describe(Face::C);
        Libraries { stock, own }
    }
}
