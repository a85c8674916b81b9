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
        fn map<T>(of: &BTreeMap<String, T>, inner: impl Fn(&T) -> Value) -> Value {
            Value::object(of.iter().map(|(name, value)| (Value::string(name.as_str()), inner(value))).collect())
        }
        let kinds = |kinds: &Kinds| map(kinds, |kinds| map(kinds, |names| map(names, Value::clone)));
        let mut entries = Vec::new();
        if !self.cluster.is_empty() {
            entries.push((Value::string("cluster"), kinds(&self.cluster)));
        }
        if !self.namespaced.is_empty() {
            entries.push((Value::string("namespace"), map(&self.namespaced, kinds)));
        }
        Value::object(entries)
    }

    /// A Namespace of the inventory.
    pub fn namespace(&self, name: &str) -> Option<&Value> {
        self.cluster.get("v1")?.get("Namespace")?.get(name).filter(|object| is_namespace(object))
    }
}
