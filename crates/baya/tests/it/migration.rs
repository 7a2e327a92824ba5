//! A migration to prove the landing with: a type of a Rust crate and of a TypeScript project gets another
//! name, in a part of the files by each agent. Some agents are wrong, some in each other's way, some hang.
//! The check is made of the real compilers.

use crate::harness::{Baya, skip};
use crate::proof::Size;
use crate::real_agents::installed;
use crate::repository::{git, only_run, repository, worktrees, write_script};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// What agents do; their numbers say whether they do it well. `$1` is the prompt.
const AGENT: &str = r#"
line=$(printf '%s\n' "$1" | head -n 1); set -- $line; word=$1; n=$2; shift 2
echo "$word $n" >> "$NOTES/asked"
kind=$((n % 16))
case "$word $kind" in
  'Review 3'|'Review 7') echo '{"holds": false, "reason": "Mony is not defined"}'; exit;;
  Review*) echo '{"holds": true, "reason": "all moved"}'; exit;;
esac
to=Money
case $kind in
  3|7) to=Mony;;
  5) for file in "$@"; do case "$file" in *.rs) sed -i 's/ -> u64/ -> bool/' "$file";; esac; done;;
  6) for file in "$@"; do case "$file" in *.ts) sed -i 's/: number/: string/' "$file";; esac; done;;
  9|10) echo "pub const OWNER: u64 = $n;" > src/owner.rs;;
  12) while :; do sleep 1; done;;
esac
sed -i "s/\bAmount\b/$to/g" "$@"
echo changed"#;

/// `AGENTS` and `CHECK` are filled in.
const SCRIPT: &str = r#"
const files = [...await baya.glob('src/m*.rs'), ...await baya.glob('web/m*.ts')]
const verdict = { type: 'object', properties: { holds: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['holds', 'reason'] }
const pieces = await parallel(Array.from({ length: AGENTS }, (_, n) => async () => {
  const own = files.filter((_, i) => i % AGENTS === n)
  const change = await agent(`Change ${n} ${own.join(' ')}`, { label: `change ${n}`, isolation: 'worktree',
    work: true, onFailure: 'null', retries: 0, timeoutMs: n % 16 === 12 ? 2500 : 120000 })
  if (change === null) return { n, fate: 'failed' }
  const said = await agent(`Review ${n}\n${change.work.patch}`, { label: `review ${n}`, schema: verdict })
  return said.holds ? { n, change } : { n, fate: `rejected: ${said.reason}` }
}))
const held = pieces.filter((piece) => piece.change)
const landed = await baya.land(held.map((piece) => piece.change), { check: CHECK })
const fates = new Map(landed.pieces.map((piece) => [piece.agent, piece.fate]))
return { branch: landed.branch,
  fates: pieces.map((piece) => piece.fate ?? fates.get(piece.change.work.agent)) }"#;

const TYPE_RS: &str =
    "pub struct Money {\n    pub cents: u64,\n}\n\n/// The old name.\npub type Amount = Money;\n";
const TYPE_TS: &str =
    "export interface Money {\n  cents: number\n}\n\n/** The old name. */\nexport type Amount = Money\n";
const PROJECT_TS: &str = r#"{ "compilerOptions": { "strict": true, "noEmit": true, "target": "es2022", "types": [],
  "lib": ["es2022"] }, "include": ["web"] }
"#;

/// The repository, its size, and all files as they were.
pub struct Migration {
    pub baya: Baya,
    pub size: Size,
    /// The first check of the real compilers, by hand.
    check: String,
}

impl Migration {
    /// The repository before anything was changed; `None` where a compiler is missing.
    pub fn lay_out() -> Option<Migration> {
        let (size, tools) = (Size::here(), Tools::find()?);
        let files = files(size, |_| "Amount", 0);
        let texts: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let baya = repository(&texts, AGENT);
        let check = tools.placed_in(&baya);
        let script = SCRIPT.replace("AGENTS", &size.agents.to_string());
        write_script(&baya, &script.replace("CHECK", &json!(check).to_string()));
        Some(Migration { baya, size, check })
    }

    /// Who is asked in all: everybody changes, and whoever ends is reviewed.
    pub fn prompts(&self) -> usize {
        let hangs = (0..self.size.agents).filter(|agent| agent % 16 == 12).count();
        self.size.agents * 2 - hangs
    }

    /// Fates, the branch's whole tree byte for byte, that it compiles, and that no worktree is left.
    #[track_caller]
    pub fn check_migrated(&self, result: &Value) {
        let fates: Vec<&str> = (0..self.size.agents).map(fate).collect();
        let told = || self.baya.args(["show", &only_run(&self.baya)]).run().stdout;
        assert_eq!(result["fates"], json!(fates), "{}", told());
        let branch = result["branch"].as_str().expect("a branch");
        assert_eq!(branch, format!("baya/{}", only_run(&self.baya)));
        let name = |agent: usize| if fate(agent) == "landed" { "Money" } else { "Amount" };
        let expected = repository(&as_str(&files(self.size, name, 9)), "");
        let found = git(&self.baya, &["rev-parse", &format!("{branch}^{{tree}}")]);
        if git(&expected, &["rev-parse", "main^{tree}"]) != found {
            let from = expected.work().display().to_string();
            git(&self.baya, &["fetch", "-q", &from, "main:expected"]);
            panic!("not as expected:\n{}", git(&self.baya, &["diff", "expected", branch]));
        }
        self.check_compiles(branch);
        assert_eq!(worktrees(&self.baya), 0);
    }

    /// In a checkout of our own, without Baya.
    #[track_caller]
    fn check_compiles(&self, branch: &str) {
        let folder = self.baya.home().join("compiled");
        let place = folder.display().to_string();
        git(&self.baya, &["worktree", "add", "-q", "--detach", &place, branch]);
        let output = Command::new("sh").args(["-c", &self.check]).current_dir(&folder).output().expect("sh");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        git(&self.baya, &["worktree", "remove", "--force", &place]);
    }

    /// After `baya gc`: no worktree, no folder of one, no lock of git, no branch that has landed already.
    #[track_caller]
    pub fn check_tidy(&self) {
        self.baya.line("gc --yes").run().exits(0);
        let state = self.baya.home().join(".local/state/baya");
        let left = |name: &str| std::fs::read_dir(state.join(name)).into_iter().flatten().flatten().count();
        assert_eq!(left("worktrees"), 0);
        assert_eq!(left("locks"), 1, "that of the repository, which nobody holds");
        assert!(!self.baya.work().join(".git/worktrees").exists() && worktrees(&self.baya) == 0);
        let locks =
            Command::new("find").args([".git", "-name", "*.lock"]).current_dir(self.baya.work()).output();
        assert_eq!(String::from_utf8_lossy(&locks.expect("find").stdout), "");
        let kept = git(&self.baya, &["for-each-ref", "--format=%(refname)", "refs/heads/baya-work/"]);
        let landed = (0..self.size.agents).filter(|agent| fate(*agent) == "landed").count();
        assert!(kept.lines().count() <= self.size.agents - landed, "{kept}");
    }
}

/// What becomes of each agent's piece.
fn fate(agent: usize) -> &'static str {
    match (agent, agent % 16) {
        (9, _) => "landed",
        (_, 3 | 7) => "rejected: Mony is not defined",
        (_, 5 | 6) => "check failed",
        (_, 9 | 10) => "conflict",
        (_, 12) => "failed",
        _ => "landed",
    }
}

fn as_str(files: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// Every file, with the name that the type has in the files of each agent.
fn files(size: Size, name: impl Fn(usize) -> &'static str, owner: usize) -> BTreeMap<String, String> {
    let half = size.files / 2;
    let mods: String = (0..half).map(|file| format!("pub mod m{file:03};\n")).collect();
    let fixed = [
        ("src/lib.rs", format!("//! Prices.\npub mod amount;\npub mod owner;\n{mods}")),
        ("src/amount.rs", TYPE_RS.to_owned()),
        ("src/owner.rs", format!("pub const OWNER: u64 = {owner};\n")),
        ("web/amount.ts", TYPE_TS.to_owned()),
        ("tsconfig.json", PROJECT_TS.to_owned()),
        (".gitignore", "target/\n".to_owned()),
    ];
    let rust = (0..half).map(|file| (format!("src/m{file:03}.rs"), rust(file, name(file % size.agents))));
    let script = (0..half)
        .map(|file| (format!("web/m{file:03}.ts"), type_script(file, name((half + file) % size.agents))));
    fixed.into_iter().map(|(name, text)| (name.to_owned(), text)).chain(rust).chain(script).collect()
}

fn rust(file: usize, name: &str) -> String {
    format!(
        "use crate::amount::{name};\nuse crate::owner::OWNER;\n\n/// The price with {file} more.\n\
         pub fn more(price: &{name}) -> u64 {{\n    price.cents + {file} + OWNER\n}}\n"
    )
}

fn type_script(file: usize, name: &str) -> String {
    format!(
        "import type {{ {name} }} from './amount'\n\n/** The price with {file} more. */\n\
         export function more(price: {name}): number {{\n  return price.cents + {file}\n}}\n"
    )
}

/// The compilers of this machine.
struct Tools {
    rust: PathBuf,
    type_script: PathBuf,
}

impl Tools {
    fn find() -> Option<Tools> {
        let said =
            Command::new("rustc").args(["--print", "sysroot"]).output().expect("the compiler of the tests");
        let rust = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        let Ok(type_script) = std::fs::canonicalize(installed().join("tsc")) else {
            skip("missing tsc: `cargo xtask agents` installs it");
            return None;
        };
        Some(Tools { rust, type_script: type_script.parent().expect("a folder").to_owned() })
    }

    /// Where tools of a home are found by commands in the sandbox; gives the check.
    fn placed_in(&self, baya: &Baya) -> String {
        let (rust, type_script) = (baya.home().join(".rustup"), baya.home().join(".npm"));
        std::os::unix::fs::symlink(&self.rust, &rust).expect("a link");
        std::os::unix::fs::symlink(&self.type_script, &type_script).expect("a link");
        let out = "--edition 2024 --crate-type lib --emit metadata -o target/prices.rmeta";
        format!(
            "mkdir -p target && {}/bin/rustc {out} src/lib.rs && {}/tsc -p .",
            rust.display(),
            type_script.display()
        )
    }
}
