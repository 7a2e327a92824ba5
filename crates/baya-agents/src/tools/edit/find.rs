//! Where the old text is, and what the file becomes.

use memchr::memmem;

/// What a search for the old text came to; lines count from 1.
pub(super) enum Found {
    Change(Change),
    /// The lines where it begins.
    Many(Vec<usize>),
    /// Lines that are, but for white space, its first line.
    None {
        near: Vec<usize>,
    },
}

pub(super) struct Change {
    pub after: Vec<u8>,
    pub count: usize,
    /// The white space at the ends of lines differed.
    pub is_tolerant: bool,
}

pub(super) fn change(file: &[u8], old: &str, new: &str, all: bool) -> Found {
    // Models write `\n`, whatever the file has.
    let crlf = is_crlf(file);
    let (old, new) = if crlf { (to_crlf(old), to_crlf(new)) } else { (old.to_owned(), new.to_owned()) };
    let places: Vec<usize> = memmem::find_iter(file, old.as_bytes()).collect();
    match places.len() {
        0 => tolerant(file, &old, &new, all),
        count if count == 1 || all => {
            let spans = places.into_iter().map(|at| (at..at + old.len(), new.clone().into_bytes()));
            Found::Change(Change { after: replaced(file, spans), count, is_tolerant: false })
        }
        _ => Found::Many(places.into_iter().map(|at| line_number(file, at)).collect()),
    }
}

/// Most lines end so.
fn is_crlf(file: &[u8]) -> bool {
    let all = memchr::memchr_iter(b'\n', file).count();
    memmem::find_iter(file, "\r\n").count() * 2 > all
}

fn to_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn line_number(file: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', &file[..at]).count() + 1
}

fn replaced(file: &[u8], spans: impl IntoIterator<Item = (std::ops::Range<usize>, Vec<u8>)>) -> Vec<u8> {
    let mut after = Vec::with_capacity(file.len());
    let mut from = 0;
    for (span, new) in spans {
        after.extend_from_slice(&file[from..span.start]);
        after.extend_from_slice(&new);
        from = span.end;
    }
    after.extend_from_slice(&file[from..]);
    after
}

/// Whole lines that differ from the old ones only in white space at their ends.
fn tolerant(file: &[u8], old: &str, new: &str, all: bool) -> Found {
    let lines = Lines::of(file);
    let wanted: Vec<&str> = old.lines().collect();
    let trimmed: Vec<&[u8]> = wanted.iter().map(|line| line.as_bytes().trim_ascii()).collect();
    if trimmed.iter().all(|line| line.is_empty()) {
        return Found::None { near: Vec::new() };
    }
    let found = lines.places(&trimmed);
    match found.len() {
        0 => Found::None { near: lines.near(&trimmed) },
        count if count == 1 || all => {
            let spans = found.iter().map(|at| {
                let place = &lines.0[*at..at + wanted.len()];
                (place[0].start..place[place.len() - 1].end, fitted(place, &wanted, new))
            });
            Found::Change(Change { after: replaced(file, spans), count, is_tolerant: true })
        }
        _ => Found::Many(found.into_iter().map(|at| at + 1).collect()),
    }
}

/// A line of the file; `end` is behind its line end.
struct Line<'f> {
    start: usize,
    end: usize,
    bytes: &'f [u8],
}

struct Lines<'f>(Vec<Line<'f>>);

impl<'f> Lines<'f> {
    fn of(file: &'f [u8]) -> Lines<'f> {
        let mut start = 0;
        let lines = file.split_inclusive(|byte| *byte == b'\n').map(|bytes| {
            let line = Line { start, end: start + bytes.len(), bytes };
            start = line.end;
            line
        });
        Lines(lines.collect())
    }

    /// Where these lines stand one after the other; places do not overlap.
    fn places(&self, trimmed: &[&[u8]]) -> Vec<usize> {
        let mut places = Vec::new();
        let mut at = 0;
        while at + trimmed.len() <= self.0.len() {
            let here = &self.0[at..at + trimmed.len()];
            if here.iter().zip(trimmed).all(|(line, wanted)| line.bytes.trim_ascii() == *wanted) {
                places.push(at);
                at += trimmed.len();
            } else {
                at += 1;
            }
        }
        places
    }

    fn near(&self, trimmed: &[&[u8]]) -> Vec<usize> {
        let Some(first) = trimmed.iter().find(|line| !line.is_empty()) else { return Vec::new() };
        let same = self.0.iter().enumerate().filter(|(_, line)| line.bytes.trim_ascii() == *first);
        same.map(|(at, _)| at + 1).collect()
    }
}

/// The new text with the indentation and the line end that the place has.
fn fitted(place: &[Line<'_>], wanted: &[&str], new: &str) -> Vec<u8> {
    let both = place.iter().zip(wanted).find(|(_, wanted)| !wanted.trim().is_empty());
    let (there, written) = both.map_or((&[][..], &[][..]), |(line, wanted)| {
        (indentation(line.bytes), indentation(wanted.as_bytes()))
    });
    let mut fitted = Vec::with_capacity(new.len());
    for line in new.split_inclusive('\n') {
        match line.as_bytes().strip_prefix(written) {
            Some(rest) if !line.trim().is_empty() => fitted.extend([there, rest].concat()),
            _ => fitted.extend_from_slice(line.as_bytes()),
        }
    }
    let last = place[place.len() - 1].bytes;
    if !new.is_empty() && !new.ends_with('\n') {
        let end = last.len() - last.strip_suffix(b"\r\n").or(last.strip_suffix(b"\n")).unwrap_or(last).len();
        fitted.extend_from_slice(&last[last.len() - end..]);
    }
    fitted
}

fn indentation(line: &[u8]) -> &[u8] {
    let text = line.trim_ascii_start();
    &line[..line.len() - text.len()]
}
