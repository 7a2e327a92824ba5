//! A server on the loopback that speaks the wires of model APIs and asks no model.
//!
//! Wires: Anthropic Messages, OpenAI chat and Responses, Gemini, Ollama; streaming and not. Answers,
//! latency and faults come from rules ([`baya_core::simulate`]). Every request is logged when it is
//! received and when it ends, so that a test can tell what was asked, how often, and how it ended.
//! Meant for tests, rehearsals and benchmarks; it is no gateway and keeps no conversation.

mod anthropic;
mod ask;
mod body;
mod failure;
mod gemini;
mod going_on;
mod log;
mod ollama;
mod openai_chat;
mod openai_responses;
mod reply;
mod service;

pub use log::{Ended, Log, Stats};

use axum::Router;
use axum::serve::ListenerExt;
use baya_core::simulate::Rules;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// How long a shutdown waits for answers that are under way.
const SHUTDOWN_MS: u64 = 2_000;
/// Open files wanted: 10 000 connections and some.
const OPEN_FILES: u64 = 16_384;

/// What the fake model is and where it writes.
#[derive(Debug, Default)]
pub struct FakeModel {
    pub rules: Rules,
    /// One JSON line per request received and per request ended.
    pub log: Option<PathBuf>,
}

/// A fake model at work; dropped, it stops.
pub struct Handle {
    pub addr: SocketAddr,
    pub log: Arc<Log>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Handle {
    /// `http://127.0.0.1:PORT`, as `ANTHROPIC_BASE_URL` wants it.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops accepting, ends what hangs, waits for answers under way.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_millis(SHUTDOWN_MS), &mut self.task).await;
        self.task.abort();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

/// A listener on the loopback; port 0 takes a free one.
pub fn listen(port: u16) -> std::io::Result<TcpListener> {
    raise_open_files();
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Serves until the handle is dropped.
pub async fn serve(config: FakeModel, listener: TcpListener) -> std::io::Result<Handle> {
    let addr = listener.local_addr()?;
    let log = Arc::new(Log::open(config.log.as_deref())?);
    let stop = CancellationToken::new();
    let service = service::Service::new(config.rules, log.clone(), stop.clone());
    let router = Router::new().fallback(service::handle).with_state(Arc::new(service));
    // Frames are small: without this, each would wait for the client's acknowledgement of the last.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    });
    Ok(Handle { addr, log, stop, task })
}

/// As many open files as this process may have; where it may not, fewer connections are served at once.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
