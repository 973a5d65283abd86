//! The rooms of a crate, which are the files and folders directly below its `src`, and which room
//! may import which, as ARCHITECTURE.md says it.

use std::collections::{BTreeMap, BTreeSet};

use super::circles;
use super::imports::Imports;
use super::table::{Place, Table, fenced, section};

/// What is in the section of ARCHITECTURE.md.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// By the crate, then by the room: the rooms that it may import.
    crates: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// The crates whose files may still import each other in circles.
    not_yet: BTreeSet<String>,
}

impl Rooms {
    /// Reads the section of `document`: lines `pattern: types -> queues route`, and one line
    /// `not yet: ringmq pipe` while there are such crates.
    pub(crate) fn parse(document: &str, table: &Table) -> Result<Rooms, String> {
        let mut rooms = Rooms {
            crates: BTreeMap::new(),
            not_yet: BTreeSet::new(),
        };
        for line in fenced(section(document, "## Rooms")?) {
            rooms
                .read(line, table)
                .map_err(|why| format!("`{line}`: {why}"))?;
        }
        if rooms.crates.is_empty() {
            return Err("the table of rooms is empty".to_owned());
        }
        for (package, listed) in &rooms.crates {
            check_table(package, listed)?;
        }
        Ok(rooms)
    }

    fn read(&mut self, line: &str, table: &Table) -> Result<(), String> {
        let (package, rest) = line.split_once(':').ok_or("no `:`")?;
        let known = |name: &str| match table.place(name) {
            Some(_) => Ok(name.to_owned()),
            None => Err(format!("`{name}` is not in the table of floors")),
        };
        let words =
            |list: &str| -> Vec<String> { list.split_whitespace().map(str::to_owned).collect() };
        if package == "not yet" {
            for name in words(rest) {
                if !self.not_yet.insert(known(&name)?) {
                    return Err(format!("`{name}` stands here twice"));
                }
            }
            return Ok(());
        }
        let (room, may) = rest.split_once("->").ok_or("no `->`")?;
        let [room] = &words(room)[..] else {
            return Err("not one room before `->`".to_owned());
        };
        let listed = self.crates.entry(known(package)?).or_default();
        let may = words(may).into_iter().collect();
        match listed.insert(room.clone(), may) {
            None => Ok(()),
            Some(_) => Err(format!("`{room}` stands in the table twice")),
        }
    }

    /// The crates that the table lists rooms of.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &str> {
        self.crates.keys().map(String::as_str)
    }

    /// Everything in a crate that the table forbids.
    pub(crate) fn check(&self, package: &str, imports: &Imports, table: &Table) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(listed) = self.crates.get(package) {
            problems.extend(check_rooms(package, listed, imports));
        }
        let ships = matches!(table.place(package), Some(Place::Floor(_)));
        if ships || package == "bench" {
            let circles = circles::of_files(package, imports);
            match (self.not_yet.contains(package), circles.is_empty()) {
                (false, _) => problems.extend(circles),
                (true, false) => {}
                (true, true) => {
                    problems.push(format!("{package} has no circle: take it off `not yet`"));
                }
            }
        }
        problems
    }
}

/// The rooms that a room may import are rooms, and none imports itself by way of others.
fn check_table(package: &str, listed: &BTreeMap<String, BTreeSet<String>>) -> Result<(), String> {
    let names: Vec<_> = listed.keys().collect();
    let mut arrows = Vec::new();
    for (from, may) in listed.values().enumerate() {
        for room in may {
            let to = names.binary_search(&room);
            let to = to.map_err(|_| format!("{package} has no room `{room}` in the table"))?;
            if to == from {
                return Err(format!("{package}: `{room}` need not be let into itself"));
            }
            arrows.push((from, to));
        }
    }
    match circles::circles(names.len(), &arrows).first() {
        None => Ok(()),
        Some(circle) => {
            let circle: Vec<_> = circle.iter().map(|room| names[*room].as_str()).collect();
            let circle = circle.join(" ");
            Err(format!(
                "{package}: the rooms {circle} import each other in a circle"
            ))
        }
    }
}

fn check_rooms(
    package: &str,
    listed: &BTreeMap<String, BTreeSet<String>>,
    imports: &Imports,
) -> Vec<String> {
    let mut problems = Vec::new();
    let rooms: Vec<_> = imports.files.iter().map(|file| room_of(file)).collect();
    let there: BTreeSet<_> = rooms.iter().flatten().copied().collect();
    for room in &there {
        if !listed.contains_key(*room) {
            problems.push(format!(
                "{package}: the room `{room}` is not in the table of rooms"
            ));
        }
    }
    for room in listed.keys() {
        if !there.contains(room.as_str()) {
            problems.push(format!(
                "{package}: the room `{room}` is in the table, but is gone"
            ));
        }
    }
    for (from, to) in imports.arrows.keys().copied() {
        let words = imports.words((from, to));
        match (rooms[from], rooms[to]) {
            // The root of the crate may import all.
            (None, _) => {}
            (Some(room), None) => problems.push(format!(
                "{package}: {words}: `{room}` must not import the root of the crate"
            )),
            (Some(room), Some(other)) => {
                let may = listed.get(room);
                if room != other && may.is_some_and(|may| !may.contains(other)) {
                    problems.push(format!(
                        "{package}: {words}: `{room}` must not import `{other}`"
                    ));
                }
            }
        }
    }
    problems
}

/// The room of a file that is named from `src`; the root of the crate is in none.
fn room_of(file: &str) -> Option<&str> {
    let first = file.split('/').next().unwrap_or(file);
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(file, "lib.rs" | "main.rs")).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::super::imports::tests::sources;
    use super::*;

    const FLOORS: &str = "## Floors\n```text\n2: pipe ringmq\n1: ring\nbeside: bench testing\n```\n\
                          ## Imports that must never exist\n- ring -> pipe\n";
    const ROOMS: &str = "pipe: remote -> local\npipe: local -> marks\npipe: marks ->";

    fn parse(rooms: &str) -> Result<(Rooms, Table), String> {
        let document =
            format!("{FLOORS}## Rooms\nProse: with a colon.\n```text\n{rooms}\n```\n## More\n");
        let table = Table::parse(&document)?;
        Ok((Rooms::parse(&document, &table)?, table))
    }

    fn problems(package: &str, rooms: &str, files: &[(&str, &str)]) -> Vec<String> {
        let (rooms, table) = parse(rooms).unwrap();
        rooms.check(package, &Imports::of("pipe", &sources(files)), &table)
    }

    /// Rooms that keep to the table, but for what `local/mailbox.rs` says.
    fn with(mailbox: &str) -> Vec<String> {
        let files = [
            (
                "lib.rs",
                "pub const LIMIT: u8 = 1; mod local; pub use remote::Sender;",
            ),
            (
                "remote/sender.rs",
                "use crate::local::Waker; use super::Frame;",
            ),
            ("remote/mod.rs", "pub use sender::Sender;"),
            ("local/mod.rs", "pub use waker::Waker;"),
            ("local/waker.rs", "use crate::marks::Marks;"),
            ("local/mailbox.rs", mailbox),
            ("marks.rs", ""),
        ];
        problems("pipe", ROOMS, &files)
    }

    #[test]
    fn rooms_that_keep_to_the_table_have_no_problem() {
        assert_eq!(with("use crate::marks::Marks; use super::Waker;").len(), 0);
    }

    #[test]
    fn an_import_that_is_not_listed_is_a_problem() {
        let up =
            "pipe: local/mailbox.rs -> remote/sender.rs (Sender): `local` must not import `remote`";
        assert_eq!(with("use crate::remote::Sender;"), [up]);
        assert_eq!(with("use crate::Sender;"), [up]);
        assert_eq!(with("fn f(_: crate::remote::sender::Sender) {}"), [up]);
        let root = with("use crate::LIMIT;");
        assert_eq!(root.len(), 1);
        assert!(root[0].ends_with("`local` must not import the root of the crate"));
    }

    #[test]
    fn a_room_and_the_table_know_each_other() {
        let files = [
            ("lib.rs", ""),
            ("remote/mod.rs", ""),
            ("local.rs", ""),
            ("attic/old.rs", ""),
        ];
        assert_eq!(
            problems("pipe", ROOMS, &files),
            [
                "pipe: the room `attic` is not in the table of rooms",
                "pipe: the room `marks` is in the table, but is gone",
            ]
        );
        // A crate without a line has no rooms yet.
        assert_eq!(problems("pipe", "ring: reader ->", &files).len(), 0);
    }

    #[test]
    fn circles_of_files_are_problems_in_what_ships_and_in_bench() {
        let files = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;")];
        let rooms = "ring: reader ->\nnot yet: ringmq";
        for package in ["pipe", "bench"] {
            let found = problems(package, rooms, &files);
            assert_eq!(found.len(), 1);
            assert!(found[0].contains("2 files import each other in a circle"));
        }
        assert_eq!(problems("testing", rooms, &files).len(), 0);
        assert_eq!(problems("ringmq", rooms, &files).len(), 0);
    }

    #[test]
    fn the_list_of_crates_with_circles_can_only_shrink() {
        let found = problems(
            "ringmq",
            "ring: reader ->\nnot yet: ringmq",
            &[("a.rs", "")],
        );
        assert_eq!(found, ["ringmq has no circle: take it off `not yet`"]);
    }

    #[test]
    fn a_table_that_is_wrong_is_an_error() {
        for (rooms, words) in [
            ("not yet: pipe", "empty"),
            ("pipe local -> marks", "no `:`"),
            ("pipe: local", "no `->`"),
            ("pipe: local remote -> marks", "not one room"),
            ("pipe: local ->\npipe: local ->", "twice"),
            ("pipe: local -> lokal", "pipe has no room `lokal`"),
            ("pipe: local -> local", "itself"),
            ("pip: local ->", "`pip` is not in the table of floors"),
            ("pipe: local ->\nnot yet: bensh", "`bensh` is not"),
            ("pipe: local ->\nnot yet: bench bench", "twice"),
            (
                "pipe: a -> b\npipe: b -> c\npipe: c -> a",
                "rooms a b c import each other in a circle",
            ),
        ] {
            let error = parse(rooms).unwrap_err();
            assert!(error.contains(words), "{rooms}: {error}");
        }
    }
}
