//! A page as text to read: headings, paragraphs, lists, code and links stay; scripts, styles and markup go.
//!
//! Reads any bytes as a page; what is no well-formed markup is text.

/// Elements that are left out with all they hold.
const SKIPPED: [&str; 8] = ["script", "style", "svg", "noscript", "template", "iframe", "head", "nav"];
/// Elements that begin and end on a line of their own.
const BLOCKS: [&str; 24] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "aside",
    "ul",
    "ol",
    "table",
    "tr",
    "form",
    "blockquote",
    "figure",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
];

/// The text of a page.
pub(super) fn text(page: &str) -> String {
    let mut reader = Reader::default();
    let mut rest = page;
    if let Some(title) = title(page) {
        reader.text(title);
        reader.line_ends(2);
    }
    while let Some(at) = rest.find('<') {
        reader.text(&rest[..at]);
        rest = &rest[at..];
        rest = match Tag::read(rest) {
            Some((tag, after)) => reader.tag(&tag, after),
            None => {
                reader.text("<");
                &rest[1..]
            }
        };
    }
    reader.text(rest);
    reader.out.trim().to_owned()
}

fn title(page: &str) -> Option<&str> {
    let start = find_ignoring_case(page, "<title")?;
    let rest = &page[start..];
    let begin = rest.find('>')? + 1;
    let end = find_ignoring_case(rest, "</title")?;
    rest.get(begin..end)
}

fn find_ignoring_case(text: &str, what: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

/// One tag: its name in lower case, whether it closes, and where it links to.
struct Tag {
    name: String,
    closes: bool,
    link: Option<String>,
}

impl Tag {
    /// The tag at the start of the text and what comes after it; a comment is a tag without a name.
    fn read(text: &str) -> Option<(Tag, &str)> {
        if let Some(comment) = text.strip_prefix("<!--") {
            let after = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            return Some((Tag { name: String::new(), closes: false, link: None }, after));
        }
        let inside = &text[1..];
        let (closes, inside) = inside.strip_prefix('/').map_or((false, inside), |rest| (true, rest));
        if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
            return None;
        }
        let end = end_of_tag(inside)?;
        let (body, after) = (&inside[..end], &inside[end + 1..]);
        let name_end = body.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(body.len());
        let name = body[..name_end].to_ascii_lowercase();
        let link = (name == "a" && !closes).then(|| attribute(&body[name_end..], "href")).flatten();
        Some((Tag { name, closes, link }, after))
    }
}

/// Where the tag's `>` stands; one in quotes is not it.
fn end_of_tag(inside: &str) -> Option<usize> {
    let mut quote = None;
    inside.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let at = find_ignoring_case(attributes, &format!("{name}="))?;
    let rest = attributes.get(at + name.len() + 1..)?;
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next(),
        _ => rest.split(|c: char| c.is_whitespace()).next(),
    };
    value.map(decoded)
}

#[derive(Default)]
struct Reader {
    out: String,
    /// Open `pre` elements: white space counts.
    pre: u32,
    links: Vec<String>,
}

impl Reader {
    /// Takes a tag and gives back what is left to read.
    fn tag<'t>(&mut self, tag: &Tag, after: &'t str) -> &'t str {
        let name = tag.name.as_str();
        if SKIPPED.contains(&name) && !tag.closes {
            return behind(after, name);
        }
        match name {
            "br" => self.out.push('\n'),
            "hr" => self.line_ends(2),
            "td" | "th" if tag.closes => self.out.push_str(" | "),
            "li" if !tag.closes => {
                self.line_ends(1);
                self.out.push_str("- ");
            }
            "pre" => {
                self.line_ends(1);
                self.out.push_str("```\n");
                self.pre = if tag.closes { self.pre.saturating_sub(1) } else { self.pre + 1 };
            }
            "code" if self.pre == 0 => self.out.push('`'),
            "a" => self.link(tag),
            name if BLOCKS.contains(&name) => self.block(name, tag.closes),
            _ => {}
        }
        after
    }

    fn block(&mut self, name: &str, closes: bool) {
        let level = name.strip_prefix('h').and_then(|level| level.parse::<usize>().ok());
        self.line_ends(if name == "tr" || name.starts_with("d") && name.len() == 2 { 1 } else { 2 });
        if let (Some(level), false) = (level, closes) {
            self.out.push_str(&"#".repeat(level));
            self.out.push(' ');
        }
    }

    fn link(&mut self, tag: &Tag) {
        if !tag.closes {
            self.links.push(tag.link.clone().unwrap_or_default());
            return;
        }
        let link = self.links.pop().unwrap_or_default();
        // What leads nowhere else is only its text.
        if !link.is_empty() && !link.starts_with(['#', 'j']) {
            self.out.push_str(&format!(" ({link})"));
        }
    }

    fn text(&mut self, text: &str) {
        let text = decoded(text);
        if self.pre > 0 {
            return self.out.push_str(&text);
        }
        for (at, word) in text.split(|c: char| c.is_whitespace()).enumerate() {
            if at > 0 && !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
                self.out.push(' ');
            }
            self.out.push_str(word);
        }
    }

    /// At least so many line ends stand at the end.
    fn line_ends(&mut self, count: usize) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        let there = self.out.len() - self.out.trim_end_matches('\n').len();
        if !self.out.is_empty() {
            self.out.push_str(&"\n".repeat(count.saturating_sub(there)));
        }
    }
}

/// What comes after the end of an element.
fn behind<'t>(text: &'t str, name: &str) -> &'t str {
    let Some(end) = find_ignoring_case(text, &format!("</{name}")) else { return "" };
    text[end..].find('>').map_or("", |close| &text[end + close + 1..])
}

/// With character references replaced.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, character(&rest[1..end])?))) {
            Some((end, character)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "copy" => '©',
        "hellip" => '…',
        "mdash" => '—',
        "ndash" => '–',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "rarr" => '→',
        "larr" => '←',
        "times" => '×',
        "middot" => '·',
        _ => return None,
    })
}
