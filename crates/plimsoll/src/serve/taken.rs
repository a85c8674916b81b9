//! What was taken out of a review, and words without it. In: values that were secrets, and texts that may quote them, such as a
//! policy's messages. Out: how many went, and the texts without them. What it does not do: know a value that somebody encoded or
//! took apart before quoting it, other than the base64 of a Secret.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::redact::GONE;

/// The shortest value that is looked for in words, in letters: shorter ones are in words by chance.
const SHORTEST: usize = 6;
/// Bytes of a value that are looked for; where they are, as much goes as agrees with the value.
const HEAD: usize = 32;
/// Values that are looked for. Where more were taken, words are kept from the record as a whole.
const MAX_VALUES: usize = 20_000;

/// What was taken out of one review.
#[derive(Debug, Default)]
pub struct Taken {
    count: usize,
    values: BTreeSet<String>,
    many: bool,
}

impl Taken {
    /// How many values went.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Counts one place.
    pub fn one(&mut self) {
        self.count += 1;
    }

    /// A value that went as a whole, with all that is in it.
    pub fn value(&mut self, value: &Value, base64: bool) {
        self.one();
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => {
                    self.text(text);
                    let decoded = base64.then(|| STANDARD.decode(text.trim()).ok()).flatten();
                    if let Some(decoded) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
                        self.text(&decoded);
                    }
                }
                Value::Number(number) => self.add(&number.to_string()),
                Value::Array(items) => open.extend(items),
                Value::Object(map) => open.extend(map.values()),
                Value::Null | Value::Bool(_) => {}
            }
        }
    }

    /// A text that went: as it is, as JSON and Rego's `%v` quote it, and line by line.
    pub fn text(&mut self, text: &str) {
        let lines = text.lines().filter(|_| text.contains('\n'));
        for text in std::iter::once(text).chain(lines).map(str::trim) {
            self.add(text);
            if text.contains(|c: char| c == '"' || c == '\\' || c.is_control()) {
                let quoted = Value::from(text).to_string();
                self.add(quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(&quoted));
            }
        }
    }

    fn add(&mut self, text: &str) {
        if text.chars().nth(SHORTEST - 1).is_none() || self.values.contains(text) {
            return;
        }
        self.many |= self.values.len() >= MAX_VALUES;
        if !self.many {
            self.values.insert(text.to_owned());
        }
    }

    /// To take the same out of words.
    pub fn words(self) -> Words {
        let values: Vec<String> = self.values.into_iter().collect();
        let heads = values.iter().map(|value| head(value));
        let built = match values.is_empty() {
            true => Ok(None),
            false => AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(heads).map(Some),
        };
        // What cannot be looked for is taken to be there.
        let withheld = self.many || built.is_err();
        Words { heads: built.unwrap_or_default(), values, withheld }
    }
}

/// The first bytes of a value, whole letters.
fn head(value: &str) -> &str {
    let end = (0..=HEAD.min(value.len())).rev().find(|at| value.is_char_boundary(*at));
    value.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Takes values out of texts. By default, none.
#[derive(Debug, Default)]
pub struct Words {
    /// Sorted.
    values: Vec<String>,
    heads: Option<AhoCorasick>,
    withheld: bool,
}

impl Words {
    /// The text without the values.
    pub fn clear<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.withheld && !text.is_empty() {
            return GONE.into();
        }
        let Some(heads) = &self.heads else { return text.into() };
        let mut out = String::new();
        let mut done = 0;
        while let Some((rest, found)) = text.get(done..).and_then(|rest| Some((rest, heads.find(rest)?))) {
            let at = rest.get(found.start()..).unwrap_or_default();
            let length = found.len().max(self.agreement(at));
            out.push_str(rest.get(..found.start()).unwrap_or_default());
            out.push_str(GONE);
            done += found.start() + length;
        }
        if done == 0 && !text.contains('…') {
            return text.into();
        }
        out.push_str(text.get(done..).unwrap_or_default());
        self.uncut(&out).into()
    }

    /// How many bytes of the text's beginning are the beginning of a value, whole letters.
    fn agreement(&self, text: &str) -> usize {
        // Of a sorted list, one of the two neighbours agrees with it the longest.
        let place = self.values.partition_point(|value| value.as_str() < text);
        let both = [place.checked_sub(1), Some(place)].into_iter().flatten().filter_map(|place| self.values.get(place));
        let agreed = both.map(|value| value.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count()).max();
        (0..=agreed.unwrap_or(0)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// The text without beginnings of values where it was cut (`…`) before this.
    fn uncut(&self, text: &str) -> String {
        let mut out = String::new();
        let mut done = 0;
        for (cut, _) in text.match_indices('…') {
            let Some(before) = text.get(done..cut) else { continue };
            let starts = before.char_indices().rev().skip(SHORTEST - 1).take(HEAD).map(|(at, _)| at);
            let whole = |at: &usize| before.get(*at..).is_some_and(|tail| self.agreement(tail) == tail.len());
            if let Some(at) = starts.filter(whole).last() {
                out.push_str(before.get(..at).unwrap_or_default());
                out.push_str(GONE);
                done = cut;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(values: &[Value]) -> Words {
        let mut taken = Taken::default();
        values.iter().for_each(|value| taken.value(value, false));
        taken.words()
    }

    #[test]
    fn values_go_however_long_and_wherever_cut() {
        let long = "größe-".repeat(40);
        let words = words(&[json!(long), json!(12_345_678), json!({"a": ["line one\n  line two\"x\""]})]);
        assert_eq!(words.clear(&format!("<{long}>")), "<[redacted]>");
        assert_eq!(words.clear(&format!("is {}…", long.get(..90).unwrap())), "is [redacted]…");
        assert_eq!(words.clear("is größe-g… and größ…"), "is [redacted]… and größ…");
        assert_eq!(words.clear("12345678, 1234567"), "[redacted], 1234567");
        assert_eq!(words.clear("has line two\"x\" in it"), "has [redacted] in it");
        assert_eq!(words.clear("has line one\\n  line two\\\"x\\\" in it"), "has [redacted] in it");
    }

    #[test]
    fn words_stay_that_quote_nothing() {
        let words = words(&[json!("abc"), json!(true), json!("quite something")]);
        assert!(matches!(words.clear("quite nothing, abc"), Cow::Borrowed("quite nothing, abc")));
        assert_eq!(Words::default().clear("as it is…"), "as it is…");
    }

    #[test]
    fn words_are_withheld_where_too_many_values_went() {
        let lines: String = (0..=MAX_VALUES).map(|number| format!("line {number}\n")).collect();
        let words = words(&[json!(lines)]);
        assert_eq!((words.clear("anything"), words.clear("")), (GONE.into(), "".into()));
    }
}
