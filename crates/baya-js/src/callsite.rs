//! Finds where the calls of our globals stand in a script's text.
//!
//! QuickJS knows for a frame only the last name it looked up, which for `agent(prompt, {label: x})` is the
//! `x`. The call that is meant is the innermost `agent(…)` around that place. This reads just enough
//! of JavaScript to pair parentheses: strings, templates, comments, and regular expressions by what stands
//! before them. A wrong guess costs the precision of a position and nothing else.

/// The globals whose calls are told with their position.
const NAMES: [&str; 3] = ["agent", "workflow", "setTimeout"];

/// `start` is the first byte of the name, `end` the byte after the closing parenthesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallSpan {
    pub(crate) name: &'static str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All calls in `text`, in the order of their closing parentheses: inner ones come before outer ones.
pub(crate) fn spans(text: &str) -> Vec<CallSpan> {
    let mut reader =
        Reader { bytes: text.as_bytes(), at: 0, open: Vec::new(), found: Vec::new(), last: b';' };
    while reader.at < reader.bytes.len() {
        reader.step();
    }
    reader.found
}

/// What an open bracket is the start of.
enum Open {
    Call {
        name: &'static str,
        start: usize,
    },
    Other,
    /// `${` inside a template.
    Template,
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    open: Vec<Open>,
    found: Vec<CallSpan>,
    /// The last byte that is neither white space nor comment.
    last: u8,
}

impl Reader<'_> {
    fn step(&mut self) {
        let byte = self.bytes[self.at];
        match byte {
            b'"' | b'\'' => self.quoted(byte),
            b'`' => self.template(),
            b'/' => self.slash(),
            b'(' => self.enter(Open::Other),
            b'{' | b'[' => self.enter(Open::Other),
            b')' | b'}' | b']' => self.leave(),
            _ if is_word(byte) => self.word(),
            _ => self.skip(byte),
        }
    }

    fn skip(&mut self, byte: u8) {
        if !byte.is_ascii_whitespace() {
            self.last = byte;
        }
        self.at += 1;
    }

    fn enter(&mut self, open: Open) {
        self.last = self.bytes[self.at];
        self.at += 1;
        self.open.push(open);
    }

    fn leave(&mut self) {
        self.last = self.bytes[self.at];
        self.at += 1;
        match self.open.pop() {
            Some(Open::Call { name, start }) => self.found.push(CallSpan { name, start, end: self.at }),
            Some(Open::Template) => self.template_rest(),
            Some(Open::Other) | None => {}
        }
    }

    fn word(&mut self) {
        let start = self.at;
        while self.bytes.get(self.at).copied().is_some_and(is_word) {
            self.at += 1;
        }
        let word = &self.bytes[start..self.at];
        let is_member = self.last == b'.';
        // After these words a slash begins a regular expression.
        let is_operator =
            matches!(word, b"return" | b"typeof" | b"await" | b"case" | b"of" | b"in" | b"void");
        self.last = if is_operator { b';' } else { b'a' };
        let name = NAMES.into_iter().find(|name| name.as_bytes() == word);
        let Some(name) = name.filter(|_| !is_member) else { return };
        let gap = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if self.bytes.get(self.at + gap) == Some(&b'(') {
            self.at += gap;
            self.enter(Open::Call { name, start });
        }
    }

    fn quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == quote || *byte == b'\n' {
                break;
            }
        }
        self.last = quote;
    }

    fn template(&mut self) {
        self.at += 1;
        self.template_rest();
    }

    /// Up to the closing back-tick or the next `${`.
    fn template_rest(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    break;
                }
                b'$' if self.bytes.get(self.at + 1) == Some(&b'{') => {
                    self.at += 1;
                    return self.enter(Open::Template);
                }
                _ => self.at += 1,
            }
        }
        self.last = b'`';
    }

    fn slash(&mut self) {
        match self.bytes.get(self.at + 1) {
            Some(b'/') => self.until(b"\n"),
            Some(b'*') => {
                self.at += 2;
                self.until(b"*/");
            }
            _ if is_word(self.last) || matches!(self.last, b')' | b']' | b'}' | b'"' | b'\'' | b'`') => {
                self.skip(b'/')
            }
            _ => self.regex(),
        }
    }

    fn until(&mut self, end: &[u8]) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.windows(end.len()).position(|window| window == end);
        self.at += length.map_or(rest.len(), |length| length + end.len());
    }

    fn regex(&mut self) {
        let mut in_class = false;
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            match byte {
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                b'\n' => break,
                _ => {}
            }
        }
        self.last = b'/';
        // Its flags are a word of their own, which is fine.
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::spans;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = spans(text).iter().map(|span| &text[span.start..span.end]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn calls_are_found_around_their_arguments() {
        check("await agent('a')", &["agent('a')"]);
        check("agent (x, {a: [1, (2)]}); b(c)", &["agent (x, {a: [1, (2)]})"]);
        check("agent(await agent(x) + y)", &["agent(x)", "agent(await agent(x) + y)"]);
        check("agent(`a ${f({b: `)${c}`})} )`, d)", &["agent(`a ${f({b: `)${c}`})} )`, d)"]);
        check("agent(')', \")\\\")\", /[/)]\\)/g, x) / 2", &["agent(')', \")\\\")\", /[/)]\\)/g, x)"]);
        check("agent(/* ) */ x // )\n)", &["agent(/* ) */ x // )\n)"]);
        check("a.agent(1); myagent(2); agents(3); agent; // agent(4)\n'agent(5)'", &[]);
        check("(a) / agent(1) / 2", &["agent(1)"]);
        check("workflow('é)', 1)", &["workflow('é)', 1)"]);
    }

    #[test]
    fn broken_texts_end() {
        for text in ["agent(", "agent('", "agent(`${", "agent(/", "/*", "))}}", "'\\", "agent(/[", "`\\"] {
            check(text, &[]);
        }
    }
}
