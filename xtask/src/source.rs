//! Rust source as the checks see it: without comments, without what stands in string literals, and
//! without the tests at the end of a file.
//!
//! This is a reader of tokens and `use` trees, not a compiler: it expands no macros, and a wall is
//! not seen through a renamed import. The checks find walls that are crossed by mistake.

/// `source` with comments blanked and each character of a literal replaced by `"`. Lines stay lines.
pub(crate) fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let (length, kind) = piece(rest);
        let (head, tail) = rest.split_at(length);
        match kind {
            Kind::Code => out.push_str(head),
            Kind::Comment => out.extend(head.chars().map(|c| if c == '\n' { c } else { ' ' })),
            Kind::Literal => {
                out.extend(
                    head.chars()
                        .map(|c| if c.is_whitespace() { c } else { '"' }),
                );
            }
        }
        rest = tail;
    }
    out
}

enum Kind {
    Code,
    Comment,
    Literal,
}

/// Length in bytes and kind of the piece that `rest` begins with. Identifiers are one piece, so that a
/// literal's prefix is seen only where a token begins.
fn piece(rest: &str) -> (usize, Kind) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Kind::Comment);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), Kind::Comment);
    }
    if let Some(length) = string(rest).or_else(|| character(rest)) {
        return (length, Kind::Literal);
    }
    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    (
        word.max(rest.chars().next().map_or(0, char::len_utf8)),
        Kind::Code,
    )
}

/// The length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a string literal of any kind at the beginning of `rest`.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let Some(after) = rest.strip_prefix(prefix) else {
            return false;
        };
        let after = if prefix.ends_with('r') {
            after.trim_start_matches('#')
        } else {
            after
        };
        after.starts_with('"')
    })?;
    let after = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let open = prefix.len() + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(
            rest[open..]
                .find(&close)
                .map_or(rest.len(), |at| open + at + close.len()),
        );
    }
    let mut characters = after.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '"' => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of a character literal at the beginning of `rest`; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('\'')?;
    let first = after.chars().next()?;
    if first == '\\' {
        let escaped = 1 + after.chars().nth(1)?.len_utf8();
        return Some(1 + escaped + after[escaped..].find('\'')? + 1);
    }
    after[first.len_utf8()..]
        .starts_with('\'')
        .then(|| first.len_utf8() + 2)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `code` without the modules at its end that are built for tests only.
pub(crate) fn without_tests(code: &str) -> &str {
    let mut kept = code;
    'cut: loop {
        for (at, _) in kept.rmatch_indices("#[cfg(") {
            if is_test_module_to_the_end(&kept[at..]) {
                kept = &kept[..at];
                continue 'cut;
            }
        }
        return kept;
    }
}

/// Is `code`, which begins with `#[cfg(`, nothing but one module for tests?
fn is_test_module_to_the_end(code: &str) -> bool {
    let Some((attribute, mut rest)) = code.split_once(']') else {
        return false;
    };
    let condition = attribute.trim_start_matches("#[cfg(");
    if condition != "test)" && !condition.starts_with("all(test,") {
        return false;
    }
    rest = rest.trim_start();
    while rest.starts_with("#[") {
        let Some((_, after)) = rest.split_once(']') else {
            return false;
        };
        rest = after.trim_start();
    }
    if !rest.starts_with("mod ") {
        return false;
    }
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            // `mod tests;` has its text elsewhere.
            ';' if depth == 0 => return rest[at + 1..].trim().is_empty(),
            '}' if depth <= 1 => return rest[at + 1..].trim().is_empty(),
            '}' => depth -= 1,
            _ => {}
        }
    }
    false
}

/// A path as it is written in code, with the line it stands on: `std::fs::read` is three segments, a
/// single name is a path too, and a `use` tree is as many paths as it has leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    pub(crate) line: usize,
    pub(crate) segments: Vec<&'a str>,
}

impl Path<'_> {
    /// Does `part` stand in this path, segment by segment?
    pub(crate) fn contains(&self, part: &[String]) -> bool {
        self.segments
            .windows(part.len())
            .any(|window| window == part)
    }
}

/// A path and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention<'a> {
    pub(crate) path: Path<'a>,
    /// The modules around it that the file itself opens, `mod x { ... }`, outermost first.
    pub(crate) within: Vec<&'a str>,
    /// The name that a `use` declaration gives it; `None` for any other path, for `as _` and for `*`.
    pub(crate) name: Option<&'a str>,
}

/// All paths in `code`, which is what [`code`] answered.
pub(crate) fn paths(code: &str) -> Vec<Path<'_>> {
    let found = mentions(code).into_iter();
    found.map(|mention| mention.path).collect()
}

/// All paths in `code`, with the modules around them and the names that `use` declarations give.
pub(crate) fn mentions(code: &str) -> Vec<Mention<'_>> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    // The open modules, each with the number of braces that are open around it.
    let mut modules: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        let before = at;
        let mut here = Vec::new();
        match tokens[at].1 {
            "use" => {
                at += 1;
                use_tree(&tokens, &mut at, &[], &mut here);
            }
            "mod" if tokens.get(at + 2).is_some_and(|token| token.1 == "{") => {
                modules.push((tokens[at + 1].1, depth));
                depth += 1;
                at += 3;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                modules.pop_if(|module| module.1 == depth);
            }
            _ => simple_path(&tokens, &mut at, &mut here),
        }
        found.extend(here.into_iter().map(|(path, name)| Mention {
            path,
            within: modules.iter().map(|module| module.0).collect(),
            name,
        }));
        at = at.max(before + 1);
    }
    found
}

type Token<'a> = (usize, &'a str);
/// A path, and the name that a `use` declaration gives it.
type Named<'a> = (Path<'a>, Option<&'a str>);

fn simple_path<'a>(tokens: &[Token<'a>], at: &mut usize, found: &mut Vec<Named<'a>>) {
    let mut segments = Vec::new();
    while let Some((_, word)) = tokens.get(*at).filter(|token| token.1.starts_with(is_word)) {
        segments.push(*word);
        *at += 1;
        if tokens.get(*at).is_none_or(|token| token.1 != "::") {
            break;
        }
        *at += 1;
    }
    if !segments.is_empty() {
        // The line of the last word, where the path ends.
        let line = tokens[*at - 1].0;
        found.push((Path { line, segments }, None));
    }
}

/// Reads one tree of a `use` declaration, whose outer branches are `stem`.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    at: &mut usize,
    stem: &[&'a str],
    found: &mut Vec<Named<'a>>,
) {
    let mut segments = stem.to_vec();
    let mut line = 0;
    let mut renamed = None;
    while let Some(&(here, word)) = tokens.get(*at) {
        match word {
            "::" => *at += 1,
            "as" => {
                renamed = tokens.get(*at + 1).map(|token| token.1);
                *at += 2;
            }
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| token.1 != "}") {
                    let before = *at;
                    use_tree(tokens, at, &segments, found);
                    if *at == before || tokens.get(*at).is_some_and(|token| token.1 == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            word if word == "*" || word.starts_with(is_word) => {
                line = here;
                segments.push(word);
                *at += 1;
            }
            _ => break,
        }
    }
    if line > 0 {
        let own = segments.iter().rfind(|segment| **segment != "self");
        let name = renamed.or(own.copied());
        let name = name.filter(|name| !matches!(*name, "_" | "*"));
        found.push((Path { line, segments }, name));
    }
}

/// Words, `::` and single characters, each with its line, counted from 1.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            found.push((line + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_paths(source: &str) -> Vec<String> {
        paths(&code(source))
            .iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        assert_eq!(
            code("a // b\nc /* d /* e */ f\n */ g")
                .split_whitespace()
                .count(),
            3
        );
        assert_eq!(code("/// libc::read\nx").trim(), "x");
        assert_eq!(
            all_paths(r##"f(r#"std::fs "quoted" "#, b"\"std", 'a', '\'', "//")"##),
            ["f"]
        );
        assert_eq!(code("\"two\nlines\" x").lines().count(), 2);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(
            all_paths("fn f<'a>(x: &'a str)"),
            ["fn", "f", "a", "x", "a", "str"]
        );
        assert_eq!(all_paths("r#type"), ["r", "type"]);
        assert_eq!(all_paths("for\"x\""), ["for"]);
    }

    #[test]
    fn use_trees_become_paths() {
        assert_eq!(
            all_paths("pub(crate) use a::{b::{c, d as e}, f::*, self}; g::h();"),
            [
                "pub", "crate", "a::b::c", "a::b::d", "a::f::*", "a::self", "g::h"
            ]
        );
        assert_eq!(
            all_paths("fn f() -> impl Sized + use<'_> {}")
                .last()
                .unwrap(),
            "_"
        );
    }

    #[test]
    fn use_declarations_give_names_and_modules_stand_around_paths() {
        let code =
            code("use a::{b as c, self, d::*, e as _};\nmod m { mod n { f::g } h::i }\nj::k");
        let found: Vec<_> = mentions(&code)
            .into_iter()
            .filter(|one| one.path.segments.len() > 1)
            .map(|one| (one.path.segments.join("::"), one.name, one.within))
            .collect();
        let with =
            |path: &str, name, within: &[&'static str]| (path.to_owned(), name, within.to_vec());
        assert_eq!(
            found,
            [
                with("a::b", Some("c"), &[]),
                with("a::self", Some("a"), &[]),
                with("a::d::*", None, &[]),
                with("a::e", None, &[]),
                with("f::g", None, &["m", "n"]),
                with("h::i", None, &["m"]),
                with("j::k", None, &[]),
            ]
        );
    }

    #[test]
    fn a_path_over_lines_is_one_path_and_broken_code_ends() {
        assert_eq!(
            all_paths("std\n  :: sync ::\natomic"),
            ["std::sync::atomic"]
        );
        assert_eq!(all_paths("use a::{b, {c; ] "), ["a::b", "a::c"]);
    }

    #[test]
    fn paths_know_their_parts_and_lines() {
        let source = "x;\nuse std::{\n  sync::atomic::AtomicU64,\n};";
        let code = code(source);
        let part = ["sync".to_owned(), "atomic".to_owned()];
        let found: Vec<_> = paths(&code)
            .into_iter()
            .filter(|one| one.contains(&part))
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
    }

    #[test]
    fn only_tests_at_the_end_are_cut() {
        let at_the_end =
            "fn f() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { #[cfg(test)] fn g() {} }\n";
        assert_eq!(without_tests(at_the_end), "fn f() {}\n");
        let two = "x\n#[cfg(test)]\nmod a {}\n#[cfg(all(test, loom))]\nmod b {}";
        assert_eq!(without_tests(two), "x\n");
        let in_the_middle = "#[cfg(test)]\nmod tests {}\nfn f() {}";
        assert_eq!(without_tests(in_the_middle), in_the_middle);
        let no_test = "#[cfg(not(test))]\nmod real {}";
        assert_eq!(without_tests(no_test), no_test);
        let brace_in_a_literal = code("x\n#[cfg(test)]\nmod tests { const B: char = '}'; }");
        assert_eq!(without_tests(&brace_in_a_literal), "x\n");
    }
}
