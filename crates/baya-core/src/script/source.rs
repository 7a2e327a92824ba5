//! A file before it is JavaScript: bytes to text, byte-order mark, Markdown fence (C01). What is
//! removed leaves its lines and columns behind, so that positions stay those of the user's file.

use super::diagnostic::{Diagnostic, Findings};
use crate::limits::SCRIPT_BYTES_MAX;

/// One file as the shell read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As errors show it; also what tells two files apart.
    pub name: String,
    pub text: String,
}

impl SourceFile {
    /// Checks size and encoding; for a shell that has read bytes.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<SourceFile, Vec<Diagnostic>> {
        if bytes.len() > SCRIPT_BYTES_MAX {
            return Err(vec![too_large(name, bytes.len())]);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(SourceFile { name: name.to_owned(), text }),
            Err(error) => Err(not_utf8(name, &error)),
        }
    }
}

fn too_large(name: &str, bytes: usize) -> Diagnostic {
    let message = format!("the script has {bytes} bytes, more than the {SCRIPT_BYTES_MAX} a script may have");
    let hint = "move data out of the script: give it as `args`, or split code into imported files";
    Diagnostic::whole_file("too-large", name, message, Some(hint.to_owned()))
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Vec<Diagnostic> {
    let valid = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    let mut findings = Findings::new(name, &text, &text, 0);
    let message = format!("the script is not UTF-8: byte {valid} belongs to no character");
    // Up to there both texts are the same.
    let span = valid..valid + '\u{fffd}'.len_utf8();
    findings.error("not-utf8", span, message, Some("save the file as UTF-8".to_owned()));
    findings.found
}

/// The text to parse: same lines and columns as the user's file, without mark and fence.
pub(super) fn prepare(file: &SourceFile) -> Result<Prepared, Vec<Diagnostic>> {
    if file.text.len() > SCRIPT_BYTES_MAX {
        return Err(vec![too_large(&file.name, file.text.len())]);
    }
    let shown = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    match fence(shown) {
        None => Ok(Prepared { text: shown.to_owned(), fenced: false }),
        Some((start, end)) => {
            let text = [blank(&shown[..start]).as_str(), &shown[start..end], &blank(&shown[end..])].concat();
            Ok(Prepared { text, fenced: true })
        }
    }
}

pub(super) struct Prepared {
    pub text: String,
    pub fenced: bool,
}

/// What an outer Markdown fence holds, if the text is one.
fn fence(text: &str) -> Option<(usize, usize)> {
    let start = text.len() - text.trim_start().len();
    let opened = &text[start..];
    let ticks = opened.len() - opened.trim_start_matches('`').len();
    let (opening, _) = opened.split_once('\n')?;
    if ticks < 3 || opening[ticks..].contains('`') {
        return None;
    }
    let inner_start = start + opening.len() + 1;
    let trimmed = text.trim_end();
    let closing_start = trimmed.rfind('\n')? + 1;
    let closing = trimmed[closing_start..].trim();
    let closes = closing.len() >= ticks && closing.bytes().all(|byte| byte == b'`');
    (closes && closing_start >= inner_start).then_some((inner_start, closing_start))
}

/// Every character but line feeds as one space.
pub(super) fn blank(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '\n' | '\r') { c } else { ' ' }).collect()
}
