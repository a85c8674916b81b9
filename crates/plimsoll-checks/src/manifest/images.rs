//! The images that manifests name. In: a manifest's text. Out: every image of every container, init and ephemeral
//! container, and those that are volumes, in whatever kind carries a pod template.

use std::sync::Arc;

use plimsoll_model::{Location, Problem, ProblemKind};

use plimsoll_yaml::{Node, documents};

use super::object::MAX_LISTS;

/// Steps of one walk: aliases can make a small file large, and what is not walked is said.
const MAX_STEPS: usize = 1_000_000;

/// No more items without a kind are told of.
const MAX_PROBLEMS: usize = 1_000;

/// One place that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// As written.
    pub image: String,
    /// Where the name stands: file, line, column.
    pub location: Location,
    /// `metadata.namespace` of the object, if it says one.
    pub namespace: Option<String>,
    /// `Deployment/web`.
    pub object: String,
    /// The name of the container, or of the volume that the image is.
    pub container: String,
}

/// What a file names, and whether it is a manifest at all.
#[derive(Debug, Default, PartialEq)]
pub struct NamedImages {
    pub images: Vec<NamedImage>,
    /// Documents with `apiVersion` and `kind`.
    pub objects: usize,
    pub problems: Vec<Problem>,
}

/// Reads `text` of the file `path`. A file without any Kubernetes object gives zero objects; faults of the YAML are
/// problems that leave the verdict open, because a workload may stand behind them.
pub fn named_images(path: &str, text: &str) -> NamedImages {
    let mut found = NamedImages::default();
    let (documents, fault) = documents(text);
    let mut steps = 0;
    for document in &documents {
        if let Some(kind) = kind_of(document) {
            visit_object(document, kind, path, &mut found, &mut steps, 0);
        }
    }
    if let Some(fault) = fault
        && (found.objects > 0 || looks_like_manifest(text))
    {
        let location = Location {
            path: path.to_owned(),
            line: Some(fault.line),
            column: Some(fault.column),
            ..Location::default()
        };
        found.problems.push(
            Problem::undecided(ProblemKind::BadInput, format!("read the manifest: {}", fault.message))
                .at(location)
                .with_hint(
                    "mend the YAML from this line on; `kubectl apply --dry-run=client -f FILE` shows the same fault",
                ),
        );
    }
    if steps > MAX_STEPS {
        found.problems.push(
            Problem::undecided(
                ProblemKind::LimitReached,
                format!("walk the manifest: more than {MAX_STEPS} nodes, or lists in lists"),
            )
            .at(Location::path(path)),
        );
    }
    found
}

/// True when a text that cannot be parsed still says `apiVersion` and `kind` somewhere: JSON may be one long line.
fn looks_like_manifest(text: &str) -> bool {
    text.contains("apiVersion") && text.contains("kind")
}

/// The kind of a tree that says it, with its API version.
fn kind_of(node: &Node) -> Option<&str> {
    node.get("apiVersion").and_then(|n| n.string())?;
    node.get("kind").and_then(|n| n.string())
}

/// The kind of a list's item: its own, or the list's where it says neither kind nor API version, as in a `DeploymentList`.
fn kind_of_item<'n>(item: &'n Node, list: &'n str) -> Option<&'n str> {
    let says = |key: &str| item.get(key).and_then(|n| n.string()).is_some();
    let inherits = !item.pairs().is_empty() && !says("apiVersion") && !says("kind");
    kind_of(item).or_else(|| list.strip_suffix("List").filter(|kind| inherits && !kind.is_empty()))
}

fn visit_object(node: &Arc<Node>, kind: &str, path: &str, found: &mut NamedImages, steps: &mut usize, depth: usize) {
    *steps += 1;
    if *steps > MAX_STEPS {
        return;
    }
    found.objects += 1;
    let metadata = node.get("metadata");
    let field = |name: &str| metadata.and_then(|m| m.get(name)).and_then(|n| n.string()).map(str::to_owned);
    let name = field("name").or_else(|| field("generateName")).unwrap_or_else(|| "unnamed".into());
    let context = Context { path, namespace: field("namespace"), object: format!("{kind}/{name}") };
    if let Some(items) = node.get("items").filter(|items| !items.items().is_empty()) {
        if depth >= MAX_LISTS {
            *steps = MAX_STEPS + 1;
            return;
        }
        for item in items.items() {
            match kind_of_item(item, kind) {
                Some(kind) => visit_object(item, kind, path, found, steps, depth + 1),
                // In what is no list, items are values like any other.
                None if !kind.ends_with("List") => visit_value(item, &context, found, steps),
                None => untold(item, &context, found, steps),
            }
        }
    }
    // Every field but `items` that are a list, which were gone through above.
    for (key, value) in node.pairs() {
        if key.text() != Some("items") || value.items().is_empty() {
            visit_value(value, &context, found, steps);
        }
    }
}

/// An item of a list that may be any object.
fn untold(item: &Arc<Node>, context: &Context, found: &mut NamedImages, steps: &mut usize) {
    *steps += 1;
    // The first one leaves the verdict open.
    if *steps > MAX_STEPS || found.problems.len() >= MAX_PROBLEMS {
        return;
    }
    let location = context.location(item);
    found.problems.push(
        Problem::undecided(
            ProblemKind::BadInput,
            format!("tell what an item of {} is: it does not say both `apiVersion` and `kind`", context.object),
        )
        .at(location),
    );
}

struct Context<'a> {
    path: &'a str,
    namespace: Option<String>,
    object: String,
}

impl Context<'_> {
    fn location(&self, node: &Node) -> Location {
        Location { path: self.path.to_owned(), line: Some(node.line), column: Some(node.column), ..Location::default() }
    }
}

fn visit_value(node: &Arc<Node>, context: &Context, found: &mut NamedImages, steps: &mut usize) {
    *steps += 1;
    if *steps > MAX_STEPS {
        return;
    }
    for item in node.items() {
        visit_value(item, context, found, steps);
    }
    for (key, value) in node.pairs() {
        match key.text() {
            Some("containers" | "initContainers" | "ephemeralContainers") => {
                for container in value.items() {
                    named(container, container.get("image"), "container", context, found);
                }
            }
            // A volume that is an image: what pods run may well come from it.
            Some("volumes") => {
                for volume in value.items() {
                    let reference = volume.get("image").and_then(|image| image.get("reference"));
                    named(volume, reference, "volume", context, found);
                }
            }
            _ => {}
        }
        visit_value(value, context, found, steps);
    }
}

fn named(of: &Arc<Node>, image: Option<&Arc<Node>>, what: &str, context: &Context, found: &mut NamedImages) {
    let Some(image) = image else { return };
    let name = of.get("name").and_then(|n| n.string()).unwrap_or("unnamed").to_owned();
    let location = context.location(image);
    match image.string() {
        Some(text) => found.images.push(NamedImage {
            image: text.to_owned(),
            location,
            namespace: context.namespace.clone(),
            object: context.object.clone(),
            container: name,
        }),
        None => found.problems.push(
            Problem::undecided(
                ProblemKind::BadInput,
                format!("tell the image of {what} {name} in {}: the field is empty", context.object),
            )
            .at(location),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        named_images("m.yaml", text).images.into_iter().map(|i| format!("{} {}", i.object, i.image)).collect()
    }

    #[test]
    fn all_containers_of_all_kinds_are_seen() {
        let text = "\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  initContainers: [{name: i, image: a}]
  containers: [{name: c, image: b}]
  ephemeralContainers: [{name: e, image: c}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: j, image: d}]}}}}}
---
{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [
  {\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"metadata\": {\"name\": \"web\"},
   \"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"w\", \"image\": \"e\"}]}}}}]}
";
        assert_eq!(names(text), ["Pod/p a", "Pod/p b", "Pod/p c", "CronJob/nightly d", "Deployment/web e"]);
        let found = named_images("m.yaml", text);
        assert_eq!(found.images[0].namespace.as_deref(), Some("shop"));
        assert_eq!(found.images[1].location.line, Some(6));
    }

    #[test]
    fn items_of_a_typed_list_are_of_its_kind() {
        let item =
            "metadata: {name: web, namespace: shop}, spec: {template: {spec: {containers: [{name: c, image: a}]}}}";
        let text = format!("kind: DeploymentList\napiVersion: apps/v1\nitems: [{{{item}}}]\n");
        let found = named_images("m.yaml", &text);
        assert_eq!(names(&text), ["Deployment/web a"]);
        assert_eq!((found.images[0].namespace.as_deref(), found.objects, found.problems), (Some("shop"), 2, vec![]));
        // Its own kind goes before.
        let own = format!("kind: DeploymentList\napiVersion: apps/v1\nitems: [{{apiVersion: v1, kind: X, {item}}}]\n");
        assert_eq!(names(&own), ["X/web a"]);
    }

    #[test]
    fn items_of_a_list_that_say_no_kind_are_problems() {
        let item = "spec: {containers: [{name: c, image: a}]}";
        for (kind, item, line) in [
            ("List", format!("{{{item}}}"), 4),
            ("PodList", format!("{{kind: Pod, {item}}}"), 4),
            ("PodList", format!("{{apiVersion: v1, {item}}}"), 4),
            ("PodList", "evil".to_owned(), 4),
        ] {
            let text = format!("kind: {kind}\napiVersion: v1\nitems:\n- {item}\n");
            let found = named_images("m.yaml", &text);
            let lines: Vec<_> =
                found.problems.iter().map(|p| p.location.as_ref().and_then(|location| location.line)).collect();
            assert_eq!(lines, [Some(line)], "{text}");
        }
        // In what is no list, they are values.
        let text = format!("kind: Fleet\napiVersion: a/v1\nitems: [x, {{{item}}}]\n");
        assert_eq!(
            (names(&text), named_images("m.yaml", &text).problems),
            (vec!["Fleet/unnamed a".to_owned()], vec![])
        );
        let mapping = format!("kind: Fleet\napiVersion: a/v1\nitems: {{x: {{{item}}}}}\n");
        assert_eq!(names(&mapping), ["Fleet/unnamed a"]);
    }

    #[test]
    fn volumes_that_are_images_are_named() {
        let text = "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: c, image: a}]
  volumes:
  - {name: v, image: {reference: b, pullPolicy: Always}}
  - {name: w, emptyDir: {}}
  - {name: x, rbd: {image: c}}
";
        let found = named_images("m.yaml", text);
        let all: Vec<_> = found.images.iter().map(|i| (i.image.as_str(), i.container.as_str())).collect();
        assert_eq!((all, found.problems), (vec![("a", "c"), ("b", "v")], vec![]));
        assert_eq!(found.images[1].location.line, Some(7));
    }

    #[test]
    fn aliases_are_followed_and_bombs_are_bounded() {
        let text = "apiVersion: v1\nkind: Pod\nx: &c {name: c, image: a}\nspec: {containers: [*c, *c]}\n";
        assert_eq!(names(text).len(), 2);
        let mut bomb = String::from("apiVersion: v1\nkind: Pod\na0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(","));
        }
        let found = named_images("m.yaml", &bomb);
        assert!(found.problems.iter().any(|p| p.kind == ProblemKind::LimitReached));
    }

    #[test]
    fn lists_of_lists_by_aliases_are_bounded() {
        let many = |of: usize| vec![format!("*a{of}"); 300].join(",");
        let mut bomb = String::from("x: &a0 {apiVersion: v1, kind: Pod}\n");
        for i in 1..7 {
            bomb += &format!("x{i}: &a{i} {{apiVersion: v1, kind: List, items: [{}]}}\n", many(i - 1));
        }
        bomb += &format!("apiVersion: v1\nkind: List\nitems: [{}]\n", many(6));
        let found = named_images("m.yaml", &bomb);
        assert!(found.problems.iter().any(|problem| problem.message.contains("more than")), "{:?}", found.problems);
    }

    #[test]
    fn a_chain_of_aliases_is_refused_before_anything_recurses_into_it() {
        let mut chain = String::from("apiVersion: v1\nkind: Pod\na0: &a0 [x]\n");
        for i in 1..100_000 {
            chain += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
        }
        let found = named_images("m.yaml", &chain);
        assert!(found.problems[0].message.contains("aliases nest deeper"), "{:?}", found.problems);
    }

    #[test]
    fn an_image_that_comes_in_by_a_merge_is_seen() {
        let text = "apiVersion: v1\nkind: Pod\nx: &c {image: a}\nspec:\n  containers:\n    - <<: *c\n      name: web\n    - <<: [*c]\n";
        assert_eq!(names(text), ["Pod/unnamed a", "Pod/unnamed a"]);
    }

    #[test]
    fn a_broken_manifest_on_one_line_is_a_problem() {
        let found = named_images(
            "m.json",
            "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"evil\"",
        );
        assert_eq!(found.problems.len(), 1);
    }

    #[test]
    fn broken_yaml_of_a_manifest_is_a_problem_with_its_line() {
        let found = named_images("m.yaml", "apiVersion: v1\nkind: Pod\nspec: (}\n  containers: [\n");
        assert_eq!(found.problems.len(), 1);
        assert!(found.problems[0].location.as_ref().unwrap().line.is_some());
        let twice = named_images("m.yaml", "apiVersion: v1\nkind: Pod\nkind: Service\n");
        assert!(twice.problems[0].message.contains("twice"), "{:?}", twice.problems);
    }

    #[test]
    fn files_that_are_no_manifests_say_nothing() {
        for text in ["", "a: 1\n", "- x\n- y\n", "services: {web: {image: nginx}}\n", "a: [\n"] {
            assert_eq!(named_images("x.yaml", text), NamedImages::default(), "{text}");
        }
    }

    #[test]
    fn empty_image_is_a_problem() {
        let found = named_images("m.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: ''}]}\n");
        assert_eq!(found.problems.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ -~\n]{0,200}") {
            let _ = named_images("x.yaml", &format!("apiVersion: v1\nkind: Pod\n{text}"));
        }
    }
}
