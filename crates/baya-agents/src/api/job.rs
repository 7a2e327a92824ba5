//! One agent as it is asked: model, texts and limits, chosen and read; with tools or without.

use super::ApiSettings;
use super::ledger::Ledger;
use super::retry::{Asker, NoTurn};
use super::structured::{Structured, cut_off};
use super::system_text;
use super::toolbox::Toolbox;
use super::wire::{Message, Offer, Request, Shape};
use super::work::{Stopped, Work};
use crate::agent_types::AgentType;
use crate::models::context_tokens;
use baya_core::agent::{Answer, AttemptEnd, Cause, CauseKind, Effort};
use baya_core::limits::AGENT_TURNS_MAX;
use baya_core::schema::Schema;
use std::time::Duration;

pub(super) struct Job<'a> {
    pub asker: Asker<'a>,
    pub model: &'a str,
    /// For the repair pass.
    pub small: Option<String>,
    pub agent_type: Option<&'a AgentType>,
    /// The project's memory files, and what else belongs at the end of the system text.
    pub memory: &'a str,
    pub effort: Option<Effort>,
    /// What the model can give.
    pub max_tokens: Option<u64>,
    pub idle: Duration,
}

impl Job<'_> {
    pub async fn with_tools(
        &self,
        tools: &mut Toolbox,
        settings: &ApiSettings,
        ledger: &mut Ledger,
    ) -> Result<AttemptEnd, Stopped> {
        let options = &self.asker.task.options;
        let schema = options.schema.as_ref();
        let compiled = schema.map(Schema::compile).transpose().map_err(|reason| {
            let message = format!("the schema cannot be used: {reason}");
            Stopped::End(AttemptEnd::Failed(Cause::new(CauseKind::SchemaUnmet, message)))
        })?;
        let turns_max = options.max_turns.or(self.agent_type.and_then(|known| known.max_turns));
        let folder = &self.asker.attempt.folder;
        let work = Work {
            asker: self.asker,
            model: self.model,
            small: self.small.clone(),
            body: self.body(),
            memory: self.memory,
            system: system_text::for_work(self.body(), self.memory, folder, schema),
            effort: self.effort,
            max_tokens: self.max_tokens,
            idle: self.idle,
            turns_max: turns_max.unwrap_or(AGENT_TURNS_MAX),
            window: settings.context_tokens.or_else(|| context_tokens(self.model)),
            shape: schema.zip(compiled),
        };
        work.run(tools, ledger).await
    }

    pub async fn without_tools(&self, ledger: &mut Ledger) -> AttemptEnd {
        let said = vec![Message::User(self.asker.task.prompt.clone())];
        match &self.asker.task.options.schema {
            None => self.text(&said, ledger).await,
            Some(schema) => {
                let ladder = Structured {
                    asker: self.asker,
                    model: self.model,
                    small: self.small.clone(),
                    body: self.body(),
                    memory: self.memory,
                    effort: self.effort,
                    max_tokens: self.max_tokens,
                    idle: self.idle,
                    schema,
                    said,
                    tools: &[],
                    tried: 0,
                };
                ladder.run(ledger).await
            }
        }
    }

    fn body(&self) -> Option<&str> {
        self.agent_type.map(|known| known.body.as_str())
    }

    /// An agent whose result is its only message.
    async fn text(&self, messages: &[Message], ledger: &mut Ledger) -> AttemptEnd {
        let system = system_text::for_text(self.body(), self.memory);
        let request = Request {
            model: self.model,
            system: &system,
            messages,
            shape: Shape::Text,
            offer: Offer::Open(&[]),
            effort: self.effort,
            max_tokens: self.max_tokens,
            idle: self.idle,
        };
        match self.asker.ask(&request, ledger).await {
            Ok((turn, partial)) => match cut_off(&turn.stop) {
                None => AttemptEnd::Answered(Answer::Text(partial.text)),
                Some(end) => {
                    ledger.drafts.extend(Some(partial.text).filter(|text| !text.is_empty()));
                    end
                }
            },
            Err(NoTurn::End(end) | NoTurn::Reshape(_, end) | NoTurn::TooLong(end)) => end,
        }
    }
}
