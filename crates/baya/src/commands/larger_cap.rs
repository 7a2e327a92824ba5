//! `--on-budget ask`: a run that is parked at a cap asks whoever sits here for a larger one.

use super::limit_flags::LimitFlags;
use crate::quantity;
use crate::question;
use crate::views::{caps, sanitise};
use baya_core::agent::{Cause, CauseKind};
use baya_core::budget::OnBudget;
use baya_core::limits::Limits;
use baya_core::view::RunView;

/// Wrong answers before it stays parked.
const TRIES: usize = 3;

/// The flag with the larger cap; none: it stays parked.
pub async fn ask(view: &RunView, parked: Option<&Cause>) -> Option<LimitFlags> {
    let cause = parked.filter(|cause| cause.kind == CauseKind::Budget)?;
    let is_asked = view.limits.on_budget == OnBudget::Ask && question::is_person_there();
    let (flag, what) = caps::flag_in(cause.hint.as_deref()?).filter(|_| is_asked)?;
    let mut why = format!("Go on with a larger `{flag}`?");
    for _ in 0..TRIES {
        let answer = question::line(&format!("{} [{what} or n]", sanitise::line(&why))).await?;
        match answer.as_str() {
            "" | "n" | "N" | "no" | "No" | "NO" => return None,
            "y" | "Y" | "yes" | "Yes" | "YES" => why = format!("How much in all, as for `{flag}`?"),
            value => match with(flag, value, &view.limits) {
                Ok(flags) => return Some(flags),
                Err(wrong) => why = format!("{wrong}; how much in all?"),
            },
        }
    }
    None
}

/// # Errors
/// The value is none, or the run has as much already.
fn with(flag: &str, value: &str, had: &Limits) -> Result<LimitFlags, String> {
    let mut flags = LimitFlags::default();
    match flag {
        "--budget" => flags.budget = Some(quantity::count(value)?),
        "--budget-tokens" => flags.budget_tokens = Some(quantity::count(value)?),
        "--budget-input" => flags.budget_input = Some(quantity::count(value)?),
        "--budget-output" => flags.budget_output = Some(quantity::count(value)?),
        "--budget-cache" => flags.budget_cache = Some(quantity::count(value)?),
        "--budget-usd" => flags.budget_usd = Some(quantity::dollars(value)?),
        "--max-time" => flags.max_time = Some(quantity::duration_ms(value)?),
        "--max-agents" => flags.max_agents = Some(quantity::positive(value)?),
        _ => return Err(format!("`{flag}` is set at `baya resume`")),
    }
    let (has, gets) = (cap(flag, had), cap(flag, &flags.over(had.clone())));
    if gets > has { Ok(flags) } else { Err(format!("`{value}` is no more than it has")) }
}

/// What the flag stands at.
fn cap(flag: &str, limits: &Limits) -> Option<u64> {
    let caps = &limits.caps;
    match flag {
        "--budget" => limits.budget_tokens,
        "--budget-tokens" => caps.tokens,
        "--budget-input" => caps.input,
        "--budget-output" => caps.output,
        "--budget-cache" => caps.cache,
        "--budget-usd" => caps.cost.map(|cost| cost.0),
        "--max-time" => caps.wall_ms,
        "--max-agents" => Some(limits.agents_max.into()),
        _ => None,
    }
}
