//! Asks the person, if there is one.

use super::{Claim, Trust, place};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::settings::Settings;
use crate::views::palette::Palette;
use crate::views::sanitise;
use crate::wiring::backends;
use crate::{near, output};
use std::io::{BufRead, IsTerminal};

/// How a command may come to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A flag says that everything is trusted.
    Granted,
    /// If somebody is there.
    Person,
    /// Nobody is to be asked; what is not used is told.
    Nobody,
    /// Nothing of it would be used now.
    Unneeded,
}

/// What is trusted of the folder, after asking for what is new. The settings get what the project may
/// widen.
pub fn settle(folders: &Folders, settings: &mut Settings, asking: Asking) -> Result<Trust, Failure> {
    let claims = super::claims(folders, settings, &backends::find_types(folders));
    let trust = answered(folders, &claims, asking)?;
    super::widen(settings, &trust);
    Ok(trust)
}

fn answered(folders: &Folders, claims: &[Claim], asking: Asking) -> Result<Trust, Failure> {
    let mut trust = Trust::load(&folders.state, place(folders));
    let open: Vec<&Claim> = claims.iter().filter(|claim| !trust.has(claim)).collect();
    if open.is_empty() || asking == Asking::Unneeded {
        return Ok(trust);
    }
    let is_new = open.iter().any(|claim| !trust.has_refused(claim));
    let granted = match asking {
        Asking::Granted => true,
        Asking::Person if is_new && is_person_there() => match ask(&trust, &open) {
            Some(granted) => granted,
            None => return Ok(trust),
        },
        Asking::Person | Asking::Nobody | Asking::Unneeded => {
            tell(&trust, &open);
            return Ok(trust);
        }
    };
    match granted {
        true => trust.grant(claims),
        false => trust.refuse(&open),
    }
    trust.save(&folders.state)?;
    Ok(trust)
}

fn is_person_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// What a folder wants, for a person.
pub fn lines(claims: &[&Claim]) -> Vec<String> {
    let line = |claim: &&Claim| {
        let (kind, name) = (claim.kind.word(), &claim.name);
        sanitise::line(&format!("  {kind} {name}: {}   ({})", claim.line, claim.file.display()))
    };
    claims.iter().map(line).collect()
}

/// `None`: there was no answer.
fn ask(trust: &Trust, open: &[&Claim]) -> Option<bool> {
    let palette = Palette::of_stderr();
    let folder = sanitise::line(&trust.folder.display().to_string());
    output::talk(&format!("{} wants to run or to open:", palette.bold(&folder)));
    lines(open).iter().for_each(|line| output::talk(line));
    output::talk("Is this trusted, as it stands? A change will be asked for again. [y/N]");
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(matches!(answer.trim(), "y" | "Y" | "yes")),
    }
}

fn tell(trust: &Trust, open: &[&Claim]) {
    let names = near::listed(open.iter().map(|claim| claim.name.as_str()), 6);
    let folder = trust.folder.display();
    output::talk(&sanitise::line(&format!(
        "note: not used, because `{folder}` was not trusted with it: {names}; baya trust {folder}"
    )));
}
