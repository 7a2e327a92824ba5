//! The end of what a program said on its standard error, fit for a message.

/// Lines shown, and characters of each.
const LINES: usize = 5;
const LINE_CHARS: usize = 200;

/// The last lines as one, without anything that a terminal would obey.
pub fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<String> =
        text.lines().rev().map(plain).filter(|line| !line.is_empty()).take(LINES).collect();
    lines.reverse();
    lines.join(" | ")
}

fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => out.push(' '),
            c if c.is_control() || turns_direction(c) => {}
            c => out.push(c),
        }
    }
    let line = out.trim();
    match line.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The rest of an escape sequence: `[… letter`, `]… BEL`, or one character.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => {
            chars.by_ref().find(|c| ('@'..='~').contains(c));
        }
        Some(']') => {
            chars.by_ref().find(|c| matches!(c, '\u{7}' | '\u{9c}'));
        }
        Some(_) | None => {}
    }
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
