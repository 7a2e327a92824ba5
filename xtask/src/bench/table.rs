//! The table at the end.

/// A measured figure and what it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    what: String,
    measured: Result<f64, String>,
    target: f64,
    unit: &'static str,
}

impl Row {
    pub fn new(what: impl Into<String>, measured: f64, target: f64, unit: &'static str) -> Row {
        Row { what: what.into(), measured: Ok(measured), target, unit }
    }

    /// A measurement that could not be made; it reaches no target.
    pub fn failed(what: &str, why: &str) -> Row {
        let why = why.lines().next().unwrap_or_default().to_owned();
        Row { what: what.to_owned(), measured: Err(why), target: 0.0, unit: "" }
    }

    pub fn is_met(&self) -> bool {
        self.measured.as_ref().is_ok_and(|measured| *measured <= self.target)
    }

    fn cells(&self) -> [String; 4] {
        let measured = match &self.measured {
            Ok(measured) => format!("{} {}", number(*measured), self.unit),
            Err(why) => format!("not measured: {why}"),
        };
        let target = match &self.measured {
            Ok(_) => format!("≤ {} {}", number(self.target), self.unit),
            Err(_) => String::new(),
        };
        let verdict = if self.is_met() { "yes" } else { "no" };
        [self.what.clone(), measured.trim().to_owned(), target.trim().to_owned(), verdict.to_owned()]
    }
}

fn number(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 => format!("{value}"),
        value if value < 100.0 => format!("{value:.2}"),
        value => format!("{value:.0}"),
    }
}

/// A Markdown table, its columns aligned for the terminal too.
pub fn render(rows: &[Row]) -> String {
    let head = ["", "measured", "target", "reached"].map(str::to_owned);
    let cells: Vec<[String; 4]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |row: &[String; 4]| {
        let padded: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |", padded.join(" | "))
    };
    let rule = format!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
    let mut lines: Vec<String> = cells.iter().map(line).collect();
    lines.insert(1, rule);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_was_reached() {
        let rows = [
            Row::new("start", 12.345, 40.0, "ms"),
            Row::new("bought again", 1.0, 0.0, ""),
            Row::failed("x", "gone\nall"),
        ];
        let expected = "\
|              | measured           | target  | reached |
|--------------|--------------------|---------|---------|
| start        | 12.35 ms           | ≤ 40 ms | yes     |
| bought again | 1                  | ≤ 0     | no      |
| x            | not measured: gone |         | no      |";
        assert_eq!(render(&rows), expected);
    }
}
