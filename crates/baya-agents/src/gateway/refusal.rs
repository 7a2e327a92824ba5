//! What the gateway itself says no to, in the form in which the client reads errors.
//!
//! None of these is worth a retry, so none has a status that clients retry, but the one that says that
//! the provider cannot be reached.

use super::route::Dialect;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use baya_core::agent::{Cause, CauseKind};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The `Host` is not this machine.
    ForeignHost,
    Nowhere {
        method: String,
        path: String,
    },
    NoWebSocket,
    NoToken,
    UnknownToken,
    /// The path has one agent's token, the key another's.
    ForeignKey,
    /// The agent of this token is over.
    Over {
        name: String,
    },
    TooLarge {
        bytes_max: usize,
    },
    Unreadable(String),
    /// The body is packed in a way that cannot be read.
    Packed {
        encoding: String,
    },
    Spent {
        name: String,
        tokens_max: u64,
    },
    /// A cap of the run leaves no room for it.
    OutOfBudget(Cause),
    UnknownProvider {
        name: String,
    },
    OtherWire {
        provider: String,
        dialect: Dialect,
    },
    /// The provider's limit is used up, as an earlier request found out.
    UsedUp(Cause),
    Unreachable {
        provider: String,
        address: String,
        why: String,
    },
    NotRecorded(String),
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::ForeignHost => StatusCode::FORBIDDEN,
            Refusal::Nowhere { .. } => StatusCode::NOT_FOUND,
            // What makes codex fall back to plain HTTP.
            Refusal::NoWebSocket => StatusCode::UPGRADE_REQUIRED,
            Refusal::NoToken | Refusal::UnknownToken | Refusal::ForeignKey | Refusal::Over { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Packed { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Unreadable(_)
            | Refusal::Spent { .. }
            | Refusal::UsedUp(_)
            | Refusal::OutOfBudget(_)
            | Refusal::UnknownProvider { .. }
            | Refusal::OtherWire { .. } => StatusCode::BAD_REQUEST,
            Refusal::Unreachable { .. } => StatusCode::BAD_GATEWAY,
            // 404 would be read as an unknown model.
            Refusal::NotRecorded(_) => StatusCode::BAD_REQUEST,
        }
    }

    pub fn message(&self) -> String {
        match self {
            Refusal::ForeignHost => "baya gateway: only requests to 127.0.0.1 are taken".to_owned(),
            Refusal::Nowhere { method, path } => format!(
                "baya gateway: `{method} {path}` leads nowhere; there are `/v1/messages`, \
                `/v1/messages/count_tokens`, `/v1/chat/completions`, `/v1/responses`, `/v1/models`"
            ),
            Refusal::NoWebSocket => "baya gateway: web sockets are not spoken here, only HTTP".to_owned(),
            Refusal::NoToken => "baya gateway: the address has no token in it".to_owned(),
            Refusal::UnknownToken => "baya gateway: this token is not known, or no longer".to_owned(),
            Refusal::ForeignKey => "baya gateway: the key is another agent's".to_owned(),
            Refusal::Over { name } => {
                format!("baya gateway: `{name}` is over, nothing more is let through for it")
            }
            Refusal::TooLarge { bytes_max } => {
                format!(
                    "baya gateway: the request is larger than {bytes_max} bytes (`GATEWAY_REQUEST_BYTES_MAX`)"
                )
            }
            Refusal::Unreadable(why) => format!("baya gateway: the request cannot be read: {why}"),
            Refusal::Packed { encoding } => {
                format!("baya gateway: a request packed with `{encoding}` cannot be read")
            }
            Refusal::Spent { name, tokens_max } => format!(
                "baya gateway: `{name}` has spent the {tokens_max} tokens it may spend; no further request \
                is let through, trying again does not help"
            ),
            Refusal::UsedUp(cause) => format!("baya gateway: {}", cause.message),
            Refusal::OutOfBudget(cause) => {
                format!("baya gateway: {}; trying again does not help", cause.message)
            }
            Refusal::UnknownProvider { name } => {
                format!("baya gateway: no provider is called `{name}`")
            }
            Refusal::OtherWire { provider, dialect } => {
                format!("baya gateway: the provider `{provider}` does not speak {}", dialect.name())
            }
            Refusal::Unreachable { provider, address, why } => {
                format!("baya gateway: `{provider}` cannot be reached at {address}: {why}")
            }
            Refusal::NotRecorded(why) => format!("baya gateway: {why}"),
        }
    }

    /// What the agent's report may say of it; refusals of strangers are nobody's failure.
    pub fn cause(&self) -> Option<Cause> {
        let (kind, hint) = match self {
            Refusal::UsedUp(cause) | Refusal::OutOfBudget(cause) => return Some(cause.clone()),
            Refusal::Spent { .. } => (CauseKind::Limit, None),
            Refusal::Unreachable { .. } => {
                (CauseKind::ProviderDown, Some("check the address and the network, then resume the run"))
            }
            Refusal::TooLarge { .. } => (CauseKind::Limit, None),
            Refusal::UnknownProvider { .. } | Refusal::OtherWire { .. } => {
                (CauseKind::ProviderDown, Some("choose a provider that speaks it, with `--backend`"))
            }
            Refusal::Nowhere { .. }
            | Refusal::Unreadable(_)
            | Refusal::Packed { .. }
            | Refusal::NotRecorded(_) => (CauseKind::Api, None),
            Refusal::ForeignHost
            | Refusal::NoWebSocket
            | Refusal::NoToken
            | Refusal::UnknownToken
            | Refusal::ForeignKey
            | Refusal::Over { .. } => return None,
        };
        let cause = Cause::new(kind, self.message());
        Some(match hint {
            Some(hint) => cause.hint(hint),
            None => cause,
        })
    }

    pub fn response(&self, dialect: Dialect) -> Response {
        let mut response = Response::new(Body::from(self.body(dialect).to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status().is_client_error() {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }

    fn body(&self, dialect: Dialect) -> Value {
        let message = self.message();
        match dialect {
            Dialect::Anthropic => {
                json!({"type": "error", "error": {"type": self.kind(), "message": message}})
            }
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                json!({"error": {"message": message, "type": self.kind(), "param": null, "code": self.code()}})
            }
        }
    }

    /// A word that both wires have.
    fn kind(&self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
            StatusCode::BAD_GATEWAY => "api_error",
            _ => "invalid_request_error",
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Refusal::Spent { .. } => "baya_tokens_spent",
            Refusal::UsedUp(_) => "baya_limit_used_up",
            Refusal::OutOfBudget(_) => "baya_budget_reached",
            Refusal::NotRecorded(_) => "baya_not_recorded",
            Refusal::NoToken | Refusal::UnknownToken | Refusal::ForeignKey | Refusal::Over { .. } => {
                "baya_token_refused"
            }
            Refusal::ForeignHost
            | Refusal::Nowhere { .. }
            | Refusal::NoWebSocket
            | Refusal::TooLarge { .. }
            | Refusal::Unreadable(_)
            | Refusal::Packed { .. }
            | Refusal::UnknownProvider { .. }
            | Refusal::OtherWire { .. }
            | Refusal::Unreachable { .. } => "baya_gateway",
        }
    }
}
