//! Any agent of the Agent Client Protocol as a backend: OpenCode, Codex, Claude Code, Qwen, Gemini, Goose,
//! or whatever the settings name.
//!
//! A process is started in its sandbox, with a private folder in place of the person's home and the
//! gateway as its only way to models. It is kept for the next agent of the same folder, profile and model;
//! each agent gets a session of its own, and its own account at the gateway. What an agent wants to do
//! beyond thinking is asked of the gatekeeper; what it may touch, the sandbox decides in any case.

mod config;
mod conversation;
mod deeds;
mod fault;
mod ladder;
mod ledger;
mod lines;
mod pool;
mod presets;
mod process;
mod session;
mod surroundings;
mod texts;
mod told;
mod wire;

pub use config::{AcpConfig, AcpProgram, OpenGateway, OpenSandbox, OwnProgram, PREFIX, UnknownAgent};
pub use presets::{PRESETS, Preset};

use crate::agent_types::AgentType;
use crate::api::rights;
use crate::backend::{Attempt, Backend, Payee};
use crate::gateway::{Admission, Gateway, Payer};
use crate::mcp::answer::AnswerTool;
use crate::models::{clamp_effort, context_tokens};
use crate::program;
use crate::sandbox::Profile;
use baya_core::agent::{
    AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Effort,
};
use baya_core::limits::AGENT_WALL_MS_MAX;
use baya_core::schema::Schema;
use baya_core::turn::TurnRecord;
use conversation::Conversation;
use fault::Fault;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ladder::Ladder;
use ledger::Ledger;
use pool::Pool;
use presets::Models;
use process::{Broken, Process, Start, Use, explain, private_folder};
use session::Choice;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use texts::Form;
use wire::Opening;

/// The backend of one agent of the protocol.
pub struct AcpBackend {
    config: AcpConfig,
    pool: Pool,
}

/// What an attempt is, decided before anything is started.
struct Plan<'a> {
    agent_type: Option<&'a AgentType>,
    profile: Profile,
    effort: Option<Effort>,
    schema: Option<Schema>,
    chosen: Option<Chosen>,
    /// For an agent that is not told where models are.
    asked: Option<String>,
}

/// A model behind the gateway.
struct Chosen {
    provider: String,
    dialect: crate::gateway::Dialect,
    model: String,
    small: String,
}

/// A session of an earlier attempt: the folder it lives in, and its id.
struct Earlier {
    private: PathBuf,
    session: String,
}

impl AcpBackend {
    pub fn new(config: AcpConfig) -> AcpBackend {
        AcpBackend { config, pool: Pool::default() }
    }

    async fn attempt(&self, task: &AgentTask, attempt: &Attempt) -> AttemptReport {
        let (mut ledger, began) = (Ledger::default(), tokio::time::Instant::now());
        let plan = match self.plan(task, &mut ledger) {
            Ok(plan) => plan,
            Err(end) => return ledger.into_report(end),
        };
        ledger.asked_for(plan.chosen.as_ref().map(|chosen| chosen.model.clone()).or(plan.asked.clone()));
        let mut process = match self.process(&plan, task, attempt).await {
            Ok(process) => process,
            Err((fault, broken)) => {
                return ledger.into_report(explain(fault, broken.as_ref(), &self.config));
            }
        };
        let (pid, wall) = (process.process().pid, task.options.timeout_ms.unwrap_or(AGENT_WALL_MS_MAX));
        let answered = tokio::select! {
            biased;
            answered = self.work(&plan, task, attempt, &mut process, &mut ledger) => answered,
            () = program::asks_at_terminal(pid) => Err(Fault::AtTerminal),
            () = tokio::time::sleep_until(began + Duration::from_millis(wall)) => {
                Err(Fault::TookTooLong { after_ms: wall })
            }
        };
        if let Some(grant) = &process.grant {
            ledger.close(grant);
        }
        let end = self.leave(process, answered).await;
        ledger.into_report(end)
    }

    fn plan<'a>(&'a self, task: &AgentTask, ledger: &mut Ledger) -> Result<Plan<'a>, AttemptEnd> {
        let options = &task.options;
        let schema = options.schema.as_ref().map(Schema::compile).transpose().map_err(|why| {
            let said = format!("the schema cannot be used: {why}");
            AttemptEnd::Failed(Cause::new(CauseKind::SchemaUnmet, said))
        })?;
        let agent_type = self.agent_type(options.agent_type.as_deref())?;
        let failed = |why: String| AttemptEnd::Failed(Cause::new(CauseKind::Program, why));
        let rights = rights(agent_type, options, self.config.profile).map_err(failed)?;
        let writes = rights.tools.iter().any(|tool| ["write", "edit", "bash"].contains(&tool.name()));
        let profile = if writes { rights.profile } else { Profile::ReadOnly };
        if options.max_turns.is_some() {
            ledger.note("`maxTurns` is not kept: this agent counts its turns itself");
        }
        let asked = options.model.clone().or(agent_type.and_then(|known| known.model.clone()));
        let asked = asked.filter(|model| model != "inherit");
        let chosen = self.choose(asked.as_deref())?;
        let effort = options.effort.or(agent_type.and_then(|known| known.effort));
        let effort = match (&chosen, effort) {
            (Some(chosen), Some(effort)) => {
                let (effort, note) = clamp_effort(&chosen.model, effort);
                note.into_iter().for_each(|note| ledger.note(note));
                effort
            }
            (_, effort) => effort,
        };
        let asked = asked.or(self.config.models.default_model.clone());
        Ok(Plan { agent_type, profile, effort, schema, chosen, asked })
    }

    fn agent_type(&self, name: Option<&str>) -> Result<Option<&AgentType>, AttemptEnd> {
        let Some(name) = name else { return Ok(None) };
        self.config.types.get(name).map(Some).ok_or_else(|| {
            let known = self.config.types.names().join("`, `");
            let cause = Cause::new(CauseKind::Api, format!("no agent type is called `{name}`"));
            AttemptEnd::Failed(cause.hint(format!("there are `{known}`")))
        })
    }

    /// The model behind the gateway, if the agent can be told where that is.
    fn choose(&self, asked: Option<&str>) -> Result<Option<Chosen>, AttemptEnd> {
        let table = self.config.table();
        if self.config.gateway.is_none() || table.providers.is_empty() {
            return Ok(None);
        }
        let unknown = |why: crate::models::Unresolved| {
            AttemptEnd::Unusable(Cause::new(CauseKind::UnknownModel, why.to_string()).hint(why.hint()))
        };
        let chosen = table.choose(asked).map_err(unknown)?;
        let provider = &table.providers[chosen.provider];
        Ok(self.config.dialect_with(provider.kind).map(|dialect| Chosen {
            provider: provider.name.clone(),
            dialect,
            small: table.small(chosen.provider).unwrap_or_else(|| chosen.model.clone()),
            model: chosen.model,
        }))
    }

    /// A process for this attempt: the one of an earlier attempt's session, one that waits, or a new one.
    async fn process(
        &self,
        plan: &Plan<'_>,
        task: &AgentTask,
        attempt: &Attempt,
    ) -> Result<Process, (Fault, Option<Broken>)> {
        let made_for = Use {
            folder: attempt.folder.clone(),
            profile: plan.profile,
            provider: plan.chosen.as_ref().map(|chosen| chosen.provider.clone()),
            model: plan.chosen.as_ref().map(|chosen| chosen.model.clone()),
        };
        let admission = self.admission(plan, task, attempt);
        // Also for a process that waits: it would ask one that is gone.
        let gateway = self.gateway().await.map_err(|fault| (fault, None))?;
        let earlier = self.earlier(task);
        let waiting = match &earlier {
            Some(earlier) => self.pool.take_with(&earlier.private, &made_for),
            None => self.pool.take(&made_for),
        };
        if let Some(process) = waiting {
            program::record(process.process(), attempt)
                .await
                .map_err(|_| (Fault::Cancelled { obeys: false }, None))?;
            if let Some(grant) = &process.grant {
                grant.rebind(admission);
            }
            return Ok(process);
        }
        let grant = gateway.as_ref().map(|gateway| gateway.admit(admission));
        let port = gateway.map(|gateway| gateway.port());
        let models = plan.chosen.as_ref().zip(grant.as_ref()).map(|(chosen, grant)| Models {
            dialect: chosen.dialect,
            base_url: grant.base_url(chosen.dialect),
            key: grant.key().to_owned(),
            model: chosen.model.clone(),
            small: chosen.small.clone(),
            context: context_tokens(&chosen.model),
        });
        let private = earlier.map_or_else(|| self.new_folder(task), |earlier| earlier.private);
        let start = Start { config: &self.config, made_for, private, models, port, grant, task, attempt };
        Process::start(start).await
    }

    async fn gateway(&self) -> Result<Option<Arc<Gateway>>, Fault> {
        match &self.config.gateway {
            None => Ok(None),
            Some(open) => {
                let gateway = open().await.map_err(Fault::NoPlace)?;
                gateway.check().map_err(Fault::Model)?;
                Ok(Some(gateway))
            }
        }
    }

    fn admission(&self, plan: &Plan<'_>, task: &AgentTask, attempt: &Attempt) -> Admission {
        Admission {
            name: task.label.clone(),
            provider: plan.chosen.as_ref().map(|chosen| chosen.provider.clone()),
            model: plan.chosen.as_ref().map(|chosen| chosen.model.clone()),
            answer_tokens_max: task.options.max_tokens,
            agent: Some(task.agent),
            payer: Some(Payer::of(task, attempt)),
            ..Admission::default()
        }
    }

    fn folder_of_run(&self, task: &AgentTask) -> PathBuf {
        self.config.state.join(task.run.as_str())
    }

    fn new_folder(&self, task: &AgentTask) -> PathBuf {
        let name: String =
            self.config.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        self.folder_of_run(task).join(format!("{name}-{}-{}", task.agent.0, task.attempt))
    }

    /// The session that an earlier attempt opened last, if its folder is still there.
    fn earlier(&self, task: &AgentTask) -> Option<Earlier> {
        let opened = task.turns.iter().rev().find_map(|turn| match turn {
            TurnRecord::SessionOpened { backend, session } if *backend == self.config.name => Some(session),
            TurnRecord::Answered { .. }
            | TurnRecord::ToolStarted { .. }
            | TurnRecord::ToolEnded { .. }
            | TurnRecord::Folded { .. }
            | TurnRecord::SessionOpened { .. }
            | TurnRecord::Acted { .. }
            | TurnRecord::Spent { .. }
            | TurnRecord::Holding { .. }
            | TurnRecord::Summarised { .. } => None,
        })?;
        let (folder, session) = opened.split_once('/')?;
        let private = self.folder_of_run(task).join(folder);
        let is_name = !folder.contains("..") && private.is_dir();
        is_name.then(|| Earlier { private, session: session.to_owned() })
    }

    async fn work(
        &self,
        plan: &Plan<'_>,
        task: &AgentTask,
        attempt: &Attempt,
        process: &mut Process,
        ledger: &mut Ledger,
    ) -> Result<Answer, Fault> {
        let tool = self.answer_tool(task, process)?;
        let form =
            plan.schema.as_ref().map(|_| if self.config.is_native() { Form::Native } else { Form::Tool });
        let servers: Vec<told::Server> = tool.iter().map(session::server).collect();
        let native = task.options.schema.as_ref().filter(|_| form == Some(Form::Native));
        let opening =
            || Opening { folder: &attempt.folder, servers: &servers, meta: self.config.meta(native) };
        let earlier = self.earlier(task).filter(|earlier| earlier.private == process.private);
        let patience = Duration::from_millis(self.config.start_ms);
        let opened =
            session::open(process, earlier.map(|earlier| earlier.session), opening, patience, attempt);
        let (opened, goes_on) = opened.await?;
        if let Some(note) = opened.note {
            ledger.note(note);
        }
        if !goes_on {
            let folder = process.private.file_name().unwrap_or_default().to_string_lossy();
            let session = format!("{folder}/{}", opened.session.id);
            let backend = self.config.name.clone();
            conversation::record(TurnRecord::SessionOpened { backend, session }, attempt).await?;
            session::entitle(process, &opened.session.id, &task.label).await;
        }
        let choice = match &plan.chosen {
            Some(chosen) => Choice::Set(self.config.model_name(&chosen.model)),
            None => plan.asked.clone().map_or(Choice::Free, Choice::Asked),
        };
        session::choose(process, &opened.session, &choice, plan.effort, ledger).await?;
        let mut talk = Conversation {
            session: opened.session.id.clone(),
            process,
            attempt,
            profile: plan.profile,
            idle: Duration::from_millis(self.idle_ms(task)),
            ledger,
        };
        let body = plan.agent_type.map(|known| known.body.as_str());
        let asked_for =
            form.zip(task.options.schema.as_ref()).map(|(form, schema)| texts::form(form, schema));
        let before = texts::before(body, asked_for.as_deref(), goes_on);
        let first: Vec<String> = task.place.iter().cloned().chain([before, task.prompt.clone()]).collect();
        let answer = match (&plan.schema, &task.options.schema, &tool, form) {
            (Some(compiled), Some(schema), Some(tool), Some(form)) => {
                let ladder = Ladder { schema, compiled, tool, first: form };
                ladder.climb(&mut talk, first).await.map(Answer::Json)?
            }
            _ => talk.turn(&first).await.map(Answer::Text)?,
        };
        session::close(process, &opened.session.id).await;
        Ok(answer)
    }

    fn answer_tool(&self, task: &AgentTask, process: &Process) -> Result<Option<AnswerTool>, Fault> {
        let Some(schema) = &task.options.schema else { return Ok(None) };
        let folder = process.private.join("answers").join(format!("{}-{}", task.agent.0, task.attempt));
        private_folder(&folder).map_err(Fault::NoPlace)?;
        let tool = AnswerTool::new(&self.config.answer, schema, &folder);
        tool.map(Some)
            .map_err(|error| Fault::NoPlace(format!("cannot write `{}`: {error}", folder.display())))
    }

    fn idle_ms(&self, task: &AgentTask) -> u64 {
        let asked = [task.options.stall_ms, task.options.idle_ms];
        asked.into_iter().flatten().min().unwrap_or(self.config.stall_ms).max(1)
    }

    /// A process that behaved waits for the next agent; any other is ended, for certain.
    async fn leave(&self, mut process: Process, answered: Result<Answer, Fault>) -> AttemptEnd {
        let spoils = process.spoilt || answered.as_ref().is_err_and(Fault::spoils) || !process.is_alive();
        let may_go_on = matches!(
            answered,
            Err(Fault::Cancelled { .. } | Fault::Stalled { .. } | Fault::Unanswered(_) | Fault::Model(_))
        );
        process.keeps_folder |= may_go_on;
        let broken = match spoils {
            true => Some(process.end().await),
            false => {
                self.pool.give_back(process);
                None
            }
        };
        match answered {
            Ok(answer) => AttemptEnd::Answered(answer),
            Err(fault) => explain(fault, broken.as_ref(), &self.config),
        }
    }
}

impl Backend for AcpBackend {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn process_kind(&self) -> Option<&str> {
        Some(self.name())
    }

    fn is_metered(&self, options: &AgentOptions) -> bool {
        let agent_type = options.agent_type.as_deref().and_then(|name| self.config.types.get(name));
        let asked = options.model.as_deref().or(agent_type.and_then(|known| known.model.as_deref()));
        // What cannot be chosen is asked of nobody.
        self.choose(asked.filter(|model| *model != "inherit")).map_or(true, |chosen| chosen.is_some())
    }

    fn payee(&self, options: &AgentOptions) -> Payee {
        let agent_type = options.agent_type.as_deref().and_then(|name| self.config.types.get(name));
        let asked = options.model.as_deref().or(agent_type.and_then(|known| known.model.as_deref()));
        match self.choose(asked.filter(|model| *model != "inherit")) {
            Ok(Some(chosen)) => Payee { provider: chosen.provider, model: Some(chosen.model) },
            Ok(None) | Err(_) => Payee { provider: self.name().to_owned(), model: asked.map(str::to_owned) },
        }
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        self.attempt(task, attempt).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.pool.close().boxed()
    }
}
