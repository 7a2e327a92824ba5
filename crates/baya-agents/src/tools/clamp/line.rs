//! Takes a shell text apart into its simple commands, as far as that is certain without running it.
//!
//! Not a shell: whatever could hide a command from this reading (substitutions, grouping, here
//! documents, output into files) makes the line odd, and says what it was.

/// A shell text, taken apart.
pub(crate) struct Line {
    pub commands: Vec<Simple>,
    /// What makes it impossible to be sure of the commands.
    pub odd: Option<&'static str>,
}

/// One simple command, white space folded outside of quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Simple {
    pub text: String,
}

/// Words before the command that run what follows them.
const RUNNERS: &[&str] = &[
    "then", "do", "else", "elif", "if", "while", "until", "time", "!", "command", "builtin", "exec", "env",
    "nohup", "sudo", "nice", "xargs", "eval", "timeout", "setsid",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

struct Reader<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    quote: Quote,
    current: String,
    /// A word has begun and not ended.
    in_word: bool,
    line: Line,
}

impl Line {
    pub fn of(text: &str) -> Line {
        let line = Line { commands: Vec::new(), odd: None };
        let rest = text.chars().peekable();
        let mut reader = Reader { rest, quote: Quote::None, current: String::new(), in_word: false, line };
        while let Some(c) = reader.rest.next() {
            match reader.quote {
                Quote::None => reader.bare(c),
                Quote::Single => reader.in_single(c),
                Quote::Double => reader.in_double(c),
            }
        }
        if reader.quote != Quote::None {
            reader.odd("an open quote");
        }
        reader.end_command();
        reader.line
    }
}

impl Reader<'_> {
    fn bare(&mut self, c: char) {
        match c {
            '\'' => self.open(Quote::Single, c),
            '"' => self.open(Quote::Double, c),
            '\\' => self.escaped(c),
            ';' | '|' | '\n' | '&' => self.end_command(),
            '(' | ')' => {
                self.odd("grouping");
                self.end_command();
            }
            '{' | '}' if !self.in_word => {
                self.odd("grouping");
                self.end_command();
            }
            '#' if !self.in_word => while self.rest.next_if(|c| *c != '\n').is_some() {},
            '`' | '$' => self.expansion(c),
            '>' => self.output(),
            '<' if self.rest.peek().is_some_and(|c| matches!(c, '<' | '(' | '>')) => {
                self.odd("a here document or a substitution");
                self.push(c);
            }
            // Other white space is an ordinary character to a shell.
            ' ' | '\t' => {
                if std::mem::take(&mut self.in_word) {
                    self.current.push(' ');
                }
            }
            c => self.push(c),
        }
    }

    fn in_single(&mut self, c: char) {
        self.push(c);
        if c == '\'' {
            self.quote = Quote::None;
        }
    }

    fn in_double(&mut self, c: char) {
        match c {
            '"' => self.open(Quote::None, c),
            '\\' => self.escaped(c),
            '`' | '$' => self.expansion(c),
            c => self.push(c),
        }
    }

    fn open(&mut self, quote: Quote, c: char) {
        self.quote = quote;
        self.push(c);
    }

    fn escaped(&mut self, c: char) {
        match self.rest.next() {
            // A line that goes on.
            Some('\n') => {}
            Some(next) => {
                self.push(c);
                self.push(next);
            }
            None => self.push(c),
        }
    }

    /// `$NAME` and `${NAME}` put in a value; everything else that begins so may run something.
    fn expansion(&mut self, c: char) {
        let harmless = match self.rest.peek() {
            _ if c == '`' => false,
            Some('(' | '[') => false,
            Some('\'' | '"') => self.quote == Quote::Double,
            Some('{') => {
                let name: String = self.rest.clone().skip(1).take_while(|c| *c != '}').collect();
                name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            }
            Some(_) | None => true,
        };
        if harmless {
            return self.push(c);
        }
        self.odd("a substitution");
        if self.quote == Quote::None || c == '`' || self.rest.peek() == Some(&'(') {
            // What stands inside is a command of its own for those who look for denied ones.
            self.end_command();
            self.rest.next_if_eq(&'(');
        }
    }

    /// Output may go to another stream or nowhere; into a file it is a write.
    fn output(&mut self) {
        while self.rest.next_if(|c| matches!(c, '>' | '|')).is_some() {}
        if self.rest.next_if_eq(&'&').is_some() {
            let target: String = std::iter::from_fn(|| self.rest.next_if(|c| !ends_word(*c))).collect();
            if !matches!(target.as_str(), "1" | "2" | "-") {
                self.odd("output into a file");
            }
            return self.drop_stream_number();
        }
        while self.rest.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        let target: String = std::iter::from_fn(|| self.rest.next_if(|c| !ends_word(*c))).collect();
        if target != "/dev/null" {
            self.odd("output into a file");
        }
        self.drop_stream_number();
    }

    /// The `2` of `2>&1` is no argument.
    fn drop_stream_number(&mut self) {
        self.in_word = false;
        for number in [" 1", " 2"] {
            if let Some(before) = self.current.strip_suffix(number) {
                self.current = format!("{before} ");
                return;
            }
        }
        self.current.push(' ');
    }

    fn push(&mut self, c: char) {
        self.in_word = true;
        self.current.push(c);
    }

    fn odd(&mut self, what: &'static str) {
        self.line.odd.get_or_insert(what);
    }

    fn end_command(&mut self) {
        self.in_word = false;
        let text = std::mem::take(&mut self.current);
        let text = text.trim();
        if !text.is_empty() {
            self.line.commands.push(Simple { text: text.to_owned() });
        }
    }
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')' | '<' | '>')
}

impl Simple {
    /// Going to another folder is no power.
    pub fn is_cd(&self) -> bool {
        self.text == "cd" || self.text.starts_with("cd ")
    }

    /// The command as a denial looks at it: without quotes, and also behind assignments, keywords,
    /// runners and folders of programs.
    pub fn plain_forms(&self) -> Vec<String> {
        let plain: String =
            self.text.chars().filter(|c| !matches!(c, '\'' | '"' | '\\' | '(' | ')')).collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let runs_others = |word: &str| RUNNERS.contains(&base(word)) || is_assignment(word);
        let passes = |word: &str| runs_others(word) || word.starts_with('-') || is_number(word);
        let passed = words.iter().take_while(|word| passes(word)).count();
        let starts = 0..words.len().min(passed + 1);
        starts.map(|at| [&[base(words[at])], &words[at + 1..]].concat().join(" ")).collect()
    }
}

/// The `5s` of `timeout 5s`.
fn is_number(word: &str) -> bool {
    let digits = word.trim_end_matches(['s', 'm', 'h', 'd']);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
