//! The contract and its tests name each other: every rule `Cnn` of `docs/contract.md` has a test
//! whose name begins with `cnn_`, and every such test has its rule. A rule marked *(later)* may wait;
//! one marked *(partly later)* may not.

use super::Offenders;
use super::rust::{functions, mask};
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

const CONTRACT: &str = "docs/contract.md";

pub fn check(tree: &Tree) -> Offenders {
    let Some(contract) = tree.get(CONTRACT) else {
        return vec![format!("{CONTRACT}: is missing")];
    };
    let rules = rules(&contract.text);
    let tests = tests(tree);
    let tested: BTreeSet<u32> = tests.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let untested = rules.iter().filter(|(id, later)| !**later && !tested.contains(id));
    let untested = untested.map(|(id, _)| format!("C{id:02}: no test is named `c{id:02}_…`"));
    let unruled = tests.iter().filter_map(|(name, ids)| {
        let id = ids.iter().find(|id| !rules.contains_key(id))?;
        Some(format!("{name}: {CONTRACT} has no rule C{id:02}"))
    });
    untested.chain(unruled).collect()
}

/// The rules, each with whether all of it comes later.
fn rules(text: &str) -> BTreeMap<u32, bool> {
    let heads = text.lines().filter_map(|line| line.trim().strip_prefix("- **C")?.split_once("**"));
    heads
        .filter_map(|(id, rest)| Some((id.parse().ok()?, rest.trim_start().starts_with("*(later)*"))))
        .collect()
}

/// Tests that name rules, with their places.
fn tests(tree: &Tree) -> Vec<(String, Vec<u32>)> {
    let ours = tree.rust_sources().filter(|file| file.path.starts_with("crates/"));
    let mut found = Vec::new();
    for file in ours {
        for function in functions(&mask(&file.text)).into_iter().filter(|function| function.is_test) {
            let ids = ids(&function.name);
            if !ids.is_empty() {
                found.push((format!("{}:{}: `{}`", file.path, function.line, function.name), ids));
            }
        }
    }
    found
}

/// The rules a test's name begins with: `c42_c43_name` has two.
fn ids(name: &str) -> Vec<u32> {
    let id = |part: &str| -> Option<u32> {
        let digits = part.strip_prefix('c')?;
        (digits.len() == 2).then(|| digits.parse().ok())?
    };
    name.split('_').map_while(id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    fn offenders(contract: &str, test: &str) -> Offenders {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        check(&Tree { files: vec![file("crates/a/tests/it/b.rs", test), file(CONTRACT, contract)] })
    }

    #[test]
    fn rules_and_tests_name_each_other() {
        let contract =
            "- **C01** One.\n- **C02** Two, like C07.\n- **C29** *(partly later)* x\n- **C70** *(later)* x\n";
        let test = "#[test]\nfn c01_c29_one() {}\n#[test]\nfn c99_none() {}\nfn c02_no_test() {}\n";
        let expected = [
            "C02: no test is named `c02_…`",
            "crates/a/tests/it/b.rs:4: `c99_none`: docs/contract.md has no rule C99",
        ];
        assert_eq!(offenders(contract, test), expected);
        assert!(offenders("- **C01** One.\n", "#[test]\nfn c01_one() {}\n").is_empty());
    }

    #[test]
    fn a_name_may_begin_with_several_rules() {
        assert_eq!(ids("c42_null_drops"), [42]);
        assert_eq!(ids("c42_c43_null"), [42, 43]);
        assert!(ids("cut_42").is_empty() && ids("c4_x").is_empty() && ids("c421_x").is_empty());
    }
}
