//! Everything that agents can be asked, over loopback only.

mod acp;
mod admission;
mod agent_types;
mod answer_tool;
mod api;
mod attempts;
mod claude;
mod codex;
mod command;
mod egress;
mod fake_model;
mod faults;
mod gateway;
mod governor;
mod mcp;
mod policy;
mod program;
mod purse;
mod sandbox;
mod simulated;
mod standin;
mod structured;
mod tools;
