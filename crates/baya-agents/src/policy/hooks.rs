//! Programs of the user that are told what agents are about to do, and may say no.
//!
//! A hook reads one JSON object. Exit status 0: go on; 2: no, and why stands on its standard error;
//! anything else, and a time-out, is an error, which before an action counts as a no. Hooks run outside
//! of every sandbox, as the user's own programs: settings of a project name them only when the user
//! trusts its folder, which is the caller's business.

use super::pattern::ToolPattern;
use crate::program::{Launch, Running, launch};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const VETO: i32 = 2;

/// When a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    BeforeAgent,
    AfterAgent,
    BeforeTool,
}

/// One program.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    pub moment: Moment,
    /// The program and its arguments; never a shell line.
    pub argv: Vec<String>,
    /// Before these tools; none: before all.
    pub tools: Vec<ToolPattern>,
    pub timeout: Duration,
}

/// All hooks of a run, in the order they are called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hooks {
    pub list: Vec<Hook>,
    /// What they see of the environment.
    pub environment: BTreeMap<String, String>,
}

/// A hook said no, or could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto {
    /// For the agent and for people.
    pub reason: String,
}

impl Moment {
    /// As settings and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Moment::BeforeAgent => "before_agent",
            Moment::AfterAgent => "after_agent",
            Moment::BeforeTool => "before_tool",
        }
    }
}

impl Hooks {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether some hook is called before this tool.
    pub fn hear_of(&self, tool: &str) -> bool {
        self.of(Moment::BeforeTool, Some(tool)).next().is_some()
    }

    fn of<'a>(&'a self, moment: Moment, tool: Option<&'a str>) -> impl Iterator<Item = &'a Hook> {
        let speaks = move |hook: &&Hook| {
            let named = |tool: &str| hook.tools.iter().any(|pattern| pattern.matches(tool));
            hook.moment == moment && (hook.tools.is_empty() || tool.is_some_and(named))
        };
        self.list.iter().filter(speaks)
    }

    /// Asks one after the other; the first no is the answer.
    pub async fn before(
        &self,
        moment: Moment,
        tool: Option<&str>,
        mut input: Value,
        folder: &Path,
    ) -> Result<(), Veto> {
        input["hook"] = json!(moment.name());
        for hook in self.of(moment, tool) {
            match self.call(hook, &input, folder).await {
                Ok(Said::GoOn) => {}
                Ok(Said::No(why)) => {
                    let why = if why.is_empty() { "it gave no reason".to_owned() } else { why };
                    return Err(Veto { reason: format!("the hook `{}` says no: {why}", hook.name()) });
                }
                Err(why) => {
                    let reason = format!("the hook `{}` failed, so this is not done: {why}", hook.name());
                    return Err(Veto { reason });
                }
            }
        }
        Ok(())
    }

    /// Tells all; what went wrong.
    pub async fn after(&self, moment: Moment, mut input: Value, folder: &Path) -> Vec<String> {
        input["hook"] = json!(moment.name());
        let mut wrong = Vec::new();
        for hook in self.of(moment, None) {
            match self.call(hook, &input, folder).await {
                Ok(Said::GoOn) => {}
                Ok(Said::No(why)) => wrong.push(format!("the hook `{}` says: {why}", hook.name())),
                Err(why) => wrong.push(format!("the hook `{}` failed: {why}", hook.name())),
            }
        }
        wrong
    }

    async fn call(&self, hook: &Hook, input: &Value, folder: &Path) -> Result<Said, String> {
        let words = Launch { argv: &hook.argv, environment: &self.environment, folder, sandbox: None };
        let mut running = launch(&words).await.map_err(|error| error.to_string())?;
        running.begin().await;
        let told = tokio::time::timeout(hook.timeout, converse(&mut running, input)).await;
        let said = running.end().await.said;
        let status = told.map_err(|_| format!("no end within {} ms", hook.timeout.as_millis()))?;
        let status = status.map_err(|error| format!("it cannot be waited for: {error}"))?;
        match status.code() {
            Some(0) => Ok(Said::GoOn),
            Some(VETO) => Ok(Said::No(said)),
            Some(code) if said.is_empty() => Err(format!("exit status {code}")),
            Some(code) => Err(format!("exit status {code}: {said}")),
            None => Err("it was ended by a signal".to_owned()),
        }
    }
}

enum Said {
    GoOn,
    No(String),
}

/// Gives the input, and waits for the end.
async fn converse(running: &mut Running, input: &Value) -> std::io::Result<ExitStatus> {
    let (stdin, stdout) = (running.take_stdin(), running.take_stdout());
    let give = async {
        if let Some(mut stdin) = stdin {
            // A program need not read its input.
            let _ = stdin.write_all(format!("{input}\n").as_bytes()).await;
        }
    };
    let take = async {
        if let Some(mut stdout) = stdout {
            // Nobody reads it, but a full pipe would hold the program up.
            let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
        }
    };
    let talk = async {
        tokio::join!(give, take);
        std::future::pending::<ExitStatus>().await
    };
    tokio::select! {
        status = running.exited() => status,
        status = talk => Ok(status),
    }
}

impl Hook {
    fn name(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }
}
