//! All that talks to a model or a tool. Knows no run: a task comes in, a report goes out.

pub mod acp;
pub mod admission;
pub mod agent_types;
pub mod api;
pub mod backend;
pub mod claude;
pub mod cli;
pub mod codex;
pub mod command;
pub mod egress;
pub mod fake_model;
pub mod gateway;
pub mod governor;
pub mod mcp;
pub mod memory_files;
pub mod models;
pub mod policy;
pub mod program;
pub mod purse;
pub mod sandbox;
pub mod simulated;
pub mod tools;
