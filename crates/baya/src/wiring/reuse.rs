//! `--reuse`: what earlier runs have to offer to this one.

use super::host;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use baya_core::event::Surroundings;
use baya_core::ids::RunId;
use baya_core::reuse::Offers;
use baya_engine::git::Repository;
use baya_engine::reuse;
use baya_engine::runs::RunStore;
use baya_engine::worktree::dirty;

/// Notes the state of the repository and looks for answers that were given in the same.
pub async fn offered(
    is_wanted: bool,
    around: Surroundings,
    folders: &Folders,
    run: &RunId,
) -> Result<(Surroundings, Offers), Failure> {
    if !is_wanted {
        return Ok((around, Offers::default()));
    }
    let found = Repository::find(&host::git(), &folders.working).await;
    let repository = found.map_err(|unfit| {
        Failure::usage(format!("`--reuse` cannot tell whether files have changed: {unfit}"))
            .hint_if_some(unfit.hint())
            .hint("run without `--reuse`, or in a git repository")
    })?;
    let cannot = |error| Failure::outside("cannot tell the state of the repository (`--reuse`)", error);
    let tree = dirty::tree(&repository, &folders.state, run).await.map_err(cannot)?;
    if tree.is_none() {
        output::talk("note: a repository inside of this one hides its files: nothing is reused");
    }
    let around = Surroundings { tree, ..around };
    let offers = match around.tree {
        Some(_) => reuse::offers(&RunStore::new(&folders.state), &around),
        None => Offers::default(),
    };
    Ok((around, offers))
}
