//! The profile for macOS, as text.

use super::Place;
use baya_agents::sandbox::{Profile, seatbelt};

#[test]
fn what_is_hidden_comes_after_what_it_lies_in() {
    let place = Place::new();
    let mut sandbox = place.sandbox(Profile::Workspace);
    sandbox.hidden.push(place.folder().join("a \"quoted\" name"));
    sandbox.port = Some(4000);
    let text = seatbelt::profile(&sandbox);
    let folder = place.folder().display().to_string();
    let at = |line: String| text.find(&line).unwrap_or_else(|| panic!("{line} is missing:\n{text}"));
    let open = at(format!("(allow file-read* file-write* (subpath \"{folder}\"))"));
    let hidden = at(format!("(deny file-read* file-write* (subpath \"{folder}/a \\\"quoted\\\" name\"))"));
    assert!(text.starts_with("(version 1)\n(deny default)\n") && open < hidden, "{text}");
    assert!(text.ends_with("(allow network-outbound (remote tcp \"localhost:4000\"))\n"), "{text}");
    sandbox.port = None;
    sandbox.own_port = Some(4001);
    let served = "(allow network-bind network-inbound (local tcp \"localhost:4001\"))\n";
    assert!(seatbelt::profile(&sandbox).ends_with(served), "{}", seatbelt::profile(&sandbox));
    sandbox.own_port = None;
    assert!(!seatbelt::profile(&sandbox).contains("network"));
    let read_only = seatbelt::profile(&place.sandbox(Profile::ReadOnly));
    assert!(read_only.contains(&format!("(deny file-write* (subpath \"{folder}\"))")), "{read_only}");
}
