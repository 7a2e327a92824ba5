//! How many requests may be out at once, found out by asking: one lane per provider and key.
//!
//! A lane lets requests in first come, first served, up to a limit that grows while all goes well and is
//! cut when the provider refuses (429). A pause the provider asks for closes the lane for everybody.
//! Agents with the same beginning are staggered: one goes ahead, and the others read the cache it fills.
//!
//! What is decided stands in [`limit`], [`recovery`] and [`queue`]: no clock, no task. [`lane`] is the
//! shell that waits. The caps of a run (`--concurrency`) are not this room's business: they cap agents,
//! this caps requests.

mod lane;
mod limit;
mod prefix;
mod queue;
mod recovery;

pub use lane::{Lane, Pass};
pub use prefix::{Prefix, cache_minimum};
pub use queue::Refusal;

use crate::api::ProviderConfig;
use crate::api::provider::key_hash;
use baya_core::ids::AgentNumber;
use baya_core::limits::WAIT_IN_PLACE_MS;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What can be set about lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GovernorSettings {
    /// Requests at once before anything is known of a provider.
    pub at_once_first: u32,
    /// Never more at once, whatever the provider takes.
    pub at_once_max: u32,
    /// Whether one of several agents with the same beginning goes ahead.
    pub stagger: bool,
    /// How long a lane tries nothing new after a refusal; doubles while nothing is accepted.
    pub pause: Duration,
    pub pause_max: Duration,
    /// A pause that a provider asks for is waited for in the lane up to here; a longer one is told.
    pub wait_in_place: Duration,
}

impl Default for GovernorSettings {
    fn default() -> GovernorSettings {
        GovernorSettings {
            at_once_first: 16,
            at_once_max: 256,
            stagger: true,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(30),
            wait_in_place: Duration::from_millis(WAIT_IN_PLACE_MS),
        }
    }
}

/// Whose requests go through one lane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneId {
    /// As views name it.
    pub provider: String,
    /// A hash of address and key; never the key.
    pub key: String,
}

impl LaneId {
    pub fn of(provider: &ProviderConfig) -> LaneId {
        LaneId { provider: provider.name.clone(), key: provider.key_hash() }
    }

    /// The lane of a client that brings its own key.
    pub fn of_key(provider: impl Into<String>, address: &str, key: &str) -> LaneId {
        LaneId { provider: provider.into(), key: key_hash(address, key) }
    }

    /// As a remembered limit is filed.
    fn name(&self) -> String {
        format!("{} {}", self.provider, self.key)
    }
}

/// A request that wants in.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Whose request it is; one that was refused goes before those that came after it.
    pub agent: Option<AgentNumber>,
    /// What the provider's cache may hold of it.
    pub prefix: Option<Prefix>,
}

/// The last good limit of every lane, for the next process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub lanes: BTreeMap<String, RememberedLimit>,
}

/// What a lane has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedLimit {
    /// Requests at once that the provider took.
    pub at_once: u32,
    /// Whether it refused one more.
    #[serde(default)]
    pub refused_more: bool,
}

/// All lanes of a process.
pub struct Governor {
    settings: GovernorSettings,
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    open: BTreeMap<LaneId, Arc<Lane>>,
    remembered: Remembered,
}

impl Governor {
    pub fn new(settings: GovernorSettings) -> Arc<Governor> {
        Arc::new(Governor { settings, lanes: Mutex::default() })
    }

    /// The one lane of this provider and key.
    pub fn lane(&self, id: LaneId) -> Arc<Lane> {
        let mut lanes = self.lock();
        if let Some(lane) = lanes.open.get(&id) {
            return lane.clone();
        }
        let known = lanes.remembered.lanes.get(&id.name()).copied();
        let lane = Arc::new(Lane::new(id.provider.clone(), &self.settings, known));
        lanes.open.insert(id, lane.clone());
        lane
    }

    /// What is known now: of the lanes of this process, and of others from before.
    pub fn remembered(&self) -> Remembered {
        let lanes = self.lock();
        let mut remembered = lanes.remembered.clone();
        for (id, lane) in &lanes.open {
            if let Some(limit) = lane.remembered() {
                remembered.lanes.insert(id.name(), limit);
            }
        }
        remembered
    }

    /// Lanes that are opened from now on begin with these limits.
    pub fn remember(&self, remembered: Remembered) {
        self.lock().remembered = remembered;
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
