//! The Agent Client Protocol, version 1, over an agent's pipes: the only file that knows its crate.
//!
//! A connection outlives the agents (in the run's sense) that use it one after the other. What comes in
//! goes to one channel, in order; a question for permission carries the way back. We offer no files and no
//! terminal: an agent works with its own tools.

use super::lines::{self, Output};
use super::told::{
    Abilities, Question, Reply, Server, Session, Setting, Stop, Told, ToolKind, ToolStatus, ToolStep, Topic,
    TurnEnd, Unanswered,
};
use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::{ConnectionTo, Responder, schema as acp};
use agent_client_protocol::{
    Agent, Client, Error, ErrorCode, Lines, UntypedMessage, is_connection_terminated,
    is_incoming_transport_closed, on_receive_notification, on_receive_request,
};
use baya_core::agent::{Usage, UsageSource};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A connection to one agent process. Dropped, it hangs up.
pub(super) struct Wire {
    connection: ConnectionTo<Agent>,
    output: Arc<Output>,
    driver: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What is asked of a session.
pub(super) struct Opening<'a> {
    pub folder: &'a Path,
    pub servers: &'a [Server],
    /// Words between this agent and those who know it.
    pub meta: Option<Map<String, Value>>,
}

/// A session that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reopen {
    /// Says nothing of what was.
    Resume,
    /// Tells all that was said, before it answers.
    Load,
}

/// Speaks over these pipes; the channel ends with the connection.
pub(super) async fn connect(
    stdin: impl AsyncWrite + Send + Unpin + 'static,
    stdout: impl AsyncRead + Send + Unpin + 'static,
) -> Option<(Wire, mpsc::UnboundedReceiver<Told>)> {
    let output = Arc::new(Output::default());
    let (telling, told) = mpsc::unbounded_channel();
    let (asking, connected) = (telling.clone(), oneshot::channel());
    let (say, heard) = connected;
    let sink = futures_util::sink::unfold(stdin, |mut stdin, line: String| async move {
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        stdin.flush().await?;
        Ok::<_, std::io::Error>(stdin)
    });
    let transport = Lines::new(sink, Box::pin(lines::messages(stdout, output.clone())));
    let builder = Client
        .v1()
        .on_receive_notification(
            async move |notification: acp::SessionNotification, _| {
                // Nobody listens any more: the connection is about to end.
                let _ = telling.send(update(notification.update));
                Ok(())
            },
            on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: acp::RequestPermissionRequest, responder, connection| {
                ask(request, responder, &connection, &asking)
            },
            on_receive_request!(),
        );
    let driver = tokio::spawn(async move {
        let serve = builder.connect_with(transport, async move |connection: ConnectionTo<Agent>| {
            let _ = say.send(connection.clone());
            connection.incoming_closed().await;
            Ok(())
        });
        // How it ended is told by the requests that were open.
        let _ = serve.await;
    });
    let connection = heard.await.ok()?;
    Some((Wire { connection, output, driver }, told))
}

impl Wire {
    pub fn output(&self) -> &Arc<Output> {
        &self.output
    }

    /// Greets the agent; we offer nothing.
    pub async fn greet(&self) -> Result<Abilities, Unanswered> {
        let own = acp::Implementation::new("baya", env!("CARGO_PKG_VERSION"));
        let request = acp::InitializeRequest::new(ProtocolVersion::V1)
            .client_capabilities(acp::ClientCapabilities::default())
            .client_info(own);
        let answer = self.ask("initialize", json!(request)).await.map_err(other_version)?;
        let title = answer.pointer("/agentCapabilities/sessionCapabilities/title").is_some();
        let answer: acp::InitializeResponse = read(answer)?;
        let sessions = &answer.agent_capabilities.session_capabilities;
        Ok(Abilities {
            load: answer.agent_capabilities.load_session,
            resume: sessions.resume.is_some(),
            close: sessions.close.is_some(),
            title,
        })
    }

    pub async fn open(&self, opening: Opening<'_>) -> Result<Session, Unanswered> {
        let request = acp::NewSessionRequest::new(opening.folder)
            .mcp_servers(opening.servers.iter().map(server).collect())
            .meta(opening.meta);
        let answer = self.ask("session/new", json!(request)).await?;
        let id = answer.get("sessionId").and_then(Value::as_str).unwrap_or_default().to_owned();
        match id.is_empty() {
            true => Err(Unanswered::Said("a session without an id".to_owned())),
            false => Ok(session(id, &answer)),
        }
    }

    pub async fn reopen(&self, how: Reopen, id: &str, opening: Opening<'_>) -> Result<Session, Unanswered> {
        let servers = opening.servers.iter().map(server).collect();
        let (folder, meta) = (opening.folder, opening.meta);
        let answer = match how {
            Reopen::Resume => {
                let request = acp::ResumeSessionRequest::new(id.to_owned(), folder);
                self.ask("session/resume", json!(request.mcp_servers(servers).meta(meta))).await?
            }
            Reopen::Load => {
                let request = acp::LoadSessionRequest::new(id.to_owned(), folder);
                self.ask("session/load", json!(request.mcp_servers(servers).meta(meta))).await?
            }
        };
        Ok(session(id.to_owned(), &answer))
    }

    pub async fn set(&self, session: &str, setting: &str, choice: &str) -> Result<(), Unanswered> {
        let request = acp::SetSessionConfigOptionRequest::new(session.to_owned(), setting.to_owned(), choice);
        self.ask("session/set_config_option", json!(request)).await.map(drop)
    }

    /// As agents of before `session/set_config_option` want it.
    pub async fn set_model(&self, session: &str, model: &str) -> Result<(), Unanswered> {
        self.ask("session/set_model", json!({"sessionId": session, "modelId": model})).await.map(drop)
    }

    /// One turn, from the prompt to its end; each text is a block of its own.
    pub async fn prompt(&self, session: &str, texts: &[String]) -> Result<TurnEnd, Unanswered> {
        let blocks = texts.iter().map(|text| acp::ContentBlock::Text(acp::TextContent::new(text.as_str())));
        let request = acp::PromptRequest::new(session.to_owned(), blocks.collect());
        let answer = self.ask("session/prompt", json!(request)).await?;
        let stop = match answer.get("stopReason").and_then(Value::as_str) {
            Some("end_turn") => Stop::Done,
            Some("max_tokens") => Stop::TokenLimit,
            Some("max_turn_requests") => Stop::TurnLimit,
            Some("refusal") => Stop::Refused,
            Some("cancelled") => Stop::Cancelled,
            Some(_) | None => Stop::Unknown,
        };
        Ok(TurnEnd { stop, usage: answer.get("usage").and_then(usage) })
    }

    /// Asks for the end of the turn; the prompt is answered nevertheless.
    pub fn cancel(&self, session: &str) {
        let _ = self.connection.send_notification(acp::CancelNotification::new(session.to_owned()));
    }

    /// One that has a title needs no model to make one up.
    pub async fn entitle(&self, session: &str, title: &str) -> Result<(), Unanswered> {
        self.ask("session/set_title", json!({"sessionId": session, "title": title})).await.map(drop)
    }

    pub async fn close(&self, session: &str) -> Result<(), Unanswered> {
        self.ask("session/close", json!({"sessionId": session})).await.map(drop)
    }

    async fn ask(&self, method: &'static str, params: Value) -> Result<Value, Unanswered> {
        let request = UntypedMessage::new(method, params).map_err(|error| unanswered(method, &error))?;
        let answer = self.connection.send_request(request).block_task().await;
        answer.map_err(|error| unanswered(method, &error))
    }
}

fn unanswered(method: &'static str, error: &Error) -> Unanswered {
    if is_incoming_transport_closed(error) || is_connection_terminated(error) {
        return Unanswered::Gone;
    }
    let said = said(error);
    match error.code {
        ErrorCode::AUTH_REQUIRED => Unanswered::LoginNeeded(said),
        ErrorCode::METHOD_NOT_FOUND => Unanswered::Unknown(method),
        _ => Unanswered::Said(said),
    }
}

/// The crate itself refuses the answer of another version; only its words say which.
fn other_version(why: Unanswered) -> Unanswered {
    let Unanswered::Said(said) = &why else { return why };
    let version = said.split_once("unsupported ACP protocol version ").map(|(_, rest)| rest);
    let digits = version.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    digits.and_then(|digits| digits.parse().ok()).map_or(why, Unanswered::Version)
}

/// The message and what stands beside it, which is where many agents say the reason.
fn said(error: &Error) -> String {
    let detail = error.data.as_ref().and_then(|data| {
        let words = ["details", "message", "error"].iter().find_map(|key| data.get(key)?.as_str());
        words.or_else(|| data.as_str()).map(str::to_owned)
    });
    let text = match detail {
        Some(detail) if !error.message.contains(&detail) => format!("{}: {detail}", error.message),
        Some(_) | None => error.message.clone(),
    };
    crate::program::tail(text.as_bytes())
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, Unanswered> {
    serde_json::from_value(answer).map_err(|error| Unanswered::Said(format!("an unreadable answer: {error}")))
}

fn server(server: &Server) -> acp::McpServer {
    let (program, words) = server.argv.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    acp::McpServer::Stdio(acp::McpServerStdio::new(server.name.as_str(), program).args(words.to_vec()))
}

fn session(id: String, answer: &Value) -> Session {
    let listed: Option<Vec<acp::SessionConfigOption>> =
        answer.get("configOptions").and_then(|list| serde_json::from_value(list.clone()).ok());
    let models = answer.pointer("/models/availableModels").and_then(Value::as_array);
    let model_id = |model: &Value| Some(model.get("modelId")?.as_str()?.to_owned());
    Session {
        id,
        options: listed.unwrap_or_default().iter().filter_map(setting).collect(),
        models: models.into_iter().flatten().filter_map(model_id).collect(),
    }
}

fn setting(option: &acp::SessionConfigOption) -> Option<Setting> {
    let acp::SessionConfigKind::Select(select) = &option.kind else { return None };
    let choices = match &select.options {
        acp::SessionConfigSelectOptions::Ungrouped(list) => list.iter().map(|choice| &choice.value).collect(),
        acp::SessionConfigSelectOptions::Grouped(groups) => {
            groups.iter().flat_map(|group| &group.options).map(|choice| &choice.value).collect()
        }
        _ => Vec::new(),
    };
    Some(Setting {
        id: option.id.to_string(),
        topic: match &option.category {
            Some(acp::SessionConfigOptionCategory::Model) => Topic::Model,
            Some(acp::SessionConfigOptionCategory::ThoughtLevel) => Topic::Effort,
            _ => Topic::Other,
        },
        current: select.current_value.to_string(),
        choices: choices.into_iter().map(ToString::to_string).collect(),
    })
}

fn update(update: acp::SessionUpdate) -> Told {
    match update {
        acp::SessionUpdate::AgentMessageChunk(chunk) => match chunk.content {
            acp::ContentBlock::Text(text) => {
                Told::Text { message: chunk.message_id.map(|id| id.to_string()), text: text.text }
            }
            _ => Told::Other,
        },
        acp::SessionUpdate::AgentThoughtChunk(chunk) => match chunk.content {
            acp::ContentBlock::Text(text) => Told::Thought { bytes: text.text.len() },
            _ => Told::Other,
        },
        acp::SessionUpdate::ToolCall(call) => Told::Tool(ToolStep {
            id: call.tool_call_id.to_string(),
            title: Some(call.title),
            name: call.name,
            kind: Some(kind(call.kind)),
            status: Some(status(call.status)),
            paths: call.locations.into_iter().map(|place| place.path).collect(),
            input: call.raw_input,
        }),
        acp::SessionUpdate::ToolCallUpdate(update) => Told::Tool(tool_step(update)),
        _ => Told::Other,
    }
}

fn tool_step(update: acp::ToolCallUpdate) -> ToolStep {
    let fields = update.fields;
    ToolStep {
        id: update.tool_call_id.to_string(),
        title: fields.title,
        name: fields.name,
        kind: fields.kind.map(kind),
        status: fields.status.map(status),
        paths: fields.locations.into_iter().flatten().map(|place| place.path).collect(),
        input: fields.raw_input,
    }
}

fn kind(kind: acp::ToolKind) -> ToolKind {
    match kind {
        acp::ToolKind::Read => ToolKind::Read,
        acp::ToolKind::Edit => ToolKind::Edit,
        acp::ToolKind::Delete => ToolKind::Delete,
        acp::ToolKind::Move => ToolKind::Move,
        acp::ToolKind::Search => ToolKind::Search,
        acp::ToolKind::Execute => ToolKind::Execute,
        acp::ToolKind::Think => ToolKind::Think,
        acp::ToolKind::Fetch => ToolKind::Fetch,
        _ => ToolKind::Other,
    }
}

fn status(status: acp::ToolCallStatus) -> ToolStatus {
    match status {
        acp::ToolCallStatus::Completed => ToolStatus::Completed,
        acp::ToolCallStatus::Failed => ToolStatus::Failed,
        _ => ToolStatus::Begun,
    }
}

/// Hands the question over and waits for its answer outside of the loop that reads.
fn ask(
    request: acp::RequestPermissionRequest,
    responder: Responder<acp::RequestPermissionResponse>,
    connection: &ConnectionTo<Agent>,
    asking: &mpsc::UnboundedSender<Told>,
) -> Result<(), Error> {
    let (reply, replied) = oneshot::channel();
    let question = Question { call: tool_step(request.tool_call), reply };
    let _ = asking.send(Told::Asked(question));
    let options = request.options;
    connection.spawn(async move {
        let outcome = match replied.await {
            Ok(reply) => chosen(reply, &options),
            Err(_) => acp::RequestPermissionOutcome::Cancelled,
        };
        responder.respond(acp::RequestPermissionResponse::new(outcome))
    })
}

/// By kind, never by place or name; what is allowed is allowed once.
fn chosen(reply: Reply, options: &[acp::PermissionOption]) -> acp::RequestPermissionOutcome {
    use acp::PermissionOptionKind as Kind;
    let kinds = match reply {
        Reply::Allow => [Kind::AllowOnce, Kind::AllowAlways],
        Reply::Reject => [Kind::RejectOnce, Kind::RejectAlways],
    };
    let option = kinds.iter().find_map(|kind| options.iter().find(|option| option.kind == *kind));
    option.map_or(acp::RequestPermissionOutcome::Cancelled, |option| {
        acp::RequestPermissionOutcome::Selected(acp::SelectedPermissionOutcome::new(option.option_id.clone()))
    })
}

/// As the protocol's next version counts; agents say it already.
fn usage(told: &Value) -> Option<Usage> {
    let count = |key: &str| told.get(key).and_then(Value::as_u64);
    let (cache_read, cache_write) = (count("cachedReadTokens"), count("cachedWriteTokens"));
    let (input, output) = (count("inputTokens")?, count("outputTokens")?);
    let cached = cache_read.unwrap_or_default() + cache_write.unwrap_or_default();
    Some(Usage {
        // Whether the cache is part of the input is not said alike; the total tells.
        input: match count("totalTokens") {
            Some(total) if total == input + output => input.saturating_sub(cached),
            Some(_) | None => input,
        },
        output,
        cache_read: cache_read.unwrap_or_default(),
        cache_write: cache_write.unwrap_or_default(),
        reasoning: count("thoughtTokens").unwrap_or_default(),
        source: UsageSource::Reported,
        ..Usage::default()
    })
}
