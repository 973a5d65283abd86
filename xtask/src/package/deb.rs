//! The Debian packages: `ringmq` with the command, `libringmq-zmq5` with the library.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::TRIPLET;
use super::contents::{Contents, HELPER, LIBRARY, TOOL};
use super::elf::Elf;
use super::tree::{Node, Tree};
use crate::process::{self, Failure, Outcome};

/// A package without its files.
struct Control<'a> {
    name: &'a str,
    section: &'a str,
    /// Lines of further fields.
    relations: String,
    /// One line, then paragraphs.
    description: &'a str,
}

/// Makes `ringmq_VERSION_amd64.deb` in `out`.
pub(crate) fn tool(contents: &Contents<'_>, out: &Path) -> Outcome<PathBuf> {
    let mut tree = Tree::default();
    tree.program("usr/bin/ringmq", contents.tool()?);
    for (name, page) in contents.pages()? {
        tree.compressed(&format!("usr/share/man/man1/{name}"), &page);
    }
    let [bash, zsh, fish] = contents.completions()?;
    tree.bytes("usr/share/bash-completion/completions/ringmq", bash);
    tree.bytes("usr/share/zsh/vendor-completions/_ringmq", zsh);
    tree.bytes("usr/share/fish/vendor_completions.d/ringmq.fish", fish);
    documents(contents, &mut tree, "ringmq", "application", &[TOOL])?;
    let control = Control {
        name: "ringmq",
        section: "net",
        relations: format!(
            "Depends: {}\nRecommends: libringmq-zmq5 (= {})\n",
            depends(&contents.tool_elf()?),
            contents.version
        ),
        description: "run, watch and talk to ZeroMQ programs on ringmq\n\
            ringmq is ZeroMQ for Linux, with shared memory between the processes of one\n\
            machine. This is the command: it runs programs on ringmq, shows what they\n\
            send and receive, sends and receives itself, and measures.\n",
    };
    make(contents, &control, tree, Tree::default(), out)
}

/// Makes `libringmq-zmq5_VERSION_amd64.deb` in `out`.
pub(crate) fn library(contents: &Contents<'_>, out: &Path) -> Outcome<PathBuf> {
    let mut tree = Tree::default();
    let folder = format!("usr/lib/{TRIPLET}/ringmq");
    tree.place(&folder, contents.prefix()?);
    // The link of the alternative is made in it.
    tree.folder(format!("{folder}/system"));
    let configuration = contents.template("debian/ld.so.conf")?;
    tree.text("etc/ld.so.conf.d/00-ringmq.conf", configuration);
    let switch = contents.template("debian/ringmq-libzmq")?;
    tree.program("usr/sbin/ringmq-libzmq", switch.into_bytes());
    let page = contents.template("debian/ringmq-libzmq.8")?;
    tree.compressed("usr/share/man/man8/ringmq-libzmq.8", page.as_bytes());
    documents(
        contents,
        &mut tree,
        "libringmq-zmq5",
        "library",
        &[LIBRARY, HELPER],
    )?;

    let mut scripts = Tree::default();
    for name in ["postinst", "prerm"] {
        let text = contents.template(&format!("debian/libringmq-zmq5.{name}"))?;
        scripts.program(name, text.into_bytes());
    }
    for name in ["triggers", "shlibs"] {
        let text = contents.template(&format!("debian/libringmq-zmq5.{name}"))?;
        scripts.text(name, text);
    }
    let control = Control {
        name: "libringmq-zmq5",
        section: "libs",
        relations: format!(
            "Depends: {}\nSuggests: libzmq5, ringmq\n",
            depends(&contents.library_elf()?)
        ),
        description: "libzmq.so.5 on ringmq: ZeroMQ through shared memory\n\
            ringmq is ZeroMQ for Linux, with shared memory between the processes of one\n\
            machine. This library has the functions of libzmq.so.5: programs that are\n\
            linked with libzmq run on it as they are.\n\
            .\n\
            After the installation programs still use Debian's libzmq5. \"ringmq-libzmq on\"\n\
            puts all of them on ringmq, \"ringmq-libzmq off\" takes them back. Headers, a\n\
            static library, and files for pkg-config and CMake are included.\n",
    };
    make(contents, &control, tree, scripts, out)
}

/// What stands in /usr/share/doc.
fn documents(
    contents: &Contents<'_>,
    tree: &mut Tree,
    name: &str,
    kind: &str,
    roots: &[&str],
) -> Outcome {
    let folder = format!("usr/share/doc/{name}");
    let mit = contents.read("LICENSE-MIT")?;
    let copyright = contents.template("debian/copyright")?;
    tree.text(
        format!("{folder}/copyright"),
        copyright.replace("@MIT@", indented(&mit).trim_end()),
    );
    let changes = contents.read("CHANGELOG.md")?;
    tree.compressed(&format!("{folder}/changelog"), changes.as_bytes());
    let licences = contents.third_party(roots)?;
    tree.compressed(&format!("{folder}/THIRD-PARTY.txt"), licences.as_bytes());
    let list = contents.sbom(name, kind, roots)?;
    tree.compressed(&format!("{folder}/sbom.cdx.json"), list.as_bytes());
    Ok(())
}

/// A text as Debian's control files have it: each line behind a blank, an empty one as a dot.
fn indented(text: &str) -> String {
    text.lines()
        .map(|line| match line.trim_end() {
            "" | "." => " .\n".to_owned(),
            line => format!(" {line}\n"),
        })
        .collect()
}

/// The packages that have the libraries a file asks for.
fn depends(elf: &Elf) -> String {
    let (major, minor) = elf.glibc;
    let mut packages = vec![format!("libc6 (>= {major}.{minor})")];
    if elf.needed.iter().any(|name| name == "libgcc_s.so.1") {
        packages.push("libgcc-s1 (>= 4.2)".to_owned());
    }
    packages.join(", ")
}

fn make(
    contents: &Contents<'_>,
    control: &Control<'_>,
    mut tree: Tree,
    scripts: Tree,
    out: &Path,
) -> Outcome<PathBuf> {
    let folder = contents.scratch(control.name);
    let mut meta = scripts;
    meta.text("control", fields(contents, control, tree.kibibytes())?);
    let configuration: String = tree
        .entries()
        .filter(|(path, node)| path.starts_with("etc/") && matches!(node, Node::File { .. }))
        .map(|(path, _)| format!("/{path}\n"))
        .collect();
    if !configuration.is_empty() {
        meta.text("conffiles", configuration);
    }
    let files: Vec<_> = tree
        .entries()
        .filter(|(path, node)| !path.starts_with("etc/") && matches!(node, Node::File { .. }))
        .map(|(path, _)| path.to_owned())
        .collect();
    // md5sum reads files: they are written once for it.
    tree.write(&folder, contents.epoch)?;
    let mut md5sum = Command::new("md5sum");
    md5sum.current_dir(&folder).args(&files);
    meta.text("md5sums", process::answer(&mut md5sum)?);
    tree.place("DEBIAN", meta);
    tree.write(&folder, contents.epoch)?;
    let deb = out.join(format!("{}_{}_amd64.deb", control.name, contents.version));
    let mut dpkg = Command::new("dpkg-deb");
    // dpkg-deb takes its time for the archives from this variable.
    dpkg.env("SOURCE_DATE_EPOCH", contents.epoch.to_string());
    // One thread: with more, the compressed bytes depend on their number.
    dpkg.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"]);
    process::run(dpkg.args([&folder, &deb]))?;
    Ok(deb)
}

/// The control file.
fn fields(contents: &Contents<'_>, control: &Control<'_>, kibibytes: u64) -> Outcome<String> {
    let mut out = String::new();
    let (first, rest) = control.description.split_once('\n').unwrap_or_default();
    let written = write!(
        out,
        "Package: {}\nVersion: {}\nArchitecture: amd64\nMaintainer: {}\nInstalled-Size: {kibibytes}\n{}\
         Section: {}\nPriority: optional\nHomepage: {}\nDescription: {first}\n{}",
        control.name,
        contents.version,
        contents.maintainer(),
        control.relations,
        control.section,
        contents.repository,
        indented(rest)
    );
    written.map_err(|error| Failure::new(error.to_string()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_indented_as_debian_wants() {
        assert_eq!(indented("a\n\n.\n  b\n"), " a\n .\n .\n   b\n");
    }

    #[test]
    fn the_libraries_that_are_needed_are_depended_on() {
        let elf = |needed: &[&str]| Elf {
            soname: None,
            needed: needed.iter().map(|&name| name.to_owned()).collect(),
            glibc: (2, 34),
            exported: Default::default(),
        };
        assert_eq!(depends(&elf(&["libc.so.6"])), "libc6 (>= 2.34)");
        let both = depends(&elf(&["libgcc_s.so.1", "libc.so.6"]));
        assert_eq!(both, "libc6 (>= 2.34), libgcc-s1 (>= 4.2)");
    }
}
