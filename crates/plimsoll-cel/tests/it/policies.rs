//! What stands around the expressions of a policy: loading it, what it is about, parameters, and what cannot be told.

use std::sync::Arc;

use plimsoll_cel::policy::{Binding, Elsewhere, Judgement, Named, Options, Params, Policy, Review, Verdict, refusal};
use plimsoll_cel::value::Value;
use serde_json::{Value as Json, json};

fn policy_with(spec: &Json) -> Json {
    let mut whole = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]},
            "validations": [{"expression": "false"}],
        },
    });
    for (name, value) in spec.as_object().expect("an object") {
        whole["spec"][name] = value.clone();
    }
    whole
}

fn binding_with(spec: &Json) -> Binding {
    let mut whole = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
        "spec": {"policyName": "p", "validationActions": ["Deny"]},
    });
    for (name, value) in spec.as_object().expect("an object") {
        whole["spec"][name] = value.clone();
    }
    Binding::from_json(&whole).expect("a binding")
}

fn request_with(change: &Json) -> Json {
    let mut whole = json!({
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "web", "namespace": "shop", "operation": "CREATE",
        "object": {"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"replicas": 6}},
    });
    for (name, value) in change.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    whole
}

fn judged(spec: &Json, binding: &Json, request: &Json, params: &Params, namespace: Option<&Json>) -> Judgement {
    let policy = Policy::from_json(&policy_with(spec)).expect("a policy");
    let mut review = Review::from_request(&request_with(request)).expect("a request");
    if let Some(namespace) = namespace {
        review = review.with_namespace(namespace).expect("its namespace");
    }
    let mut all = policy.judge(&[binding_with(binding)], &review, params, Options::default());
    all.pop().expect("a judgement")
}

fn verdict(spec: &Json, binding: &Json, request: &Json) -> &'static str {
    word(&judged(spec, binding, request, &Params::default(), None))
}

fn word(judgement: &Judgement) -> &'static str {
    match judgement.verdict {
        Verdict::NotMatched => "not matched",
        Verdict::Allowed => "allowed",
        Verdict::Denied { .. } => "denied",
        Verdict::Undecided { .. } => "undecided",
    }
}

fn rules(rule: &Json) -> Json {
    let mut whole = json!({"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]});
    for (name, value) in rule.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    json!({"matchConstraints": {"resourceRules": [whole]}})
}

#[test]
fn rules_say_what_a_policy_is_about() {
    let nothing = json!({});
    let cases = [
        (json!({}), json!({}), "denied"),
        (json!({"operations": ["UPDATE"]}), json!({}), "not matched"),
        (json!({"apiGroups": ["batch"]}), json!({}), "not matched"),
        (json!({"resources": ["pods", "deployments"]}), json!({}), "denied"),
        (json!({"resources": ["deployments"]}), json!({"subResource": "scale"}), "not matched"),
        (json!({"resources": ["deployments/scale"]}), json!({"subResource": "scale"}), "denied"),
        (json!({"resources": ["deployments/*"]}), json!({"subResource": "scale"}), "denied"),
        (json!({"resources": ["*/scale"]}), json!({"subResource": "scale"}), "denied"),
        (json!({"resources": ["*"]}), json!({"subResource": "scale"}), "not matched"),
        (json!({"resources": ["*/*"]}), json!({"subResource": "scale"}), "denied"),
        (json!({"scope": "Cluster"}), json!({}), "not matched"),
        (json!({"scope": "Namespaced"}), json!({}), "denied"),
        (json!({"resourceNames": ["web"]}), json!({}), "denied"),
        (json!({"resourceNames": ["other"]}), json!({}), "not matched"),
        // Other versions of the same resource are the cluster's to know.
        (json!({"apiVersions": ["v1beta1"]}), json!({}), "undecided"),
    ];
    for (rule, request, wanted) in cases {
        assert_eq!(verdict(&rules(&rule), &nothing, &request), wanted, "{rule} {request}");
    }
    let mut exact = rules(&json!({"apiVersions": ["v1beta1"]}));
    exact["matchConstraints"]["matchPolicy"] = json!("Exact");
    assert_eq!(verdict(&exact, &nothing, &nothing), "not matched");
}

#[test]
fn exclusions_and_selectors_narrow_it() {
    let nothing = json!({});
    let mut excluded = rules(&json!({}));
    excluded["matchConstraints"]["excludeResourceRules"] =
        json!([{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}]);
    assert_eq!(verdict(&excluded, &nothing, &nothing), "not matched");
    for (selector, wanted) in [
        (json!({"matchLabels": {"app": "web"}}), "denied"),
        (json!({"matchLabels": {"app": "db"}}), "not matched"),
        (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}), "denied"),
        (json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), "not matched"),
        (json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}), "denied"),
        (json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}), "not matched"),
    ] {
        let binding = json!({"matchResources": {"objectSelector": selector}});
        assert_eq!(verdict(&nothing, &binding, &nothing), wanted, "{binding}");
    }
    // The old object's labels count too.
    let binding = json!({"matchResources": {"objectSelector": {"matchLabels": {"app": "old"}}}});
    let request = json!({"operation": "UPDATE", "oldObject": {"metadata": {"labels": {"app": "old"}}}});
    assert_eq!(verdict(&nothing, &binding, &request), "denied");
}

#[test]
fn a_selector_of_what_cannot_be_read_leaves_it_undecided() {
    let labels = |labels: Json| json!({"metadata": {"name": "web", "labels": labels}});
    for selector in [
        json!({"matchLabels": {"app": "web"}}),
        json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}),
    ] {
        let all = rules(&json!({}));
        let objects = json!({"matchResources": {"objectSelector": selector}});
        for (request, wanted) in [
            (json!({"operation": "DELETE", "object": null}), "undecided"),
            (json!({"operation": "DELETE", "object": null, "oldObject": null}), "undecided"),
            (json!({"operation": "DELETE", "object": null, "oldObject": labels(json!({"app": "web"}))}), "denied"),
            (json!({"operation": "DELETE", "object": null, "oldObject": labels(json!({"app": "db"}))}), "not matched"),
            (json!({"operation": "CREATE", "object": null}), "undecided"),
            (json!({"operation": "CREATE", "object": "web"}), "undecided"),
            (json!({"operation": "CREATE", "object": labels(json!({"app": 1}))}), "undecided"),
            (json!({"operation": "CREATE", "object": labels(json!(["app"]))}), "undecided"),
            (json!({"operation": "UPDATE", "object": labels(json!({"app": "db"}))}), "undecided"),
            (json!({"operation": "UPDATE", "object": labels(json!({"app": "web"}))}), "denied"),
        ] {
            assert_eq!(verdict(&all, &objects, &request), wanted, "{selector} {request}");
        }
        let namespaces = json!({"matchResources": {"namespaceSelector": selector}});
        let of_namespace = |operation: &str, object: Json, old: Json| {
            json!({
                "kind": {"group": "", "version": "v1", "kind": "Namespace"},
                "resource": {"group": "", "version": "v1", "resource": "namespaces"},
                "name": "web", "namespace": "web", "operation": operation, "object": object, "oldObject": old,
            })
        };
        for (request, wanted) in [
            (of_namespace("DELETE", Json::Null, Json::Null), "undecided"),
            (of_namespace("DELETE", Json::Null, labels(json!({"app": "web"}))), "denied"),
            (of_namespace("DELETE", Json::Null, labels(json!({"app": "db"}))), "not matched"),
            (of_namespace("CREATE", Json::Null, Json::Null), "undecided"),
        ] {
            assert_eq!(verdict(&all, &namespaces, &request), wanted, "{selector} {request}");
        }
    }
}

#[test]
fn a_namespace_that_is_not_known_leaves_it_undecided() {
    let binding = json!({"matchResources": {"namespaceSelector": {"matchLabels": {"env": "prod"}}}});
    let nothing = json!({});
    assert_eq!(verdict(&nothing, &binding, &nothing), "undecided");
    for (env, wanted) in [("prod", "denied"), ("dev", "not matched")] {
        let namespace = json!({"metadata": {"name": "shop", "labels": {"env": env}}});
        let judgement = judged(&nothing, &binding, &nothing, &Params::default(), Some(&namespace));
        assert_eq!(word(&judgement), wanted);
    }
    let spec = json!({"validations": [{"expression": "namespaceObject.metadata.name == 'shop'"}]});
    assert_eq!(verdict(&spec, &nothing, &nothing), "undecided");
    let spec = json!({"validations": [{"expression": "true || namespaceObject.metadata.name == 'shop'"}]});
    assert_eq!(verdict(&spec, &nothing, &nothing), "allowed");
}

#[test]
fn what_the_authorizer_would_say_is_undecided_and_a_denial_beside_it_is_not() {
    let nothing = json!({});
    let asks = "authorizer.group('apps').resource('deployments').namespace('shop').check('delete').allowed()";
    let undecided = json!({"validations": [{"expression": asks}]});
    assert_eq!(verdict(&undecided, &nothing, &nothing), "undecided");
    // Not even where errors are ignored.
    let ignored = json!({"failurePolicy": "Ignore", "validations": [{"expression": asks}]});
    assert_eq!(verdict(&ignored, &nothing, &nothing), "undecided");
    let denied = json!({"validations": [{"expression": asks}, {"expression": "object.spec.replicas < 6"}]});
    assert_eq!(verdict(&denied, &nothing, &nothing), "denied");
    let absorbed = json!({"validations": [{"expression": format!("object.spec.replicas == 6 || {asks}")}]});
    assert_eq!(verdict(&absorbed, &nothing, &nothing), "allowed");
    let error = json!({"validations": [{"expression": format!("object.nothing == 1 || {asks}")}]});
    assert_eq!(verdict(&error, &nothing, &nothing), "undecided");
    let condition = json!({"matchConditions": [{"name": "a", "expression": asks}]});
    assert_eq!(verdict(&condition, &nothing, &nothing), "undecided");
    let own = json!({"validations": [{"expression": "authorizer.requestResource.check('get').reason() == ''"}]});
    let judgement = judged(&own, &nothing, &nothing, &Params::default(), None);
    let Verdict::Undecided { why } = judgement.verdict else { panic!("undecided") };
    assert!(why.contains("deployments \"web\" in namespace \"shop\" to \"get\""), "{why}");
    // A binding that only warns lets it pass, and says what it could not tell.
    let judgement = judged(&undecided, &json!({"validationActions": ["Warn"]}), &nothing, &Params::default(), None);
    assert_eq!((word(&judgement), judgement.unknown.len(), judgement.warnings.len()), ("allowed", 1, 0));
}

#[test]
fn parameters_are_found_by_name_and_by_labels() {
    let spec = json!({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{"expression": "object.spec.replicas <= int(params.data.max)", "messageExpression": "'at most ' + params.data.max"}]});
    let map = |name: &str, namespace: &str, max: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": {"limits": "yes"}}, "data": {"max": max}});
    let objects = [map("low", "shop", "5"), map("high", "shop", "9"), map("low", "other", "99")];
    let some = Params::new(&objects).expect("objects");
    let all = some.clone().complete();
    let by_name = |name: &str| json!({"paramRef": {"name": name, "parameterNotFoundAction": "Deny"}});
    let nothing = json!({});
    let ask = |binding: &Json, params: &Params| word(&judged(&spec, binding, &nothing, params, None));
    assert_eq!(ask(&by_name("low"), &some), "denied");
    assert_eq!(ask(&by_name("high"), &some), "allowed");
    assert_eq!(
        ask(&json!({"paramRef": {"name": "low", "namespace": "other", "parameterNotFoundAction": "Deny"}}), &some),
        "allowed"
    );
    // Not known is not the same as not there.
    assert_eq!(ask(&by_name("none"), &some), "undecided");
    assert_eq!(ask(&by_name("none"), &all), "denied");
    assert_eq!(ask(&json!({"paramRef": {"name": "none", "parameterNotFoundAction": "Allow"}}), &all), "allowed");
    let labels =
        json!({"paramRef": {"selector": {"matchLabels": {"limits": "yes"}}, "parameterNotFoundAction": "Deny"}});
    assert_eq!(ask(&labels, &some), "undecided");
    let judgement = judged(&spec, &labels, &nothing, &all, None);
    let Verdict::Denied { message, .. } = judgement.verdict else { panic!("denied") };
    assert!(message.ends_with("denied request: at most 5"), "{message}");
    assert_eq!(
        judged(&spec, &by_name("none"), &nothing, &all, None).verdict,
        Verdict::Denied {
            message: "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction".to_owned(),
            reason: "Invalid".to_owned(),
            code: 422,
            erred: true,
        }
    );
}

#[test]
fn actions_deny_warn_and_audit() {
    let spec = json!({"validations": [{"expression": "false", "message": "no", "reason": "Forbidden"}]});
    let nothing = json!({});
    let denied = judged(&spec, &json!({"validationActions": ["Deny", "Audit"]}), &nothing, &Params::default(), None);
    let review = Review::from_request(&request_with(&nothing)).expect("a request");
    assert_eq!(
        refusal(&review, std::slice::from_ref(&denied)),
        Some((
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"
                .to_owned(),
            "Forbidden".to_owned(),
            403
        ))
    );
    let (key, value) = denied.annotations.first().expect("an annotation");
    assert_eq!(key, "validation.policy.admission.k8s.io/validation_failure");
    let value: Json = serde_json::from_str(value).expect("JSON");
    assert_eq!(
        value,
        json!([{"message": "no", "policy": "p", "binding": "b", "expressionIndex": 0, "validationActions": ["Deny", "Audit"]}])
    );
    let warned = judged(&spec, &json!({"validationActions": ["Warn"]}), &nothing, &Params::default(), None);
    assert_eq!(word(&warned), "allowed");
    assert_eq!(warned.warnings, ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"]);
}

#[test]
fn no_policy_is_asked_about_policies() {
    let request = json!({
        "kind": {"group": "admissionregistration.k8s.io", "version": "v1", "kind": "ValidatingAdmissionPolicy"},
        "resource": {"group": "admissionregistration.k8s.io", "version": "v1", "resource": "validatingadmissionpolicies"}, "namespace": "",
    });
    assert_eq!(verdict(&rules(&json!({"resources": ["*"]})), &json!({}), &request), "not matched");
}

/// The faults of a policy whose spec differs in these fields.
fn faults(spec: &Json) -> String {
    Policy::from_json(&policy_with(spec)).expect_err("refused").to_string()
}

#[test]
fn a_policy_is_refused_at_load_for_what_the_api_server_refuses() {
    let cases = [
        (json!({"validation": []}), "spec.validation: unknown field"),
        (json!({"validations": [{"expression": "true", "mesage": "x"}]}), "spec.validations[0].mesage: unknown field"),
        (
            json!({"validations": [{"expression": "objct.spec.replicas < 5"}]}),
            "spec.validations[0].expression: Invalid value: \"objct.spec.replicas < 5\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'objct' (in container '')\n | objct.spec.replicas < 5\n | ^",
        ),
        (json!({"validations": [{"expression": "1"}]}), "must evaluate to bool but got int"),
        (json!({"validations": [{"expression": "object.a"}]}), "must evaluate to bool but got dyn"),
        (json!({"validations": [{"expression": ""}]}), "spec.validations[0].expression: Required value"),
        (json!({"validations": []}), "validations or auditAnnotations must be non-empty"),
        (
            json!({"validations": [{"expression": "true", "reason": "Because"}]}),
            "spec.validations[0].reason: Unsupported value: \"Because\"",
        ),
        (json!({"validations": [{"expression": "true", "message": "a\nb"}]}), "must not contain line breaks"),
        (
            json!({"validations": [{"expression": "true", "messageExpression": "1"}]}),
            "must evaluate to string but got int",
        ),
        (
            json!({"validations": [{"expression": "true", "messageExpression": "authorizer.path('/a').check('get').reason()"}]}),
            "undeclared reference to 'authorizer'",
        ),
        (json!({"validations": [{"expression": "params == null"}]}), "undeclared reference to 'params'"),
        (
            json!({"auditAnnotations": [{"key": "a", "valueExpression": "1"}]}),
            "must evaluate to one of [string null_type] but got int",
        ),
        (json!({"failurePolicy": "Never"}), "spec.failurePolicy: Unsupported value: \"Never\""),
        (json!({"matchConstraints": null}), "spec.matchConstraints: Required value"),
        (json!({"matchConstraints": {"resourceRules": []}}), "spec.matchConstraints.resourceRules: Required value"),
        (json!({"variables": [{"name": "a b", "expression": "1"}]}), "name is not a valid CEL identifier"),
        (
            json!({"variables": [{"name": "a", "expression": "variables.b"}, {"name": "b", "expression": "1"}]}),
            "undefined field 'b'",
        ),
        (json!({"variables": [{"name": "a", "expression": "variables.a"}]}), "undefined field 'a'"),
        (
            json!({"variables": [{"name": "a", "expression": "1"}, {"name": "a", "expression": "1"}]}),
            "Duplicate value: \"a\"",
        ),
        (
            json!({"variables": [{"name": "n", "expression": "1"}], "validations": [{"expression": "variables.n == 'a'"}]}),
            "found no matching overload for '_==_' applied to '(int, string)'",
        ),
        (json!({"matchConditions": [{"name": "a", "expression": "1"}]}), "spec.matchConditions[0].expression"),
    ];
    for (spec, wanted) in cases {
        let told = faults(&spec);
        assert!(told.contains(wanted), "{spec}: {told}");
    }
    let other = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}});
    assert!(Policy::from_json(&other).is_err() && Binding::from_json(&other).is_err());
    for nonsense in [
        json!(null),
        json!([]),
        json!("x"),
        json!({"spec": 1}),
        json!({"spec": {"validations": {"a": 1}, "variables": [1]}}),
    ] {
        assert!(Policy::from_json(&nonsense).is_err() && Binding::from_json(&nonsense).is_err());
    }
}

#[test]
fn a_policy_of_v1beta1_is_read_too() {
    let mut whole = policy_with(&json!({}));
    whole["apiVersion"] = json!("admissionregistration.k8s.io/v1beta1");
    assert!(Policy::from_json(&whole).is_ok());
    whole["apiVersion"] = json!("admissionregistration.k8s.io/v1alpha1");
    assert!(Policy::from_json(&whole).is_err());
}

#[test]
fn work_beyond_our_own_bounds_and_cancelling_are_undecided() {
    let spec =
        json!({"validations": [{"expression": "lists.range(300).all(i, lists.range(300).all(j, i + j < 1000))"}]});
    let policy = Policy::from_json(&policy_with(&spec)).expect("a policy");
    let review = Review::from_request(&request_with(&json!({}))).expect("a request");
    let bindings = [binding_with(&json!({}))];
    let cancel = std::sync::atomic::AtomicBool::new(true);
    for options in
        [Options { work: Some(1_000), ..Options::default() }, Options { cancel: Some(&cancel), ..Options::default() }]
    {
        let judged = policy.judge(&bindings, &review, &Params::default(), options);
        assert_eq!(word(judged.first().expect("a judgement")), "undecided");
    }
    let judged = policy.judge(&bindings, &review, &Params::default(), Options::default());
    assert_eq!(word(judged.first().expect("a judgement")), "allowed");
}

/// Who knows the objects of one kind, or nothing.
#[derive(Debug)]
struct Others(Result<Vec<(&'static str, &'static str, Json)>, String>);

impl Elsewhere for Others {
    fn namespaced(&self, _: (&str, &str), _: &str) -> Result<bool, String> {
        self.0.as_ref().map(|all| all.iter().all(|(namespace, ..)| !namespace.is_empty())).map_err(Clone::clone)
    }

    fn named(&self, kind: (&str, &str), namespace: &str, name: &str) -> Result<Option<Value>, String> {
        Ok(self.all(kind, namespace)?.into_iter().find(|one| one.name == name).map(|one| one.object))
    }

    fn all(&self, _: (&str, &str), namespace: &str) -> Result<Vec<Named>, String> {
        let all = self.0.as_ref().map_err(Clone::clone)?.iter().filter(|(of, ..)| *of == namespace);
        let named = |(namespace, name, json): &(&str, &str, Json)| Named {
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
            object: Value::from_json(json).expect("an object"),
        };
        Ok(all.map(named).collect())
    }
}

#[test]
fn parameters_that_others_know_are_asked_for_and_own_ones_count_first() {
    let limits = |most: i64, labels: Json| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "limits", "namespace": "shop", "labels": labels}, "most": most});
    let spec = json!({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{"expression": "object.spec.replicas <= params.most"}]});
    let by_name = |missing: &str| json!({"paramRef": {"name": "limits", "parameterNotFoundAction": missing}});
    let by_label = json!({"paramRef": {"selector": {"matchLabels": {"a": "b"}}, "parameterNotFoundAction": "Allow"}});
    let asked = |others: &Others, own: &[Json], binding: &Json| {
        let mut params = Params::new(own).expect("objects");
        params.look_elsewhere(Arc::new(Others(others.0.clone())));
        word(&judged(&spec, binding, &json!({}), &params, None))
    };
    let (a, none) = (json!({"a": "b"}), json!({}));
    let one = |most, labels: &Json| Others(Ok(vec![("shop", "limits", limits(most, labels.clone()))]));
    let (nobody, elsewhere) =
        (Others(Err("nobody listens".into())), Others(Ok(vec![("other", "limits", limits(9, a.clone()))])));
    for (others, own, binding, wanted) in [
        (&one(5, &none), vec![], by_name("Deny"), "denied"),
        (&one(6, &none), vec![], by_name("Deny"), "allowed"),
        (&elsewhere, vec![], by_name("Deny"), "denied"),
        (&elsewhere, vec![], by_name("Allow"), "allowed"),
        (&nobody, vec![], by_name("Allow"), "undecided"),
        (&nobody, vec![limits(6, none.clone())], by_name("Deny"), "allowed"),
        (&one(9, &none), vec![limits(5, none.clone())], by_name("Deny"), "denied"),
        (&one(5, &a), vec![], by_label.clone(), "denied"),
        (&one(5, &none), vec![], by_label.clone(), "allowed"),
        // The own one stands in its place, labels and all.
        (&one(5, &a), vec![limits(5, none.clone())], by_label.clone(), "allowed"),
        (&nobody, vec![limits(9, a.clone())], by_label.clone(), "undecided"),
    ] {
        assert_eq!(asked(others, &own, &binding), wanted, "{others:?} {own:?} {binding}");
    }
    let cluster = Others(Ok(vec![("", "limits", limits(9, none.clone()))]));
    let named = json!({"paramRef": {"name": "limits", "namespace": "shop", "parameterNotFoundAction": "Allow"}});
    assert_eq!(asked(&cluster, &[], &named), "denied", "a kind of the cluster's has no namespace to name");
    assert_eq!(asked(&cluster, &[], &by_name("Deny")), "allowed");
}

#[test]
fn what_nobody_knows_of_a_kinds_scope_is_unknown_and_no_error_that_may_be_ignored() {
    let object = |namespace: Option<&str>| {
        let mut whole =
            json!({"apiVersion": "example.com/v1", "kind": "Limit", "metadata": {"name": "limits"}, "most": 9});
        if let Some(namespace) = namespace {
            whole["metadata"]["namespace"] = json!(namespace);
        }
        whole
    };
    let spec = json!({"failurePolicy": "Ignore", "paramKind": {"apiVersion": "example.com/v1", "kind": "Limit"},
        "validations": [{"expression": "object.spec.replicas <= params.most"}]});
    let in_shop = json!({"paramRef": {"name": "limits", "namespace": "shop", "parameterNotFoundAction": "Deny"}});
    let anywhere = json!({"paramRef": {"name": "limits", "parameterNotFoundAction": "Deny"}});
    let of_cluster = json!({"namespace": "", "object": {"spec": {"replicas": 6}}});
    let asked = |others: &Others, own: &[Json], binding: &Json, request: &Json| {
        let mut params = Params::new(own).expect("objects");
        params.look_elsewhere(Arc::new(Others(others.0.clone())));
        word(&judged(&spec, binding, request, &params, None))
    };
    let nobody = Others(Err("nobody listens".into()));
    // Own ones without a namespace prove nothing of the kind: the manifest may leave out what the cluster fills in.
    assert_eq!(asked(&nobody, &[object(None)], &in_shop, &json!({})), "undecided");
    assert_eq!(asked(&nobody, &[object(None)], &anywhere, &of_cluster), "undecided");
    assert_eq!(asked(&nobody, &[], &in_shop, &json!({})), "undecided");
    assert_eq!(asked(&nobody, &[object(Some("shop"))], &in_shop, &json!({})), "allowed");
    // A cluster that is known says what is wrong, and the failure policy has its word.
    let cluster = Others(Ok(vec![("", "limits", object(None))]));
    assert_eq!(asked(&cluster, &[], &in_shop, &json!({})), "allowed");
}

#[test]
fn policies_say_whether_they_look_at_the_namespace() {
    let policy = |spec: &Json| Policy::from_json(&policy_with(spec)).expect("a policy");
    assert!(!policy(&json!({})).looks_at_namespace());
    for spec in [
        json!({"validations": [{"expression": "namespaceObject.metadata.name == 'a'"}]}),
        json!({"validations": [{"expression": "true", "messageExpression": "'in ' + namespaceObject.metadata.name"}]}),
        json!({"variables": [{"name": "a", "expression": "namespaceObject.metadata"}]}),
        json!({"auditAnnotations": [{"key": "a", "valueExpression": "namespaceObject.metadata.name"}]}),
        json!({"matchConstraints": {"namespaceSelector": {"matchLabels": {"a": "b"}}, "resourceRules": rules(&json!({}))["matchConstraints"]["resourceRules"]}}),
    ] {
        assert!(policy(&spec).looks_at_namespace(), "{spec}");
    }
    let binding = |spec: &Json| binding_with(spec).looks_at_namespace();
    assert!(!binding(&json!({})));
    assert!(binding(&json!({"matchResources": {"namespaceSelector": {"matchLabels": {"a": "b"}}}})));
}
