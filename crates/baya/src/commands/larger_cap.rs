//! `--on-budget ask`: a run that is parked at a cap asks whoever sits here for a larger one.

use super::limit_flags::LimitFlags;
use crate::output;
use crate::quantity;
use crate::views::{caps, sanitise};
use baya_core::agent::{Cause, CauseKind};
use baya_core::budget::OnBudget;
use baya_core::view::RunView;
use std::io::{BufRead, IsTerminal};

/// Wrong answers before it stays parked.
const TRIES: usize = 3;

/// The flag with the larger cap; none: it stays parked.
pub fn ask(view: &RunView, parked: Option<&Cause>) -> Option<LimitFlags> {
    let cause = parked.filter(|cause| cause.kind == CauseKind::Budget)?;
    let is_person_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let is_asked = view.limits.on_budget == OnBudget::Ask && is_person_there;
    let (flag, what) = caps::flag_in(cause.hint.as_deref()?).filter(|_| is_asked)?;
    let spent = caps::spent(view).map(|spent| format!(" ({spent})")).unwrap_or_default();
    output::talk(&sanitise::line(&format!("{}{spent}", cause.message)));
    let mut stdin = std::io::stdin().lock();
    for _ in 0..TRIES {
        output::talk(&format!("A larger cap, as for `{flag} {what}`? Nothing leaves the run parked:"));
        let mut answer = String::new();
        if stdin.read_line(&mut answer).unwrap_or(0) == 0 || answer.trim().is_empty() {
            return None;
        }
        match with(flag, answer.trim()) {
            Ok(flags) => return Some(flags),
            Err(why) => output::talk(&sanitise::line(&why)),
        }
    }
    None
}

fn with(flag: &str, value: &str) -> Result<LimitFlags, String> {
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
    Ok(flags)
}
