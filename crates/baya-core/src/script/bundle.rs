//! One self-contained script: `meta` first, then what was imported, then the body (C09). Plain
//! JavaScript without imports, so that it runs wherever workflow scripts run.

use super::emit;
use super::link::{Linked, LinkedFile};
use super::parse::free_prefix;
use serde_json::{Value, json};

pub(super) fn bundle(linked: &Linked) -> String {
    let Some((entry, libraries)) = linked.files.split_last() else { return String::new() };
    let all: String = linked.files.iter().map(|file| file.parsed.text.as_str()).collect();
    let prefix = free_prefix(&all);
    let mut out = meta(entry);
    for (index, library) in libraries.iter().enumerate() {
        let arguments: Vec<String> =
            library.targets.iter().map(|target| format!("{prefix}m{target}")).collect();
        let unit = emit::unit(library).text;
        out.push_str(&format!("\n// {}\n", one_line(&library.parsed.file.name)));
        out.push_str(&format!("const {prefix}m{index} = {}({});\n", unit.trim_start(), arguments.join(", ")));
    }
    for (import, target) in entry.targets.iter().enumerate() {
        out.push_str(&format!("const {}{import} = {prefix}m{target};\n", entry.parsed.prefix));
    }
    let declarations = emit::declarations(&entry.parsed);
    if !declarations.is_empty() {
        out.push_str(&declarations);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(emit::body(&entry.parsed).trim());
    out.push('\n');
    out
}

/// `meta` as it was written, unless it says something that only Baya reads.
fn meta(entry: &LinkedFile) -> String {
    let parsed = &entry.parsed;
    let Some(meta) = &parsed.meta else { return String::new() };
    let mut value = meta.value.clone();
    let mut changed = parsed.typescript;
    if let Some(Value::Array(phases)) = value.get_mut("phases") {
        for phase in phases.iter_mut().filter(|phase| phase.is_string()) {
            *phase = json!({ "title": phase.take() });
            changed = true;
        }
    }
    if changed {
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        return format!("export const meta = {text};\n");
    }
    let text = parsed.text[parsed.meta_span.clone()].trim_end_matches(';');
    format!("{text};\n")
}

fn one_line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}
