//! What scripts have their host do: exact, journaled, inside the working folder and under the policy.

use crate::harness::{Baya, Output, runs, send, wait, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Runs a body with no agents in it; gives what it returned.
#[track_caller]
fn returned(baya: &Baya, body: &str, flags: &[&str]) -> Value {
    script(baya, body);
    let words = ["run", "steps.js", "--backend", "simulated", "--json"];
    let output = baya.args(words.iter().chain(flags).copied()).run().exits(0);
    output.run_ended()["result"].clone()
}

fn script(baya: &Baya, body: &str) {
    let meta = "export const meta = { name: 'steps', description: 'does host steps' }\n";
    let told =
        "const told = async (step) => { try { return await step() } catch (e) { return e.message } }\n";
    baya.write("steps.js", &format!("{meta}{told}{body}"));
}

#[track_caller]
fn check(body: &str, expected: &Value) {
    assert_eq!(&returned(&Baya::new(), body, &[]), expected, "{body}");
}

/// What a step that throws says; one `told` per body.
#[track_caller]
fn check_refused(baya: &Baya, step: &str, flags: &[&str], parts: &[&str]) {
    let said = returned(baya, &format!("return await told(() => {step})"), flags);
    let said = said.as_str().unwrap_or_else(|| panic!("{step} was done: {said}"));
    parts.iter().for_each(|part| assert!(said.contains(part), "`{said}` lacks `{part}`"));
}

#[test]
fn c10_exec_tells_code_outputs_and_time_out() {
    let ran = |code, stdout, stderr, late| {
        Value::from_iter([
            ("code", code),
            ("stdout", json!(stdout)),
            ("stderr", json!(stderr)),
            ("timedOut", json!(late)),
        ])
    };
    check("return baya.exec('echo out; echo err >&2; exit 3')", &ran(json!(3), "out\n", "err\n", false));
    let slow = "return baya.exec('echo begun; sleep 600', {timeoutMs: 300})";
    check(slow, &ran(Value::Null, "begun\n", "", true));
    let killed = "return baya.exec('kill -9 $$')";
    check(killed, &ran(Value::Null, "", "", false));
    let below = "await baya.writeFile('sub/a.txt', 'x'); return (await baya.exec('ls', {cwd: 'sub'})).stdout";
    check(below, &json!("a.txt\n"));
}

#[test]
fn c12_exec_is_inside_the_sandbox_and_sees_no_secret() {
    let baya = Baya::new();
    std::fs::write(baya.home().join("outside.txt"), "as it was").expect("a file");
    script(
        &baya,
        "const line = 'echo changed > \"$HOME/outside.txt\"; echo [$ANTHROPIC_API_KEY]; echo x > in.txt'
         const out = await baya.exec(line)
         return [out.stdout, await baya.readFile('in.txt')]",
    );
    let call = baya.line("run steps.js --backend simulated --json").env("ANTHROPIC_API_KEY", "sk-secret");
    assert_eq!(call.run().exits(0).run_ended()["result"], json!(["[]\n", "x\n"]));
    let outside = std::fs::read_to_string(baya.home().join("outside.txt"));
    assert_eq!(outside.expect("still there"), "as it was");
}

#[test]
fn steps_of_a_script_are_done_also_where_its_agents_are_simulated_and_the_run_says_so() {
    let baya = Baya::new();
    script(&baya, "await agent('x'); await baya.writeFile('a.txt', 'real'); return 1");
    let output = baya.line("run steps.js --backend simulated").run().exits(0);
    output.says("note: agents are simulated, the script's own steps are not: baya.writeFile\n");
    assert_eq!(std::fs::read_to_string(baya.work().join("a.txt")).expect("a file"), "real");
    script(&baya, "await agent('x'); return await baya.glob('*')");
    let output = baya.line("run steps.js --backend simulated").run().exits(0);
    assert!(!output.stderr.contains("own steps"), "nothing is changed: {}", output.stderr);
}

#[test]
fn c10_files_are_read_written_and_found() {
    let baya = Baya::new();
    baya.write("src/b.js", "b").write("src/deep/c.js", "c").write("a.js", "a").write("a.md", "m");
    let body = "await baya.writeFile('new/d.js', 'd\\n')
        await baya.writeFile('a.js', 'again')
        return [await baya.readFile('new/d.js'), await baya.readFile('a.js'),
          await baya.glob('*.js'), await baya.glob('**/*.js'), await baya.glob('none/*')]";
    let found = returned(&baya, body, &[]);
    let all = json!(["a.js", "new/d.js", "src/b.js", "src/deep/c.js", "steps.js"]);
    assert_eq!(found, json!(["d\n", "again", ["a.js", "steps.js"], all, []]));
}

#[test]
fn c10_paths_outside_of_the_working_folder_are_refused() {
    let baya = Baya::new();
    std::fs::write(baya.home().join("mine.txt"), "mine").expect("a file");
    std::os::unix::fs::symlink(baya.home(), baya.work().join("way-out")).expect("a link");
    baya.write(".git/config", "[core]\n");
    for path in ["../home/mine.txt", "way-out/mine.txt", "/etc/hostname", "a/../../home/mine.txt"] {
        let outside = format!("`{path}` is outside of the working folder");
        check_refused(&baya, &format!("baya.readFile('{path}')"), &[], &["baya.readFile", &outside]);
        check_refused(&baya, &format!("baya.writeFile('{path}', 'x')"), &[], &[&outside]);
        check_refused(&baya, &format!("baya.exec('ls', {{cwd: '{path}'}})"), &[], &[&outside]);
    }
    check_refused(&baya, "baya.writeFile('.git/config', 'x')", &[], &["`.git/config` belongs to git"]);
    check_refused(&baya, "baya.readFile('none.txt')", &[], &["cannot read", "none.txt"]);
    assert_eq!(std::fs::read_to_string(baya.home().join("mine.txt")).expect("there"), "mine");
}

#[test]
fn c12_host_steps_are_under_the_policy() {
    let baya = Baya::new();
    let policy = "[policy.commands]\ndeny = [\"rm -rf\"]\nask = [\"git push\"]\n\
                  [policy.writes]\ndeny = [\"*.lock\"]\n[policy.reads]\nask = [\"private/\"]\n";
    baya.write("baya.toml", policy).write("private/a.txt", "a").write("keep/me.txt", "k");
    let denied = ["the policy denies it", "`rm -rf` in `deny` of `[policy.commands]`"];
    check_refused(&baya, "baya.exec('true && rm -rf keep')", &[], &denied);
    check_refused(
        &baya,
        "baya.exec('git push origin')",
        &[],
        &["needs a person's word", "`git push`", "hint:"],
    );
    check_refused(&baya, "baya.writeFile('x.lock', '')", &[], &["the policy denies it", "`*.lock`"]);
    check_refused(&baya, "baya.readFile('private/a.txt')", &[], &["needs a person's word"]);
    check_refused(&baya, "baya.land([], {check: 'rm -rf keep'})", &[], &denied);
    assert!(baya.work().join("keep/me.txt").exists() && !baya.work().join("x.lock").exists());
    assert_eq!(returned(&baya, "return (await baya.exec('echo fine')).stdout", &[]), "fine\n");
}

#[test]
fn c12_read_only_holds_for_host_steps() {
    let baya = Baya::new();
    let flags = ["--sandbox", "read-only"];
    check_refused(&baya, "baya.writeFile('x.txt', 'x')", &flags, &["baya.writeFile", "x.txt"]);
    let code = returned(&baya, "return (await baya.exec('echo x > x.txt')).code", &flags);
    assert_ne!(code, 0);
    assert!(!baya.work().join("x.txt").exists());
}

#[test]
fn changed_files_are_those_of_the_checkout() {
    let baya = Baya::new();
    baya.write("a.txt", "a").write("b.txt", "b").write(".gitignore", "*.log\n");
    script(&baya, "return [await baya.git.changedFiles(), await baya.git.changedFiles({base: 'HEAD~1'})]");
    let git = "git init -q . && git add . && git -c user.name=t -c user.email=t@t commit -qm one && echo c > c.txt \
               && git add . && git -c user.name=t -c user.email=t@t commit -qm two && echo z > b.txt && \
               rm a.txt && echo n > new.txt && echo n > x.log";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", git]).current_dir(baya.work()).env_clear().env("PATH", "/usr/bin:/bin");
    let made = shell.env("HOME", baya.home()).status().expect("git");
    assert!(made.success());
    let output = baya.line("run steps.js --backend simulated --json").run().exits(0);
    let now = ["a.txt", "b.txt", "new.txt"];
    assert_eq!(output.run_ended()["result"], json!([now, ["a.txt", "b.txt", "c.txt", "new.txt"]]));
}

/// Runs the body until it waits in the shell for `go`, kills baya, and resumes.
fn killed_and_resumed(baya: &Baya, body: &str) -> Output {
    script(baya, body);
    let mut child = baya.line("run steps.js --backend simulated --json").spawn();
    wait_for("the second step", || baya.work().join("waits").exists());
    send(&child, Signal::KILL);
    wait(&mut child);
    baya.write("go", "");
    let run = runs(&baya.home()).pop().expect("a run");
    baya.args(["resume", &run, "--json"]).run()
}

const WAITING: &str = "echo begun >> begun.txt; touch waits; while [ ! -e go ]; do sleep 0.02; done";

#[test]
fn c61_a_step_that_is_done_is_not_done_again_after_kill_9() {
    let baya = Baya::new();
    let body = format!(
        "const first = (await baya.exec('echo done >> done.txt; date +%N')).stdout
         await baya.writeFile('first.txt', first)
         const second = await told(() => baya.exec('{WAITING}'))
         return [first === await baya.readFile('first.txt'), second]"
    );
    let output = killed_and_resumed(&baya, &body).exits(0);
    let ended = output.run_ended();
    assert_eq!(ended["result"][0], true);
    let said = ended["result"][1].as_str().expect("an error");
    for part in ["was begun before a crash and may have happened", "it is not done again", "`retry: 'safe'`"]
    {
        assert!(said.contains(part), "{said}");
    }
    let lines = |name: &str| std::fs::read_to_string(baya.work().join(name)).expect(name).lines().count();
    assert_eq!((lines("done.txt"), lines("begun.txt")), (1, 1));
}

#[test]
fn c61_a_step_that_may_be_repeated_is_after_kill_9() {
    let baya = Baya::new();
    let body = format!("return (await baya.exec('{WAITING}', {{retry: 'safe'}})).code");
    let output = killed_and_resumed(&baya, &body).exits(0);
    assert_eq!(output.run_ended()["result"], 0);
    let begun = std::fs::read_to_string(baya.work().join("begun.txt")).expect("there");
    assert_eq!(begun.lines().count(), 2);
}

#[test]
fn c12_check_lists_the_host_steps_of_a_script() {
    let baya = Baya::new();
    let body = "const line = 'make test'
        await baya.exec(line); await baya.exec(`echo ${args}`)
        await baya.writeFile('out/a.txt', 'x'); await baya.git.changedFiles()
        const { glob } = baya
        const mine = { baya: { exec() {} } }; mine.baya.exec('not a step')
        return [await glob('*'), await baya.work(agent('x')), await baya.land([], {check: 'make'})]";
    script(&baya, body);
    let output = baya.line("check steps.js").run().exits(0);
    let lines: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("  this script")).collect();
    let expected = [
        "  this script runs commands: `make test` (steps.js:4:15), steps.js:4:38",
        "  this script writes files: `out/a.txt` (steps.js:5:15)",
        "  this script reads files: steps.js:5:55",
        "  this script lands works: steps.js:8:69",
        "  this script uses `baya` in a way that is not followed: steps.js:6:26",
    ];
    assert_eq!(lines, expected, "{}", output.stdout);
    let checked = baya.line("check steps.js --json").run().exits(0).json_lines();
    let first =
        json!({"step": "baya.exec", "about": "make test", "file": "steps.js", "line": 4, "column": 15});
    assert_eq!((&checked[0]["steps"][0], checked[0]["steps"].as_array().map(Vec::len)), (&first, Some(6)));
}
