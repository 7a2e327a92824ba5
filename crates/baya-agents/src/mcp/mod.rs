//! The Model Context Protocol: tools of others, by servers that projects and people name, and the tool we
//! offer to agents that are programs.

pub mod answer;
pub mod config;
