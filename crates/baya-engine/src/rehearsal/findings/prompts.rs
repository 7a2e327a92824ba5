//! Prompts that show a hole in the script that built them.

use super::super::played::Played;
use super::Scene;
use super::errors::new;
use super::source::bare_words;
use baya_core::agent::Cause;
use baya_core::rehearsal::{Finding, Weight};

const HOLES: [(&str, &str); 5] = [
    ("undefined", "a value in it is missing: look at the name of the member, and at the end of the list"),
    ("[object Object]", "write out what is needed of the object, or `JSON.stringify` it"),
    ("[object Promise]", "an `await` is missing"),
    ("[object]", "the prompt itself is an object; give a text"),
    ("NaN", "a number could not be computed: something in it is missing"),
];

pub(super) fn holes(scene: Scene<'_>, played: &Played) -> Vec<Finding> {
    let own = |word: &str| scene.watched.is_some_and(|it| it.texts.iter().any(|text| text.contains(word)));
    let holes: Vec<_> = HOLES.into_iter().filter(|(word, _)| !own(word)).collect();
    let nulls = !own("null");
    let mut found: Vec<Finding> = Vec::new();
    let mut failed = false;
    for agent in &played.agents {
        let hole = holes.iter().find(|(word, _)| bare_words(&agent.prompt, word).next().is_some());
        let finding = match hole {
            Some((word, why)) => Some(("undefined-in-prompt", *word, (*why).to_owned())),
            None if nulls && failed && has_bare_null(&agent.prompt) => {
                let why = "an agent failed, and its answer went into the prompt: look at it first";
                Some(("null-in-prompt", "null", why.to_owned()))
            }
            None => None,
        };
        failed |= matches!(agent.outcome, Some(Err(Cause { .. })));
        let Some((kind, word, hint)) = finding else { continue };
        if found.iter().any(|known| known.kind == kind && known.site == agent.site) {
            continue;
        }
        let message = format!("the prompt of `{}` contains `{word}`", agent.label);
        found.push(new(kind, Weight::Warning, message, Some(hint), agent.site.clone()));
    }
    found
}

/// `null` as a word of its own, and not as a value in JSON.
fn has_bare_null(prompt: &str) -> bool {
    bare_words(prompt, "null").any(|(before, after)| {
        let in_json =
            after.trim_start().starts_with([',', '}', ']']) || before.trim_end().ends_with(['[', ',']);
        !in_json
    })
}
