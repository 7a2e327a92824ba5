//! Tests of the core, feature by feature.

mod args_use;
mod budget;
mod calendar;
mod flow;
mod ledger;
mod money;
mod run;
mod schema;
mod script;
mod simulate;
mod simulate_rules;
mod taint;
mod view;
