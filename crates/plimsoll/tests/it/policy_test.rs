//! `policy test`: cases beside a policy.

use serde_json::Value;

use crate::{Run, plimsoll};

/// A policy and a file of cases in a folder of their own.
fn tested(cases: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let policy = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\ndata: {baselineOnly: allow}\n\
                  images:\n  - {name: a, match: ['a.example.com/**'], tags: {require: digest}}\n  - {name: rest, match: ['**'], refuse: not from here}\n\
                  workloads: {rules: {memory-limit-missing: deny, literal-secret-in-env: warn}}\n";
    let policy = if more.contains(&"--plain") { policy.split("workloads").next().unwrap() } else { policy };
    std::fs::write(folder.path().join("loadline.yaml"), policy).unwrap();
    let file = folder.path().join("loadline-test.yaml");
    std::fs::write(&file, cases).unwrap();
    let file = file.display().to_string();
    let args: Vec<&str> =
        ["policy", "test", &file].into_iter().chain(more.iter().copied().filter(|a| *a != "--plain")).collect();
    plimsoll(&args)
}

#[test]
fn the_example_passes() {
    let run = plimsoll(&["policy", "test", "examples/policy-test"]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("11 cases: 11 passed, 0 failed"), "{}", run.out);
}

#[test]
fn signatures_are_what_the_file_says_and_unknown_where_it_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\ndata: {baselineOnly: allow}\n\
                  keys: {release: {issuer: 'https://a.example', identity: b}, audit: {issuer: 'https://a.example', identity: c}}\n\
                  images: [{name: a, match: ['**'], signatures: {all: [release]}, attestations: [{type: vuln, by: [audit], maxAge: 9d}]}]\n";
    std::fs::write(folder.path().join("loadline.yaml"), policy).unwrap();
    let cases = "images:\n  a.example/both:1: {holds: clean, signed: [release], attested: {vuln: [audit]}}\n\
                 \x20 a.example/signed:1: {holds: clean, signed: [release]}\n  a.example/other:1: {holds: clean, signed: [audit], attested: {vuln: [audit]}}\n\
                 \x20 a.example/none:1: {holds: clean}\n  a.example/unknown:1: clean\ncases:\n\
                 - {name: a, image: 'a.example/both:1', expect: allowed}\n\
                 - {name: b, image: 'a.example/signed:1', expect: denied, messages: [a signature by `release` is there]}\n\
                 - {name: c, image: 'a.example/other:1', expect: denied, rules: [all]}\n\
                 - {name: d, image: 'a.example/none:1', expect: denied}\n- {name: e, image: 'a.example/unknown:1', expect: undecided}\n";
    let file = folder.path().join("loadline-test.yaml");
    std::fs::write(&file, cases).unwrap();
    let run = plimsoll(&["policy", "test", file.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    std::fs::write(&file, cases.replace("signed: [audit]", "signed: [auditor]")).unwrap();
    let run = plimsoll(&["policy", "test", file.to_str().unwrap()]);
    assert!(run.status == 2 && run.err.contains("`auditor`"), "{}{}", run.out, run.err);
    for nothing in ["[vuln]", "vuln", "7"] {
        std::fs::write(&file, cases.replacen("{vuln: [audit]}", nothing, 1)).unwrap();
        let run = plimsoll(&["policy", "test", file.to_str().unwrap()]);
        let words = "loadline-test.yaml:2: `attested` is a mapping";
        assert!(run.status == 2 && run.err.contains(words), "{nothing}: {}{}", run.out, run.err);
    }
}

#[test]
fn a_case_that_fails_says_why_in_every_format() {
    let cases = "- {name: wrong & out, image: 'b.example.com/x:1', expect: allowed, rules: [none], messages: [nonsense]}\n\
                 - {name: right, image: 'b.example.com/x:1', expect: denied, rules: [refuse], notMessages: [nonsense]}\n";
    let run = tested(cases, &["--plain"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    for words in [
        "FAIL  wrong & out",
        "PASS  right",
        "expected allowed, got denied",
        "no reason is of the rule none",
        "nothing says \"nonsense\"",
        "loadline-test.yaml:1",
        "not from here",
        "2 cases: 1 passed, 1 failed",
    ] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let run = tested(cases, &["--plain", "--format", "json"]);
    let told: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.status, &told["files"][0]["cases"][0]["got"]), (1, &Value::from("denied")));
    let run = tested(cases, &["--plain", "--format", "junit"]);
    assert!(run.out.contains("tests=\"2\" failures=\"1\"") && run.out.contains("wrong &amp; out"), "{}", run.out);
    assert_eq!(tested(cases, &["--plain", "--run", "right"]).status, 0);
}

#[test]
fn faults_of_a_file_are_named_with_their_lines() {
    for (cases, words) in [
        (
            "cases:\n  - name: a\n    image: x\n    expected: denied\n",
            "loadline-test.yaml:4: `expected` is no key of a case",
        ),
        ("cases:\n  - name: a\n    image: x\n    expect: maybe\n", "loadline-test.yaml:4: `expect: maybe` is none of"),
        ("cases:\n  - image: x\n    expect: denied\n", "loadline-test.yaml:2: a case has a `name`"),
        ("cases:\n  - name: a\n    expect: denied\n", "loadline-test.yaml:2: a case has one of"),
        ("cases:\n  - name: a\n    object: gone.yaml\n    expect: denied\n", "loadline-test.yaml:3: "),
        ("cases: []\n", "loadline-test.yaml:1: 0 cases"),
        ("a: [\n", "loadline-test.yaml:"),
        ("policies: x\n", "loadline-test.yaml:1: `policies` is no key"),
        ("- name: a\n  object:\n    kind: Pod\n    a: .inf\n  expect: denied\n", "loadline-test.yaml:4: "),
        ("- {name: a, image: x, expect: denied, defaults: true}\n", "`defaults` belongs to an `object`"),
    ] {
        let run = tested(cases, &[]);
        assert_eq!(run.status, 2, "{cases}: {}{}", run.out, run.err);
        assert!(run.err.contains(words), "{words}: {}", run.err);
    }
    let empty = tempfile::tempdir().unwrap();
    let run = plimsoll(&["policy", "test", &empty.path().display().to_string()]);
    assert!(run.status == 2 && run.err.contains("loadline-test.yaml"), "{}", run.err);
    assert_eq!(plimsoll(&["policy", "test", "--format", "tap"]).status, 64);
}

#[test]
fn who_asks_and_where_is_added_to_what_a_case_is_about_and_contradicts_nothing() {
    let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, image: 'b.example.com/x:1'}]}}";
    let shop = pod.replace("name: p", "name: p, namespace: shop");
    let review = |user: &str| {
        format!(
            "{{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {{uid: u, operation: CREATE, namespace: shop, kind: {{group: '', version: v1, kind: Pod}}, resource: {{group: '', version: v1, resource: pods}}, userInfo: {user}, object: {shop}}}}}"
        )
    };
    let images = "{apiVersion: imagepolicy.k8s.io/v1alpha1, kind: ImageReview, spec: {containers: [{image: 'b.example.com/x:1'}]}}";
    let exempt = "- {name: a, expect: allowed, user: ann, ";
    let rest = "- {name: a, expect: denied, ";
    for (case, status, words) in [
        (format!("{exempt}namespace: shop, object: {pod}}}"), 0, ""),
        (format!("{exempt}object: {shop}}}"), 0, ""),
        (format!("{exempt}review: {}}}", review("{username: ann, groups: [g]}")), 0, ""),
        // What a case does not name stays what it was.
        (format!("- {{name: a, expect: allowed, groups: [g], review: {}}}", review("{username: ann}")), 0, ""),
        (format!("{exempt}review: {}}}", review("null")), 0, ""),
        (format!("{exempt}review: {}}}", review("[ann]")), 2, "`userInfo` is no mapping"),
        (format!("{exempt}review: {}}}", review("{username: bob}")), 2, "`user: ann` contradicts"),
        (format!("{exempt}groups: [h], review: {}}}", review("{groups: [g]}")), 2, "`groups: [\"h\"]` contradicts"),
        (format!("{exempt}namespace: other, review: {}}}", review("{}")), 2, "`namespace: other` contradicts"),
        (format!("{exempt}namespace: other, object: {shop}}}"), 2, "`namespace: other` contradicts"),
        (
            format!("{exempt}namespace: shop, object: {{apiVersion: v1, kind: Node, metadata: {{name: n}}}}}}"),
            2,
            "a Node is in none",
        ),
        (
            format!(
                "{exempt}namespace: shop, review: {}}}",
                review("{}").replace("kind: Pod}", "kind: Node}").replace(", namespace: shop", "")
            ),
            2,
            "a Node is in none",
        ),
        (format!("- {{name: a, expect: allowed, object: {pod}, old: {pod}}}"), 0, ""),
        (format!("{exempt}object: {pod}, old: {shop}, namespace: shop}}"), 0, ""),
        (
            format!("{rest}object: {pod}, old: {shop}}}"),
            2,
            "its namespace is \"shop\", and the object's is \"default\"",
        ),
        (format!("{rest}object: {pod}, old: {}}}", pod.replace("name: p", "name: q")), 2, "its name is \"q\""),
        (format!("{rest}object: {pod}, old: {}}}", pod.replace("Pod", "Job")), 2, "its kind is \"Job\""),
        (format!("{rest}object: {pod}, old: {pod}, operation: CREATE}}"), 2, "`old` belongs to an UPDATE or a DELETE"),
        (format!("{rest}object: {pod}, old: {pod}, operation: CONNECT}}"), 2, "and this is a CONNECT"),
        (format!("{exempt}image: 'b.example.com/x:1'}}"), 2, "an ImageReview names nobody"),
        (format!("{exempt}review: {images}}}"), 2, "an ImageReview names nobody"),
        (format!("{rest}namespace: kept, review: {images}}}"), 1, "got allowed"),
        (format!("{rest}namespace: kept, image: 'b.example.com/x:1'}}"), 1, "got allowed"),
        (format!("{rest}namespace: shop, review: {images}}}"), 0, ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let policy = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\ndata: {baselineOnly: allow}\n\
                      images: [{name: rest, match: ['**'], refuse: not from here}]\n\
                      exempt:\n  - {users: [ann], namespaces: [shop], reason: hers}\n  - {namespaces: [kept], reason: kept}\n";
        std::fs::write(folder.path().join("loadline.yaml"), policy).unwrap();
        let file = folder.path().join("loadline-test.yaml");
        std::fs::write(&file, format!("{case}\n")).unwrap();
        let run = plimsoll(&["policy", "test", &file.display().to_string()]);
        assert_eq!(run.status, status, "{case}: {}{}", run.out, run.err);
        assert!(run.out.contains(words) || run.err.contains(words), "{words}: {}{}", run.out, run.err);
    }
}

#[test]
fn links_to_one_policy_beside_other_rules_are_other_policies() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let policy = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\ndata: {baselineOnly: allow}\n\
                  undecided: allow\nimages: [{name: all, match: ['**']}]\npolicies: [{rego: rules/}]\n";
    std::fs::write(at("shared.yaml"), policy).unwrap();
    let object = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}";
    for (name, condition, expect) in [("one", "true", "denied"), ("two", "false", "allowed")] {
        std::fs::create_dir_all(at(name).join("rules")).unwrap();
        std::os::unix::fs::symlink("../shared.yaml", at(name).join("loadline.yaml")).unwrap();
        let rule = format!("package p\n\ndeny contains \"no\" if {condition}\n");
        std::fs::write(at(name).join("rules/p.rego"), rule).unwrap();
        let case = format!("- {{name: {name}, object: {object}, expect: {expect}}}\n");
        std::fs::write(at(name).join("loadline-test.yaml"), case).unwrap();
    }
    let run = plimsoll(&["policy", "test", &folder.path().display().to_string()]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
}

#[test]
fn objects_are_judged_as_mutators_leave_them_and_reviews_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let policy = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\ndata: {baselineOnly: allow}\n\
                  images: [{name: all, match: ['**']}]\npolicies: [{gatekeeper: mutators/}, {rego: rules/}]\n";
    std::fs::write(at("loadline.yaml"), policy).unwrap();
    let mutator = "apiVersion: mutations.gatekeeper.sh/v1\nkind: AssignMetadata\nmetadata: {name: owner}\n\
                   spec:\n  location: metadata.labels.owner\n  parameters: {assign: {value: team}}\n";
    std::fs::create_dir(at("mutators")).unwrap();
    std::fs::write(at("mutators/owner.yaml"), mutator).unwrap();
    std::fs::create_dir(at("rules")).unwrap();
    let rule = "package p\n\ndeny contains \"no owner\" if not input.request.object.metadata.labels.owner\n";
    std::fs::write(at("rules/p.rego"), rule).unwrap();
    let object = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}}";
    let review = format!(
        "{{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {{uid: u, operation: CREATE, name: c, namespace: shop, kind: {{group: '', version: v1, kind: ConfigMap}}, resource: {{group: '', version: v1, resource: configmaps}}, userInfo: {{}}, object: {object}}}}}"
    );
    let cases = format!(
        "- {{name: created, object: {object}, expect: allowed}}\n\
         - {{name: updated, object: {object}, old: {object}, expect: allowed}}\n\
         - {{name: raw, object: {object}, defaults: false, expect: denied, messages: [no owner]}}\n\
         - {{name: came, review: {review}, expect: denied, messages: [no owner]}}\n"
    );
    std::fs::write(at("loadline-test.yaml"), cases).unwrap();
    let file = at("loadline-test.yaml").display().to_string();
    let run = plimsoll(&["policy", "test", &file]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    let run = plimsoll(&["policy", "test", &file, "--no-defaults", "--run", "created"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
}
