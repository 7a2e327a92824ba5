//! One piece on top of one commit, without a checkout.

use crate::git::{Call, GitError, Repository};
use baya_core::ids::RunId;
use baya_core::landing::{Piece, Style};

/// What comes of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The commit that has both.
    Clean(String),
    /// The piece adds nothing to what is there.
    Nothing,
    /// They do not go together; which files.
    Conflict(Vec<String>),
}

/// Merges a piece onto `tip`; the same again gives the same commit.
pub async fn merge(
    repository: &Repository,
    run: &RunId,
    tip: &str,
    piece: &Piece,
    style: Style,
    date_s: i64,
) -> Result<Merged, GitError> {
    let hand = Hand { repository, run, date_s };
    match style {
        Style::Squash => hand.squash(tip, piece).await,
        Style::Merge => hand.join(tip, piece).await,
        Style::Rebase => hand.replay(tip, piece).await,
    }
}

struct Hand<'a> {
    repository: &'a Repository,
    run: &'a RunId,
    date_s: i64,
}

struct Said {
    tree: String,
    conflicts: Option<Vec<String>>,
}

impl Hand<'_> {
    async fn squash(&self, tip: &str, piece: &Piece) -> Result<Merged, GitError> {
        let said = merge_tree(self.repository, tip, &piece.head).await?;
        match said.conflicts {
            Some(files) => Ok(Merged::Conflict(files)),
            None if said.tree == self.tree_of(tip).await? => Ok(Merged::Nothing),
            None => Ok(Merged::Clean(self.commit(&said.tree, &[tip], &self.message(piece)).await?)),
        }
    }

    async fn join(&self, tip: &str, piece: &Piece) -> Result<Merged, GitError> {
        let said = merge_tree(self.repository, tip, &piece.head).await?;
        match said.conflicts {
            Some(files) => Ok(Merged::Conflict(files)),
            None if said.tree == self.tree_of(tip).await? => Ok(Merged::Nothing),
            None => {
                Ok(Merged::Clean(self.commit(&said.tree, &[tip, &piece.head], &self.message(piece)).await?))
            }
        }
    }

    /// Each commit of the piece on top of the one before; a history with merges becomes one commit.
    async fn replay(&self, tip: &str, piece: &Piece) -> Result<Merged, GitError> {
        let range = format!("{}..{}", piece.base, piece.head);
        let listed = self.call(["rev-list", "--reverse", "--parents", &range]).text().await?;
        let commits: Vec<Vec<&str>> = listed.lines().map(|line| line.split(' ').collect()).collect();
        if commits.iter().any(|commit| commit.len() != 2) {
            return self.squash(tip, piece).await;
        }
        let mut at = tip.to_owned();
        for commit in &commits {
            let [own, parent] = commit.as_slice() else { continue };
            // A commit with our tree on their parent: so the parent is what both have in common.
            let ours = self.commit(&self.tree_of(&at).await?, &[parent], "ours").await?;
            let said = merge_tree(self.repository, &ours, own).await?;
            match said.conflicts {
                Some(files) => return Ok(Merged::Conflict(files)),
                None if said.tree == self.tree_of(&at).await? => {}
                None => {
                    let message = self.call(["log", "-1", "--format=%B", own]).text().await?;
                    let message = format!("{}\n\n{}", message.trim_end(), self.trailer(piece));
                    at = self.commit(&said.tree, &[&at], &message).await?;
                }
            }
        }
        Ok(if at == tip { Merged::Nothing } else { Merged::Clean(at) })
    }

    async fn tree_of(&self, commit: &str) -> Result<String, GitError> {
        self.call(["rev-parse", &format!("{commit}^{{tree}}")]).text().await
    }

    async fn commit(&self, tree: &str, parents: &[&str], message: &str) -> Result<String, GitError> {
        let mut call = self.call(["commit-tree", tree]);
        for parent in parents {
            call = call.also(["-p", parent]);
        }
        let date = format!("{} +0000", self.date_s);
        let call = call.set("GIT_AUTHOR_DATE", &date).set("GIT_COMMITTER_DATE", &date);
        signed_by_us(call).input(message).text().await
    }

    fn message(&self, piece: &Piece) -> String {
        let label = piece.label.split_whitespace().collect::<Vec<_>>().join(" ");
        let label = if label.is_empty() { format!("agent {}", piece.agent.0) } else { label };
        format!("{label}\n\n{}", self.trailer(piece))
    }

    fn trailer(&self, piece: &Piece) -> String {
        format!("Baya-Run: {}\nBaya-Agent: {}\n", self.run, piece.agent.0)
    }

    fn call<const N: usize>(&self, words: [&str; N]) -> Call {
        self.repository.git.call(&self.repository.root, words)
    }
}

/// The queue is the committer of what it merges, whoever is configured.
pub(super) fn signed_by_us(call: Call) -> Call {
    let names = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"];
    let addresses = ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
    let call = names.into_iter().fold(call, |call, name| call.set(name, "baya"));
    addresses.into_iter().fold(call, |call, name| call.set(name, "baya@localhost"))
}

async fn merge_tree(repository: &Repository, ours: &str, theirs: &str) -> Result<Said, GitError> {
    let words = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs];
    let output = repository.git.call(&repository.root, words).answers(1).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.split('\0').filter(|part| !part.is_empty());
    let tree = parts.next().unwrap_or_default().to_owned();
    if tree.len() < 40 {
        return Err(GitError::Unreadable { said: text.into_owned() });
    }
    let conflicts = (output.status == 1).then(|| parts.map(str::to_owned).collect());
    Ok(Said { tree, conflicts })
}
