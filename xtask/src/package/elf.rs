//! What a program or library asks of the system, as `objdump` reads it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::process::{self, Outcome};

/// A version of glibc: 2.34 is (2, 34).
pub(crate) type Glibc = (u32, u32);

/// The dynamic section and symbols of a file.
pub(crate) struct Elf {
    /// The name that programs linked with it ask for.
    pub(crate) soname: Option<String>,
    /// The libraries that it asks for.
    pub(crate) needed: Vec<String>,
    /// The newest glibc of which it uses a symbol.
    pub(crate) glibc: Glibc,
    /// The symbols that it has for others.
    pub(crate) exported: BTreeSet<String>,
}

impl Elf {
    pub(crate) fn read(path: &Path) -> Outcome<Elf> {
        let objdump = |flag: &str| {
            let mut command = Command::new("objdump");
            process::answer(command.arg(flag).arg(path).env("LC_ALL", "C"))
        };
        Ok(Elf::parse(&objdump("-p")?, &objdump("-T")?))
    }

    /// From the output of `objdump -p` and `objdump -T`.
    fn parse(headers: &str, symbols: &str) -> Elf {
        let values = |key: &str| {
            let lines = headers.lines().map(str::trim);
            let values = lines.filter_map(move |line| line.strip_prefix(key));
            values
                .map(|value| value.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let versions = symbols.split(|c: char| c.is_whitespace() || "()".contains(c));
        let versions = versions.filter_map(|word| version(word.strip_prefix("GLIBC_")?));
        let exported = symbols.lines().filter(|line| !line.contains("*UND*"));
        let exported = exported.filter_map(|line| {
            // Address, flags, section, size, version, name; the line has an address in front.
            let mut words = line.split_whitespace();
            let address = words.next()?;
            let is_symbol = address.len() == 16 && address.chars().all(|c| c.is_ascii_hexdigit());
            is_symbol.then(|| words.next_back()).flatten()
        });
        Elf {
            soname: values("SONAME ").pop(),
            needed: values("NEEDED "),
            glibc: versions.max().unwrap_or((2, 0)),
            exported: exported.map(str::to_owned).collect(),
        }
    }
}

/// The first two numbers of a version.
fn version(text: &str) -> Option<Glibc> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_names_and_symbols_are_read() {
        let headers = "Dynamic Section:\n  NEEDED               libgcc_s.so.1\n  NEEDED               libc.so.6\n  \
                       SONAME               libzmq.so.5\n";
        let symbols = "\
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.9) pipe2
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.34) pthread_join
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.2.5) memcpy
0000000000000000  w   DF *UND*  0000000000000000  Base        gnu_get_libc_version
00000000000a2b40 g    DF .text  0000000000000111  Base        zmq_send
";
        let elf = Elf::parse(headers, symbols);
        assert_eq!(elf.soname.as_deref(), Some("libzmq.so.5"));
        assert_eq!(elf.needed, ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(elf.glibc, (2, 34));
        assert_eq!(elf.exported.into_iter().collect::<Vec<_>>(), ["zmq_send"]);
    }
}
