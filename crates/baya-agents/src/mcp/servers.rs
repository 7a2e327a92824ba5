//! The servers of one run, and which of their tools an agent gets.

use super::client::Described;
use super::config::Door;
use super::nest::Nest;
use super::server::Server;
use super::tool::{ServerTool, server_name};
use crate::agent_types::AgentType;
use crate::tools::Tool;
use crate::tools::set::Wanted;
use baya_core::agent::Wait;
use baya_core::ids::RunId;
use baya_core::limits::{MCP_TOOLS_BYTES_MAX, MCP_TOOLS_MAX};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A server that agents may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub name: String,
    /// Why it cannot be used, otherwise.
    pub door: Result<Door, String>,
    pub timeout_ms: Option<u64>,
    /// Only for agents of this type, which describes it.
    pub of_type: Option<String>,
}

/// Makes the place that the servers of a run work in.
pub type OpenNest = Arc<dyn Fn(&RunId) -> Result<Nest, String> + Send + Sync>;

/// All servers of one run.
pub struct Servers {
    planned: Vec<(Arc<Server>, Option<String>)>,
    open: OpenNest,
    nest: Mutex<Option<Arc<Nest>>>,
}

/// What came of starting one.
pub struct Surveyed {
    pub name: String,
    pub of_type: Option<String>,
    pub tools: Result<Vec<String>, String>,
}

/// What an agent gets of them.
#[derive(Default)]
pub struct Remote {
    pub tools: Vec<Arc<dyn Tool>>,
    pub notes: Vec<String>,
}

impl Servers {
    pub fn new(plans: Vec<Plan>, open: OpenNest) -> Servers {
        let server =
            |plan: Plan| (Arc::new(Server::new(&plan.name, plan.door, plan.timeout_ms)), plan.of_type);
        let mut planned: Vec<_> = plans.into_iter().map(server).collect();
        planned.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Servers { planned, open, nest: Mutex::default() }
    }

    /// The tools of all servers that this agent may use; they are started now, if they are not at work.
    pub async fn tools(
        &self,
        agent_type: Option<&AgentType>,
        wanted: &Wanted<'_>,
        run: &RunId,
        waiting: &(dyn Fn(Wait) + Send + Sync),
    ) -> Remote {
        let chosen = self.chosen(agent_type, wanted);
        if chosen.is_empty() {
            return Remote::default();
        }
        let nest = match self.nest(run) {
            Ok(nest) => nest,
            Err(why) => {
                return Remote { tools: Vec::new(), notes: vec![format!("no server of tools: {why}")] };
            }
        };
        let started = chosen.into_iter().map(|server| {
            let nest = nest.clone();
            async move {
                let program = format!("server `{}`", server.name);
                waiting(Wait::Start { program });
                let live = server.live(&nest).await.map(|live| live.tools.clone());
                (server, live)
            }
        });
        let mut offer = Offer::default();
        for (server, tools) in join_all(started).await {
            match tools {
                Ok(tools) => {
                    for described in &tools {
                        let (tool, note) = ServerTool::new(&server, described);
                        offer.add(tool, note, wanted);
                    }
                }
                Err(why) => {
                    offer.remote.notes.push(format!("the server `{}` gives no tools: {why}", server.name))
                }
            }
        }
        offer.close()
    }

    /// Those that the agent's type names, or all that no type describes for itself.
    fn chosen(&self, agent_type: Option<&AgentType>, wanted: &Wanted<'_>) -> Vec<Arc<Server>> {
        let type_name = agent_type.map(|known| known.name.as_str());
        let named = agent_type.and_then(|known| known.mcp_servers.as_ref()).map(names);
        let mut chosen: BTreeMap<&str, &Arc<Server>> = BTreeMap::new();
        for (server, of_type) in &self.planned {
            let is_own = of_type.is_some() && of_type.as_deref() == type_name;
            let is_named = named.as_ref().is_none_or(|named| named.contains(&server.name));
            let is_possible = wanted.may_want(&server_name(&server.name));
            if is_possible && is_named && (is_own || of_type.is_none()) {
                // What a type describes itself goes before what only has the same name.
                let known = chosen.entry(&server.name).or_insert(server);
                *known = if is_own { server } else { known };
            }
        }
        chosen.into_values().cloned().collect()
    }

    fn nest(&self, run: &RunId) -> Result<Arc<Nest>, String> {
        let mut nest = self.nest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nest) = nest.as_ref() {
            return Ok(nest.clone());
        }
        let opened = Arc::new((self.open)(run)?);
        *nest = Some(opened.clone());
        Ok(opened)
    }

    /// Starts every server and says what came of it: its name, the type that describes it if one does, and
    /// its tools or why there are none.
    pub async fn survey(&self, run: &RunId) -> Vec<Surveyed> {
        let nest = self.nest(run);
        let looked = self.planned.iter().map(|(server, of_type)| {
            let nest = nest.clone();
            async move {
                let live = match nest {
                    Ok(nest) => server.live(&nest).await,
                    Err(why) => Err(why),
                };
                let named = |described: &Described| ServerTool::new(server, described).0.name().to_owned();
                let tools = live.map(|live| live.tools.iter().map(named).collect());
                Surveyed { name: server.name.clone(), of_type: of_type.clone(), tools }
            }
        });
        join_all(looked).await
    }

    /// Ends all of them, for good; the names of those that something withstands of.
    pub async fn end(&self) -> Vec<String> {
        let ended =
            self.planned.iter().map(|(server, _)| async { (server.end().await, server.name.clone()) });
        join_all(ended).await.into_iter().filter(|(over, _)| !over).map(|(_, name)| name).collect()
    }
}

/// The names in `mcpServers` of a type: a list, a comma string, or the keys of an object.
fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}

/// Tools on their way to one agent.
#[derive(Default)]
struct Offer {
    remote: Remote,
    taken: BTreeSet<String>,
    bytes: usize,
    left_out: usize,
}

impl Offer {
    fn add(&mut self, tool: ServerTool, note: Option<String>, wanted: &Wanted<'_>) {
        if !wanted.wants(tool.name(), tool.only_reads()) {
            return;
        }
        if !self.taken.insert(tool.name().to_owned()) {
            let note = format!("two tools of servers are called `{}`: only the first is there", tool.name());
            return self.remote.notes.push(note);
        }
        let bytes = self.bytes + tool.bytes();
        if self.remote.tools.len() >= MCP_TOOLS_MAX || bytes > MCP_TOOLS_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes = bytes;
        self.remote.notes.extend(note);
        self.remote.tools.push(Arc::new(tool));
    }

    fn close(mut self) -> Remote {
        if self.left_out > 0 {
            self.remote.notes.push(format!(
                "{} tools of servers were left out: {MCP_TOOLS_MAX} of them, of {MCP_TOOLS_BYTES_MAX} bytes \
                together, are the most; `tools` of the agent chooses which",
                self.left_out
            ));
        }
        self.remote
    }
}
