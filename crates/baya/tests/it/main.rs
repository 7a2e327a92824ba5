//! Features of the program, through the program itself.

mod args_rules;
mod harness;
mod pool;
mod quantities;
mod real_requests;
mod results;
mod run_views;
mod sanitise;
mod scenarios;
mod settings;
mod signals;
mod usage;
