//! What cargo builds beside a test.

use std::path::PathBuf;

/// Our `libzmq.so`, which lies beside the programs that cargo builds for tests, or one folder above. The package of the
/// test has to depend on `ringmq-libzmq`, so that cargo builds it.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn built_library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folders = test.ancestors().skip(1).take(2);
    let mut found = folders.map(|folder| folder.join("libzmq.so"));
    found.find(|library| library.exists()).unwrap()
}
