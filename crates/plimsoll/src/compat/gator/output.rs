//! Results in gator's formats. In: what was violated, by which object. Out: text, JSON and YAML as gator lays them out.

use std::fmt::Write as _;

use plimsoll_gatekeeper::{Outcome, Response, json};
use plimsoll_rego::value::{JsonStyle, Value, YamlLayout, json_string, quote};

/// One violation of one object.
pub struct Found {
    pub response: Response,
    pub message: String,
    /// An expansion's own action stands for the constraint's.
    pub action: String,
    pub object: Value,
    pub trace: Option<String>,
}

impl Found {
    pub fn new(response: Response, object: Value, trace: Option<String>) -> Found {
        let message = response.outcome.message().to_owned();
        let action = response.constraint.action.to_string();
        Found { response, message, action, object, trace }
    }

    /// Of an object that another one makes: the expansion says so, and may have an action of its own.
    pub fn implied_by(mut self, template: &str, action: &str) -> Found {
        self.message = format!("[Implied by {template}] {}", self.message);
        if !action.is_empty() {
            self.action = action.to_owned();
        }
        self
    }

    pub fn denies(&self) -> bool {
        self.action == "deny" || self.response.scoped.iter().any(|action| &**action == "deny")
    }

    fn metadata(&self) -> Option<Value> {
        match &self.response.outcome {
            Outcome::Violation { details, .. } if !matches!(details, Value::Null) => {
                Some(json::object([("details", details.clone())]))
            }
            Outcome::Undecided { unmatched: false, .. } => Some(json::object([("details", Value::Null)])),
            _ => None,
        }
    }
}

/// How long it took to ask.
pub struct Stat {
    /// A template's kind; or a constraint's kind and name.
    pub of: String,
    pub nanoseconds: u128,
    pub timed: Timed,
    /// The expansion that the object came from.
    pub implied_by: Option<String>,
}

/// What is timed as one.
pub enum Timed {
    /// All constraints of a template in Rego.
    Template { constraints: usize, print: bool },
    /// A constraint whose template is in the API server's own language.
    Constraint,
}

pub fn text(found: &[&Found]) -> String {
    let mut out = String::new();
    for one in found {
        let get = |path: &[&str]| json::text(&one.object, path);
        let (name, namespace) = (get(&["metadata", "name"]), get(&["metadata", "namespace"]));
        let name = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        let line = format!("{}/{} {name}: [", get(&["apiVersion"]), get(&["kind"]));
        out.push_str(&plimsoll_report::safe(&line));
        quote(&mut out, &one.response.constraint.name);
        out.push_str("] Message: ");
        quote(&mut out, &one.message);
        out.push('\n');
        if let Some(trace) = &one.trace {
            let _ = write!(out, "Trace: {trace}");
        }
    }
    out
}

const STEP: &str = "    ";

/// The fields of a result, in gator's order.
fn fields(one: &Found) -> Vec<(&'static str, Value)> {
    let mut fields = vec![("target", Value::string(plimsoll_gatekeeper::template::TARGET))];
    if !one.message.is_empty() {
        fields.push(("msg", Value::string(one.message.as_str())));
    }
    fields.extend(one.metadata().map(|metadata| ("metadata", metadata)));
    fields.push(("constraint", one.response.constraint.value.clone()));
    if !one.action.is_empty() {
        fields.push(("enforcementAction", Value::string(one.action.as_str())));
    }
    if !one.response.scoped.is_empty() {
        fields.push(("scopedActions", scoped(one)));
    }
    fields.push(("violatingObject", one.object.clone()));
    fields.push(("trace", one.trace.as_deref().map_or(Value::Null, Value::string)));
    fields
}

fn scoped(one: &Found) -> Value {
    Value::array(one.response.scoped.iter().map(|action| Value::string(&**action)).collect())
}

fn stat_fields(stat: &Stat) -> Vec<(&'static str, Value)> {
    let number = |number: u128| Value::int(i64::try_from(number).unwrap_or(i64::MAX));
    let (scope, engine) = match stat.timed {
        Timed::Template { .. } => ("template", "Rego"),
        Timed::Constraint => ("constraint", "K8sNativeValidation"),
    };
    let source = || json::object([("type", Value::string("engine")), ("value", Value::string(engine))]);
    let one = |name: &str, value| json::object([("name", Value::string(name)), ("value", value), ("source", source())]);
    let label = |name: &str, value| json::object([("name", Value::string(name)), ("value", value)]);
    let times = number(stat.nanoseconds);
    let (stats, mut labels) = match stat.timed {
        Timed::Template { constraints, print } => (
            vec![
                one("templateRunTimeNS", times),
                one("constraintCount", number(u128::try_from(constraints).unwrap_or(u128::MAX))),
            ],
            vec![label("TracingEnabled", Value::Bool(false)), label("PrintEnabled", Value::Bool(print))],
        ),
        Timed::Constraint => (vec![one("runTimeNS", times)], Vec::new()),
    };
    labels.push(label("target", Value::string(plimsoll_gatekeeper::template::TARGET)));
    labels.extend(stat.implied_by.as_deref().map(|name| label("Implied by", Value::string(name))));
    vec![
        ("scope", Value::string(scope)),
        ("statsFor", Value::string(stat.of.as_str())),
        ("stats", Value::array(stats)),
        ("labels", Value::array(labels)),
    ]
}

/// A list of objects with fields in their order, as `json.MarshalIndent` lays it out.
fn json_list(out: &mut String, list: &[Vec<(&'static str, Value)>], prefix: &str) {
    if list.is_empty() {
        out.push_str("null");
        return;
    }
    out.push('[');
    for (at, fields) in list.iter().enumerate() {
        let _ = write!(out, "{}\n{prefix}{STEP}{{", if at > 0 { "," } else { "" });
        let inner = format!("{prefix}{STEP}{STEP}");
        for (at, (name, value)) in fields.iter().enumerate() {
            let _ = write!(out, "{}\n{inner}", if at > 0 { "," } else { "" });
            json_string(out, name, true);
            out.push_str(": ");
            value.write_json(out, &JsonStyle { escape_html: true, indent: Some((&inner, STEP)) });
        }
        let _ = write!(out, "\n{prefix}{STEP}}}");
    }
    let _ = write!(out, "\n{prefix}]");
}

pub fn json(found: &[&Found], stats: Option<&[Stat]>) -> String {
    let mut out = String::new();
    let results: Vec<_> = found.iter().map(|one| fields(one)).collect();
    match stats {
        None => json_list(&mut out, &results, ""),
        Some(stats) => {
            let stats: Vec<_> = stats.iter().map(stat_fields).collect();
            let _ = write!(out, "{{\n{STEP}\"results\": ");
            json_list(&mut out, &results, STEP);
            let _ = write!(out, ",\n{STEP}\"stats\": ");
            json_list(&mut out, &stats, STEP);
            out.push_str("\n}");
        }
    }
    out
}

const LAYOUT: YamlLayout = YamlLayout { indent: 4, flush_lists: false };

/// `key: value`, the key at a column.
fn yaml_field(out: &mut String, column: usize, first: &str, name: &str, value: &Value) {
    let _ = write!(out, "{}{first}{name}:", " ".repeat(column.saturating_sub(first.len())));
    value.write_yaml_field(out, column, LAYOUT);
}

fn yaml_results(out: &mut String, found: &[&Found], column: usize) {
    for one in found {
        let _ = writeln!(out, "{}- result:", " ".repeat(column));
        let key = column + 2;
        let inner = LAYOUT.deeper(key);
        let empty = || Value::object(Vec::new());
        let field = |out: &mut String, name: &str, value: &Value| yaml_field(out, inner, "", name, value);
        field(out, "target", &Value::string(plimsoll_gatekeeper::template::TARGET));
        field(out, "msg", &Value::string(one.message.as_str()));
        field(out, "metadata", &one.metadata().unwrap_or_else(empty));
        field(out, "constraint", &json::object([("object", one.response.constraint.value.clone())]));
        field(out, "enforcementaction", &Value::string(one.action.as_str()));
        field(out, "scopedenforcementactions", &scoped(one));
        yaml_field(out, key, "", "violatingObject", &one.object);
        yaml_field(out, key, "", "trace", &one.trace.as_deref().map_or(Value::Null, Value::string));
    }
}

pub fn yaml(found: &[&Found], stats: Option<&[Stat]>) -> String {
    let mut out = String::new();
    let Some(stats) = stats else {
        match found {
            [] => out.push_str("[]\n"),
            _ => yaml_results(&mut out, found, 0),
        }
        return out;
    };
    match found {
        [] => out.push_str("results: []\n"),
        _ => {
            out.push_str("results:\n");
            yaml_results(&mut out, found, 4);
        }
    }
    match stats {
        [] => out.push_str("stats: []\n"),
        _ => out.push_str("stats:\n"),
    }
    for stat in stats {
        for (at, (name, value)) in stat_fields(stat).iter().enumerate() {
            let name = if *name == "statsFor" { "statsfor" } else { name };
            yaml_stat(&mut out, if at == 0 { "- " } else { "" }, name, value);
        }
    }
    out
}

/// Numbers and their sources stand in the order of gator's own fields, which is not that of their names.
fn yaml_stat(out: &mut String, first: &str, name: &str, value: &Value) {
    if !matches!(name, "stats") {
        return yaml_field(out, 6, first, name, value);
    }
    let _ = writeln!(out, "      {name}:");
    for one in json::items(Some(value)) {
        for (at, name) in ["name", "value", "source"].into_iter().enumerate() {
            let value = json::field(one, name).cloned().unwrap_or(Value::Null);
            yaml_field(out, 10, if at == 0 { "- " } else { "" }, name, &value);
        }
    }
}
