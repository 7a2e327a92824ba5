//! SPDX licence expressions: does one leave a choice in which all licences are permissive?
//!
//! `OR` binds weaker than `AND`, `AND` weaker than `WITH`; `/` is an old way to write `OR`.

/// Licences that ask for no more than their notice. MPL and the GPL family ask for more.
const PERMISSIVE: [&str; 15] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "BSL-1.0",
    "CC0-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
];

/// Exceptions that only add freedom.
const EXCEPTIONS: [&str; 1] = ["LLVM-exception"];

/// Whether one may take the licence without further duties; `Err` says what cannot be read.
pub fn is_permissive(expression: &str) -> Result<bool, String> {
    let words = words(expression);
    let mut reader = Reader { words: &words, at: 0 };
    let permissive = reader.any()?;
    match reader.next() {
        None => Ok(permissive),
        Some(word) => Err(format!("`{word}` is not expected in `{expression}`")),
    }
}

fn words(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Reader<'w> {
    words: &'w [String],
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<&str> {
        self.at += 1;
        self.words.get(self.at - 1).map(String::as_str)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut permissive = self.all()?;
        while self.take("OR") {
            permissive |= self.all()?;
        }
        Ok(permissive)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut permissive = self.one()?;
        while self.take("AND") {
            permissive &= self.one()?;
        }
        Ok(permissive)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let inner = self.any()?;
            return if self.take(")") { Ok(inner) } else { Err("a `)` is missing".to_owned()) };
        }
        let name = self.next().ok_or("the expression breaks off")?.trim_end_matches('+');
        if ["AND", "OR", "WITH", ")"].contains(&name) {
            return Err(format!("`{name}` stands where a licence should"));
        }
        let permissive = PERMISSIVE.contains(&name);
        if !self.take("WITH") {
            return Ok(permissive);
        }
        let exception = self.next().ok_or("the expression breaks off after `WITH`")?;
        Ok(permissive && EXCEPTIONS.contains(&exception))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_reads_them() {
        let table = [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("MPL-2.0", false),
            ("MPL-2.0 OR MIT", true),
            ("MIT AND MPL-2.0", false),
            ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true),
            ("MIT OR Apache-2.0 AND GPL-3.0-only", true),
            ("(MIT OR Apache-2.0) AND GPL-3.0-only", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH Strange-exception", false),
            ("GPL-2.0+", false),
            ("Apache-2.0+", true),
        ];
        for (expression, expected) in table {
            assert_eq!(is_permissive(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for expression in ["", "MIT OR", "MIT Apache-2.0", "(MIT", "AND MIT", "MIT WITH"] {
            assert!(is_permissive(expression).is_err(), "{expression}");
        }
    }
}
