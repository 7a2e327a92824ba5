//! Settings: files, their order, and what is wrong in them.

use crate::harness::Baya;

const LIMITS: &str = "export const meta = { name: 'l', description: 'd' }\nreturn budget.total\n";

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("l.js", LIMITS);
    baya
}

fn write_user_settings(baya: &Baya, folder: &str, text: &str) {
    let folder = baya.home().join(folder).join("baya");
    std::fs::create_dir_all(&folder).expect("folders");
    std::fs::write(folder.join("config.toml"), text).expect("a file");
}

#[test]
fn the_project_narrows_a_budget_and_flags_go_over_both_files() {
    let baya = home();
    write_user_settings(&baya, ".config", "backend = \"simulated\"\nbudget = \"2k\"\n");
    baya.line("run l.js").run().exits(0).prints("2000\n");
    baya.write("baya.toml", "budget = 7\n");
    baya.line("run l.js").run().exits(0).prints("7\n");
    baya.write("baya.toml", "[budget]\ntotal = \"1M\"\n");
    baya.line("run l.js").run().exits(0).prints("2000\n");
    baya.line("run l.js --budget 3M").run().exits(0).prints("3000000\n");
}

#[test]
fn xdg_config_home_is_heeded() {
    let baya = home();
    write_user_settings(&baya, "elsewhere", "backend = \"simulated\"\nbudget = 1\n");
    let config = baya.home().join("elsewhere");
    baya.line("run l.js").env("XDG_CONFIG_HOME", &config.to_string_lossy()).run().exits(0).prints("1\n");
}

#[test]
fn the_nearest_file_up_to_the_repository_root_counts() {
    let baya = home();
    baya.write("repo/.git/HEAD", "").write("repo/deep/er/l.js", LIMITS);
    baya.write("baya.toml", "nonsense here").write("repo/baya.toml", "backend = \"simulated\"\nbudget = 5\n");
    baya.line("run l.js").in_folder("repo/deep/er").run().exits(0).prints("5\n");
    baya.write("repo/deep/baya.toml", "backend = \"simulated\"\nbudget = 6\n");
    baya.line("run l.js").in_folder("repo/deep/er").run().exits(0).prints("6\n");
}

/// The words that a broken file gets.
#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let baya = home();
    baya.write("baya.toml", text);
    let output = baya.line("run l.js --backend simulated").run().exits(2);
    for word in words {
        assert!(output.stderr.contains(word), "{text:?}: stderr lacks {word:?}:\n{}", output.stderr);
    }
    assert!(output.stderr.contains("baya.toml"), "{}", output.stderr);
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_place() {
    let wrong = ["line 1, column 1", "unknown field `concurency`", "did you mean `concurrency`?"];
    refused("concurency = 3\n", &wrong);
    refused("\n[script]\ncpus = 3\n", &["line 3, column 1", "did you mean `cpu`?"]);
    refused("budget = \"lots\"\n", &["line 1", "`lots` is not a number"]);
    refused("concurrency = 0\n", &["at least 1"]);
    refused("strict = \"yes\"\n", &["line 1, column 10"]);
    refused("backend = [\n", &["line 1"]);
    refused("[providers.x]\nkind = \"martian\"\n", &["line 2", "martian"]);
    refused("[commands.x]\ninput = \"text\"\n", &["argv"]);
    refused("[commands.x]\nargv = []\n", &["`argv` names no program"]);
    refused("[commands.simulated]\nargv = [\"cat\"]\n", &["baya.toml", "the name of another backend"]);
}

#[test]
fn limits_of_the_settings_reach_the_run() {
    let baya = home();
    baya.write("baya.toml", "backend = \"simulated\"\nmax_agents = 2\n[script]\ncpu = \"200ms\"\n");
    baya.write("loop.js", "export const meta = { name: 'x', description: 'd' }\nfor (;;) {}\n");
    baya.line("run loop.js").run().exits(1).says("more than 0.2 s");
    let calls = "await agent('a')\nawait agent('b')\nawait agent('c')\n";
    baya.write("many.js", &format!("export const meta = {{ name: 'x', description: 'd' }}\n{calls}"));
    let many = baya.line("run many.js").run().exits(1).says("agent");
    many.says("resume: baya resume wf_").says(" --max-agents N\n");
    baya.line("run many.js --max-agents 3").run().exits(0);
}

#[test]
fn a_command_of_the_settings_is_a_backend() {
    let baya = Baya::new();
    let commands = "[commands.upper]\nargv = [\"tr\", \"a-z\", \"A-Z\"]\noutput = \"text\"\n
        [commands.env]\nargv = [\"sh\", \"-c\", \"cat > /dev/null; echo $KEPT$LOST$SET\"]
        env = [\"KEPT\", \"SET=3\"]\n";
    baya.write("baya.toml", commands);
    let calls = "return [await agent('shout'), await agent('x', { backend: 'env' })]";
    baya.write("c.js", &format!("export const meta = {{ name: 'c', description: 'd' }}\n{calls}\n"));
    let untrusted = baya.line("run c.js --backend upper").run().exits(2);
    untrusted.says("`upper` runs `tr a-z A-Z`: the project's settings say so").says("baya trust");
    let call = baya.line("run c.js --backend upper --json --trust").env("KEPT", "1").env("LOST", "2");
    let output = call.run().exits(0);
    assert_eq!(output.run_ended()["result"], serde_json::json!(["SHOUT", "13"]));
    assert!(!output.stderr.contains("simulated"), "{}", output.stderr);
}

#[test]
fn a_project_may_not_send_a_key_of_the_user_to_an_address_of_its_own() {
    let section = |url: &str| {
        format!("[providers.theirs]\nkind = \"openai\"\nbase_url = \"{url}\"\nkey_env = \"OPENAI_API_KEY\"\n")
    };
    for url in
        ["https://evil.example/v1", "http://127.0.0.1@evil.example/v1", "http://localhost.evil.example"]
    {
        refused(&section(url), &["would send a key of yours", "config.toml"]);
    }
    for url in ["http://127.0.0.1:9/v1", "http://localhost:9/v1", "http://[::1]:9/v1"] {
        let baya = Baya::new();
        baya.write("baya.toml", &section(url))
            .write("x.js", "export const meta = {name: 'x', description: 'd'}\n");
        baya.line("run x.js --backend simulated").run().exits(0);
    }
}

#[test]
fn what_is_wrong_with_settings_for_requests_is_said() {
    refused("[requests]\nat_once = 3\n", &["line 2", "unknown field `at_once`", "there is at_once_first"]);
    refused("[requests]\nat_once_first = 0\n", &["at least 1"]);
    refused("[requests]\nstagger = 1\n", &["line 2"]);
    refused("[requests]\nreset_wait = \"soon\"\n", &["`soon` is not a duration"]);
    refused("[requests]\nwait_in_place = \"never\"\n", &["`never` is not a duration"]);
}
