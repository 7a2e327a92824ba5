//! Where the programs differ: the words that start them and the lines that they write.

use super::seat::Seat;
use crate::gateway::Dialect;
use baya_core::agent::{Effort, Usage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One of the programs.
pub(crate) trait Speaker: Send + Sync {
    fn about(&self) -> &About;

    /// The words, the environment and the input that give the program one message. Writes the files that
    /// the words name.
    fn words(&self, saying: &Saying<'_>) -> std::io::Result<Words>;

    /// What a line of its output tells; a line that is no JSON does not come here.
    fn hear(&self, line: &Value) -> Vec<Told>;

    /// Whether a failure says that the session is not there (any more).
    fn is_lost_session(&self, said: &str) -> bool;
}

/// What is fixed about a program.
#[derive(Debug)]
pub(crate) struct About {
    /// As `--backend` names it, and as the program is called.
    pub name: &'static str,
    pub dialect: Dialect,
    /// How to get it.
    pub install: &'static str,
    /// How to log in without a key of ours.
    pub login: &'static str,
    /// The file of its own login, below its config folder.
    pub login_file: &'static str,
    /// The oldest version that is known to work.
    pub oldest: (u32, u32, u32),
}

/// One message, and all that surrounds it.
pub(crate) struct Saying<'a> {
    pub seat: &'a Seat,
    /// To go on in.
    pub session: Option<&'a str>,
    /// The message, verbatim.
    pub text: &'a str,
    pub system: &'a str,
    pub model: Option<&'a str>,
    pub effort: Option<Effort>,
    pub shape: Shape<'a>,
    /// Where models are, and what opens them; none: the program's own login opens them there.
    pub base_url: &'a str,
    pub key: Option<&'a str>,
    /// What the agent may use of the program's own tools, by our names; `None`: all.
    pub tools: Option<&'a [String]>,
    pub denied: &'a [String],
    pub only_reads: bool,
    pub turns_max: Option<u32>,
}

/// How the answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape<'a> {
    Text,
    /// The program's own way to have an answer meet a schema.
    Native(&'a Value),
}

/// How the program is started.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Behind the program itself.
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub input: String,
    /// Written for this message only; removed when it is over.
    pub files: Vec<PathBuf>,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Session(String),
    Model(String),
    /// A tool is at work.
    Using(String),
    /// It has done something, in a line for people.
    Acted(String),
    /// It has begun something, in a line for people; [`Told::Done`] ends it.
    Doing(String),
    Done,
    /// Something of an answer, or a thought: only a sign of life.
    Alive,
    /// It tries again, or waits for the network: no sign of life.
    Trouble(String),
    /// A message of the agent; its last one is its result.
    Message(String),
    /// A result in the shape that was asked for.
    Structured(Value),
    Used(Usage, Span),
    /// Worth telling.
    Note(String),
    /// The message came to nothing; why.
    Failed(String),
    /// A limit was reached; which.
    Limited(String),
    /// The program itself gave up on the schema.
    Unmet,
    /// Nothing more comes.
    Finished,
}

/// What a usage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// All of the session so far.
    Session,
    /// This message.
    Message,
}
