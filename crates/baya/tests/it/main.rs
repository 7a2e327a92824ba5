//! Features of the program, through the program itself.

mod args_rules;
mod at_work;
mod fake;
mod harness;
mod killed;
mod killed_process;
mod pool;
mod providers;
mod quantities;
mod real_requests;
mod results;
mod resumed;
mod run_views;
mod sanitise;
mod scenarios;
mod settings;
mod signals;
mod usage;
