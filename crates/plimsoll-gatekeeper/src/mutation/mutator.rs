//! One mutator: Assign, AssignMetadata, ModifySet or AssignImage. In: its document. Out: what it makes of an object, or why
//! Gatekeeper refuses it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use plimsoll_rego::value::Value;
use regex::Regex;

use super::apply_to::{ApplyTo, Gvk, check_applies};
use super::path::{Node, Path};
use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::matching::{Match, Matchable};

pub const GROUP: &str = "mutations.gatekeeper.sh";
pub const KINDS: [&str; 4] = ["Assign", "AssignMetadata", "ModifySet", "AssignImage"];

/// What stands at the end of a mutator's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndType {
    Unknown,
    Set,
    Text,
}

#[derive(Debug, Clone)]
enum Action {
    Assign(Value),
    /// The object's own name or namespace.
    FromMetadata(&'static str),
    Merge(Vec<Value>),
    Prune(Vec<Value>),
    Image {
        domain: String,
        path: String,
        tag: String,
    },
}

/// A mutator that is in force.
#[derive(Debug, Clone)]
pub struct Mutator {
    pub kind: Arc<str>,
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    pub path: Path,
    applies: Option<Vec<ApplyTo>>,
    matches: Match,
    /// By depth: whether it must be there, or must not.
    tests: BTreeMap<usize, bool>,
    action: Action,
}

/// What is mutated.
#[derive(Debug, Clone, Copy)]
pub struct Target<'v> {
    pub matchable: Matchable<'v>,
    pub operation: &'v str,
}

pub fn is_mutator(document: &Document) -> bool {
    document.group() == GROUP && KINDS.contains(&document.kind())
}

impl Mutator {
    /// # Errors
    /// Why Gatekeeper refuses it.
    pub fn read(document: &Document) -> Result<Mutator, Fault> {
        read(document).map_err(|(message, path)| {
            let fault = Fault::new(FaultKind::Mutator, message).of(document.subject());
            match document.place(&path) {
                Some(place) => fault.at(place),
                None => fault,
            }
        })
    }

    /// `Kind.group namespace/name`, as conflicts name it.
    pub fn id(&self) -> String {
        format!("{}.{GROUP} {}/{}", self.kind, self.namespace, self.name)
    }

    pub fn order(&self) -> (&str, &str, &str) {
        (&self.kind, &self.namespace, &self.name)
    }

    pub fn bindings(&self) -> Vec<(Gvk, &'static str)> {
        let mut all: Vec<_> = self.applies.iter().flatten().flat_map(ApplyTo::bindings).collect();
        all.sort();
        all.dedup();
        all
    }

    pub fn end_type(&self) -> EndType {
        match &self.action {
            Action::Assign(_) | Action::FromMetadata(_) => EndType::Unknown,
            Action::Merge(_) | Action::Prune(_) => EndType::Set,
            Action::Image { .. } => EndType::Text,
        }
    }

    /// Nothing may lie below its path.
    pub fn must_end(&self) -> bool {
        matches!(self.action, Action::Image { .. })
    }

    /// # Errors
    /// It cannot be told.
    pub fn matches(&self, target: &Target<'_>) -> Result<bool, String> {
        if let Some(applies) = &self.applies {
            let object = target.matchable.object;
            let (group, version) = json::group_and_version(object);
            let gvk = (group, version, json::text(object, &["kind"]));
            if !applies.iter().any(|applies| applies.matches(gvk) && applies.wants(target.operation)) {
                return Ok(false);
            }
        }
        self.matches.matches(&target.matchable).map_err(|why| format!("failed to run Match criteria: {why}"))
    }

    /// The object as it is after it; `None` where it does not touch it.
    ///
    /// # Errors
    /// The object has another shape than the path.
    pub fn mutate(&self, object: &Value) -> Result<Option<Value>, String> {
        if self.path.0.is_empty() {
            return Err("attempting to mutate an empty target location".into());
        }
        let metadata = |name: &str| Value::string(json::text(object, &["metadata", name]));
        let value = match &self.action {
            Action::FromMetadata(field) => Some(metadata(field)),
            Action::Assign(value) => Some(value.clone()),
            _ => None,
        };
        self.mutate_at(object, 0, value.as_ref())
    }

    fn exists_okay(&self, depth: usize) -> bool {
        self.tests.get(&depth) != Some(&false)
    }

    fn missing_okay(&self, depth: usize) -> bool {
        self.tests.get(&depth) != Some(&true)
    }

    fn mutate_at(&self, current: &Value, depth: usize, value: Option<&Value>) -> Result<Option<Value>, String> {
        let last = depth + 1 == self.path.0.len();
        let mismatch = |wanted: &str| {
            let had = current.type_name();
            Err(format!(
                "mismatch between path entry (type: {wanted}) and received object (type: {had}). Path: {}",
                self.path
            ))
        };
        match self.path.0.get(depth) {
            None => Ok(None),
            Some(Node::Field(name)) => {
                let Value::Object(_) = current else { return mismatch("object") };
                let next = json::field(current, name);
                let okay = if next.is_some() { self.exists_okay(depth) } else { self.missing_okay(depth) };
                if !okay {
                    return Ok(None);
                }
                if last {
                    return self.set(next, value).map(|new| {
                        Some(match new {
                            Some(new) => json::with_field(current, name, Some(new)),
                            None => current.clone(),
                        })
                    });
                }
                let made;
                let next = match next {
                    Some(next) => next,
                    None => {
                        made = self.missing(depth)?;
                        &made
                    }
                };
                let new = self.mutate_at(next, depth + 1, value)?;
                Ok(new.map(|new| json::with_field(current, name, Some(new))))
            }
            Some(Node::Element { key, value: wanted }) => {
                let Value::Array(array) = current else { return mismatch("List") };
                let items = array.items().to_vec();
                if last {
                    return self.set_element(items, key, wanted.as_ref(), depth, value);
                }
                self.mutate_elements(items, key, wanted.as_ref(), depth, value)
            }
        }
    }

    fn mutate_elements(
        &self,
        mut items: Vec<Value>,
        key: &str,
        wanted: Option<&Value>,
        depth: usize,
        value: Option<&Value>,
    ) -> Result<Option<Value>, String> {
        // Of every element none can be missing.
        if wanted.is_none() && !self.exists_okay(depth) {
            return Ok(None);
        }
        let (mut mutated, mut found) = (false, false);
        for item in &mut items {
            if let Some(wanted) = wanted {
                if json::field(item, key) != Some(wanted) {
                    continue;
                }
                if !self.exists_okay(depth) {
                    return Ok(None);
                }
            }
            found = true;
            if let Some(new) = self.mutate_at(item, depth + 1, value)? {
                *item = new;
                mutated = true;
            }
        }
        if wanted.is_some() && !found {
            if !self.missing_okay(depth) {
                return Ok(None);
            }
            let next = self.missing(depth)?;
            if let Some(new) = self.mutate_at(&next, depth + 1, value)? {
                items.push(new);
                mutated = true;
            }
        }
        Ok(mutated.then(|| Value::array(items)))
    }

    /// What is made where the path leads nowhere.
    fn missing(&self, depth: usize) -> Result<Value, String> {
        let next = match self.path.0.get(depth + 1) {
            Some(Node::Element { .. }) => Value::array(Vec::new()),
            _ => Value::object(Vec::new()),
        };
        match self.path.0.get(depth) {
            Some(Node::Element { value: None, .. }) => Err("list entry has no key value".into()),
            Some(Node::Element { .. }) if matches!(next, Value::Array(_)) => {
                Err(format!("two consecutive list path entries not allowed: {}", self.path))
            }
            Some(Node::Element { key, value: Some(value) }) => {
                Ok(Value::object(vec![(Value::string(&**key), value.clone())]))
            }
            _ => Ok(next),
        }
    }

    fn set_element(
        &self,
        mut items: Vec<Value>,
        key: &str,
        wanted: Option<&Value>,
        depth: usize,
        value: Option<&Value>,
    ) -> Result<Option<Value>, String> {
        let (Some(new), Some(wanted)) = (value, wanted) else {
            return Err("mutator does not understand keyed lists".into());
        };
        let Value::Object(_) = new else {
            return Err(format!("assign.value for keyed list is not an object: {}", new.to_json()));
        };
        for item in &mut items {
            let Value::Object(_) = item else {
                return Err(format!("cast error, unable to case {} to map[string]interface{{}}", item.type_name()));
            };
            if json::field(item, key) == Some(wanted) {
                if json::field(new, key) != Some(wanted) {
                    return Err("key value of replaced object must not change".into());
                }
                if !self.exists_okay(depth) {
                    return Ok(None);
                }
                *item = new.clone();
                return Ok(Some(Value::array(items)));
            }
        }
        if !self.missing_okay(depth) {
            return Ok(None);
        }
        items.push(new.clone());
        Ok(Some(Value::array(items)))
    }

    /// What is put in the place of what was there; `None` leaves it as it is.
    fn set(&self, had: Option<&Value>, value: Option<&Value>) -> Result<Option<Value>, String> {
        let list = |had: &Value| match had {
            Value::Array(array) => Ok(array.items().to_vec()),
            other => Err(format!("{} is not a list of values, cannot treat it as a set", other.to_json())),
        };
        match &self.action {
            Action::Assign(_) | Action::FromMetadata(_) => Ok(value.cloned()),
            Action::Merge(values) => match had {
                None => Ok(Some(Value::array(values.clone()))),
                Some(had) => {
                    let mut items = list(had)?;
                    for value in values {
                        if !items.contains(value) {
                            items.push(value.clone());
                        }
                    }
                    Ok(Some(Value::array(items)))
                }
            },
            Action::Prune(values) => had.map(list).transpose().map(|items| {
                items.map(|items| Value::array(items.into_iter().filter(|item| !values.contains(item)).collect()))
            }),
            Action::Image { domain, path, tag } => {
                let had = match had {
                    None => "",
                    Some(Value::String(text)) => text,
                    Some(other) => {
                        let (json, name) = (other.to_json(), other.type_name());
                        return Err(format!(
                            "expected value at AssignImage location to be a string, got {json} of type {name}"
                        ));
                    }
                };
                Ok(Some(Value::string(image(domain, path, tag, had))))
            }
        }
    }
}

fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", name),
    }
}

fn split_tag(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find([':', '@']).unwrap_or(rest.len()))
}

/// The image with the parts that are given in the place of its own.
fn image(domain: &str, path: &str, tag: &str, had: &str) -> String {
    let (old_domain, rest) = split_domain(had);
    let (old_path, old_tag) = split_tag(rest);
    let pick = |new: &str, old: &str| if new.is_empty() { old.to_owned() } else { new.to_owned() };
    let domain = pick(domain, old_domain);
    let between = if domain.is_empty() { "" } else { "/" };
    format!("{domain}{between}{}{}", pick(path, old_path), pick(tag, old_tag))
}

/// Why a mutator is refused, and the path of what is wrong.
pub(super) type Refused = (String, Vec<&'static str>);

fn read(document: &Document) -> Result<Mutator, Refused> {
    let value = document.value();
    let (kind, name) = (document.kind(), document.name());
    let at = |message: String, path: &[&'static str]| (message, path.to_vec());
    if name.len() > 63 {
        return Err(at("maximum name length is 63 characters".into(), &["metadata", "name"]));
    }
    let location = json::text(value, &["spec", "location"]);
    let spot = ["spec", "location"];
    let path = Path::parse(location).map_err(|why| match kind {
        "AssignMetadata" => at(format!("invalid location format for AssignMetadata {name}: {location}: {why}"), &spot),
        "AssignImage" => at(format!("invalid location format `{location}` for assignImage {name}: {why}"), &spot),
        _ => at(format!("invalid location format `{location}` for {kind} {name}: {why}"), &spot),
    })?;
    let (action, mut tests) = match kind {
        "AssignMetadata" => {
            let fields: Vec<&str> = path
                .0
                .iter()
                .filter_map(|node| if let Node::Field(name) = node { Some(&**name) } else { None })
                .collect();
            if !matches!(fields.as_slice(), ["metadata", "labels" | "annotations", _]) || path.0.len() != 3 {
                return Err(at(format!("invalid location for assignmetadata {name}: {location}"), &spot));
            }
            let action = assign(value)?;
            if let Action::Assign(value) = &action
                && value.as_str().is_none()
            {
                let message =
                    format!("spec.parameters.assign.value field must be a string for AssignMetadata {name:?}");
                return Err(at(message, &["spec", "parameters", "assign", "value"]));
            }
            (action, BTreeMap::from([(2, false)]))
        }
        "Assign" => {
            if path.is_of_metadata() {
                return Err(at(format!("assign {name} can't change metadata"), &spot));
            }
            key_not_changed(&path)?;
            let action = assign(value)?;
            list_element(&path, &action)?;
            (action, BTreeMap::new())
        }
        "ModifySet" => {
            if path.is_of_metadata() {
                return Err(at(format!("modifyset {name} can't change metadata"), &spot));
            }
            if path.ends_in_list() {
                return Err(at("final node in a modifyset location cannot be a keyed list".into(), &spot));
            }
            let values = json::items(json::at(value, &["spec", "parameters", "values", "fromList"])).to_vec();
            let action = match json::text(value, &["spec", "parameters", "operation"]) {
                "merge" => Action::Merge(values),
                "prune" => Action::Prune(values),
                other => {
                    let message = format!("unrecognized operation for modifyset: {other}");
                    return Err(at(message, &["spec", "parameters", "operation"]));
                }
            };
            (action, BTreeMap::new())
        }
        _ => {
            if path.is_of_metadata() {
                return Err(at(format!("assignImage {name} can't change metadata"), &spot));
            }
            if path.ends_in_list() {
                return Err(at(format!("assignImage {name} cannot mutate list-type fields"), &spot));
            }
            key_not_changed(&path)?;
            (image_parts(value, name)?, BTreeMap::new())
        }
    };
    let applies = (kind != "AssignMetadata").then(|| ApplyTo::read(json::at(value, &["spec", "applyTo"])));
    if kind != "AssignMetadata" {
        tests = path_tests(value, &path, kind, name)?;
        check_applies(applies.as_deref().unwrap_or_default(), kind, name)?;
    }
    let matches = json::at(value, &["spec", "match"]).filter(|value| !matches!(value, Value::Null));
    let matches = matches.map(Match::read).transpose().map_err(|why| at(why, &["spec", "match"]))?.unwrap_or_default();
    let namespace = document.namespace().into();
    Ok(Mutator { kind: kind.into(), name: name.into(), namespace, path, applies, matches, tests, action })
}

fn assign(value: &Value) -> Result<Action, Refused> {
    let path = ["spec", "parameters", "assign"];
    let get = |name: &str| json::at(value, &path).and_then(|assign| json::field(assign, name));
    let there = |value: &&Value| !matches!(value, Value::Null);
    let (given, metadata) = (get("value").filter(there), get("fromMetadata").filter(there));
    if get("externalData").filter(there).is_some() {
        let message = "externalData is not asked here: providers are of the cluster";
        return Err((message.into(), vec!["spec", "parameters", "assign", "externalData"]));
    }
    match (given, metadata) {
        (None, None) => {
            let message = "assign must set one of `externalData`, `value` or `fromMetadata`: invalid assign field";
            Err((message.into(), path.to_vec()))
        }
        (Some(_), Some(_)) => {
            let message = "assign must only set one of `externalData`, `value` or `fromMetadata`: invalid assign field";
            Err((message.into(), path.to_vec()))
        }
        (Some(given), None) => Ok(Action::Assign(given.clone())),
        (None, Some(metadata)) => match json::text(metadata, &["field"]) {
            "name" => Ok(Action::FromMetadata("name")),
            "namespace" => Ok(Action::FromMetadata("namespace")),
            other => {
                let message = format!("field {other} is not recognized: invalid fromMetadata assignment");
                Err((message, vec!["spec", "parameters", "assign", "fromMetadata"]))
            }
        },
    }
}

fn key_not_changed(path: &Path) -> Result<(), Refused> {
    let refused = |message: &str| Err((message.to_owned(), vec!["spec", "location"]));
    match path.0.as_slice() {
        [] => refused("empty path"),
        [.., Node::Element { .. }, Node::Element { .. }] => {
            refused("invalid path format: child of a list can't be a list")
        }
        [.., Node::Element { key, .. }, Node::Field(name)] if key == name => {
            refused("invalid path format: changing the item key is not allowed")
        }
        _ => Ok(()),
    }
}

fn list_element(path: &Path, action: &Action) -> Result<(), Refused> {
    let Some(Node::Element { key, value }) = path.0.last() else { return Ok(()) };
    let refused = |message: String| Err((message, vec!["spec", "parameters", "assign"]));
    let Action::Assign(given) = action else {
        return refused("cannot assign a metadata field to a list".into());
    };
    let Some(wanted) = value else { return refused("can't append to a globbed list".into()) };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
    let Value::Object(_) = given else {
        return refused(format!("invalid value: `{}`, only objects can be added to keyed lists", text(given)));
    };
    let have = json::field(given, key);
    if have != Some(wanted) {
        let have = have.map_or("<nil>".into(), text);
        return refused(format!(
            "adding object to list with different key {key}: list key {}, object key {have}",
            text(wanted)
        ));
    }
    Ok(())
}

fn path_tests(value: &Value, path: &Path, kind: &str, name: &str) -> Result<BTreeMap<usize, bool>, Refused> {
    let spot = ["spec", "parameters", "pathTests"];
    let refused = |message: String| Err((message, spot.to_vec()));
    let mut tests = BTreeMap::new();
    for test in json::items(json::at(value, &spot)) {
        let text = json::text(test, &["subPath"]);
        let part = match Path::parse(text) {
            Ok(part) => part,
            Err(why) => return refused(format!("problem parsing sub path `{text}` for {kind} {name}: {why}")),
        };
        if !path.0.starts_with(&part.0) || part.0.is_empty() {
            return refused(format!(
                "all subpaths must be a prefix of the `location` value of the mutation: subpath \"{part}\" is not a prefix of location \"{path}\""
            ));
        }
        let must = match json::text(test, &["condition"]) {
            "MustExist" => true,
            "MustNotExist" => false,
            other => return refused(format!("{other} is not a valid path test condition")),
        };
        if tests.insert(part.0.len() - 1, must).is_some_and(|before| before != must) {
            return refused(format!(
                "conflicting path test conditions: path \"{part}\" is marked both MustExist and MustNotExist"
            ));
        }
    }
    let lowest_not = tests.iter().find(|(_, must)| !**must).map(|(depth, _)| *depth);
    let highest = tests.iter().rev().find(|(_, must)| **must).map(|(depth, _)| *depth);
    match (highest, lowest_not) {
        (Some(must), Some(not)) if must > not => {
            refused("conflicting path test conditions: a path is marked MustExist but its parent MustNotExist".into())
        }
        _ => Ok(tests),
    }
}

static DOMAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(^[0-9A-Za-z_][0-9A-Za-z_\-]*\.[0-9A-Za-z_\-.]*[0-9A-Za-z_](:[0-9]+)?$)|(^localhost(:[0-9]+)?$)").ok()
});
static IMAGE_PATH: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[a-z0-9]+(?:(?:(?:[._/]|__|[-]*)[a-z0-9]+)+)?").ok());
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(^:[0-9A-Za-z_][0-9A-Za-z_.\-]{0,127}$)|(^@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*[:][0-9A-Fa-f]{32,}$)",
    )
    .ok()
});

fn image_parts(value: &Value, name: &str) -> Result<Action, Refused> {
    let get = |field: &str| json::text(value, &["spec", "parameters", field]);
    let (domain, path, tag) = (get("assignDomain"), get("assignPath"), get("assignTag"));
    let refused =
        |why: String| Err((format!("assignImage {name} has invalid parameters: {why}"), vec!["spec", "parameters"]));
    let fits = |regex: &LazyLock<Option<Regex>>, text: &str| {
        regex.as_ref().and_then(|regex| regex.find(text)).is_some_and(|found| found.as_str() == text)
    };
    if domain.is_empty() && path.is_empty() && tag.is_empty() {
        return refused("at least one of [assignDomain, assignPath, assignTag] must be set".into());
    }
    if !domain.is_empty() && !fits(&DOMAIN, domain) {
        return refused(format!("assignDomain {domain:?} must be a fully-qualified domain name or localhost"));
    }
    if !path.is_empty() && !fits(&IMAGE_PATH, path) {
        return refused(format!("assignPath {path:?} must be a valid docker image path"));
    }
    if !tag.is_empty() && !fits(&TAG, tag) {
        return refused(format!(
            "assignTag {tag:?} must be a valid docker image tag or digest starting with ':' or '@'"
        ));
    }
    if domain.is_empty() && !split_domain(path).0.is_empty() {
        return refused(format!(
            "assignDomain must be set if the first part of assignPath {path:?} can be interpretted as part of a domain"
        ));
    }
    Ok(Action::Image { domain: domain.into(), path: path.into(), tag: tag.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_keep_what_is_not_assigned() {
        for (parts, had, wanted) in [
            (("a.io", "", ""), "nginx:1", "a.io/nginx:1"),
            (("", "lib/x", ""), "b.io:5000/nginx@sha256:abc", "b.io:5000/lib/x@sha256:abc"),
            (("", "", ":2"), "localhost/x", "localhost/x:2"),
            (("a.io", "p", ":1"), "", "a.io/p:1"),
        ] {
            assert_eq!(image(parts.0, parts.1, parts.2, had), wanted, "{had}");
        }
    }
}
