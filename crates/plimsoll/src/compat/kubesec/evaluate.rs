//! Kubesec's questions, asked as it asks them. In: an object. Out: yes or no for each. Its quirks are kept here and nowhere
//! else: one container that satisfies a rule satisfies it for all, capabilities and paths are matched by substring, the pod
//! of a CronJob is looked for where a Deployment's is, and a key without a value counts as a resource that is set. Only
//! objects that `valid.rs` has walked come here, so that their size is bounded.

use std::sync::Arc;

use plimsoll_yaml::{Node, Value};

/// One object under the rules.
pub struct Facts<'n> {
    object: &'n Node,
    /// The pod's spec, where kubesec looks for it.
    spec: Option<&'n Arc<Node>>,
}

impl<'n> Facts<'n> {
    pub fn new(object: &'n Node, kind: &str) -> Facts<'n> {
        let path: &[&str] = if kind == "Pod" { &["spec"] } else { &["spec", "template", "spec"] };
        Facts { object, spec: at(object, path) }
    }

    /// A boolean of the pod's spec.
    pub fn spec_flag(&self, key: &str) -> Option<bool> {
        boolean(self.spec?.get(key)?)
    }

    /// A field of the pod's spec is there and not null.
    pub fn spec_set(&self, key: &str) -> bool {
        self.spec.and_then(|spec| spec.get(key)).is_some_and(|value| !value.is_null())
    }

    /// Some container says yes, or says nothing where the pod says yes for it.
    pub fn any_container(&self, inherited: bool, asks: &dyn Fn(&Node) -> Option<bool>) -> bool {
        let of_pod = inherited && self.spec.and_then(|spec| asks(spec)) == Some(true);
        self.containers().any(|container| asks(container).unwrap_or(of_pod))
    }

    /// Some volume's host path has these letters in it.
    pub fn mounts(&self, letters: &str) -> bool {
        let paths = items(self.spec.and_then(|spec| spec.get("volumes")));
        paths.filter_map(|volume| at(volume, &["hostPath", "path"])).any(|path| contains(path, letters))
    }

    /// Some main container sets a resource, be it to nothing.
    pub fn main_containers_set(&self, what: &str, resource: &str) -> bool {
        let containers = items(self.spec.and_then(|spec| spec.get("containers")));
        containers.into_iter().any(|container| at(container, &["resources", what, resource]).is_some())
    }

    fn containers(&self) -> impl Iterator<Item = &'n Arc<Node>> + use<'n> {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let spec = self.spec;
        lists.into_iter().flat_map(move |list| items(spec.and_then(|spec| spec.get(list))))
    }
}

/// The items of a list that may not be there.
fn items<'n>(list: Option<&'n Arc<Node>>) -> std::slice::Iter<'n, Arc<Node>> {
    list.map(|list| list.items()).unwrap_or_default().iter()
}

pub fn read_only(holder: &Node) -> Option<bool> {
    flag(holder, "readOnlyRootFilesystem")
}

pub fn non_root(holder: &Node) -> Option<bool> {
    flag(holder, "runAsNonRoot")
}

pub fn privileged(holder: &Node) -> Option<bool> {
    flag(holder, "privileged")
}

pub fn escalates(holder: &Node) -> Option<bool> {
    flag(holder, "allowPrivilegeEscalation")
}

pub fn high_user(holder: &Node) -> Option<bool> {
    high(holder, "runAsUser")
}

pub fn high_group(holder: &Node) -> Option<bool> {
    high(holder, "runAsGroup")
}

pub fn adds_sys_admin(holder: &Node) -> Option<bool> {
    let added = context(holder, &["capabilities", "add"])?;
    Some(contains(added, "SYS_ADMIN"))
}

pub fn drops_any(holder: &Node) -> Option<bool> {
    let Value::List(dropped) = &context(holder, &["capabilities", "drop"])?.value else { return None };
    Some(!dropped.is_empty() && !dropped.iter().any(|item| item.is_null()))
}

pub fn drops_all(holder: &Node) -> Option<bool> {
    let dropped = context(holder, &["capabilities", "drop"])?;
    let all = |node: &Node| node.text().is_some_and(|text| text.to_uppercase().contains("ALL"));
    Some(all(dropped) || dropped.items().iter().any(|item| all(item)))
}

/// A profile is set, and it is `Unconfined` or is not, as asked.
pub fn profile(holder: &Node, key: &str, unconfined: bool) -> Option<bool> {
    let kind = context(holder, &[key, "type"])?.text()?;
    Some((kind == "Unconfined") == unconfined)
}

pub fn claims_read_write_once(facts: &Facts<'_>) -> bool {
    let claims = claims(facts);
    let once = |claim: &Arc<Node>| {
        at(claim, &["accessModes"])
            .is_some_and(|modes| matches!(modes.items(), [only] if only.text() == Some("ReadWriteOnce")))
    };
    claims.is_empty() || claims.into_iter().any(once)
}

pub fn claims_request_storage(facts: &Facts<'_>) -> bool {
    let claims = claims(facts);
    claims.is_empty() || claims.into_iter().any(|claim| at(claim, &["resources", "requests", "storage"]).is_some())
}

/// What each claim of a StatefulSet says of itself.
fn claims<'n>(facts: &Facts<'n>) -> Vec<&'n Arc<Node>> {
    items(at(facts.object, &["spec", "volumeClaimTemplates"])).filter_map(|claim| claim.get("spec")).collect()
}

pub fn secrets_in_environment(facts: &Facts<'_>) -> bool {
    let set = |node: &Arc<Node>, path: &[&str]| at(node, path).is_some_and(|value| !value.is_null());
    facts.containers().any(|container| {
        items(container.get("env")).any(|one| set(one, &["valueFrom", "secretKeyRef"]))
            || items(container.get("envFrom")).any(|one| set(one, &["secretRef"]))
    })
}

pub fn binds_anonymous(facts: &Facts<'_>) -> bool {
    let subjects = items(facts.object.get("subjects"));
    subjects.filter_map(|subject| subject.get("name")).any(|name| contains(name, "system:anonymous"))
}

/// A field of a security context that is set.
fn context<'n>(holder: &'n Node, path: &[&str]) -> Option<&'n Arc<Node>> {
    at(holder.get("securityContext")?, path).filter(|value| !value.is_null())
}

fn flag(holder: &Node, key: &str) -> Option<bool> {
    boolean(context(holder, &[key])?)
}

fn high(holder: &Node, key: &str) -> Option<bool> {
    number(context(holder, &[key])?).map(|number| number > 10_000.0)
}

/// A scalar, or a scalar of a list, has these letters in it.
fn contains(node: &Node, letters: &str) -> bool {
    let has = |node: &Node| node.text().is_some_and(|text| text.contains(letters));
    has(node) || node.items().iter().any(|item| has(item))
}

fn at<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Arc<Node>> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(node.get(first)?, |node, key| node.get(key))
}

fn plain(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, plain: true } => Some(text),
        _ => None,
    }
}

/// A boolean in the words of YAML 1.1, which kubesec reads.
pub fn boolean(node: &Node) -> Option<bool> {
    plimsoll_checks::manifest::object::boolean(node)
}

pub fn number(node: &Node) -> Option<f64> {
    let text = plain(node)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text).replace('_', "");
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let radix =
        |prefix: &str, radix| digits.strip_prefix(prefix).and_then(|rest| i64::from_str_radix(rest, radix).ok());
    let octal = || radix("0o", 8).or_else(|| radix("0", 8));
    if let Some(number) = radix("0x", 16).or_else(|| radix("0b", 2)).or_else(octal) {
        return Some(sign * number as f64);
    }
    digits.starts_with(|c: char| c.is_ascii_digit()).then(|| digits.parse().ok())?.map(|number: f64| sign * number)
}
