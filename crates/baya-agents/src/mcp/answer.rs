//! The tool `StructuredOutput` for agents that are programs: a server over stdio with one tool, whose
//! input schema is the user's own.
//!
//! The agent starts the server itself, so it runs inside the agent's sandbox and meets us only in the
//! agent's private folder: what meets the schema is written there whole or not at all, what does not goes
//! back to the model with the validator's message. Whoever reads the answer checks it again.

use crate::api::STRUCTURED_OUTPUT;
use baya_core::limits::STRUCTURED_OUTPUT_TRIES;
use baya_core::schema::Schema;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The server's name, of which agents make the tool's: `mcp__baya__StructuredOutput` and the like.
pub const SERVER: &str = "baya";

const ABOUT: &str =
    "Hands over your result. Its input is the whole result; call it once, when all work is done.";
const TAKEN: &str = "The result is taken. End your turn now.";

/// One agent's tool for its answer.
#[derive(Debug, Clone)]
pub struct AnswerTool {
    program: Vec<String>,
    schema: PathBuf,
    out: PathBuf,
}

/// An input that did not meet the schema.
#[derive(Serialize, Deserialize)]
struct Refusal {
    why: String,
    input: Value,
}

impl AnswerTool {
    /// `program` is our own binary and its word; `folder` is private to the agent and may be written by
    /// it. An answer of an earlier agent in this folder is forgotten.
    pub fn new(program: &[String], schema: &Value, folder: &Path) -> io::Result<AnswerTool> {
        let tool = AnswerTool {
            program: program.to_vec(),
            schema: folder.join("schema.json"),
            out: folder.join("answer.json"),
        };
        for old in [tool.out.clone(), refusals(&tool.out)] {
            match std::fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        write_whole(&tool.schema, &schema.to_string())?;
        Ok(tool)
    }

    /// What the agent starts as its server.
    pub fn argv(&self) -> Vec<String> {
        let files = [&self.schema, &self.out].map(|path| path.display().to_string());
        self.program.iter().cloned().chain(files).collect()
    }

    /// The last input that met the schema.
    pub fn taken(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(&self.out).ok()?).ok()
    }

    /// The inputs that did not, oldest first.
    pub fn refused(&self) -> Vec<String> {
        self.refusals().into_iter().map(|refusal| refusal.input.to_string()).collect()
    }

    /// What the schema said of the last of them.
    pub fn last_wrong(&self) -> Option<String> {
        self.refusals().pop().map(|refusal| refusal.why)
    }

    fn refusals(&self) -> Vec<Refusal> {
        let text = std::fs::read_to_string(refusals(&self.out)).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn refusals(out: &Path) -> PathBuf {
    out.with_extension("refused")
}

/// Serves the tool on standard input and output until the agent hangs up.
pub fn serve(schema: &Path, out: &Path) -> io::Result<()> {
    let text = std::fs::read_to_string(schema)?;
    let told: Map<String, Value> = serde_json::from_str(&text)?;
    let compiled = Schema::compile(&Value::Object(told.clone())).map_err(io::Error::other)?;
    let server = Server { told: Arc::new(told), compiled, out: out.to_owned(), writing: Mutex::new(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let running = server.serve(stdio()).await.map_err(io::Error::other)?;
        running.waiting().await.map_err(io::Error::other)
    });
    // A thread may still wait for input.
    runtime.shutdown_background();
    served.map(drop)
}

struct Server {
    told: Arc<Map<String, Value>>,
    compiled: Schema,
    out: PathBuf,
    /// Calls may come side by side.
    writing: Mutex<()>,
}

impl Server {
    /// What the model is told of one call.
    fn take(&self, input: Value) -> io::Result<CallToolResult> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(why) = self.compiled.validate(&input) else {
            write_whole(&self.out, &input.to_string())?;
            return Ok(CallToolResult::success(vec![ContentBlock::text(TAKEN)]));
        };
        let path = refusals(&self.out);
        let before = std::fs::read_to_string(&path).map_or(0, |text| text.lines().count());
        let told = wrong(&why, before as u32 + 1);
        if before < STRUCTURED_OUTPUT_TRIES as usize {
            let line = serde_json::to_string(&Refusal { why, input })?;
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            file.write_all(format!("{line}\n").as_bytes())?;
        }
        Ok(CallToolResult::error(vec![ContentBlock::text(told)]))
    }
}

fn wrong(why: &str, tries: u32) -> String {
    match STRUCTURED_OUTPUT_TRIES.checked_sub(tries) {
        Some(1..) => format!(
            "That is not a usable result: {why}. Call `{STRUCTURED_OUTPUT}` again with the whole result as its input."
        ),
        Some(0) | None => format!("That is not a usable result: {why}. No try is left; end your turn."),
    }
}

/// So that nobody ever reads half of it.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    std::fs::rename(new, path)
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let own = Implementation::new(SERVER, env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(own)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = Tool::new(STRUCTURED_OUTPUT, ABOUT, self.told.clone());
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if call.name != STRUCTURED_OUTPUT {
            return Err(ErrorData::invalid_params(format!("there is no tool `{}`", call.name), None));
        }
        let taken = self.take(Value::Object(call.arguments.unwrap_or_default()));
        taken.map(CallToolResponse::from).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }
}
