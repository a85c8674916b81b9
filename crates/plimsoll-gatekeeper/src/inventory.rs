//! What else is in the cluster, for policies that look around. In: objects. Out: the document that policies see as
//! `data.inventory`, in Gatekeeper's layout, and the namespaces among them.

use std::collections::BTreeMap;

use plimsoll_rego::value::Value;

use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::matching::is_namespace;

/// Objects by namespace, `apiVersion`, kind and name; those of no namespace without the first.
type Names = BTreeMap<String, Value>;
type Kinds = BTreeMap<String, BTreeMap<String, Names>>;

/// Objects of one kind in one namespace.
#[derive(Debug, Clone)]
pub struct Several {
    /// Empty for those of none.
    pub namespace: String,
    pub api_version: String,
    pub kind: String,
    /// An object of objects, by their names.
    pub names: Value,
}

#[derive(Debug, Clone, Default)]
pub struct Inventory {
    cluster: Kinds,
    namespaced: BTreeMap<String, Kinds>,
}

impl Inventory {
    /// # Errors
    /// The object has no kind or version.
    pub fn add(&mut self, document: &Document) -> Result<(), Fault> {
        let (version, kind) = (json::text(document.value(), &["apiVersion"]), document.kind());
        let missing = match (document.version(), kind) {
            ("", _) => Some("version"),
            (_, "") => Some("kind"),
            _ => None,
        };
        if let Some(missing) = missing {
            let message = format!(
                "admission.k8s.gatekeeper.sh: invalid request object: resource {} has no {missing}\n",
                document.name()
            );
            let field = if missing == "kind" { "kind" } else { "apiVersion" };
            let fault = Fault::new(FaultKind::Inventory, message).hint(format!("give it its {field}"));
            return Err(match document.place::<&str>(&[]) {
                Some(place) => fault.at(place),
                None => fault,
            });
        }
        let of = match document.namespace() {
            "" => &mut self.cluster,
            namespace => self.namespaced.entry(namespace.to_owned()).or_default(),
        };
        let names = of.entry(version.to_owned()).or_default().entry(kind.to_owned()).or_default();
        names.insert(document.name().to_owned(), document.value().clone());
        Ok(())
    }

    /// As policies see it, without `data.inventory` itself.
    pub fn document(&self) -> Value {
        self.document_with([])
    }

    /// The same with more objects, of which those win that are here already.
    pub fn document_with(&self, more: impl IntoIterator<Item = Several>) -> Value {
        let mut all: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>> = BTreeMap::new();
        for Several { namespace, api_version, kind, names } in more {
            all.entry(namespace).or_default().entry(api_version).or_default().insert(kind, names);
        }
        let own = std::iter::once(("", &self.cluster)).chain(self.namespaced.iter().map(|(name, of)| (&**name, of)));
        for (namespace, versions) in own {
            for (version, kinds) in versions {
                for (kind, names) in kinds {
                    let of = all.entry(namespace.to_owned()).or_default().entry(version.clone()).or_default();
                    let beside = match of.get(kind) {
                        Some(Value::Object(there)) => there.entries(),
                        _ => &[],
                    };
                    let others = beside.iter().filter(|(name, _)| name.as_str().is_none_or(|n| !names.contains_key(n)));
                    let own = names.iter().map(|(name, value)| (Value::string(name.as_str()), value.clone()));
                    let both = others.cloned().chain(own).collect();
                    of.insert(kind.clone(), Value::object(both));
                }
            }
        }
        fn map<T>(of: &BTreeMap<String, T>, inner: impl Fn(&T) -> Value) -> Value {
            Value::object(of.iter().map(|(name, value)| (Value::string(name.as_str()), inner(value))).collect())
        }
        let kinds = |versions: &BTreeMap<String, BTreeMap<String, Value>>| map(versions, |of| map(of, Value::clone));
        let mut entries = Vec::new();
        if let Some(cluster) = all.remove("") {
            entries.push((Value::string("cluster"), kinds(&cluster)));
        }
        if !all.is_empty() {
            entries.push((Value::string("namespace"), map(&all, kinds)));
        }
        Value::object(entries)
    }

    /// Whether there is an object of such an `apiVersion` and kind.
    pub(crate) fn has(&self, is: impl Fn(&str, &str) -> bool) -> bool {
        let all = self.namespaced.values().chain([&self.cluster]).flatten();
        all.flat_map(|(version, kinds)| kinds.keys().map(move |kind| (version, kind)))
            .any(|(version, kind)| is(version, kind))
    }

    /// A Namespace of the inventory.
    pub fn namespace(&self, name: &str) -> Option<&Value> {
        self.cluster.get("v1")?.get("Namespace")?.get(name).filter(|object| is_namespace(object))
    }
}
