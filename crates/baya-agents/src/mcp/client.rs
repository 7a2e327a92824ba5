//! The client's side of the protocol: the only place, beside [`super::answer`], that knows `rmcp`.
//!
//! A session is one connection. It offers no sampling, no roots and no questions to people: a server that
//! asks for them is refused.

use crate::egress::{Egress, HostRule, HostRules};
use crate::tools::ToolOutput;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, ResourceContents, Tool};
use rmcp::service::{RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::process::{ChildStdin, ChildStdout};

const CONNECT: Duration = Duration::from_secs(10);
/// Pages of a list of tools; a server that never comes to an end is cut off.
const PAGES_MAX: usize = 50;

pub(super) struct Session {
    service: RunningService<RoleClient, ()>,
}

/// A tool as its server describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub name: String,
    pub description: String,
    pub schema: Value,
    /// The server says that it changes nothing.
    pub only_reads: bool,
}

impl Session {
    /// With a program, over its input and output.
    pub async fn over_pipes(stdout: ChildStdout, stdin: ChildStdin) -> Result<Session, String> {
        let service = ().serve((stdout, stdin)).await.map_err(|error| error.to_string())?;
        Ok(Session { service })
    }

    /// With an address. Its own host is the only one that is asked, at the addresses found now.
    pub async fn over_http(url: &str, headers: &BTreeMap<String, String>) -> Result<Session, String> {
        let parsed = reqwest::Url::parse(url).map_err(|error| format!("`{url}` is no address: {error}"))?;
        let client = client(&parsed).await?;
        let mut config = StreamableHttpClientTransportConfig::with_uri(parsed.as_str());
        config.custom_headers = sent(headers)?;
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let service = ().serve(transport).await.map_err(|error| error.to_string())?;
        Ok(Session { service })
    }

    pub async fn tools(&self) -> Result<Vec<Described>, String> {
        let (mut tools, mut page) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let asked = page.map(|cursor| {
                let mut params = rmcp::model::PaginatedRequestParams::default();
                params.cursor = Some(cursor);
                params
            });
            let listed = self.service.list_tools(asked).await.map_err(|error| in_words(&error))?;
            tools.extend(listed.tools.into_iter().map(described));
            page = listed.next_cursor;
            if page.is_none() {
                break;
            }
        }
        Ok(tools)
    }

    pub async fn call(&self, tool: &str, input: Map<String, Value>) -> Result<ToolOutput, String> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(input);
        self.service.call_tool(params).await.map(output).map_err(|error| in_words(&error))
    }

    /// The other side has gone, or went wrong for good.
    pub fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed()
    }

    pub fn close(&self) {
        self.service.cancellation_token().cancel();
    }
}

async fn client(url: &reqwest::Url) -> Result<reqwest::Client, String> {
    crate::api::install_crypto();
    let (host, port) = match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        ("http" | "https", Some(host), Some(port)) => (host, port),
        _ => return Err(format!("`{url}` is no address of http or https")),
    };
    let rule = HostRule::parse(&format!("{host}:{port}"))?;
    let addresses = Egress::new(HostRules(vec![rule])).addresses(host, port).await;
    let addresses = addresses.map_err(|denied| denied.to_string())?;
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy().connect_timeout(CONNECT);
    builder.resolve_to_addrs(host, &addresses).build().map_err(|error| error.to_string())
}

fn sent(headers: &BTreeMap<String, String>) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let pair = |(name, value): (&String, &String)| {
        let odd = || format!("its header `{name}` cannot be sent");
        let name = HeaderName::try_from(name.as_str()).map_err(|_| odd())?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| odd())?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    headers.iter().map(pair).collect()
}

fn described(tool: Tool) -> Described {
    let mut schema = Value::Object((*tool.input_schema).clone());
    // What providers insist on and servers leave out.
    for (key, usual) in [("type", json!("object")), ("properties", json!({}))] {
        if schema.get(key).is_none() {
            schema[key] = usual;
        }
    }
    Described {
        name: tool.name.into_owned(),
        description: tool.description.unwrap_or_default().into_owned(),
        schema,
        only_reads: tool.annotations.and_then(|hints| hints.read_only_hint).unwrap_or(false),
    }
}

fn output(result: CallToolResult) -> ToolOutput {
    let mut parts: Vec<String> = result.content.iter().map(part).collect();
    if parts.is_empty() {
        parts.extend(result.structured_content.map(|value| value.to_string()));
    }
    let text = if parts.is_empty() { "(no output)".to_owned() } else { parts.join("\n") };
    ToolOutput { text, is_error: result.is_error.unwrap_or(false) }
}

/// What is no text is named, with its size as it was sent.
fn part(block: &ContentBlock) -> String {
    let left_out =
        |what: &str, kind: &str, bytes: usize| format!("({what}, {kind}, {bytes} bytes: not shown)");
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => left_out("an image", &image.mime_type, image.data.len() * 3 / 4),
        ContentBlock::Audio(audio) => left_out("a sound", &audio.mime_type, audio.data.len() * 3 / 4),
        ContentBlock::ResourceLink(link) => format!("(see {})", link.uri),
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let kind = mime_type.as_deref().unwrap_or("of unknown kind");
                left_out(&format!("the file {uri}"), kind, blob.len() * 3 / 4)
            }
            _ => "(something that this version does not know)".to_owned(),
        },
        _ => "(something that this version does not know)".to_owned(),
    }
}

fn in_words(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => error.message.to_string(),
        ServiceError::TransportClosed => "the connection was closed".to_owned(),
        other => other.to_string(),
    }
}
