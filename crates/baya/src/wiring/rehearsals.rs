//! What rehearsals are given: the script's surroundings, prices and history, and the process that plays.

use super::backends::{self, Backends, find_types};
use super::host;
use super::prices;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::settings::Settings;
use crate::wiring::confines::Confines;
use baya_agents::api::ProviderKind;
use baya_agents::models::{ModelTable, ProviderModels, default_row};
use baya_agents::simulated::Simulated;
use baya_core::agent::AgentOptions;
use baya_core::event::{ScriptRecord, Surroundings};
use baya_core::limits::Limits;
use baya_core::money::PriceTable;
use baya_core::simulate::Rules;
use baya_engine::driver::WorkflowSource;
use baya_engine::history::{self, Bounds, Wanted};
use baya_engine::rehearsal::{Fixtures, Given, Job, Payee, PayeeOf, Purpose, Rehearsals};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Beside a script, for all scripts of the folder that have no fixtures of their own.
const FIXTURES: &str = "flow.fixtures.json";

/// Who would work, as far as prices and options are concerned.
pub struct Cast {
    pub surroundings: Surroundings,
    pub prices: PriceTable,
    payee: PayeeOf,
    /// Nobody can work here yet, and prices are those of this provider.
    pub assumed: Option<&'static str>,
}

impl Cast {
    /// The backends of a run.
    pub fn of(backends: &Backends, folders: &Folders) -> Cast {
        let surroundings = backends.surroundings(folders);
        let prices = (**backends.prices()).clone();
        Cast { surroundings, prices, payee: backends.payees(), assumed: None }
    }

    /// The backends that flags and settings name; without any, models of Anthropic at their price.
    pub async fn find(
        choice: backends::Choice,
        folders: &Folders,
        settings: &Settings,
    ) -> Result<Cast, Failure> {
        let confines = Confines::new(folders, settings, &backends::environment()).await?;
        match backends::build(choice.clone(), folders, settings, &confines).await {
            Ok(backends) => Ok(Cast::of(&backends, folders)),
            Err(failure) if failure.exit == Exit::NoBackend => Cast::assumed(choice.model, folders, settings),
            Err(failure) => Err(failure),
        }
    }

    fn assumed(model: Option<String>, folders: &Folders, settings: &Settings) -> Result<Cast, Failure> {
        let kind = ProviderKind::Anthropic;
        let provider = ProviderModels { name: kind.name().to_owned(), kind, row: default_row(kind) };
        let table =
            ModelTable { providers: vec![provider], aliases: settings.models.clone(), default_model: model };
        let payee = move |options: &AgentOptions| {
            let chosen = table.choose(options.model.as_deref()).ok();
            let model = chosen.map(|chosen| chosen.model);
            Some(Payee { provider: kind.name().to_owned(), model, has_tools: true })
        };
        let nobody = Backends::only(Arc::new(Simulated::new(Rules::default())));
        Ok(Cast {
            surroundings: nobody.surroundings(folders),
            prices: prices::load(folders, settings)?,
            payee: Arc::new(payee),
            assumed: Some(kind.name()),
        })
    }

    /// Nobody in particular: what the user's settings say has no say. The agent types are the project's.
    pub fn nobody(model: Option<String>, folders: &Folders) -> Result<Cast, Failure> {
        let mut cast = Cast::assumed(model, folders, &Settings::default())?;
        let around = &mut cast.surroundings;
        around.agent_types = find_types(folders).names().into_iter().map(str::to_owned).collect();
        let known = ProviderKind::ALL.iter().map(|kind| kind.name()).chain(["codex", "claude"]);
        around.backends.extend(known.map(str::to_owned));
        around.backends_with_quarantine.clone_from(&around.backends);
        Ok(cast)
    }

    /// The process that plays.
    pub fn rehearsals(
        &self,
        workflows: Arc<dyn WorkflowSource>,
        folders: &Folders,
    ) -> Result<Rehearsals, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::outside("cannot find our own program", error))?;
        Ok(Rehearsals {
            program,
            args: vec![crate::REHEARSE_WORD.to_owned()],
            workflows,
            folder: folders.working.clone(),
            git: host::git(),
            payee: self.payee.clone(),
        })
    }

    /// What is rehearsed.
    pub fn job(&self, script: &ScriptRecord, asked: Asked, folders: &Folders) -> Job {
        let wanted = Wanted::new(script, &folders.working);
        Job {
            args: asked.args.map(Given),
            purpose: asked.purpose,
            limits: asked.limits,
            surroundings: self.surroundings.clone(),
            history: history::gather(&folders.state, &wanted, Bounds::default()),
            prices: self.prices.clone(),
            fixtures: asked.fixtures,
            ..Job::of(script.clone(), asked.runs, asked.seed)
        }
    }
}

/// How much is rehearsed, and with what.
pub struct Asked {
    pub args: Option<Value>,
    pub purpose: Purpose,
    pub runs: u32,
    pub seed: u64,
    pub limits: Limits,
    pub fixtures: Fixtures,
}

/// What is written beside a script, and in which file; nothing, if there is none.
pub fn fixtures(
    script: &ScriptRecord,
    named: Option<&Path>,
    folders: &Folders,
) -> Result<(Fixtures, Option<PathBuf>), Failure> {
    let own = folders.working.join(&script.path);
    let candidates = match named {
        Some(path) => vec![path.to_owned()],
        None => vec![own.with_extension("fixtures.json"), own.with_file_name(FIXTURES)],
    };
    for path in candidates {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) if named.is_none() && !path.exists() => continue,
            Err(error) => return Err(Failure::unreadable(&path, &error)),
        };
        let read = Fixtures::parse(&text).map_err(|error| {
            Failure::usage(format!("fixtures `{}`: {error}", path.display()))
                .hint("docs/money.md, `Rehearsal`, has the format")
        })?;
        return Ok((read, Some(path)));
    }
    Ok((Fixtures::default(), None))
}
