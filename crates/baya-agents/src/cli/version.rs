//! Whether the program is the one we know, of a version that we know: asked once, before its first agent.

use super::seat::Seat;
use super::speaker::About;
use crate::backend::Attempt;
use crate::program::{Launch, NotStarted, launch, record};
use baya_core::agent::{AttemptEnd, Cause, CauseKind};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const PATIENCE: Duration = Duration::from_secs(20);
const BYTES_MAX: u64 = 4 * 1024;

/// Why no agent can use the program, if that is so.
pub(super) async fn check(
    about: &About,
    argv: &[String],
    seat: &Seat,
    attempt: &Attempt,
) -> Result<(), AttemptEnd> {
    let said =
        ask(argv, seat, &attempt.folder, attempt).await.map_err(|error| not_started(about, argv, &error))?;
    let said = said.ok_or(AttemptEnd::Cancelled)?;
    let Some(version) = read(&said) else {
        let shown = crate::program::tail(said.as_bytes());
        let message =
            format!("`{}` does not look like {}: its version is `{shown}`", shown_program(argv), about.name);
        return Err(unusable(message, about));
    };
    if version < about.oldest {
        let words = |(a, b, c): (u32, u32, u32)| format!("{a}.{b}.{c}");
        let message =
            format!("{} {} is too old: {} is needed", about.name, words(version), words(about.oldest));
        return Err(unusable(message, about));
    }
    Ok(())
}

async fn ask(
    argv: &[String],
    seat: &Seat,
    folder: &Path,
    attempt: &Attempt,
) -> Result<Option<String>, NotStarted> {
    let argv: Vec<String> = argv.iter().cloned().chain(["--version".to_owned()]).collect();
    let words = Launch { argv: &argv, environment: &seat.environment, folder, sandbox: Some(&seat.sandbox) };
    let mut running = launch(&words).await?;
    record(running.process(), attempt).await?;
    running.begin().await;
    drop(running.take_stdin());
    let mut said = Vec::new();
    let reading = async {
        if let Some(stdout) = running.take_stdout() {
            let _ = stdout.take(BYTES_MAX).read_to_end(&mut said).await;
        }
    };
    let is_cancelled = tokio::select! {
        () = attempt.cancel.cancelled() => true,
        _ = tokio::time::timeout(PATIENCE, reading) => false,
    };
    let ended = running.end().await;
    if is_cancelled {
        return Ok(None);
    }
    if said.trim_ascii().is_empty() {
        said = ended.said.into_bytes();
    }
    Ok(Some(String::from_utf8_lossy(&said).into_owned()))
}

/// The first `1.2.3` in the text.
fn read(said: &str) -> Option<(u32, u32, u32)> {
    said.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut numbers = word.split('.').map(str::parse::<u32>);
        let (a, b, c) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some((a, b, c))
    })
}

/// The program cannot be started; whether that meets every agent.
pub(super) fn not_started(about: &About, argv: &[String], error: &NotStarted) -> AttemptEnd {
    if matches!(error, NotStarted::Unrecorded) {
        return AttemptEnd::Cancelled;
    }
    let message = format!("`{}` cannot be started: {error}", shown_program(argv));
    match error.is_for_all() {
        true => unusable(message, about),
        false => AttemptEnd::Failed(Cause::new(CauseKind::Program, message)),
    }
}

fn shown_program(argv: &[String]) -> &str {
    argv.first().map(String::as_str).unwrap_or_default()
}

fn unusable(message: String, about: &About) -> AttemptEnd {
    AttemptEnd::Unusable(Cause::new(CauseKind::ProviderDown, message).hint(format!(
        "install it with `{}`, or name the program in the settings: `[backends.{}] program = …`",
        about.install, about.name
    )))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn versions_are_found_where_programs_print_them() {
        let rows = [
            ("codex-cli 0.169.0\n", Some((0, 169, 0))),
            ("2.1.329 (Claude Code)", Some((2, 1, 329))),
            ("WARNING: 3 things\nv1.20.3-beta", Some((1, 20, 3))),
            ("usage: codex", None),
            ("", None),
        ];
        for (said, expected) in rows {
            assert_eq!(read(said), expected, "{said}");
        }
    }
}
