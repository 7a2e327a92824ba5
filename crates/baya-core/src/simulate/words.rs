//! Plausible words: sentences that say they are simulated, names, dates, addresses.

use super::noise::Noise;

const WORDS: [&str; 24] = [
    "careful", "plain", "second", "early", "narrow", "steady", "open", "local", "final", "common", "quiet",
    "branch", "nest", "thread", "weaver", "signal", "ledger", "harbor", "meadow", "copper", "lantern",
    "river", "garden", "stone",
];
const ENDINGS: [&str; 4] = [
    "No model was asked.",
    "Nothing was read or changed.",
    "It stands in for a model's answer.",
    "The text is made up.",
];
/// Words of the prompt that an answer repeats.
const PROMPT_WORDS: usize = 8;

/// One or two sentences in place of a model's text.
pub(super) fn reply(prompt: &str, noise: &mut Noise) -> String {
    let about = opening(prompt);
    let subject = if about.is_empty() { "an empty prompt".to_owned() } else { format!("\"{about}\"") };
    let ending = noise.pick(&ENDINGS).copied().unwrap_or_default();
    match noise.below(3) {
        0 => format!("Simulated answer to {subject}."),
        _ => format!("Simulated answer to {subject}. {ending}"),
    }
}

/// The prompt's first words on one line.
fn opening(prompt: &str) -> String {
    let mut words = prompt.split_whitespace();
    let mut text: String = words.by_ref().take(PROMPT_WORDS).collect::<Vec<_>>().join(" ");
    let whole = words.next().is_none();
    if let Some((end, _)) = text.char_indices().nth(80) {
        text.truncate(end);
        text.push('…');
    } else if !whole {
        text.push('…');
    }
    text
}

/// A string for the property `name`.
pub(super) fn for_property(name: &str, prompt: &str, noise: &mut Noise) -> String {
    let lower = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["email"]) {
        return formatted("email", noise);
    }
    if has(&["url", "uri", "link", "href"]) {
        return formatted("uri", noise);
    }
    if has(&["path", "file"]) {
        return format!("src/{}.rs", two_words(noise, "_"));
    }
    if lower == "id" || lower.ends_with("_id") || name.ends_with("Id") {
        return format!("{}-{}", two_words(noise, "-"), noise.below(1_000));
    }
    if has(&["title", "name", "label", "key", "tag"]) {
        return format!("simulated {}", two_words(noise, " "));
    }
    if let Some(text) = term(name, noise) {
        return text;
    }
    let about = opening(prompt);
    let about = if about.is_empty() { String::new() } else { format!(" about \"{about}\"") };
    if name.is_empty() {
        return format!("simulated {}", two_words(noise, " "));
    }
    format!("Simulated {name}{about}: {}.", two_words(noise, " "))
}

/// Properties whose values are one word or a mark, by the last word of their name: scripts put them into
/// labels, keys and branch names.
fn term(name: &str, noise: &mut Noise) -> Option<String> {
    let text = match last_word(name).as_str() {
        "branch" | "ref" => format!("fix/{}", two_words(noise, "-")),
        "sha" | "hash" | "commit" | "digest" => format!("{:010x}", noise.draw() & 0xff_ffff_ffff),
        "date" | "day" => formatted("date", noise),
        "timestamp" => formatted("date-time", noise),
        "version" => format!("{}.{}.{}", noise.below(9), noise.below(20), noise.below(20)),
        "line" => noise.within(1, 400).to_string(),
        "location" | "where" => format!("src/{}.rs:{}", two_words(noise, "_"), noise.within(1, 400)),
        "group" | "module" | "area" | "lane" | "variant" | "item" | "category" | "kind" | "plugin"
        | "dimension" | "section" | "topic" | "slug" | "team" | "owner" | "component" | "package"
        | "symbol" | "type" => two_words(noise, "-"),
        _ => return None,
    };
    Some(text)
}

/// `headSha`, `head_sha` and `sha` all end in the word `sha`.
pub(super) fn last_word(name: &str) -> String {
    let start = name
        .char_indices()
        .rev()
        .find(|(_, letter)| letter.is_uppercase() || !letter.is_alphanumeric())
        .map_or(0, |(at, letter)| if letter.is_uppercase() { at } else { at + letter.len_utf8() });
    name[start..].to_lowercase()
}

pub(super) fn two_words(noise: &mut Noise, between: &str) -> String {
    let first = noise.pick(&WORDS).copied().unwrap_or_default();
    let second = noise.pick(&WORDS).copied().unwrap_or_default();
    format!("{first}{between}{second}")
}

/// A string in one of JSON Schema's formats; words for a format nobody knows.
pub(super) fn formatted(format: &str, noise: &mut Noise) -> String {
    let date = |noise: &mut Noise| {
        format!("20{:02}-{:02}-{:02}", noise.within(20, 29), noise.within(1, 12), noise.within(1, 28))
    };
    let time =
        |noise: &mut Noise| format!("{:02}:{:02}:{:02}Z", noise.below(24), noise.below(60), noise.below(60));
    match format {
        "date-time" => format!("{}T{}", date(noise), time(noise)),
        "date" => date(noise),
        "time" => time(noise),
        "duration" => format!("PT{}M", noise.within(1, 59)),
        "email" | "idn-email" => format!("{}@example.com", two_words(noise, ".")),
        "hostname" | "idn-hostname" => format!("{}.example.com", two_words(noise, "-")),
        "uri" | "url" | "iri" => format!("https://example.com/{}", two_words(noise, "/")),
        "uri-reference" | "iri-reference" => format!("/{}", two_words(noise, "/")),
        "uri-template" => format!("/{}/{{id}}", two_words(noise, "-")),
        "uuid" => uuid(noise),
        "ipv4" => format!("192.0.2.{}", noise.within(1, 254)),
        "ipv6" => format!("2001:db8::{:x}", noise.within(1, 0xffff)),
        "json-pointer" => format!("/{}", two_words(noise, "/")),
        "relative-json-pointer" => format!("1/{}", two_words(noise, "/")),
        "regex" => format!("^{}$", two_words(noise, "-")),
        _ => two_words(noise, " "),
    }
}

fn uuid(noise: &mut Noise) -> String {
    let (a, b) = (noise.draw(), noise.draw());
    let variant = 0x8000 | ((b >> 48) & 0x3fff);
    let (head, middle, low) = (a >> 32, (a >> 16) & 0xffff, a & 0xfff);
    format!("{head:08x}-{middle:04x}-4{low:03x}-{variant:04x}-{:012x}", b & 0xffff_ffff_ffff)
}

/// The text cut or filled to have so many characters.
pub(super) fn fitted(mut text: String, least: usize, most: usize, noise: &mut Noise) -> String {
    while text.chars().count() < least {
        text.push(' ');
        text.push_str(noise.pick(&WORDS).copied().unwrap_or("x"));
    }
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}
