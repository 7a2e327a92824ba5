//! `baya trust [DIR]`: what a folder wants to run or to open, and that it may.

use crate::exit::Exit;
use crate::failure::{Failure, in_words};
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::trust::{self, Claim, Trust};
use crate::views::sanitise;
use crate::wiring::backends;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; the working folder unless given
    pub folder: Option<PathBuf>,
    /// Only list what is trusted
    #[arg(long, conflicts_with = "remove")]
    pub list: bool,
    /// Trust the folder no longer
    #[arg(long)]
    pub remove: bool,
    /// One JSON line per thing, or per folder
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    if args.list && args.folder.is_none() {
        list(&folders.state, args.json);
        return Ok(Exit::Done);
    }
    let folders = match &args.folder {
        Some(folder) => there(folders, folder, args)?,
        None => folders,
    };
    if args.remove {
        return remove(&folders);
    }
    let settings = Settings::load(&folders)?;
    let claims = trust::claims(&folders, &settings, &backends::find_types(&folders));
    let mut trust = Trust::load(&folders.state, trust::place(&folders));
    if !args.list {
        trust.grant(&claims);
        trust.save(&folders.state)?;
    }
    tell(&trust, &claims, args.json);
    Ok(Exit::Done)
}

/// The same from another folder; one that is gone can still be forgotten.
fn there(folders: Folders, folder: &Path, args: &Args) -> Result<Folders, Failure> {
    match folder.canonicalize() {
        Ok(folder) => Ok(folders.of(folder)),
        Err(_) if args.remove => Ok(folders.clone().of(folders.working.join(folder))),
        Err(error) => {
            Err(Failure::usage(format!("cannot look into `{}`: {}", folder.display(), in_words(&error))))
        }
    }
}

fn remove(folders: &Folders) -> Result<Exit, Failure> {
    let folder = trust::place(folders);
    let known = trust::forget(&folders.state, folder)?;
    let words = if known { "is trusted with nothing any more" } else { "was not trusted with anything" };
    output::talk(&sanitise::line(&format!("`{}` {words}", folder.display())));
    Ok(Exit::Done)
}

fn list(state: &Path, as_json: bool) {
    let all = trust::all(state);
    for trust in &all {
        let (folder, count) = (trust.folder.display().to_string(), trust.count());
        output::data(&match as_json {
            true => {
                sanitise::json(&json!({"type": "folder", "folder": folder, "trusted": count}).to_string())
            }
            false => sanitise::line(&format!("{folder} ({count})")),
        });
    }
    if all.is_empty() {
        output::talk("no folder is trusted with anything");
    }
}

fn tell(trust: &Trust, claims: &[Claim], as_json: bool) {
    for claim in claims {
        output::data(&match as_json {
            true => sanitise::json(&plain(trust, claim).to_string()),
            false => {
                let state = if trust.has(claim) { "trusted" } else { "not trusted" };
                let (kind, name, file) = (claim.kind.word(), &claim.name, claim.file.display());
                sanitise::line(&format!("{state}: {kind} {name}: {} ({file})", claim.line))
            }
        });
    }
    if claims.is_empty() {
        let folder = trust.folder.display();
        output::talk(&sanitise::line(&format!("nothing in `{folder}` wants to run or to open anything")));
    }
}

fn plain(trust: &Trust, claim: &Claim) -> Value {
    json!({"type": "claim", "kind": claim.kind.word(), "name": claim.name, "line": claim.line,
        "file": claim.file.display().to_string(), "trusted": trust.has(claim)})
}
