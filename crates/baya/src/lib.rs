//! The `baya` program: arguments, settings, wiring, commands and views. The only part of Baya that
//! reads the environment, the home folder and the terminal, and the only one that prints.
//!
//! A library for its own tests; nobody else is meant to link it.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod args;
pub mod commands;
pub mod doctor;
pub mod exit;
pub mod failure;
pub mod folders;
pub mod near;
pub mod output;
pub mod plan;
pub mod quantity;
pub mod question;
pub mod script_args;
pub mod settings;
pub mod testing;
pub mod trust;
pub mod views;
pub mod wiring;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use exit::Exit;
use failure::Failure;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use views::palette::Palette;
use views::{json, sanitise};

/// The hidden word that makes this program evaluate a script for its parent.
pub const ISOLATE_WORD: &str = "__isolate";
/// The hidden word that makes this program rehearse a script for its parent.
pub const REHEARSE_WORD: &str = "__rehearse";
/// The hidden word that makes this program become a command of an agent, under its policy.
pub const SANDBOX_WORD: &str = "__sandbox";
/// The hidden word that makes this program the tool by which an agent that is a program gives its answer.
pub const ANSWER_WORD: &str = "__answer";

pub fn main() -> ExitCode {
    // Before all else: a script's process starts with every run and needs nothing of the rest.
    if std::env::args_os().nth(1).is_some_and(|word| word == ISOLATE_WORD) {
        baya_js::child::main();
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == REHEARSE_WORD) {
        baya_engine::rehearsal::child_main();
    }
    // Applying a policy needs a process of one thread.
    if std::env::args_os().nth(1).is_some_and(|word| word == SANDBOX_WORD) {
        baya_agents::sandbox::apply::main(std::env::args_os().skip(2));
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    if let [_, word, schema, out] = words.as_slice()
        && word == ANSWER_WORD
    {
        return serve_answer(Path::new(schema), Path::new(out));
    }
    match Cli::try_parse_from(&words) {
        Ok(cli) => run(cli).into(),
        Err(error) => tell_usage(&error, &words).into(),
    }
}

fn serve_answer(schema: &Path, out: &Path) -> ExitCode {
    match baya_agents::mcp::answer::serve(schema, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::talk(&format!("cannot serve the tool for an answer: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Exit {
    let wants_end = cli.command.ends_with_run_ended();
    match execute(cli.command) {
        Ok(exit) => exit,
        Err(failure) => {
            tell(&failure);
            if wants_end {
                output::data(&json::refused(&failure));
            }
            failure.exit
        }
    }
}

fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => commands::run::execute(*args),
        Command::Check(args) => commands::check::execute(&args),
        Command::Rehearse(args) => commands::rehearse::execute(&args),
        Command::Bundle(args) => commands::bundle::execute(&args),
        Command::Resume(args) => commands::resume::execute(*args),
        Command::Runs(args) => commands::runs::execute(&args),
        Command::Cost(args) => commands::cost::execute(&args),
        Command::Show(args) => commands::show::execute(&args),
        Command::Land(args) => commands::land::execute(&args),
        Command::Gc(args) => commands::gc::execute(&args),
        Command::Work(args) => commands::work::execute(&args),
        Command::List(args) => commands::list::execute(&args),
        Command::Agents(args) => commands::agents::execute(&args),
        Command::Answer(args) => commands::answer::execute(&args),
        Command::Policy(args) => commands::policy::execute(&args),
        Command::Prices(args) => commands::prices::execute(&args),
        Command::Stop(args) => commands::stop::execute(&args),
        Command::New(args) => commands::new::execute(&args),
        Command::Sandbox(args) => commands::sandbox::execute(&args),
        Command::Test(args) => commands::test::execute(&args),
        Command::Trust(args) => commands::trust::execute(&args),
        Command::FakeModel(args) => commands::fake_model::execute(&args),
        Command::Doctor(args) => commands::doctor::execute(&args),
        Command::Gateway(args) => commands::gateway::execute(&args),
        Command::Completions(args) => commands::completions::execute(&args),
        Command::Unknown(words) => Err(unknown_command(&words)),
    }
}

/// Words that begin with no command are never taken as a task.
fn unknown_command(words: &[OsString]) -> Failure {
    let first = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let shown = sanitise::line(&first);
    if first.trim().contains(char::is_whitespace) {
        return Failure::not_yet(format!("writing a script for a task, as in `baya \"{shown}\"`,"))
            .hint("baya new \"your task\" -o task.js   writes a commented script to start from")
            .hint("baya run task.js                  runs it");
    }
    let cli = Cli::command();
    let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let mut failure = Failure::usage(format!("there is no command `{shown}`"));
    failure = failure.hint_if_some(near::did_you_mean(&first, names.iter().copied()));
    if first.ends_with(".js") || first.ends_with(".mjs") || first.ends_with(".ts") || first.contains('/') {
        return failure.hint(format!("to run a script: baya run {shown}"));
    }
    if !first.trim().is_empty() {
        failure = failure.hint(format!("to run a saved workflow: baya run {shown}"));
    }
    failure.hint("baya --help lists the commands")
}

/// Excerpt, message, hints, on stderr.
pub(crate) fn tell(failure: &Failure) {
    let palette = Palette::of_stderr();
    failure.excerpt.iter().for_each(|excerpt| output::talk(excerpt));
    output::talk(&format!("{} {}", palette.bad("error:"), sanitise::block(&failure.message)));
    for hint in &failure.hints {
        output::talk(&format!("{} {}", palette.bold("hint:"), sanitise::block(hint)));
    }
}

/// What clap has to say: help on stdout, errors on stderr.
fn tell_usage(error: &clap::Error, words: &[OsString]) -> Exit {
    // Whoever closed the stream does not want to read it.
    let _ = error.print();
    if !error.use_stderr() {
        return Exit::Done;
    }
    let drives = words.get(1).is_some_and(|word| word == "run" || word == "resume");
    if drives && words.iter().any(|word| word == "--json") {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        output::data(&json::refused(&Failure::usage(first)));
    }
    Exit::Usage
}
