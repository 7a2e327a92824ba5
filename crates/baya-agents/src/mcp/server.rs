//! One server: started when the first agent may use it, shared by all, ended with the run.
//!
//! Nothing here waits without a limit. A start that fails is not tried again for every agent; a server
//! that dies is started again for the next one that wants it, a few times.

use super::client::{Described, Session};
use super::config::Door;
use super::nest::{Nest, Noted};
use crate::program::{Launch, Running, launch};
use crate::tools::ToolOutput;
use baya_core::limits::{MCP_CALL_MS, MCP_START_MS, MCP_STARTS_MAX};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// One server of a run.
pub(super) struct Server {
    pub name: String,
    door: Result<Door, String>,
    timeout_ms: Option<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cell: Arc<Cell>,
    starts: u32,
    /// The run is over.
    ended: bool,
}

type Cell = OnceCell<Result<Arc<Live>, String>>;

/// A server at work.
pub(super) struct Live {
    pub tools: Vec<Described>,
    session: Session,
    process: Mutex<Option<(Running, Noted)>>,
}

impl Server {
    pub fn new(name: &str, door: Result<Door, String>, timeout_ms: Option<u64>) -> Server {
        Server { name: name.to_owned(), door, timeout_ms, state: Mutex::default() }
    }

    /// The server at work, or why it is not.
    pub async fn live(&self, nest: &Nest) -> Result<Arc<Live>, String> {
        let cell = {
            let mut state = self.lock();
            if state.ended {
                return Err("the run is over".to_owned());
            }
            let died = matches!(state.cell.get(), Some(Ok(live)) if live.session.is_closed());
            if died && state.starts < MCP_STARTS_MAX {
                state.cell = Arc::default();
            }
            state.cell.clone()
        };
        // Whoever gives up meanwhile leaves the start to the next one that waits.
        cell.get_or_init(|| self.start(nest)).await.clone()
    }

    async fn start(&self, nest: &Nest) -> Result<Arc<Live>, String> {
        self.lock().starts += 1;
        let limit = Duration::from_millis(self.timeout_ms.unwrap_or(MCP_START_MS));
        let live = match self.door.as_ref().map_err(Clone::clone)? {
            Door::Program { argv, environment } => {
                let mut all = nest.environment.clone();
                all.extend(environment.iter().map(|(name, value)| (name.clone(), value.clone())));
                let words =
                    Launch { argv, environment: &all, folder: &nest.folder, sandbox: Some(&nest.sandbox) };
                over_pipes(&words, nest.note(&self.name), limit).await?
            }
            Door::Http { url, headers } => {
                let opened = within(limit, async {
                    let session = Session::over_http(url, headers).await?;
                    let tools = session.tools().await?;
                    Ok(Live { tools, session, process: Mutex::new(None) })
                });
                opened.await?
            }
        };
        Ok(Arc::new(live))
    }

    /// Calls a tool of a server that was at work when the agent was told of it.
    pub async fn call(&self, tool: &str, input: Map<String, Value>) -> Result<ToolOutput, String> {
        let cell = self.lock().cell.clone();
        let live = match cell.get() {
            Some(Ok(live)) => live.clone(),
            Some(Err(why)) => return Err(why.clone()),
            None => return Err("it is not at work".to_owned()),
        };
        if live.session.is_closed() {
            return Err(format!("it has died{}", live.said()));
        }
        let limit = Duration::from_millis(self.timeout_ms.unwrap_or(MCP_CALL_MS));
        match within(limit, live.session.call(tool, input)).await {
            Err(why) if live.session.is_closed() => Err(format!("{why}: it has died{}", live.said())),
            done => done,
        }
    }

    /// Ends it for good; false if something of it withstands.
    pub async fn end(&self) -> bool {
        let cell = {
            let mut state = self.lock();
            state.ended = true;
            state.cell.clone()
        };
        match cell.get() {
            Some(Ok(live)) => live.end().await,
            Some(Err(_)) | None => true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program that has said what it can; one that does not come that far is ended again.
async fn over_pipes(words: &Launch<'_>, noted: Noted, limit: Duration) -> Result<Live, String> {
    let mut running = launch(words).await.map_err(|error| error.to_string())?;
    noted.write(running.process())?;
    running.begin().await;
    let (Some(stdout), Some(stdin)) = (running.take_stdout(), running.take_stdin()) else {
        return Err("its input or output is gone".to_owned());
    };
    let opened = within(limit, async {
        let session = Session::over_pipes(stdout, stdin).await?;
        let tools = session.tools().await?;
        Ok((session, tools))
    });
    match opened.await {
        Ok((session, tools)) => Ok(Live { tools, session, process: Mutex::new(Some((running, noted))) }),
        Err(why) => {
            let ended = running.end().await;
            if ended.over {
                noted.forget();
            }
            let said =
                if ended.said.is_empty() { String::new() } else { format!("; it said: {}", ended.said) };
            Err(format!("{why}{said}"))
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(format!("no answer within {} ms; `timeout` of the server allows more", limit.as_millis()))
    })
}

impl Live {
    /// The last words of its program.
    fn said(&self) -> String {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        match process.as_ref().map(|(running, _)| running.said()).filter(|said| !said.is_empty()) {
            Some(said) => format!("; it said: {said}"),
            None => String::new(),
        }
    }

    async fn end(&self) -> bool {
        self.session.close();
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((running, noted)) = process else { return true };
        let over = running.end().await.over;
        if over {
            noted.forget();
        }
        over
    }
}
