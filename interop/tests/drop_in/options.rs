//! Options of stock libzmq and of ours, all types and many values: they differ where docs/libzmq.md says so, and
//! nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use interop::begin;
use ringmq_testing::{Scratch, built_library};

/// Where Debian has libzmq.
const STOCK: &str = "/usr/lib/x86_64-linux-gnu/libzmq.so.5";

/// The version that docs/libzmq.md compares with. Others differ from it.
const VERSION: &str = "4.3.4";

/// Socket types, of which a difference can concern all.
const TYPES: usize = 12;

/// The header of the table of differences in docs/libzmq.md.
const TABLE: &str = "| option | types | values | what differs | rows | why |";

/// What `c/options.c` prints with this library.
fn printed(scratch: &Scratch, name: &str, library: &Path) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = scratch.path(name);
    fs::create_dir(&folder).unwrap();
    let copy = format!("{folder}/libzmq.so.5");
    fs::copy(library, &copy).unwrap();
    let program = format!("{folder}/options");
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra"]);
    compile
        .arg("-Werror")
        .arg("-I")
        .arg(here.join("../include"));
    compile.arg(here.join("c/options.c")).arg(&copy);
    let status = compile.arg("-o").arg(&program).status().unwrap();
    assert!(status.success(), "options.c does not compile");
    let mut run = Command::new(program);
    let output = run.env("LD_LIBRARY_PATH", &folder).output().unwrap();
    assert!(output.status.success(), "with {name}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Rows that differ in the same way.
#[derive(Default)]
struct Group<'a> {
    types: BTreeSet<&'a str>,
    values: BTreeSet<&'a str>,
    rows: u32,
}

/// The differences, without the reasons, as docs/libzmq.md has them.
fn differences(stock: &str, ours: &str) -> Vec<String> {
    let rows = stock.lines().skip(1).zip(ours.lines().skip(1));
    let mut groups: BTreeMap<(&str, String), Group<'_>> = BTreeMap::new();
    for (stock, ours) in rows.filter(|(stock, ours)| stock != ours) {
        let [stock, ours] = [stock, ours].map(|row| {
            let fields: Vec<&str> = row.split('\t').collect();
            <[&str; 5]>::try_from(fields).unwrap()
        });
        let [kind, option, value, answer, _] = stock;
        assert_eq!([kind, option, value], ours[..3]);
        let what = if answer == ours[3] {
            format!("what is read after {answer}")
        } else {
            format!("set: {answer}, ours {}", ours[3])
        };
        let group = groups.entry((option, what)).or_default();
        group.types.insert(kind);
        group.values.insert(value);
        group.rows += 1;
    }
    let line = |((option, what), group): ((&str, String), Group<'_>)| {
        let types = match group.types.len() {
            TYPES => "all".to_owned(),
            _ => Vec::from_iter(group.types).join(", "),
        };
        let values = match group.values.len() {
            1..=3 => Vec::from_iter(group.values).join(", "),
            many => many.to_string(),
        };
        format!(
            "| `{option}` | {types} | {values} | {what} | {} |",
            group.rows
        )
    };
    groups.into_iter().map(line).collect()
}

/// The differences that docs/libzmq.md lists, without the reasons, each of which is there.
fn listed() -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/libzmq.md");
    let docs = fs::read_to_string(docs).unwrap();
    let lines = docs.lines().skip_while(|line| *line != TABLE).skip(2);
    let lines = lines.take_while(|line| line.starts_with('|'));
    let without_reason = |line: &str| {
        let cut = line.trim_end_matches('|').rfind('|').unwrap();
        let (line, reason) = line.split_at(cut + 1);
        assert!(
            !reason.trim_matches([' ', '|']).is_empty(),
            "no reason: {line}"
        );
        line.to_owned()
    };
    lines.map(without_reason).collect()
}

#[test]
fn options_differ_where_the_documentation_says_so_only() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let stock = printed(&scratch, "stock", Path::new(STOCK));
    let own = printed(&scratch, "ours", &built_library());
    if stock.lines().next() != Some(VERSION) {
        println!("skipped: {STOCK} is not {VERSION}");
        return;
    }
    assert_eq!(stock.lines().count(), own.lines().count());
    assert!(stock.lines().count() > 100_000);
    let (found, listed) = (differences(&stock, &own), listed());
    let mut said = String::new();
    for line in found.iter().filter(|line| !listed.contains(line)) {
        writeln!(said, "not listed: {line}").unwrap();
    }
    for line in listed.iter().filter(|line| !found.contains(line)) {
        writeln!(said, "listed, but not so: {line}").unwrap();
    }
    assert!(said.is_empty(), "docs/libzmq.md:\n{said}");
}
