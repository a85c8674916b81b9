//! Documents as values. In: a value and the names of fields. Out: what is there, or a value with something put in its place.
//! Absent and null are told apart only where Gatekeeper does.

use plimsoll_rego::value::{Object, Value};

/// The value at a path of field names.
pub fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| field(value, name))
}

pub fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get_str(name),
        _ => None,
    }
}

/// The text at a path; empty where there is none.
pub fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    at(value, path).and_then(Value::as_str).unwrap_or("")
}

pub fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(array)) => array.items(),
        _ => &[],
    }
}

pub fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let entries = match value {
        Some(Value::Object(object)) => object.entries(),
        _ => &[],
    };
    entries.iter().filter_map(|(key, value)| Some((key.as_str()?, value)))
}

/// All texts of a list.
pub fn texts(value: Option<&Value>) -> Vec<&str> {
    items(value).iter().filter_map(Value::as_str).collect()
}

pub fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true)))
}

pub fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Object(Object::of(entries.map(|(key, value)| (Value::string(key), value))))
}

/// The value with a field set, or, for `None`, taken out. What is no object becomes one.
pub fn with_field(value: &Value, name: &str, new: Option<Value>) -> Value {
    let mut entries: Vec<(Value, Value)> = match value {
        Value::Object(object) => object.entries().to_vec(),
        _ => Vec::new(),
    };
    entries.retain(|(key, _)| key.as_str() != Some(name));
    entries.extend(new.map(|new| (Value::string(name), new)));
    Value::object(entries)
}

/// The value with what is at a path set, objects made on the way.
pub fn with(value: &Value, path: &[&str], new: Option<Value>) -> Value {
    match path {
        [] => new.unwrap_or(Value::Null),
        [last] => with_field(value, last, new),
        [first, rest @ ..] => {
            let empty = Value::object(Vec::new());
            let inner = field(value, first).unwrap_or(&empty);
            with_field(value, first, Some(with(inner, rest, new)))
        }
    }
}

/// `group` and `version` of an object's `apiVersion`.
pub fn group_and_version(object: &Value) -> (&str, &str) {
    let version = text(object, &["apiVersion"]);
    version.split_once('/').unwrap_or(("", version))
}

/// `group/version, Kind=kind`, as Go prints it.
pub fn gvk_text(object: &Value) -> String {
    let (group, version) = group_and_version(object);
    format!("{group}/{version}, Kind={}", text(object, &["kind"]))
}

/// A list as Go's `%v` prints a `[]string`.
pub fn go_list<T: AsRef<str>>(texts: &[T]) -> String {
    format!("[{}]", texts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" "))
}
