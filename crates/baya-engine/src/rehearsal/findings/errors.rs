//! Errors of the script itself: what it was about to do, at what place, and which agent's failure led
//! there. What a script throws on purpose, and what the engine throws by contract, is no fault.

use super::super::played::{Played, PlayedAgent};
use super::{Scene, Seen, source};
use baya_core::call::{ScriptErrorKind, Site, ThrowKind};
use baya_core::rehearsal::{Case, Finding, Weight};
use baya_core::script::Sight;

/// The error that ended the run.
pub(super) fn of_run(scene: Scene<'_>, played: &Played) -> Option<Finding> {
    let error = played.end.run_end()?.error.as_ref()?;
    match error.kind {
        ScriptErrorKind::Thrown => {}
        ScriptErrorKind::Stuck => return Some(stuck(error.site.clone(), played)),
        // A loop, told by `endless`.
        ScriptErrorKind::CpuLimit | ScriptErrorKind::Limit => return None,
        ScriptErrorKind::MemoryLimit | ScriptErrorKind::StackLimit | ScriptErrorKind::IsolateLost => {
            return Some(new("script-limit", Weight::Error, error.message.clone(), None, error.site.clone()));
        }
    }
    let thrown = Thrown { name: &error.name, message: &error.message, site: error.site.as_ref() };
    thrown.finding(scene, played, Weight::Error)
}

/// Errors that `parallel` and `pipeline` turned into null: the run goes on without those branches.
pub(super) fn of_branches(scene: Scene<'_>, played: &Played) -> Vec<Finding> {
    let branches = played.sights.iter().filter_map(|sight| match sight {
        Sight::BranchThrew { of, name, message, site } => {
            let thrown = Thrown { name, message, site: site.as_ref() };
            let mut found = thrown.finding(scene, played, Weight::Warning)?;
            found.message = format!("{}; `{of}` makes null of it", found.message);
            Some(found)
        }
        _ => None,
    });
    branches.collect()
}

/// Calls that no run here would accept.
pub(super) fn refused(_: Scene<'_>, played: &Played) -> Vec<Finding> {
    // A script that goes on may have another way for such a place.
    let here = if played.end.is_completed() { Weight::Warning } else { Weight::Error };
    let kind = |thrown: ThrowKind| match thrown {
        ThrowKind::Schema => Some(("unusable-schema", Weight::Error)),
        ThrowKind::Option | ThrowKind::AgentType => Some(("unusable-option", Weight::Error)),
        ThrowKind::Isolation => Some(("unusable-option", here)),
        ThrowKind::Workflow => Some(("unusable-workflow", here)),
        ThrowKind::Stopped
        | ThrowKind::AgentLimit
        | ThrowKind::Budget
        | ThrowKind::SchemaUnmet
        | ThrowKind::Stalled
        | ThrowKind::Taint
        | ThrowKind::AgentFailed
        | ThrowKind::Step => None,
    };
    let found = played.refusals.iter().filter_map(|refusal| {
        let (kind, weight) = kind(refusal.thrown.kind)?;
        let (message, hint) = match refusal.thrown.message.split_once("; hint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (refusal.thrown.message.clone(), None),
        };
        Some(new(kind, weight, message, hint, refusal.site.clone()))
    });
    found.take(20).collect()
}

/// The script ends itself, whatever agents answer: nothing behind that place was rehearsed.
pub(super) fn always_throws(all: &[(Case, Seen)]) -> Option<Finding> {
    let (case, seen) = all.first()?;
    let (message, site) = seen.threw.clone().filter(|_| all.iter().all(|(_, seen)| seen.threw.is_some()))?;
    let message = format!("the script throws in every rehearsal: {message}");
    let hint = "give what it asks for, as `--args` or `--budget`: nothing behind it was rehearsed".to_owned();
    let found = new("always-throws", Weight::Warning, message, Some(hint), site);
    Some(Finding { case: Some(case.clone()), seen: u32::try_from(all.len()).unwrap_or(u32::MAX), ..found })
}

/// What ended the run, if it was an error of JavaScript.
pub(super) fn threw(played: &Played) -> Option<(String, Option<Site>)> {
    let error = played.end.run_end()?.error.as_ref()?;
    (error.kind == ScriptErrorKind::Thrown).then(|| (error.message.clone(), error.site.clone()))
}

struct Thrown<'a> {
    name: &'a str,
    message: &'a str,
    site: Option<&'a Site>,
}

impl Thrown<'_> {
    fn finding(&self, scene: Scene<'_>, played: &Played, weight: Weight) -> Option<Finding> {
        let builtin =
            ["TypeError", "RangeError", "ReferenceError", "SyntaxError", "InternalError", "URIError"];
        let line = self.site.map(|site| source::line(scene, site)).unwrap_or_default();
        if !builtin.contains(&self.name) || line.contains("throw ") {
            return None;
        }
        let (kind, message, hint) = self.words(played, line);
        // A branch that does not run at all, whatever agents say, is no matter of luck.
        let weight = if kind == "called-thunk" { Weight::Error } else { weight };
        Some(new(kind, weight, message, Some(hint), self.site.cloned()))
    }

    fn words(&self, played: &Played, line: &str) -> (&'static str, String, String) {
        let message = self.message;
        if let Some(of) = [" of null", " of undefined"].iter().find(|of| message.contains(**of)) {
            return self.dereference(played, line, of);
        }
        if message.contains("empty array") {
            let hint = "give `reduce` a first value, or look at the length before";
            return (
                "empty-list",
                "`reduce` has no first value, and the list is empty".to_owned(),
                hint.to_owned(),
            );
        }
        if message.contains("more than the limit of") {
            let hint = "cut the list, or go through it in slices";
            return (
                "list-limit",
                message.split("; hint").next().unwrap_or(message).to_owned(),
                hint.to_owned(),
            );
        }
        if message.starts_with("parallel(thunks)") || message.starts_with("pipeline(items") {
            let kind = if message.contains("not a function") { "called-thunk" } else { "script-error" };
            return (
                kind,
                message.to_owned(),
                "write `() => agent(…)`, a function that starts it".to_owned(),
            );
        }
        if self.name == "SyntaxError" && line.contains("JSON.parse") {
            let hint = "give `agent()` a `schema`: its answer is then a checked object";
            return ("parse-result", format!("`JSON.parse` fails: {message}"), hint.to_owned());
        }
        let hint = "replay the case to see what led there".to_owned();
        ("script-error", format!("{}: {message}", self.name), hint)
    }

    /// A member read of nothing; most often of the answer of an agent that failed.
    fn dereference(&self, played: &Played, line: &str, of: &str) -> (&'static str, String, String) {
        let member = self.message.split('\'').nth(1).unwrap_or_default();
        let what = of.trim_start_matches(" of ");
        let failed = last_failed(played);
        if what == "undefined" && line.contains("args") && played.args.is_none() {
            let hint = "give `--args`, describe them in `meta.args`, or write `args?.…` and a default";
            return (
                "args-unchecked",
                format!("`{member}` is read of `args`, and none were given"),
                hint.to_owned(),
            );
        }
        let because = match failed {
            Some(agent) if what == "null" => {
                format!(": the agent `{}` failed, and its answer is null", agent.label)
            }
            Some(_) | None => String::new(),
        };
        let hint = match what {
            "null" => "look at the answer first: `if (answer === null) …`, or read `answer?.member`",
            _ => "look whether it is there first, or read `?.`",
        };
        ("null-dereference", format!("`{member}` is read of {what}{because}"), hint.to_owned())
    }
}

fn last_failed(played: &Played) -> Option<&PlayedAgent> {
    let failed = played.agents.iter().filter(|agent| matches!(agent.outcome, Some(Err(_))));
    failed.max_by_key(|agent| agent.ended_ms)
}

fn stuck(site: Option<Site>, played: &Played) -> Finding {
    let site = site.or_else(|| played.agents.last().and_then(|agent| agent.site.clone()));
    let message = "it waits for something that can never come".to_owned();
    let hint = "a promise of the script's own is never settled on this way".to_owned();
    new("never-settled", Weight::Error, message, Some(hint), site)
}

/// A finding that was seen once, without a case.
pub(super) fn new(
    kind: &str,
    weight: Weight,
    message: String,
    hint: Option<String>,
    site: Option<Site>,
) -> Finding {
    Finding { kind: kind.to_owned(), weight, message, hint, site, case: None, seen: 1 }
}
