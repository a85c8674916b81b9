//! What stands around the mutations of a policy: loading it, in which order and how often it is asked, and what cannot be told.

use std::time::{Duration, Instant};

use plimsoll_cel::policy::{Mutated, MutatingBinding, MutatingPolicy, Options, Outcome, Params, Review, mutate};
use serde_json::{Value as Json, json};

fn policy_of(name: &str, spec: &Json) -> Json {
    let mut whole = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}]},
            "reinvocationPolicy": "Never",
        },
    });
    for (name, value) in spec.as_object().expect("an object") {
        whole["spec"][name] = value.clone();
    }
    whole
}

fn applied(expression: &str) -> Json {
    json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}})
}

fn patched(expression: &str) -> Json {
    json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
}

fn bound(policy: &str, spec: &Json) -> MutatingBinding {
    let mut whole = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": format!("of-{policy}")}, "spec": {"policyName": policy},
    });
    for (name, value) in spec.as_object().expect("an object") {
        whole["spec"][name] = value.clone();
    }
    MutatingBinding::from_json(&whole).expect("a binding")
}

fn request(change: &Json) -> Review {
    let mut whole = json!({
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "web", "namespace": "shop", "operation": "CREATE",
        "object": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 6}},
    });
    for (name, value) in change.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    Review::from_request(&whole).expect("a request")
}

fn settled(policies: &[(&str, Json)], change: &Json, settle: &dyn Fn(&mut Json)) -> Mutated {
    let read = |(name, spec): &(&str, Json)| MutatingPolicy::from_json(&policy_of(name, spec)).expect("a policy");
    let bindings: Vec<MutatingBinding> = policies.iter().map(|(name, _)| bound(name, &json!({}))).collect();
    let policies: Vec<MutatingPolicy> = policies.iter().map(read).collect();
    mutate(&policies, &bindings, &request(change), &Params::default(), Options::default(), settle)
}

fn outcome(policies: &[(&str, Json)], change: &Json) -> Outcome {
    settled(policies, change, &|_: &mut Json| {}).outcome
}

fn replicas(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Changed(object) => object["spec"]["replicas"].as_i64(),
        _ => None,
    }
}

#[test]
fn a_policy_is_refused_for_what_the_api_server_refuses() {
    let wrong = |spec: Json| MutatingPolicy::from_json(&policy_of("p", &spec)).expect_err("refused").to_string();
    for (spec, says) in [
        (json!({}), "spec.mutations: Required value"),
        (json!({"mutations": [{}]}), "spec.mutations[0].patchType: Required value"),
        (json!({"mutations": [{"patchType": "Other"}]}), "Unsupported value: \"Other\""),
        (json!({"mutations": [{"patchType": "JSONPatch"}]}), "spec.mutations[0].jsonPatch: Required value"),
        (
            json!({"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{}]"}, "applyConfiguration": {"expression": "Object{}"}}]}),
            "spec.mutations[0].applyConfiguration: Invalid value",
        ),
        (json!({"mutations": [applied("1")]}), "must evaluate to Object"),
        (json!({"mutations": [applied("[JSONPatch{}]")]}), "must evaluate to Object"),
        (json!({"mutations": [patched("Object{}")]}), "must evaluate to list(JSONPatch)"),
        (
            json!({"mutations": [patched("[JSONPatch{op: 1}]")]}),
            "expected type of field 'op' is 'string' but provided type is 'int'",
        ),
        (json!({"mutations": [patched("[JSONPatch{other: 1}]")]}), "expected type of field 'other'"),
        (json!({"mutations": [applied("Other{}")]}), "undeclared reference to 'Other'"),
        (
            json!({"mutations": [applied("Object{}")], "reinvocationPolicy": null}),
            "spec.reinvocationPolicy: Required value",
        ),
        (json!({"mutations": [applied("Object{}")], "validations": []}), "spec.validations: unknown field"),
        // Patches are made by mutations alone.
        (
            json!({"mutations": [applied("Object{}")], "variables": [{"name": "v", "expression": "Object{}"}]}),
            "undeclared reference to 'Object'",
        ),
    ] {
        let told = wrong(spec.clone());
        assert!(told.contains(says), "{spec}\n{told}");
    }
    for version in ["v1", "v1beta1", "v1alpha1"] {
        let mut policy = policy_of("p", &json!({"mutations": [applied("Object{}")]}));
        policy["apiVersion"] = json!(format!("admissionregistration.k8s.io/{version}"));
        assert!(MutatingPolicy::from_json(&policy).is_ok(), "{version}");
    }
}

#[test]
fn policies_come_one_after_another_and_once_more_where_they_ask_for_it() {
    let more = |again: &str| json!({"mutations": [applied("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}")], "reinvocationPolicy": again});
    let nothing = json!({});
    assert_eq!(replicas(&outcome(&[("a", more("Never"))], &nothing)), Some(7));
    assert_eq!(replicas(&outcome(&[("a", more("Never")), ("b", more("Never"))], &nothing)), Some(8));
    assert_eq!(replicas(&outcome(&[("a", more("IfNeeded")), ("b", more("Never"))], &nothing)), Some(9));
    let other = json!({"mutations": [applied("Object{spec: Object.spec{replicas: 1}}")], "matchConditions": [{"name": "never", "expression": "false"}]});
    assert_eq!(outcome(&[("a", other)], &nothing), Outcome::Unchanged);
    assert_eq!(outcome(&[("a", more("Never"))], &json!({"operation": "DELETE", "object": null})), Outcome::Unchanged);
}

#[test]
fn what_the_server_sets_by_default_is_set_after_each() {
    let first = json!({"mutations": [
        patched("[JSONPatch{op: 'remove', path: '/spec/replicas'}]"),
        applied("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}"),
    ]});
    let settle = |object: &mut Json| {
        if object["spec"]["replicas"].is_null() {
            object["spec"]["replicas"] = json!(1);
        }
    };
    assert_eq!(replicas(&settled(&[("a", first)], &json!({}), &settle).outcome), Some(2));
}

#[test]
fn a_failure_refuses_and_what_cannot_be_told_is_undecided() {
    let fails = |policy: &str| json!({"failurePolicy": policy, "mutations": [applied("Object{spec: Object.spec{replicas: object.spec.nothing}}")]});
    let nothing = json!({});
    let mutated = settled(&[("a", fails("Fail"))], &nothing, &|_: &mut Json| {});
    let Outcome::Refused(told) = &mutated.outcome else { panic!("{mutated:?}") };
    assert!(told.starts_with("policy 'a' with binding 'of-a' denied request: expression"), "{told}");
    assert_eq!(mutated.by, Some(("a".to_owned(), "of-a".to_owned())));
    assert_eq!(outcome(&[("a", fails("Ignore"))], &nothing), Outcome::Unchanged);
    let asks = "authorizer.group('apps').resource('deployments').check('delete').allowed()";
    for spec in [
        json!({"mutations": [applied(&format!("{asks} ? Object{{}} : Object{{}}"))]}),
        json!({"failurePolicy": "Ignore", "mutations": [applied(&format!("{asks} ? Object{{}} : Object{{}}"))]}),
        json!({"mutations": [applied("Object{}")], "matchConditions": [{"name": "a", "expression": asks}]}),
        json!({"mutations": [applied("namespaceObject.metadata.name == 'x' ? Object{} : Object{}")]}),
    ] {
        assert!(matches!(outcome(&[("a", spec.clone())], &nothing), Outcome::Undecided(_)), "{spec}");
    }
    // An object that the server would not have read comes to no policy there.
    let odd =
        json!({"object": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "other": 1}});
    let change = applied("Object{spec: Object.spec{replicas: 1}}");
    assert!(matches!(outcome(&[("a", json!({"mutations": [change]}))], &odd), Outcome::Undecided(_)));
    // Of other kinds it is not known how they are merged; a patch needs no such thing.
    let widget = json!({"object": {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"replicas": 1}}});
    let change = applied("Object{spec: Object.spec{replicas: 2}}");
    assert!(matches!(outcome(&[("a", json!({"mutations": [change]}))], &widget), Outcome::Undecided(_)));
    let change = patched("[JSONPatch{op: 'replace', path: '/spec/replicas', value: 2}]");
    assert_eq!(replicas(&outcome(&[("a", json!({"mutations": [change]}))], &widget)), Some(2));
}

/// The outcome of one patch of a Widget, a kind that is known nowhere.
fn of_widget(expression: &str, spec: &Json) -> Outcome {
    let object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    outcome(&[("a", json!({"mutations": [patched(expression)]}))], &json!({"object": object}))
}

fn undecided(why: &str) -> Outcome {
    Outcome::Undecided(why.to_owned())
}

#[test]
fn an_object_stays_of_its_kind() {
    let nothing = json!({});
    let refused = |why: &str| Outcome::Refused(format!("Internal error occurred: {why}"));
    let one = |expression: &str, policy: &str| {
        outcome(&[("a", json!({"failurePolicy": policy, "mutations": [patched(expression)]}))], &nothing)
    };
    for policy in ["Fail", "Ignore"] {
        for (expression, why) in [
            ("[JSONPatch{op: 'replace', path: '', value: []}]", "what was patched is no object"),
            ("[JSONPatch{op: 'replace', path: '/kind', value: 'DaemonSet'}]", "what was patched has another kind"),
            ("[JSONPatch{op: 'add', path: '/apiVersion', value: 'v1'}]", "what was patched has another apiVersion"),
            ("[JSONPatch{op: 'add', path: '/kind', value: 1}]", "what was patched has another kind"),
        ] {
            assert_eq!(one(expression, policy), refused(why), "{policy}: {expression}");
        }
    }
    // Where the server has a type it has a kind.
    for gone in ["/kind", "/apiVersion"] {
        let patch = format!(
            "[JSONPatch{{op: 'remove', path: '{gone}'}}, JSONPatch{{op: 'replace', path: '/spec/replicas', value: 2}}]"
        );
        let changed = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2}});
        assert_eq!(one(&patch, "Fail"), Outcome::Changed(changed), "{gone}");
    }
    assert_eq!(
        of_widget("[JSONPatch{op: 'remove', path: '/kind'}]", &nothing),
        undecided("what was patched has no kind any more")
    );
    assert_eq!(
        of_widget("[JSONPatch{op: 'replace', path: '/kind', value: 'Pod'}]", &nothing),
        refused("what was patched has another kind")
    );
}

#[test]
fn a_patch_after_which_an_object_cannot_be_read_refuses_whatever_the_policy_says() {
    let patch = "[JSONPatch{op: 'add', path: '/spec/nothing', value: 1}]";
    let apply = applied("Object{spec: Object.spec{nothing: 1}}");
    for policy in ["Fail", "Ignore"] {
        let spec = json!({"failurePolicy": policy, "mutations": [patched(patch)]});
        let mutated = settled(&[("a", spec)], &json!({}), &|_: &mut Json| {});
        let told = "Internal error occurred: the object cannot be read any more: unknown field \".spec.nothing\"";
        assert_eq!(mutated.outcome, Outcome::Refused(told.to_owned()), "{policy}");
        assert_eq!(mutated.by, Some(("a".to_owned(), "of-a".to_owned())), "{policy}");
    }
    // A configuration fails as the policy says.
    assert_eq!(
        outcome(&[("a", json!({"failurePolicy": "Ignore", "mutations": [apply]}))], &json!({})),
        Outcome::Unchanged
    );
    // And what could not be read before is nobody's fault, unless nobody is asked.
    let odd =
        json!({"object": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "other": 1}});
    let spec = json!({"mutations": [patched("[JSONPatch{op: 'remove', path: '/other'}]")]});
    let mutated = settled(&[("a", spec.clone())], &odd, &|_: &mut Json| {});
    assert_eq!(mutated.outcome, undecided("the object is not what its kind says: unknown field \".other\""));
    assert_eq!(mutated.by, None);
    let mut never = spec;
    never["matchConditions"] = json!([{"name": "never", "expression": "false"}]);
    assert_eq!(outcome(&[("a", never)], &odd), Outcome::Unchanged);
}

#[test]
fn patches_that_double_end_in_a_bound() {
    let start = Instant::now();
    // One deeper each time: within the bound, but annotations are texts.
    let copies: Vec<&str> =
        vec!["JSONPatch{op: 'copy', from: '/metadata/annotations', path: '/metadata/annotations/a'}"; 60];
    let copies = patched(&format!(
        "[JSONPatch{{op: 'add', path: '/metadata/annotations', value: {{}}}}, {}]",
        copies.join(", ")
    ));
    assert_eq!(
        outcome(&[("a", json!({"mutations": [copies]}))], &json!({})),
        Outcome::Refused(
            "Internal error occurred: the object cannot be read any more: .metadata.annotations.a: expected string"
                .to_owned()
        )
    );
    // Twice as deep each time.
    let copies: Vec<String> =
        (1..60).map(|at| format!("JSONPatch{{op: 'copy', from: '/spec', path: '/spec{}'}}", "/a".repeat(at))).collect();
    assert_eq!(of_widget(&format!("[{}]", copies.join(", ")), &json!({})), undecided("a JSON patch nests too deeply"));
    // Twice as large.
    let copies: Vec<String> =
        (0..60).map(|at| format!("JSONPatch{{op: 'copy', from: '/metadata', path: '/metadata/a{at}'}}")).collect();
    let copies = patched(&format!("[{}]", copies.join(", ")));
    assert_eq!(
        outcome(&[("a", json!({"mutations": [copies]}))], &json!({})),
        undecided("a JSON patch copies too much")
    );
    let deeper = "lists.range(6000).map(i, i % 3 == 0 ? JSONPatch{op: 'add', path: '/t', value: {}} : i % 3 == 1 ? JSONPatch{op: 'move', from: '/spec', path: '/t/s'} : JSONPatch{op: 'move', from: '/t', path: '/spec'})";
    for (moves, why) in [
        (deeper.to_owned(), "a JSON patch has too many operations"),
        (deeper.replace("6000", "4998"), "a JSON patch nests too deeply"),
    ] {
        assert_eq!(outcome(&[("a", json!({"mutations": [patched(&moves)]}))], &json!({})), undecided(why));
    }
    // A value that holds another twice, and that a third.
    let mut variables = vec![json!({"name": "v0", "expression": "['x']"})];
    variables.extend((1..60).map(
        |at| json!({"name": format!("v{at}"), "expression": format!("[variables.v{0}, variables.v{0}]", at - 1)}),
    ));
    for (change, name) in [
        (applied("Object{spec: Object.spec{nothing: variables.v59}}"), "string"),
        (patched("[JSONPatch{op: 'add', path: '/spec/nothing', value: variables.v59}]"), "list"),
    ] {
        let why = format!("a value of type {name} is too large or holds what cannot be written as JSON");
        let shared = outcome(&[("a", json!({"variables": variables, "mutations": [change]}))], &json!({}));
        assert_eq!(shared, undecided(&why));
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn texts_that_are_shared_count_each_time() {
    let spec = json!({"text": "x".repeat(10_000), "items": vec![0; 20_000]});
    let start = Instant::now();
    let too_large = "a value of type list is too large or holds what cannot be written as JSON";
    let all = "lists.range(4000).map(i, object.spec.text)";
    for (expression, why) in [
        (format!("[JSONPatch{{op: 'add', path: '/spec/all', value: {all}}}]"), too_large),
        // Of all operations together.
        (
            "lists.range(4000).map(i, JSONPatch{op: 'add', path: '/spec/a', value: object.spec.text})".to_owned(),
            "a value of type string is too large or holds what cannot be written as JSON",
        ),
        (
            "lists.range(4000).map(i, JSONPatch{op: 'test', path: object.spec.text})".to_owned(),
            "a JSON patch is too large",
        ),
        (
            "lists.range(4000).map(i, JSONPatch{op: 'copy', from: '/spec/text', path: '/spec/t' + string(i)})"
                .to_owned(),
            "a JSON patch copies too much",
        ),
        (
            "lists.range(4000).map(i, JSONPatch{op: 'add', path: '/spec/items/0', value: 1})".to_owned(),
            "a JSON patch: operation cancelled: too much work",
        ),
    ] {
        assert_eq!(of_widget(&expression, &spec), undecided(why), "{expression}");
    }
    // And of what policies make one after another.
    let half = |name: &str| {
        patched(&format!(
            "[JSONPatch{{op: 'add', path: '/spec/{name}', value: lists.range(900).map(i, object.spec.text)}}]"
        ))
    };
    let object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    let made = |mutations: Vec<Json>| outcome(&[("a", json!({"mutations": mutations}))], &json!({"object": object}));
    assert!(matches!(made(vec![half("a")]), Outcome::Changed(_)));
    assert_eq!(made(vec![half("a"), half("b")]), undecided("the object grows too large"));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
