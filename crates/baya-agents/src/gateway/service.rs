//! From a client's connection to the provider and back.

use super::account::{Account, Admission};
use super::asked::{Asked, CapName};
use super::exchange::Exchange;
use super::forward::Forward;
use super::grant::{Door, Grant};
use super::headers;
use super::passage::Passage;
use super::paying::{Counts, hold};
use super::refusal::Refusal;
use super::route::{self, Astray, Errand, Route, TOKEN_BEGIN};
use super::tape::Deck;
use super::upstream::Upstreams;
use crate::api::ProviderConfig;
use crate::governor::Governor;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use baya_core::limits::GATEWAY_ROOM_MIN;
use baya_core::money::PriceTable;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all requests share.
pub(super) struct House {
    pub port: u16,
    upstreams: Upstreams,
    deck: Deck,
    /// What agents sent, as providers counted it.
    pub firsts: Arc<Counts>,
    seed: [u8; 32],
    tokens: AtomicU64,
    /// By a keyed hash of the token: how long a look-up takes says nothing of a token, and hashes are
    /// compared in constant time.
    doors: Mutex<HashMap<blake3::Hash, Arc<Door>>>,
    /// Absent: what passes is charged by others.
    prices: Mutex<Option<Arc<PriceTable>>>,
}

/// The one handler: each request goes the same way.
pub(super) async fn handle(State(house): State<Arc<House>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let spoken = route::spoken(&parts.headers);
    match house.route(&parts) {
        Err(refusal) => refusal.response(spoken),
        Ok((route, token, door)) => {
            let (dialect, errand, account) = (route.dialect, route.errand, door.account());
            let over = account.closed.clone();
            let passed = tokio::select! {
                biased;
                () = over.cancelled() => Err(Refusal::Over { name: account.admission.name.clone() }),
                passed = house.pass(route, &token, &door, &account, parts, body) => passed,
            };
            passed.unwrap_or_else(|refusal| {
                if errand == Errand::Ask {
                    refusal.cause().into_iter().for_each(|cause| account.refuse(cause));
                }
                refusal.response(dialect)
            })
        }
    }
}

impl House {
    pub fn new(
        providers: Vec<ProviderConfig>,
        governor: Arc<Governor>,
        deck: Deck,
        seed: [u8; 32],
        port: u16,
    ) -> House {
        let upstreams = Upstreams::new(providers, governor);
        House {
            port,
            upstreams,
            deck,
            seed,
            tokens: AtomicU64::new(0),
            doors: Mutex::default(),
            firsts: Arc::default(),
            prices: Mutex::default(),
        }
    }

    pub fn price_by(&self, prices: Arc<PriceTable>) {
        *self.prices() = Some(prices);
    }

    pub fn admit(self: &Arc<Self>, admission: Admission) -> Grant {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let secret = blake3::keyed_hash(&self.seed, format!("token {number}").as_bytes());
        let token = format!("{TOKEN_BEGIN}{}", &secret.to_hex()[..32]);
        let door = Door::new(admission, self.firsts.clone());
        self.doors().insert(self.hash(&token), door.clone());
        Grant::new(self.clone(), token, door)
    }

    pub fn dismiss(&self, token: &str) {
        self.doors().remove(&self.hash(token));
    }

    /// Ends all that is under way.
    pub fn close(&self) {
        let doors: Vec<Arc<Door>> = self.doors().values().cloned().collect();
        doors.iter().for_each(|door| door.account().close());
    }

    /// Who asks for what; nothing is read of a body before that is known.
    fn route(&self, parts: &Parts) -> Result<(Route, String, Arc<Door>), Refusal> {
        if !route::is_for_loopback(&parts.uri, &parts.headers) {
            return Err(Refusal::ForeignHost);
        }
        let route =
            route::route(&parts.method, &parts.uri, &parts.headers).map_err(|astray| match astray {
                Astray::Upgrade => Refusal::NoWebSocket,
                Astray::Nowhere => Refusal::Nowhere {
                    method: parts.method.to_string(),
                    path: without_token(parts.uri.path()),
                },
            })?;
        let keys: Vec<&str> =
            headers::keys(&parts.headers).filter(|key| key.starts_with(TOKEN_BEGIN)).collect();
        let token = route.token.as_deref().or(keys.first().copied()).ok_or(Refusal::NoToken)?.to_owned();
        let door = self.doors().get(&self.hash(&token)).cloned().ok_or(Refusal::UnknownToken)?;
        if keys.iter().any(|key| self.hash(key) != self.hash(&token)) {
            return Err(Refusal::ForeignKey);
        }
        Ok((route, token, door))
    }

    async fn pass(
        &self,
        route: Route,
        token: &str,
        door: &Arc<Door>,
        account: &Arc<Account>,
        parts: Parts,
        body: Body,
    ) -> Result<Response, Refusal> {
        let asked = Asked::read(route, parts, body, door).await?;
        let room = self.room(account, asked.route.errand)?;
        let exchange = Exchange::begin(account.clone(), asked.route.errand, asked.body.len());
        exchange.0.charged_by(self.prices().clone(), asked.model());
        let over = account.closed.clone();
        if let Deck::Replay(player) = &self.deck {
            let answer = player.answer(&asked, &self.secrets(&asked, token)).map_err(Refusal::NotRecorded)?;
            exchange.0.is_replayed(asked.model());
            let hides_usage = asked.outgoing(None, CapName::Untold).hides_usage;
            let (provider, address, door) = ("the tape".to_owned(), player.folder(), door.clone());
            let recording = None;
            let passage = Passage { answer, provider, address, exchange, door, over, recording, hides_usage };
            return Ok(passage.into_response(&asked));
        }
        let upstream = self.upstreams.of(&account.admission, &asked, token)?;
        let held = hold(account, door, &asked, &upstream.name, upstream.cap).await?;
        let most = [room, account.admission.answer_tokens_max, held.output_max];
        let outgoing = asked.outgoing(most.into_iter().flatten().min(), upstream.cap);
        let over_now = |_| Refusal::Over { name: account.admission.name.clone() };
        exchange.0.holds(held, asked.body.clone()).await.map_err(over_now)?;
        let recording = match &self.deck {
            Deck::Record(recorder) => Some(recorder.begin(&asked, &self.secrets(&asked, token))),
            Deck::None | Deck::Replay(_) => None,
        };
        let agent = account.admission.agent;
        let forward = Forward { asked: &asked, upstream: &upstream, exchange: &exchange.0, door, agent };
        let answer = forward.go(&outgoing).await?;
        let (provider, address, door) = (upstream.name, upstream.address, door.clone());
        let hides_usage = outgoing.hides_usage;
        let passage = Passage { answer, provider, address, exchange, door, over, recording, hides_usage };
        Ok(passage.into_response(&asked))
    }

    /// What may still be spent; nothing, and the request does not begin.
    fn room(&self, account: &Account, errand: Errand) -> Result<Option<u64>, Refusal> {
        let room = account.room().filter(|_| errand == Errand::Ask);
        match (room, account.admission.tokens_max) {
            (Some(left), Some(tokens_max)) if left < GATEWAY_ROOM_MIN => {
                Err(Refusal::Spent { name: account.admission.name.clone(), tokens_max })
            }
            (room, _) => Ok(room),
        }
    }

    /// What no tape may hold.
    fn secrets(&self, asked: &Asked, token: &str) -> Vec<String> {
        let own = headers::keys(&asked.headers).map(str::to_owned);
        self.upstreams.keys().map(str::to_owned).chain(own).chain([token.to_owned()]).collect()
    }

    fn hash(&self, token: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.seed, token.as_bytes())
    }

    fn prices(&self) -> MutexGuard<'_, Option<Arc<PriceTable>>> {
        self.prices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doors(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Arc<Door>>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As a message may show it.
fn without_token(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let (token, rest) = path.split_once('/').unwrap_or((path, ""));
    if token.starts_with(TOKEN_BEGIN) { format!("/{rest}") } else { format!("/{path}") }
}
