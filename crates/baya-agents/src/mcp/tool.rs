//! A tool of a server, as an agent has it: `mcp__server__tool`.

use super::client::Described;
use super::server::Server;
use crate::tools::output::Collected;
use crate::tools::{Tool, ToolOutput, ToolRoom};
use baya_core::limits::MCP_ABOUT_BYTES_MAX;
use baya_core::schema::Schema;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

/// What providers take as the name of a tool.
const NAME_CHARS_MAX: usize = 64;
/// What all names of tools of servers begin with.
pub const PREFIX: &str = "mcp__";

pub(super) struct ServerTool {
    name: String,
    described: Described,
    server: Arc<Server>,
}

/// The beginning of the names of all tools of a server, without the last two underscores.
pub fn server_name(server: &str) -> String {
    format!("{PREFIX}{}", plain(server))
}

/// One name for one tool, of letters that every provider takes.
fn tool_name(server: &str, tool: &str) -> String {
    let name = format!("{}__{}", server_name(server), plain(tool));
    if name.len() <= NAME_CHARS_MAX {
        return name;
    }
    // The same every time, so that a cached beginning of a request stays the same.
    let hash = blake3::hash(format!("{server}\n{tool}").as_bytes()).to_hex();
    format!("{}_{}", &name[..NAME_CHARS_MAX - 9], &hash[..8])
}

/// ASCII in any case, so that it may be cut anywhere.
fn plain(name: &str) -> String {
    let usual = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    name.chars().map(usual).collect()
}

impl ServerTool {
    /// The tool, and what there is to say of its description.
    pub fn new(server: &Arc<Server>, described: &Described) -> (ServerTool, Option<String>) {
        let mut described = described.clone();
        let name = tool_name(&server.name, &described.name);
        let mut note = None;
        if let Err(why) = Schema::compile(&described.schema) {
            note = Some(format!("the input of `{name}` is not checked, its schema is not usable: {why}"));
            described.schema = json!({"type": "object", "properties": {}});
        }
        if described.description.len() > MCP_ABOUT_BYTES_MAX {
            let end = described.description.floor_char_boundary(MCP_ABOUT_BYTES_MAX);
            described.description.truncate(end);
            described.description.push('…');
        }
        (ServerTool { name, described, server: server.clone() }, note)
    }

    /// About what a request carries for it.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.described.description.len() + self.described.schema.to_string().len()
    }

    async fn answer(&self, input: Value, room: &ToolRoom) -> ToolOutput {
        let Value::Object(input) = input else { return ToolOutput::error("the input is no object") };
        let called = tokio::select! {
            biased;
            () = room.cancel.cancelled() => Err("the agent was stopped".to_owned()),
            called = self.server.call(&self.described.name, input) => called,
        };
        match called {
            Ok(ToolOutput { text, is_error }) => {
                let kept = room.kept.join(format!("server-{}.txt", room.next_number()));
                ToolOutput { text: Collected::cut(kept, &text).await, is_error }
            }
            Err(why) => ToolOutput::error(format!("the server `{}` gave no answer: {why}", self.server.name)),
        }
    }
}

impl Tool for ServerTool {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.described.description
    }

    fn input_schema(&self) -> Value {
        self.described.schema.clone()
    }

    fn only_reads(&self) -> bool {
        self.described.only_reads
    }

    fn is_untrusted(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        Box::pin(self.answer(input, room))
    }
}
