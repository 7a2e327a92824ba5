//! `baya gateway`: a model proxy on this machine, for counting, recording and replaying what an agent
//! asks of models, without giving it a key.

use super::drive::runtime;
use super::fake_model::wait_for_signal;
use crate::exit::Exit;
use crate::failure::{Failure, in_words};
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::views::cost;
use crate::wiring::gateway::providers;
use crate::wiring::prices;
use baya_agents::api::{ProviderConfig, ProviderKind};
use baya_agents::gateway::{Admission, Dialect, Gateway, GatewayConfig, Grant, Tape};
use baya_agents::governor::{Governor, GovernorSettings};
use baya_core::money::PriceTable;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens; 0 takes a free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Write every exchange as a file into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Answer from the files of this folder; no model is asked
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
}

/// The clients that are told of it, by the prefix of their variables.
const CLIENTS: [(&str, Dialect); 2] = [("ANTHROPIC", Dialect::Anthropic), ("OPENAI", Dialect::OpenAiChat)];

/// What one client may do.
struct Entrance {
    variables: &'static str,
    dialect: Dialect,
    /// Whose key is put in; absent: the client brings its own.
    provider: Option<String>,
    grant: Grant,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let settings = Settings::load(&folders)?;
    let prices = prices::load(&folders, &settings)?;
    runtime()?.block_on(run(args, providers(&settings), prices))
}

async fn run(args: &Args, providers: Vec<ProviderConfig>, prices: PriceTable) -> Result<Exit, Failure> {
    let tape = match (&args.record, &args.replay) {
        (Some(folder), _) => Tape::Record(folder.clone()),
        (None, Some(folder)) => Tape::Replay(folder.clone()),
        (None, None) => Tape::None,
    };
    let replays = args.replay.is_some();
    let chosen = CLIENTS.map(|(_, dialect)| provider_for(dialect, &providers));
    let config = GatewayConfig { providers, governor: Governor::new(GovernorSettings::default()), tape };
    let gateway = Gateway::start_at(args.port, config).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse | ErrorKind::PermissionDenied if args.port != 0 => {
            Failure::usage(format!("cannot listen on port {}: {}", args.port, in_words(&error)))
                .hint("`--port 0` takes a free one")
        }
        _ => Failure::usage(error.to_string())
            .hint_if_some(replays.then(|| "`baya gateway --record DIR` makes recordings".to_owned())),
    })?;
    gateway.price_by(Arc::new(prices));
    let entrances: Vec<Entrance> = CLIENTS
        .into_iter()
        .zip(chosen)
        .map(|((variables, dialect), provider)| {
            let (name, provider_of) = (variables.to_lowercase(), provider.clone());
            let grant = gateway.admit(Admission { name, provider: provider_of, ..Admission::default() });
            Entrance { variables, dialect, provider, grant }
        })
        .collect();
    tell(args, gateway.port(), &entrances);
    wait_for_signal().await;
    entrances.iter().for_each(tell_cost);
    gateway.stop().await;
    Ok(Exit::Done)
}

/// The first with a key of its own, or on this machine, that speaks the wire.
fn provider_for(dialect: Dialect, providers: &[ProviderConfig]) -> Option<String> {
    let speaks = |kind: ProviderKind| match dialect {
        Dialect::Anthropic => kind == ProviderKind::Anthropic,
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            !matches!(kind, ProviderKind::Anthropic | ProviderKind::Gemini | ProviderKind::Ollama)
        }
    };
    providers.iter().find(|provider| speaks(provider.kind)).map(|provider| provider.name.clone())
}

/// Lines that a shell can take as they are, on stdout; the rest is talk.
fn tell(args: &Args, port: u16, entrances: &[Entrance]) {
    for Entrance { variables, dialect, provider, grant } in entrances {
        let url = grant.base_url(*dialect);
        let key = match provider.is_some() || args.replay.is_some() {
            true => format!(" {variables}_API_KEY={}", grant.key()),
            false => String::new(),
        };
        output::data(&format!("export {variables}_BASE_URL={url}{key}"));
    }
    let what = match (&args.record, &args.replay) {
        (Some(folder), _) => format!("records into `{}`", folder.display()),
        (None, Some(folder)) => format!("answers from `{}`", folder.display()),
        (None, None) => "passes requests on".to_owned(),
    };
    output::talk(&format!("a gateway on port {port} {what}; ctrl-c ends it"));
    if args.replay.is_none() {
        for Entrance { variables, provider, .. } in entrances {
            match provider {
                Some(name) => output::talk(&format!("{variables}: with the key of `{name}`")),
                None => output::talk(&format!("{variables}: no key found, clients bring their own login")),
            }
        }
    }
}

fn tell_cost(entrance: &Entrance) {
    let meter = entrance.grant.finish();
    if meter.requests == 0 {
        return;
    }
    let usage = meter.usage;
    let input = usage.input + usage.cache_read + usage.cache_write;
    let requests =
        if meter.requests == 1 { "1 request".to_owned() } else { format!("{} requests", meter.requests) };
    output::talk(&format!(
        "{}: {requests}, {input} tokens in ({} from the cache), {} out{}",
        entrance.variables,
        usage.cache_read,
        usage.output,
        if usage.priced > 0 { format!(", {}", cost::dollars(&usage)) } else { String::new() }
    ));
}
