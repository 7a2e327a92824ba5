//! The rules that need no compiler. Each rule gives its offenders; a rule with none is silent.
//!
//! Rules read the workspace as text and as cargo's metadata, and change nothing.

mod contract;
mod crates;
mod licence;
mod modules;
mod packages;
mod rust;
mod size;
mod tree;
mod words;

use crate::shell;
use tree::Tree;

/// Who broke a rule, and how.
pub type Offenders = Vec<String>;

/// Checks every rule and prints the offenders of each.
pub fn run() -> Result<(), String> {
    let tree = Tree::read(&shell::root())?;
    let metadata = crates::Metadata::read()?;
    let rules: [(&str, Offenders); 13] = [
        ("crates depend on each other as ARCHITECTURE.md draws it", crates::edges(&metadata)),
        ("some crates are used in one room only", crates::owned(&metadata, &tree)),
        ("every dependency is used", crates::unused(&metadata, &tree)),
        ("licences of dependencies are permissive", crates::licences(&metadata)),
        ("packages that tests install are pinned and permissive", packages::check(&tree)),
        ("files stay short", size::files(&tree)),
        ("functions stay short", size::functions(&tree)),
        ("lines stay short", size::columns(&tree)),
        ("every source file belongs to a module", modules::dead(&tree)),
        ("every module opens with `//!`", modules::headless(&tree)),
        ("no registry is named", words::registries(&tree)),
        ("no path of one machine is named", words::machines(&tree)),
        ("every contract rule has a test, every such test a rule", contract::check(&tree)),
    ];
    let broken = rules.iter().filter(|(_, offenders)| !offenders.is_empty());
    let broken: Vec<String> = broken.map(|(rule, offenders)| report(rule, offenders)).collect();
    if broken.is_empty() {
        println!("tidy: {} rules hold", rules.len());
        return Ok(());
    }
    println!("{}", broken.join("\n"));
    Err(format!("{} of {} rules of tidy are broken", broken.len(), rules.len()))
}

fn report(rule: &str, offenders: &[String]) -> String {
    let list: Vec<String> = offenders.iter().map(|offender| format!("    {offender}")).collect();
    format!("tidy: {rule}: {} offenders\n{}", offenders.len(), list.join("\n"))
}
