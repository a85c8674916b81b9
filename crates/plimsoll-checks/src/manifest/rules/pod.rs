//! What rules of pods ask for again and again: the field that counts, the place where a missing one ought to stand, and the
//! edit that sets it. What it does not do: judge.

use std::sync::Arc;

use plimsoll_yaml::Node;

use crate::manifest::edit::{self, Value, unshared};
use crate::manifest::object::{Container, ContainerKind, Workload, at, boolean, key, span};
use crate::source::{Found, Source, Span};

/// Where the pod's spec stands in the kinds that make pods: the mapping that holds it.
const TEMPLATES: [&[&str]; 4] =
    [&[], &["spec", "template"], &["template"], &["spec", "jobTemplate", "spec", "template"]];

/// `container "web"`, `init container "migrate"`.
pub fn called(container: &Container<'_>) -> String {
    let kind = match container.kind {
        ContainerKind::Main => "container",
        ContainerKind::Init => "init container",
        ContainerKind::Ephemeral => "ephemeral container",
    };
    match container.name {
        "" => format!("a nameless {kind}"),
        name => format!("{kind} `{}`", short(name)),
    }
}

/// A text of the file as a message shows it: cut, on one line.
pub fn short(text: &str) -> String {
    const MAX_SHOWN: usize = 80;
    let line: String = text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_SHOWN).is_some() { format!("{line}…") } else { line }
}

/// True, quoted or not: a flag that asks for trouble does not become harmless by a wrong type.
pub fn asks_for(node: &Node) -> bool {
    boolean(node) == Some(true) || node.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The value in a container's security context and the mapping it stands in.
pub fn in_container<'o>(container: &Container<'o>, name: &str) -> Option<(&'o Arc<Node>, &'o Arc<Node>)> {
    let context = container.at(&["securityContext"])?;
    context.get(name).map(|value| (context, value))
}

/// The value in the pod's security context and the mapping it stands in.
pub fn in_pod<'o>(workload: &Workload<'o>, name: &str) -> Option<(&'o Arc<Node>, &'o Arc<Node>)> {
    let context = workload.at(&["securityContext"])?;
    context.get(name).map(|value| (context, value))
}

/// What counts for the container: its own, else the pod's. A `null` is nothing.
pub fn effective<'o>(
    container: &Container<'o>,
    workload: &Workload<'o>,
    name: &str,
) -> Option<(&'o Arc<Node>, &'o Arc<Node>)> {
    let set = |found: &(&'o Arc<Node>, &'o Arc<Node>)| !found.1.is_null();
    in_container(container, name).filter(set).or_else(|| in_pod(workload, name).filter(set))
}

/// The key where something is missing below a container: the deepest mapping on the way, else the container's name.
pub fn container_place(container: &Container<'_>, path: &[&str]) -> Span {
    if let Some(place) = deepest(container.node, path) {
        return place;
    }
    ["name", "image"]
        .iter()
        .find_map(|name| {
            let (k, v) = edit::own(container.node, name)?;
            Some(Span::new(k.start, v.end.max(k.end)))
        })
        .unwrap_or_else(|| first_key(container.node))
}

/// The key where something is missing below the pod's spec: the deepest mapping on the way, else `spec` itself.
pub fn pod_place(workload: &Workload<'_>, path: &[&str]) -> Span {
    if let Some(place) = deepest(workload.spec, path) {
        return place;
    }
    holder(workload).and_then(|holder| key(holder, "spec")).map_or_else(|| first_key(workload.spec), |key| span(key))
}

/// The last key of a path that is there, and holds a mapping or nothing.
fn deepest(node: &Arc<Node>, path: &[&str]) -> Option<Span> {
    let (mut node, mut place) = (node, None);
    for name in path {
        let Some((key, value)) = edit::own(node, name) else { break };
        place = Some(span(key));
        node = value;
    }
    place
}

/// The first key of a mapping; where there is none, what stands there.
pub fn first_key(node: &Arc<Node>) -> Span {
    node.pairs().first().map_or_else(|| span(node), |(key, _)| span(key))
}

/// The mapping whose `spec` is the pod's.
fn holder<'o>(workload: &Workload<'o>) -> Option<&'o Arc<Node>> {
    TEMPLATES.iter().find_map(|path| {
        let holder = at(&workload.object.node, path)?;
        holder.get("spec").filter(|spec| Arc::ptr_eq(spec, workload.spec)).map(|_| holder)
    })
}

/// The mapping at a path, if no alias shares it or what is around it.
fn unshared_at<'n>(node: &'n Arc<Node>, path: &[&str]) -> Option<&'n Arc<Node>> {
    path.iter().try_fold(node, |node, key| edit::own(node, key).map(|(_, value)| value).filter(|value| unshared(value)))
}

/// The pod's spec where it may be edited.
fn editable_spec<'o>(workload: &Workload<'o>) -> Option<&'o Arc<Node>> {
    TEMPLATES.iter().find_map(|path| {
        let spec = unshared_at(unshared_at(&workload.object.node, path)?, &["spec"])?;
        Arc::ptr_eq(spec, workload.spec).then_some(spec)
    })
}

/// The container where it may be edited.
fn editable<'o>(container: &Container<'o>, workload: &Workload<'o>) -> Option<&'o Arc<Node>> {
    let list = match container.kind {
        ContainerKind::Main => "containers",
        ContainerKind::Init => "initContainers",
        ContainerKind::Ephemeral => "ephemeralContainers",
    };
    unshared_at(editable_spec(workload)?, &[list])?;
    unshared(container.node).then_some(container.node)
}

/// What an edit is for: the title, and whether the workload does the same after it.
#[derive(Debug, Clone, Copy)]
pub struct Mend<'t> {
    pub title: &'t str,
    pub safe: bool,
}

/// The same workload after it.
pub const fn safe(title: &str) -> Mend<'_> {
    Mend { title, safe: true }
}

/// The workload may do something else after it.
pub const fn unsafely(title: &str) -> Mend<'_> {
    Mend { title, safe: false }
}

/// Adds a fix to what was found, where there is one.
pub fn mended(found: Found, mend: Mend<'_>, edits: Option<Vec<plimsoll_model::TextEdit>>) -> Found {
    match (edits, mend.safe) {
        (None, _) => found,
        (Some(edits), true) => found.fix(mend.title, edits),
        (Some(edits), false) => found.unsafe_fix(mend.title, edits),
    }
}

/// With the fix that sets a path below the container.
pub fn set_in_container(
    found: Found,
    (container, workload): (&Container<'_>, &Workload<'_>),
    source: &Source<'_>,
    mend: Mend<'_>,
    path: &[&str],
    value: Value<'_>,
) -> Found {
    let edits = editable(container, workload).and_then(|node| edit::set(source, node, path, value));
    mended(found, mend, edits)
}

/// With the fix that sets a path below the pod's spec.
pub fn set_in_pod(
    found: Found,
    workload: &Workload<'_>,
    source: &Source<'_>,
    mend: Mend<'_>,
    path: &[&str],
    value: Value<'_>,
) -> Found {
    let edits = editable_spec(workload).and_then(|node| edit::set(source, node, path, value));
    mended(found, mend, edits)
}

/// With the fix that does something else below the container.
pub fn edit_container(
    found: Found,
    (container, workload): (&Container<'_>, &Workload<'_>),
    mend: Mend<'_>,
    edit: impl FnOnce(&Arc<Node>) -> Option<Vec<plimsoll_model::TextEdit>>,
) -> Found {
    mended(found, mend, editable(container, workload).and_then(edit))
}
