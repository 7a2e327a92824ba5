//! What a folder wants to run is asked for once, shown, and remembered for exactly that.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output};
use serde_json::json;
use std::io::Write;
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = "export const meta = { name: 't', description: 'd' }\nreturn await agent('say it')\n";
const SERVERS: &str = r#"{"mcpServers": {"docs": {"command": "serve-docs", "args": ["--all"]}}}"#;

fn home(servers: &str) -> (Baya, FakeModel) {
    let baya = Baya::new();
    baya.write("t.js", SCRIPT).write(".mcp.json", servers);
    (baya, FakeModel::start(&json!({"rules": [{"text": "done"}]})))
}

/// The same call at a terminal of its own, with what the person types.
pub fn at_a_terminal(call: &Call<'_>, typed: &str) -> Output {
    let mut child = start_at_a_terminal(call);
    child.stdin.as_mut().expect("a pipe").write_all(typed.as_bytes()).expect("somebody reads");
    Output::of(child)
}

/// The same, for tests that type by and by.
pub fn start_at_a_terminal(call: &Call<'_>) -> Child {
    start_at(call, "dumb")
}

/// At a terminal of this kind: `dumb` shows no picture.
pub fn start_at(call: &Call<'_>, kind: &str) -> Child {
    let command = call.command();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &format!("exec {}", line.join(" ")), "/dev/null"]).env_clear();
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.env("TERM", kind).current_dir(command.get_current_dir().expect("a folder"));
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    terminal.spawn().expect("a terminal")
}

#[test]
fn without_a_terminal_nothing_is_asked_and_one_line_says_how_to_trust() {
    let (baya, model) = home(SERVERS);
    let folder = baya.work().canonicalize().unwrap();
    let output = model.serves(baya.line("run t.js")).run().exits(0);
    let notes: Vec<&str> = output.stderr.lines().filter(|line| line.contains("trust")).collect();
    let folder = folder.display();
    let note =
        format!("note: not used, because `{folder}` was not trusted with it: `docs`; baya trust {folder}");
    assert_eq!(notes, [note.as_str()]);
    let line = format!("trusted: server docs: serve-docs --all ({folder}/.mcp.json)\n");
    baya.line("trust").run().exits(0).prints(&line);
    let quiet = model.serves(baya.line("run t.js")).run().exits(0);
    assert!(!quiet.stderr.contains("trust"), "{}", quiet.stderr);
    baya.line("trust --list").run().exits(0).prints(&format!("{folder} (1)\n"));
    baya.line("trust --remove").run().exits(0).says("is trusted with nothing any more");
    model.serves(baya.line("run t.js")).run().exits(0).says(&note);
}

#[test]
fn a_changed_file_asks_again_and_a_changed_layout_does_not() {
    let (baya, model) = home(SERVERS);
    model.serves(baya.line("run t.js --trust")).run().exits(0);
    baya.write(".mcp.json", &SERVERS.replace(": ", " :\n"));
    let quiet = model.serves(baya.line("run t.js")).run().exits(0);
    assert!(!quiet.stderr.contains("trust"), "{}", quiet.stderr);
    baya.write(".mcp.json", &SERVERS.replace("--all", "--others"));
    model.serves(baya.line("run t.js")).run().exits(0).says("`docs`; baya trust");
    let lines = baya.line("trust --list . --json").run().exits(0).json_lines();
    assert_eq!(lines[0]["trusted"], false);
    assert_eq!(lines[0]["line"], "serve-docs --others");
}

#[test]
fn at_a_terminal_it_is_shown_and_asked_once() {
    let (baya, model) = home(SERVERS);
    let call = model.serves(baya.line("run t.js"));
    for answer in ["n\n", "y\n"] {
        // The plan of a script that is new here is the second question.
        let asked = at_a_terminal(&call, &format!("{answer}y\n")).exits(0);
        for shown in ["server docs: serve-docs --all", "Is this trusted", "done"] {
            assert!(asked.stdout.contains(shown), "{answer:?} lacks {shown:?}:\n{}", asked.stdout);
        }
        let again = at_a_terminal(&call, "").exits(0).stdout;
        assert!(!again.contains("Is this trusted"), "{answer:?}:\n{again}");
        assert_eq!(again.contains("baya trust"), answer == "n\n", "{again}");
        baya.line("trust --remove").run().exits(0);
    }
    let unasked = at_a_terminal(&model.serves(baya.line("run t.js --yes")), "").exits(0).stdout;
    assert!(unasked.contains("baya trust") && !unasked.contains("Is this trusted"), "{unasked}");
}

#[test]
fn what_a_project_would_open_needs_trust_and_what_is_the_users_stays_theirs() {
    let baya = Baya::new();

    baya.write("baya.toml", "sandbox = \"full\"\nhosts = [\"docs.rs\"]\nweb = [\"*.python.org\"]\n");
    let types = baya.line("agents --json").run().exits(0);
    assert!(!types.stdout.contains("\"full\""), "{}", types.stdout);
    let shown = baya.line("trust").run().exits(0).stdout;
    for line in
        ["right sandbox: sandbox = full", "right web: web = *.python.org", "right hosts: hosts = docs.rs"]
    {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
    let types = baya.line("agents --json").run().exits(0);
    assert!(types.stdout.contains("\"full\""), "{}", types.stdout);
    for (line, said) in [
        ("mcp_env = [\"MY_KEY\"]", "`mcp_env` passes variables of yours on"),
        ("sandbox = \"best-effort\"", "runs commands without a whole sandbox"),
        ("hosts = [\"http://x\"]", "`http://x` names no host"),
        ("[mcp.x]\nprogram = \"y\"", "unknown field `program`"),
    ] {
        baya.write("baya.toml", line);
        baya.line("agents").run().exits(2).says(said);
    }
}
