//! A YAML tree against the table of keys. In: nodes. Out: a fault for every key and value that the table does not know,
//! with what was probably meant. What it does not do: look at more than one value at a time.

use crate::fault::{Faults, did_you_mean};
use crate::keys::{ACTIONS, Group, Shape};
use crate::units::{self, Wrong};
use crate::yaml::{Node, Value};
use crate::{Known, glob, signing};

/// Says every fault of `node` against `group`.
pub(crate) fn group(node: &Node, group: &Group, known: &Known<'_>, faults: &mut Faults<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        faults.add(node.span, format!("{} is a group of keys, and this is {}", group.name, node.kind()));
        return;
    }
    for (key, value) in node.entries() {
        let name = key.text().unwrap_or("");
        match group.keys.iter().find(|k| k.name == name) {
            Some(found) => shape(value, &found.shape, name, known, faults),
            None => {
                let names = || group.keys.iter().map(|k| k.name);
                let hint = did_you_mean(name, names())
                    .unwrap_or_else(|| format!("known here: {}", names().collect::<Vec<_>>().join(", ")));
                faults.suggest(key.span, format!("unknown key `{name}` of {}", group.name), hint);
            }
        }
    }
    for missing in group.keys.iter().filter(|k| k.required && node.get(k.name).is_none()) {
        faults.add(node.span, format!("{} has no `{}`", group.name, missing.name));
    }
}

fn shape(node: &Node, wanted: &Shape, name: &str, known: &Known<'_>, faults: &mut Faults<'_>) {
    match wanted {
        _ if node.is_null() => faults.add(node.span, format!("`{name}` has no value")),
        Shape::Group(wanted) => group(node, wanted, known, faults),
        Shape::List(item) => {
            if !matches!(node.value, Value::List(_)) {
                let hint = node.text().map(|text| {
                    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
                    if plain { format!("write `[{text}]`") } else { format!("write `[\"{text}\"]`") }
                });
                faults.push(node.span, format!("`{name}` is a list, and this is {}", node.kind()), hint);
                return;
            }
            if node.items().is_empty() && !matches!(item, Shape::Group(_)) {
                faults.add(node.span, format!("`{name}` is an empty list; leave it out or name something"));
            }
            for one in node.items() {
                shape(one, item, name, known, faults);
            }
        }
        Shape::Named(inner) => named(node, inner, name, known, faults),
        Shape::Words => words(node, name, faults),
        Shape::AnyOr(_) if matches!(node.value, Value::Scalar { .. }) => {
            let word = node.text().unwrap_or("");
            if word != "any" {
                let message = format!("`{name}`: {word:?} is not `any`, and no list");
                faults.suggest(node.span, message, format!("write `[\"{word}\"]`"));
            }
        }
        Shape::AnyOr(item) => shape(node, &Shape::List(item), name, known, faults),
        Shape::Flag => {
            if node.boolean().is_none() {
                let hint = match node.text().map(str::to_lowercase).as_deref() {
                    Some("true" | "yes" | "on" | "y") => Some("write `true`".to_owned()),
                    Some("false" | "no" | "off" | "n") => Some("write `false`".to_owned()),
                    _ => None,
                };
                faults.push(node.span, format!("`{name}` is `true` or `false`"), hint);
            }
        }
        Shape::Footprint => footprint(node, known, faults),
        Shape::Rules => rules(node, known, faults),
        _ => {
            let Some(text) = node.text() else {
                faults.add(node.span, format!("`{name}` is a single value, and this is {}", node.kind()));
                return;
            };
            if let Err((message, hint)) = scalar(text, wanted) {
                faults.push(node.span, format!("`{name}`: {message}"), hint);
            }
        }
    }
}

fn scalar(text: &str, wanted: &Shape) -> Result<(), Wrong> {
    let fault = |wrong: Option<Wrong>| wrong.map_or(Ok(()), Err);
    match wanted {
        Shape::Word(words) => {
            let names = || words.iter().map(|(word, _)| *word);
            if names().any(|word| word == text) {
                return Ok(());
            }
            let listed = names().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let message = format!("{text:?} is not {}{listed}", if words.len() > 1 { "one of " } else { "" });
            Err((message, did_you_mean(text, names())))
        }
        Shape::Name => {
            let odd = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'));
            match odd {
                Some(odd) => Err((format!("{odd:?} has no place in a name (letters, digits, `.`, `-`, `_`)"), None)),
                None if text.is_empty() => Err(("a name is empty".into(), None)),
                None => Ok(()),
            }
        }
        Shape::Text if text.trim().is_empty() => Err(("it is empty".into(), None)),
        Shape::Duration => units::duration(text).map(drop),
        Shape::Date => units::date(text).map(drop),
        Shape::Severity => units::severity_test(text).map(drop),
        Shape::Score => units::score(text).map(drop),
        Shape::Count => units::count(text).map(drop),
        Shape::PublicKey => match signing::key_fault(text) {
            Some(wrong) => Err(wrong),
            None if text.contains("-----BEGIN") => Ok(()),
            None => scalar(text, &Shape::Path),
        },
        Shape::Issuer => fault(signing::issuer_fault(text)),
        Shape::Identity => fault(signing::identity_fault(text)),
        Shape::AttestationType => fault(signing::type_fault(text)),
        Shape::Version => units::minor(text).map(drop),
        Shape::Path if text.trim().is_empty() || text.contains('\0') => Err(("it names no file".into(), None)),
        Shape::Path if text.contains("://") => Err(("this is no path; only files are read".into(), None)),
        Shape::ImageGlob => fault(glob::image_glob_fault(text)),
        Shape::AnnotationGlob => fault(glob::annotation_glob_fault(text)),
        Shape::WordGlob => fault(glob::word_glob_fault(text)),
        Shape::Tag => {
            let odd = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_' | '*'));
            match odd {
                Some(odd) => Err((format!("{odd:?} stands in no tag"), None)),
                None if text.is_empty() => Err(("it is empty".into(), None)),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A group for each name.
fn named(node: &Node, inner: &Group, name: &str, known: &Known<'_>, faults: &mut Faults<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        faults.add(node.span, format!("`{name}` is a group of names, and this is {}", node.kind()));
        return;
    }
    for (key, value) in node.entries() {
        if let Err((message, hint)) = scalar(key.text().unwrap_or(""), &Shape::Name) {
            faults.push(key.span, message, hint);
        }
        group(value, inner, known, faults);
    }
}

/// Words by words.
fn words(node: &Node, name: &str, faults: &mut Faults<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        faults.add(node.span, format!("`{name}` is a group of words, and this is {}", node.kind()));
        return;
    }
    if node.entries().is_empty() {
        faults.add(node.span, format!("`{name}` is an empty group; leave it out or name something"));
    }
    for (key, value) in node.entries() {
        if key.text().unwrap_or("").is_empty() {
            faults.add(key.span, format!("`{name}`: a key is empty"));
        }
        if value.text().is_none() {
            faults.add(value.span, format!("`{name}` has words by words, and this is {}", value.kind()));
        }
    }
}

fn rules(node: &Node, known: &Known<'_>, faults: &mut Faults<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        faults.add(node.span, format!("`rules` is a group of rule ids, and this is {}", node.kind()));
        return;
    }
    for (key, value) in node.entries() {
        let id = key.text().unwrap_or("");
        if !known.workload_rules.contains(&id) {
            let hint = if known.footprint_rules.contains(&id) {
                Some("it looks into images: name it under `footprint` of an entry of `images`".to_owned())
            } else {
                did_you_mean(id, known.workload_rules.iter().copied())
            };
            faults.push(key.span, format!("no rule for manifests is called `{id}`"), hint);
        }
        let word = value.text().unwrap_or("");
        if !ACTIONS.contains(&word) {
            let hint = did_you_mean(word, ACTIONS);
            faults.push(value.span, format!("`{id}`: {word:?} is not one of `off`, `warn`, `deny`"), hint);
        }
    }
}

fn footprint(node: &Node, known: &Known<'_>, faults: &mut Faults<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        faults.add(node.span, format!("`footprint` is a group of rule ids, and this is {}", node.kind()));
        return;
    }
    for (key, value) in node.entries() {
        let id = key.text().unwrap_or("");
        if !known.footprint_rules.contains(&id) {
            let hint = did_you_mean(id, known.footprint_rules.iter().copied());
            faults.push(key.span, format!("no footprint rule is called `{id}`"), hint);
        }
        match &value.value {
            Value::Map(entries) => {
                if entries.is_empty() {
                    faults.add(value.span, format!("`{id}` takes an action with its measure: {{deny: 500MB}}"));
                }
                let measure = |word| value.get(word).and_then(|m| units::size(m.text()?).ok());
                if let (Some(warn), Some(deny)) = (measure("warn"), measure("deny"))
                    && warn >= deny
                {
                    faults.add(value.span, format!("`{id}` would never warn: what it warns of is denied already"));
                }
                for (action, measure) in entries {
                    let word = action.text().unwrap_or("");
                    if !["warn", "deny"].contains(&word) {
                        let hint = did_you_mean(word, ["warn", "deny"]);
                        faults.push(action.span, format!("{word:?} is not `warn` or `deny`"), hint);
                    }
                    if let Err((message, hint)) = units::size(measure.text().unwrap_or("")) {
                        faults.push(measure.span, format!("`{id}`: {message}"), hint);
                    }
                }
            }
            _ => {
                let word = value.text().unwrap_or("");
                if !ACTIONS.contains(&word) {
                    let hint = did_you_mean(word, ACTIONS)
                        .or_else(|| units::size(word).is_ok().then(|| format!("did you mean `{{deny: {word}}}`?")));
                    faults.push(value.span, format!("`{id}`: {word:?} is not one of `off`, `warn`, `deny`"), hint);
                }
            }
        }
    }
}
