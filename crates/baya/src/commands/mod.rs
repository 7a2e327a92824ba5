//! One file per command: its arguments and what it does.

pub mod agents;
pub mod answer;
pub mod bundle;
pub mod check;
pub mod completions;
pub mod detach;
pub mod doctor;
pub mod drive;
pub mod fake_model;
pub mod gateway;
pub mod gc;
pub mod land;
pub mod limit_flags;
pub mod list;
pub mod new;
pub mod policy;
pub mod prices;
pub mod resume;
pub mod run;
pub mod run_help;
pub mod runs;
pub mod sandbox;
pub mod show;
pub mod stop;
pub mod trust;
pub mod work;
