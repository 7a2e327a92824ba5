//! Features of the program, through the program itself.

mod args_rules;
mod bad_input;
mod disk;
mod fake;
mod harness;
mod hostile;
mod killed;
mod killed_children;
mod killed_process;
mod lease;
mod pool;
mod providers;
mod quantities;
mod readme;
mod real_requests;
mod results;
mod resumed;
mod resumed_example;
mod run_views;
mod sandbox;
mod sanitise;
mod scenarios;
mod settings;
mod signals;
mod usage;
