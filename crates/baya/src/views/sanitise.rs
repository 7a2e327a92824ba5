//! What agents, scripts and errors say, made harmless for a terminal.
//!
//! A terminal obeys escape sequences, and bidirectional or invisible characters make a text look like
//! another. None of them gets through: they are shown as what they are.

use std::fmt::Write;

/// One line: line ends and tabs become spaces.
pub fn line(text: &str) -> String {
    clean(text, LineEnds::Folded)
}

/// Many lines: line ends and tabs stay.
pub fn block(text: &str) -> String {
    clean(text, LineEnds::Kept)
}

/// JSON for a line of output: what a terminal would obey stands as `\uXXXX`, the meaning is the same.
pub fn json(text: &str) -> String {
    if !text.chars().any(|c| !c.is_ascii() && nature(c) != Nature::Harmless) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_ascii() || nature(c) == Nature::Harmless {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum LineEnds {
    Folded,
    Kept,
}

#[derive(PartialEq)]
enum Nature {
    Harmless,
    /// Ends a line or sets a tab.
    Space,
    /// A control character with a picture of its own.
    Control,
    /// Changes how other characters look, or is not seen.
    Hidden,
}

fn nature(c: char) -> Nature {
    match c {
        '\n' | '\t' | '\u{2028}' | '\u{2029}' => Nature::Space,
        '\u{0}'..='\u{1f}' | '\u{7f}' => Nature::Control,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Nature::Hidden,
        _ => Nature::Harmless,
    }
}

fn clean(text: &str, ends: LineEnds) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match nature(c) {
            Nature::Harmless => out.push(c),
            Nature::Space if ends == LineEnds::Kept && matches!(c, '\n' | '\t') => out.push(c),
            Nature::Space => out.push(' '),
            Nature::Control if c == '\r' && rest.peek() == Some(&'\n') => {}
            Nature::Control => out.push(picture(c)),
            Nature::Hidden => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
        }
    }
    out
}

/// The symbol Unicode has for a control character, as `␛` for escape.
fn picture(control: char) -> char {
    match control {
        '\u{7f}' => '\u{2421}',
        low => char::from_u32(0x2400 + low as u32).unwrap_or('\u{fffd}'),
    }
}
