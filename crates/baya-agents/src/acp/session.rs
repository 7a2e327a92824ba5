//! A session, from its opening to its end: gone on with where that is possible, with the model that is
//! wanted.

use super::fault::Fault;
use super::ledger::Ledger;
use super::process::Process;
use super::told::{Server, Session, Setting, Told, Topic, Unanswered};
use super::wire::{Opening, Reopen};
use crate::backend::Attempt;
use crate::mcp::answer::{AnswerTool, SERVER};
use crate::models::effort_name;
use baya_core::agent::{Cause, CauseKind, Effort};
use std::time::Duration;
use tokio::time::timeout;

/// How long an agent may take for what nobody needs: a title, the end of a session.
const ASIDE: Duration = Duration::from_millis(1_000);
/// The most models that a message lists.
const LISTED: usize = 12;

pub(super) struct Opened {
    pub session: Session,
    pub note: Option<String>,
}

/// Which model a session shall have.
pub(super) enum Choice {
    /// The process was set up with it.
    Set(String),
    /// The agent's own configuration has to know it.
    Asked(String),
    /// Whichever the agent takes.
    Free,
}

/// Our tool as a session gets it.
pub(super) fn server(tool: &AnswerTool) -> Server {
    Server { name: SERVER.to_owned(), argv: tool.argv() }
}

/// Opens a session; says whether it is the earlier one.
pub(super) async fn open<'a>(
    process: &mut Process,
    earlier: Option<String>,
    opening: impl Fn() -> Opening<'a>,
    patience: Duration,
    attempt: &Attempt,
) -> Result<(Opened, bool), Fault> {
    let work = async {
        let mut note = None;
        if let Some(id) = earlier {
            match reopen(process, &id, opening()).await {
                Ok(session) => return Ok((Opened { session, note }, true)),
                Err(Unanswered::Gone) => return Err(Fault::Unanswered(Unanswered::Gone)),
                Err(why) => {
                    note = Some(format!("its session could not be gone on with, it began anew: {why}"))
                }
            }
        }
        let session = process.wire.open(opening()).await?;
        Ok((Opened { session, note }, false))
    };
    tokio::select! {
        biased;
        () = attempt.cancel.cancelled() => Err(Fault::Cancelled { obeys: false }),
        opened = timeout(patience, work) => {
            opened.unwrap_or(Err(Fault::SlowStart { after_ms: patience.as_millis() as u64 }))
        }
    }
}

async fn reopen(process: &mut Process, id: &str, opening: Opening<'_>) -> Result<Session, Unanswered> {
    let how = match (process.abilities.resume, process.abilities.load) {
        (true, _) => Reopen::Resume,
        (false, true) => Reopen::Load,
        (false, false) => return Err(Unanswered::Unknown("session/load")),
    };
    let session = process.wire.reopen(how, id, opening).await?;
    // All that is told of what was, is not told of what is.
    while let Ok(old) = process.told.try_recv() {
        drop::<Told>(old);
    }
    Ok(session)
}

/// Gives the session a title, so that no model is asked for one.
pub(super) async fn entitle(process: &Process, session: &str, title: &str) {
    if process.abilities.title {
        let _ = timeout(ASIDE, process.wire.entitle(session, title)).await;
    }
}

/// Sets model and effort, as far as the session lets them be chosen.
pub(super) async fn choose(
    process: &Process,
    session: &Session,
    choice: &Choice,
    effort: Option<Effort>,
    ledger: &mut Ledger,
) -> Result<(), Fault> {
    match choice {
        Choice::Free => {}
        // One that is not listed is the one that the process was started with.
        Choice::Set(model) => match listed(session, model) {
            Some(Place::Current) | None => {}
            Some(place) => set(process, session, place).await?,
        },
        Choice::Asked(model) => match listed(session, model) {
            Some(Place::Current) => {}
            Some(place) => set(process, session, place).await?,
            None => return Err(Fault::Model(unknown(session, model))),
        },
    }
    let Some(effort) = effort.map(effort_name) else { return Ok(()) };
    let setting = session.options.iter().find(|setting| setting.topic == Topic::Effort);
    match setting.filter(|setting| setting.choices.iter().any(|choice| choice == effort)) {
        Some(setting) if setting.current == effort => {}
        Some(setting) => process.wire.set(&session.id, &setting.id, effort).await?,
        None => ledger.note(format!("effort `{effort}` was left out: this agent does not offer it")),
    }
    Ok(())
}

/// Where a model is listed.
enum Place {
    Current,
    Setting {
        setting: String,
        choice: String,
    },
    /// As older agents list them.
    Model(String),
}

fn listed(session: &Session, model: &str) -> Option<Place> {
    let is_it = |choice: &&String| {
        *choice == model || choice.rsplit_once('/').is_some_and(|(_, plain)| plain == model)
    };
    let setting = session.options.iter().find(|setting| setting.topic == Topic::Model);
    if let Some(setting) = setting {
        let Setting { id, current, choices, .. } = setting;
        if is_it(&current) {
            return Some(Place::Current);
        }
        let choice = choices.iter().find(is_it)?.clone();
        return Some(Place::Setting { setting: id.clone(), choice });
    }
    session.models.iter().find(is_it).cloned().map(Place::Model)
}

async fn set(process: &Process, session: &Session, place: Place) -> Result<(), Fault> {
    match place {
        Place::Current => Ok(()),
        Place::Setting { setting, choice } => Ok(process.wire.set(&session.id, &setting, &choice).await?),
        Place::Model(model) => Ok(process.wire.set_model(&session.id, &model).await?),
    }
}

fn unknown(session: &Session, model: &str) -> Cause {
    let setting = session.options.iter().find(|setting| setting.topic == Topic::Model);
    let choices = setting.map_or(session.models.as_slice(), |setting| setting.choices.as_slice());
    let mut known =
        choices.iter().take(LISTED).map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    if choices.len() > LISTED {
        known.push_str(", …");
    }
    let cause = Cause::new(CauseKind::UnknownModel, format!("the agent knows no model `{model}`"));
    match known.is_empty() {
        true => cause.hint("this agent lets no model be chosen: leave `model` out"),
        false => cause.hint(format!("it knows {known}")),
    }
}

/// So that a process that serves many agents does not keep them all.
pub(super) async fn close(process: &Process, session: &str) {
    if process.abilities.close {
        // One that stays open harms nobody.
        let _ = timeout(ASIDE, process.wire.close(session)).await;
    }
}
