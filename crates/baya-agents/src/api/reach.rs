//! Whether a provider answers, and takes its key: its list of models is asked for, which costs nothing.

use super::provider::{ProviderConfig, ProviderKind, Secret};
use std::time::Duration;

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// It answered, and took the key.
    Yes,
    KeyRefused,
    /// Something answered with this status; it need not be a provider.
    Status(u16),
    /// Nothing answered in time, or why not.
    No(String),
}

/// Asks the provider for its models.
pub async fn reach(provider: &ProviderConfig, patience: Duration) -> Reached {
    super::install_crypto();
    let client = match super::wire::http_client(&provider.base_url, patience) {
        Ok(client) => client,
        Err(error) => return Reached::No(error.to_string()),
    };
    let mut request = client.get(format!("{}models", provider.endpoint())).timeout(patience);
    let key = provider.key.as_ref().map(Secret::expose);
    request = match (provider.kind, key) {
        (_, None) => request,
        (ProviderKind::Anthropic, Some(key)) => request.header("x-api-key", key),
        (ProviderKind::Gemini, Some(key)) => request.header("x-goog-api-key", key),
        (
            ProviderKind::OpenAi
            | ProviderKind::OpenAiResponses
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Ollama,
            Some(key),
        ) => request.bearer_auth(key),
    };
    if provider.kind == ProviderKind::Anthropic {
        request = request.header("anthropic-version", "2023-06-01");
    }
    for (name, value) in &provider.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => match answer.status().as_u16() {
            200..300 => Reached::Yes,
            401 | 403 => Reached::KeyRefused,
            status => Reached::Status(status),
        },
        Err(error) if error.is_timeout() => Reached::No(format!("no answer within {} s", patience.as_secs())),
        // Without the address, which may hold a secret.
        Err(error) => Reached::No(innermost(&error.without_url())),
    }
}

/// The outer ones say only that sending failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}
