//! The program that each side is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::error::Error;

/// The time without progress after which a run is ended, by default.
const PATIENCE: Duration = Duration::from_secs(10);

/// How to start a side: a program whose `main` calls [`peer`](crate::peer()).
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    pub(super) patience: Duration,
}

impl Program {
    /// This program with other arguments.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the file of this program cannot be found.
    pub fn this<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Result<Program, Error> {
        let path = std::env::current_exe().map_err(Error::os(
            "find this program's file",
            "see that /proc is mounted",
        ))?;
        let args = args.into_iter().map(A::into).collect();
        Ok(Program {
            path,
            args,
            patience: PATIENCE,
        })
    }

    /// The command that starts it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args);
        command
    }

    /// Sets the time without progress after which a run is ended, to the second. The default is ten seconds.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Program {
        Program { patience, ..self }
    }
}
