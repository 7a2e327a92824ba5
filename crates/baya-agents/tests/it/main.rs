//! Everything that agents can be asked, over loopback only.

mod agent_types;
mod answer_tool;
mod api;
mod attempts;
mod command;
mod egress;
mod fake_model;
mod mcp;
mod program;
mod sandbox;
mod simulated;
mod tools;
