//! Manifests together. In: all files of a run. Out: what one object says of another that is not so: selectors that select
//! nothing, names of what is not there, pods that no policy isolates. What it does not do: know the cluster; a name is only
//! missing where the run defines others of its kind in the same namespace.
//!
//! How to add a rule: a `pub const NAME: Rule` with `Check::Project` in the file of its subject, and its line
//! in `rules/mod.rs`.

pub mod bindings;
pub mod defaults;
pub mod duplicates;
pub mod network;
pub mod references;
pub mod resilience;
pub mod selector;
pub mod services;

use std::collections::{HashMap, HashSet};

use self::selector::{Labels, Operator, Selector};
use super::object::{Manifest, Object, Workload, at, span};
use crate::source::{Found, Span};

/// The kinds that rules ask for, with the groups that have them; a Service of another group is another thing.
const KINDS: &[(&str, &[&str])] = &[
    ("ClusterRole", &["rbac.authorization.k8s.io"]),
    ("ClusterRoleBinding", &["rbac.authorization.k8s.io"]),
    ("ConfigMap", &[""]),
    ("HorizontalPodAutoscaler", &["autoscaling"]),
    ("Ingress", &["networking.k8s.io", "extensions"]),
    ("LimitRange", &[""]),
    ("Namespace", &[""]),
    ("NetworkPolicy", &["networking.k8s.io", "extensions"]),
    ("PersistentVolumeClaim", &[""]),
    ("PodDisruptionBudget", &["policy"]),
    ("Role", &["rbac.authorization.k8s.io"]),
    ("RoleBinding", &["rbac.authorization.k8s.io"]),
    ("RuntimeClass", &["node.k8s.io"]),
    ("Secret", &[""]),
    ("Service", &[""]),
    ("ServiceAccount", &[""]),
];

/// Namespaces that every cluster fills by itself: what is not in the run may well be there.
const CLUSTERS_OWN: &[&str] = &["kube-system", "kube-public", "kube-node-lease"];

/// An object and the file that it is in.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'m> {
    pub file: usize,
    pub object: &'m Object,
}

/// What makes pods, with their labels.
#[derive(Debug, Clone)]
pub struct Pod<'m> {
    pub file: usize,
    pub workload: Workload<'m>,
    pub labels: Labels<'m>,
}

/// The objects of a run, found by kind, namespace, name and label without going through all. It is made once for all rules.
pub struct Project<'m> {
    pub manifests: &'m [Manifest<'m>],
    kinds: HashMap<&'static str, HashMap<Option<&'m str>, Vec<Entry<'m>>>>,
    names: HashMap<(&'static str, &'m str), Vec<Entry<'m>>>,
    pub pods: Vec<Pod<'m>>,
    spaces: HashMap<Option<&'m str>, Vec<usize>>,
    /// Namespaces with a pod whose labels cannot be told.
    unsure: HashSet<Option<&'m str>>,
    labelled: HashMap<(&'m str, &'m str), Vec<usize>>,
    /// Names of ConfigMaps and Secrets that something in the run makes.
    made: HashSet<&'m str>,
}

impl<'m> Project<'m> {
    /// Gathers what rules ask for.
    pub fn of(manifests: &'m [Manifest<'m>]) -> Project<'m> {
        let mut project = Project {
            manifests,
            kinds: HashMap::new(),
            names: HashMap::new(),
            pods: Vec::new(),
            spaces: HashMap::new(),
            unsure: HashSet::new(),
            labelled: HashMap::new(),
            made: HashSet::new(),
        };
        for (file, manifest) in manifests.iter().enumerate() {
            for object in &manifest.objects {
                project.add(Entry { file, object });
            }
            for other in &manifest.others {
                project.add_made(other);
            }
        }
        project
    }

    fn add(&mut self, entry: Entry<'m>) {
        let object = entry.object;
        let known = KINDS.iter().find(|(kind, groups)| *kind == object.kind && groups.contains(&object.group()));
        if let Some((kind, _)) = known {
            self.kinds.entry(kind).or_default().entry(space(object)).or_default().push(entry);
            self.names.entry((kind, &object.name)).or_default().push(entry);
        } else {
            self.add_made(&object.node);
            if object.kind.contains("Secret") || object.kind.contains("Config") {
                self.made.insert(&object.name);
                self.made.extend(object.at(&["spec", "target", "name"]).and_then(|name| name.text()));
            }
            self.made.extend(object.at(&["spec", "secretName"]).and_then(|name| name.text()));
        }
        if let Some(workload) = object.workload() {
            let number = self.pods.len();
            let labels = Labels::of(workload.metadata);
            self.spaces.entry(space(object)).or_default().push(number);
            if labels.unsure {
                self.unsure.insert(space(object));
            }
            for (key, value) in &labels.pairs {
                self.labelled.entry((key, value)).or_default().push(number);
            }
            self.pods.push(Pod { file: entry.file, workload, labels });
        }
    }

    /// What a kustomization makes.
    fn add_made(&mut self, node: &'m std::sync::Arc<plimsoll_yaml::Node>) {
        for list in ["configMapGenerator", "secretGenerator"] {
            for item in node.get(list).map(|list| list.items()).unwrap_or_default() {
                self.made.extend(item.get("name").and_then(|name| name.text()));
            }
        }
    }

    /// Every object of a kind.
    pub fn all(&self, kind: &str) -> Vec<Entry<'m>> {
        let mut all: Vec<Entry<'m>> =
            self.kinds.get(kind).into_iter().flat_map(|spaces| spaces.values().flatten()).copied().collect();
        all.sort_by_key(|entry| (entry.file, entry.object.node.start));
        all
    }

    /// Objects of a kind that may be in a namespace: where one of both does not say, it may be any.
    pub fn within(&self, kind: &str, namespace: Option<&'m str>) -> impl Iterator<Item = Entry<'m>> {
        let spaces = self.kinds.get(kind);
        let own = spaces.and_then(|spaces| spaces.get(&namespace));
        let unsaid = spaces.filter(|_| namespace.is_some()).and_then(|spaces| spaces.get(&None));
        let others = spaces.filter(|_| namespace.is_none()).into_iter().flatten();
        let others = others.filter(|(space, _)| space.is_some()).flat_map(|(_, entries)| entries);
        own.into_iter().flatten().chain(unsaid.into_iter().flatten()).chain(others).copied()
    }

    /// Whether the run defines an object of the kind that may be in the namespace: only then is another one missing.
    pub fn defines(&self, kind: &str, namespace: Option<&'m str>) -> bool {
        !is_clusters_own(namespace) && self.within(kind, namespace).next().is_some()
    }

    /// The object of a kind with a name that may be in a namespace.
    pub fn named(&self, kind: &'static str, namespace: Option<&str>, name: &str) -> Option<Entry<'m>> {
        let entries = self.names.get(&(kind, name))?;
        entries.iter().copied().find(|entry| may_share(space(entry.object), namespace))
    }

    /// Something in the run makes a ConfigMap or Secret of this name, perhaps with a suffix.
    pub fn is_made(&self, name: &str) -> bool {
        self.made.contains(name)
    }

    /// The pods that may be in a namespace.
    pub fn pods_within(&self, namespace: Option<&'m str>) -> impl Iterator<Item = &Pod<'m>> {
        let own = self.spaces.get(&namespace);
        let unsaid = self.spaces.get(&None).filter(|_| namespace.is_some());
        let others = self.spaces.iter().filter(move |(space, _)| namespace.is_none() && space.is_some());
        let numbers = own.into_iter().chain(unsaid).chain(others.map(|(_, numbers)| numbers)).flatten();
        numbers.filter_map(|number| self.pods.get(*number))
    }

    /// The pods of a namespace that a selector selects.
    pub fn selected<'p>(
        &'p self,
        namespace: Option<&'m str>,
        selector: &'p Selector<'_>,
    ) -> Box<dyn Iterator<Item = &'p Pod<'m>> + 'p> {
        let candidates: Box<dyn Iterator<Item = &'p Pod<'m>>> = match self.candidates(selector) {
            Some(numbers) => {
                let pods = numbers.into_iter().filter_map(|number| self.pods.get(number));
                Box::new(pods.filter(move |pod| may_share(pod.namespace(), namespace)))
            }
            None => Box::new(self.pods_within(namespace)),
        };
        Box::new(candidates.filter(|pod| selector.selects(&pod.labels)))
    }

    /// The pods with a label that the selector names: of its labels, the rarest. None where it names none.
    fn candidates(&self, selector: &Selector<'_>) -> Option<Vec<usize>> {
        let with = |key, value| self.labelled.get(&(key, value)).map(Vec::as_slice).unwrap_or_default();
        let named = selector.requirements.iter().filter(|one| one.operator == Operator::In);
        let lists = named.map(|one| {
            let values: HashSet<&str> = one.values.iter().copied().collect();
            values.into_iter().map(|value| with(one.key, value)).collect::<Vec<_>>()
        });
        let rarest = lists.min_by_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>())?;
        let mut numbers = rarest.concat();
        numbers.sort_unstable();
        Some(numbers)
    }

    /// No pod of the namespace can be selected, though there are some.
    pub fn selects_none(&self, namespace: Option<&'m str>, selector: &Selector<'_>) -> bool {
        let unsure = match namespace {
            None => !self.unsure.is_empty(),
            Some(_) => self.unsure.contains(&namespace) || self.unsure.contains(&None),
        };
        !is_clusters_own(namespace)
            && !unsure
            && self.pods_within(namespace).next().is_some()
            && self.selected(namespace, selector).next().is_none()
    }

    /// `web.yaml:12`, for messages that speak of another file.
    pub fn place(&self, file: usize, span: Span) -> String {
        self.manifests.get(file).map_or_else(String::new, |manifest| {
            format!("{}:{}", manifest.source.path, manifest.source.line(span.start))
        })
    }
}

impl<'m> Pod<'m> {
    pub fn namespace(&self) -> Option<&'m str> {
        space(self.workload.object)
    }
}

/// The namespace that an object says.
fn space(object: &Object) -> Option<&str> {
    object.namespace.as_deref()
}

fn is_clusters_own(namespace: Option<&str>) -> bool {
    namespace.is_some_and(|name| CLUSTERS_OWN.contains(&name))
}

/// Two objects may be in the same namespace.
fn may_share(a: Option<&str>, b: Option<&str>) -> bool {
    a == b || a.is_none() || b.is_none()
}

/// ` in the namespace x`, where it says one.
fn in_space(namespace: Option<&str>) -> String {
    namespace.map(|name| format!(" in the namespace `{name}`")).unwrap_or_default()
}

/// The value of `metadata.name`, else the object's kind: what shows an object.
fn shown_at(object: &Object) -> Span {
    let name = object.at(&["metadata", "name"]).or_else(|| object.at(&["kind"]));
    name.map_or_else(|| span(&object.node), |node| span(node))
}

/// The text at a path below a node, where it is one that is set and no template.
fn text_at<'m>(node: &'m std::sync::Arc<plimsoll_yaml::Node>, path: &[&str]) -> Option<(&'m str, Span)> {
    let found = at(node, path)?;
    let text = found.string().filter(|text| !text.contains("{{") && !text.contains("${"))?;
    Some((text, span(found)))
}

type All<'f> = &'f mut Vec<(usize, Found)>;

#[cfg(test)]
mod tests;
