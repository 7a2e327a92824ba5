//! Counting tests: what libtest prints, and what tests say they skipped.
//!
//! A test that skips itself passes for libtest; it names its suite in the skip file, one line per
//! test, and is then counted as skipped, not as passed.

use std::collections::BTreeMap;

/// The sums of all `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    passed: u64,
    failed: u64,
    ignored: Vec<String>,
    binaries: u64,
    broken: bool,
}

impl Counts {
    /// Takes a line of `cargo test`'s stdout.
    pub fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result:") {
            self.binaries += 1;
            self.passed += number_before(rest, "passed");
            self.failed += number_before(rest, "failed");
        } else if let Some((name, why)) = ignored(line) {
            self.ignored.push(format!("ignored {name}{why}"));
        }
    }

    /// Cargo ended. A failure that no result line tells of (it did not build, it crashed) counts as one.
    pub fn ended(&mut self, good: bool) {
        if !good && self.failed == 0 {
            self.failed = 1;
            self.broken = true;
        }
    }

    /// Whether all that ran was good.
    pub fn verdict(&self) -> Result<(), String> {
        match (self.failed, self.broken, self.binaries) {
            (_, true, _) => Err("a test binary did not build or crashed".to_owned()),
            (0, _, 0) => Err("no test binary ran".to_owned()),
            (0, _, _) => Ok(()),
            (failed, _, binaries) => Err(format!("{failed} tests failed in {binaries} binaries")),
        }
    }

    pub fn ignored_lines(&self) -> impl Iterator<Item = String> {
        self.ignored.clone().into_iter()
    }

    /// The line that ends the report; `skipped` tests passed for libtest only.
    pub fn line(&self, skipped: u64) -> String {
        let passed = self.passed.saturating_sub(skipped);
        let skipped = skipped + self.ignored.len() as u64;
        format!("{passed} passed, {} failed, {skipped} skipped", self.failed)
    }
}

/// The number in `… 12 passed; …`.
fn number_before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split([' ', ';']).filter(|part| !part.is_empty()).collect();
    let at = words.iter().position(|part| *part == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
}

/// The name and the reason in `test a::b ... ignored, reason`.
fn ignored(line: &str) -> Option<(&str, String)> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let reason = verdict.strip_prefix("ignored")?;
    Some((name, reason.strip_prefix(", ").map(|why| format!(": {why}")).unwrap_or_default()))
}

/// What was skipped, by suite.
#[derive(Debug, Default)]
pub struct Skips {
    suites: BTreeMap<String, u64>,
    steps: Vec<String>,
}

impl Skips {
    /// Takes the skip file.
    pub fn read(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            *self.suites.entry(line.to_owned()).or_default() += 1;
        }
    }

    /// A step that is no test could not run.
    pub fn step_missing(&mut self, name: &str, why: &str) {
        self.steps.push(format!("missing {name}: {why}"));
    }

    /// Tests that passed for libtest but did nothing.
    pub fn tests(&self) -> u64 {
        self.suites.values().sum()
    }

    pub fn lines(&self) -> impl Iterator<Item = String> {
        let suites = self.suites.iter().map(|(suite, tests)| match tests {
            1 => suite.clone(),
            _ => format!("{suite} ({tests} tests)"),
        });
        suites.chain(self.steps.iter().cloned()).collect::<Vec<_>>().into_iter()
    }

    /// In CI nothing is skipped for want of a program.
    pub fn verdict(&self, in_ci: bool) -> Result<(), String> {
        let missing: Vec<String> = self.lines().filter(|line| !line.starts_with("opt-in ")).collect();
        if in_ci && !missing.is_empty() {
            return Err(format!("CI skips nothing for want of a program: {}", missing.join("; ")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test b::c ... ignored, needs a key
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
";

    fn counted(output: &str) -> Counts {
        let mut counts = Counts::default();
        output.lines().for_each(|line| counts.read(line));
        counts
    }

    #[test]
    fn the_last_line_sums_all_binaries() {
        let counts = counted(OUTPUT);
        assert_eq!(counts.line(0), "12 passed, 2 failed, 1 skipped");
        assert!(counts.verdict().is_err());
        assert_eq!(counts.ignored_lines().collect::<Vec<_>>(), ["ignored b::c: needs a key"]);
    }

    #[test]
    fn a_test_that_skips_itself_did_not_pass() {
        let mut skips = Skips::default();
        skips.read("opt-in live-key: no key given\nopt-in live-key: no key given\n");
        assert_eq!(counted(OUTPUT).line(skips.tests()), "10 passed, 2 failed, 3 skipped");
        assert_eq!(skips.lines().collect::<Vec<_>>(), ["opt-in live-key: no key given (2 tests)"]);
        assert!(skips.verdict(true).is_ok());
    }

    #[test]
    fn ci_forgives_no_missing_program() {
        let mut skips = Skips::default();
        skips.read("missing git: not found\n");
        assert!(skips.verdict(false).is_ok());
        assert!(skips.verdict(true).is_err());
        let mut steps = Skips::default();
        steps.step_missing("clippy", "the component is not installed");
        assert!(steps.verdict(true).is_err());
        assert_eq!(steps.tests(), 0);
    }

    #[test]
    fn a_crash_without_a_result_line_is_a_failure() {
        let mut counts = counted("test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured");
        counts.ended(false);
        assert_eq!(counts.line(0), "2 passed, 1 failed, 0 skipped");
        assert!(counts.verdict().is_err());
        assert!(Counts::default().verdict().is_err());
    }
}
