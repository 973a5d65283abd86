//! `ringmq generate`: man pages and completions, made from the definitions of the command line for packages.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

/// The shells for which there are completions.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// The verbs of `ringmq generate`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// A man page for each command: ringmq.1, ringmq-pipe.1, ringmq-pipe-listen.1 ...
    Man(Folder),
    /// Completions: ringmq.bash, _ringmq for zsh, ringmq.fish.
    Completions(Folder),
}

/// Arguments of both verbs.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder for the files. It is made if it is not there; files of the same names are replaced.
    folder: PathBuf,
}

/// Runs `ringmq generate` for the command line that `command` defines.
pub(crate) fn run(verb: &Verb, command: Command) -> ExitCode {
    let (Verb::Man(Folder { folder }) | Verb::Completions(Folder { folder })) = verb;
    let written = fs::create_dir_all(folder).and_then(|()| match verb {
        Verb::Man(_) => pages(command, folder),
        Verb::Completions(_) => completions(visible(command), folder),
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringmq: cannot write to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn pages(mut command: Command, folder: &Path) -> io::Result<()> {
    // Gives each verb its full name.
    command.build();
    page(&command, folder)
}

/// Writes the page of a command and of all commands below it that help shows.
fn page(command: &Command, folder: &Path) -> io::Result<()> {
    for verb in command.get_subcommands() {
        if !verb.is_hide_set() && verb.get_name() != "help" {
            page(verb, folder)?;
        }
    }
    let page = Man::new(command.clone()).manual("ringmq");
    let mut to = BufWriter::new(File::create(folder.join(page.get_filename()))?);
    page.render(&mut to)?;
    to.flush()
}

fn completions(mut command: Command, folder: &Path) -> io::Result<()> {
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, "ringmq", folder)?;
    }
    Ok(())
}

/// What completions need of a command, without the verbs that help does not show: completions would offer those, too.
fn visible(command: Command) -> Command {
    let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let shown: Vec<_> = shown.cloned().map(visible).collect();
    let mut kept = Command::new(command.get_name().to_owned())
        .args(command.get_arguments().cloned())
        .groups(command.get_groups().cloned())
        .visible_aliases(command.get_visible_aliases().map(str::to_owned))
        .propagate_version(command.is_propagate_version_set())
        .subcommands(shown);
    if let Some(about) = command.get_about() {
        kept = kept.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        kept = kept.version(version.to_owned());
    }
    kept
}
