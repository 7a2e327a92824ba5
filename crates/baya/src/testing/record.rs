//! A run that was, made into a test.

use super::file::{CASSETTE_ENDING, Ceilings, TEST_ENDING, TestFile};
use crate::failure::{Failure, in_words};
use baya_core::cassette::{Cassette, NotRecordable};
use baya_core::event::{Event, Recorded};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The files a recording wrote.
pub struct Written {
    pub test: PathBuf,
    pub cassette: PathBuf,
}

/// Writes a test and its cassette. Beside the script, unless `to` names the test's file.
pub fn record(events: &[Recorded], run: &str, to: Option<&Path>, over: bool) -> Result<Written, Failure> {
    let cassette = Cassette::of(events).map_err(|why| not_recordable(run, &why))?;
    let script = script_path(events).ok_or_else(|| not_recordable(run, &NotRecordable::Empty))?;
    let test = match to {
        Some(path) if is_test(path) => path.to_owned(),
        Some(path) => {
            let message = format!("`{}`: a test's file ends in `{TEST_ENDING}`", path.display());
            return Err(Failure::usage(message));
        }
        None => with_ending(&script, TEST_ENDING),
    };
    let tape =
        PathBuf::from(test.display().to_string().trim_end_matches(TEST_ENDING).to_owned() + CASSETTE_ENDING);
    let folder = test.parent().unwrap_or(Path::new(""));
    let file = TestFile {
        script: named(&script, &test, folder),
        cassette: tape.file_name().map(|name| name.to_string_lossy().into_owned()),
        ceilings: ceilings(&cassette),
        ..TestFile::default()
    };
    write(&tape, &cassette, over)?;
    write(&test, &file, over)?;
    Ok(Written { test, cassette: tape })
}

/// Writes a value as JSON for people; a link is never written through.
pub fn write<T: Serialize>(path: &Path, value: &T, over: bool) -> Result<(), Failure> {
    let cannot = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!("`{}` exists already", path.display()))
            .hint("`--force` writes over it, `-o FILE.test.json` writes elsewhere"),
        _ => Failure::usage(format!("cannot write `{}`: {}", path.display(), in_words(error))),
    };
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::outside(format!("`{}` cannot be written", path.display()), error))?;
    if !over {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
        return made
            .and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()))
            .map_err(|error| cannot(&error));
    }
    if path.symlink_metadata().is_ok_and(|known| known.is_symlink()) {
        return Err(Failure::usage(format!("`{}` is a link: it is not written through", path.display())));
    }
    // Whole or not at all.
    let unfinished = path.with_file_name(format!(
        ".{}.{}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let written =
        std::fs::write(&unfinished, format!("{text}\n")).and_then(|()| std::fs::rename(&unfinished, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&unfinished);
        cannot(&error)
    })
}

/// What it took is what it may take.
fn ceilings(cassette: &Cassette) -> Ceilings {
    let usage = cassette.usage();
    let cents = |dollars: f64| (dollars * 10_000.0).ceil() / 10_000.0;
    Ceilings {
        agents: Some(cassette.calls.len() as u64),
        tokens: (usage.total() > 0).then(|| usage.total()),
        output: None,
        usd: (usage.cost.0 > 0 && usage.unpriced == 0).then(|| cents(usage.cost.to_dollars())),
    }
}

/// Where the run's script was read from.
fn script_path(events: &[Recorded]) -> Option<PathBuf> {
    let scripts = events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::RunStarted { script, .. } | Event::RunResumed { script: Some(script), .. } => Some(script),
        _ => None,
    });
    scripts.map(|script| PathBuf::from(&script.path))
}

fn with_ending(script: &Path, ending: &str) -> PathBuf {
    let stem = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    script.with_file_name(stem + ending)
}

/// How the test names its script; a script beside it with its name needs no word.
fn named(script: &Path, test: &Path, folder: &Path) -> Option<String> {
    if with_ending(script, TEST_ENDING) == test {
        return None;
    }
    let absolute = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (script, folder) =
        (absolute(script), absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }));
    let shared = script.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(shared).map(|_| "..".to_owned());
    let down = script.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(TEST_ENDING))
}

fn not_recordable(run: &str, why: &NotRecordable) -> Failure {
    let failure = Failure::usage(format!("`{run}` cannot be recorded: {why}"));
    match why {
        NotRecordable::Open => failure.hint(format!("baya resume {run}   goes on with it")),
        NotRecordable::CutShort(_) | NotRecordable::Empty => failure,
    }
}
