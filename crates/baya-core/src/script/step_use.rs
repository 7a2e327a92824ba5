//! A host step in a script's text, for people who want to know what it does before it runs.

use super::diagnostic::Diagnostic;
use serde::Serialize;

/// One use; line and column are 1-based and those of the user's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepUse {
    /// As `baya.exec`; `baya` alone: it is used in a way that is not followed.
    pub step: &'static str,
    /// The first line of its command, path or pattern, if that stands in the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    pub file: String,
    pub line: u32,
    pub column: u32,
}

impl StepUse {
    pub(super) fn of(place: Diagnostic) -> StepUse {
        let Diagnostic { code, message, file, line, column, .. } = place;
        StepUse { step: code, about: message, file, line, column }
    }
}
