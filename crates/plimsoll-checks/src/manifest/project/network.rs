//! Isolation of pods. In: the run. Out: namespaces and pods that no NetworkPolicy isolates, policies that select nothing. What
//! it does not do: follow the rules of the policies.

use std::collections::{BTreeSet, HashMap};

use plimsoll_model::{RuleInfo, Severity};

use super::selector::Selector;
use super::{All, Pod, Project, in_space, shown_at, space};
use crate::manifest::object::{Object, is_true, span};
use crate::manifest::rules::{Check, Rule};
use crate::source::Found;

/// A namespace of the run that nothing closes by default.
pub const NAMESPACE_WITHOUT_DEFAULT_DENY: Rule = Rule {
    info: RuleInfo {
        id: "namespace-without-default-deny",
        severity: Severity::Low,
        aliases: &["KSV-0038"],
        opt_in: false,
        title: "A namespace with workloads that no NetworkPolicy closes by default",
        why: "A pod that no policy selects takes connections from every pod of the cluster. One policy with an empty \
              `podSelector` closes the namespace, and the others open what is needed.",
        remedy: "add a NetworkPolicy with `podSelector: {}` and `policyTypes: [Ingress, Egress]` to the namespace",
        bad: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  \
              namespace: shop\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  \
               namespace: shop\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n---\n\
               apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: default-deny\n  namespace: shop\nspec:\n  \
               podSelector: {}\n  policyTypes: [Ingress, Egress]\n",
    },
    check: Check::Project(namespaces),
};

/// A pod beside policies that leave it out.
pub const POD_WITHOUT_NETWORK_POLICY: Rule = Rule {
    info: RuleInfo {
        id: "pod-without-network-policy",
        severity: Severity::Low,
        aliases: &["non-isolated-pod", "Pod NetworkPolicy", "missingNetworkPolicy", "CKV2_K8S_6"],
        opt_in: false,
        title: "A pod that none of the NetworkPolicies beside it selects",
        why: "The pod takes connections from every pod of the cluster, though its neighbours do not. Often a label of the \
              selector is misspelt.",
        remedy: "write a NetworkPolicy whose `podSelector` selects the pod's labels, or one with `podSelector: {}`",
        bad: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: db\nspec:\n  podSelector:\n    matchLabels:\n      \
              app: db\n  policyTypes: [Ingress]\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  \
              containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  podSelector:\n    matchLabels:\n      \
               app: web\n  policyTypes: [Ingress]\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  \
               containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(pods),
};

/// A policy for pods that are not there.
pub const NETWORK_POLICY_WITHOUT_PODS: Rule = Rule {
    info: RuleInfo {
        id: "network-policy-without-pods",
        severity: Severity::Medium,
        aliases: &["dangling-networkpolicy", "NetworkPolicy targets Pod"],
        opt_in: false,
        title: "A NetworkPolicy that selects no pod of the run",
        why: "The policy isolates nothing: the pods that it was written for have other labels, and stay open.",
        remedy: "write the labels of the pods into `podSelector`, as their template has them",
        bad: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  podSelector:\n    matchLabels:\n      \
              app: wbe\n  policyTypes: [Ingress]\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  \
              containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  podSelector:\n    matchLabels:\n      \
               app: web\n  policyTypes: [Ingress]\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  \
               containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(policies),
};

/// Whether a NetworkPolicy isolates every pod of its namespace, from the side of who connects to them: all pods are selected
/// and not all connections allowed.
pub fn denies_by_default(policy: &Object) -> bool {
    let selector = policy.at(&["spec", "podSelector"]);
    let everything = selector.is_none_or(|node| Selector::of(node).is_some_and(|selector| selector.is_empty()));
    let types = policy.at(&["spec", "policyTypes"]).map(|types| types.items()).unwrap_or_default();
    // Without types it is Ingress, and Egress where there are rules for it.
    let ingress = types.is_empty() || types.iter().any(|one| one.text() == Some("Ingress"));
    let rules = policy.at(&["spec", "ingress"]).map(|rules| rules.items()).unwrap_or_default();
    // A rule without `from` and `ports` allows all.
    let open = rules
        .iter()
        .any(|rule| ["from", "ports"].iter().all(|key| rule.get(key).is_none_or(|list| list.items().is_empty())));
    policy.at(&["spec"]).is_some() && everything && ingress && !open
}

/// Policies of other makers isolate pods in ways that are not read here.
fn has_foreign_policies(project: &Project<'_>) -> bool {
    let foreign = |object: &Object| {
        object.kind.ends_with("NetworkPolicy") && object.kind != "NetworkPolicy"
            || object.kind == "NetworkPolicy" && !matches!(object.group(), "networking.k8s.io" | "extensions")
    };
    project.manifests.iter().flat_map(|manifest| &manifest.objects).any(foreign)
}

fn is_on_host(pod: &Pod<'_>) -> bool {
    pod.workload.at(&["hostNetwork"]).is_some_and(|node| is_true(node))
}

fn namespaces(project: &Project<'_>, found: All<'_>) {
    if has_foreign_policies(project) {
        return;
    }
    let spaces: BTreeSet<Option<&str>> =
        project.pods.iter().filter(|pod| !is_on_host(pod)).map(Pod::namespace).collect();
    for name in spaces {
        let policies: Vec<_> = project.within("NetworkPolicy", name).collect();
        let defined = name.and_then(|name| project.named("Namespace", None, name));
        if policies.iter().any(|policy| denies_by_default(policy.object)) {
            continue;
        }
        // Policies that leave no pod of the run open close it as well.
        let selectors = Policies::of(project, name);
        if !selectors.is_empty() && project.pods_within(name).all(|pod| is_on_host(pod) || selectors.may_select(pod)) {
            continue;
        }
        // Whoever defines neither the namespace nor a policy looks after both elsewhere.
        let own = policies.iter().find(|policy| space(policy.object) == name).copied();
        let Some(shown) = defined.or(own) else { continue };
        let message = match name {
            Some(name) => format!("the namespace `{name}` has workloads and no NetworkPolicy that denies by default"),
            None => "no NetworkPolicy beside this one denies by default".to_owned(),
        };
        found.push((shown.file, Found::new(&NAMESPACE_WITHOUT_DEFAULT_DENY.info, shown_at(shown.object), message)));
    }
}

/// The selectors of a namespace's policies, those with a label by that label.
#[derive(Default)]
struct Policies<'m> {
    selectors: Vec<Selector<'m>>,
    by_label: HashMap<(&'m str, &'m str), Vec<usize>>,
    others: Vec<usize>,
    /// One could not be read: it may select anything.
    unsure: bool,
}

impl<'m> Policies<'m> {
    fn of(project: &Project<'m>, namespace: Option<&'m str>) -> Policies<'m> {
        let mut all = Policies::default();
        for policy in project.within("NetworkPolicy", namespace) {
            let selector = policy.object.at(&["spec", "podSelector"]);
            let Some(selector) = selector.map_or_else(|| Some(Selector::default()), Selector::of) else {
                all.unsure = true;
                continue;
            };
            let number = all.selectors.len();
            match selector.requirements.iter().find(|requirement| requirement.operator == super::Operator::In) {
                Some(one) => one.values.iter().for_each(|value| {
                    all.by_label.entry((one.key, value)).or_default().push(number);
                }),
                None => all.others.push(number),
            }
            all.selectors.push(selector);
        }
        all
    }

    fn is_empty(&self) -> bool {
        self.selectors.is_empty()
    }

    fn may_select(&self, pod: &Pod<'_>) -> bool {
        let labelled = pod.labels.pairs.iter().filter_map(|(key, value)| self.by_label.get(&(*key, *value)));
        self.unsure
            || pod.labels.unsure
            || labelled.flatten().chain(&self.others).any(|number| self.selectors[*number].selects(&pod.labels))
    }
}

fn pods(project: &Project<'_>, found: All<'_>) {
    if has_foreign_policies(project) {
        return;
    }
    let mut spaces: HashMap<Option<&str>, Policies<'_>> = HashMap::new();
    for pod in project.pods.iter().filter(|pod| !is_on_host(pod)) {
        let namespace = pod.namespace();
        let policies = spaces.entry(namespace).or_insert_with(|| Policies::of(project, namespace));
        if policies.is_empty() || policies.may_select(pod) {
            continue;
        }
        let object = pod.workload.object;
        let message = format!("no NetworkPolicy{} selects the pods of {}", in_space(namespace), object.label());
        found.push((pod.file, Found::new(&POD_WITHOUT_NETWORK_POLICY.info, shown_at(object), message)));
    }
}

fn policies(project: &Project<'_>, found: All<'_>) {
    for policy in project.all("NetworkPolicy") {
        let Some(node) = policy.object.at(&["spec", "podSelector"]) else { continue };
        let Some(selector) = Selector::of(node) else { continue };
        let namespace = space(policy.object);
        if !selector.is_empty() && project.selects_none(namespace, &selector) {
            let message = format!("no pod of the run has the labels `{}`{}", selector.words(), in_space(namespace));
            found.push((policy.file, Found::new(&NETWORK_POLICY_WITHOUT_PODS.info, span(node), message)));
        }
    }
}
