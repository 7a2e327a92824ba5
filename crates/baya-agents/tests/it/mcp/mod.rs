//! Servers of others.

mod config;
