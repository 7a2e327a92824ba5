//! Numbers and times in words, and texts cut to the width of a terminal.

use baya_core::agent::Usage;
use baya_core::calendar::date_of_day;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `40ms`, `1.2s`, `12s`, `3m 04s`, `2h 05m`
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms}ms"),
        1..10 => format!("{}.{}s", seconds, ms % 1_000 / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// `950`, `12.3k`, `4.5M`
pub fn count(number: u64) -> String {
    let tenths = |unit: u64, name: &str| format!("{}.{}{name}", number / unit, number % unit / (unit / 10));
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => tenths(1_000, "k"),
        _ => tenths(1_000_000, "M"),
    }
}

/// `1 agent`, `3 agents`
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `2 files +5 -1`
pub fn change(files: u64, added: u64, removed: u64) -> String {
    format!("{} +{added} -{removed}", plural(files, "file", "files"))
}

/// `12.3k tokens in, 4.5k out, $0.42`; no dollars without a price.
pub fn tokens(usage: &Usage) -> String {
    let cost = if usage.priced > 0 { format!(", {}", usage.cost) } else { String::new() };
    format!("{} tokens in, {} out{cost}", count(usage.sent()), count(usage.output))
}

/// `2026-11-21 09:15:02` in UTC.
pub fn moment(ms: i64) -> String {
    let seconds = ms.div_euclid(1_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of_day(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `17:05:02 UTC`
pub fn time_of_day(ms: i64) -> String {
    format!("{} UTC", moment(ms).get(11..).unwrap_or_default())
}

/// `until 17:05:02 UTC`, with the date if that is not today.
pub fn until(ms: i64, now_ms: i64) -> String {
    let (then, now) = (moment(ms), moment(now_ms));
    match then.get(..10) == now.get(..10) {
        true => format!("until {}", time_of_day(ms)),
        false => format!("until {then} UTC"),
    }
}

pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns` columns, with `…` where it was cut.
pub fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        out.push(c);
        used += wide;
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// At most so many characters, and how many there are in all.
pub fn shortened(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}… ({} characters)", &text[..at], text.chars().count())),
    }
}

/// Broken at spaces into lines of at most `columns` columns.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, columns)),
        }
    }
    lines
}

/// A branch without the folder of all branches.
pub fn branch(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}
