//! `baya sandbox [--profile P] [--] [CMD…]`: a command as agents run theirs, here; without a command, what
//! that allows. The command gets a temporary folder of its own, which goes with it.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::wiring::bench;
use baya_agents::sandbox::{Profile, Sandbox};
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How much the command may do
    #[arg(long, value_enum, default_value = "workspace")]
    pub profile: ProfileName,
    /// A port of this machine that it may connect to
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// The command and its arguments; without one, what it would be allowed is told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ProfileName {
    /// Reads; writes nothing but a temporary folder
    ReadOnly,
    /// Writes this folder
    Workspace,
    /// As you
    Full,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let temporary = Temporary::make(&folders.state)?;
    let sandbox = policy(args, &folders, &temporary.0)?;
    if args.command.is_empty() {
        sandbox.describe().iter().for_each(|line| output::data(line));
        return Ok(Exit::Done);
    }
    let status = run(&sandbox, &args.command, &folders.working)?;
    drop(temporary);
    // The command's own exit status, as a shell tells it; it is none of ours.
    std::process::exit(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

fn policy(args: &Args, folders: &Folders, temporary: &Path) -> Result<Sandbox, Failure> {
    let profile = match args.profile {
        ProfileName::ReadOnly => Profile::ReadOnly,
        ProfileName::Workspace => Profile::Workspace,
        ProfileName::Full => Profile::Full,
    };
    let program =
        std::env::current_exe().map_err(|error| Failure::outside("cannot find our own program", error))?;
    let mut sandbox = Sandbox::new(profile, &folders.working, temporary).with_home(&folders.home);
    sandbox.hidden.extend([folders.state.clone(), folders.config.clone(), folders.data.clone()]);
    sandbox.port = args.port;
    let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let known = named.filter_map(|(name, value)| Some((name, value.into_string().ok()?)));
    sandbox.environment = bench::plain_environment(known);
    sandbox.applier = vec![program.display().to_string(), crate::SANDBOX_WORD.to_owned()];
    Ok(sandbox)
}

/// In our own process group: whoever types Ctrl-C means the command.
fn run(sandbox: &Sandbox, command: &[OsString], folder: &Path) -> Result<ExitStatus, Failure> {
    use std::os::unix::process::CommandExt;
    let mut command = sandbox.command(command, folder).into_std();
    command.process_group(rustix::process::getpgrp().as_raw_nonzero().get());
    let failed = |error| Failure::outside("cannot start the command", error);
    command.spawn().map_err(failed)?.wait().map_err(failed)
}

/// Removed when it is no longer needed.
struct Temporary(PathBuf);

impl Temporary {
    fn make(state: &Path) -> Result<Temporary, Failure> {
        let path = state.join("sandbox").join(std::process::id().to_string());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| {
            Failure::outside(format!("cannot make the temporary folder `{}`", path.display()), error)
        })?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
