//! Which objects a constraint, mutator or expansion is for. In: `spec.match`. Out: whether an object, in its namespace, is
//! matched, or why that cannot be told, in Gatekeeper's words.

use std::sync::Arc;

use plimsoll_rego::value::Value;

use crate::json;

/// Whether an object was sent, or made from one that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// Nobody said.
    #[default]
    Unsaid,
    Original,
    Generated,
}

/// `spec.match`.
#[derive(Debug, Clone, Default)]
pub struct Match {
    kinds: Vec<Kinds>,
    scope: Arc<str>,
    namespaces: Vec<Glob>,
    excluded: Vec<Glob>,
    labels: Option<Selector>,
    namespace_labels: Option<Selector>,
    name: Option<Glob>,
    source: Arc<str>,
}

#[derive(Debug, Clone)]
struct Kinds {
    groups: Vec<Arc<str>>,
    kinds: Vec<Arc<str>>,
}

/// A name with `*` at its front, its end or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Arc<str>);

/// What is matched: an object and the namespace that it is in, where that is known. What matching asks for is looked up once, for
/// there may be many that ask.
#[derive(Debug, Clone, Copy)]
pub struct Matchable<'v> {
    pub object: &'v Value,
    namespace: Option<&'v Value>,
    source: Source,
    group: &'v str,
    kind: &'v str,
    /// The namespace that the object says; empty where it says none.
    namespace_name: &'v str,
    labels: Option<&'v Value>,
}

impl<'v> Matchable<'v> {
    pub fn new(object: &'v Value, namespace: Option<&'v Value>, source: Source) -> Matchable<'v> {
        Matchable {
            object,
            namespace,
            source,
            group: json::group_and_version(object).0,
            kind: json::text(object, &["kind"]),
            namespace_name: metadata(object, "namespace"),
            labels: json::at(object, &["metadata", "labels"]),
        }
    }

    pub fn name(&self) -> &'v str {
        metadata(self.object, "name")
    }

    fn is_namespace(&self) -> bool {
        self.kind == NAMESPACE && self.group.is_empty()
    }

    /// The name of the namespace that counts; none for what is in none.
    fn namespace_of(&self) -> Option<&'v str> {
        if self.is_namespace() {
            return Some(self.name());
        }
        if let Some(namespace) = self.namespace {
            return Some(metadata(namespace, "name"));
        }
        Some(self.namespace_name).filter(|name| !name.is_empty())
    }
}

impl Glob {
    pub fn new(text: &str) -> Glob {
        Glob(text.into())
    }

    pub fn matches(&self, name: &str) -> bool {
        match (self.0.strip_prefix('*'), self.0.strip_suffix('*')) {
            (Some(rest), Some(_)) => name.contains(rest.strip_suffix('*').unwrap_or(rest)),
            (Some(end), None) => name.ends_with(end),
            (None, Some(start)) => name.starts_with(start),
            (None, None) => *self.0 == *name,
        }
    }

    /// A name that the API server will complete can only be told from its beginning.
    fn matches_generated(&self, name: &str) -> bool {
        self.0.ends_with('*') && self.matches(name)
    }
}

fn globs(value: Option<&Value>) -> Vec<Glob> {
    json::texts(value).into_iter().map(Glob::new).collect()
}

fn names(value: Option<&Value>) -> Vec<Arc<str>> {
    json::texts(value).into_iter().map(Arc::from).collect()
}

const NAMESPACE: &str = "Namespace";

pub fn is_namespace(object: &Value) -> bool {
    json::text(object, &["kind"]) == NAMESPACE && json::group_and_version(object).0.is_empty()
}

fn metadata<'v>(object: &'v Value, field: &str) -> &'v str {
    json::text(object, &["metadata", field])
}

impl Match {
    /// Reads a match; what fields are wrong is the schema's to say.
    ///
    /// # Errors
    /// A selector that selects nothing it can, in the API server's words.
    pub fn read(value: &Value) -> Result<Match, String> {
        let get = |name| json::field(value, name).filter(|value| !matches!(value, Value::Null));
        let selector = |name| get(name).map(Selector::read).transpose();
        let kinds = json::items(get("kinds")).iter();
        Ok(Match {
            kinds: kinds
                .map(|kinds| Kinds {
                    groups: names(json::field(kinds, "apiGroups")),
                    kinds: names(json::field(kinds, "kinds")),
                })
                .collect(),
            scope: json::text(value, &["scope"]).into(),
            namespaces: globs(get("namespaces")),
            excluded: globs(get("excludedNamespaces")),
            labels: selector("labelSelector")?,
            namespace_labels: selector("namespaceSelector")?,
            name: Some(json::text(value, &["name"])).filter(|name| !name.is_empty()).map(Glob::new),
            source: json::text(value, &["source"]).into(),
        })
    }

    /// Whether the labels of namespaces decide.
    pub fn selects_namespaces(&self) -> bool {
        self.namespace_labels.is_some()
    }

    /// The kinds that can match, for an index; `None` where all can.
    pub fn index(&self) -> Option<Vec<&Arc<str>>> {
        let open = |kinds: &Kinds| kinds.kinds.is_empty() || kinds.kinds.iter().any(|kind| &**kind == "*");
        if self.kinds.is_empty() || self.kinds.iter().any(open) {
            return None;
        }
        Some(self.kinds.iter().flat_map(|kinds| &kinds.kinds).collect())
    }

    /// Whether it is matched.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn matches(&self, target: &Matchable<'_>) -> Result<bool, String> {
        if !self.kinds_match(target) || !self.scope_matches(target) {
            return Ok(false);
        }
        let namespace = target.namespace_of();
        if let (false, Some(name)) = (self.namespaces.is_empty(), namespace)
            && !self.namespaces.iter().any(|glob| glob.matches(name))
        {
            return Ok(false);
        }
        if let Some(name) = namespace
            && self.excluded.iter().any(|glob| glob.matches(name))
        {
            return Ok(false);
        }
        if self.labels.as_ref().is_some_and(|selector| !selector.matches(target.labels)) {
            return Ok(false);
        }
        if !self.namespace_selected(target)? {
            return Ok(false);
        }
        if let Some(name) = &self.name {
            let generated = metadata(target.object, "generateName");
            if !name.matches(target.name()) && !name.matches_generated(generated) {
                return Ok(false);
            }
        }
        self.source_matches(target)
    }

    fn kinds_match(&self, target: &Matchable<'_>) -> bool {
        if self.kinds.is_empty() {
            return true;
        }
        let one = |list: &[Arc<str>], have: &str| {
            list.is_empty() || list.iter().any(|want| &**want == "*" || **want == *have)
        };
        self.kinds.iter().any(|kinds| one(&kinds.kinds, target.kind) && one(&kinds.groups, target.group))
    }

    /// Other words than these two match everything.
    fn scope_matches(&self, target: &Matchable<'_>) -> bool {
        let inside = !target.namespace_name.is_empty() || target.namespace.is_some();
        match &*self.scope {
            "Cluster" => target.is_namespace() || !inside,
            "Namespaced" => !target.is_namespace() && inside,
            _ => true,
        }
    }

    fn namespace_selected(&self, target: &Matchable<'_>) -> Result<bool, String> {
        let Some(selector) = &self.namespace_labels else { return Ok(true) };
        if target.is_namespace() {
            return Ok(selector.matches(target.labels));
        }
        match target.namespace {
            Some(namespace) => Ok(selector.matches(json::at(namespace, &["metadata", "labels"]))),
            None if target.namespace_name.is_empty() => Ok(true),
            None => Err("namespace selector for namespace-scoped object but missing Namespace".into()),
        }
    }

    fn source_matches(&self, target: &Matchable<'_>) -> Result<bool, String> {
        let wanted = match &*self.source {
            "" | "All" => return Ok(true),
            "Original" => Source::Original,
            "Generated" => Source::Generated,
            other => return Err(format!("invalid source field {other:?}")),
        };
        if target.source == Source::Unsaid {
            return Err(format!("source field not specified for resource {}", metadata(target.object, "name")));
        }
        Ok(wanted == target.source)
    }
}

/// A selector of labels.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    needs: Vec<Need>,
}

#[derive(Debug, Clone)]
struct Need {
    key: Arc<str>,
    operator: Operator,
    values: Vec<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads `matchLabels` and `matchExpressions`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(value: &Value) -> Result<Selector, String> {
        let mut wrong = Vec::new();
        let mut needs = Vec::new();
        for (key, value) in json::entries(json::field(value, "matchLabels")) {
            let values = vec![value.as_str().unwrap_or("").into()];
            needs.push(Need { key: key.into(), operator: Operator::In, values });
        }
        for (at, need) in json::items(json::field(value, "matchExpressions")).iter().enumerate() {
            let path = format!("spec.labelSelector.matchExpressions[{at}]");
            let values = names(json::field(need, "values"));
            let word = json::text(need, &["operator"]);
            let operator = match word {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => {
                    wrong.push(format!("{path}.operator: Invalid value: {word:?}: not a valid selector operator"));
                    continue;
                }
            };
            match operator {
                Operator::In | Operator::NotIn if values.is_empty() => wrong.push(format!(
                    "{path}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
                )),
                Operator::Exists | Operator::DoesNotExist if !values.is_empty() => wrong.push(format!(
                    "{path}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                )),
                _ => needs.push(Need { key: json::text(need, &["key"]).into(), operator, values }),
            }
        }
        if wrong.is_empty() { Ok(Selector { needs }) } else { Err(crate::aggregate(&wrong)) }
    }

    pub fn matches(&self, labels: Option<&Value>) -> bool {
        self.needs.iter().all(|need| {
            let have = labels.and_then(|labels| json::field(labels, &need.key)).and_then(Value::as_str);
            let among = |have: &str| need.values.iter().any(|value| **value == *have);
            match need.operator {
                Operator::In => have.is_some_and(among),
                Operator::NotIn => !have.is_some_and(among),
                Operator::Exists => have.is_some(),
                Operator::DoesNotExist => have.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json(json.as_bytes()).unwrap()
    }

    fn matches(spec: &str, object: &str, namespace: Option<&str>, source: Source) -> Result<bool, String> {
        let (object, namespace) = (value(object), namespace.map(value));
        let target = Matchable::new(&object, namespace.as_ref(), source);
        Match::read(&value(spec))?.matches(&target)
    }

    const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", "labels": {"a": "1"}}}"#;
    const SPACE: &str =
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"env": "prod"}}}"#;
    const ROLE: &str =
        r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}}"#;

    #[test]
    fn globs_stand_at_the_ends() {
        for (glob, name, wanted) in [
            ("kube-*", "kube-system", true),
            ("*-system", "kube-system", true),
            ("*e-s*", "kube-system", true),
            ("kube", "kube-system", false),
            ("k*m", "kube-system", false),
            ("*", "anything", true),
            ("**", "", true),
        ] {
            assert_eq!(Glob::new(glob).matches(name), wanted, "{glob} {name}");
        }
        assert!(!Glob::new("*-pod").matches_generated("a-pod"));
        assert!(Glob::new("web-*").matches_generated("web-"));
    }

    #[test]
    fn every_field_narrows() {
        for (spec, object, wanted) in [
            ("{}", POD, true),
            (r#"{"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}"#, POD, true),
            (r#"{"kinds": [{"apiGroups": ["apps"], "kinds": ["Pod"]}]}"#, POD, false),
            (r#"{"kinds": [{"apiGroups": ["apps"]}, {"kinds": ["*"]}]}"#, POD, true),
            (r#"{"scope": "Cluster"}"#, POD, false),
            (r#"{"scope": "Cluster"}"#, ROLE, true),
            (r#"{"scope": "Namespaced"}"#, SPACE, false),
            (r#"{"scope": "cluster"}"#, POD, true),
            (r#"{"namespaces": ["sh*"]}"#, POD, true),
            (r#"{"namespaces": ["other"]}"#, POD, false),
            (r#"{"namespaces": ["other"]}"#, ROLE, true),
            (r#"{"namespaces": ["shop"]}"#, SPACE, true),
            (r#"{"excludedNamespaces": ["shop"]}"#, POD, false),
            (r#"{"excludedNamespaces": ["shop"]}"#, SPACE, false),
            (r#"{"excludedNamespaces": ["shop"]}"#, ROLE, true),
            (r#"{"labelSelector": {"matchLabels": {"a": "1"}}}"#, POD, true),
            (
                r#"{"labelSelector": {"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}}"#,
                POD,
                true,
            ),
            (r#"{"labelSelector": {"matchExpressions": [{"key": "b", "operator": "Exists"}]}}"#, POD, false),
            (r#"{"namespaceSelector": {"matchLabels": {"env": "prod"}}}"#, SPACE, true),
            (r#"{"namespaceSelector": {"matchLabels": {"env": "prod"}}}"#, ROLE, true),
            (r#"{"name": "web-*"}"#, POD, true),
            (r#"{"name": "db-*"}"#, POD, false),
            (r#"{"source": "Generated"}"#, POD, false),
            (r#"{"source": "All"}"#, POD, true),
        ] {
            assert_eq!(matches(spec, object, None, Source::Original), Ok(wanted), "{spec} {object}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_no_answer() {
        let selector = r#"{"namespaceSelector": {"matchLabels": {"env": "prod"}}}"#;
        assert!(matches(selector, POD, None, Source::Original).unwrap_err().contains("missing Namespace"));
        assert_eq!(matches(selector, POD, Some(SPACE), Source::Original), Ok(true));
        assert!(matches(r#"{"source": "Original"}"#, POD, None, Source::Unsaid).is_err());
        let bad = r#"{"labelSelector": {"matchExpressions": [{"key": "b", "operator": "Is"}]}}"#;
        assert!(matches(bad, POD, None, Source::Original).unwrap_err().contains("not a valid selector operator"));
    }
}
