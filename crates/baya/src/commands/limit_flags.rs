//! The flags that set limits of a run.

use crate::failure::Failure;
use crate::quantity;
use baya_core::limits::Limits;

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Output tokens the run may use, as `500k`
    #[arg(long, value_name = "TOKENS", value_parser = quantity::count)]
    pub budget: Option<u64>,
    #[arg(long, value_name = "DOLLARS", hide = true)]
    pub budget_usd: Option<String>,
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

impl LimitFlags {
    pub fn refuse_what_is_not_there(&self) -> Result<(), Failure> {
        match self.budget_usd {
            Some(_) => {
                Err(Failure::not_yet("`--budget-usd`, a cap in dollars,").hint("cap tokens: `--budget 500k`"))
            }
            None => Ok(()),
        }
    }

    /// These limits with the flags over them.
    pub fn over(&self, mut limits: Limits) -> Limits {
        limits.budget_tokens = self.budget.or(limits.budget_tokens);
        limits.agents_max = self.max_agents.unwrap_or(limits.agents_max);
        limits.concurrency = self.concurrency.unwrap_or(limits.concurrency);
        limits.script.memory_bytes = self.script_memory.unwrap_or(limits.script.memory_bytes);
        limits.script.cpu_ms = self.script_cpu.unwrap_or(limits.script.cpu_ms);
        limits.script.depth_max = self.max_depth.unwrap_or(limits.script.depth_max);
        limits
    }
}
