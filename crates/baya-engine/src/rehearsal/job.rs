//! What a rehearsal is given. All of it is data, so that it can travel to the process that rehearses.

use baya_core::agent::AgentOptions;
use baya_core::call::{ScriptLimits, WorkflowTarget};
use baya_core::cassette::Cassette;
use baya_core::event::{ScriptRecord, Surroundings};
use baya_core::history::History;
use baya_core::limits::Limits;
use baya_core::money::PriceTable;
use baya_core::rehearsal::Case;
use baya_core::simulate::{Rules, RulesError};
use baya_core::step::{HostStep, StepOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// CPU time of one stretch of script in a rehearsal.
pub const CPU_MS: u64 = 1_000;

/// One script, and everything its rehearsals are drawn from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub script: ScriptRecord,
    /// What the user gave; none: they are made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Given>,
    pub runs: u32,
    pub seed: u64,
    pub purpose: Purpose,
    pub limits: Limits,
    pub surroundings: Surroundings,
    pub history: History,
    pub prices: PriceTable,
    pub models: Models,
    pub fixtures: Fixtures,
    pub known: Known,
    /// Rehearsals that are left out, by their number: they cost the process its life.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub skipped: BTreeSet<u32>,
    /// Only this one is played, and told in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Case>,
    /// A run that is played again: its agents and host steps give what they gave then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cassette: Option<Box<Cassette>>,
}

/// Arguments that are there, `undefined` among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given(pub Value);

/// What the rehearsals are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Looking for trouble, too.
    #[default]
    Everything,
    /// Only what may well happen.
    Forecast,
}

/// Which model a call means, as a table; empty: whoever reads for the rehearsal is asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Models {
    /// By the name of the backend; `""` is the default one.
    pub backends: BTreeMap<String, BackendModels>,
}

/// The models of one backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendModels {
    /// Under which its models stand in the price table.
    pub provider: String,
    /// For calls that name none, or `inherit`.
    pub model: Option<String>,
    /// Names that mean others: `provider` and id.
    pub aliases: BTreeMap<String, (String, String)>,
    /// Nobody is paid.
    pub is_free: bool,
    /// Its agents have tools unless a call says otherwise.
    pub has_tools: bool,
}

/// Who is paid for an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Payee {
    /// As the price table names it.
    pub provider: String,
    /// Absent: nobody knows before it answers.
    pub model: Option<String>,
    /// Its agents have tools unless a call says otherwise.
    pub has_tools: bool,
}

impl Models {
    /// Whom the `backend` and the `model` of a call mean; none: nobody is paid.
    pub fn payee(&self, options: &AgentOptions) -> Option<Payee> {
        let known = self.backend(options.backend.as_deref())?;
        if known.is_free {
            return None;
        }
        let asked = options.model.as_deref().filter(|model| *model != "inherit");
        let asked = asked.or(known.model.as_deref()).unwrap_or_default();
        let (provider, model) = match (known.aliases.get(asked), asked.split_once('/')) {
            (Some(alias), _) => alias.clone(),
            (None, Some((provider, id))) => (provider.to_owned(), id.to_owned()),
            (None, None) => (known.provider.clone(), asked.to_owned()),
        };
        Some(Payee { provider, model: Some(model), has_tools: known.has_tools })
    }

    fn backend(&self, name: Option<&str>) -> Option<&BackendModels> {
        self.backends.get(name.unwrap_or_default()).or_else(|| self.backends.get(""))
    }
}

/// What was read before, so that nothing has to be read while a script is evaluated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Workflows the script calls: target, the path of the script that asks, and what was found.
    pub workflows: Vec<(WorkflowTarget, String, Result<ScriptRecord, String>)>,
    /// Host steps that only read, with what they gave.
    pub steps: Vec<(HostStep, StepOutcome)>,
}

/// What somebody wrote down beside the script: the answers of agents and host steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fixtures {
    /// The keys of a rule file.
    pub rules: serde_json::Map<String, Value>,
    pub steps: Vec<StepFixture>,
    /// Arguments for when the user gives none.
    pub args: Option<Given>,
}

/// What a host step gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepFixture {
    /// As the script calls it: `baya.exec`; none: any.
    pub step: Option<String>,
    /// Found anywhere in what the step is about: the command, the path, the pattern.
    pub about: Option<String>,
    /// It gives this value; for `baya.exec` members that are left out are those of a success.
    pub json: Option<Value>,
    /// It throws with these words.
    pub fails: Option<String>,
}

/// What is wrong with a file of fixtures.
#[derive(Debug, thiserror::Error)]
pub enum FixturesError {
    #[error("not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("it holds an object with `rules`, `steps` or `args`")]
    NoObject,
    #[error("`steps[{place}]`: {why}")]
    Step { place: usize, why: String },
    #[error(transparent)]
    Rules(#[from] RulesError),
}

impl Fixtures {
    /// Reads the text of a `flow.fixtures.json`: the keys of a rule file, `steps` and `args`.
    pub fn parse(text: &str) -> Result<Fixtures, FixturesError> {
        let Value::Object(mut members) = serde_json::from_str(text)? else {
            return Err(FixturesError::NoObject);
        };
        let args = members.shift_remove("args").map(Given);
        let steps = match members.shift_remove("steps") {
            Some(Value::Array(steps)) => steps,
            Some(_) => return Err(FixturesError::NoObject),
            None => Vec::new(),
        };
        let steps = steps.into_iter().enumerate().map(|(place, step)| read_step(place, step));
        let fixtures = Fixtures { rules: members, steps: steps.collect::<Result<_, _>>()?, args };
        fixtures.rules()?;
        Ok(fixtures)
    }

    /// The rules for agents.
    pub fn rules(&self) -> Result<Rules, RulesError> {
        Rules::from_value(Value::Object(self.rules.clone()))
    }
}

fn read_step(place: usize, step: Value) -> Result<StepFixture, FixturesError> {
    let wrong = |why: String| FixturesError::Step { place, why };
    let step: StepFixture = serde_json::from_value(step).map_err(|error| wrong(error.to_string()))?;
    if let Some(pattern) = &step.about {
        regex::Regex::new(pattern).map_err(|_| wrong(format!("`{pattern}` is no regular expression")))?;
    }
    if let Some(name) = step.step.as_deref().filter(|name| !HostStep::NAMES.contains(name)) {
        return Err(wrong(format!(
            "there is no step `{name}`; there are: `{}`",
            HostStep::NAMES.join("`, `")
        )));
    }
    match step.json.is_some() == step.fails.is_some() {
        true => Err(wrong("it says either `json` or `fails`".to_owned())),
        false => Ok(step),
    }
}

impl Job {
    /// The rehearsal of a script with nothing known of its surroundings.
    pub fn of(script: ScriptRecord, runs: u32, seed: u64) -> Job {
        let backend = "rehearsed".to_owned();
        let surroundings = Surroundings {
            backends: vec![backend.clone()],
            backends_with_quarantine: vec![backend.clone()],
            backend,
            in_git_repository: true,
            ..Surroundings::default()
        };
        Job {
            script,
            args: None,
            runs,
            seed,
            purpose: Purpose::Everything,
            limits: Limits::default(),
            surroundings,
            history: History::default(),
            prices: PriceTable::default(),
            models: Models::default(),
            fixtures: Fixtures::default(),
            known: Known::default(),
            skipped: BTreeSet::new(),
            replay: None,
            cassette: None,
        }
    }

    /// What the script's clock begins with.
    pub fn started_ms(&self) -> i64 {
        self.cassette.as_ref().map_or(super::STARTED_MS, |cassette| cassette.started_ms)
    }

    /// What a script may use in a rehearsal: less time than in a run.
    pub fn script_limits(&self) -> ScriptLimits {
        let mut limits = self.limits.script.clone();
        limits.cpu_ms = limits.cpu_ms.min(CPU_MS);
        limits
    }

    /// What the `index`-th rehearsal is made of.
    pub fn case(&self, index: u32, kinds: &[String]) -> Case {
        super::plan::case(self, index, kinds)
    }
}
