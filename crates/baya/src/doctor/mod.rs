//! What works here: backends, the sandbox, and what runs need of this machine. Each check gives findings;
//! none takes longer than its time-out, and none reads a key or a login, only whether there is one.

mod backends;
mod machine;
mod probe;
mod programs;
mod sandbox;

use crate::failure::Failure;
use crate::folders::Folders;
use crate::settings::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub area: Area,
    pub name: String,
    pub state: State,
    /// What was found, in one line.
    pub what: String,
    /// What follows from it.
    pub notes: Vec<String>,
    /// What mends it.
    pub hints: Vec<String>,
    /// As `--backend` names it, if it works here and somebody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Whom that backend asks: the address of a model API, or its own login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// Model APIs and simulated agents.
    Models,
    /// Agents that are programs.
    Programs,
    Sandbox,
    Machine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Not there, and not needed.
    Off,
    /// Runs start, but not all of it works.
    Warn,
    /// No run starts.
    Bad,
}

/// What the checks look at.
pub struct Patient<'a> {
    pub folders: &'a Folders,
    pub settings: &'a Settings,
    pub environment: BTreeMap<String, String>,
    /// Providers are asked whether they are there.
    pub online: bool,
}

/// All findings, in the order they are shown.
pub async fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let (models, programs, sandbox, machine) = tokio::join!(
        backends::look(patient),
        programs::look(patient),
        sandbox::look(patient),
        machine::look(patient),
    );
    [models, programs, sandbox, machine].concat()
}

impl Finding {
    fn new(area: Area, name: impl Into<String>, state: State, what: impl Into<String>) -> Finding {
        Finding {
            area,
            name: name.into(),
            state,
            what: what.into(),
            notes: Vec::new(),
            hints: Vec::new(),
            backend: None,
            asks: None,
        }
    }

    fn works_as(mut self, backend: &str, asks: Option<&str>) -> Finding {
        self.backend = Some(backend.to_owned());
        self.asks = asks.map(str::to_owned);
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hints.push(hint.into());
        self
    }

    fn note(mut self, note: impl Into<String>) -> Finding {
        self.notes.push(note.into());
        self
    }

    /// What a run would have been told.
    fn of_failure(area: Area, name: &str, failure: &Failure) -> Finding {
        let mut finding = Finding::new(area, name, State::Bad, failure.message.clone());
        finding.hints.clone_from(&failure.hints);
        finding
    }
}

impl Area {
    pub fn title(self) -> &'static str {
        match self {
            Area::Models => "models",
            Area::Programs => "programs",
            Area::Sandbox => "sandbox",
            Area::Machine => "machine",
        }
    }
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Off => "off",
            State::Warn => "warn",
            State::Bad => "bad",
        }
    }
}
