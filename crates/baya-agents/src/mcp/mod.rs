//! The Model Context Protocol: what we offer to agents that are programs.

pub mod answer;
