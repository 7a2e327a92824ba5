//! Hooks of the user, through the program.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call};
use serde_json::json;

const SCRIPT: &str = "export const meta = { name: 'w', description: 'd' }
return await agent('write it')
";

fn baya(settings: &str) -> Baya {
    let baya = Baya::new();
    let config = baya.home().join(".config/baya");
    std::fs::create_dir_all(&config).expect("folders");
    std::fs::write(config.join("config.toml"), settings).expect("a file");
    baya.write("w.js", SCRIPT);
    baya
}

fn model() -> FakeModel {
    let write = json!([{"name": "write", "input": {"path": "out.txt", "content": "x"}}]);
    FakeModel::start(&json!({"rules": [{"when": {"turn": 1}, "tool": write}, {"text": "done"}]}))
}

fn run<'a>(baya: &'a Baya, model: &FakeModel) -> Call<'a> {
    model.serves(baya.line("run w.js --json"))
}

#[test]
fn a_hook_may_veto_a_tool_and_the_agent_hears_why() {
    let baya = baya("[[hooks.before_tool]]\nargv = ['./no.sh']\ntools = ['write']\n");
    let script = baya.home().join(".config/baya/no.sh");
    std::fs::write(&script, "#!/bin/sh\ncat > seen.json\necho not today >&2\nexit 2\n").expect("a file");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let output = run(&baya, &model()).run().exits(0);
    output.prints_line("no.sh` says no: not today");
    assert!(!baya.work().join("out.txt").exists());
    let seen = std::fs::read_to_string(baya.work().join("seen.json")).expect("a file");
    let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!((&seen["hook"], &seen["tool"]), (&json!("before_tool"), &json!("write")));
    assert_eq!(seen["action"]["kind"], "write");
}

#[test]
fn a_hook_may_veto_an_agent_before_it_costs() {
    let baya = baya("[[hooks.before_agent]]\nargv = ['sh', '-c', 'echo no money >&2; exit 2']\n");
    let model = model();
    let output = run(&baya, &model).run().exits(3);
    output.says("1 × vetoed by a hook").says("the hook `sh` says no: no money");
    assert!(model.received().is_empty());
}

#[test]
fn what_a_hook_says_after_an_agent_is_noted_and_changes_nothing() {
    let baya = baya("[[hooks.after_agent]]\nargv = ['sh', '-c', 'cat > end.json; exit 9']\n");
    let output = run(&baya, &model()).run().exits(0);
    assert_eq!(output.run_ended()["result"], "done");
    let end = std::fs::read_to_string(baya.work().join("end.json")).expect("a file");
    assert!(end.contains("\"answered\":{\"text\":\"done\"}"), "{end}");
    baya.line("show last 1").run().exits(0).prints_line("note: the hook `sh` failed: exit status 9");
}

#[test]
fn hooks_of_a_project_run_only_where_it_is_trusted() {
    let baya = baya("");
    let hook = "[[hooks.before_tool]]\nargv = ['sh', '-c', 'touch ran; exit 2']\n";
    baya.write("baya.toml", hook);
    run(&baya, &model()).run().exits(0).says("was not trusted with it: `before_tool`; baya trust");
    assert!(baya.work().join("out.txt").exists() && !baya.work().join("ran").exists());
    baya.line("trust").run().exits(0).prints_line("hook before_tool: sh -c touch ran; exit 2");
    run(&baya, &model()).run().exits(0).prints_line("says no: it gave no reason");
    assert!(baya.work().join("ran").exists());
}
