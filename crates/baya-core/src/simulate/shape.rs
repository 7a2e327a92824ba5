//! A value in the shape of a schema: small, plausible, bounded in depth and size.

use super::flatten::{Branch, flatten};
use super::noise::Noise;
use super::number::{Whole, number};
use super::{pattern, words};
use serde_json::{Map, Value};

/// Below this depth nothing optional is written, and the smallest branch is taken.
const DEPTH_FULL: u32 = 5;
/// Below this depth a schema that demands more cannot be met.
const DEPTH_MAX: u32 = 48;
/// Values written before nothing optional is written any more.
const VALUES_FULL: u32 = 400;
/// Elements of a list that no bound forbids.
const LIST_USUAL: usize = 4;
/// Of so many values that may be null too, one is.
pub(super) const NULL_EVERY: usize = 4;
/// From this round on a model that is asked again and again finds nothing more.
const ROUND_DRY: u64 = 3;
/// The same for a question that does not say its round. Independent samples of one question are fewer.
const ASKED_DRY: u32 = 5;
/// Lists down to this depth are empty then.
const DEPTH_DRY: u32 = 1;
/// Elements, keys and characters written however many are demanded.
const COUNT_MAX: usize = 10_000;

/// `variant` 0 is the usual shape; others vary what the schema leaves open.
pub(super) fn shape(
    schema: &Value,
    prompt: &str,
    noise: &mut Noise,
    variant: u64,
    asked_before: u32,
) -> Value {
    let is_dry = asked_before >= ASKED_DRY || round(prompt).is_some_and(|round| round >= ROUND_DRY);
    let mut shaping = Shaping { root: schema, prompt, noise, variant, written: 0, position: 0, is_dry };
    shaping.value(schema, "", 0)
}

struct Shaping<'a> {
    root: &'a Value,
    prompt: &'a str,
    noise: &'a mut Noise,
    variant: u64,
    written: u32,
    /// Of the nearest list's element that is being written, from 1; 0 outside of lists.
    position: i64,
    is_dry: bool,
}

impl Shaping<'_> {
    fn value(&mut self, schema: &Value, name: &str, depth: u32) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        self.written += 1;
        let branch = if self.is_full(depth) { Branch::Any } else { Branch::Smallest };
        let Some(flat) = flatten(self.root, schema, branch, self.noise) else { return Value::Null };
        if let Some(value) = flat.get("const") {
            return value.clone();
        }
        if let Some(values) = flat.get("enum").and_then(Value::as_array) {
            return self.one_of(values, &flat);
        }
        match self.kind(&flat, depth) {
            "object" => self.object(&flat, depth),
            "array" => self.array(&flat, name, depth),
            "integer" => self.number(&flat, name, Whole::Integer),
            "number" if counts(name) => self.number(&flat, name, Whole::Integer),
            "number" => self.number(&flat, name, Whole::Any),
            "boolean" => Value::Bool(self.noise.below(2) == 0),
            "null" => Value::Null,
            _ => Value::String(self.string(&flat, name)),
        }
    }

    fn is_full(&self, depth: u32) -> bool {
        depth <= DEPTH_FULL && self.written <= VALUES_FULL
    }

    fn one_of(&mut self, values: &[Value], flat: &Map<String, Value>) -> Value {
        let types = kinds(flat);
        let fitting: Vec<&Value> =
            values.iter().filter(|value| types.is_empty() || types.iter().any(|t| is_a(value, t))).collect();
        self.noise.pick(&fitting).map(|value| (*value).clone()).unwrap_or_default()
    }

    /// An index within a list says which element it stands in, as an answer about numbered things does.
    fn number(&mut self, flat: &Map<String, Value>, name: &str, whole: Whole) -> Value {
        let is_index = matches!(words::last_word(name).as_str(), "index" | "idx" | "i" | "n" | "rank");
        let mut flat = flat.clone();
        if is_index && self.position > 0 && !flat.contains_key("minimum") && !flat.contains_key("maximum") {
            flat.insert("minimum".to_owned(), self.position.into());
            flat.insert("maximum".to_owned(), self.position.into());
        }
        number(&flat, whole, self.noise)
    }

    /// The type to write: null now and then, and where the schema allows nothing else or a recursion must end.
    fn kind<'f>(&mut self, flat: &'f Map<String, Value>, depth: u32) -> &'f str {
        let types = kinds(flat);
        if types.contains(&"null") && !self.is_full(depth) {
            return "null";
        }
        if types.len() > 1 && types.contains(&"null") && self.noise.below(NULL_EVERY) == 0 {
            return "null";
        }
        let solid: Vec<&str> = types.iter().copied().filter(|name| *name != "null").collect();
        match (solid.as_slice(), types.is_empty()) {
            ([], true) => implied(flat),
            ([], false) => "null",
            (solid, _) => self.noise.pick(solid).copied().unwrap_or("string"),
        }
    }

    fn string(&mut self, flat: &Map<String, Value>, name: &str) -> String {
        let least = size(flat, "minLength").unwrap_or(0).min(COUNT_MAX);
        let most = size(flat, "maxLength").unwrap_or(usize::MAX);
        if let Some(pattern) = flat.get("pattern").and_then(Value::as_str)
            && let Some(text) = pattern::matching(pattern, least, self.noise)
        {
            return text;
        }
        let text = match flat.get("format").and_then(Value::as_str) {
            Some(format) => words::formatted(format, self.noise),
            None => words::for_property(name, self.prompt, self.noise),
        };
        words::fitted(text, least, most, self.noise)
    }

    fn array(&mut self, flat: &Map<String, Value>, name: &str, depth: u32) -> Value {
        let (prefix, rest) = elements(flat);
        let least = size(flat, "minItems").unwrap_or(0).max(size(flat, "minContains").unwrap_or(0));
        let most = size(flat, "maxItems").unwrap_or(usize::MAX);
        let count = if self.is_full(depth) && !(self.is_dry && depth <= DEPTH_DRY) {
            let usual = least.max(prefix.len()).max(1);
            self.noise.within(usual as i64, usual.max(LIST_USUAL) as i64) as usize
        } else {
            least
        };
        let count = count.min(most).min(COUNT_MAX);
        let unique = flat.get("uniqueItems") == Some(&Value::Bool(true));
        let contains = flat.get("contains").map(|schema| (schema, size(flat, "minContains").unwrap_or(1)));
        let singular = name.strip_suffix('s').unwrap_or(name);
        let mut list: Vec<Value> = Vec::new();
        for index in 0..count.max(contains.map_or(0, |(_, times)| times.min(most).min(COUNT_MAX))) {
            let schema = match (prefix.get(index), contains) {
                (Some(schema), _) => schema,
                (None, Some((schema, times))) if index < prefix.len() + times => schema,
                (None, _) if rest == Some(&Value::Bool(false)) => break,
                (None, _) => rest.unwrap_or(&Value::Bool(true)),
            };
            let outer = std::mem::replace(&mut self.position, index as i64 + 1);
            let element = self.element(schema, singular, depth, unique.then_some(&list));
            self.position = outer;
            match element {
                Some(value) => list.push(value),
                None => break,
            }
        }
        Value::Array(list)
    }

    /// A value that is not among `others`, if there are any and one is found.
    fn element(
        &mut self,
        schema: &Value,
        name: &str,
        depth: u32,
        others: Option<&Vec<Value>>,
    ) -> Option<Value> {
        for _ in 0..32 {
            let value = self.value(schema, name, depth + 1);
            if !others.is_some_and(|others| others.contains(&value)) {
                return Some(value);
            }
        }
        None
    }

    fn object(&mut self, flat: &Map<String, Value>, depth: u32) -> Value {
        let required = strings(flat.get("required"));
        let most = size(flat, "maxProperties").unwrap_or(usize::MAX);
        let mut object = Map::new();
        for (name, schema) in flat.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let needed = required.contains(&name.as_str());
            let room = object.len() + required.len() < most;
            if needed
                || (self.is_full(depth) && room && self.writes_optional() && schema != &Value::Bool(false))
            {
                let value = self.value(schema, name, depth + 1);
                object.insert(name.clone(), value);
            }
        }
        for name in required {
            self.insert_missing(flat, &mut object, name, depth);
        }
        for name in dependents(flat, &object) {
            self.insert_missing(flat, &mut object, &name, depth);
        }
        self.add_entries(flat, &mut object, depth);
        Value::Object(object)
    }

    /// Variants leave optional properties out, for schemas that forbid them together.
    fn writes_optional(&mut self) -> bool {
        self.variant == 0 || self.noise.below(3) > 0
    }

    fn insert_missing(
        &mut self,
        flat: &Map<String, Value>,
        object: &mut Map<String, Value>,
        name: &str,
        depth: u32,
    ) {
        if !object.contains_key(name) {
            let schema = schema_for(flat, name);
            object.insert(name.to_owned(), self.value(&schema, name, depth + 1));
        }
    }

    /// Entries of an object that is a table: as many as demanded, and some if it declares no properties.
    fn add_entries(&mut self, flat: &Map<String, Value>, object: &mut Map<String, Value>, depth: u32) {
        let most = size(flat, "maxProperties").unwrap_or(usize::MAX);
        let is_table = !flat.contains_key("properties")
            && (flat.get("additionalProperties").is_some_and(Value::is_object)
                || flat.contains_key("patternProperties"));
        let usual = if is_table && self.is_full(depth) { self.noise.within(1, 3) as usize } else { 0 };
        let wanted = size(flat, "minProperties").unwrap_or(0).max(usual).min(most).min(COUNT_MAX);
        for tried in 0..wanted.saturating_mul(4) {
            if object.len() >= wanted {
                return;
            }
            let name = self.entry_name(flat, tried, depth);
            self.insert_missing(flat, object, &name, depth);
        }
    }

    fn entry_name(&mut self, flat: &Map<String, Value>, tried: usize, depth: u32) -> String {
        let declared = flat.get("properties").and_then(Value::as_object);
        if let Some(name) = declared.and_then(|declared| declared.keys().nth(tried)) {
            return name.clone();
        }
        if let Some(names) = flat.get("propertyNames")
            && let Value::String(name) = self.value(names, "key", depth + 1)
        {
            return name;
        }
        let patterns = flat.get("patternProperties").and_then(Value::as_object);
        let pattern = patterns.and_then(|patterns| patterns.keys().next());
        match pattern.and_then(|pattern| pattern::matching(pattern, 0, self.noise)) {
            Some(name) => name,
            None => words::two_words(self.noise, "_"),
        }
    }
}

/// The number after the first `round`, `iteration` or the like in the prompt.
fn round(prompt: &str) -> Option<u64> {
    const NAMES: [&str; 5] = ["round", "iteration", "iter", "pass", "cycle"];
    let is_mark = |letter: char| !letter.is_alphanumeric();
    let mut words = prompt.split(is_mark).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        if NAMES.iter().any(|name| word.eq_ignore_ascii_case(name))
            && let Some(number) = words.peek().and_then(|next| next.parse().ok())
        {
            return Some(number);
        }
    }
    None
}

/// Whether a number of this name counts or numbers something, so that a fraction makes no sense.
fn counts(name: &str) -> bool {
    matches!(
        words::last_word(name).as_str(),
        "number"
            | "line"
            | "count"
            | "total"
            | "index"
            | "issue"
            | "pr"
            | "passed"
            | "failed"
            | "id"
            | "rank"
    )
}

/// The schemas of the first elements, and of the rest.
fn elements(flat: &Map<String, Value>) -> (Vec<Value>, Option<&Value>) {
    match (flat.get("prefixItems"), flat.get("items")) {
        (Some(Value::Array(prefix)), rest) => (prefix.clone(), rest),
        (_, Some(Value::Array(prefix))) => (prefix.clone(), flat.get("additionalItems")),
        (_, rest) => (Vec::new(), rest),
    }
}

fn schema_for(flat: &Map<String, Value>, name: &str) -> Value {
    let declared = flat.get("properties").and_then(|properties| properties.get(name));
    let by_pattern = || {
        let patterns = flat.get("patternProperties").and_then(Value::as_object)?;
        let matches = |pattern: &str| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name));
        patterns.iter().find(|(pattern, _)| matches(pattern)).map(|(_, schema)| schema)
    };
    declared.or_else(by_pattern).or(flat.get("additionalProperties")).cloned().unwrap_or(Value::Bool(true))
}

fn dependents(flat: &Map<String, Value>, object: &Map<String, Value>) -> Vec<String> {
    let tables = ["dependentRequired", "dependencies"].into_iter().filter_map(|key| flat.get(key));
    let entries = tables.filter_map(Value::as_object).flatten();
    let present = entries.filter(|(name, _)| object.contains_key(name.as_str()));
    present.flat_map(|(_, names)| strings(Some(names))).map(str::to_owned).collect()
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn size(flat: &Map<String, Value>, key: &str) -> Option<usize> {
    flat.get(key).and_then(Value::as_f64).map(|size| size.max(0.0) as usize)
}

fn kinds(flat: &Map<String, Value>) -> Vec<&str> {
    match flat.get("type") {
        Some(Value::String(name)) => vec![name],
        list => strings(list),
    }
}

/// What a schema without `type` speaks of.
fn implied(flat: &Map<String, Value>) -> &'static str {
    let has = |keys: &[&str]| keys.iter().any(|key| flat.contains_key(*key));
    if has(&["properties", "required", "additionalProperties", "minProperties", "patternProperties"]) {
        "object"
    } else if has(&["items", "prefixItems", "minItems", "contains", "uniqueItems"]) {
        "array"
    } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        "number"
    } else {
        "string"
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => value.is_number(),
    }
}
