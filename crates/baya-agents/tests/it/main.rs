//! Everything that agents can be asked, over loopback only.

mod agent_types;
mod api;
mod attempts;
mod command;
mod fake_model;
mod policy;
mod sandbox;
mod simulated;
mod tools;
