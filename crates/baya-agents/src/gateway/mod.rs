//! The loopback model proxy: every agent process we start talks to models through it.
//!
//! An agent gets an address with a throw-away token in it. The gateway finds the agent by the token,
//! puts the provider's real key where the agent's own word was, asks the governor for a place, passes
//! the bytes on as they come, and reads from them what they cost. So the real key never reaches the
//! agent, the meter is the provider's own count, and a cap is a wall.
//!
//! Invariants: nothing is forwarded for a token that is not known here, or to an address that is not a
//! provider's; what was passed on of an answer is never asked for again; every exchange is settled in
//! the books exactly once, whoever ends it. It keeps no conversation and changes no answer.

mod account;
mod asked;
mod exchange;
mod forward;
mod grant;
mod headers;
mod news;
mod passage;
mod paying;
mod reading;
mod refusal;
mod route;
mod service;
mod sieve;
mod tape;
mod upstream;

pub use account::{Admission, Meter, NotWritten, Written};
pub use grant::Grant;
pub use paying::Payer;
pub use route::Dialect;

use crate::api::ProviderConfig;
use crate::fake_model::listen;
use crate::governor::Governor;
use axum::Router;
use axum::serve::ListenerExt;
use baya_core::agent::{Cause, CauseKind};
use baya_core::money::PriceTable;
use rustix::rand::{GetRandomFlags, getrandom};
use service::House;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tape::Deck;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a gateway stands between.
pub struct GatewayConfig {
    /// With their real keys.
    pub providers: Vec<ProviderConfig>,
    pub governor: Arc<Governor>,
    pub tape: Tape,
}

/// Whether exchanges are kept or come from those that were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tape {
    #[default]
    None,
    /// Every exchange becomes a file in this folder.
    Record(PathBuf),
    /// Answers come from the files of this folder; nobody is asked.
    Replay(PathBuf),
}

/// A gateway at work; dropped, it stops. One is enough for a process.
pub struct Gateway {
    port: u16,
    house: Arc<House>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Gateway {
    /// Listens on a free port of the loopback.
    pub async fn start(config: GatewayConfig) -> io::Result<Arc<Gateway>> {
        Gateway::start_at(0, config).await
    }

    /// [`Gateway::start`] on a port of one's own choice; 0 takes a free one.
    pub async fn start_at(port: u16, config: GatewayConfig) -> io::Result<Arc<Gateway>> {
        crate::api::install_crypto();
        let seed = seed()?;
        let deck = Deck::open(config.tape)?;
        let listener = listen(port)?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        let house = Arc::new(House::new(config.providers, config.governor, deck, seed, port));
        let router = Router::new().fallback(service::handle).with_state(house.clone());
        // Frames are small: without this, each would wait for the client's acknowledgement of the last.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        Ok(Arc::new(Gateway { port, house, stop, task: Mutex::new(Some(task)) }))
    }

    /// What passes from now on is charged by these prices, where a key of ours pays for it.
    pub fn price_by(&self, prices: Arc<PriceTable>) {
        self.house.price_by(prices);
    }

    /// The only port that an agent has to reach.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets an agent in, for as long as the grant is kept.
    pub fn admit(&self, admission: Admission) -> Grant {
        self.house.admit(admission)
    }

    /// Whether requests are still taken.
    pub fn is_alive(&self) -> bool {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Why no agent can get through, once that is so.
    pub fn check(&self) -> Result<(), Cause> {
        if self.is_alive() {
            return Ok(());
        }
        let message = format!("the gateway on port {} has stopped: no agent reaches a model", self.port);
        Err(Cause::new(CauseKind::ProviderDown, message).hint("resume the run: that starts a new one"))
    }

    /// Closes the port and ends what is under way.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.house.close();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        self.house.close();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.iter().for_each(JoinHandle::abort);
    }
}

/// What tokens are made from: whoever does not have it cannot guess one.
fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    match getrandom(&mut seed, GetRandomFlags::empty())? {
        32 => Ok(seed),
        _ => Err(io::Error::other("the kernel gave too little randomness for tokens")),
    }
}
