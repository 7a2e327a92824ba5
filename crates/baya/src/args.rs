//! The command line as clap reads it. What a command means stands in `commands/`.

use crate::commands::{
    agents, answer, bundle, check, completions, cost, doctor, fake_model, gateway, gc, land, list, new,
    policy, prices, rehearse, resume, run, runs, sandbox, show, stop, test, trust, work,
};
use clap::{Parser, Subcommand};
use std::ffi::OsString;

#[derive(Debug, Parser)]
#[command(name = "baya", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    about = "Runs dynamic workflows: JavaScript harnesses that coordinate many agents, durably, on any model."
)]
#[command(after_help = "exit codes: 0 done, 1 the script failed, 2 usage or refused, 3 agents failed, \
    4 budget, 5 needs a person, 6 no usable backend, 130 interrupted and resumable")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workflow: a file, or a saved workflow by its name
    #[command(disable_help_flag = true)]
    Run(Box<run::Args>),
    /// Say what is wrong with scripts, without running them
    Check(check::Args),
    /// Play a script with made-up agents, many times: what it would take, and what is wrong with it
    Rehearse(Box<rehearse::Args>),
    /// Write one self-contained script out of a script and what it imports
    Bundle(bundle::Args),
    /// Go on with a run: finished agents are never asked again
    Resume(Box<resume::Args>),
    /// List the runs, the newest first
    Runs(runs::Args),
    /// Say what runs cost: by run, phase, agent, model or day
    Cost(cost::Args),
    /// Show a run, or one of its agents
    Show(show::Args),
    /// Merge the work of a run's agents, piece by piece, into a branch
    Land(land::Args),
    /// List the work of a run's agents: branches, sizes, what became of it
    Work(work::Args),
    /// Remove what runs left behind and nobody needs
    Gc(gc::Args),
    /// List the saved workflows
    List(list::Args),
    /// List the agent types, with their tools
    Agents(agents::Args),
    /// Answer a question of an agent, or list those that wait
    Answer(answer::Args),
    /// Say what the policy makes of an action, and by which rule
    Policy(policy::Args),
    /// Say what models cost, and whose word that is
    Prices(prices::Args),
    /// End a run, or one of its agents
    Stop(stop::Args),
    /// Write a commented script to start from
    New(new::Args),
    /// Run a command as agents run theirs, or say what they may do
    Sandbox(sandbox::Args),
    /// Play workflows with written or recorded answers, and compare what comes of them
    Test(test::Args),
    /// Trust a folder with what it wants to run: servers of tools, commands, hooks
    Trust(trust::Args),
    /// Serve a made-up model on this machine, for trying and for tests
    FakeModel(fake_model::Args),
    /// Stand between agents and models: count, record, replay, hide the keys
    Gateway(gateway::Args),
    /// Say what works here, and what to do about what does not
    Doctor(doctor::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    #[command(external_subcommand)]
    Unknown(Vec<OsString>),
}

impl Command {
    /// Whether the last line on stdout is to be a `run_ended`, come what may.
    pub fn ends_with_run_ended(&self) -> bool {
        match self {
            Command::Run(args) => args.drive.json,
            Command::Resume(args) => args.drive.json,
            Command::Check(_)
            | Command::Rehearse(_)
            | Command::Bundle(_)
            | Command::Runs(_)
            | Command::Show(_)
            | Command::Cost(_)
            | Command::Land(_)
            | Command::Work(_)
            | Command::Gc(_)
            | Command::List(_)
            | Command::Agents(_)
            | Command::Stop(_)
            | Command::Answer(_)
            | Command::Policy(_)
            | Command::Prices(_)
            | Command::New(_)
            | Command::Sandbox(_)
            | Command::Test(_)
            | Command::Trust(_)
            | Command::FakeModel(_)
            | Command::Gateway(_)
            | Command::Doctor(_)
            | Command::Completions(_)
            | Command::Unknown(_) => false,
        }
    }
}
