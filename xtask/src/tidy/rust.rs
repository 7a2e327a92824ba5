//! Reading Rust without a parser: what is code and what is not, where functions begin and end.
//!
//! Knows strings, raw strings, characters, lifetimes and nested comments; knows no macros. Good enough
//! to measure, not to rewrite.

/// The code with comments and the insides of literals blanked; lines and columns stay.
pub fn mask(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at).unwrap_or(at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins here ends; `None` if none begins.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let next = |offset: usize| chars.get(at + offset).copied().unwrap_or('\0');
    match (chars[at], next(1)) {
        ('/', '/') => Some(find(chars, at, |c| c == '\n')),
        ('/', '*') => Some(block_comment_end(chars, at)),
        ('"', _) => Some(string_end(chars, at + 1)),
        ('\'', _) => char_end(chars, at),
        ('r' | 'b' | 'c', _) if !is_word_before(chars, at) => prefixed_end(chars, at),
        _ => None,
    }
}

/// Block comments nest.
fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// The end of a string whose first character stands at `at`.
fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `'x'` and `'\n'` are characters, `'a` is a lifetime.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), Some(_)) => Some((find(chars, at + 3, |c| c == '\'') + 1).min(chars.len())),
        (Some(_), Some('\'')) => Some(at + 3),
        _ => None,
    }
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br#"…"#`, `b'x'`, `c"…"`; `r#name` and plain words are none.
fn prefixed_end(chars: &[char], start: usize) -> Option<usize> {
    let quote = find(chars, start, |c| !matches!(c, 'r' | 'b' | 'c'));
    let prefix: String = chars[start..quote].iter().collect();
    let raw = matches!(prefix.as_str(), "r" | "br" | "cr");
    if !raw && !matches!(prefix.as_str(), "b" | "c") {
        return None;
    }
    if prefix == "b" && chars.get(quote) == Some(&'\'') {
        return char_end(chars, quote);
    }
    let open = if raw { find(chars, quote, |c| c != '#') } else { quote };
    if chars.get(open) != Some(&'"') {
        return None;
    }
    Some(if raw { raw_end(chars, open + 1, open - quote) } else { string_end(chars, open + 1) })
}

/// The end of a raw string: a quote and as many `#` as it began with.
fn raw_end(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        let close = find(chars, at, |c| c == '"');
        let end = close + 1 + hashes;
        if end <= chars.len() && chars[close + 1..end].iter().all(|c| *c == '#') {
            return end;
        }
        at = close + 1;
    }
    chars.len()
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| wanted(chars[*at])).unwrap_or(chars.len())
}

fn is_word_before(chars: &[char], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| is_word(chars[before]))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A function with its body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// 1-based.
    pub line: usize,
    /// From the line of `fn` to that of the closing brace.
    pub lines: usize,
    /// It stands under an attribute like `#[test]` or `#[tokio::test]`.
    pub is_test: bool,
}

/// The functions of masked code, outer ones first.
pub fn functions(masked: &str) -> Vec<Function> {
    let chars: Vec<char> = masked.chars().collect();
    let starts = (0..chars.len()).filter(|at| is_keyword(&chars, *at, "fn"));
    starts.filter_map(|start| function_at(&chars, start)).collect()
}

fn is_keyword(chars: &[char], at: usize, keyword: &str) -> bool {
    let end = at + keyword.len();
    let ends = chars.get(end).is_none_or(|c| !is_word(*c));
    ends && !is_word_before(chars, at) && chars[at..].iter().copied().take(keyword.len()).eq(keyword.chars())
}

/// `None` for `fn(…)` types and for declarations without a body.
fn function_at(chars: &[char], start: usize) -> Option<Function> {
    let name_at = find(chars, start + 2, |c| !c.is_whitespace());
    let name: String = chars[name_at..].iter().take_while(|c| is_word(**c)).collect();
    let open = body_open(chars, name_at)?;
    let end = body_end(chars, open);
    let lines = |from: usize, to: usize| chars[from..to].iter().filter(|c| **c == '\n').count();
    let (line, lines) = (lines(0, start) + 1, lines(start, end) + 1);
    (!name.is_empty()).then(|| Function { name, line, lines, is_test: is_test(chars, start) })
}

/// The brace that opens the body: the first outside all brackets of the signature.
fn body_open(chars: &[char], from: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in chars.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return None,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' | '}' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn body_end(chars: &[char], open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in chars.iter().enumerate().skip(open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// Whether an attribute that ends in `test` stands between the item before and this `fn`.
fn is_test(chars: &[char], start: usize) -> bool {
    let before = chars[..start].iter().rposition(|c| matches!(c, ';' | '{' | '}')).map_or(0, |at| at + 1);
    let head: String = chars[before..start].iter().filter(|c| !c.is_whitespace()).collect();
    head.contains("#[test]") || head.contains("::test]") || head.contains("::test(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_mask(source: &str, expected: &str) {
        assert_eq!(mask(source), expected, "in {source:?}");
    }

    #[test]
    fn literals_and_comments_are_blanked() {
        check_mask("a // {\nb", "a     \nb");
        check_mask("a /* { /* } */ */ b", "a                 b");
        check_mask(r#"f("{\"}") + 1"#, "f(      ) + 1");
        check_mask(r##"f(r#"{"}"#) + 1"##, "f(        ) + 1");
        check_mask(r##"f(br#"{"#, b"{", b'{')"##, "f(       ,     ,     )");
        check_mask(r"['{', '\'', '\u{7b}']", "[   ,     ,         ]");
    }

    #[test]
    fn lifetimes_and_words_stay() {
        check_mask("fn a<'a>(b: &'a str) {}", "fn a<'a>(b: &'a str) {}");
        check_mask("r#fn + bar + c", "r#fn + bar + c");
        check_mask("'outer: loop { break 'outer }", "'outer: loop { break 'outer }");
        check_mask("\"open", "     ");
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let source = "fn a() {}\n\n#[test]\nfn b(\n    c: [u8; 4],\n) -> u8 {\n    { 1 }\n}\n\
            trait T { fn d(); }\ntype F = fn(u8) -> u8;\n";
        let found = functions(&mask(source));
        let function =
            |name: &str, line, lines, is_test| Function { name: name.to_owned(), line, lines, is_test };
        assert_eq!(found, [function("a", 1, 1, false), function("b", 4, 5, true)]);
    }

    #[test]
    fn braces_in_literals_do_not_end_a_function() {
        let source = "#[tokio::test]\nasync fn a() {\n    let b = '}';\n    let c = \"}}\"; // }\n}\n";
        let found = functions(&mask(source));
        assert_eq!(found, [Function { name: "a".to_owned(), line: 2, lines: 4, is_test: true }]);
    }
}
