//! Files and ports, by landlock: what the policy does not reach cannot be opened.

use super::super::reach::{Access as Allowed, Reach};
use super::super::refused::Refused;
use super::super::{Sandbox, toolchains};
use super::mounts::Kept;
use super::process::landlock_version;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::path::Path;

/// What landlock watches of sockets; what it does not, seccomp must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sockets {
    /// The ports of TCP.
    pub ports: bool,
    /// The paths of local sockets.
    pub local: bool,
}

pub(super) fn close(sandbox: &Sandbox, kept: Kept) -> Result<Sockets, Refused> {
    let version = landlock_version();
    if version < 1 {
        if sandbox.best_effort {
            return Ok(Sockets { ports: false, local: false });
        }
        return Err(Refused::Unsupported("its kernel has no landlock, which Linux 5.13 brought".to_owned()));
    }
    restrict(sandbox, kept).map_err(|error| Refused::Files(error.to_string()))?;
    Ok(Sockets { ports: version >= 4, local: version >= 9 })
}

fn restrict(sandbox: &Sandbox, kept: Kept) -> Result<(), RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V9))?
        .handle_access(AccessNet::from_all(ABI::V9))?
        .scope(Scope::from_all(ABI::V9))?
        .create()?;
    // A kernel that does not watch ports leaves this out, and seccomp refuses the sockets.
    for port in sandbox.ports() {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    if let Some(port) = sandbox.own_port {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    let reach = Reach::of(sandbox);
    for (path, allowed) in &reach.named {
        rules = allow(rules, sandbox, &reach, path, *allowed, kept)?;
    }
    rules.restrict_self()?;
    Ok(())
}

/// Allows a path and all below it, around its holes.
fn allow(
    rules: RulesetCreated,
    sandbox: &Sandbox,
    reach: &Reach,
    path: &Path,
    allowed: Allowed,
    kept: Kept,
) -> Result<RulesetCreated, RulesetError> {
    if allowed == Allowed::None {
        return Ok(rules);
    }
    let counts = |hole: &Path| {
        let protected = sandbox.protected.iter().any(|path| hole == path);
        // A worktree's `.git` is a file that only points; not worth its folder's freedom.
        let kept = protected && (kept == Kept::ByMounts || sandbox.best_effort || hole.is_file());
        !kept && hole.symlink_metadata().is_ok()
    };
    let Some(least) = reach.holes(path, allowed).filter(|(hole, _)| counts(hole)).map(|(_, may)| may).min()
    else {
        return rule(rules, path, allowed);
    };
    // What every hole may, the whole may.
    let mut rules = if least == Allowed::None { rules } else { rule(rules, path, least)? };
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let child = entry.path();
        // What has a name of its own in the policy gets its own rule; a link is judged where it leads.
        if !reach.named.contains_key(&child) && !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            rules = allow(rules, sandbox, reach, &child, allowed, kept)?;
        }
    }
    Ok(rules)
}

fn rule(rules: RulesetCreated, path: &Path, allowed: Allowed) -> Result<RulesetCreated, RulesetError> {
    // What is not there needs no rule.
    let Ok(file) = PathFd::new(path) else { return Ok(rules) };
    rules.add_rule(PathBeneath::new(file, rights(path, allowed)))
}

fn rights(path: &Path, allowed: Allowed) -> BitFlags<AccessFs> {
    let read = AccessFs::from_read(ABI::V9);
    let devices = AccessFs::MakeChar | AccessFs::MakeBlock;
    let rights = match allowed {
        Allowed::None => BitFlags::EMPTY,
        Allowed::Read => read,
        Allowed::Write if toolchains::DEVICES.iter().any(|device| path == Path::new(device)) => {
            AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev
        }
        Allowed::Write => AccessFs::from_all(ABI::V9) & !devices,
    };
    if path.is_dir() { rights } else { rights & AccessFs::from_file(ABI::V9) }
}
