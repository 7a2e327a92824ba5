//! Puts the parts together: who works, where scripts come from, what a signal does.

pub mod acp;
pub mod backends;
pub mod bench;
pub mod caps;
pub mod charging;
pub mod clis;
pub mod commands;
pub mod confines;
pub mod garbage;
pub mod gates;
pub mod gateway;
pub mod host;
pub mod limits;
pub mod outside;
pub mod pool;
pub mod prices;
pub mod randomness;
pub mod rehearsals;
pub mod reuse;
pub mod scripts;
pub mod signals;
