//! Heavy commands of a fan-out share slots, through the program.

use crate::fake::FakeModel;
use crate::harness::Baya;
use serde_json::json;

const SCRIPT: &str = "export const meta = { name: 'w', description: 'd' }
return (await parallel([1, 2, 3, 4].map(n => () => agent(`build ${n}`)))).join()
";

/// Says so if another one is at work.
const BUSY: &str =
    "mkdir lock || echo clash >> clashes.txt\nsleep 0.15\nrmdir lock\necho built >> built.txt\n";

#[test]
fn heavy_commands_of_all_agents_take_turns() {
    let baya = Baya::new();
    baya.write("w.js", SCRIPT).write("busy.sh", BUSY);
    baya.write("baya.toml", "[heavy]\ncommands = ['sh busy.sh']\nslots = 1\n");
    let build = json!([{"name": "bash", "input": {"command": "true && sh busy.sh"}}]);
    let model = FakeModel::start(&json!({"rules": [{"when": {"turn": 1}, "tool": build}, {"text": "ok"}]}));
    model.serves(baya.line("run w.js")).run().exits(0).prints("ok,ok,ok,ok\n");
    let built = std::fs::read_to_string(baya.work().join("built.txt")).expect("a file");
    assert_eq!(built.lines().count(), 4);
    assert!(!baya.work().join("clashes.txt").exists(), "two at once");
    baya.write("baya.toml", "[heavy]\nslots = 0\n");
    baya.line("run w.js").run().exits(2).says("too small: at least 1");
}
