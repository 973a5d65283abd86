//! Programs that the tasks call and that may be missing on a machine.

use std::env;
use std::path::PathBuf;

use crate::process::{self, Outcome};
use crate::workspace::Workspace;

/// A command of cargo that comes from the package registry.
pub(crate) struct CargoCommand {
    pub(crate) name: &'static str,
    /// The version that is installed where there is none; one that is there already is taken as it is.
    version: &'static str,
}

pub(crate) const DENY: CargoCommand = CargoCommand {
    name: "cargo-deny",
    version: "0.20.2",
};
pub(crate) const FUZZ: CargoCommand = CargoCommand {
    name: "cargo-fuzz",
    version: "0.13.2",
};
pub(crate) const MUTANTS: CargoCommand = CargoCommand {
    name: "cargo-mutants",
    version: "27.1.0",
};

impl CargoCommand {
    /// Installs the command where cargo keeps its commands, unless it is there.
    pub(crate) fn install(&self, workspace: &Workspace) -> Outcome {
        if has(self.name) {
            return Ok(());
        }
        println!("{} is missing: installing it", self.name);
        // Built without optimisation: it runs for seconds, and would be built for minutes.
        let mut cargo = workspace.cargo();
        cargo.args([
            "install",
            "--locked",
            "--debug",
            self.name,
            "--version",
            self.version,
        ]);
        process::run(&mut cargo)
    }
}

/// Is a program of this name on the path, or where cargo installs its commands?
pub(crate) fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(cargo_bin())
        .any(|folder| folder.join(program).is_file())
}

/// Where `cargo install` puts programs; cargo looks for its commands there, on the path or not.
fn cargo_bin() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some(home.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_and_nothing_else() {
        assert!(has("sh"));
        assert!(!has("no-program-has-this-name"));
    }
}
