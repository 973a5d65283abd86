//! The tarball: everything for one prefix, with a script that installs and removes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::TRIPLET;
use super::contents::{Contents, HELPER, LIBRARY, TOOL};
use super::tree::{Node, Tree};
use crate::process::{self, Outcome};

/// Makes `ringmq-VERSION-x86_64-linux-gnu.tar.gz` in `out`.
pub(crate) fn make(contents: &Contents<'_>, out: &Path) -> Outcome<PathBuf> {
    let mut tree = Tree::default();
    tree.program("bin/ringmq", contents.tool()?);
    tree.place("lib/ringmq", contents.prefix()?);
    for (name, page) in contents.pages()? {
        tree.compressed(&format!("share/man/man1/{name}"), &page);
    }
    let [bash, zsh, fish] = contents.completions()?;
    tree.bytes("share/bash-completion/completions/ringmq", bash);
    tree.bytes("share/zsh/site-functions/_ringmq", zsh);
    tree.bytes("share/fish/vendor_completions.d/ringmq.fish", fish);
    let documents = "share/doc/ringmq";
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        tree.text(format!("{documents}/{name}"), contents.read(name)?);
    }
    let shipped = [LIBRARY, HELPER, TOOL];
    let licences = contents.third_party(&shipped)?;
    tree.text(format!("{documents}/THIRD-PARTY.txt"), licences);
    let list = contents.sbom("ringmq-tarball", "application", &shipped)?;
    tree.text(format!("{documents}/sbom.cdx.json"), list);
    let files: String = tree
        .entries()
        .filter(|(_, node)| !matches!(node, Node::Folder))
        .map(|(path, _)| format!("{path}\n"))
        .collect();
    tree.text("files", files);
    let script = contents.template("tarball/install.sh")?;
    tree.program("install.sh", script.into_bytes());

    let name = format!("ringmq-{}-{TRIPLET}", contents.version);
    let mut top = Tree::default();
    top.place(&name, tree);
    let folder = contents.scratch("tarball");
    top.write(&folder, contents.epoch)?;
    let path = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("--directory").arg(&folder);
    tar.args([
        "--sort=name",
        "--owner=root:0",
        "--group=root:0",
        "--format=ustar",
    ]);
    tar.arg(format!("--mtime=@{}", contents.epoch));
    // Without the name and the time of the file that was compressed.
    tar.arg("--use-compress-program=gzip -9n").arg("--create");
    process::run(tar.arg("--file").args([path.as_path(), Path::new(&name)]))?;
    Ok(path)
}
