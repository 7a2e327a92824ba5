//! Tools of others, by the Model Context Protocol: servers that projects and people name.

pub mod config;
