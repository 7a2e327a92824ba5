//! What is shown at the end: a table, what failed, and a dated entry for the docs.

use super::backends::Backend;
use super::trial::{Outcome, Tokens};

/// No run knows prices, so none is told.
const COST: &str = "unpriced";

const HEAD: [&str; 7] = ["backend", "example", "result", "agents", "tokens", "time", "cost"];

/// A Markdown table, its columns aligned for the terminal too.
pub fn render(outcomes: &[Outcome]) -> String {
    let head = HEAD.map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(outcomes.iter().map(cells)).collect();
    let widths: [usize; 7] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; 7]| {
        let padded: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |", padded.join(" | "))
    };
    let rule = format!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.insert(1, rule);
    lines.join("\n")
}

fn cells(outcome: &Outcome) -> [String; 7] {
    [
        outcome.backend.clone(),
        outcome.trial.to_owned(),
        word(outcome).to_owned(),
        outcome.agents.to_string(),
        tokens(outcome.tokens),
        format!("{:.1} s", outcome.time.as_secs_f64()),
        COST.to_owned(),
    ]
}

fn word(outcome: &Outcome) -> &'static str {
    if outcome.failure.is_none() { "ok" } else { "FAILED" }
}

fn tokens(tokens: Tokens) -> String {
    let about = if tokens.estimated { "~" } else { "" };
    format!("{about}{} in, {about}{} out", tokens.input, tokens.output)
}

/// Why a trial failed, and where to look.
pub fn failure(outcome: &Outcome) -> Option<String> {
    let why = outcome.failure.as_ref()?;
    let look = outcome.run.as_ref().map(|run| format!("; baya show {run}")).unwrap_or_default();
    Some(format!("failed: {}, {}: {why}{look}", outcome.backend, outcome.trial))
}

/// An entry that says who was tried when, and with what end.
pub fn dated(day: &str, backends: &[Backend], outcomes: &[Outcome]) -> String {
    let of = |backend: &Backend| {
        let own = outcomes.iter().filter(|outcome| outcome.backend == backend.name);
        let words: Vec<String> = own.map(|outcome| format!("{} {}", outcome.trial, word(outcome))).collect();
        // Where a program lies is nobody's business; an address is no version.
        let version = backend.found.split(", ").next().filter(|_| backend.found.contains(", /"));
        let version = version.map(|version| format!(" ({version})")).unwrap_or_default();
        format!("\n  - `{}`{version}: {}", backend.name, words.join(", "))
    };
    let all: String = backends.iter().map(of).collect();
    format!("- {day}, `cargo xtask live`:{all}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_table_and_the_line_say_what_came_of_it() {
        let good = Outcome {
            backend: "codex".into(),
            trial: "review",
            failure: None,
            run: None,
            agents: 6,
            tokens: Tokens { input: 1200, output: 34, estimated: true },
            time: Duration::from_millis(2_340),
        };
        let failure = Some("no file was changed".to_owned());
        let bad = Outcome { failure, run: Some("wf_1".into()), trial: "fix-tests", ..good.clone() };
        let all = [bad, good];
        let expected = "\
| backend | example   | result | agents | tokens            | time  | cost     |
|---------|-----------|--------|--------|-------------------|-------|----------|
| codex   | fix-tests | FAILED | 6      | ~1200 in, ~34 out | 2.3 s | unpriced |
| codex   | review    | ok     | 6      | ~1200 in, ~34 out | 2.3 s | unpriced |";
        assert_eq!(render(&all), expected);
        assert_eq!(failure_lines(&all), ["failed: codex, fix-tests: no file was changed; baya show wf_1"]);
        let backend =
            Backend { name: "codex".into(), asks: String::new(), found: "codex-cli 1.2.3, /a/codex".into() };
        let line =
            "- 2026-01-02, `cargo xtask live`:\n  - `codex` (codex-cli 1.2.3): fix-tests FAILED, review ok";
        assert_eq!(dated("2026-01-02", &[backend], &all), line);
    }

    fn failure_lines(outcomes: &[Outcome]) -> Vec<String> {
        outcomes.iter().filter_map(failure).collect()
    }
}
