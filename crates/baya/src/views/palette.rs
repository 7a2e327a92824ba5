//! Colours, which say nothing that the text does not say.

/// Paints, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    pub colour: bool,
}

impl Palette {
    /// As stderr wants it: a terminal, `NO_COLOR`, `CLICOLOR_FORCE` and `TERM` are heeded.
    pub fn of_stderr() -> Palette {
        let choice = anstream::AutoStream::choice(&std::io::stderr());
        Palette { colour: choice != anstream::ColorChoice::Never }
    }

    /// As stdout wants it.
    pub fn of_stdout() -> Palette {
        let choice = anstream::AutoStream::choice(&std::io::stdout());
        Palette { colour: choice != anstream::ColorChoice::Never }
    }

    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
