//! A manifest's objects. In: a file's text. Out: every object of every document and list, the pods that it makes, and their
//! containers: main, init and ephemeral alike. What it does not do: judge.

use std::borrow::Cow;
use std::sync::Arc;

use plimsoll_yaml::{Fault, FaultKind, Node, documents};

use crate::source::{Source, Span};

/// Lists within lists; nobody writes more than a few.
pub(super) const MAX_LISTS: usize = 8;
/// Documents of one file that cannot be read before the rest is left: each costs a copy of the file.
pub const MAX_FAULTS: usize = 20;
/// Objects of one file: 10,000 documents are read, a bomb of aliased lists is not.
const MAX_OBJECTS: usize = 100_000;
/// Nodes of all objects of a file, aliases counted as what they stand for: each rule walks them. Four times what a file
/// without aliases may have.
const MAX_SIZE: usize = 4_000_000;

/// A file of manifests.
#[derive(Debug)]
pub struct Manifest<'a> {
    pub source: &'a Source<'a>,
    /// What has both `apiVersion` and `kind`, the items of lists too.
    pub objects: Vec<Object>,
    /// Documents that are no object.
    pub others: Vec<Arc<Node>>,
    /// The first document that could not be read, if one could not.
    pub fault: Option<Fault>,
    /// Those after it: reading goes on with the next document.
    pub more_faults: Vec<Fault>,
    /// Objects beyond [`MAX_OBJECTS`] or [`MAX_SIZE`] were left out.
    pub cut: bool,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub node: Arc<Node>,
    pub api_version: String,
    pub kind: String,
    /// `metadata.name`, else `metadata.generateName`, else empty.
    pub name: String,
    pub namespace: Option<String>,
    /// Which document of the file, from 0.
    pub document: usize,
}

/// An object that makes pods, and the pod it makes.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'o> {
    pub object: &'o Object,
    /// The pod's own metadata: the template's.
    pub metadata: Option<&'o Arc<Node>>,
    /// The pod's spec.
    pub spec: &'o Arc<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerKind {
    Main,
    Init,
    Ephemeral,
}

#[derive(Debug, Clone, Copy)]
pub struct Container<'o> {
    pub node: &'o Arc<Node>,
    pub kind: ContainerKind,
    /// Empty where it has none.
    pub name: &'o str,
}

/// Reads every document of a file; after one that cannot be read, those that begin behind it.
pub fn read<'a>(source: &'a Source<'a>) -> Manifest<'a> {
    let mut manifest =
        Manifest { source, objects: Vec::new(), others: Vec::new(), fault: None, more_faults: Vec::new(), cut: false };
    let mut text = Cow::Borrowed(source.text);
    let (mut document, mut from) = (0, 1);
    let mut left = MAX_SIZE;
    loop {
        let (trees, fault) = documents(&text);
        for tree in &trees {
            if !add(&mut manifest, tree, document, 0, &mut left) {
                manifest.others.push(Arc::clone(tree));
            }
            document += 1;
        }
        let Some(fault) = fault else { break };
        document += 1;
        let next = (fault.kind != FaultKind::Bound).then(|| next_document(source, fault.line.max(from + 1))).flatten();
        match manifest.fault {
            None => manifest.fault = Some(fault),
            Some(_) => manifest.more_faults.push(fault),
        }
        let Some(next) = next.filter(|_| manifest.more_faults.len() + 1 < MAX_FAULTS) else { break };
        from = next;
        text = Cow::Owned(blanked(source, next));
    }
    manifest
}

/// The first line from `line` on that begins a document.
fn next_document(source: &Source<'_>, line: u32) -> Option<u32> {
    (line..=source.line_count()).find(|line| {
        let text = source.line_span(*line).map(|span| source.slice(span)).unwrap_or_default();
        text.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })
}

/// The text with blanks for what stands before a line, so that every place behind stays what it is.
fn blanked(source: &Source<'_>, line: u32) -> String {
    let end = source.line_span(line).map_or(source.text.len(), |span| span.start);
    let mut text: String = source.text.as_bytes()[..end].iter().map(|b| if *b == b'\n' { '\n' } else { ' ' }).collect();
    text.push_str(source.text.get(end..).unwrap_or_default());
    text
}

/// Adds an object and the items of a list; false for what is no object.
fn add(manifest: &mut Manifest<'_>, node: &Arc<Node>, document: usize, depth: usize, left: &mut usize) -> bool {
    let Some(object) = Object::of(node, document) else { return false };
    let list = object.kind.ends_with("List");
    if list && depth >= MAX_LISTS {
        manifest.cut = true;
        return true;
    }
    let items = node.get("items").filter(|_| list).map(|items| items.items()).unwrap_or_default();
    // The items of a list count when their turn comes.
    let size = if list {
        let rest = node.pairs().iter().filter(|(key, _)| key.text() != Some("items"));
        rest.fold(items.len() + 1, |sum, (key, value)| sum.saturating_add(key.size()).saturating_add(value.size()))
    } else {
        node.size()
    };
    if manifest.objects.len() >= MAX_OBJECTS || size > *left {
        manifest.cut = true;
        return true;
    }
    *left -= size;
    manifest.objects.push(object);
    for item in items {
        add(manifest, item, document, depth + 1, left);
    }
    true
}

impl Object {
    /// The object that a tree is.
    pub fn of(node: &Arc<Node>, document: usize) -> Option<Object> {
        let text = |node: &Node, key: &str| node.get(key).and_then(|value| value.string()).map(str::to_owned);
        let (api_version, kind) = (text(node, "apiVersion")?, text(node, "kind")?);
        let metadata = node.get("metadata");
        let field = |key: &str| metadata.and_then(|metadata| text(metadata, key));
        Some(Object {
            name: field("name").or_else(|| field("generateName")).unwrap_or_default(),
            namespace: field("namespace"),
            node: Arc::clone(node),
            api_version,
            kind,
            document,
        })
    }

    /// `apps` of `apps/v1`, empty for `v1`.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// `Deployment/web`.
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { "unnamed" } else { &self.name };
        format!("{}/{name}", self.kind)
    }

    /// The value at a path of keys: `["spec", "template"]`.
    pub fn at(&self, path: &[&str]) -> Option<&Arc<Node>> {
        at(&self.node, path)
    }

    /// The pod that the object makes: known kinds by their kind, any other by a `spec.template` that has containers.
    pub fn workload(&self) -> Option<Workload<'_>> {
        let template = match self.kind.as_str() {
            "Pod" => {
                return Some(Workload { object: self, metadata: self.node.get("metadata"), spec: self.at(&["spec"])? });
            }
            "PodTemplate" => self.at(&["template"])?,
            "CronJob" => self.at(&["spec", "jobTemplate", "spec", "template"])?,
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
                self.at(&["spec", "template"])?
            }
            _ => {
                let template = self.at(&["spec", "template"])?;
                at(template, &["spec", "containers"])?;
                template
            }
        };
        Some(Workload { object: self, metadata: template.get("metadata"), spec: template.get("spec")? })
    }
}

impl<'o> Workload<'o> {
    /// Every container of the pod: main ones first, then init, then ephemeral.
    pub fn containers(&self) -> impl Iterator<Item = Container<'o>> + use<'o> {
        let spec = self.spec;
        let kinds = [
            ("containers", ContainerKind::Main),
            ("initContainers", ContainerKind::Init),
            ("ephemeralContainers", ContainerKind::Ephemeral),
        ];
        kinds.into_iter().flat_map(move |(key, kind)| {
            let items = spec.get(key).map(|list| list.items()).unwrap_or_default();
            items.iter().map(move |node| Container {
                node,
                kind,
                name: node.get("name").and_then(|name| name.string()).unwrap_or_default(),
            })
        })
    }

    /// The value at a path below the pod's spec.
    pub fn at(&self, path: &[&str]) -> Option<&'o Arc<Node>> {
        at(self.spec, path)
    }

    /// `spec.os.name` is `windows`.
    pub fn is_windows(&self) -> bool {
        self.at(&["os", "name"]).and_then(|name| name.text()) == Some("windows")
    }
}

impl<'o> Container<'o> {
    /// The value at a path below the container.
    pub fn at(&self, path: &[&str]) -> Option<&'o Arc<Node>> {
        at(self.node, path)
    }
}

/// The value at a path of keys below a node.
pub fn at<'n>(node: &'n Arc<Node>, path: &[&str]) -> Option<&'n Arc<Node>> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// The key of a mapping, where a fault of the value is shown.
pub fn key<'n>(node: &'n Arc<Node>, name: &str) -> Option<&'n Arc<Node>> {
    node.pairs().iter().map(|(key, _)| key).find(|key| key.text() == Some(name))
}

/// The bytes of a node.
pub fn span(node: &Node) -> Span {
    Span::new(node.start, node.end)
}

/// From the key to the end of its value: `privileged: true`. The node's own bytes where the key is merged in.
pub fn entry(node: &Arc<Node>, name: &str) -> Span {
    let pair = node.pairs().iter().find(|(key, _)| key.text() == Some(name));
    pair.map_or_else(|| span(node), |(key, value)| Span::new(key.start, value.end.max(key.end)))
}

/// True for a plain YAML true, as the API server reads it.
pub fn is_true(node: &Node) -> bool {
    boolean(node) == Some(true)
}

/// A plain boolean, in the words of YAML 1.1 that kubectl and the API server take.
pub fn boolean(node: &Node) -> Option<bool> {
    match &node.value {
        plimsoll_yaml::Value::Scalar { text, plain: true } => match text.as_str() {
            "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A plain whole number, in the forms of YAML 1.1 and as a float without a fraction.
pub fn integer(node: &Node) -> Option<i64> {
    let plimsoll_yaml::Value::Scalar { text, plain: true } = &node.value else { return None };
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, text.as_str()),
    };
    // One sign, and at the front.
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = digits.replace('_', "");
    let radix = |prefix: &str, radix| {
        let rest = digits.strip_prefix(prefix)?;
        (!rest.starts_with(['-', '+'])).then(|| i64::from_str_radix(rest, radix).ok())?
    };
    let octal = || radix("0o", 8).or_else(|| radix("0", 8));
    let number = radix("0x", 16).or_else(|| radix("0b", 2)).or_else(octal).or_else(|| digits.parse().ok());
    number.and_then(|number: i64| number.checked_mul(sign)).or_else(|| {
        let float: f64 = digits.parse().ok()?;
        (float.fract() == 0.0 && float < 1e15).then(|| sign * float as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_yaml_writes_them() {
        let number = |text: &str| {
            let (read, fault) = documents(text);
            assert_eq!(fault, None);
            integer(&read[0])
        };
        for (text, is) in [
            ("0", Some(0)),
            ("00", Some(0)),
            ("0x10", Some(16)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("-1", Some(-1)),
            ("1_000", Some(1000)),
            ("0.0", Some(0)),
            ("1e3", Some(1000)),
            ("0.5", None),
            ("--9223372036854775808", None),
            ("-0x-8000000000000000", None),
            ("\"0\"", None),
            ("zero", None),
            ("inf", None),
        ] {
            assert_eq!(number(text), is, "{text}");
        }
    }

    #[test]
    fn what_aliases_blow_up_is_left_out_and_the_rest_is_read() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
        let wide =
            format!("{pod}spec:\n  x: &x [{}]\n  containers: [{}]\n", "1, ".repeat(2000), "{args: *x}, ".repeat(3000));
        let lists = "apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: v1, kind: List, items: [".to_owned()
            + &"1, ".repeat(5000)
            + "]}\n"
            + &"- *a\n".repeat(5000);
        let hidden = wide.replace("kind: Pod", "kind: PodList");
        for (text, objects) in
            [(format!("{wide}---\n{pod}"), 1), (format!("{hidden}---\n{pod}"), 1), (format!("{lists}---\n{pod}"), 800)]
        {
            let source = Source::new("m.yaml", &text);
            let manifest = read(&source);
            assert_eq!(manifest.fault, None);
            assert!(manifest.cut);
            assert!((objects..=objects + 5).contains(&manifest.objects.len()), "{}", manifest.objects.len());
            assert_eq!(manifest.objects.last().map(|last| last.label()), Some("Pod/a".into()));
        }
    }

    #[test]
    fn lists_in_lists_are_read_or_told_of() {
        for (depth, is_cut) in [(MAX_LISTS, false), (MAX_LISTS + 1, true)] {
            let open = "{apiVersion: v1, kind: List, items: [".repeat(depth);
            let text = format!("{open}{{apiVersion: v1, kind: Pod, metadata: {{name: a}}}}{}", "]}".repeat(depth));
            let source = Source::new("m.yaml", &text);
            let manifest = read(&source);
            assert_eq!(manifest.cut, is_cut, "{depth}");
            assert_eq!(manifest.objects.iter().any(|object| object.kind == "Pod"), !is_cut, "{depth}");
            let named = crate::manifest::images::named_images("m.yaml", &text);
            assert_eq!(named.problems.is_empty(), !is_cut, "{depth}");
        }
    }

    #[test]
    fn every_kind_that_makes_pods_is_seen_with_all_its_containers() {
        let pod = "spec: {containers: [{name: a}], initContainers: [{name: b}], ephemeralContainers: [{name: c}]}";
        let text = format!(
            "apiVersion: v1\nkind: Pod\n{pod}\n---\napiVersion: apps/v1\nkind: Deployment\nspec: {{template: {{{pod}}}}}\n---\n\
             apiVersion: batch/v1\nkind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {{{pod}}}}}}}}}\n---\n\
             apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {{template: {{{pod}}}}}\n---\n\
             apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  {pod}\n---\n\
             apiVersion: v1\nkind: ConfigMap\ndata: {{a: b}}\n---\nno: object\n"
        );
        let source = Source::new("m.yaml", &text);
        let manifest = read(&source);
        assert_eq!((manifest.fault.as_ref(), manifest.others.len()), (None, 1));
        let pods: Vec<usize> =
            manifest.objects.iter().filter_map(Object::workload).map(|w| w.containers().count()).collect();
        assert_eq!(pods, [3; 5]);
        assert_eq!(manifest.objects.len(), 7);
    }

    #[test]
    fn reading_goes_on_behind_a_document_that_cannot_be_read() {
        let text = "apiVersion: v1\nkind: A\n---\nkind: é\nkind: B\n--- # next\napiVersion: v1\nkind: C\n---\na: \"x\n---\n\
                    apiVersion: v1\nkind: D\n---\n}\n";
        let source = Source::new("m.yaml", text);
        let manifest = read(&source);
        let kinds: Vec<_> = manifest.objects.iter().map(|object| (object.kind.as_str(), object.document)).collect();
        assert_eq!(kinds, [("A", 0), ("C", 2), ("D", 4)]);
        assert_eq!(manifest.fault.map(|fault| fault.line), Some(5));
        assert_eq!(manifest.more_faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [11, 15]);
        let last = manifest.objects[2].at(&["kind"]).unwrap();
        assert_eq!((source.slice(span(last)), last.line), ("D", 13));
        let many = "a: [\n---\n".repeat(100_000);
        assert_eq!(read(&Source::new("m.yaml", &many)).more_faults.len(), MAX_FAULTS - 1);
    }
}
