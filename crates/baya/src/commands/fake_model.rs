//! `baya fake-model`: a made-up model on this machine, for trying and for tests.

use super::drive::runtime;
use crate::exit::Exit;
use crate::failure::{Failure, in_words};
use crate::output;
use crate::wiring::backends::read_rules;
use baya_agents::fake_model::{FakeModel, Handle, listen, serve};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it answers: rules as JSON; without them, answers are made up from the schema
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Where it listens; 0 takes a free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// One JSON line per request
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let rules = read_rules(args.rules.as_deref())?;
    let config = FakeModel { rules, log: args.log.clone() };
    runtime()?.block_on(run(config, args.port))
}

async fn run(config: FakeModel, port: u16) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot listen on port {port}: {}", in_words(&error)))
            .hint("`--port 0` takes a free one")
    };
    let log = config.log.clone().unwrap_or_default();
    let listener = listen(port).map_err(cannot)?;
    let handle = serve(config, listener).await.map_err(|error| {
        Failure::usage(format!("cannot write the log `{}`: {}", log.display(), in_words(&error)))
    })?;
    tell(&handle);
    wait_for_signal().await;
    handle.shutdown().await;
    Ok(Exit::Done)
}

/// Lines that a shell can take as they are.
fn tell(handle: &Handle) {
    let url = handle.url();
    output::data(&format!("export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=fake"));
    output::data(&format!("export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=fake"));
    output::data(&format!("export GEMINI_BASE_URL={url} GEMINI_API_KEY=fake"));
    output::talk(&format!("a made-up model answers at {url}; ctrl-c ends it"));
}

/// Until somebody ends the program.
pub(super) async fn wait_for_signal() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
