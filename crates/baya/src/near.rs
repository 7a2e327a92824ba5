//! "did you mean": the nearest of the names there are.

/// The candidate that is fewest slips of the fingers away, if it is near at all.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = |name: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase());
    let most = (word.chars().count() / 3).max(1);
    let near = candidates.into_iter().map(|name| (slips(name), name)).filter(|(slips, _)| *slips <= most);
    near.min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// As a hint.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// Names in backticks, at most `max` of them.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>, max: usize) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let mut text = names.iter().take(max).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > max {
        text.push_str(&format!(" and {} more", names.len() - max));
    }
    text
}
