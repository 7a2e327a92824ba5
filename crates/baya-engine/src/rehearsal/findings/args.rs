//! Arguments that are not what the script takes them for.

use super::errors::new;
use super::plays::Plays;
use super::source;
use baya_core::rehearsal::{Case, Finding, Weight};
use serde_json::json;

/// Plays the script with a text for `args`: what `baya run FILE 'some words'` gives.
pub(super) fn unchecked(plays: &Plays<'_>) -> Option<Finding> {
    let job = plays.scene.job;
    let described = job.script.meta.get("args").is_some();
    if described || job.args.is_some() || !source::mentions(plays.scene, "args") {
        return None;
    }
    let case = Case { args: Some(json!("some words")), ..plays.plain_case() };
    let played = plays.play(&case)?;
    let error = played.end.run_end()?.error.as_ref()?;
    let site = error.site.as_ref()?;
    let line = source::line(plays.scene, site);
    if error.name != "TypeError" || !line.contains("args") || line.contains("throw ") {
        return None;
    }
    let message =
        format!("`args` is taken for an object, and given as a text it ends the script: {}", error.message);
    let hint = "describe it in `meta.args`, or ask `typeof args === 'string'` first".to_owned();
    let found = new("args-unchecked", Weight::Warning, message, Some(hint), Some(site.clone()));
    Some(Finding { case: Some(case), ..found })
}
