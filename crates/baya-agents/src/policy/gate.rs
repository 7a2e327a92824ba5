//! The gatekeeper of one attempt: the policy judges, hooks may veto, and what is left to a person is
//! asked and waited for. An attempt that is cancelled waits for nobody.

use super::hooks::{Hooks, Moment};
use super::judge::{Judgement, Policy};
use super::{Place, Ruling};
use crate::backend::{Action, Deed, Gatekeeper, Permission, Signal};
use baya_core::agent::{AgentTask, AttemptEnd};
use baya_core::approval::{Answerer, ApprovalRequest, Patience, Told, Verdict};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Characters of an action that a question shows.
const ACTION_CHARS: usize = 2_000;

/// What all attempts of a run share.
#[derive(Debug, Default)]
pub struct Gates {
    pub policy: Policy,
    pub hooks: Hooks,
    /// How long a person is waited for.
    pub patience: Patience,
    pub home: PathBuf,
}

/// What is known of the attempt that is kept.
pub struct Guarded {
    pub folder: PathBuf,
    pub cancel: CancellationToken,
    pub signals: Arc<dyn Fn(Signal) + Send + Sync>,
    /// `permissionMode: plan`, or a sandbox that only reads: no file is changed, not even by a program
    /// that asks for it.
    pub is_read_only: bool,
    /// `permissionMode: dontAsk`: what would be asked is denied.
    pub asks_nobody: bool,
}

struct Gate {
    gates: Arc<Gates>,
    guarded: Guarded,
    /// What hooks are told of the agent.
    about: Value,
}

impl Gates {
    /// Nothing is ever denied, asked or told to a hook.
    pub fn is_open(&self) -> bool {
        self.policy.is_open() && self.hooks.is_empty()
    }

    /// The gatekeeper of an attempt.
    pub fn gate(self: &Arc<Gates>, task: &AgentTask, guarded: Guarded) -> Arc<dyn Gatekeeper> {
        let about = about(task, &guarded.folder);
        Arc::new(Gate { gates: self.clone(), guarded, about })
    }

    /// Whether the agent may begin; why not, for people.
    pub async fn before_agent(&self, task: &AgentTask, folder: &Path) -> Result<(), String> {
        let mut input = about(task, folder);
        input["prompt"] = json!(task.prompt);
        input["options"] = json!(task.options);
        self.hooks.before(Moment::BeforeAgent, None, input, folder).await.map_err(|veto| veto.reason)
    }

    /// Tells what came of the agent; what hooks did wrong meanwhile.
    pub async fn after_agent(&self, task: &AgentTask, folder: &Path, end: &AttemptEnd) -> Vec<String> {
        let mut input = about(task, folder);
        input["end"] = json!(end);
        self.hooks.after(Moment::AfterAgent, input, folder).await
    }
}

fn about(task: &AgentTask, folder: &Path) -> Value {
    json!({
        "run": task.run, "agent": task.agent, "attempt": task.attempt, "label": task.label,
        "phase": task.phase, "agent_type": task.options.agent_type, "folder": folder,
    })
}

impl Gatekeeper for Gate {
    fn may<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Permission> {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = self.guarded.cancel.cancelled() => Permission::Denied("the agent was stopped".to_owned()),
                permission = self.judged(action) => permission,
            }
        })
    }

    fn sees(&self, path: &Path) -> bool {
        self.gates.policy.sees(path, self.place())
    }
}

impl Gate {
    fn place(&self) -> Place<'_> {
        Place { folder: &self.guarded.folder, home: &self.gates.home }
    }

    async fn judged(&self, action: &Action) -> Permission {
        if self.guarded.is_read_only && matches!(action.what, Deed::Write(_)) {
            return Permission::Denied("this agent only reads; say what is to be changed instead".to_owned());
        }
        let judgement = self.gates.policy.judge(action, self.place());
        if judgement.ruling == Ruling::Deny {
            return Permission::Denied(format!("the policy denies it: {}", judgement.why));
        }
        if let Err(reason) = self.ask_hooks(action).await {
            return Permission::Denied(reason);
        }
        match judgement.ruling {
            Ruling::Allow | Ruling::Deny => Permission::Allowed,
            Ruling::Ask => self.ask(action, judgement).await,
        }
    }

    async fn ask_hooks(&self, action: &Action) -> Result<(), String> {
        let hooks = &self.gates.hooks;
        if !hooks.hear_of(&action.tool) {
            return Ok(());
        }
        let mut input = self.about.clone();
        input["tool"] = json!(action.tool);
        input["action"] = deed(&action.what);
        let asked = hooks.before(Moment::BeforeTool, Some(&action.tool), input, &self.guarded.folder);
        asked.await.map_err(|veto| veto.reason)
    }

    async fn ask(&self, action: &Action, judgement: Judgement) -> Permission {
        let patience = if self.guarded.asks_nobody { Patience::Nobody } else { self.gates.patience };
        let request = ApprovalRequest {
            tool: action.tool.clone(),
            action: shortened(&action.in_words()),
            why: judgement.why,
            covers: judgement.covers,
            patience,
        };
        let (told, heard) = oneshot::channel();
        let why = request.why.clone();
        (self.guarded.signals)(Signal::ApprovalAsked { request, told });
        match heard.await {
            Ok(told) => permission(told, &why),
            Err(_) => Permission::Denied("the run is over".to_owned()),
        }
    }
}

/// The answer as the agent hears it.
fn permission(told: Told, why: &str) -> Permission {
    let by = match (told.answer, told.by) {
        (Verdict::Allow | Verdict::Always, _) => return Permission::Allowed,
        (Verdict::Deny, Answerer::Person(_)) => "a person was asked and denied it".to_owned(),
        (Verdict::Deny, Answerer::Nobody) => {
            format!("it needs a person's word ({why}), and nobody is there to answer")
        }
        (Verdict::Deny, Answerer::TimeLimit) => {
            format!("it needs a person's word ({why}), and nobody answered in time")
        }
        (Verdict::Deny, Answerer::End) => "the agent was stopped".to_owned(),
    };
    Permission::Denied(format!("{by}; do without it, or say in your result what is left to do"))
}

/// An action as hooks read it.
fn deed(what: &Deed) -> Value {
    match what {
        Deed::Command(text) => json!({"kind": "command", "command": text}),
        Deed::Read(path) => json!({"kind": "read", "path": path}),
        Deed::Write(path) => json!({"kind": "write", "path": path}),
        Deed::Host(host) => json!({"kind": "host", "host": host}),
        Deed::Other(text) => json!({"kind": "other", "text": text}),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(ACTION_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
