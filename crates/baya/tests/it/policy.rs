//! The policy of the settings files: what it says of an action, and how it says that it is wrong.

use crate::harness::Baya;

#[test]
fn policy_check_names_the_rule_that_decides() {
    let baya = Baya::new();
    let config = baya.home().join(".config/baya");
    std::fs::create_dir_all(&config).expect("folders");
    std::fs::write(config.join("config.toml"), "[policy.commands]\ndeny = ['rm -rf']\n").expect("a file");
    baya.write(
        "baya.toml",
        "[policy.commands]\nask = ['git push']\nallow = ['rm -rf']\n[policy.writes]\ndeny = ['*.lock']\n",
    );
    for (line, says) in [
        ("git push origin", "ask: rule `git push` in `ask` of `[policy.commands]`, "),
        ("cd x && rm -rf y", "deny: rule `rm -rf` in `deny` of `[policy.commands]`, "),
        ("ls", "allow: no rule speaks of it"),
        ("--write a/Cargo.lock", "deny: rule `*.lock` in `deny` of `[policy.writes]`, "),
        ("--read a/Cargo.lock", "allow: "),
        ("--host example.com", "allow: "),
        ("--tool bash", "allow: "),
    ] {
        baya.line(&format!("policy check {line}")).run().exits(0).prints_line(says);
    }
}

#[test]
fn a_bad_policy_names_its_place() {
    for (text, says) in [
        ("[policy.commands]\ndeny = ['a && b']\n", "line 2, column"),
        ("[policy.command]\ndeny = []\n", "unknown field `command`"),
        ("[policy]\ndefault = 'no'\n", "line 2, column 11"),
        ("approvals = 'maybe'\n", "line 1, column 13"),
        ("approval_timeout = 'soon'\n", "`soon` is not a duration"),
    ] {
        let baya = Baya::new();
        baya.write("baya.toml", text);
        baya.line("policy check ls").run().exits(2).says("baya.toml").says(says);
    }
}
