//! `policy`: faults with their places, and questions.

use crate::plimsoll;

#[test]
fn every_fault_of_a_policy_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loadline.yaml");
    std::fs::write(
        &file,
        "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\nimages:\n  - name: a\n    match: ['**']\n    vulnerabilitis: {}\n    signatures: {all: [k]}\n",
    )
    .unwrap();
    let run = plimsoll(&["policy", "check", file.to_str().unwrap()]);
    assert_eq!(run.status, 2, "{}", run.out);
    assert!(run.err.contains("loadline.yaml:7"), "{}", run.err);
    assert!(run.err.contains("vulnerabilities"), "{}", run.err);
    assert!(run.err.contains("signatures"), "{}", run.err);
}

#[test]
fn shown_policy_is_a_policy() {
    let shown = plimsoll(&["policy", "show", "--policy", "examples/shop/loadline.yaml"]);
    assert_eq!(shown.status, 0, "{}", shown.err);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shown.yaml");
    std::fs::write(&file, &shown.out).unwrap();
    let run = plimsoll(&["policy", "check", file.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{}\n{}", run.err, shown.out);
}

#[test]
fn why_names_the_entry_and_the_near_misses() {
    let run = plimsoll(&["policy", "why", "-p", "examples/shop/loadline.yaml", "registry.example.com/shop/web:1.4.2"]);
    assert!(run.out.contains("ruled by  shop"), "{}{}", run.out, run.err);
}

#[test]
fn schema_is_json() {
    let run = plimsoll(&["policy", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(schema["properties"]["images"].is_object());
}

#[test]
fn rule_that_must_be_asked_for_counts_where_the_policy_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loadline.yaml");
    let judged = |footprint: &str| {
        let policy = format!(
            "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: x}}\nmode: enforce\nundecided: warn\nimages:\n  - {{name: a, match: ['**'], footprint: {footprint}}}\n"
        );
        std::fs::write(&file, policy).unwrap();
        plimsoll(&["image", "--policy", file.to_str().unwrap(), "--input", "examples/shop-fixed/image"])
    };
    let silent = judged("{runs-as-root: warn}");
    assert!(silent.status == 0 && !silent.out.contains("healthcheck-missing"), "{}{}", silent.out, silent.err);
    let asked = judged("{healthcheck-missing: deny}");
    assert!(asked.status == 1 && asked.out.contains("healthcheck-missing"), "{}{}", asked.out, asked.err);
}
