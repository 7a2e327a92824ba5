//! What settings say of being asked before a run: `[plan]`.

use baya_core::money::NanoUsd;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::file::Positive;

/// `[plan]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanSection {
    /// A plan for more agents is asked for.
    pub ask_agents: Option<Positive>,
    /// A plan that costs more is asked for.
    pub ask_usd: Option<Dollars>,
}

/// `2`, `0.50` or `"$0.50"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(pub NanoUsd);

/// What may run without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    pub agents: u64,
    pub cost: NanoUsd,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds { agents: 25, cost: NanoUsd(2_000_000_000) }
    }
}

impl Thresholds {
    /// The user's, or the usual ones; a project may ask for more care, never for less.
    pub fn new(user: PlanSection, project: PlanSection) -> Thresholds {
        let usual = Thresholds::default();
        let PlanSection { ask_agents, ask_usd } = user;
        let agents = ask_agents.map_or(usual.agents, |count| count.0.into());
        let cost = ask_usd.map_or(usual.cost, |dollars| dollars.0);
        Thresholds {
            agents: project.ask_agents.map_or(agents, |count| agents.min(count.0.into())),
            cost: project.ask_usd.map_or(cost, |dollars| cost.min(dollars.0)),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected dollars, as 2 or 0.50")]
enum NumberOrText {
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Dollars, D::Error> {
        let wrong =
            |shown: String| D::Error::custom(format!("`{shown}` is no amount; write it as 2 or 0.50"));
        match NumberOrText::deserialize(input)? {
            NumberOrText::Number(number) => {
                NanoUsd::from_dollars(number).map(Dollars).ok_or_else(|| wrong(number.to_string()))
            }
            NumberOrText::Text(text) => {
                let number = text.trim().trim_start_matches('$').parse::<f64>().ok();
                number.and_then(NanoUsd::from_dollars).map(Dollars).ok_or_else(|| wrong(text))
            }
        }
    }
}
