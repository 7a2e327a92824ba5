//! `baya sandbox`: a command as agents run theirs.

use crate::harness::Baya;

#[test]
fn a_command_stays_in_its_folder_and_its_status_is_told() {
    let baya = Baya::new();
    std::fs::write(baya.home().join("secret"), "x").unwrap();
    baya.args(["sandbox", "--", "sh", "-c", "echo made > here && cat here"]).run().exits(0).prints("made\n");
    baya.args(["sandbox", "--", "sh", "-c", "exit 7"]).run().exits(7);
    baya.args(["sandbox", "cat", "../home/secret"]).run().exits(1).says("Permission denied");
    baya.args(["sandbox", "--profile", "read-only", "touch", "new"]).run().exits(1).says("Permission denied");
    baya.args(["sandbox", "--profile", "full", "cat", "../home/secret"]).run().exits(0).prints("x");
    baya.args(["sandbox", "no-such-program"]).run().exits(127).says("`no-such-program` cannot be run");
}

#[test]
fn secrets_of_the_environment_do_not_reach_it() {
    let baya = Baya::new();
    let call = baya.args(["sandbox", "env"]).env("ANTHROPIC_API_KEY", "sk-secret").env("LANG", "C");
    let output = call.run().exits(0).prints_line("LANG=C").prints_line("TMPDIR=");
    assert!(!output.stdout.contains("sk-secret"), "{}", output.stdout);
}

#[test]
fn without_a_command_the_policy_is_told() {
    let baya = Baya::new();
    let output = baya.args(["sandbox"]).run().exits(0).prints_line("network   none");
    let folder = std::fs::canonicalize(baya.work()).unwrap();
    let line = format!("write     {}", folder.display());
    assert!(output.stdout.contains(&line), "{}", output.stdout);
    let output = baya.args(["sandbox", "--profile", "read-only"]).run().exits(0);
    assert!(output.stdout.contains(&line.replace("write", "read ")), "{}", output.stdout);
}

#[test]
fn what_is_no_policy_starts_nothing() {
    let baya = Baya::new();
    let output = baya.args(["__sandbox", "{}", "touch", "made"]).run().exits(122);
    assert!(output.says("the command was not started").code.is_some() && !baya.work().join("made").exists());
}
