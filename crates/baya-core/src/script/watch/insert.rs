//! Puts texts into a text. Nothing that is put in holds a line feed, so lines stay.

/// One text to put in.
pub(super) struct Insertion {
    pub at: usize,
    pub text: String,
    /// Closes what opened before; of several at one place those that close come first.
    pub closes: bool,
    /// Of what it belongs to: outer ones open first and close last.
    pub length: usize,
}

/// Where something was put in, in the text that came out.
pub(super) struct Inserted {
    pub at: usize,
    pub length: usize,
}

pub(super) fn insert(text: &str, mut insertions: Vec<Insertion>) -> (String, Vec<Inserted>) {
    insertions.sort_by_key(|it| {
        let outer_first = usize::MAX - it.length;
        (it.at, !it.closes, if it.closes { it.length } else { outer_first })
    });
    let mut out = String::with_capacity(text.len() * 2);
    let (mut inserted, mut from) = (Vec::with_capacity(insertions.len()), 0);
    for it in insertions {
        out.push_str(&text[from..it.at]);
        from = it.at;
        inserted.push(Inserted { at: out.len(), length: it.text.len() });
        out.push_str(&it.text);
    }
    out.push_str(&text[from..]);
    (out, inserted)
}
