//! The seam between runs and whatever does the work of an agent.
//!
//! A backend runs one attempt to its end. It never panics on what the outside does, gives up when
//! cancelled, and says what it knows of usage and of the model that served.

use crate::purse::SharedPurse;
use baya_core::agent::{AgentOptions, AgentProcess, AgentTask, AttemptReport, Progress};
use baya_core::approval::{ApprovalRequest, Told};
use baya_core::turn::TurnRecord;
use futures_util::future::BoxFuture;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub trait Backend: Send + Sync {
    /// As `--backend` and the option `backend` name it.
    fn name(&self) -> &str;

    /// No model is asked.
    fn is_simulated(&self) -> bool {
        false
    }

    /// Its agents can be held to `quarantine`: they only read, and see no secret.
    fn holds_quarantine(&self) -> bool {
        false
    }

    /// It tells its agents [`AgentTask::data_rule`] by itself, in the system text; else the rule stands in
    /// front of the prompt.
    fn tells_data_rule(&self) -> bool {
        false
    }

    /// Each of its agents is a process of its own, of this kind: it needs memory before it starts.
    fn process_kind(&self) -> Option<&str> {
        None
    }

    /// Its requests to models can be held to caps: they are ours, or go through the gateway.
    fn is_metered(&self, _options: &AgentOptions) -> bool {
        true
    }

    /// Who is paid for what this agent uses, and for which model.
    fn payee(&self, _options: &AgentOptions) -> Payee {
        Payee { provider: self.name().to_owned(), model: None }
    }

    fn run<'a>(&'a self, task: &'a AgentTask, attempt: &'a Attempt) -> BoxFuture<'a, AttemptReport>;

    /// The run is over: ends what waits for further agents.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Who is paid, as a price table names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payee {
    /// A provider; a program that pays by its own account, by its own name.
    pub provider: String,
    /// The model that will be asked for, if that is known.
    pub model: Option<String>,
}

/// What surrounds one attempt.
pub struct Attempt {
    /// Cancelled when the attempt shall end; the backend then reports `Cancelled` soon.
    pub cancel: CancellationToken,
    /// The folder the agent works in.
    pub folder: PathBuf,
    pub signals: Arc<dyn Fn(Signal) + Send + Sync>,
    /// Asked before the agent does anything but think.
    pub gate: Arc<dyn Gatekeeper>,
    /// Asked before a request goes out to a model.
    pub purse: SharedPurse,
}

/// Whether an agent may do what it is about to do. The sandbox holds in any case; this is what people
/// want beyond it.
pub trait Gatekeeper: Send + Sync {
    /// Waits for a person, if it must. A cancelled attempt gives the question up.
    fn may<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Permission>;

    /// Whether a search may look into this file; asks nobody.
    fn sees(&self, _path: &Path) -> bool {
        true
    }
}

/// What an agent is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The tool it does it with, as the agent calls it.
    pub tool: String,
    pub what: Deed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A shell line.
    Command(String),
    Read(PathBuf),
    Write(PathBuf),
    /// A host of the network.
    Host(String),
    /// Anything else, in words.
    Other(String),
}

impl Action {
    /// For people.
    pub fn in_words(&self) -> String {
        match &self.what {
            Deed::Command(text) | Deed::Other(text) => text.clone(),
            Deed::Read(path) => format!("read {}", path.display()),
            Deed::Write(path) => format!("write {}", path.display()),
            Deed::Host(host) => format!("connect to {host}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    Allowed,
    /// Why, for the agent.
    Denied(String),
}

/// The gatekeeper of people who ask for none.
#[derive(Debug, Clone, Copy)]
pub struct OpenGate;

impl Gatekeeper for OpenGate {
    fn may<'a>(&'a self, _action: &'a Action) -> BoxFuture<'a, Permission> {
        Box::pin(std::future::ready(Permission::Allowed))
    }
}

/// What a backend tells while it works.
pub enum Signal {
    Progress(Progress),
    /// A process was started. It gets its work only after `recorded` has answered, so that a crash of
    /// ours leaves no process that nobody knows of.
    ProcessStarted {
        process: AgentProcess,
        recorded: oneshot::Sender<()>,
    },
    /// The agent wants to do what needs a person's word. `told` hears it; dropped, nobody will say it.
    ApprovalAsked {
        request: ApprovalRequest,
        told: oneshot::Sender<Told>,
    },
    /// The agent came one step further. It does not go on before `recorded` has answered, so that what
    /// was paid for or done is never paid for or done again.
    Turn {
        turn: TurnRecord,
        recorded: oneshot::Sender<()>,
    },
}

impl Attempt {
    pub fn tell(&self, progress: Progress) {
        (self.signals)(Signal::Progress(progress));
    }
}
