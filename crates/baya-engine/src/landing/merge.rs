//! Pieces on top of commits, without a checkout: one git process per merge, and one that writes all commits.
//! (`git merge-tree --stdin` would merge them all, but it keeps its answers back until it ends.)

use crate::git::{Call, GitError, Repository, Session};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::landing::{Piece, Style};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How often a commit is tried to be written.
const WRITE_TRIES: u32 = 3;

/// What comes of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The commit that has both.
    Clean(String),
    /// The piece adds nothing to what is there.
    Nothing,
    /// They do not go together.
    Conflict(Clash),
}

/// Two sides that do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    pub files: Vec<String>,
    /// The tree that has both, with marks in the files where they do not agree.
    pub tree: String,
    /// What git says of it, a line each.
    pub said: Vec<String>,
}

/// Merges pieces of one run in one style; the same again gives the same commit.
pub struct Merger<'a> {
    repository: &'a Repository,
    run: &'a RunId,
    style: Style,
    date_s: i64,
    /// The text of a commit stands here while git reads it.
    draft: PathBuf,
    commits: Option<Session>,
    trees: BTreeMap<String, String>,
}

impl Drop for Merger<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.draft);
    }
}

impl<'a> Merger<'a> {
    /// `folder` is there, and may hold a file of ours for a moment.
    pub fn new(
        repository: &'a Repository,
        run: &'a RunId,
        style: Style,
        date_s: i64,
        folder: &Path,
    ) -> Merger<'a> {
        let draft = folder.join(format!("commit-{}.draft", std::process::id()));
        let (commits, trees) = (None, BTreeMap::new());
        Merger { repository, run, style, date_s, draft, commits, trees }
    }

    /// Merges a piece onto `tip`.
    pub async fn merge(&mut self, tip: &str, piece: &Piece) -> Result<Merged, GitError> {
        match self.style {
            Style::Squash | Style::Merge => self.join(tip, piece).await,
            Style::Rebase => self.replay(tip, piece).await,
        }
    }

    /// A commit of ours with both sides of a conflict, and the marks in its files.
    pub async fn clashed(&mut self, tip: &str, piece: &Piece, clash: &Clash) -> Result<String, GitError> {
        let message = format!("merge of {} with marks\n", piece.label_line());
        self.commit(&clash.tree, &[tip, &piece.head], &message).await
    }

    /// A piece as an agent made it go with `tip`: its tree, on top of `tip`.
    pub async fn resolved(
        &mut self,
        tip: &str,
        piece: &Piece,
        head: &str,
        by: AgentNumber,
    ) -> Result<Merged, GitError> {
        let tree = self.tree_of(head).await?;
        if tree == self.tree_of(tip).await? {
            return Ok(Merged::Nothing);
        }
        let message = format!("{}Baya-Resolved-By: {}\n", self.message(piece), by.0);
        Ok(Merged::Clean(self.commit_onto(&tree, tip, piece, &message).await?))
    }

    async fn join(&mut self, tip: &str, piece: &Piece) -> Result<Merged, GitError> {
        let (tree, clash) = self.merge_trees(tip, &piece.head).await?;
        if let Some(clash) = clash {
            return Ok(Merged::Conflict(clash));
        }
        if tree == self.tree_of(tip).await? {
            return Ok(Merged::Nothing);
        }
        let message = self.message(piece);
        Ok(Merged::Clean(self.commit_onto(&tree, tip, piece, &message).await?))
    }

    async fn commit_onto(
        &mut self,
        tree: &str,
        tip: &str,
        piece: &Piece,
        message: &str,
    ) -> Result<String, GitError> {
        match self.style {
            Style::Merge => self.commit(tree, &[tip, &piece.head], message).await,
            Style::Squash | Style::Rebase => self.commit(tree, &[tip], message).await,
        }
    }

    /// Each commit of the piece on top of the one before; a history with merges becomes one commit.
    async fn replay(&mut self, tip: &str, piece: &Piece) -> Result<Merged, GitError> {
        let range = format!("{}..{}", piece.base, piece.head);
        let listed = self.call(["rev-list", "--reverse", "--parents", &range]).text().await?;
        let commits: Vec<Vec<&str>> = listed.lines().map(|line| line.split(' ').collect()).collect();
        if commits.iter().any(|commit| commit.len() != 2) {
            return self.join(tip, piece).await;
        }
        let mut at = tip.to_owned();
        for commit in &commits {
            let [own, parent] = commit.as_slice() else { continue };
            let before = self.tree_of(&at).await?;
            // A commit with our tree on their parent: so the parent is what both have in common.
            let ours = self.commit(&before, &[parent], "ours\n").await?;
            let (tree, clash) = self.merge_trees(&ours, own).await?;
            if let Some(clash) = clash {
                // All of them at once, for whoever is to make them go together.
                let whole = self.merge_trees(tip, &piece.head).await?.1;
                return Ok(Merged::Conflict(whole.unwrap_or(clash)));
            }
            if tree != before {
                let message = self.call(["log", "-1", "--format=%B", own]).text().await?;
                let message = format!("{}\n\n{}", message.trim_end(), self.trailer(piece));
                at = self.commit(&tree, &[&at], &message).await?;
            }
        }
        Ok(if at == tip { Merged::Nothing } else { Merged::Clean(at) })
    }

    /// The merged tree, and what is wrong with it.
    async fn merge_trees(&self, ours: &str, theirs: &str) -> Result<(String, Option<Clash>), GitError> {
        let words = ["merge-tree", "--write-tree", "-z", "--name-only", ours, theirs];
        let output = self.call(words).answers(1).output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let unreadable = || GitError::Unreadable { said: text.chars().take(200).collect() };
        let (tree, rest) = text.split_once('\0').filter(|(tree, _)| is_id(tree)).ok_or_else(unreadable)?;
        if output.status == 0 {
            return Ok((tree.to_owned(), None));
        }
        let (files, said) = read_clash(rest).ok_or_else(unreadable)?;
        Ok((tree.to_owned(), Some(Clash { files, tree: tree.to_owned(), said })))
    }

    async fn tree_of(&mut self, commit: &str) -> Result<String, GitError> {
        if let Some(tree) = self.trees.get(commit) {
            return Ok(tree.clone());
        }
        let tree = self.call(["rev-parse", &format!("{commit}^{{tree}}")]).text().await?;
        self.trees.insert(commit.to_owned(), tree.clone());
        Ok(tree)
    }

    /// The queue is author and committer of what it merges, whoever is configured.
    async fn commit(&mut self, tree: &str, parents: &[&str], message: &str) -> Result<String, GitError> {
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let who = format!("baya <baya@localhost> {} +0000", self.date_s);
        let text =
            format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\n{message}").replace('\0', "");
        std::fs::write(&self.draft, text).map_err(|error| GitError::io("write", &self.draft, &error))?;
        let mut written = self.write_draft().await;
        for _ in 1..WRITE_TRIES {
            if written.is_ok() {
                break;
            }
            // One that ended may have met a `git gc` of somebody else's.
            self.commits = None;
            written = self.write_draft().await;
        }
        let commit = written?;
        self.trees.insert(commit.clone(), tree.to_owned());
        Ok(commit)
    }

    async fn write_draft(&mut self) -> Result<String, GitError> {
        if self.commits.is_none() {
            let words = ["hash-object", "-t", "commit", "-w", "--no-filters", "--stdin-paths"];
            self.commits = Some(self.call(words).session()?);
        }
        let Some(session) = &mut self.commits else {
            return Err(GitError::NotStarted { why: "hash-object".to_owned() });
        };
        session.ask(&self.draft.display().to_string()).await?;
        let commit = session.text(b'\n').await?;
        if !is_id(&commit) {
            return Err(GitError::Unreadable { said: commit });
        }
        Ok(commit)
    }

    fn message(&self, piece: &Piece) -> String {
        format!("{}\n\n{}", piece.label_line(), self.trailer(piece))
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

/// `(<file> NUL)* NUL (<count> NUL (<path> NUL)*count <kind> NUL <words> NUL)*`: files, and what is said.
fn read_clash(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let mut fields = text.split('\0');
    let files = fields.by_ref().take_while(|file| !file.is_empty()).map(str::to_owned).collect();
    let mut said = Vec::new();
    while let Some(count) = fields.next().filter(|count| !count.is_empty()) {
        let paths: usize = count.parse().ok()?;
        let kind = fields.nth(paths)?;
        let words = fields.next()?;
        if kind.starts_with("CONFLICT") {
            said.push(words.trim_end().to_owned());
        }
    }
    Some((files, said))
}

fn is_id(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
