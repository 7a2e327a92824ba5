//! The flags that set limits of a run.

use crate::quantity;
use baya_core::budget::OnBudget;
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;

#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Output tokens the run may use, as `500k`: the script's `budget.total`
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget: Option<u64>,
    /// Tokens of all classes the run may use
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget_tokens: Option<u64>,
    /// Dollars the run may spend, as `5` or `0.50`
    #[arg(long, value_name = "DOLLARS", value_parser = quantity::dollars)]
    pub budget_usd: Option<NanoUsd>,
    /// Tokens the run may send, those read from a cache left out
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget_input: Option<u64>,
    /// Output tokens the run may use; the script sees nothing of it
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget_output: Option<u64>,
    /// Tokens that may be written to a provider's cache or read from it
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget_cache: Option<u64>,
    /// How long the run may take, as `2h`
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub max_time: Option<u64>,
    /// What happens at a cap: `stop` (calls throw), `pause` (resume with a larger one) or `ask` (here)
    #[arg(long, value_name = "WHAT", value_parser = on_budget)]
    pub on_budget: Option<OnBudget>,
    /// Agents in the run's whole life
    #[arg(long, value_name = "N", value_parser = quantity::positive)]
    pub max_agents: Option<u32>,
    /// Agents at work at the same time
    #[arg(long, value_name = "N", value_parser = quantity::positive)]
    pub concurrency: Option<u32>,
    /// Memory of the script, as `256M`
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes)]
    pub script_memory: Option<u64>,
    /// CPU time of the script between two waits, as `30s`
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub script_cpu: Option<u64>,
    /// How deep workflows may call each other
    #[arg(long, value_name = "N", value_parser = quantity::positive)]
    pub max_depth: Option<u32>,
}

/// As flags and settings write it.
pub fn on_budget(word: &str) -> Result<OnBudget, String> {
    match word {
        "stop" => Ok(OnBudget::Stop),
        "pause" => Ok(OnBudget::Pause),
        "ask" => Ok(OnBudget::Ask),
        _ => Err(format!("`{word}` is none of `stop`, `pause`, `ask`")),
    }
}

impl LimitFlags {
    /// These limits with the flags over them.
    pub fn over(&self, mut limits: Limits) -> Limits {
        limits.budget_tokens = self.budget.or(limits.budget_tokens);
        let caps = &mut limits.caps;
        caps.tokens = self.budget_tokens.or(caps.tokens);
        caps.cost = self.budget_usd.or(caps.cost);
        caps.input = self.budget_input.or(caps.input);
        caps.output = self.budget_output.or(caps.output);
        caps.cache = self.budget_cache.or(caps.cache);
        caps.wall_ms = self.max_time.or(caps.wall_ms);
        limits.on_budget = self.on_budget.unwrap_or(limits.on_budget);
        limits.agents_max = self.max_agents.unwrap_or(limits.agents_max);
        limits.concurrency = self.concurrency.unwrap_or(limits.concurrency);
        limits.script.memory_bytes = self.script_memory.unwrap_or(limits.script.memory_bytes);
        limits.script.cpu_ms = self.script_cpu.unwrap_or(limits.script.cpu_ms);
        limits.script.depth_max = self.max_depth.unwrap_or(limits.script.depth_max);
        limits
    }
}
