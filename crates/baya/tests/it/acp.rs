//! `--backend acp:NAME`: what people see where it cannot work.

use crate::harness::Baya;

const SCRIPT: &str = "export const meta = {name: 'n', description: 'd'}\nreturn await agent('one')\n";

fn check(settings: &str, line: &str, env: &[(&str, &str)], code: i32, words: &[&str]) {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    baya.write("baya.toml", settings);
    let call = env.iter().fold(baya.line(line), |call, (name, value)| call.env(name, value));
    let output = call.run();
    assert_eq!(output.code, Some(code), "{output:?}");
    words.iter().for_each(|word| assert!(output.stderr.contains(word), "`{word}`: {output:?}"));
}

#[test]
fn an_agent_that_is_not_there_says_how_to_get_it() {
    let not_installed =
        ["`opencode` is not installed, which `acp:opencode` needs", "npm install -g opencode-ai"];
    check("", "run x.js --backend acp:opencode", &[("PATH", "/nowhere")], 6, &not_installed);
    let unknown = [
        "there is no backend `acp:opencoda`",
        "did you mean `acp:opencode`",
        "acp:codex-acp",
        "[acp.opencoda]",
    ];
    check("", "run x.js --backend acp:opencoda", &[], 2, &unknown);
}

#[test]
fn an_agent_of_the_project_needs_trust() {
    let settings = "[acp.mine]\nargv = [\"./mine\"]\n";
    let words = ["the backend `acp:mine` runs `", "nobody trusted it", "baya trust"];
    check(settings, "run x.js --backend acp:mine", &[], 2, &words);
    let words = ["mine` is not installed, which `acp:mine` needs", "check `argv`"];
    check(settings, "run x.js --backend acp:mine --trust", &[], 6, &words);
}
