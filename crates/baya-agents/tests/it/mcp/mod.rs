//! Servers of others.

mod config;
mod servers;
