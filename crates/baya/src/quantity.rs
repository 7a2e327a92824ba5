//! Numbers as people write them: `500k`, `1.5M`, `256M`, `30s`.

use baya_core::calendar::day_of_date;
use baya_core::money::NanoUsd;

/// A count: digits, perhaps a decimal point, perhaps `k`, `M` or `G` (thousands).
pub fn count(text: &str) -> Result<u64, String> {
    scaled(text, &[("k", 1e3), ("m", 1e6), ("g", 1e9)])
        .ok_or_else(|| not_a("number", text, "500k, 1.5M or 20000"))
}

/// A count that is at least 1 and fits 32 bits.
pub fn positive(text: &str) -> Result<u32, String> {
    match u32::try_from(count(text)?) {
        Ok(0) => Err(format!("`{text}` is too small: at least 1")),
        Ok(number) => Ok(number),
        Err(_) => Err(format!("`{text}` is too large: at most {}", u32::MAX)),
    }
}

/// Dollars: `5`, `0.50` or `$5`; more than none.
pub fn dollars(text: &str) -> Result<NanoUsd, String> {
    let plain = text.trim().trim_start_matches('$');
    let is_plain = plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    let dollars = plain.parse().ok().filter(|_| is_plain).and_then(NanoUsd::from_dollars);
    dollars.filter(|cost| cost.0 > 0).ok_or_else(|| not_a("sum of dollars", text, "5 or 0.50"))
}

/// Bytes: `256M` is 256 × 1024 × 1024.
pub fn bytes(text: &str) -> Result<u64, String> {
    const KIB: f64 = 1024.0;
    let short = text.strip_suffix("iB").or_else(|| text.strip_suffix('B')).unwrap_or(text);
    let size = scaled(short, &[("k", KIB), ("m", KIB * KIB), ("g", KIB * KIB * KIB)]);
    size.filter(|bytes| *bytes > 0).ok_or_else(|| not_a("size", text, "256M or 1G"))
}

/// Bytes as people read them: `4.2 GB`, `17 MB`.
pub fn bytes_shown(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB")];
    let Some((size, unit)) = UNITS.into_iter().find(|(size, _)| bytes >= *size) else {
        return format!("{} kB", bytes / 1024);
    };
    let tenths = u128::from(bytes) * 10 / u128::from(size);
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

/// Milliseconds: `500ms`, `30s`, `2m`; a bare number is seconds.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let time = scaled(text, &[("ms", 1.0), ("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("", 1e3)]);
    time.filter(|ms| *ms > 0).ok_or_else(|| not_a("duration", text, "500ms, 30s or 2m"))
}

/// `12h`, `14d`, `2w`, in milliseconds.
pub fn age_ms(text: &str) -> Result<u64, String> {
    let units = [("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7), ("w", 6.048e8)];
    // A bare number could be anything.
    let has_unit = text.trim().ends_with(char::is_alphabetic);
    scaled(text, &units).filter(|_| has_unit).ok_or_else(|| not_a("time", text, "14d, 12h or 2w"))
}

/// A moment in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So many milliseconds ago.
    Ago(u64),
    /// The beginning of this day, counted from 1970-01-01.
    Day(i64),
}

/// `7d`, `12h`, or `2026-11-01`.
pub fn since(text: &str) -> Result<Since, String> {
    let text = text.trim();
    let parts: Vec<Option<i64>> = text.split('-').map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [Some(year), Some(month), Some(day)] => day_of_date(*year, *month, *day).map(Since::Day),
        _ => age_ms(text).ok().map(Since::Ago),
    }
    .ok_or_else(|| not_a("time", text, "7d, 12h or 2026-11-01"))
}

fn not_a(kind: &str, text: &str, examples: &str) -> String {
    format!("`{text}` is not a {kind}; write it as {examples}")
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.to_ascii_lowercase();
    let factor = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1.0,
        None => return None,
    };
    let number: f64 = number.replace('_', "").parse().ok()?;
    let value = (number * factor).round();
    (0.0..9e15).contains(&value).then_some(value as u64)
}
