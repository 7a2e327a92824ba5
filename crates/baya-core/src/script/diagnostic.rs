//! What the front end has to say about a script: one finding with its place, as data, as text with a
//! caret, and (through serde) as JSON. Models repair scripts from these.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

/// Characters of a source line that a finding carries; longer lines are cut around the place.
const SOURCE_CHARS_MAX: usize = 400;
/// Findings of one file that are kept; what follows a broken start is noise.
const FINDINGS_MAX: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The script does not run.
    Error,
    /// The script runs, and is probably not what was meant.
    Warning,
}

/// One finding. Line and column are 1-based and those of the user's file; columns and lengths count
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable; warnings have a section of this name in `docs/lints.md`.
    pub code: &'static str,
    pub message: String,
    /// The file's name as the caller gave it.
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// Characters from `column` on, within the line.
    pub length: u32,
    /// The line itself, or the part of it around the place.
    pub source: String,
    /// Characters cut off before `source`.
    #[serde(skip_serializing_if = "is_zero")]
    pub source_start: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Diagnostic {
    /// A finding about a file as a whole.
    pub(super) fn whole_file(
        code: &'static str,
        file: &str,
        message: String,
        hint: Option<String>,
    ) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message,
            file: file.to_owned(),
            line: 1,
            column: 1,
            length: 0,
            source: String::new(),
            source_start: 0,
            hint,
        }
    }

    /// `file:line:column`.
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Where the findings of one file are collected. Spans are byte offsets into `spans_in`, whose lines and
/// columns are those of `shown` but for `shift` characters put before its first line.
pub(super) struct Findings<'a> {
    pub file: &'a str,
    pub shown: &'a str,
    pub spans_in: &'a str,
    pub shift: u32,
    pub found: Vec<Diagnostic>,
}

/// A span in bytes.
pub(super) type Range = std::ops::Range<usize>;

impl<'a> Findings<'a> {
    pub fn new(file: &'a str, shown: &'a str, spans_in: &'a str, shift: u32) -> Findings<'a> {
        Findings { file, shown, spans_in, shift, found: Vec::new() }
    }

    pub fn error(
        &mut self,
        code: &'static str,
        span: Range,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(Severity::Error, code, span, message.into(), hint);
    }

    pub fn warn(
        &mut self,
        code: &'static str,
        span: Range,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(Severity::Warning, code, span, message.into(), hint);
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: Range,
        message: String,
        hint: Option<String>,
    ) {
        if self.is_full() {
            return;
        }
        let place = locate(self.spans_in, &span);
        let line_count = self.shown.split('\n').count();
        let line = place.line.min(line_count);
        let text = line_of(self.shown, line);
        let chars = text.chars().count();
        let shift = if place.line == 1 { self.shift as usize } else { 0 };
        let column =
            if place.line > line_count { chars } else { place.column.saturating_sub(shift).min(chars) };
        let length = place.length.min(chars - column);
        let (source, start) = cut(text, column);
        self.found.push(Diagnostic {
            severity,
            code,
            message: printable(&message),
            file: self.file.to_owned(),
            line: line as u32,
            column: column as u32 + 1,
            length: length as u32,
            source,
            source_start: start as u32,
            hint: hint.map(|hint| printable(&hint)),
        });
    }

    /// No further finding will be kept; who has much to look at can stop.
    pub fn is_full(&self) -> bool {
        self.found.len() >= FINDINGS_MAX
    }

    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|finding| finding.severity == Severity::Error)
    }
}

struct Place {
    /// 1-based.
    line: usize,
    /// 0-based, in characters.
    column: usize,
    /// In characters, to the end of the line at most.
    length: usize,
}

fn locate(text: &str, span: &Range) -> Place {
    let start = floor_char(text, span.start);
    let end = floor_char(text, span.end.max(start));
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let spanned = &text[start..end];
    let first_line = spanned.split(['\n', '\r']).next().unwrap_or("");
    Place {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: text[line_start..start].chars().count(),
        length: first_line.chars().count(),
    }
}

/// The nearest character border at or before the offset.
pub(super) fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_of(text: &str, line: usize) -> &str {
    let line = text.split('\n').nth(line - 1).unwrap_or("");
    line.strip_suffix('\r').unwrap_or(line)
}

/// The part of a long line around a column, and how many characters went before it.
fn cut(line: &str, column: usize) -> (String, usize) {
    if line.chars().count() <= SOURCE_CHARS_MAX {
        return (line.to_owned(), 0);
    }
    let start = column.saturating_sub(SOURCE_CHARS_MAX / 4);
    (line.chars().skip(start).take(SOURCE_CHARS_MAX).collect(), start)
}

/// Messages may quote the script: nothing in them moves a terminal's cursor.
fn printable(text: &str) -> String {
    let unsafe_char = |c: char| (c.is_control() && c != '\n') || is_bidi(c);
    if !text.contains(unsafe_char) {
        return text.to_owned();
    }
    text.chars().map(|c| if unsafe_char(c) { '\u{fffd}' } else { c }).collect()
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Findings as text: title, place, source line, caret, hint.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let reports: Vec<String> = diagnostics.iter().map(|finding| render_one(&renderer, finding)).collect();
    reports.join("\n\n")
}

fn render_one(renderer: &Renderer, finding: &Diagnostic) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.code);
    let file = printable(&finding.file);
    let origin =
        || Origin::path(file.clone()).line(finding.line as usize).char_column(finding.column as usize);
    let mut group = match (finding.source.is_empty(), finding.source_start) {
        (true, _) => title.element(origin()),
        (false, 0) => title.element(snippet(finding).path(file)),
        // The snippet would count columns from where the line was cut.
        (false, _) => title.element(origin()).element(snippet(finding)),
    };
    if let Some(hint) = &finding.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    renderer.render(&[group])
}

fn snippet(finding: &Diagnostic) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let source: String = finding.source.chars().map(|c| if is_bidi(c) { '\u{fffd}' } else { c }).collect();
    let skipped = (finding.column - 1).saturating_sub(finding.source_start) as usize;
    let byte = |chars: usize| source.char_indices().nth(chars).map_or(source.len(), |(at, _)| at);
    let span = byte(skipped)..byte(skipped + finding.length.max(1) as usize);
    Snippet::source(source).line_start(finding.line as usize).annotation(AnnotationKind::Primary.span(span))
}
