//! What a plan has to be asked for: pure.

use super::consent::Consent;
use crate::settings::Thresholds;
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;
use baya_core::rehearsal::{Finding, Forecast, Report, Spread, Weight};
use std::collections::BTreeSet;

/// What a run would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What rehearsals showed, or why there are none.
    pub report: Option<Report>,
    pub trouble: Option<String>,
    /// Host steps that stand in the text or were rehearsed, as `baya.exec`.
    pub steps: BTreeSet<String>,
    /// Its text speaks of agents or workflows: it may start some although no rehearsal did.
    pub names_agents: bool,
    /// Agents and host steps do as the user may.
    pub full_access: bool,
    /// Nobody is paid.
    pub is_free: bool,
}

/// Why a plan is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    New,
    Agents { expected: u64, threshold: u64 },
    Cost { expected: NanoUsd, threshold: NanoUsd },
    Steps(Vec<String>),
    FullAccess,
    Fails(Box<Failing>),
    Unknown(String),
}

/// A script that comes to a bad end in rehearsals.
#[derive(Debug, Clone, PartialEq)]
pub struct Failing {
    pub finding: Finding,
    pub of: u32,
}

impl Failing {
    /// It does so more often than not.
    pub fn is_likely(&self) -> bool {
        self.finding.seen.saturating_mul(2) >= self.of
    }

    /// What it is known by.
    pub fn name(&self) -> String {
        let site = self.finding.site.as_ref();
        let place = site.map(|site| format!("{}:{}:{}", site.file, site.line, site.column));
        format!("{} {}", self.finding.kind, place.unwrap_or_default())
    }
}

impl Plan {
    /// Room that caps leave for what was forecast.
    #[must_use]
    pub fn within(mut self, limits: &Limits) -> Plan {
        let Some(report) = &mut self.report else { return self };
        let caps = &limits.caps;
        let Forecast { agents, cost, .. } = &mut report.total;
        // The limit that every run has is no bound worth telling.
        let bound = agents.bound;
        agents.cut(Some(limits.agents_cap().into()));
        agents.bound =
            bound.map(|bound| bound.min(limits.agents_cap().into())).or(caps.agents.map(u64::from));
        cost.cut(caps.cost.map(|cap| cap.0));
        self
    }

    /// What is left of it when so much is done.
    #[must_use]
    pub fn after(mut self, agents: u64, cost: NanoUsd) -> Plan {
        let Some(report) = &mut self.report else { return self };
        lessen(&mut report.total.agents, agents);
        lessen(&mut report.total.cost, cost.0);
        self
    }

    /// More agents than this are not likely.
    pub fn agents(&self) -> u64 {
        self.report.as_ref().map_or(0, |report| report.total.agents.p90)
    }

    /// More dollars than this are not likely.
    pub fn cost(&self) -> NanoUsd {
        self.report.as_ref().map_or(NanoUsd(0), |report| report.total.cost_p90())
    }

    /// Whether anything would be done that is paid for, or that a person wants to know of.
    pub fn does_anything(&self) -> bool {
        // One that starts agents seldom, or on another day, is no less new.
        let agents = self.report.as_ref().map(|report| report.total.agents.worst);
        agents != Some(0) || self.names_agents || !self.steps.is_empty()
    }

    /// Errors of the script that rehearsals came upon.
    pub fn failing(&self) -> Vec<Failing> {
        let Some(report) = &self.report else { return Vec::new() };
        let errors = report.findings.iter().filter(|finding| finding.weight == Weight::Error);
        errors.map(|finding| Failing { finding: finding.clone(), of: report.runs }).collect()
    }

    /// What a person is asked about, given what was agreed to before.
    pub fn reasons(&self, thresholds: &Thresholds, agreed: Option<&Consent>) -> Vec<Reason> {
        if self.is_free || !self.does_anything() {
            return Vec::new();
        }
        let is_new = agreed.is_none().then_some(Reason::New);
        let none = Consent::default();
        let agreed = agreed.unwrap_or(&none);
        let mut reasons: Vec<Reason> = is_new.into_iter().collect();
        reasons.extend(self.excess(thresholds, agreed));
        let steps: Vec<String> = self.steps.difference(&agreed.steps).cloned().collect();
        reasons.extend((!steps.is_empty()).then_some(Reason::Steps(steps)));
        reasons.extend((self.full_access && !agreed.full_access).then_some(Reason::FullAccess));
        let failing = self.failing().into_iter().filter(|failing| !agreed.failing.contains(&failing.name()));
        reasons.extend(failing.map(|failing| Reason::Fails(Box::new(failing))));
        let unknown = self.trouble.clone().filter(|_| !agreed.unknown);
        reasons.extend(unknown.map(Reason::Unknown));
        reasons
    }

    /// What is more than runs without a word, and more than was agreed to.
    pub fn excess(&self, thresholds: &Thresholds, agreed: &Consent) -> Vec<Reason> {
        let Thresholds { agents, cost } = *thresholds;
        let too_many = self.agents() > agents.max(agreed.agents);
        let too_dear = self.cost() > cost.max(agreed.cost);
        let agents = Reason::Agents { expected: self.agents(), threshold: agents };
        let cost = Reason::Cost { expected: self.cost(), threshold: cost };
        [(too_many, agents), (too_dear, cost)].into_iter().filter(|(is, _)| *is).map(|(_, why)| why).collect()
    }
}

impl Reason {
    /// It keeps a script from running where nobody can be asked.
    pub fn stops(&self) -> bool {
        match self {
            Reason::Agents { .. } | Reason::Cost { .. } => true,
            Reason::Fails(failing) => failing.is_likely(),
            Reason::New | Reason::Steps(_) | Reason::FullAccess | Reason::Unknown(_) => false,
        }
    }
}

/// What may come at most stays: what was done may come again, if the script was edited.
fn lessen(spread: &mut Spread, done: u64) {
    let Spread { p10, p50, p90, worst, bound: _ } = spread;
    [p10, p50, p90, worst].into_iter().for_each(|value| *value = value.saturating_sub(done));
}
