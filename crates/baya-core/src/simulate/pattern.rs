//! A string that matches a regular expression.
//!
//! Patterns are in the dialect of JavaScript; those this crate's parser reads the same way are
//! honoured, look-around and back references are not.

use super::noise::Noise;
use regex_syntax::hir::{Class, Hir, HirKind};

/// How often an unbounded repetition repeats at most, beyond its minimum.
const REPEATS: u32 = 4;
const LENGTH_MAX: usize = 10_000;

pub(super) fn matching(pattern: &str, least: usize, noise: &mut Noise) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let mut text = String::new();
    write(&hir, least, noise, &mut text);
    Some(text)
}

fn write(hir: &Hir, least: usize, noise: &mut Noise, text: &mut String) {
    if text.len() > LENGTH_MAX {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.push(member(class, noise)),
        HirKind::Capture(capture) => write(&capture.sub, least, noise, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, least, noise, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = noise.pick(parts) {
                write(part, least, noise, text);
            }
        }
        HirKind::Repetition(repetition) => {
            let wanted =
                repetition.min.max(least.saturating_sub(text.chars().count()).min(LENGTH_MAX) as u32);
            let most = repetition.max.unwrap_or(wanted.saturating_add(REPEATS));
            let low = wanted.min(most).max(repetition.min.max(u32::from(most > 0)).min(most));
            let times = noise.within(i64::from(low), i64::from(most.min(low + REPEATS)));
            (0..times).for_each(|_| write(&repetition.sub, 0, noise, text));
        }
    }
}

/// A readable member of the class, if it has one.
fn member(class: &Class, noise: &mut Noise) -> char {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
        Class::Bytes(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
    };
    let readable: Vec<char> = (' '..='~').filter(|c| ranges.iter().any(|(a, b)| a <= c && c <= b)).collect();
    let plain: Vec<char> = readable.iter().copied().filter(char::is_ascii_alphanumeric).collect();
    let from = if plain.is_empty() { &readable } else { &plain };
    noise.pick(from).copied().or(ranges.first().map(|range| range.0)).unwrap_or('x')
}
