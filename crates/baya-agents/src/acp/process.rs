//! One process of an agent: started in its sandbox with a private folder, greeted, ended for certain.

use super::config::AcpConfig;
use super::fault::{Fault, Scene};
use super::presets::{Models, Place, SetUp};
use super::surroundings::{Home, environment, readable};
use super::told::{Abilities, Told, Unanswered};
use super::wire::{self, Wire};
use crate::backend::Attempt;
use crate::gateway::Grant;
use crate::program::{self, Ended, Errors, Launch, NotStarted, Running};
use crate::sandbox::{Profile, Sandbox};
use baya_core::agent::{AgentProcess, AgentTask, AttemptEnd, Progress, Wait};
use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// What a process can be used for again: all of it must be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub folder: PathBuf,
    pub profile: Profile,
    pub provider: Option<String>,
    pub model: Option<String>,
}

pub(super) struct Process {
    pub made_for: Use,
    pub wire: Wire,
    pub told: UnboundedReceiver<Told>,
    pub errors: Arc<Errors>,
    pub abilities: Abilities,
    pub grant: Option<Grant>,
    /// Below the state folder; sessions live in it.
    pub private: PathBuf,
    running: Running,
    /// A session in its folder may be gone on with.
    pub keeps_folder: bool,
    /// It misbehaved: nobody uses it again.
    pub spoilt: bool,
}

/// What a process is started with.
pub(super) struct Start<'a> {
    pub config: &'a AcpConfig,
    pub made_for: Use,
    pub private: PathBuf,
    pub models: Option<Models>,
    /// The gateway's.
    pub port: Option<u16>,
    pub grant: Option<Grant>,
    pub task: &'a AgentTask,
    pub attempt: &'a Attempt,
}

impl Process {
    pub async fn start(start: Start<'_>) -> Result<Process, (Fault, Option<Broken>)> {
        let (config, attempt) = (start.config, start.attempt);
        let laid = lay_out(&start).map_err(|why| (Fault::NoPlace(why), None))?;
        attempt.tell(Progress::Waiting { wait: Wait::Start { program: config.name.clone() } });
        let launch = Launch {
            argv: &laid.argv,
            environment: &laid.environment,
            folder: &attempt.folder,
            sandbox: Some(&laid.sandbox),
        };
        let mut running = started(&launch, attempt).await.map_err(|why| (Fault::NotStarted(why), None))?;
        let errors = running.errors();
        let pipes = running.take_stdin().zip(running.take_stdout());
        let connected = match pipes {
            Some((stdin, stdout)) => wire::connect(stdin, stdout).await,
            None => None,
        };
        let Some((wire, told)) = connected else {
            return Err((Fault::Unanswered(Unanswered::Gone), Some(Broken::of(running, None).await)));
        };
        let after = Duration::from_millis(config.start_ms);
        let greeted = tokio::select! {
            biased;
            () = attempt.cancel.cancelled() => Err(Fault::Cancelled { obeys: false }),
            greeted = timeout(after, wire.greet()) => match greeted {
                Ok(greeted) => greeted.map_err(Fault::Unanswered),
                Err(_) => Err(Fault::SlowStart { after_ms: config.start_ms }),
            },
        };
        match greeted {
            Err(fault) => Err((fault, Some(Broken::of(running, Some(wire)).await))),
            Ok(abilities) => Ok(Process {
                made_for: start.made_for,
                wire,
                told,
                errors,
                abilities,
                grant: start.grant,
                private: start.private,
                running,
                keeps_folder: false,
                spoilt: false,
            }),
        }
    }

    pub fn process(&self) -> &AgentProcess {
        self.running.process()
    }

    pub fn is_alive(&mut self) -> bool {
        self.running.is_alive()
    }

    /// Ends it and all that it started.
    pub async fn end(self) -> Broken {
        let Process { wire, running, private, keeps_folder, .. } = self;
        let broken = Broken::of(running, Some(wire)).await;
        if !keeps_folder {
            // What cannot be removed harms nobody.
            let _ = tokio::fs::remove_dir_all(&private).await;
            // The run's own folder, once nothing is left in it.
            let _ = private.parent().map(std::fs::remove_dir);
        }
        broken
    }
}

/// At work, and known to the journal as one that outlives its agent.
async fn started(words: &Launch<'_>, attempt: &Attempt) -> Result<Running, NotStarted> {
    let mut running = program::launch(words).await?;
    running.keep();
    program::record(running.process(), attempt).await?;
    running.begin().await;
    Ok(running)
}

/// A process that is over, and what it said.
pub(super) struct Broken {
    ended: Ended,
    noise: String,
    why_cut: Option<String>,
}

impl Broken {
    async fn of(running: Running, wire: Option<Wire>) -> Broken {
        let output = wire.as_ref().map(|wire| wire.output().clone());
        // It hangs up: many agents end by themselves then.
        drop(wire);
        let ended = running.end().await;
        let noise = output.as_ref().map(|output| output.noise()).unwrap_or_default();
        Broken { ended, noise, why_cut: output.and_then(|output| output.why_cut()) }
    }
}

/// What the run is told of a fault.
pub(super) fn explain(fault: Fault, broken: Option<&Broken>, config: &AcpConfig) -> AttemptEnd {
    fault.end(&Scene {
        name: &config.name,
        install: config.install(),
        ended: broken.map(|broken| &broken.ended),
        noise: broken.map(|broken| broken.noise.as_str()).unwrap_or_default(),
        why_cut: broken.and_then(|broken| broken.why_cut.clone()),
    })
}

struct LaidOut {
    argv: Vec<String>,
    environment: BTreeMap<String, String>,
    sandbox: Sandbox,
}

/// The private folder, the environment and the sandbox of a process.
fn lay_out(start: &Start<'_>) -> Result<LaidOut, String> {
    let (config, private) = (start.config, start.private.as_path());
    for folder in ["home", "config", "data", "cache", "state"] {
        private_folder(&private.join(folder))?;
    }
    let own_port = config.has_own_port().then(free_port).transpose()?;
    let read_only = start.made_for.profile == Profile::ReadOnly;
    let place = Place { private, own_port, models: start.models.as_ref(), read_only };
    let home = match (&start.models, start.made_for.profile) {
        (None, Profile::Full) => Home::Persons,
        (Some(_), _) | (None, Profile::ReadOnly | Profile::Workspace) => Home::Private,
    };
    let SetUp { words, environment: own, files } = match home {
        Home::Private => config.set_up(&place),
        // Its own configuration says all of it.
        Home::Persons => SetUp { words: config.set_up(&place).words, ..SetUp::default() },
    };
    for (path, text) in files {
        write_private(&private.join(path), &text)?;
    }
    let argv: Vec<String> = config.argv().into_iter().chain(words).collect();
    let environment = environment(config, home, private, own);
    let mut sandbox = (config.open)(start.task, start.attempt, start.made_for.profile, private)?;
    sandbox.port = start.port;
    sandbox.own_port = own_port;
    sandbox.readable.extend(readable(&argv, &environment));
    sandbox.readable.extend(readable(&config.answer, &environment));
    Ok(LaidOut { argv, environment, sandbox })
}

pub(super) fn private_folder(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))
}

fn write_private(path: &Path, text: &str) -> Result<(), String> {
    let told = |error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
    path.parent().map_or(Ok(()), private_folder)?;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.map_err(told)?, text.as_bytes()).map_err(told)
}

/// One that nobody listens on; the agent takes it a moment later.
fn free_port() -> Result<u16, String> {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|error| format!("there is no free port: {error}"))
}
