//! An agent with tools: asks the model, does what it calls for, tells it what came of that, until it
//! ends with its result.
//!
//! An agent with a schema has `StructuredOutput` beside its tools and may use it when it likes. One
//! that ends in prose is led down the ladder of [`super::structured`].

use super::ledger::Ledger;
use super::retry::{Asker, NoTurn};
use super::structured::{Read, Rung, Structured, cut_off, found, read};
use super::talk::{NOTES, RESULTS_KEPT, Talk};
use super::tape::NotWritten;
use super::toolbox::Toolbox;
use super::wire::{
    Message, Offer, Partial, Request, STRUCTURED_OUTPUT, Shape, ToolAnswer, ToolForce, ToolSpec, ToolUse,
    Turn,
};
use baya_core::agent::{Answer, AttemptEnd, Cause, CauseKind, Effort, Progress};
use baya_core::limits::STRUCTURED_OUTPUT_TRIES;
use baya_core::schema::Schema;
use baya_core::turn::TurnRecord;
use serde_json::Value;
use std::time::Duration;

const LAST_WORD: &str = "You have no turns left, and no tool can be called any more. Give your result now, from what \
you know; say what is not done.";

/// One agent at work.
pub(super) struct Work<'a> {
    pub asker: Asker<'a>,
    pub model: &'a str,
    /// For the repair pass.
    pub small: Option<String>,
    pub body: Option<&'a str>,
    pub memory: &'a str,
    pub system: String,
    pub effort: Option<Effort>,
    pub max_tokens: Option<u64>,
    pub idle: Duration,
    /// Answers of the model that may call tools.
    pub turns_max: u32,
    /// Tokens the model's context holds, if that is known.
    pub window: Option<u64>,
    pub shape: Option<(&'a Value, Schema)>,
}

/// Why the work does not go on.
pub(super) enum Stopped {
    End(AttemptEnd),
    /// The provider takes no tools for this model; what it said.
    NoTools(String),
}

impl From<AttemptEnd> for Stopped {
    fn from(end: AttemptEnd) -> Stopped {
        Stopped::End(end)
    }
}

impl From<NotWritten> for Stopped {
    fn from(NotWritten: NotWritten) -> Stopped {
        Stopped::End(AttemptEnd::Cancelled)
    }
}

/// What is counted on the way.
struct Way {
    talk: Talk,
    /// Structured answers that did not meet the schema.
    tried: u32,
    error: String,
}

impl Work<'_> {
    pub async fn run(&self, tools: &mut Toolbox, ledger: &mut Ledger) -> Result<AttemptEnd, Stopped> {
        let talk = Talk::new(&self.asker.task.prompt, self.system.len());
        let mut way = Way { talk, tried: 0, error: String::new() };
        for _ in 0..self.turns_max.max(1) {
            let (turn, partial) = self.ask(tools, &mut way.talk, Offers::Open, ledger).await?;
            if let Some(end) = cut_off(&turn.stop) {
                ledger.drafts.extend(Some(partial.written()).filter(|text| !text.is_empty()));
                return Ok(end);
            }
            let calls = turn.replay.written().calls;
            if calls.is_empty() {
                return Ok(self.conclude(tools, way, &turn, partial, ledger).await);
            }
            way.talk.push(Message::Model(turn.replay.clone()));
            if let Some(end) = self.act(tools, &mut way, &calls, ledger).await? {
                return Ok(end);
            }
        }
        self.last_word(tools, way, ledger).await
    }

    /// Does what an answer calls for; the end, if the result was among it.
    async fn act(
        &self,
        tools: &mut Toolbox,
        way: &mut Way,
        calls: &[ToolUse],
        ledger: &mut Ledger,
    ) -> Result<Option<AttemptEnd>, Stopped> {
        let results = tools.perform(calls, self.asker.attempt, ledger).await?;
        let mut answers = Vec::with_capacity(calls.len());
        for (call, result) in calls.iter().zip(results) {
            answers.push(match result {
                Some(answer) => answer,
                None => match self.judge(call, way, ledger) {
                    Ok(value) => return Ok(Some(found(value, "tool", ledger))),
                    Err(answer) => answer,
                },
            });
        }
        way.talk.push(Message::ToolAnswers(answers));
        if way.tried >= STRUCTURED_OUTPUT_TRIES {
            let error = std::mem::take(&mut way.error);
            return Ok(self.repair(error, ledger).await);
        }
        Ok(None)
    }

    /// The result that `StructuredOutput` was called with, or what the model is told of it.
    fn judge(&self, call: &ToolUse, way: &mut Way, ledger: &mut Ledger) -> Result<Value, ToolAnswer> {
        let answer = |text: String| ToolAnswer { id: call.id.clone(), name: call.name.clone(), text };
        let Some((_, schema)) = &self.shape else {
            return Err(answer(format!("error: there is no tool `{STRUCTURED_OUTPUT}`; end with a text")));
        };
        let value = serde_json::from_str::<Value>(&call.input).map_err(|error| error.to_string());
        match value.and_then(|value| schema.validate(&value).map(|()| value)) {
            Ok(value) => Ok(value),
            Err(error) => {
                way.tried += 1;
                way.error.clone_from(&error);
                ledger.drafts.push(call.input.clone());
                ledger.reject();
                let told = Progress::Reasking { why: error.clone(), tries: way.tried };
                self.asker.attempt.tell(told);
                let again = Rung::ToolAsked.ask_again(&error);
                Err(answer(format!("error: the result does not meet the schema: {error}. {again}")))
            }
        }
    }

    /// The model ended without a call: that is the result, or none yet.
    async fn conclude(
        &self,
        tools: &Toolbox,
        mut way: Way,
        turn: &Turn,
        partial: Partial,
        ledger: &mut Ledger,
    ) -> AttemptEnd {
        let Some((_, schema)) = &self.shape else {
            return AttemptEnd::Answered(Answer::Text(partial.text));
        };
        let rung = self.rung();
        match read(turn, &partial, rung, schema) {
            Read::Found { value, rung } => found(value, rung, ledger),
            Read::Wrong { error, reply } => {
                ledger.reject();
                ledger.drafts.extend(Some(partial.written()).filter(|text| !text.is_empty()));
                self.asker.attempt.tell(Progress::Reasking { why: error, tries: way.tried + 1 });
                way.talk.messages.extend(reply);
                let (said, tried) = (way.talk.messages, way.tried + 1);
                let Some(ladder) = self.ladder(&tools.specs, said, tried) else {
                    return AttemptEnd::Cancelled;
                };
                ladder.run(ledger).await
            }
        }
    }

    fn rung(&self) -> Rung {
        Rung::first(self.asker.wire.config.kind, self.model, self.effort)
    }

    fn ladder<'b>(&'b self, tools: &'b [ToolSpec], said: Vec<Message>, tried: u32) -> Option<Structured<'b>> {
        let (schema, _) = self.shape.as_ref()?;
        Some(Structured {
            asker: self.asker,
            model: self.model,
            small: self.small.clone(),
            body: self.body,
            memory: self.memory,
            effort: self.effort,
            max_tokens: self.max_tokens,
            idle: self.idle,
            schema,
            said,
            tools,
            tried,
        })
    }

    async fn repair(&self, error: String, ledger: &mut Ledger) -> Option<AttemptEnd> {
        let (_, validator) = self.shape.as_ref()?;
        let ladder = self.ladder(&[], Vec::new(), STRUCTURED_OUTPUT_TRIES)?;
        Some(ladder.repair(self.rung(), validator, error, ledger).await)
    }

    /// All turns are used: one more answer, from what is known.
    async fn last_word(
        &self,
        tools: &mut Toolbox,
        mut way: Way,
        ledger: &mut Ledger,
    ) -> Result<AttemptEnd, Stopped> {
        way.talk.push(Message::User(LAST_WORD.to_owned()));
        ledger.note(format!("all {} turns were used; it was asked for its result", self.turns_max));
        let (turn, partial) = self.ask(tools, &mut way.talk, Offers::Closed, ledger).await?;
        let written = partial.written();
        let end = match (&self.shape, cut_off(&turn.stop)) {
            (_, Some(end)) => end,
            (None, None) if partial.calls.is_empty() && !partial.text.is_empty() => {
                return Ok(AttemptEnd::Answered(Answer::Text(partial.text)));
            }
            (None, None) => self.out_of_turns(),
            (Some((_, schema)), None) => match read(&turn, &partial, Rung::Text, schema) {
                Read::Found { value, rung } => return Ok(found(value, rung, ledger)),
                Read::Wrong { .. } => self.out_of_turns(),
            },
        };
        ledger.drafts.extend(Some(written).filter(|text| !text.is_empty()));
        Ok(end)
    }

    fn out_of_turns(&self) -> AttemptEnd {
        let message = format!("the agent had no result after {} turns", self.turns_max);
        AttemptEnd::Failed(Cause::new(CauseKind::Limit, message).hint("`maxTurns` allows more"))
    }

    /// One answer, in a conversation that fits.
    async fn ask(
        &self,
        tools: &Toolbox,
        talk: &mut Talk,
        offers: Offers,
        ledger: &mut Ledger,
    ) -> Result<(Turn, Partial), Stopped> {
        loop {
            if let Some(shortened) = ledger.tape.shortened() {
                talk.apply(shortened);
                continue;
            }
            if ledger.tape.is_at_end()
                && talk.is_full(self.window)
                && self.shorten(tools, talk, ledger, Need::Foreseen).await?
            {
                continue;
            }
            let request = self.request(tools, talk, offers);
            match self.asker.ask(&request, ledger).await {
                Ok((turn, partial)) => {
                    talk.counted(turn.usage.as_ref(), &partial);
                    return Ok((turn, partial));
                }
                Err(NoTurn::End(end)) => return Err(Stopped::End(end)),
                Err(NoTurn::Reshape(said, _)) if talk.messages.len() == 1 && is_about_tools(&said) => {
                    return Err(Stopped::NoTools(said));
                }
                Err(NoTurn::Reshape(_, end)) => return Err(Stopped::End(end)),
                Err(NoTurn::TooLong(end)) => {
                    if !self.shorten(tools, talk, ledger, Need::Certain).await? {
                        return Err(Stopped::End(end));
                    }
                }
            }
        }
    }

    fn request<'b>(&'b self, tools: &'b Toolbox, talk: &'b Talk, offers: Offers) -> Request<'b> {
        let shape = match (&self.shape, offers) {
            (Some((schema, _)), Offers::Open) => Shape::Tool(schema, ToolForce::Asked),
            (Some((schema, _)), Offers::Closed) => self.rung().shape(schema),
            (None, _) | (_, Offers::Notes) => Shape::Text,
        };
        let offer = match offers {
            Offers::Open => Offer::Open(&tools.specs),
            Offers::Closed | Offers::Notes => Offer::Closed(&tools.specs),
        };
        Request {
            model: self.model,
            system: &self.system,
            messages: &talk.messages,
            shape,
            offer,
            effort: self.effort,
            max_tokens: self.max_tokens,
            idle: self.idle,
        }
    }

    /// Makes the conversation shorter, durably; false if nothing is left that could go.
    async fn shorten(
        &self,
        tools: &Toolbox,
        talk: &mut Talk,
        ledger: &mut Ledger,
        need: Need,
    ) -> Result<bool, Stopped> {
        if talk.can_fold(RESULTS_KEPT) {
            self.fold(talk, RESULTS_KEPT, ledger).await?;
            return Ok(true);
        }
        if talk.can_summarise() {
            match self.notes(tools, talk, ledger).await? {
                Some(notes) => {
                    talk.summarise(notes);
                    return Ok(true);
                }
                None if need == Need::Foreseen => return Ok(false),
                None => {}
            }
        }
        let folds = need == Need::Certain && talk.can_fold(0);
        if folds {
            self.fold(talk, 0, ledger).await?;
        }
        Ok(folds)
    }

    async fn fold(&self, talk: &mut Talk, kept: usize, ledger: &mut Ledger) -> Result<(), NotWritten> {
        let attempt = self.asker.attempt;
        ledger.write_last(attempt);
        ledger.tape.write(attempt, TurnRecord::Folded { kept: u32::try_from(kept).unwrap_or(u32::MAX) });
        ledger.tape.written().await?;
        talk.fold(kept);
        Ok(())
    }

    /// The model's own notes of what was said; none if even the question is too long.
    async fn notes(
        &self,
        tools: &Toolbox,
        talk: &mut Talk,
        ledger: &mut Ledger,
    ) -> Result<Option<String>, Stopped> {
        talk.messages.push(Message::User(NOTES.to_owned()));
        let asked = self.asker.ask(&self.request(tools, talk, Offers::Notes), ledger).await;
        talk.messages.pop();
        match asked {
            Ok((_, partial)) if !partial.text.trim().is_empty() => {
                ledger.last = None;
                let cost = ledger.take_cost();
                let notes = partial.text.clone();
                ledger.tape.write(self.asker.attempt, TurnRecord::Summarised { notes, cost });
                ledger.tape.written().await?;
                Ok(Some(partial.text))
            }
            Ok(_) => {
                ledger.last = None;
                Ok(None)
            }
            Err(NoTurn::TooLong(_)) => Ok(None),
            Err(NoTurn::End(end) | NoTurn::Reshape(_, end)) => Err(Stopped::End(end)),
        }
    }
}

/// Any other refusal would hit the same request without tools just as well.
fn is_about_tools(said: &str) -> bool {
    let said = said.to_lowercase();
    ["tool", "function"].iter().any(|word| said.contains(word))
}

/// What may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offers {
    Open,
    /// Nothing but the result.
    Closed,
    Notes,
}

/// How sure it is that the conversation is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Foreseen,
    /// The provider said so.
    Certain,
}
