//! How deep a text nests, before it is parsed: the parser and every visitor recurse, and a recursion
//! without bound ends the process. An over-estimate from tokens alone: each bracket level counts the
//! operators and keywords since the last place where a statement or list element surely began anew;
//! the sum over all open levels bounds the depth of the syntax tree.

use crate::limits::{SCRIPT_BRACKETS_MAX, SCRIPT_CHAIN_MAX};

/// The first place that is too deep, with what is too deep there.
pub(super) fn too_deep(text: &str) -> Option<(usize, String)> {
    Scan { text: text.as_bytes(), at: 0, levels: vec![Level::default()], sum: 0, last: Last::Start }.run()
}

/// The stack for the front end, enough for the deepest text that passes [`too_deep`].
pub(super) const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Runs the front end on a stack of its own, whatever the caller's is.
pub(super) fn with_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(STACK_BYTES, work)
}

#[derive(Default)]
struct Level {
    /// Operators and keywords since the last fresh start.
    chain: usize,
    /// `else` chains nest across statements.
    elses: usize,
    /// The `}` of this level continues a template.
    template: bool,
    /// The level is the head of `if (`, `for (`, `while (`, `with (`.
    head: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Last {
    Start,
    Operator,
    Keyword,
    /// `if`, `for`, `while`, `with`: the brackets that follow are a head.
    HeadKeyword,
    /// `.`: a keyword after it is a name.
    Dot,
    Operand,
    HeadEnd,
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    sum: usize,
    last: Last,
}

const FRESH: [&str; 5] = ["const", "let", "var", "return", "throw"];
const HEADS: [&str; 4] = ["if", "for", "while", "with"];
const KEYWORDS: [&str; 31] = [
    "typeof",
    "void",
    "await",
    "delete",
    "new",
    "yield",
    "async",
    "function",
    "class",
    "extends",
    "else",
    "do",
    "case",
    "default",
    "try",
    "catch",
    "finally",
    "switch",
    "export",
    "import",
    "in",
    "instanceof",
    "of",
    "as",
    "satisfies",
    "keyof",
    "readonly",
    "unique",
    "infer",
    "asserts",
    "is",
];
/// Begin a statement when they stand on a new line behind a complete one.
const STARTERS: [&str; 17] = [
    "typeof", "void", "await", "delete", "new", "yield", "async", "function", "class", "do", "try", "switch",
    "export", "import", "if", "for", "while",
];
/// Also names in places where a division may follow.
const SOFT: [&str; 11] =
    ["async", "of", "as", "satisfies", "keyof", "readonly", "unique", "infer", "asserts", "is", "from"];

impl Scan<'_> {
    fn run(&mut self) -> Option<(usize, String)> {
        if self.text.starts_with(b"#!") {
            self.skip_line();
        }
        let mut newline = false;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' | b'\r' => newline = true,
                b' ' | b'\t' => {}
                b'/' if self.peek(1) == Some(b'/') => {
                    self.skip_line();
                    continue;
                }
                b'/' if self.peek(1) == Some(b'*') => newline |= self.skip_comment(),
                _ => {
                    self.token(byte, newline);
                    newline = false;
                    if let Some(what) = self.excess() {
                        return Some((self.at.min(self.text.len().saturating_sub(1)), what));
                    }
                    continue;
                }
            }
            self.at += 1;
        }
        None
    }

    fn excess(&self) -> Option<String> {
        if self.levels.len() > SCRIPT_BRACKETS_MAX {
            return Some(format!(
                "brackets nest deeper than the {SCRIPT_BRACKETS_MAX} levels a script may have"
            ));
        }
        let deep = self.sum > SCRIPT_CHAIN_MAX;
        deep.then(|| format!("one expression or statement has more than {SCRIPT_CHAIN_MAX} parts in a chain"))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn count(&mut self) {
        self.level().chain += 1;
        self.sum += 1;
    }

    /// A statement or list element begins; statements around it may go on.
    fn fresh(&mut self) {
        let level = self.level();
        let gone = std::mem::take(&mut level.chain);
        self.sum -= gone;
    }

    /// A statement begins where the last one was complete, so all statements around that were too.
    fn fresh_statement(&mut self) {
        self.fresh();
        let level = self.level();
        let gone = std::mem::take(&mut level.elses);
        self.sum -= gone;
    }

    fn token(&mut self, byte: u8, newline: bool) {
        match byte {
            b'"' | b'\'' => self.string(byte),
            b'`' => {
                self.count();
                self.at += 1;
                self.template();
            }
            b'(' | b'[' | b'{' => self.open(false),
            b')' | b']' | b'}' => self.close(),
            b';' | b',' => {
                self.fresh();
                self.operator(1);
            }
            b'/' if !matches!(self.last, Last::Operand) && self.regex() => self.last = Last::Operand,
            b'+' | b'-' if self.peek(1) == Some(byte) => {
                // After `++` a slash divides, so it leaves an operand behind.
                self.count();
                self.at += 2;
                self.last = Last::Operand;
            }
            b'.' => {
                self.operator(1);
                self.last = Last::Dot;
            }
            _ if byte.is_ascii_alphanumeric()
                || byte >= 0x80
                || matches!(byte, b'_' | b'$' | b'\\' | b'#' | b'@') =>
            {
                self.word(newline);
            }
            _ => self.operator(1),
        }
    }

    fn operator(&mut self, bytes: usize) {
        self.count();
        self.at += bytes;
        self.last = Last::Operator;
    }

    fn open(&mut self, template: bool) {
        self.count();
        let head = self.last == Last::HeadKeyword;
        self.levels.push(Level { template, head, ..Level::default() });
        self.at += 1;
        self.last = Last::Operator;
    }

    fn close(&mut self) {
        self.at += 1;
        self.last = Last::Operand;
        if self.levels.len() <= 1 {
            return;
        }
        if let Some(closed) = self.levels.pop() {
            self.sum -= closed.chain + closed.elses;
            if closed.head {
                self.last = Last::HeadEnd;
            }
            if closed.template {
                self.template();
            }
        }
    }

    fn word(&mut self, newline: bool) {
        let start = self.at;
        while self.peek(0).is_some_and(|b| b.is_ascii_alphanumeric() || b >= 0x80 || b"_$\\#@".contains(&b)) {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.text[start..self.at]).unwrap_or("");
        let after = self.last;
        let is_name = after == Last::Dot;
        let soft = SOFT.contains(&word);
        let keyword = !is_name && (KEYWORDS.contains(&word) || HEADS.contains(&word));
        // Two operands side by side: across a line feed a new statement began.
        if newline && after == Last::Operand && (!keyword || STARTERS.contains(&word)) {
            self.fresh_statement();
        } else if word == "else" && !is_name {
            self.level().elses += 1;
            self.sum += 1;
        } else if !is_name && FRESH.contains(&word) {
            self.fresh();
        } else if keyword || after == Last::Operand {
            self.count();
        }
        self.last = match keyword || (!is_name && FRESH.contains(&word)) {
            _ if !is_name && HEADS.contains(&word) => Last::HeadKeyword,
            true if !soft => Last::Keyword,
            true | false => Last::Operand,
        };
    }

    fn string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == quote || byte == b'\n' {
                break;
            }
        }
        self.last = Last::Operand;
    }

    /// From inside a template to its end or to the `${` that interrupts it.
    fn template(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    break;
                }
                b'$' if self.peek(1) == Some(b'{') => {
                    self.at += 1;
                    self.open(true);
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.last = Last::Operand;
    }

    /// Skips a regular expression; false if there is none up to the end of the line.
    fn regex(&mut self) -> bool {
        let mut at = self.at + 1;
        let mut in_class = false;
        while let Some(byte) = self.text.get(at).copied() {
            match byte {
                b'\n' | b'\r' => return false,
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.at = at + 1;
                    return true;
                }
                _ => {}
            }
            at += 1;
        }
        false
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// Leaves `at` on the comment's last byte; says whether it holds a line feed.
    fn skip_comment(&mut self) -> bool {
        let start = self.at;
        let body = &self.text[start + 2..];
        let end = body.windows(2).position(|pair| pair == b"*/").map_or(body.len(), |at| at + 1);
        self.at = start + 2 + end;
        self.text[start..self.at.min(self.text.len())].contains(&b'\n')
    }
}
