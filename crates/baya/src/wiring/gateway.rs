//! The one gateway of a process. Runs without agents that are programs start none.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::backends;
use baya_agents::api::{ProviderConfig, select};
use baya_agents::gateway::{Gateway, GatewayConfig, Tape};
use baya_agents::governor::Governor;
use baya_core::money::PriceTable;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Starts a gateway for the first who asks, and gives the same one to all others.
pub struct LazyGateway {
    providers: Vec<ProviderConfig>,
    governor: Arc<Governor>,
    prices: Arc<PriceTable>,
    started: OnceCell<Arc<Gateway>>,
}

impl LazyGateway {
    pub fn new(providers: Vec<ProviderConfig>, governor: Arc<Governor>) -> LazyGateway {
        LazyGateway { providers, governor, prices: Arc::default(), started: OnceCell::new() }
    }

    /// What passes is charged by these prices.
    #[must_use]
    pub fn priced_by(self, prices: Arc<PriceTable>) -> LazyGateway {
        LazyGateway { prices, ..self }
    }

    pub async fn get(&self) -> Result<Arc<Gateway>, Failure> {
        let start = async || {
            let (providers, governor) = (self.providers.clone(), self.governor.clone());
            let gateway = Gateway::start(GatewayConfig { providers, governor, tape: Tape::None }).await?;
            gateway.price_by(self.prices.clone());
            Ok::<_, std::io::Error>(gateway)
        };
        let gateway = self.started.get_or_try_init(start).await;
        gateway.cloned().map_err(|error| Failure::outside("cannot start the gateway for agents", error))
    }
}

/// The providers that a gateway knows: those of the `api` backend.
pub fn providers(settings: &Settings) -> Vec<ProviderConfig> {
    // By this name there is always something to select from: an Ollama, if nothing else.
    select(backends::API, &backends::environment(), &settings.providers).unwrap_or_default()
}
