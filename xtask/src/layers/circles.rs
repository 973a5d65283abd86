//! Circles: what imports itself by way of others, and so can be read, tested and moved only together.

use std::collections::BTreeSet;

use super::imports::Imports;

/// The circles of files of a crate, each with its arrows. A file that uses its own children, and is
/// used by them, is none.
pub(crate) fn of_files(package: &str, imports: &Imports) -> Vec<String> {
    let arrows: Vec<_> = imports.without_ancestors().collect();
    let circles = circles(imports.files.len(), &arrows).into_iter();
    let words = circles.map(|circle| {
        let within = arrows
            .iter()
            .filter(|(from, to)| circle.contains(from) && circle.contains(to));
        let arrows: Vec<_> = within.map(|arrow| imports.words(*arrow)).collect();
        let count = circle.len();
        let arrows = arrows.join("\n      ");
        format!("{package}: {count} files import each other in a circle\n      {arrows}")
    });
    words.collect()
}

/// The sets of two or more of `0..count` in which the arrows lead from each to each.
pub(crate) fn circles(count: usize, arrows: &[(usize, usize)]) -> Vec<BTreeSet<usize>> {
    let mut onward = vec![Vec::new(); count];
    let mut back = vec![Vec::new(); count];
    for (from, to) in arrows {
        onward[*from].push(*to);
        back[*to].push(*from);
    }
    let reached = |ways: &[Vec<usize>], start: usize| {
        let mut found = BTreeSet::from([start]);
        let mut next = vec![start];
        while let Some(at) = next.pop() {
            next.extend(ways[at].iter().filter(|to| found.insert(**to)));
        }
        found
    };
    let mut circles: Vec<BTreeSet<usize>> = Vec::new();
    for start in 0..count {
        if circles.iter().any(|circle| circle.contains(&start)) {
            continue;
        }
        // What leads from the start and back to it.
        let circle = &reached(&onward, start) & &reached(&back, start);
        if circle.len() > 1 {
            circles.push(circle);
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::super::imports::tests::sources;
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        of_files("pipe", &Imports::of("pipe", &sources(files)))
    }

    #[test]
    fn sets_that_lead_from_each_to_each_are_circles() {
        let none: [BTreeSet<usize>; 0] = [];
        assert_eq!(circles(4, &[(0, 1), (1, 2), (0, 2), (3, 2), (3, 3)]), none);
        let found = circles(
            7,
            &[
                (0, 1),
                (1, 2),
                (2, 0),
                (2, 3),
                (3, 4),
                (4, 3),
                (4, 5),
                (6, 0),
            ],
        );
        assert_eq!(found, [BTreeSet::from([0, 1, 2]), BTreeSet::from([3, 4])]);
    }

    #[test]
    fn two_files_that_import_each_other_are_a_problem() {
        let found = problems(&[
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::b::{B, make};"),
            ("b.rs", "fn make(_: crate::A) {}"),
            ("c.rs", "use crate::{a::A, b::B};"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0],
            "pipe: 2 files import each other in a circle\n      a.rs -> b.rs (B, make)\n      b.rs -> a.rs (A)"
        );
    }

    #[test]
    fn a_circle_through_re_exports_of_a_folder_is_a_problem() {
        let found = problems(&[
            (
                "a/mod.rs",
                "mod x; mod y; pub(crate) use x::X; pub(crate) use y::Y;",
            ),
            ("a/x.rs", "use super::Y;"),
            ("a/y.rs", "use crate::b::B;"),
            ("b.rs", "use crate::a::X;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("pipe: 3 files"), "{found:?}");
    }

    #[test]
    fn a_parent_and_its_own_children_are_no_circle() {
        let lib = ("lib.rs", "mod a; use a::A; pub const L: u8 = 1;");
        let parent = ("a.rs", "mod b; mod c; use b::B; use c::C;");
        let child = ("a/b.rs", "use super::A; use crate::L;");
        assert_eq!(
            problems(&[lib, parent, child, ("a/c.rs", "use super::b::B;")]).len(),
            0
        );
        // But its children may not import each other in a circle, nor may it be imported by way of others.
        let child = ("a/b.rs", "use super::{A, c::C};");
        assert_eq!(
            problems(&[lib, parent, child, ("a/c.rs", "use super::b::B;")]).len(),
            1
        );
        let outside = ("d.rs", "use crate::a::A;");
        let child = ("a/b.rs", "use crate::d::D;");
        assert_eq!(problems(&[lib, parent, child, outside]).len(), 1);
    }
}
