//! Failures that nobody hears of: all agents of a kind fail, and the script ends with the same result and
//! the same log as when they answer that there is nothing, or no, or yes.

use super::super::played::{Ending, Played};
use super::errors::new;
use super::plays::Plays;
use baya_core::agent::Answer;
use baya_core::history::label_kind;
use baya_core::rehearsal::{Case, Draw, Finding, Mood, Weight};
use baya_core::schema::Schemas;
use baya_core::simulate::{Noise, vary};
use serde_json::Value;

/// Kinds of labels that are tried.
const KINDS_MAX: usize = 8;

/// Honest answers that a failure may look like.
const HONEST: [(&[Mood], &str); 6] = [
    (&[Mood::Empty], "they found nothing"),
    (&[Mood::Noes], "they said no"),
    (&[Mood::Yeses], "they said yes"),
    (&[Mood::Empty, Mood::Noes], "they found nothing"),
    (&[Mood::Empty, Mood::Yeses], "they found nothing"),
    (&[], "they had done their work"),
];

pub(super) fn lost_failures(plays: &Plays<'_>) -> Vec<Finding> {
    let Some(plain) = plays.plain() else { return Vec::new() };
    let kinds = plays.kinds();
    kinds.into_iter().take(KINDS_MAX).filter_map(|(kind, _)| lost(plays, plain, &kind)).collect()
}

fn lost(plays: &Plays<'_>, plain: &Played, kind: &str) -> Option<Finding> {
    let honest: Vec<(Outcome, &str)> = HONEST
        .iter()
        .filter_map(|(moods, words)| {
            Some((outcome(&plays.play(&honest(plays, plain, kind, moods)?)?)?, *words))
        })
        .collect();
    let ways = [(Mood::KindNull(kind.to_owned()), "fail"), (Mood::KindError(kind.to_owned()), "throw")];
    ways.into_iter().find_map(|(mood, fails)| {
        let case = plays.in_mood(mood);
        let played = plays.play(&case)?;
        let failed = outcome(&played)?;
        if counts_none(&played, kind) || failed.says_so() {
            return None;
        }
        let (_, words) = honest.iter().find(|(known, _)| *known == failed)?;
        let first = played.agents.iter().find(|agent| label_kind(&agent.label) == kind)?;
        let message = format!("when all agents like `{}` {fails}, the run ends as if {words}", first.label);
        let hint = "count what is null, and return it, `log()` it, or throw".to_owned();
        let found = new("lost-failure", Weight::Warning, message, Some(hint), first.site.clone());
        Some(Finding { case: Some(case), ..found })
    })
}

/// The plain case with honest answers of one kind of agents bent; none if that changes nothing.
fn honest(plays: &Plays<'_>, plain: &Played, kind: &str, moods: &[Mood]) -> Option<Case> {
    let (mut case, mut schemas) = (plays.plain_case(), Schemas::default());
    for agent in plain.agents.iter().filter(|agent| label_kind(&agent.label) == kind) {
        let (Some(Ok(Answer::Json(answer))), Some(schema)) = (&agent.outcome, &agent.options.schema) else {
            continue;
        };
        let compiled = schemas.of(schema).schema.as_ref().ok();
        let mut noise = Noise::new(case.seed, &["honest"]);
        let bent = moods
            .iter()
            .fold(answer.clone(), |answer, mood| vary(Some(schema), compiled, answer, mood, &mut noise));
        if bent != *answer {
            case.draws.insert(agent.number.0, Draw::Answer(bent));
        }
    }
    // An object that is ignored says nothing of its failure; a text may be all that was wanted.
    let is_free = plain.agents.iter().any(|it| label_kind(&it.label) == kind && it.options.schema.is_none());
    (!case.draws.is_empty() || (moods.is_empty() && is_free)).then_some(case)
}

/// A line of the log tells that none of so many came through, as in `0 of 4 answers could be used`.
fn counts_none(played: &Played, kind: &str) -> bool {
    let asked = played.agents.iter().filter(|agent| label_kind(&agent.label) == kind).count();
    let words = [format!("0 of {asked} "), format!("0/{asked}")];
    let own = played.log.iter().filter(|line| line.call.is_some());
    own.into_iter().any(|line| words.iter().any(|words| line.text.contains(words.as_str())))
}

/// What somebody who reads the end of a run gets to know.
#[derive(PartialEq)]
struct Outcome {
    result: Option<Value>,
    log: Vec<String>,
}

/// Members of a result that tell of a failure, if there is anything in them.
const TELLING: [&str; 7] = ["error", "errors", "failed", "failure", "failures", "incomplete", "aborted"];

impl Outcome {
    /// The result calls itself a failure: finding nothing is one for this script, and it hides neither.
    fn says_so(&self) -> bool {
        let is_there = |value: &Value| match value {
            Value::Null => false,
            Value::Bool(is) => *is,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(members) => !members.is_empty(),
        };
        TELLING.iter().any(|name| self.result.as_ref().and_then(|it| it.get(name)).is_some_and(is_there))
    }
}

fn outcome(played: &Played) -> Option<Outcome> {
    let Ending::Ended(end) = &played.end else { return None };
    if !played.end.is_completed() {
        return None;
    }
    let own = played.log.iter().filter(|line| line.call.is_some());
    Some(Outcome { result: end.result.clone(), log: own.map(|line| line.text.clone()).collect() })
}
