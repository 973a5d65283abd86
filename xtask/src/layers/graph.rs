//! The crates and what they depend on, against the floors and walls.

use super::table::{Place, Table, What};

/// A package of the workspace, by the name of the table: `ring` for `ringmq-ring`.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Normal and build dependencies; those for tests stand outside the walls.
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) enum Dependency {
    Ours(String),
    External(String),
}

/// Everything in the graph that the table forbids.
pub(crate) fn check(table: &Table, packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let Some(place) = table.place(&package.name) else {
            problems.push(format!("{} is not in the table of floors", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let words = match dependency {
                Dependency::Ours(to) => {
                    problems.extend(upward(table, &package.name, place, to));
                    format!("{} depends on {to}", package.name)
                }
                Dependency::External(to) => format!("{} depends on {to}", package.name),
            };
            let walls = table
                .walls
                .iter()
                .filter(|wall| wall.stops(&package.name, Some(place)));
            for wall in walls {
                if wall
                    .what
                    .iter()
                    .any(|what| forbids(table, what, &wall.doors, dependency))
                {
                    problems.push(format!("{words}, which must never be: {wall}"));
                }
            }
        }
    }
    problems
}

/// A crate may use only crates on lower floors.
fn upward(table: &Table, name: &str, place: Place, to: &str) -> Option<String> {
    let (Place::Floor(from), Some(Place::Floor(floor))) = (place, table.place(to)) else {
        return None;
    };
    let words = format!("{name} (floor {from}) depends on {to} (floor {floor})");
    (floor >= from).then(|| format!("{words}: a crate may use only crates on lower floors"))
}

fn forbids(table: &Table, what: &What, doors: &[String], dependency: &Dependency) -> bool {
    let to = match dependency {
        Dependency::External(to) => {
            return matches!(what, What::External(name) if name == to);
        }
        Dependency::Ours(to) if doors.contains(to) => return false,
        Dependency::Ours(to) => to,
    };
    match what {
        What::Ours => true,
        What::Beside => table.place(to) == Some(Place::Beside),
        What::Crate(name) => name == to,
        What::Below(name) => match (table.place(to), table.place(name)) {
            (Some(Place::Floor(to)), Some(Place::Floor(line))) => to < line,
            _ => false,
        },
        What::External(_) | What::Path(_) | What::UnsafeCode => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "## Floors\n```text\n5: cli\n4: ringmq\n3: transport\n2: pipe zmtp\n\
                         1: ring sys message\nbeside: bench testing\n```\n\
                         ## Imports that must never exist\n\
                         - ring, sys, message -> anything of ours\n\
                         - cli -> below ringmq, but for message, pipe\n\
                         - any floor, but for cli -> anything beside\n\
                         - cli -> anything beside, but for bench\n\
                         - anything, but for sys, testing -> external libc, external rustix\n";

    fn problems(name: &str, ours: &[&str], external: &[&str]) -> Vec<String> {
        let ours = ours.iter().map(|to| Dependency::Ours((*to).to_owned()));
        let external = external
            .iter()
            .map(|to| Dependency::External((*to).to_owned()));
        let package = Package {
            name: name.to_owned(),
            dependencies: ours.chain(external).collect(),
        };
        check(&Table::parse(TABLE).unwrap(), &[package])
    }

    fn fails(name: &str, ours: &[&str], external: &[&str], words: &str) {
        let found = problems(name, ours, external);
        assert!(
            found.iter().any(|one| one.contains(words)),
            "{name}: {words} not in {found:?}"
        );
    }

    #[test]
    fn a_good_graph_has_no_problems() {
        assert!(problems("pipe", &["ring", "sys"], &["thiserror"]).is_empty());
        assert!(problems("cli", &["ringmq", "pipe", "bench"], &["clap"]).is_empty());
        assert!(problems("testing", &["sys"], &["libc"]).is_empty());
        assert!(problems("bench", &["cli"], &[]).is_empty());
    }

    #[test]
    fn up_and_sideways_are_errors() {
        fails(
            "pipe",
            &["transport"],
            &[],
            "pipe (floor 2) depends on transport (floor 3)",
        );
        fails("pipe", &["zmtp"], &[], "only crates on lower floors");
    }

    #[test]
    fn a_wall_is_an_error_although_the_floors_allow_it() {
        fails(
            "cli",
            &["ring"],
            &[],
            "cli depends on ring, which must never be",
        );
        fails(
            "cli",
            &["testing"],
            &[],
            "cli depends on testing, which must never be",
        );
        fails(
            "ring",
            &["sys"],
            &[],
            "ring, sys, message -> anything of ours",
        );
        fails(
            "pipe",
            &["bench"],
            &[],
            "any floor, but for cli -> anything beside",
        );
    }

    #[test]
    fn external_crates_have_walls_too() {
        fails(
            "pipe",
            &[],
            &["libc"],
            "pipe depends on libc, which must never be",
        );
        fails("bench", &[], &["rustix"], "bench depends on rustix");
    }

    #[test]
    fn a_package_without_a_floor_is_an_error() {
        fails("attic", &[], &[], "attic is not in the table of floors");
    }
}
