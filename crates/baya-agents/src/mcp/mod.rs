//! The Model Context Protocol: tools of others, by servers that projects and people name, and the tool we
//! offer to agents that are programs.
//!
//! A server is started when the first agent of a run may use it, under the run's sandbox, and ended with
//! the run. One that hangs, dies or cannot be started costs its tools and a note on each agent, never the
//! run.

pub mod answer;
mod client;
pub mod config;
mod nest;
mod server;
mod servers;
mod tool;

pub use nest::{Nest, end_left};
pub use servers::{OpenNest, Plan, Remote, Servers, Surveyed};
pub use tool::{PREFIX, server_name};
