//! Runs the real program, always from an emptied environment with a home of its own.
//!
//! ```text
//! let baya = Baya::new();
//! baya.write("x.js", "…");
//! let output = baya.args(["run", "x.js"]).env("NO_COLOR", "1").run();
//! ```
//! Nothing of this machine reaches it: no key, no settings, no state of another test.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A home, a working folder, and a program that knows nothing else.
pub struct Baya {
    folder: TempDir,
}

/// One call of the program.
pub struct Call<'a> {
    home: &'a Baya,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<String>,
    folder: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// `None`: ended by a signal.
    pub code: Option<i32>,
}

impl Baya {
    pub fn new() -> Baya {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["home", "work"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Baya { folder }
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The working folder of calls.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file, from the working folder; makes its folders.
    pub fn write(&self, path: &str, text: &str) -> &Baya {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
        self
    }

    pub fn args<S: Into<String>>(&self, args: impl IntoIterator<Item = S>) -> Call<'_> {
        let args = args.into_iter().map(Into::into).collect();
        Call { home: self, args, env: Vec::new(), stdin: None, folder: self.work() }
    }

    /// Words as on a command line without quotes.
    pub fn line(&self, line: &str) -> Call<'_> {
        self.args(line.split_whitespace())
    }
}

impl Call<'_> {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    pub fn in_folder(mut self, path: &str) -> Self {
        self.folder = self.home.work().join(path);
        self
    }

    /// The call as a command, for tests that drive the process themselves.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baya"));
        command.args(&self.args).env_clear().current_dir(&self.folder);
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.home.home());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it with pipes.
    pub fn spawn(&self) -> Child {
        let mut command = self.command();
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        if let (Some(text), Some(mut stdin)) = (&self.stdin, child.stdin.take()) {
            stdin.write_all(text.as_bytes()).expect("stdin is read");
        }
        child
    }

    /// Runs it to its end.
    pub fn run(&self) -> Output {
        Output::of(self.spawn())
    }
}

impl Output {
    /// Waits for a child and takes what it wrote.
    pub fn of(child: Child) -> Output {
        let output = child.wait_with_output().expect("the program ends");
        Output {
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
            code: output.status.code(),
        }
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Output {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Output {
        assert!(self.stderr.contains(text), "stderr lacks {text:?}:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Output {
        assert_eq!(self.stdout, text, "stderr: {}", self.stderr);
        self
    }

    /// Some line of stdout has this in it.
    #[track_caller]
    pub fn prints_line(self, text: &str) -> Output {
        assert!(self.stdout.contains(text), "stdout lacks {text:?}:\n{}", self.stdout);
        self
    }

    /// stdout as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// The last line of a `--json`.
    #[track_caller]
    pub fn run_ended(&self) -> Value {
        let last = self.json_lines().pop().unwrap_or_else(|| panic!("no line on stdout\n{}", self.stderr));
        assert_eq!(last["type"], "run_ended", "{last}");
        last
    }
}

/// Waits until the condition holds; tests never sleep for a fixed time.
#[track_caller]
pub fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    wait_within(PATIENCE, what, condition);
}

/// The same with a patience of its own.
#[track_caller]
pub fn wait_within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < patience, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a child, as `kill` does.
pub fn send(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("the process is there");
}

/// The end of a child within the patience.
#[track_caller]
pub fn wait(child: &mut Child) -> ExitStatus {
    let mut status = None;
    wait_for("the end of the process", || {
        status = child.try_wait().expect("a child");
        status.is_some()
    });
    status.expect("waited for")
}

/// Runs that end, with their agents, when a test breaks off.
pub struct Running(pub Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for run in &mut self.0 {
            if run.try_wait().is_ok_and(|status| status.is_none()) {
                send(run, rustix::process::Signal::TERM);
                let _ = run.wait();
            }
        }
    }
}

/// The runs in a home.
pub fn runs(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(home.join(".local/state/baya/runs")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut ids: Vec<String> = names.filter(|name| name.starts_with("wf_")).collect();
    ids.sort();
    ids
}

/// Says that a test could not run, and why: `missing NAME: why` or `opt-in NAME: why`.
pub fn skip(line: &str) {
    eprintln!("skipped: {line}");
    if let Some(path) = std::env::var_os("BAYA_SKIP_FILE") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.expect("the skip file"), "{line}").expect("written");
    }
}
