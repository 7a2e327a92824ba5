//! The README, line by line: what it shows is run, by a real shell with this program on its path, against a fake
//! model in the place of a provider. What cannot be run here is named with the test that proves it.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Lines of shell blocks that no test can run, and the file that runs them.
const RUN_ELSEWHERE: &[(&str, &str)] = &[("cargo xtask ci", ".ci/run")];

/// The commands of the table, each with a line that runs it; `RUN` is the id of a run that ended, `LIVE` of
/// one that is at work.
const COMMANDS: &[(&str, &str)] = &[
    (
        "baya check FILE… [--portable] [--json]",
        "baya check examples/tour.js examples/rank.js --portable --json",
    ),
    ("baya new -o FILE", "baya new -o mine.js && baya check mine.js && baya run mine.js --backend simulated"),
    ("baya bundle FILE", "baya bundle examples/review.js > one.js && baya check one.js"),
    ("baya list", "baya list | grep 'saved: a saved one'"),
    ("baya agents", "baya agents | grep 'Explore: '"),
    (
        "baya sandbox [--profile P] [-- CMD…]",
        "baya sandbox --profile read-only | grep 'network' && baya sandbox -- sh -c 'echo inside' | grep inside",
    ),
    (
        "baya trust [DIR]",
        "baya trust 2>&1 | grep 'wants to run' && baya trust --list . && baya trust --remove .",
    ),
    ("baya answer RUN", "baya answer \"$LIVE\" 2>&1 | grep 'no question waits'"),
    ("baya policy check CMD…", "baya policy check git push | grep allow"),
    ("baya work RUN", WORK),
    (
        "baya land RUN [--check CMD] [--into BRANCH]",
        "cd shop && baya land last --check 'grep -q hello new.txt' --into kept && git show kept:new.txt | grep hello",
    ),
    ("baya stop RUN", "baya stop \"$LIVE\" && baya show \"$LIVE\" | grep -i stopped"),
    (
        "baya run … --plan [--json]",
        "baya run examples/tour.js --backend simulated --plan --json | grep agents",
    ),
    ("baya rehearse FILE [--runs N] [--json]", "baya rehearse examples/tour.js --runs 8 | grep agents"),
    ("baya cost [RUN] [--by …] [--since …]", "baya cost --by run --json | grep usage"),
    ("baya prices [MODEL…]", "baya prices claude-haiku-4-5 | grep claude-haiku-4-5"),
    (
        "baya test [DIR] [--record RUN]",
        "baya run examples/tour.js --backend simulated > /dev/null && baya test --record last -o kept.test.json \
            && baya test kept.test.json",
    ),
    ("baya run … --detach", "baya run examples/tour.js --backend simulated --detach | grep '^wf_'"),
    ("baya gc [--dry-run] [--yes]", "baya gc --dry-run 2>&1 | grep 'has landed'"),
    ("baya doctor [--online] [--json]", "baya doctor --online | grep 'a run could start'"),
    ("baya fake-model --rules FILE", FAKE_MODEL),
    ("baya gateway [--record DIR] [--replay DIR]", GATEWAY),
    ("baya completions SHELL", "baya completions bash | grep fake-model"),
];

const FAKE_MODEL: &str = "baya fake-model --rules rules.json > fake.out &
    until grep -q ANTHROPIC_BASE_URL fake.out; do sleep 0.02; done; kill $!; wait $!";

/// An agent that writes a file, in a repository of its own.
const WORK: &str = "mkdir -p shop ~/.config/baya && cd shop && git init -q . && git branch -m main
    git -c user.name=t -c user.email=t@t commit -q --allow-empty -m shop && git branch kept
    printf '[commands.writer]\nargv = [\"sh\", \"-c\", \"cat > new.txt\"]\n' > ~/.config/baya/config.toml
    echo \"export const meta = { name: 'w', description: 'd' }
        return await agent('hello', { isolation: 'worktree' })\" > w.js
    baya run w.js --backend writer && baya work last | grep 'not landed'";

const GATEWAY: &str = "baya gateway --record tape > gateway.out 2> gateway.err &
    until grep -q OPENAI_BASE_URL gateway.out; do sleep 0.02; done; kill $!; wait $!";

/// The backends of the table, by the beginning of their cells, each with tests that run them.
const BACKENDS: &[(&str, &[&str])] = &[
    ("`anthropic`, `openai`, `openai-responses`, `gemini`, `openrouter`", &PROVIDERS),
    (
        "`[providers.NAME]`",
        &["the_providers_of_the_readme_are_asked", "providers_of_the_settings_are_looked_at"],
    ),
    ("`ollama`", &["review_runs_on_an_ollama_that_is_found"]),
    (
        "`codex`",
        &["codex_fixes_three_failing_tests", "c29_what_codex_cannot_be_held_to_is_refused_at_the_call"],
    ),
    ("`claude`", &["c20_claude_is_told_its_task_and_its_limits_and_finds_no_key"]),
    ("`acp:opencode`, `acp:codex-acp`", &["opencode_fixes_three_failing_tests", "each_reviews_a_text"]),
    ("`[commands.NAME]`", &["a_program_reads_the_prompt_and_its_output_is_the_answer"]),
    ("`simulated`", &["every_shell_block_of_the_readme_runs"]),
];

const PROVIDERS: [&str; 5] = [
    "review_runs_on_anthropic_messages",
    "review_runs_on_openai_chat",
    "review_runs_on_openai_responses",
    "review_runs_on_gemini",
    "c22_a_text_answer_comes_back_untrimmed_on_every_wire",
];

/// The exit codes of the table, each with the test that proves it.
const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "exit_codes_tell_how_a_run_ended"),
    ("1", "exit_codes_tell_how_a_run_ended"),
    ("2", "c02_to_c12_every_refusal_has_place_line_caret_and_hint"),
    ("3", "all_agents_of_the_run_or_of_a_phase_failed_is_exit_3"),
    ("4", "exit_codes_tell_how_a_run_ended"),
    ("5", "where_nobody_can_be_asked_a_plan_above_the_thresholds_ends_with_5"),
    ("6", "a_refused_key_parks_the_run"),
    ("130", "c61_one_signal_stops_gracefully_and_says_how_to_resume"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the README")
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    let found: Vec<String> = text
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect();
    assert!(!found.is_empty(), "no block of {language} in the README");
    found
}

/// The cells of the tables whose head begins with these words.
fn table(head: &str) -> Vec<String> {
    let text = readme();
    let rows = text.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
    let cells = rows.map_while(|row| row.strip_prefix("| ")).filter_map(|row| row.split(" |").next());
    cells.map(|cell| cell.trim_matches('`').to_owned()).collect()
}

/// A shell in a folder with the examples, where a fake model stands for every provider.
struct Reader {
    baya: Baya,
    model: FakeModel,
}

impl Reader {
    fn new() -> Reader {
        let baya = Baya::new();
        for entry in std::fs::read_dir(root().join("examples")).expect("the examples").flatten() {
            if entry.path().is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).expect("an example");
            baya.write(&format!("examples/{}", entry.file_name().to_string_lossy()), &text);
        }
        std::fs::create_dir(baya.work().join("bin")).expect("a folder");
        let link = baya.work().join("bin/baya");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_baya"), link).expect("a link");
        // Nobody sits here who could say yes to a plan.
        let config = baya.home().join(".config/baya");
        std::fs::create_dir_all(&config).expect("a folder");
        let settings = "[plan]\nask_agents = 1000\nask_usd = 1000\n";
        std::fs::write(config.join("config.toml"), settings).expect("a file");
        Reader { baya, model: FakeModel::start(&json!({})) }
    }

    /// Runs a shell script to its end; the first command that fails ends it.
    fn shell(&self, script: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", script]).current_dir(self.baya.work()).env_clear();
        let path = format!("{}:/usr/bin:/bin", self.baya.work().join("bin").display());
        shell.env("PATH", path).env("HOME", self.baya.home());
        shell.env("ANTHROPIC_BASE_URL", self.model.url()).env("OLLAMA_HOST", self.model.url());
        Output::of(
            shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh"),
        )
    }

    /// A block of the README as a person here would type it.
    fn typed(&self, block: &str) -> String {
        let elsewhere = |line: &&str| !RUN_ELSEWHERE.iter().any(|(skipped, _)| line.trim() == *skipped);
        let lines: Vec<&str> = block.lines().filter(elsewhere).collect();
        let openai = format!("{}/v1", self.model.url());
        let script = lines.join("\n").replace("cargo run -q --", "baya").replace("_KEY=…", "_KEY=k");
        let script = script.replace("http://localhost:8000/v1", &openai);
        let first_run = "$(ls ~/.local/state/baya/runs | grep ^wf_ | head -n 1)";
        script.replace("wf_1a2b3c4d-5e6", first_run)
    }
}

#[test]
fn every_shell_block_of_the_readme_runs() {
    for block in blocks("sh") {
        let reader = Reader::new();
        let review =
            std::fs::read_to_string(reader.baya.work().join("examples/review.js")).expect("a script");
        reader.baya.write("edited.js", &review.replace("Sum up this review", "Sum this review up"));
        let script = reader.typed(&block);
        let output = reader.shell(&script);
        assert_eq!(output.code, Some(0), "{script}\n{}\n{}", output.stdout, output.stderr);
    }
    for (line, file) in RUN_ELSEWHERE {
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(text.contains(line), "`{line}` is not in {file}");
    }
}

/// The block about providers asks each of them, in its own wire.
#[test]
fn the_providers_of_the_readme_are_asked() {
    let reader = Reader::new();
    let block =
        blocks("sh").into_iter().find(|block| block.contains("ANTHROPIC_API_KEY")).expect("the block");
    let script = reader.typed(&block);
    reader.shell(&script).exits(0);
    let asked: BTreeSet<(String, String)> = reader
        .model
        .received()
        .iter()
        .map(|line| {
            (
                line["wire"].as_str().unwrap_or_default().into(),
                line["model"].as_str().unwrap_or_default().into(),
            )
        })
        .collect();
    let by = |wire: &str, model: &str| asked.iter().any(|(w, m)| w == wire && m.starts_with(model));
    assert!(by("anthropic", "claude-"), "{asked:?}");
    assert!(by("openai-chat", "my-model"), "{asked:?}");
    assert!(by("openai-chat", "fake-small"), "the Ollama's own model: {asked:?}");
}

#[test]
fn the_first_script_of_the_readme_runs() {
    for script in blocks("js") {
        let reader = Reader::new();
        reader.baya.write("hello.js", &script);
        reader.shell("baya check hello.js && baya run hello.js --backend simulated").exits(0);
    }
}

#[test]
fn every_command_of_the_readme_runs() {
    let listed = table("command");
    assert_eq!(listed, COMMANDS.iter().map(|(row, _)| (*row).to_owned()).collect::<Vec<_>>());
    let reader = Reader::new();
    let saved =
        "export const meta = { name: 'saved', description: 'a saved one' }\nreturn await agent('wait')\n";
    reader.baya.write(".claude/workflows/saved.js", saved).write("rules.json", "{}");
    reader.baya.write("slow.json", r#"{"rules": [{"when": {"prompt": "wait"}, "latency_ms": 600000}]}"#);
    let live = reader.shell("baya run saved --backend simulated --rules slow.json --detach").exits(0);
    for (row, line) in COMMANDS {
        let output = reader.shell(&format!("LIVE={}\n{line}", live.stdout.trim()));
        assert_eq!(output.code, Some(0), "{row}: {line}\n{}\n{}", output.stdout, output.stderr);
    }
}

#[test]
fn every_exit_code_of_the_readme_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let files = std::fs::read_dir(here).expect("the tests").flatten();
    let tests: String = files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect();
    for (code, name) in EXIT_CODES {
        assert!(tests.contains(&format!("fn {name}()")), "{code}: there is no test `{name}`");
    }
    let known: BTreeSet<&str> = EXIT_CODES.iter().map(|(code, _)| *code).collect();
    let listed = table("exit code");
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_backend_of_the_readme_has_a_test() {
    let crates = root().join("crates");
    let tests = ["baya", "baya-agents"].map(|name| sources(&crates.join(name).join("tests/it"))).concat();
    let text = readme();
    let rows = text.lines().skip_while(|line| !line.starts_with("| backend |")).skip(2);
    let rows: Vec<&str> = rows.map_while(|row| row.strip_prefix("| ")).collect();
    assert_eq!(rows.len(), BACKENDS.len(), "{rows:?}");
    for (row, (backend, names)) in rows.iter().zip(BACKENDS) {
        assert!(row.starts_with(backend), "{row} is not about {backend}");
        for name in *names {
            assert!(tests.contains(&format!("fn {name}()")), "{backend}: there is no test `{name}`");
        }
    }
}

/// All files below a folder, as one text.
fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let text = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false => std::fs::read_to_string(path).unwrap_or_default(),
    };
    entries.map(text).collect()
}

/// The settings it shows are read and mean what their comments say.
#[test]
fn the_settings_of_the_readme_work() {
    let reader = Reader::new();
    let settings = blocks("toml").remove(0);
    reader.baya.write("baya.toml", &settings);
    let program = "#!/bin/sh\ncat > asked.txt\necho \"from my program: $1\"\n";
    reader.baya.write("bin/my-agent", program);
    let meta = "export const meta = { name: 'x', description: 'd' }\n";
    reader.baya.write(
        "ask.js",
        &format!("{meta}return [budget.total, await agent('hello', {{ model: 'opus' }})]\n"),
    );
    let chmod = "chmod +x bin/my-agent";
    let mine = reader.shell(&format!("{chmod}; baya trust; baya run ask.js --backend mine")).exits(0).stdout;
    assert!(mine.contains("500000") && mine.contains("from my program: --quiet"), "{mine}");
    let asked = std::fs::read_to_string(reader.baya.work().join("asked.txt")).expect("the prompt");
    assert!(asked.contains("hello"), "{asked}");
    reader.shell("export ANTHROPIC_API_KEY=k; baya run ask.js").exits(0);
    let models: Vec<_> = reader.model.received().iter().map(|line| line["model"].clone()).collect();
    assert_eq!(models, [json!("claude-opus-4-5")]);
}
