//! The front end: texts in, records or findings out.

use baya_core::script::{Checked, Diagnostic, Options, SourceFile, bundle, check, render};

mod body;
mod bounds;
mod fuzz;
mod globals;
mod imports;
mod lints;
mod meta;
mod positions;
mod public;
mod text;
mod typescript;

/// `meta` on one line, for scripts whose `meta` does not matter.
pub const META: &str = "export const meta = { name: 'n', description: 'd' }\n";

/// A loader over files given by name; specifiers are joined to the importer's folder.
pub fn loader(files: Vec<(String, String)>) -> impl FnMut(&str, &str) -> Result<SourceFile, String> {
    move |importer: &str, specifier: &str| {
        let name = join(importer, specifier)?;
        let file = files.iter().find(|(known, _)| *known == name);
        let (name, text) = file.ok_or_else(|| format!("there is no file `{name}`"))?;
        Ok(SourceFile { name: name.clone(), text: text.clone() })
    }
}

fn join(importer: &str, specifier: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop().ok_or("it is outside the project")?;
            }
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}

/// Checks the first file, the others can be imported.
pub fn check_files(files: &[(&str, &str)], options: Options) -> Result<Checked, Vec<Diagnostic>> {
    let owned: Vec<(String, String)> = files.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
    let entry = SourceFile { name: owned[0].0.clone(), text: owned[0].1.clone() };
    check(entry, &options, &mut loader(owned))
}

pub fn bundle_files(files: &[(&str, &str)]) -> Result<String, Vec<Diagnostic>> {
    let owned: Vec<(String, String)> = files.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
    let entry = SourceFile { name: owned[0].0.clone(), text: owned[0].1.clone() };
    bundle(entry, &Options::default(), &mut loader(owned))
}

pub fn check_text(text: &str) -> Result<Checked, Vec<Diagnostic>> {
    check_files(&[("flow.js", text)], Options::default())
}

/// The findings of a script, rendered, whether it runs or not.
pub fn rendered(text: &str) -> String {
    match check_text(text) {
        Ok(checked) => render(&checked.warnings, false),
        Err(found) => render(&found, false),
    }
}

/// `line:column+length code` of each finding.
pub fn places(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|it| format!("{}:{}+{} {}", it.line, it.column, it.length, it.code)).collect()
}

/// A script is refused with exactly these findings.
pub fn refused(text: &str, expected: &[&str]) {
    match check_text(text) {
        Ok(_) => panic!("this was not refused:\n{text}"),
        Err(found) => assert_eq!(places(&found), expected, "for:\n{text}\n{}", render(&found, false)),
    }
}

/// A script runs and nothing is said about it.
pub fn healthy(text: &str) -> Checked {
    match check_text(text) {
        Ok(checked) => {
            assert!(checked.warnings.is_empty(), "for:\n{text}\n{}", render(&checked.warnings, false));
            checked
        }
        Err(found) => panic!("refused:\n{text}\n{}", render(&found, false)),
    }
}

/// The rendered findings, without the spaces at line ends.
pub fn shows(text: &str, expected: &str) {
    let trim = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let shown = trim(&rendered(text));
    assert_eq!(shown.trim(), trim(expected).trim(), "\n--- shown:\n{shown}\n---");
}
