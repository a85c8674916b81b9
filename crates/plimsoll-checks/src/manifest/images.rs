//! The images that manifests name. In: a manifest's text. Out: every image of every container, init and ephemeral
//! container, in whatever kind carries a pod template.

use std::sync::Arc;

use plimsoll_model::{Location, Problem, ProblemKind};

use plimsoll_yaml::{Node, documents};

use super::object::MAX_LISTS;

/// Steps of one walk: aliases can make a small file large, and what is not walked is said.
const MAX_STEPS: usize = 1_000_000;

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
    /// The container's name.
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
        visit_object(document, path, &mut found, &mut steps, 0);
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

fn visit_object(node: &Arc<Node>, path: &str, found: &mut NamedImages, steps: &mut usize, depth: usize) {
    *steps += 1;
    if *steps > MAX_STEPS {
        return;
    }
    let (Some(_), Some(kind)) =
        (node.get("apiVersion").and_then(|n| n.string()), node.get("kind").and_then(|n| n.string()))
    else {
        return;
    };
    found.objects += 1;
    if let Some(items) = node.get("items").filter(|items| !items.items().is_empty()) {
        if depth >= MAX_LISTS {
            *steps = MAX_STEPS + 1;
            return;
        }
        for item in items.items() {
            visit_object(item, path, found, steps, depth + 1);
        }
    }
    let metadata = node.get("metadata");
    let field = |name: &str| metadata.and_then(|m| m.get(name)).and_then(|n| n.string()).map(str::to_owned);
    let name = field("name").or_else(|| field("generateName")).unwrap_or_else(|| "unnamed".into());
    let context = Context { path, namespace: field("namespace"), object: format!("{kind}/{name}") };
    // Every field but `items`, which are objects of their own.
    for (key, value) in node.pairs() {
        if key.text() != Some("items") {
            visit_value(value, &context, found, steps);
        }
    }
}

struct Context<'a> {
    path: &'a str,
    namespace: Option<String>,
    object: String,
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
        if matches!(key.text(), Some("containers" | "initContainers" | "ephemeralContainers")) {
            for container in value.items() {
                named(container, context, found);
            }
        }
        visit_value(value, context, found, steps);
    }
}

fn named(container: &Arc<Node>, context: &Context, found: &mut NamedImages) {
    let Some(image) = container.get("image") else { return };
    let container_name = container.get("name").and_then(|n| n.string()).unwrap_or("unnamed").to_owned();
    let location = Location {
        path: context.path.to_owned(),
        line: Some(image.line),
        column: Some(image.column),
        ..Location::default()
    };
    match image.string() {
        Some(text) => found.images.push(NamedImage {
            image: text.to_owned(),
            location,
            namespace: context.namespace.clone(),
            object: context.object.clone(),
            container: container_name,
        }),
        None => found.problems.push(
            Problem::undecided(
                ProblemKind::BadInput,
                format!("tell the image of container {container_name} in {}: the field is empty", context.object),
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
