//! `baya new -o FILE`: a commented script to start from.

use crate::exit::Exit;
use crate::failure::{Failure, in_words};
use crate::output;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is for; becomes its description
    #[arg(value_name = "TASK")]
    pub task: Vec<String>,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

const TEMPLATE: &str = include_str!("new_template.js");
const NAME_MARK: &str = "'NAME'";
const DESCRIPTION_MARK: &str = "'DESCRIPTION'";
/// Characters of a name made from a file's name.
const NAME_CHARS: usize = 60;

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let task = args.task.join(" ");
    let task = if task.trim().is_empty() { "Say what this workflow is for" } else { task.trim() };
    let name = name_for(&args.output);
    let text =
        TEMPLATE.replacen(NAME_MARK, &js_string(&name), 1).replacen(DESCRIPTION_MARK, &js_string(task), 1);
    write_new(&args.output, &text)?;
    let path = args.output.display();
    output::talk(&format!("wrote {path}"));
    output::talk(&format!("check: baya check {path}"));
    output::talk(&format!("try:   baya run {path} --backend simulated"));
    Ok(Exit::Done)
}

/// The file's name without its ending, in lower case with dashes.
fn name_for(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let dashed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = stem.chars().map(dashed).take(NAME_CHARS).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "my-workflow".to_owned() } else { name.to_owned() }
}

/// A JavaScript string literal; JSON is one.
fn js_string(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Writes a file that was not there; follows no link at its name.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("`{}` exists already", path.display())).hint("give another name with `-o`")
        }
        _ => Failure::usage(format!("cannot write `{}`: {}", path.display(), in_words(&error))),
    })
}
