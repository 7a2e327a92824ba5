//! Answers that are errors, in each wire's own form.

use super::ask::Wire;
use baya_core::simulate::Fault;
use serde_json::{Value, json};

/// Why a request gets an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    BadRequest(String),
    KeyRefused,
    NoCredit,
    UnknownModel(String),
    Context,
    TooMany,
    ServerError,
    Overloaded,
    NoSuchPath(String),
}

impl Failure {
    /// The failure that a fault asks for, if it asks for one.
    pub fn of(fault: Option<Fault>, model: &str) -> Option<Failure> {
        match fault? {
            Fault::Null => Some(Failure::BadRequest("simulated: this request is not valid".to_owned())),
            Fault::TooMany => Some(Failure::TooMany),
            Fault::ServerError => Some(Failure::ServerError),
            Fault::Overloaded => Some(Failure::Overloaded),
            Fault::KeyRefused => Some(Failure::KeyRefused),
            Fault::NoCredit => Some(Failure::NoCredit),
            Fault::UnknownModel => Some(Failure::UnknownModel(model.to_owned())),
            Fault::Context => Some(Failure::Context),
            Fault::Refuse
            | Fault::Cut
            | Fault::Html
            | Fault::Hang
            | Fault::Invalid
            | Fault::Slow
            | Fault::NoUsage
            | Fault::Length => None,
        }
    }

    pub fn status(&self) -> u16 {
        match self {
            Failure::BadRequest(_) | Failure::Context => 400,
            Failure::KeyRefused => 401,
            Failure::NoCredit => 402,
            Failure::UnknownModel(_) | Failure::NoSuchPath(_) => 404,
            Failure::TooMany => 429,
            Failure::ServerError => 500,
            Failure::Overloaded => 529,
        }
    }

    fn message(&self, wire: Wire) -> String {
        match (self, wire) {
            (Failure::BadRequest(why), _) => why.clone(),
            (Failure::KeyRefused, _) => "simulated: this key is not known".to_owned(),
            (Failure::NoCredit, _) => "simulated: your credit balance is too low".to_owned(),
            (Failure::UnknownModel(model), _) => format!("simulated: the model `{model}` does not exist"),
            (Failure::Context, Wire::Anthropic) => {
                "prompt is too long: 200001 tokens > 200000 maximum".to_owned()
            }
            (Failure::Context, Wire::Gemini) => {
                "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
                    .to_owned()
            }
            (Failure::Context, Wire::OpenAiChat | Wire::OpenAiResponses | Wire::Ollama) => {
                "This model's maximum context length is 128000 tokens; the request has 128001 tokens."
                    .to_owned()
            }
            (Failure::TooMany, _) => "simulated: too many requests".to_owned(),
            (Failure::ServerError, _) => "simulated: an internal error".to_owned(),
            (Failure::Overloaded, _) => "simulated: overloaded".to_owned(),
            (Failure::NoSuchPath(path), _) => format!("the fake model does not serve `{path}`"),
        }
    }

    pub fn body(&self, wire: Wire) -> Value {
        let message = self.message(wire);
        match wire {
            Wire::Anthropic => {
                json!({"type": "error", "error": {"type": self.anthropic(), "message": message}})
            }
            Wire::OpenAiChat | Wire::OpenAiResponses => {
                let (kind, code) = self.openai();
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Wire::Gemini => {
                json!({"error": {"code": self.status(), "message": message, "status": self.gemini()}})
            }
            Wire::Ollama => json!({"error": message}),
        }
    }

    fn anthropic(&self) -> &'static str {
        match self {
            Failure::BadRequest(_) | Failure::Context => "invalid_request_error",
            Failure::KeyRefused => "authentication_error",
            Failure::NoCredit => "billing_error",
            Failure::UnknownModel(_) | Failure::NoSuchPath(_) => "not_found_error",
            Failure::TooMany => "rate_limit_error",
            Failure::ServerError => "api_error",
            Failure::Overloaded => "overloaded_error",
        }
    }

    fn openai(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Failure::BadRequest(_) => ("invalid_request_error", None),
            Failure::Context => ("invalid_request_error", Some("context_length_exceeded")),
            Failure::KeyRefused => ("invalid_request_error", Some("invalid_api_key")),
            Failure::NoCredit => ("insufficient_quota", Some("insufficient_quota")),
            Failure::UnknownModel(_) => ("invalid_request_error", Some("model_not_found")),
            Failure::NoSuchPath(_) => ("invalid_request_error", Some("unknown_url")),
            Failure::TooMany => ("requests", Some("rate_limit_exceeded")),
            Failure::ServerError | Failure::Overloaded => ("server_error", None),
        }
    }

    fn gemini(&self) -> &'static str {
        match self {
            Failure::BadRequest(_) | Failure::Context => "INVALID_ARGUMENT",
            Failure::KeyRefused => "UNAUTHENTICATED",
            Failure::NoCredit => "FAILED_PRECONDITION",
            Failure::UnknownModel(_) | Failure::NoSuchPath(_) => "NOT_FOUND",
            Failure::TooMany => "RESOURCE_EXHAUSTED",
            Failure::ServerError => "INTERNAL",
            Failure::Overloaded => "UNAVAILABLE",
        }
    }
}
