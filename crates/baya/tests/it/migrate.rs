//! Migrations from the first agent to landed commits: the example, and one at middle size with agents that
//! are wrong, in each other's way, or hang; the same under SIGKILL.
//!
//! The moments come from a seed that is printed: `BAYA_KILL_SEED=7 cargo test -p baya migrate`.

use crate::fix_tests::{example, has_python};
use crate::harness::{Baya, send, wait, wait_for};
use crate::repository::{RUN, checkout, git, noted, only_run, repository, shown, worktrees, write_script};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn the_example_migrates_every_file_and_lands_it_under_its_check() {
    let baya = Baya::new();
    let mut make = std::process::Command::new("sh");
    make.arg(example("migrate.sh")).arg(baya.work().join("shop"));
    make.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", baya.home());
    assert!(make.status().expect("sh").success());
    let call = baya.line("run migrate.js --backend stand-in --trust --json").in_folder("shop");
    let output = call.run().exits(0).prints_line("to_cent is not a function");
    let result = output.run_ended()["result"].clone();
    assert_eq!(result["landed"], 6, "{result}");
    let pieces = result["pieces"].as_array().expect("a list");
    let tries: Vec<&Value> = pieces.iter().map(|piece| &piece["tries"]).collect();
    assert_eq!(tries, [1, 1, 1, 2, 1, 1]);
    assert!(pieces.iter().all(|piece| piece["state"] == "landed"), "{result}");
    let branch = result["branch"].as_str().expect("a branch");
    let in_shop = |words: &[&str]| git(&baya, &[&["-C", "shop"], words].concat());
    assert!(in_shop(&["show", &format!("{branch}:src/order.sh")]).contains("{ to_cents 4 50; }"));
    assert_eq!(in_shop(&["diff", "--shortstat", "main", branch]).matches("6 files changed").count(), 1);
    assert_eq!(in_shop(&["status", "--porcelain"]), "", "the checkout is as it was");
    assert_eq!(in_shop(&["branch", "--show-current"]), "main");
}

/// Agents and files of the migration at middle size.
const AGENTS: usize = 16;
const FILES: usize = 120;

/// What agents do; their names say whether they do it well. `$1` is the prompt.
const AGENT: &str = r#"
line=$(printf '%s\n' "$1" | head -n 1); set -- $line; word=$1; n=$2; shift 2
echo "$word $n" >> "$NOTES/asked"
case "$word $n" in
  'Review 3'|'Review 7') echo '{"holds": false, "reason": "new_nam is not defined"}'; exit;;
  Review*) echo '{"holds": true, "reason": "all moved"}'; exit;;
esac
to=new_name
case "$n" in
  3|7) to=new_nam;;
  5) echo 'def (' > "broken.py";;
  9|10) echo "OWNER = $n" > shared.py;;
  12) while :; do sleep 1; done;;
esac
sed -i "s/\bold_name\b/$to/g" "$@"
echo changed"#;

const SCRIPT: &str = r#"
const files = await baya.glob('src/*.py')
const verdict = { type: 'object', properties: { holds: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['holds', 'reason'] }
const pieces = await parallel(Array.from({ length: 16 }, (_, n) => async () => {
  const own = files.filter((_, i) => i % 16 === n)
  const change = await agent(`Change ${n} ${own.join(' ')}`, { label: `change ${n}`, isolation: 'worktree',
    work: true, onFailure: 'null', retries: 0, timeoutMs: n === 12 ? 2500 : 120000 })
  if (change === null) return { n, fate: 'failed' }
  const said = await agent(`Review ${n}\n${change.work.patch}`, { label: `review ${n}`, schema: verdict })
  return said.holds ? { n, change } : { n, fate: `rejected: ${said.reason}` }
}))
const held = pieces.filter((piece) => piece.change)
const landed = await baya.land(held.map((piece) => piece.change), { check: 'python3 -B check.py' })
const fates = new Map(landed.pieces.map((piece) => [piece.agent, piece.fate]))
return { branch: landed.branch,
  fates: pieces.map((piece) => piece.fate ?? fates.get(piece.change.work.agent)) }"#;

const CHECK: &str = "import glob\nfor name in glob.glob('**/*.py', recursive=True):\n    \
                     compile(open(name).read(), name, 'exec')\n";

fn name_of(file: usize) -> String {
    format!("src/m{file:03}.py")
}

fn source(file: usize, function: &str) -> String {
    format!("from shared import OWNER\n\ndef {function}(x):\n    return x + {file}\n\nprint({function}(1))\n")
}

/// The repository before anything was changed.
fn lay_out() -> Baya {
    let mut files: Vec<(String, String)> =
        (0..FILES).map(|file| (name_of(file), source(file, "old_name"))).collect();
    files.push(("shared.py".to_owned(), "OWNER = 0\n".to_owned()));
    files.push(("check.py".to_owned(), CHECK.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let baya = repository(&files, AGENT);
    write_script(&baya, SCRIPT);
    baya
}

/// What becomes of each agent's piece.
fn fate(agent: usize) -> &'static str {
    match agent {
        3 | 7 => "rejected: new_nam is not defined",
        5 => "check failed",
        10 => "conflict",
        12 => "failed",
        _ => "landed",
    }
}

/// Fates, the branch's whole tree, the checkout, and what is left behind.
#[track_caller]
fn check_migrated(baya: &Baya, result: &Value) {
    let fates: Vec<&str> = (0..AGENTS).map(fate).collect();
    assert_eq!(result["fates"], json!(fates));
    let branch = result["branch"].as_str().expect("a branch");
    assert_eq!(branch, format!("baya/{}", only_run(baya)));
    let mut expected = BTreeMap::from([("shared.py".to_owned(), "OWNER = 9\n".to_owned())]);
    expected.insert("check.py".to_owned(), CHECK.to_owned());
    for file in 0..FILES {
        let function = if fate(file % AGENTS) == "landed" { "new_name" } else { "old_name" };
        expected.insert(name_of(file), source(file, function));
    }
    let names = git(baya, &["ls-tree", "-r", "--name-only", branch]);
    let text = |name: &str| git(baya, &["show", &format!("{branch}:{name}")]) + "\n";
    let found: BTreeMap<String, String> = names.lines().map(|name| (name.to_owned(), text(name))).collect();
    assert_eq!(found, expected);
    assert_eq!(worktrees(baya), 0);
}

#[test]
fn a_migration_lands_what_holds_and_names_the_fate_of_the_rest() {
    let baya = lay_out();
    if !has_python(&baya) {
        return;
    }
    let before = checkout(&baya);
    let output = baya.args(RUN).run().exits(0);
    check_migrated(&baya, &output.run_ended()["result"]);
    assert_eq!(checkout(&baya), before);
    assert_eq!(noted(&baya, "asked").len(), AGENTS + AGENTS - 1);
}

/// Five moments, in order: so many prompts, or, beyond them, while it lands.
fn moments(seed: u64) -> Vec<usize> {
    let mut bits = seed;
    let mut next = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 33) as usize
    };
    let mut moments: Vec<usize> = (0..4).map(|_| 1 + next() % (AGENTS + AGENTS - 2)).collect();
    moments.push(LANDING + next() % 100);
    moments.sort_unstable();
    moments
}

/// From here on a moment is so many milliseconds after the landing has begun.
const LANDING: usize = 1_000;

#[test]
fn a_migration_that_is_killed_five_times_ends_the_same_and_buys_nobody_twice() {
    let baya = lay_out();
    if !has_python(&baya) {
        return;
    }
    let seed = std::env::var("BAYA_KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    eprintln!("BAYA_KILL_SEED={seed}");
    let before = checkout(&baya);
    let mut words: Vec<String> = RUN.map(str::to_owned).to_vec();
    let mut bought: BTreeMap<String, usize> = BTreeMap::new();
    let mut kills = 0;
    for moment in moments(seed) {
        let mut child = baya.args(words.clone()).spawn();
        let mut over = false;
        wait_for("the moment", || {
            over = child.try_wait().expect("a child").is_some();
            over || reached(&baya, moment)
        });
        if !over {
            std::thread::sleep(Duration::from_millis((moment % LANDING) as u64));
            send(&child, Signal::KILL);
            kills += 1;
        }
        wait(&mut child);
        let run = only_run(&baya);
        for name in answered(&shown(&baya, &run)) {
            let asked = asked(&baya, &name);
            assert_eq!(*bought.entry(name.clone()).or_insert(asked), asked, "`{name}` was bought twice");
        }
        words = ["resume", run.as_str(), "--json"].map(str::to_owned).to_vec();
    }
    assert!(kills >= 4, "killed only {kills} times");
    let output = baya.args(words).run().exits(0);
    check_migrated(&baya, &output.run_ended()["result"]);
    for (name, times) in bought {
        assert_eq!(asked(&baya, &name), times, "`{name}` was bought twice");
    }
    assert_eq!(checkout(&baya), before);
}

fn reached(baya: &Baya, moment: usize) -> bool {
    match moment {
        LANDING.. => !git(baya, &["for-each-ref", "refs/heads/baya/"]).is_empty(),
        _ => noted(baya, "asked").len() >= moment,
    }
}

/// Agents whose answers are in the journal, by their labels.
fn answered(view: &Value) -> Vec<String> {
    let agents = view["agents"].as_object().into_iter().flatten();
    let answered = agents.filter(|(_, agent)| agent["state"] == "answered");
    answered.map(|(_, agent)| agent["label"].as_str().expect("a label").to_owned()).collect()
}

fn asked(baya: &Baya, name: &str) -> usize {
    noted(baya, "asked").iter().filter(|line| line.to_lowercase() == name).count()
}
