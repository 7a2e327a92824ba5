//! Workflows as tests: a script, what its agents answer (written down or recorded), and what has to come
//! of it. Played as rehearsals are: the real script and the real run core, in a closed process, without a
//! model, without a key, in no time.

pub mod file;
pub mod find;
pub mod judge;
pub mod play;
pub mod record;
pub mod update;
