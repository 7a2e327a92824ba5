//! Tools that reach beyond the agent's machine room: the web, and the servers of others.

use super::toolbox::{Rights, rights_with, wanted};
use crate::agent_types::AgentType;
use crate::mcp::{Remote, Servers};
use crate::sandbox::Profile;
use crate::tools::Tool;
use baya_core::agent::{AgentOptions, Wait};
use baya_core::ids::RunId;
use std::sync::Arc;

/// What there is of them in a run.
#[derive(Clone, Default)]
pub struct Outside {
    pub servers: Option<Arc<Servers>>,
    /// Tools that need no server.
    pub tools: Vec<Arc<dyn Tool>>,
}

impl Outside {
    /// The rights of one agent, with the tools of the servers that it may use. `waiting` hears what is
    /// waited for.
    pub async fn rights(
        &self,
        agent_type: Option<&AgentType>,
        options: &AgentOptions,
        most: Profile,
        run: &RunId,
        waiting: &(dyn Fn(Wait) + Send + Sync),
    ) -> Result<Rights, String> {
        let Remote { tools, notes } = match &self.servers {
            // Nothing of theirs could be left.
            Some(_) if options.quarantine => Remote::default(),
            Some(servers) => {
                servers.tools(agent_type, &wanted(agent_type, options, most), run, waiting).await
            }
            None => Remote::default(),
        };
        let others = self.tools.iter().cloned().chain(tools).collect();
        let mut rights = rights_with(agent_type, options, most, others)?;
        rights.notes.extend(notes);
        Ok(rights)
    }
}
