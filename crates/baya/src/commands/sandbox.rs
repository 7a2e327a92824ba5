//! `baya sandbox [--profile P] [--] [CMD…]`: a command as agents run theirs, here; without a command, what
//! that allows. The command gets a temporary folder of its own, which goes with it.

use super::drive;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::trust::{self, Asking};
use crate::views::sanitise;
use crate::wiring::backends;
use crate::wiring::confines::Confines;
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
    let mut settings = Settings::load(&folders)?;
    trust::settle(&folders, &mut settings, Asking::Unneeded)?;
    // The way out works as long as its runtime.
    let runtime = drive::runtime()?;
    let env = backends::environment();
    let confines = runtime.block_on(Confines::new(&folders, &settings, &env))?;
    let mut sandbox = confines.sandbox(args.profile.profile(), &folders.working, &temporary.0);
    sandbox.port = args.port;
    let pass = confines.let_out(&mut sandbox).map_err(Failure::usage)?;
    if args.command.is_empty() {
        sandbox.describe().iter().for_each(|line| output::data(line));
        if !settings.hosts.is_empty() {
            output::data(&format!("hosts     {}, through a proxy", settings.hosts));
        }
        return Ok(Exit::Done);
    }
    for caveat in sandbox.caveats().iter().filter(|_| settings.best_effort) {
        output::talk(caveat);
    }
    let status = run(&sandbox, &args.command, &folders.working)?;
    drop(temporary);
    for refused in pass.iter().flat_map(|pass| pass.take_refused()) {
        output::talk(&sanitise::line(&format!("refused: {refused}")));
    }
    // The command's own exit status, as a shell tells it; it is none of ours.
    std::process::exit(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

impl ProfileName {
    fn profile(self) -> Profile {
        match self {
            ProfileName::ReadOnly => Profile::ReadOnly,
            ProfileName::Workspace => Profile::Workspace,
            ProfileName::Full => Profile::Full,
        }
    }
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
