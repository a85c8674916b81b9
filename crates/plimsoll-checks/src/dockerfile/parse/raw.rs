//! An instruction's arguments as BuildKit's own tree has them. In: the text after the flags. Out: its strings, quotes and all.

use super::exec::strings;
use super::words;
use crate::joined::Joined;

/// What [`raw_values`] gives.
pub(in super::super) struct RawValues {
    /// The instruction that ONBUILD holds, as written.
    pub sub: String,
    /// The arguments are a JSON list.
    pub json: bool,
    pub values: Vec<String>,
}

/// The arguments of an instruction as BuildKit cuts them.
pub(in super::super) fn raw_values(keyword: &str, rest: &str, escape: char) -> RawValues {
    let line = Joined::of(rest, 0);
    let whole = 0..rest.len();
    let cut = |ranges: Vec<std::ops::Range<usize>>| ranges.into_iter().map(|range| rest[range].to_owned()).collect();
    let (mut json, mut sub) = (false, String::new());
    let list = |from: usize| match strings(&line, from..rest.len()) {
        Ok(words) => (words.into_iter().map(|word| word.text).collect(), true),
        Err(_) if from == rest.len() => (Vec::new(), false),
        Err(_) => (vec![rest[from..].to_owned()], false),
    };
    let values: Vec<String> = match keyword.to_ascii_uppercase().as_str() {
        "FROM" | "EXPOSE" => cut(words::fields(rest, whole)),
        "ADD" | "COPY" | "VOLUME" => match list(0) {
            (values, true) => {
                json = true;
                values
            }
            _ => cut(words::fields(rest, whole)),
        },
        "ARG" => cut(words::quoted_words(rest, whole, escape)),
        "ENV" | "LABEL" => pairs(rest, escape),
        "HEALTHCHECK" => {
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let after = words::trimmed(rest, length..rest.len()).start;
            let (values, is_json) = list(after);
            json = is_json;
            if rest.is_empty() { Vec::new() } else { [vec![rest[..length].to_owned()], values].concat() }
        }
        "ONBUILD" => {
            let (word, after) = words::keyword(rest, whole);
            let (_, after) = words::flags(&line, after, escape);
            sub = rest[word].to_owned();
            if sub.eq_ignore_ascii_case("ONBUILD") {
                Vec::new()
            } else {
                let held = raw_values(&sub, &rest[after], escape);
                json = held.json;
                held.values
            }
        }
        "RUN" | "CMD" | "ENTRYPOINT" | "SHELL" => {
            let (values, is_json) = list(0);
            json = is_json;
            values
        }
        _ if rest.is_empty() => Vec::new(),
        _ => vec![rest.to_owned()],
    };
    RawValues { sub, json, values }
}

/// Name, value and what stands between them, of every pair.
fn pairs(rest: &str, escape: char) -> Vec<String> {
    let words = words::quoted_words(rest, 0..rest.len(), escape);
    if !words.first().is_some_and(|word| rest[word.clone()].contains('=')) {
        let legacy = rest.find(words::is_blank).map(|at| (&rest[..at], rest[at..].trim_start_matches(words::is_blank)));
        return legacy.map(|(name, value)| [name, value, ""].map(str::to_owned).to_vec()).unwrap_or_default();
    }
    let pair = |word: std::ops::Range<usize>| rest[word].split_once('=').map(|(name, value)| [name, value, "="]);
    words.into_iter().filter_map(pair).flatten().map(str::to_owned).collect()
}
