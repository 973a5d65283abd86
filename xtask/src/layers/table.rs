//! The floors and walls as ARCHITECTURE.md writes them.

use std::collections::BTreeMap;
use std::fmt;

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Floor(u8),
    Beside,
}

/// What is in the two sections of ARCHITECTURE.md.
#[derive(Debug)]
pub(crate) struct Table {
    places: BTreeMap<String, Place>,
    pub(crate) walls: Vec<Wall>,
}

/// One line of the list: who must not import what.
#[derive(Debug)]
pub(crate) struct Wall {
    text: String,
    who: Vec<Who>,
    /// Who is let through: crates, or single files such as `ring/src/atomics.rs`.
    let_through: Vec<String>,
    pub(crate) what: Vec<What>,
    /// Which crates on the right side are let through.
    pub(crate) doors: Vec<String>,
}

#[derive(Debug)]
enum Who {
    Anything,
    AnyFloor,
    Crate(String),
}

#[derive(Debug)]
pub(crate) enum What {
    /// `anything of ours`
    Ours,
    /// `anything beside`
    Beside,
    /// `below ringmq`
    Below(String),
    /// `zmtp`
    Crate(String),
    /// `external libc`
    External(String),
    /// `` `std::thread` ``, looked for in the sources
    Path(Vec<String>),
    /// `unsafe code`
    UnsafeCode,
}

impl Table {
    /// Reads the two sections of `document`.
    pub(crate) fn parse(document: &str) -> Result<Table, String> {
        let places = parse_floors(section(document, "## Floors")?)?;
        let mut walls = Vec::new();
        for line in bullets(section(document, "## Imports that must never exist")?) {
            walls.push(Wall::parse(&line, &places).map_err(|why| format!("`{line}`: {why}"))?);
        }
        if walls.is_empty() {
            return Err("the list of imports that must never exist is empty".to_owned());
        }
        Ok(Table { places, walls })
    }

    pub(crate) fn place(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }
}

impl Wall {
    fn parse(line: &str, places: &BTreeMap<String, Place>) -> Result<Wall, String> {
        let (left, right) = line
            .split_once(" -> ")
            .ok_or("no ` -> ` between who and what")?;
        let (who, let_through) = but_for(left);
        let (what, doors) = but_for(right);
        for name in let_through.iter().chain(&doors) {
            let name = name.split('/').next().unwrap_or(name);
            known(name, places)?;
        }
        Ok(Wall {
            text: line.to_owned(),
            who: who
                .iter()
                .map(|word| Who::parse(word, places))
                .collect::<Result<_, _>>()?,
            let_through,
            what: what
                .iter()
                .map(|word| What::parse(word, places))
                .collect::<Result<_, _>>()?,
            doors,
        })
    }

    /// Does this wall stand before the crate `name`, which stands at `place`?
    pub(crate) fn stops(&self, name: &str, place: Option<Place>) -> bool {
        let named = self.who.iter().any(|who| match who {
            Who::Anything => true,
            Who::AnyFloor => matches!(place, Some(Place::Floor(_))),
            Who::Crate(one) => one == name,
        });
        named && !self.lets_through(name)
    }

    /// Is the crate or file `name` let through?
    pub(crate) fn lets_through(&self, name: &str) -> bool {
        self.let_through.iter().any(|one| one == name)
    }

    /// The single files that are let through.
    pub(crate) fn files_let_through(&self) -> impl Iterator<Item = &str> {
        self.let_through
            .iter()
            .map(String::as_str)
            .filter(|name| name.contains('/'))
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Who {
    fn parse(word: &str, places: &BTreeMap<String, Place>) -> Result<Who, String> {
        Ok(match word {
            "anything" => Who::Anything,
            "any floor" => Who::AnyFloor,
            name => Who::Crate(known(name, places)?),
        })
    }
}

impl What {
    fn parse(word: &str, places: &BTreeMap<String, Place>) -> Result<What, String> {
        if let Some(path) = word
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
        {
            return Ok(What::Path(path.split("::").map(str::to_owned).collect()));
        }
        if let Some(name) = word.strip_prefix("external ") {
            return Ok(What::External(name.to_owned()));
        }
        if let Some(name) = word.strip_prefix("below ") {
            return match places.get(name) {
                Some(Place::Floor(_)) => Ok(What::Below(name.to_owned())),
                _ => Err(format!("`{name}` stands on no floor")),
            };
        }
        Ok(match word {
            "anything of ours" => What::Ours,
            "anything beside" => What::Beside,
            "unsafe code" => What::UnsafeCode,
            name => What::Crate(known(name, places)?),
        })
    }
}

/// Checks that the table of floors has this name: a rule with a misspelled name would never match.
fn known(name: &str, places: &BTreeMap<String, Place>) -> Result<String, String> {
    if places.contains_key(name) {
        Ok(name.to_owned())
    } else {
        Err(format!("`{name}` is not in the table of floors"))
    }
}

/// The words before and after `, but for `, each list split at its commas.
fn but_for(side: &str) -> (Vec<String>, Vec<String>) {
    let words = |list: &str| {
        list.split(", ")
            .map(|word| word.trim().to_owned())
            .collect()
    };
    match side.split_once(", but for ") {
        Some((before, after)) => (words(before), words(after)),
        None => (words(side), Vec::new()),
    }
}

/// What stands between `heading` and the next heading of its rank.
pub(super) fn section<'a>(document: &'a str, heading: &str) -> Result<&'a str, String> {
    let mut offset = 0;
    let mut begin = None;
    for line in document.split_inclusive('\n') {
        match begin {
            None if line.trim_end() == heading => begin = Some(offset + line.len()),
            Some(begin) if line.starts_with("## ") => return Ok(&document[begin..offset]),
            _ => {}
        }
        offset += line.len();
    }
    begin
        .map(|begin| &document[begin..])
        .ok_or_else(|| format!("there is no section `{heading}`"))
}

/// The lines of the first fenced block.
pub(super) fn fenced(section: &str) -> impl Iterator<Item = &str> {
    let is_fence = |line: &&str| line.starts_with("```");
    let lines = section.lines().skip_while(move |line| !is_fence(line));
    lines.skip(1).take_while(move |line| !is_fence(line))
}

/// Reads the fenced block, `4: ringmq` or `beside: bench testing` in each line.
fn parse_floors(section: &str) -> Result<BTreeMap<String, Place>, String> {
    let mut places = BTreeMap::new();
    for line in fenced(section) {
        let (floor, names) = line
            .split_once(':')
            .ok_or_else(|| format!("no `:` in `{line}`"))?;
        let place = match floor.trim() {
            "beside" => Place::Beside,
            number => Place::Floor(number.parse().map_err(|_| format!("no floor: `{line}`"))?),
        };
        for name in names.split_whitespace() {
            if places.insert(name.to_owned(), place).is_some() {
                return Err(format!("`{name}` stands in the table twice"));
            }
        }
    }
    if places.is_empty() {
        Err("the table of floors is empty".to_owned())
    } else {
        Ok(places)
    }
}

/// The items of a list, each on one line whatever its length in the document.
fn bullets(section: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut within = false;
    for line in section.lines() {
        if let Some(item) = line.strip_prefix("- ") {
            found.push(item.trim_end().to_owned());
            within = true;
        } else if within && line.starts_with("  ") {
            if let Some(item) = found.last_mut() {
                item.push(' ');
                item.push_str(line.trim());
            }
        } else {
            within = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &str = "## Floors\nProse.\n```text\n2: pipe zmtp\n1: ring\nbeside: bench\n```\n\
                          ## Imports that must never exist\n";

    fn parse(walls: &str) -> Result<Table, String> {
        Table::parse(&format!(
            "# Title\n{FLOORS}{walls}\n## More\n- not -> this\n"
        ))
    }

    #[test]
    fn floors_and_walls_are_read() {
        let table = parse("Prose.\n- ring, zmtp -> anything of ours,\n  external libc\n").unwrap();
        assert_eq!(table.place("ring"), Some(Place::Floor(1)));
        assert_eq!(table.place("bench"), Some(Place::Beside));
        assert_eq!(table.place("gone"), None);
        assert_eq!(table.walls.len(), 1);
        let wall = &table.walls[0];
        assert!(wall.stops("zmtp", table.place("zmtp")));
        assert!(!wall.stops("pipe", table.place("pipe")));
        assert!(matches!(&wall.what[1], What::External(name) if name == "libc"));
    }

    #[test]
    fn who_is_let_through_is_not_stopped() {
        let table = parse("- any floor, but for pipe, ring/src/a.rs -> `a::b`, but for zmtp");
        let table = table.unwrap();
        let wall = &table.walls[0];
        assert!(wall.stops("ring", table.place("ring")));
        assert!(!wall.stops("pipe", table.place("pipe")));
        assert!(!wall.stops("bench", table.place("bench")));
        assert_eq!(
            wall.files_let_through().collect::<Vec<_>>(),
            ["ring/src/a.rs"]
        );
        assert_eq!(wall.doors, ["zmtp"]);
    }

    #[test]
    fn a_misspelled_name_is_an_error() {
        for wall in [
            "- rign -> zmtp",
            "- ring -> zmpt",
            "- ring -> libc",
            "- any floor, but for pip -> zmtp",
            "- any floor, but for pip/src/a.rs -> `a`",
            "- ring -> below bench",
            "- ring zmtp",
        ] {
            let error = parse(wall).unwrap_err();
            assert!(
                error.starts_with(&format!("`{}`", &wall[2..])),
                "{wall}: {error}"
            );
        }
    }

    #[test]
    fn a_document_without_its_sections_is_an_error() {
        assert!(Table::parse("# Title").unwrap_err().contains("## Floors"));
        assert!(parse("no list").unwrap_err().contains("empty"));
        let twice = FLOORS.replace("beside: bench", "beside: ring");
        assert!(Table::parse(&twice).unwrap_err().contains("twice"));
    }
}
