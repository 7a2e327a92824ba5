//! Caps that could not be kept, found before the first agent starts.

use super::backends::Backends;
use crate::exit::Exit;
use crate::failure::Failure;
use baya_core::agent::AgentOptions;
use baya_core::budget::{Caps, phase_caps};
use baya_core::limits::Limits;
use serde_json::Value;

/// Whether the backend of agents that name none can be held to the caps of this run. What a call names
/// itself is judged at the call.
pub fn check(backends: &Backends, limits: &Limits, meta: &Value) -> Result<(), Failure> {
    let phases = phase_caps(meta).unwrap_or_default();
    let hard: Vec<&Caps> = std::iter::once(&*limits.caps).chain(phases.values()).collect();
    let usual = AgentOptions::default();
    let Some(payee) = backends.payee(&usual) else { return Ok(()) };
    if hard.iter().any(|caps| caps.meters()) && !backends.is_metered(&usual) {
        let name = &payee.provider;
        let message = format!(
            "agents of `{name}` cannot be held to a cap of tokens or dollars: they ask models by themselves, \
             and what they use is known when they are done"
        );
        let hint = "a provider (`--backend anthropic`), `codex` and `claude` can; or cap what holds for all: \
                    `--max-agents`, `--max-time`";
        return Err(Failure::new(Exit::Usage, message).hint(hint));
    }
    let model = payee.model.as_deref().unwrap_or_default();
    let is_priced = backends.prices().price(&payee.provider, model).is_some();
    if hard.iter().any(|caps| caps.cost.is_some()) && !is_priced {
        let of = if model.is_empty() { String::new() } else { format!("`{model}` of ") };
        let message =
            format!("a cap in dollars cannot be kept: nobody knows the price of {of}`{}`", payee.provider);
        return Err(Failure::new(Exit::Usage, message)
            .hint("`baya prices` shows what is known, and where prices of your own go")
            .hint("or cap tokens: `--budget-tokens 1M`"));
    }
    Ok(())
}
