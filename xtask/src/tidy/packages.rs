//! The npm packages that tests install: pinned to their bytes, and under permissive licences.

use super::Offenders;
use super::licence::is_permissive;
use super::tree::Tree;
use serde_json::Value;

const LOCK: &str = "crates/baya/tests/agents/package-lock.json";

/// Packages whose own file names no licence, and the one that their project has.
const LICENCES: [(&str, &str); 1] = [("opencode-linux-x64-baseline", "MIT")];

/// Packages of the lock file that break a rule.
pub fn check(tree: &Tree) -> Offenders {
    let Some(file) = tree.get(LOCK) else { return vec![format!("`{LOCK}` is missing")] };
    match serde_json::from_str::<Value>(&file.text) {
        Ok(lock) => offenders(&lock),
        Err(error) => vec![format!("`{LOCK}` cannot be read: {error}")],
    }
}

fn offenders(lock: &Value) -> Offenders {
    let packages = lock["packages"].as_object().into_iter().flatten();
    // The first entry is our own.
    packages.filter(|(path, _)| !path.is_empty()).filter_map(|(path, package)| fault(path, package)).collect()
}

fn fault(path: &str, package: &Value) -> Option<String> {
    let name = path.rsplit("node_modules/").next().unwrap_or(path);
    if package["integrity"].as_str().is_none() {
        return Some(format!("`{name}` is not pinned to its bytes"));
    }
    let known = LICENCES.iter().find(|(package, _)| *package == name).map(|(_, licence)| *licence);
    let licence = package["license"].as_str().or(known).unwrap_or_default();
    match is_permissive(licence) {
        Ok(true) => None,
        Ok(false) => Some(format!("`{name}` is under `{licence}`")),
        Err(why) => Some(format!("`{name}`: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_package_is_pinned_and_permissive() {
        let lock = json!({"packages": {
            "": {"license": "none of anybody's concern"},
            "node_modules/good": {"integrity": "sha512-x", "license": "MIT"},
            "node_modules/opencode-linux-x64-baseline": {"integrity": "sha512-x"},
            "node_modules/loose": {"license": "MIT"},
            "node_modules/a/node_modules/copyleft": {"integrity": "sha512-x", "license": "GPL-3.0-only"},
            "node_modules/silent": {"integrity": "sha512-x"},
        }});
        let found = offenders(&lock).join("\n");
        assert_eq!(
            found,
            "`loose` is not pinned to its bytes\n`copyleft` is under `GPL-3.0-only`\n\
             `silent`: the expression breaks off"
        );
    }
}
