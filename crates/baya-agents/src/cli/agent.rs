//! The backend: what an agent is told and allowed, then its conversation.

use super::conversation::{Conversation, Way};
use super::seat::{OpenSeat, Seat, Uplink};
use super::speaker::Speaker;
use super::version;
use super::watch::Patience;
use crate::agent_types::{AgentType, AgentTypes};
use crate::api::rights;
use crate::backend::{Attempt, Backend, Payee};
use crate::gateway::Gateway;
use crate::memory_files;
use crate::models::{ModelTable, clamp_effort};
use crate::sandbox::Profile;
use baya_core::agent::{AgentOptions, AgentTask, AttemptEnd, AttemptReport, Cause, CauseKind};
use baya_core::limits::{AGENT_WALL_MS_MAX, PROGRAM_STALL_MS};
use baya_core::schema::Schema;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Tools that change something.
const CHANGING: [&str; 3] = ["write", "edit", "bash"];

/// What can be set about a program.
#[derive(Debug, Clone)]
pub struct CliSettings {
    /// The program, and words that always go with it.
    pub argv: Vec<String>,
    /// Variables it gets beside the usual ones.
    pub environment: BTreeMap<String, String>,
    /// Whether agents see the project's memory files.
    pub memory_files: bool,
    /// The most that any agent may do.
    pub profile: Profile,
    /// What names of models mean.
    pub models: ModelTable,
    /// No sign of life for so long: stalled. `stallMs` and `idleMs` of a call go before it.
    pub stall_ms: u64,
}

impl CliSettings {
    /// With everything but the program as usual.
    pub fn new(argv: Vec<String>, models: ModelTable) -> CliSettings {
        CliSettings {
            argv,
            environment: BTreeMap::new(),
            memory_files: true,
            profile: Profile::default(),
            models,
            stall_ms: PROGRAM_STALL_MS,
        }
    }
}

/// A backend whose agents are runs of a program.
pub struct CliAgent {
    pub(super) speaker: Box<dyn Speaker>,
    pub(super) settings: CliSettings,
    pub(super) uplink: Uplink,
    types: Arc<AgentTypes>,
    open: OpenSeat,
    /// The program is the one we know.
    checked: OnceCell<()>,
    /// Schemas that the provider refuses as such.
    unfit: Mutex<BTreeSet<String>>,
}

/// What an agent may use and do.
pub(super) struct Allowed {
    pub tools: Option<Vec<String>>,
    pub denied: Vec<String>,
    pub profile: Profile,
    pub notes: Vec<String>,
}

impl CliAgent {
    pub(crate) fn new(
        speaker: Box<dyn Speaker>,
        settings: CliSettings,
        types: Arc<AgentTypes>,
        open: OpenSeat,
        uplink: Uplink,
    ) -> CliAgent {
        let (checked, unfit) = (OnceCell::new(), Mutex::default());
        CliAgent { speaker, settings, uplink, types, open, checked, unfit }
    }

    async fn attempt(
        &self,
        task: &AgentTask,
        attempt: &Attempt,
        way: &mut Way,
    ) -> Result<AttemptEnd, AttemptEnd> {
        let options = &task.options;
        let agent_type = self.agent_type(task)?;
        let allowed = self.allowed(agent_type, task)?;
        way.notes(&allowed.notes);
        let asked = options.model.as_deref().or(agent_type.and_then(|known| known.model.as_deref()));
        let (model, small) = self.model(asked)?;
        way.report.model_asked.clone_from(&model);
        let effort = options.effort.or(agent_type.and_then(|known| known.effort));
        let effort = match (&model, effort) {
            (Some(model), Some(asked)) => {
                let (effort, note) = clamp_effort(model, asked);
                way.notes(note.as_slice());
                effort
            }
            (None, asked) | (_, asked @ None) => asked,
        };
        let shape =
            options.schema.as_ref().map(|schema| Schema::compile(schema).map(|known| (schema, known)));
        let shape = shape.transpose().map_err(|why| {
            let message = format!("the schema cannot be used: {why}");
            AttemptEnd::Failed(Cause::new(CauseKind::SchemaUnmet, message))
        })?;
        let gateway = self.gateway().await?;
        let seat = self.seat(task, attempt, allowed.profile, gateway.port())?;
        self.checked
            .get_or_try_init(|| version::check(self.speaker.about(), &self.settings.argv, &seat, attempt))
            .await?;
        let memory = self.settings.memory_files.then(|| memory_files::collect(&attempt.folder));
        let memory = memory.unwrap_or_default();
        way.notes(&memory.notes);
        let conversation = Conversation {
            agent: self,
            task,
            attempt,
            seat: &seat,
            grant: self.uplink.admit(&gateway, task, attempt, model.as_deref()),
            allowed: &allowed,
            model,
            small,
            effort,
            body: agent_type.map(|known| known.body.as_str()),
            memory: memory.text,
            turns_max: options.max_turns.or(agent_type.and_then(|known| known.max_turns)),
            shape,
            patience: self.patience(task),
        };
        let end = conversation.run(way).await;
        if matches!(end, AttemptEnd::Answered(_)) {
            seat.clear().await;
        }
        Ok(end)
    }

    fn agent_type(&self, task: &AgentTask) -> Result<Option<&AgentType>, AttemptEnd> {
        let Some(name) = &task.options.agent_type else { return Ok(None) };
        self.types.get(name).map(Some).ok_or_else(|| {
            let known = self.types.names().join("`, `");
            let cause = Cause::new(CauseKind::Api, format!("no agent type is called `{name}`"));
            AttemptEnd::Failed(cause.hint(format!("there are `{known}`")))
        })
    }

    /// What the type and the call leave of the program's tools. What the program cannot be held to is
    /// refused: rights never widen.
    fn allowed(&self, agent_type: Option<&AgentType>, task: &AgentTask) -> Result<Allowed, AttemptEnd> {
        let refused = |why: String| AttemptEnd::Failed(Cause::new(CauseKind::Program, why));
        let name = self.speaker.about().name;
        let of_type = agent_type.and_then(|known| known.tools.as_deref()).unwrap_or_default();
        let of_call = task.options.tools.as_deref().unwrap_or_default();
        let clamps = |entry: &String| entry.to_lowercase().trim_start().starts_with("bash(");
        if task.options.bash_command_clamp.is_some() || of_type.iter().chain(of_call).any(clamps) {
            let why = format!("`{name}` cannot be held to some shell commands only");
            return Err(AttemptEnd::Failed(
                Cause::new(CauseKind::Program, why)
                    .hint("the backend `api` can; or leave `bash` out of the tools"),
            ));
        }
        let rights = rights(agent_type, &task.options, self.settings.profile).map_err(refused)?;
        let names: Vec<String> = rights.tools.iter().map(|tool| tool.name().to_owned()).collect();
        let changes = names.iter().any(|name| CHANGING.contains(&name.as_str()));
        let profile = if changes { rights.profile } else { Profile::ReadOnly };
        let of_type_denied = agent_type.map(|known| known.disallowed_tools.clone()).unwrap_or_default();
        let denied = [of_type_denied, task.options.disallowed_tools.clone()].concat();
        let is_free = agent_type.is_none_or(|known| known.tools.is_none()) && task.options.tools.is_none();
        let tools = (!is_free || !denied.is_empty()).then_some(names);
        Ok(Allowed { tools, denied, profile, notes: rights.notes })
    }

    /// The model to ask for, and a small one. Nothing asked for on the program's own login: its own choice.
    fn model(&self, asked: Option<&str>) -> Result<(Option<String>, Option<String>), AttemptEnd> {
        let table = &self.settings.models;
        let is_open = asked.is_none_or(|word| word.trim().is_empty() || word.trim() == "inherit");
        if is_open && table.default_model.is_none() && self.uplink.provider.is_none() {
            return Ok((None, None));
        }
        let chosen = table.choose(asked).map_err(|reason| {
            let cause = Cause::new(CauseKind::UnknownModel, reason.to_string());
            AttemptEnd::Unusable(cause.hint(reason.hint()))
        })?;
        Ok((Some(chosen.model), table.small(chosen.provider)))
    }

    async fn gateway(&self) -> Result<Arc<Gateway>, AttemptEnd> {
        let gateway = (self.uplink.gateway)().await.map_err(|why| {
            let cause = Cause::new(CauseKind::ProviderDown, why);
            AttemptEnd::Unusable(cause.hint("agents that are programs reach models only through it"))
        })?;
        gateway.check().map_err(AttemptEnd::Unusable)?;
        Ok(gateway)
    }

    fn seat(
        &self,
        task: &AgentTask,
        attempt: &Attempt,
        profile: Profile,
        port: u16,
    ) -> Result<Seat, AttemptEnd> {
        let mut seat = (self.open)(task, attempt, profile).map_err(|why| {
            AttemptEnd::Unusable(Cause::new(CauseKind::Program, format!("no agent can work here: {why}")))
        })?;
        seat.environment.extend(self.settings.environment.clone());
        seat.sandbox.port = Some(port);
        seat.sandbox.own.push(seat.home.clone());
        Ok(seat)
    }

    fn patience(&self, task: &AgentTask) -> Patience {
        let asked = [task.options.stall_ms, task.options.idle_ms].into_iter().flatten().min();
        let idle = Duration::from_millis(asked.unwrap_or(self.settings.stall_ms).max(1));
        let wall = Duration::from_millis(task.options.timeout_ms.unwrap_or(AGENT_WALL_MS_MAX));
        Patience { first: idle, idle, wall }
    }

    pub(super) fn is_unfit(&self, schema: &str) -> bool {
        self.unfit.lock().unwrap_or_else(PoisonError::into_inner).contains(schema)
    }

    pub(super) fn remember_unfit(&self, schema: &str) {
        self.unfit.lock().unwrap_or_else(PoisonError::into_inner).insert(schema.to_owned());
    }
}

impl Backend for CliAgent {
    fn name(&self) -> &str {
        self.speaker.about().name
    }

    fn process_kind(&self) -> Option<&str> {
        Some(self.name())
    }

    fn payee(&self, options: &AgentOptions) -> Payee {
        let agent_type = options.agent_type.as_deref().and_then(|name| self.types.get(name));
        let asked = options.model.as_deref().or(agent_type.and_then(|known| known.model.as_deref()));
        Payee {
            provider: self.uplink.provider.clone().unwrap_or_else(|| self.name().to_owned()),
            model: self.model(asked).ok().and_then(|(model, _)| model),
        }
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport> {
        async move {
            let mut way = Way::new(task);
            let end = self.attempt(task, attempt, &mut way).await.unwrap_or_else(|end| end);
            way.into_report(end)
        }
        .boxed()
    }
}
