//! The wheel: the Python package, the library in it, and the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::contents::{Contents, HELPER, LIBRARY, TOOL, bytes};
use super::tree::{Node, Tree};
use super::zip::Zip;
use crate::process::{Failure, Outcome};
use crate::workspace::files_below;

/// The libraries that a manylinux wheel may take from the system, of those that Rust programs ask for.
const SYSTEM: [&str; 4] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "ld-linux-x86-64.so.2",
];

/// Makes `ringmq-VERSION-py3-none-manylinux_X_Y_x86_64.whl` in `out`.
pub(crate) fn make(contents: &Contents<'_>, out: &Path) -> Outcome<PathBuf> {
    let files = [contents.tool_elf()?, contents.library_elf()?];
    for elf in &files {
        let others = elf
            .needed
            .iter()
            .filter(|name| !SYSTEM.contains(&name.as_str()));
        let others: Vec<_> = others
            .map(|name| format!("{name} is not part of every system"))
            .collect();
        Failure::of("the wheel is not for manylinux", &others)?;
    }
    // The oldest glibc with which both run.
    let (major, minor) = files[0].glibc.max(files[1].glibc);
    let tag = format!("py3-none-manylinux_{major}_{minor}_x86_64");
    let version = &contents.version;

    let mut tree = Tree::default();
    let package = contents.root().join("python/ringmq");
    for file in files_below(&package, "py")?
        .into_iter()
        .chain(files_below(&package, "typed")?)
    {
        let name = file
            .strip_prefix(&package)
            .unwrap_or(&file)
            .display()
            .to_string();
        tree.bytes(format!("ringmq/{name}"), bytes(&file)?);
    }
    tree.program("ringmq/lib/libzmq.so.5", contents.library()?);
    tree.program("ringmq/lib/libringmq_preload.so", contents.helper()?);
    tree.program(
        format!("ringmq-{version}.data/scripts/ringmq"),
        contents.tool()?,
    );
    let info = format!("ringmq-{version}.dist-info");
    tree.text(format!("{info}/METADATA"), metadata(contents)?);
    tree.text(
        format!("{info}/WHEEL"),
        format!(
            "Wheel-Version: 1.0\nGenerator: ringmq {version}\nRoot-Is-Purelib: false\nTag: {tag}\n"
        ),
    );
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        tree.text(format!("{info}/licenses/{name}"), contents.read(name)?);
    }
    let shipped = [LIBRARY, HELPER, TOOL];
    let licences = contents.third_party(&shipped)?;
    tree.text(format!("{info}/licenses/THIRD-PARTY.txt"), licences);
    let list = contents.sbom("ringmq-wheel", "library", &shipped)?;
    tree.text(format!("{info}/sboms/ringmq.cdx.json"), list);

    let path = out.join(format!("ringmq-{version}-{tag}.whl"));
    let archive = archive(&tree, &format!("{info}/RECORD"), contents.epoch)?;
    fs::write(&path, archive)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// The zip archive of the tree, with the list of its files at its end.
fn archive(tree: &Tree, record: &str, epoch: u64) -> Outcome<Vec<u8>> {
    let mut zip = Zip::new(epoch);
    let mut lines = String::new();
    for (name, node) in tree.entries() {
        let Node::File { bytes, is_program } = node else {
            return Err(Failure::new(format!("{name}: a wheel has files only")));
        };
        let digest = base64(&sha256(bytes)?);
        lines.push_str(&format!("{name},sha256={digest},{}\n", bytes.len()));
        zip.add(name, bytes, if *is_program { 0o755 } else { 0o644 })?;
    }
    lines.push_str(&format!("{record},,\n"));
    zip.add(record, lines.as_bytes(), 0o644)?;
    zip.finish()
}

fn metadata(contents: &Contents<'_>) -> Outcome<String> {
    Ok(format!(
        "Metadata-Version: 2.1\nName: ringmq\nVersion: {}\nSummary: pyzmq through shared memory: ZeroMQ on ringmq\n\
         Home-page: {}\nAuthor: The ringmq maintainers\nLicense: MIT OR Apache-2.0\n\
         Keywords: zeromq,zmq,pyzmq,ipc,shared-memory\n\
         Classifier: Operating System :: POSIX :: Linux\n\
         Classifier: Programming Language :: Python :: 3\n\
         Requires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n{}",
        contents.version,
        contents.repository,
        contents.read("python/README.md")?
    ))
}

/// The SHA-256 of bytes, from the program of coreutils.
fn sha256(bytes: &[u8]) -> Outcome<Vec<u8>> {
    use std::io::Write;
    let broken = |error| Failure::new(format!("sha256sum: {error}"));
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(bytes).map_err(broken)?;
    }
    let output = child.wait_with_output().map_err(broken)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pairs = text.as_bytes().get(..64).unwrap_or_default().chunks(2);
    let digits = pairs.map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).ok());
    let digest: Option<Vec<_>> = digits.collect();
    match digest.filter(|digest| digest.len() == 32) {
        Some(digest) => Ok(digest),
        None => Err(Failure::new(format!("sha256sum says `{text}`"))),
    }
}

/// Base64 for URLs, without padding, as wheels have digests.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let mut bits = 0u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(*part.get(at).unwrap_or(&0));
        }
        for digit in 0..=part.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_wheels_have_them() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"\xff"), "_w");
        assert_eq!(base64(b"\xff\xfe"), "__4");
        assert_eq!(base64(b"Man"), "TWFu");
        let digest = base64(&sha256(b"abc").unwrap());
        assert_eq!(digest, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    #[test]
    fn the_record_lists_each_file_and_itself() {
        let mut tree = Tree::default();
        tree.text("b", "2");
        tree.text("a", "1");
        let archive = archive(&tree, "x/RECORD", 1_796_061_600).unwrap();
        let again = super::archive(&tree, "x/RECORD", 1_796_061_600).unwrap();
        assert_eq!(archive, again);
        tree.link("link", "a");
        assert!(super::archive(&tree, "x/RECORD", 0).is_err());
    }
}
