//! The words behind `cargo xtask live`.

use std::path::PathBuf;

const USAGE: &str = "\
usage: cargo xtask live [OPTIONS]
  --yes          asks real providers; without it, says which, and ends
  --only NAME    this backend, as `baya doctor` names it; may be said again
  --model MODEL  the model of all agents
  --baya FILE    the program to try, instead of one that is built now";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub yes: bool,
    /// Empty: all.
    pub only: Vec<String>,
    pub model: Option<String>,
    pub baya: Option<PathBuf>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().map(|value| (*value).to_owned()).ok_or_else(|| USAGE.to_owned());
            match *word {
                "--yes" => options.yes = true,
                "--only" => options.only.push(value()?),
                "--model" => options.model = Some(value()?),
                "--baya" => options.baya = Some(value()?.into()),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_unknown_ones_refused() {
        let options = Options::parse(&["--only", "codex", "--yes", "--only", "openai"]).expect("options");
        assert_eq!(options.only, ["codex", "openai"]);
        assert!(options.yes && options.model.is_none());
        for wrong in [&["--all"][..], &["--only"], &["codex"]] {
            assert_eq!(Options::parse(wrong), Err(USAGE.to_owned()), "{wrong:?}");
        }
    }
}
