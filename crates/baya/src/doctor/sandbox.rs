//! The sandbox: what this system enforces, and whether a command starts in it, which is tried.

use super::probe::PATIENCE;
use super::{Area, Finding, Patient, State};
use crate::wiring::bench;
use baya_agents::sandbox::{EXIT_REFUSED, Profile, Sandbox, kernel_offers};
use std::path::Path;
use std::process::Stdio;

/// What each version of landlock brought; older ones do without.
const BROUGHT: [(i64, &str); 3] =
    [(3, "truncation by landlock"), (4, "single ports for programs"), (6, "signals kept inside")];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let profile = patient.settings.sandbox.unwrap_or_default();
    let name = bench::in_force(profile, patient.settings.best_effort);
    let tried = tried(patient, profile).await;
    let mut findings = vec![match tried {
        Ok(()) => {
            Finding::new(Area::Sandbox, "profile", State::Ok, format!("`{name}`, and commands start in it"))
        }
        Err(why) => Finding::new(Area::Sandbox, "profile", State::Bad, format!("`{name}`: {why}")).hint(
            "a kernel of version 5.13 or newer with landlock, or `--sandbox full`, which seals nothing in",
        ),
    }];
    if patient.settings.best_effort && profile != Profile::Full {
        let note = "your settings say so: commands run even where this system cannot enforce all of it";
        findings[0].notes.push(note.to_owned());
    }
    if cfg!(target_os = "linux") {
        findings.push(kernel());
    }
    findings
}

fn kernel() -> Finding {
    let version = kernel_offers();
    if version < 1 {
        return Finding::new(Area::Sandbox, "kernel", State::Warn, "no landlock")
            .hint("Linux 5.13 or newer, with `landlock` among the security modules");
    }
    let lacks: Vec<&str> =
        BROUGHT.iter().filter(|(since, _)| version < *since).map(|(_, what)| *what).collect();
    let finding = Finding::new(Area::Sandbox, "kernel", State::Ok, format!("landlock {version}, seccomp"));
    match lacks.is_empty() {
        true => finding,
        false => Finding { state: State::Warn, ..finding }
            .note(format!("not enforced by this kernel: {}", lacks.join(", ")))
            .hint("a newer kernel; what is not enforced is refused where it can be"),
    }
}

/// Starts `true` as an agent's command is started.
async fn tried(patient: &Patient<'_>, profile: Profile) -> Result<(), String> {
    let temporary = std::env::temp_dir().join(format!("baya-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&temporary).map_err(|error| format!("no temporary folder: {error}"))?;
    let started = start(patient, profile, &temporary).await;
    // It is empty, or belongs to nobody.
    let _ = std::fs::remove_dir_all(&temporary);
    started
}

async fn start(patient: &Patient<'_>, profile: Profile, temporary: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut sandbox =
        Sandbox::new(profile, &patient.folders.working, temporary).with_home(&patient.folders.home);
    let all = patient.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    sandbox.best_effort = patient.settings.best_effort;
    sandbox.environment = bench::plain_environment(all);
    sandbox.applier = vec![program.display().to_string(), crate::SANDBOX_WORD.to_owned()];
    let mut command = sandbox.command(&["true"], &patient.folders.working);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.map_err(|_| "a command did not end in time".to_owned())?;
    let output = output.map_err(|error| format!("a command does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(EXIT_REFUSED) => Err(said),
        _ => Err(format!("a command ended with {}: {said}", output.status)),
    }
}
