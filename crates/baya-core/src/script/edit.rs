//! Changes to a text that keep every other character at its line and column: a span is blanked, and
//! something no longer than its first line may be written into the room.

use super::diagnostic::Range;
use super::source::blank;

/// One span to blank.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub span: Range,
    /// ASCII, without line feeds.
    pub put: String,
    pub side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Start,
    End,
}

impl Edit {
    pub fn blank(span: Range) -> Edit {
        Edit { span, put: String::new(), side: Side::Start }
    }

    pub fn start(span: Range, put: impl Into<String>) -> Edit {
        Edit { span, put: put.into(), side: Side::Start }
    }

    pub fn end(span: Range, put: impl Into<String>) -> Edit {
        Edit { span, put: put.into(), side: Side::End }
    }
}

/// The text from `from` on, with the edits made; edits inside another one are part of it.
pub(super) fn apply(text: &str, from: usize, edits: &[Edit]) -> String {
    let mut edits: Vec<&Edit> = edits.iter().filter(|edit| edit.span.start >= from).collect();
    edits.sort_by_key(|edit| (edit.span.start, std::cmp::Reverse(edit.span.end)));
    let mut out = String::with_capacity(text.len());
    let mut at = from;
    for edit in edits {
        if edit.span.start < at {
            continue;
        }
        out.push_str(&text[at..edit.span.start]);
        out.push_str(&fill(&text[edit.span.clone()], &edit.put, edit.side).text);
        at = edit.span.end;
    }
    out.push_str(&text[at..]);
    out
}

/// A blanked room with something written into it.
pub(super) struct Filled {
    pub text: String,
    /// Characters that did not fit and move what follows on the same line.
    pub overflow: usize,
}

/// Blanks a text and writes into its first line, or at its end. A room of several lines has no end to
/// its first line: what stands there is blank anyway.
pub(super) fn fill(room: &str, put: &str, side: Side) -> Filled {
    let blanked = blank(room);
    let free = blanked.find(['\n', '\r']).unwrap_or(blanked.len());
    let many_lines = free < blanked.len();
    if side == Side::End {
        let keep = blanked.len() - put.len().min(blanked.len());
        return Filled { text: format!("{}{put}", &blanked[..keep]), overflow: 0 };
    }
    let rest = &blanked[put.len().min(free)..];
    let overflow = if many_lines { 0 } else { put.len().saturating_sub(free) };
    Filled { text: format!("{put}{rest}"), overflow }
}
