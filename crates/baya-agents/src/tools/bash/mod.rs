//! `bash`: a shell command under the sandbox.
//!
//! Each command is a shell of its own; the folder it ends in is where the next one begins. Its two
//! outputs share a pipe, so that they arrive in the order they were written in. What it leaves in the
//! background lives until the agent ends, and does not hold up the call.

mod shell;

use super::clamp::Clamp;
use super::{Tool, ToolOutput, ToolRoom, parsed};
use crate::backend::Deed;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use shell::{Ended, How};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

const SECONDS_DEFAULT: u64 = 120;
const SECONDS_MAX: u64 = 600;

pub struct BashTool {
    /// Which commands may run.
    pub clamp: Clamp,
}

#[derive(Deserialize)]
struct Input {
    command: String,
    timeout: Option<u64>,
}

impl Tool for BashTool {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn description(&self) -> &'static str {
        "Run a shell command without stdin. The folder stays for the next call."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["command"], "properties": {
            "command": {"type": "string"},
            "timeout": {"type": "integer", "description": "seconds, 120 unless given, up to 600"}
        }})
    }

    fn only_reads(&self) -> bool {
        false
    }

    fn deed(&self, input: &Value, _room: &ToolRoom) -> Deed {
        Deed::Command(input.get("command").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            match self.run(input, room).await {
                Ok(output) => output,
                Err(text) => ToolOutput::error(text),
            }
        })
    }
}

impl BashTool {
    async fn run(&self, input: Value, room: &ToolRoom) -> Result<ToolOutput, String> {
        let Input { command, timeout } = parsed(input)?;
        self.clamp.judge(&command)?;
        let seconds = timeout.unwrap_or(SECONDS_DEFAULT).clamp(1, SECONDS_MAX);
        let ended = shell::run(&command, Duration::from_secs(seconds), room).await?;
        Ok(told(ended, seconds))
    }
}

fn told(ended: Ended, seconds: u64) -> ToolOutput {
    let (end, is_error) = match ended.how {
        How::Exited(status) => (exit(status), !status.success()),
        How::TimedOut => (format!("timed out after {seconds} s and was ended"), true),
        How::Cancelled => ("ended: the agent was stopped".to_owned(), true),
    };
    let mut text = ended.output;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let nothing = if text.is_empty() { "no output, " } else { "" };
    text.push_str(&format!("({nothing}{end})"));
    for note in ended.notes {
        text.push_str(&format!("\n({note})"));
    }
    ToolOutput { text, is_error }
}

fn exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
