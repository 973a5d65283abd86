//! Which file of a crate imports what from which other file of it.
//!
//! A path is followed through `use` declarations to the file that defines the item: that
//! `crate::local::Waker` is re-exported by `local/mod.rs` makes no arrow to `local/mod.rs`. A name
//! that comes through `*` counts as an item of the module before the `*`.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::File;
use crate::source;

/// How many `use` declarations a path is followed through. More are a circle of names.
const DEPTH: usize = 16;

/// A module, by its path from the root of the crate.
type Module = Vec<String>;

/// The files of one crate, named from `src`, and the imports between them.
#[derive(Debug)]
pub(crate) struct Imports {
    pub(crate) files: Vec<String>,
    /// By the importing and the imported file, both as indices of `files`: the names that are imported.
    pub(crate) arrows: BTreeMap<(usize, usize), BTreeSet<String>>,
    ancestors: BTreeSet<(usize, usize)>,
}

impl Imports {
    /// Reads the sources of `package`. Build scripts are crates of their own, and are passed over.
    pub(crate) fn of(package: &str, sources: &[File]) -> Imports {
        let prefix = format!("{package}/src/");
        let sources: Vec<_> = sources
            .iter()
            .filter_map(|file| Some((file.name.strip_prefix(&prefix)?, file)))
            .collect();
        let codes: Vec<_> = sources
            .iter()
            .map(|(_, file)| source::code(&file.text))
            .collect();
        let mentions: Vec<_> = codes
            .iter()
            .map(|code| source::mentions(source::without_tests(code)))
            .collect();
        let files: Vec<_> = sources.iter().map(|(name, _)| (*name).to_owned()).collect();
        let modules: Vec<_> = files.iter().map(|name| module_of(name)).collect();
        let tree = Tree::new(&modules, &mentions);
        let mut arrows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, mentions) in mentions.iter().enumerate() {
            for mention in mentions.iter().filter(|one| one.path.segments.len() > 1) {
                let base = around(&modules[from], mention);
                let item = tree.item(&base, &mention.path.segments);
                if let Some((to, item)) = item.filter(|(to, _)| *to != from) {
                    arrows.entry((from, to)).or_default().insert(item);
                }
            }
        }
        let ancestors = arrows.keys().copied().filter(|(from, to)| {
            let (from, to) = (&modules[*from], &modules[*to]);
            from.len() > to.len() && from.starts_with(to)
        });
        Imports {
            ancestors: ancestors.collect(),
            files,
            arrows,
        }
    }

    /// The arrows, but for those from a module to one that it lies in.
    pub(crate) fn without_ancestors(&self) -> impl Iterator<Item = (usize, usize)> {
        let arrows = self.arrows.keys().copied();
        arrows.filter(|arrow| !self.ancestors.contains(arrow))
    }

    /// `a.rs -> b.rs (What, that)`.
    pub(crate) fn words(&self, (from, to): (usize, usize)) -> String {
        let names = self.arrows.get(&(from, to)).into_iter().flatten();
        let names: Vec<_> = names.map(String::as_str).collect();
        let (from, to) = (&self.files[from], &self.files[to]);
        format!("{from} -> {to} ({})", names.join(", "))
    }
}

/// The module that a file holds, by its path from `src`.
fn module_of(file: &str) -> Module {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Module = stem.split('/').map(str::to_owned).collect();
    module.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
    module
}

/// The module that a path stands in.
fn around(module: &Module, mention: &source::Mention<'_>) -> Module {
    let within = mention.within.iter().map(|name| (*name).to_owned());
    module.iter().cloned().chain(within).collect()
}

/// The modules of a crate, and the names that `use` declarations give in each.
struct Tree<'a> {
    /// With the file that holds the module.
    modules: BTreeMap<Module, usize>,
    names: BTreeMap<Module, BTreeMap<&'a str, Vec<&'a str>>>,
}

impl<'a> Tree<'a> {
    fn new(modules: &[Module], mentions: &[Vec<source::Mention<'a>>]) -> Tree<'a> {
        let mut tree = Tree {
            modules: modules.iter().cloned().zip(0..).collect(),
            names: BTreeMap::new(),
        };
        for (file, mentions) in mentions.iter().enumerate() {
            for mention in mentions {
                let module = around(&modules[file], mention);
                for end in modules[file].len()..module.len() {
                    tree.modules.insert(module[..=end].to_vec(), file);
                }
                if let Some(name) = mention.name {
                    let names = tree.names.entry(module).or_default();
                    names.insert(name, mention.path.segments.clone());
                }
            }
        }
        tree
    }

    /// The file that defines the item that a path in the module `base` leads to, and the item's name there.
    /// `None` for what is not of this crate, and for a module, which has its items counted where they are used.
    fn item(&self, base: &Module, segments: &[&str]) -> Option<(usize, String)> {
        let (module, item) = self.follow(base.clone(), segments, 0)?;
        Some((*self.modules.get(&module)?, item?))
    }

    fn follow(
        &self,
        base: Module,
        segments: &[&str],
        depth: usize,
    ) -> Option<(Module, Option<String>)> {
        if depth == DEPTH {
            return None;
        }
        let (head, rest) = segments.split_first()?;
        let (mut at, mut rest) = match *head {
            "crate" => (Module::new(), rest),
            "self" => (base, rest),
            "super" => (base, segments),
            name if self.child(&base, name).is_some() => (base, segments),
            name => {
                let whole = [self.name(&base, name)?, rest].concat();
                return self.follow(base, &whole, depth + 1);
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let child = self.child(&at, name);
            // A module and an item of the same name are imported together; the last name is the item.
            if (after.is_empty() || child.is_none())
                && let Some(path) = self.name(&at, name)
            {
                let whole = [path, after].concat();
                if let Some(found) = self.follow(at.clone(), &whole, depth + 1) {
                    return Some(found);
                }
            }
            match (*name, child) {
                ("super", _) => drop(at.pop()?),
                ("self", _) => {}
                (_, Some(child)) => at = child,
                (name, None) => return Some((at, Some(name.to_owned()))),
            }
            rest = after;
        }
        Some((at, None))
    }

    /// The module `name` in the module `at`.
    fn child(&self, at: &Module, name: &str) -> Option<Module> {
        let mut child = at.clone();
        child.push(name.to_owned());
        self.modules.contains_key(&child).then_some(child)
    }

    /// The path that a `use` declaration of the module `at` calls `name`.
    fn name(&self, at: &Module, name: &str) -> Option<&[&'a str]> {
        self.names.get(at)?.get(name).map(Vec::as_slice)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Sources of a crate named `pipe`.
    pub(in crate::layers) fn sources(files: &[(&str, &str)]) -> Vec<File> {
        let file = |(name, text): &(&str, &str)| File {
            package: "pipe".to_owned(),
            name: format!("pipe/src/{name}"),
            text: (*text).to_owned(),
            is_root: *name == "lib.rs",
        };
        files.iter().map(file).collect()
    }

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let imports = Imports::of("pipe", &sources(files));
        let arrows = imports.arrows.keys();
        arrows.map(|arrow| imports.words(*arrow)).collect()
    }

    #[test]
    fn every_way_to_write_an_import_is_an_arrow() {
        for text in [
            "use crate::b::B;",
            "use super::b::{C as D, B};",
            "use crate::b; fn f(_: b::B) {}",
            "use crate::{b::{self}}; fn f(_: b::B) {}",
            "use crate::b as other; fn f(_: other::B) {}",
            "fn f(_: crate::b::B) { super::b::B::new() }",
            "mod m { use super::super::b::B; }",
            "use crate::lent; fn f(_: lent::B) {}",
            "use crate::B;",
            "use super::B as D; fn f() { D::new() }",
        ] {
            let lib = "mod a; mod b; pub use b::B; use b as lent;";
            let found = arrows(&[("a.rs", text), ("b.rs", ""), ("lib.rs", lib)]);
            let to_b: Vec<_> = found.iter().filter(|one| one.starts_with("a.rs")).collect();
            assert_eq!(to_b.len(), 1, "{text}: {found:?}");
            assert!(to_b[0].starts_with("a.rs -> b.rs ("), "{text}: {found:?}");
            assert!(to_b[0].contains('B'), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_import_is_no_arrow() {
        for text in [
            "use std::b::B;",
            "use crate::b;",
            "// use crate::b::B;",
            "fn f() { g(\"crate::b::B\") }",
            "#[cfg(test)]\nmod tests { use crate::b::B; }",
            "use b::b; fn f() { b::g() }",
            "use self::a::A;",
        ] {
            assert_eq!(arrows(&[("a.rs", text), ("b.rs", "")]).len(), 0, "{text}");
        }
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines_the_item() {
        let found = arrows(&[
            ("a.rs", "use crate::b::{C, d};"),
            (
                "b/mod.rs",
                "mod c; mod d; pub(crate) use c::C; pub(crate) use d::d;",
            ),
            ("b/c.rs", "use super::d::d;"),
            ("b/d.rs", ""),
        ]);
        let with = [
            "a.rs -> b/c.rs (C)",
            "a.rs -> b/d.rs (d)",
            "b/c.rs -> b/d.rs (d)",
        ];
        assert!(
            with.iter().all(|one| found.contains(&(*one).to_owned())),
            "{found:?}"
        );
        assert!(
            !found.iter().any(|one| one.contains("-> b/mod.rs")),
            "{found:?}"
        );
    }

    #[test]
    fn everything_of_a_module_is_an_arrow_to_it() {
        let found = arrows(&[("a.rs", "use crate::b::*;"), ("b.rs", "")]);
        assert_eq!(found, ["a.rs -> b.rs (*)"]);
    }

    #[test]
    fn a_child_to_its_ancestors_is_left_out_where_that_is_asked() {
        let imports = Imports::of(
            "pipe",
            &sources(&[
                ("a.rs", "use b::B;"),
                ("a/b.rs", "use super::A; use crate::L;"),
                ("lib.rs", "use a::A;"),
            ]),
        );
        let left: Vec<_> = imports
            .without_ancestors()
            .map(|one| imports.words(one))
            .collect();
        assert_eq!(left, ["a.rs -> a/b.rs (B)", "lib.rs -> a.rs (A)"]);
    }
}
