//! Worktrees and landing beside plain git, in one run on one machine: `cargo bench -p baya-engine`.
//!
//! With `-- landing` only the part about landing. Prints ratios; what they should be stands in docs/benchmarks.md.

use baya_core::ids::{AgentNumber, RunId};
use baya_core::landing::{LandingOptions, LandingRecord, Piece};
use baya_engine::git::{Git, Locks, Repository};
use baya_engine::landing::{Landing, LandingLog, NoErrands, ShellCheck};
use baya_engine::worktree::Worktrees;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 2_000;
const WORKTREES: u32 = 20;
const AT_ONCE: u32 = 100;
const PIECES: u32 = 100;

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Silent;

impl LandingLog for Silent {
    fn write<'a>(
        &'a mut self,
        _records: Vec<LandingRecord>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Field {
    root: PathBuf,
    state: PathBuf,
    environment: BTreeMap<String, String>,
    base: String,
    run: RunId,
}

impl Field {
    fn new(folder: &Path) -> Outcome<Field> {
        let (root, state) = (folder.join("repository"), folder.join("state"));
        std::fs::create_dir_all(&root)?;
        std::fs::create_dir_all(&state)?;
        let environment: BTreeMap<String, String> =
            [("PATH".to_owned(), std::env::var("PATH")?), ("HOME".to_owned(), folder.display().to_string())]
                .into();
        let run = RunId::parse("wf_0123abcd-0f1")?;
        let mut field = Field { root, state, environment, base: String::new(), run };
        field.git(&["init", "-q", "-b", "main"], None)?;
        let mut stream = "commit refs/heads/main\ncommitter b <b@b> 0 +0000\ndata 1\nb\n".to_owned();
        for file in 0..FILES {
            let text = format!("{file}\n").repeat(50);
            write!(stream, "M 100644 inline d{}/f{file}.txt\ndata {}\n{text}\n", file % 40, text.len())?;
        }
        for piece in 0..PIECES {
            writeln!(
                stream,
                "commit refs/made/{piece}\ncommitter b <b@b> 0 +0000\ndata 1\nb\nfrom refs/heads/main"
            )?;
            write!(stream, "M 100644 inline new/{piece}.txt\ndata 4\nnew\n\n")?;
        }
        field.git(&["fast-import", "--quiet"], Some(&stream))?;
        field.git(&["reset", "-q", "--hard"], None)?;
        field.base = field.git(&["rev-parse", "HEAD"], None)?;
        Ok(field)
    }

    fn git(&self, words: &[&str], input: Option<&str>) -> Outcome<String> {
        let mut command = Command::new("git");
        command.args(words).current_dir(&self.root).env_clear().envs(&self.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            std::io::Write::write_all(&mut stdin, input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("git {words:?} failed").into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn piece(&self, number: u32) -> Outcome<Piece> {
        let head = self.git(&["rev-parse", &format!("refs/made/{number}")], None)?;
        let label = format!("piece {number}");
        Ok(Piece { agent: AgentNumber(number + 1), label, base: self.base.clone(), head })
    }
}

fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let field = Field::new(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(&field))
}

async fn measure(field: &Field) -> Outcome<()> {
    let repository = Repository::find(&Git::new(&field.environment), &field.root).await?;
    let locks = Locks::new(&field.state);
    if !std::env::args().any(|word| word == "landing") {
        make_worktrees(field, &repository, &locks).await?;
    }
    land(field, &repository, &locks).await
}

async fn make_worktrees(field: &Field, repository: &Repository, locks: &Locks) -> Outcome<()> {
    let trees = Worktrees::new(repository.clone(), locks.clone(), &field.state, &field.run).await?;
    let (mut plain, mut ours) = (Duration::ZERO, Duration::ZERO);
    for number in 1..=WORKTREES {
        let place = field.state.join(format!("plain-{number}")).display().to_string();
        let since = Instant::now();
        field.git(&["worktree", "add", "-q", "--detach", &place, &field.base], None)?;
        plain += since.elapsed();
        let since = Instant::now();
        let tree = trees.open(AgentNumber(number), &field.base).await?;
        ours += since.elapsed();
        field.git(&["worktree", "remove", "--force", &place], None)?;
        trees.remove(&tree.record).await?;
    }
    let ready = |time: Duration| time.as_secs_f64() * 1_000.0 / f64::from(WORKTREES);
    println!("worktree of {FILES} files: git {:.1} ms, baya {:.1} ms", ready(plain), ready(ours));
    println!("worktree ready: {:.2} x git worktree add", ours.as_secs_f64() / plain.as_secs_f64());
    println!("{AT_ONCE} worktrees, 20 at once: {} failures", at_once(&trees, &field.base).await);
    Ok(())
}

async fn land(field: &Field, repository: &Repository, locks: &Locks) -> Outcome<()> {
    let since = Instant::now();
    for number in 0..PIECES {
        field.git(&["merge-tree", "--write-tree", &field.base, &format!("refs/made/{number}")], None)?;
    }
    let plain = since.elapsed();
    let pieces = (0..PIECES).map(|number| field.piece(number)).collect::<Outcome<Vec<Piece>>>()?;
    let runner = ShellCheck { environment: field.environment.clone() };
    let logs = field.state.join("logs");
    let (run, state) = (&field.run, &field.state);
    let landing =
        Landing { repository, locks, state, logs: &logs, run, runner: &runner, errands: &NoErrands };
    let options = LandingOptions { check: Some("true".to_owned()), ..LandingOptions::default() };
    let since = Instant::now();
    let landed = landing.land(pieces, options, &field.base, 1_700_000_000, &[], &mut Silent).await?;
    let ours = since.elapsed();
    println!("landing {} pieces: {:.1} s, {} checks", landed.fates.len(), ours.as_secs_f64(), landed.checks);
    println!("landing: {:.2} x as many git merge-tree", ours.as_secs_f64() / plain.as_secs_f64());
    Ok(())
}

/// How many of so many worktrees could not be made, or not be removed.
async fn at_once(trees: &Worktrees, base: &str) -> usize {
    let mut failures = 0;
    for wave in 0..AT_ONCE / 20 {
        let made = (1..=20).map(|number| {
            let (trees, base) = (trees.clone(), base.to_owned());
            tokio::spawn(async move {
                let tree = trees.open(AgentNumber(1_000 + wave * 20 + number), &base).await?;
                trees.remove(&tree.record).await.map(drop)
            })
        });
        for made in made.collect::<Vec<_>>() {
            failures += usize::from(!matches!(made.await, Ok(Ok(()))));
        }
    }
    failures
}
