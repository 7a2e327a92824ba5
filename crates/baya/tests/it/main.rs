//! Features of the program, through the program itself.

mod args_rules;
mod harness;
mod pool;
mod providers;
mod quantities;
mod real_requests;
mod results;
mod run_views;
mod sanitise;
mod settings;
mod signals;
mod usage;
