//! The way out to hosts of the network, for those that a person has listed.
//!
//! A name is judged before it is looked up, and each address it leads to before anybody connects: one of
//! this machine or of a private network must be listed itself. Whoever connects uses the very addresses
//! that were judged, so that a second answer of the name service changes nothing.

mod address;
mod hosts;
mod proxy;

pub use address::is_public;
pub use hosts::{HostRule, HostRules};
pub use proxy::{Pass, Proxy};

use futures_util::future::BoxFuture;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const LOOK_UP: Duration = Duration::from_secs(10);

/// Finds the addresses of a name; another one than the system's is for tests.
pub type LookUp =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// What may be asked, and how names are looked up.
#[derive(Clone)]
pub struct Egress {
    pub rules: HostRules,
    look_up: LookUp,
}

/// Why a host cannot be asked, in words for whoever wanted to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("`{0}` is not among the hosts that are allowed here")]
    NotListed(String),
    #[error(
        "`{host}` leads to {address}, an address of this machine or of a private network that is not listed"
    )]
    Private { host: String, address: IpAddr },
    #[error("`{host}` cannot be looked up: {why}")]
    Unknown { host: String, why: String },
}

impl Egress {
    pub fn new(rules: HostRules) -> Egress {
        let look_up: LookUp = Arc::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        });
        Egress { rules, look_up }
    }

    #[must_use]
    pub fn with_look_up(self, look_up: LookUp) -> Egress {
        Egress { look_up, ..self }
    }

    /// The addresses of a host that may be connected to; at least one.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Denied> {
        let host = hosts::plain(host);
        if !self.rules.allow(&host, port) {
            return Err(Denied::NotListed(shown(&host, port)));
        }
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.look_up(&host, port).await?,
        };
        match found
            .iter()
            .find(|found| !is_public(found.ip()) && !self.rules.list_address(&host, found.ip(), port))
        {
            // One such answer makes the others doubtful too.
            Some(private) => Err(Denied::Private { host, address: private.ip() }),
            None => Ok(found),
        }
    }

    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Denied> {
        let unknown = |why: &str| Denied::Unknown { host: host.to_owned(), why: why.to_owned() };
        match tokio::time::timeout(LOOK_UP, (self.look_up)(host.to_owned(), port)).await {
            Ok(Ok(found)) if found.is_empty() => Err(unknown("it has no address")),
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(unknown(&error.to_string())),
            Err(_) => Err(unknown("the name service does not answer")),
        }
    }
}

fn shown(host: &str, port: u16) -> String {
    match port {
        80 | 443 => host.to_owned(),
        _ => format!("{host}:{port}"),
    }
}
