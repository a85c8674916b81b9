//! Tables of what the API server would say.

use super::*;
use crate::manifest::object::read;
use crate::manifest::rules::{Check, Context};
use crate::source::{Found, Source};

fn faults(text: &str) -> Vec<SchemaFault> {
    let source = Source::new("m.yaml", text);
    let manifest = read(&source);
    assert_eq!(manifest.fault, None, "{text}");
    manifest.objects.iter().flat_map(validate).collect()
}

fn told(text: &str) -> Vec<String> {
    faults(text).into_iter().map(|fault| fault.message).collect()
}

/// The text after the fixes of every fault.
fn mended(text: &str) -> String {
    let mut edits: Vec<_> = faults(text).into_iter().filter_map(|fault| fault.fix).flat_map(|fix| fix.edits).collect();
    edits.sort();
    let mut text = text.to_owned();
    for edit in edits.into_iter().rev() {
        text.replace_range(edit.start..edit.end, &edit.text);
    }
    text
}

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: nginx\n";

#[test]
fn rules_find_their_bad_examples_and_leave_their_good_ones_alone() {
    for rule in [
        rules::UNKNOWN_FIELD,
        rules::WRONG_TYPE,
        rules::UNKNOWN_VALUE,
        rules::REQUIRED_FIELD_MISSING,
        rules::UNKNOWN_API_VERSION,
        rules::REMOVED_API,
        rules::DEPRECATED_API,
        rules::DEPRECATED_FIELD,
        rules::MANIFEST_WITHOUT_KIND,
    ] {
        let of = |text: &str| -> Vec<Found> {
            let source = Source::new("m.yaml", text);
            let manifest = read(&source);
            assert_eq!(manifest.fault, None, "{}", rule.info.id);
            let mut found = Vec::new();
            match rule.check {
                Check::Object(check) => {
                    manifest.objects.iter().for_each(|object| check(object, &Context::of(&source), &mut found));
                }
                Check::Project(check) => {
                    let mut all = Vec::new();
                    check(&[manifest], &mut all);
                    found.extend(all.into_iter().map(|(_, one)| one));
                }
                _ => panic!("{}", rule.info.id),
            }
            assert!(found.iter().all(|one| one.rule.id == rule.info.id), "{}", rule.info.id);
            found
        };
        assert!(!of(rule.info.bad).is_empty(), "{}", rule.info.id);
        assert_eq!(of(rule.info.good), [], "{}", rule.info.id);
        assert_eq!(faults(rule.info.good), [], "{}", rule.info.id);
    }
}

#[test]
fn every_fault_is_named_with_its_place() {
    for (added, message) in [
        (
            "  imagePullSecrets:\n  - Name: regcred",
            "`Name` is no field of `spec.imagePullSecrets[0]`; did you mean `name`",
        ),
        (
            "    imagepullpolicy: Always",
            "`imagepullpolicy` is no field of `spec.containers[0]`; did you mean `imagePullPolicy`",
        ),
        ("    comand: [a]", "`comand` is no field of `spec.containers[0]`; did you mean `command`"),
        ("    hostNetwork: true", "`hostNetwork` is no field of `spec.containers[0]`; it belongs to `spec`"),
        (
            "    privileged: true",
            "`privileged` is no field of `spec.containers[0]`; it belongs below `securityContext`",
        ),
        (
            "  securityContext: {privileged: true}",
            "`privileged` is no field of `spec.securityContext`; it belongs to the `securityContext` of each container",
        ),
        ("replicas: 2", "`replicas` is no field of a Pod"),
        ("    nonsense: 2", "`nonsense` is no field of `spec.containers[0]`"),
        ("    stdin: \"true\"", "`spec.containers[0].stdin` is a text where a boolean belongs"),
        ("    stdin: 1", "`spec.containers[0].stdin` is a whole number where a boolean belongs"),
        ("  hostNetwork: [true]", "`spec.hostNetwork` is a list where a boolean belongs"),
        ("    args: -v", "`spec.containers[0].args` is a text where a list belongs"),
        ("    args: [-v, 2]", "`spec.containers[0].args[1]` is a whole number where a text belongs"),
        ("    resources: (}", "`spec.containers[0].resources` is a text where a mapping belongs; did you mean `{}`"),
        ("    resources: [a]", "`spec.containers[0].resources` is a list where a mapping belongs"),
        (
            "    ports: [{containerPort: '80'}]",
            "`spec.containers[0].ports[0].containerPort` is a text where a whole number belongs",
        ),
        (
            "    ports: [{containerPort: 80.5}]",
            "`spec.containers[0].ports[0].containerPort` is a number with a fraction where a whole number belongs",
        ),
        ("    env: [{name: A, value: yes}]", "`spec.containers[0].env[0].value` is a boolean where a text belongs"),
        ("    env: [{value: a}]", "`spec.containers[0].env[0]` has no `name`"),
        ("  nodeSelector: {gpu: true}", "`spec.nodeSelector.gpu` is a boolean where a text belongs"),
        ("  restartPolicy: Sometimes", "`spec.restartPolicy`: `Sometimes` is none of Always, Never, OnFailure"),
        (
            "    imagePullPolicy: always",
            "`spec.containers[0].imagePullPolicy`: `always` is none of Always, IfNotPresent, Never; did you mean `Always`",
        ),
        (
            "    resources: {limits: {memory: 512MB}}",
            "`spec.containers[0].resources.limits.memory`: `512MB` is no quantity; did you mean `512Mi`",
        ),
        (
            "    stdin: {{ .Values.stdin }}\n    tty: {{ .Values.tty }}",
            "`spec.containers[0].stdin` is a template, not a value; fill it in and check what comes out",
        ),
        (
            "    ports: [{containerPort: '${PORT}'}]",
            "`spec.containers[0].ports[0].containerPort` is a template, not a value; fill it in and check what comes out",
        ),
        ("  serviceAccount: a", "`spec.serviceAccount` is deprecated"),
        ("  tolerations: [{operator: Is}]", "`spec.tolerations[0].operator`: `Is` is none of Equal, Exists, Gt, Lt"),
    ] {
        assert_eq!(told(&format!("{POD}{added}\n")), [message], "{added}");
    }
    assert_eq!(
        told("apiVersion: v1\nkind: Pod\nmetadata: {}\nspec:\n  containers:\n  - image: a\n"),
        ["`spec.containers[0]` has no `name`", "the Pod has no `metadata.name`"]
    );
    assert_eq!(told("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n").len(), 2);
    assert_eq!(told("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: web\n").len(), 1);
    for (text, message) in [
        ("v1\nkind: Pod\nmetadata: {name: a}\n", "the Pod has no `spec`"),
        ("v1\nkind: Pod\nmetadata: {name: a}\nspec:\n", "the Pod has no `spec`"),
        ("v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n", "`spec` has no `containers`"),
        (
            "v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec: {accessModes: [ReadWriteOnce]}\n",
            "`spec` has no `resources`",
        ),
        (
            "rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: a}\nroleRef: {apiGroup: a, kind: ClusterRole, name: view}\n\
             subjects: [{kind: ServiceAccount, name: a}, {kind: User, name: b}]\n",
            "`subjects[0]` has no `namespace`",
        ),
    ] {
        assert_eq!(told(&format!("apiVersion: {text}")), [message], "{text}");
    }
}

#[test]
fn what_the_api_server_takes_is_taken() {
    for added in [
        "    stdin: yes",
        "    args: []",
        "    args:",
        "    args: [!!str 2, '2', a]",
        "    env: [{name: A, value: }, {name: B, value: ''}, {name: C, value: ~}]",
        "    ports: [{containerPort: 80.0}, {containerPort: 0x50}]",
        "    resources: {limits: {memory: 1e9, cpu: 1, nvidia.com/gpu: '1'}, requests: {cpu: 0.5}}",
        "    livenessProbe: {httpGet: {port: http}, periodSeconds: 3}",
        "    livenessProbe: {httpGet: {port: 80, scheme: ''}}",
        "  terminationGracePeriodSeconds: 1e1",
        "status: {phase: Whatever, conditions: [{}]}",
        "  volumes: [{name: a, emptyDir: {}}, {name: b, hostPath: {path: /, type: ''}}]",
        "  nodeSelector: {a: 'true', 1: b}",
    ] {
        assert_eq!(told(&format!("{POD}{added}\n")), [""; 0], "{added}");
    }
    for text in [
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: YQ==, b: ''}\nstringData: {c: d}\n",
        "apiVersion: v1\nkind: List\nitems: []\n",
        "apiVersion: storage.k8s.io/v1\nkind: CSIDriver\nmetadata: {name: a}\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a, creationTimestamp: null}\nspec: {containers: [{name: a}]}\n",
        "apiVersion: acme.io/v1\nkind: Pod\nspec: {anything: goes}\n",
        "apiVersion: authentication.k8s.io/v1\nkind: TokenReview\nspec: {token: a}\n",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"2024-01-02T03:04:05Z\"}}",
    ] {
        assert_eq!(told(text), [""; 0], "{text}");
    }
}

#[test]
fn values_of_secrets_are_not_shown() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {password: hunter2!}\nstringData: {pin: 4711}\nimmutable: \"perhaps\"\n";
    let told = told(text);
    assert_eq!(
        told,
        [
            "`data.password` is no base64",
            "`stringData.pin` is a whole number where a text belongs",
            "`immutable` is a text where a boolean belongs"
        ]
    );
}

#[test]
fn lost_indentation_is_told_once() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\nname: a\nspec:\ncontainers:\n- name: b\nimage: c\n";
    assert_eq!(told(text), ["the indentation is lost: `name` and `containers` stand beside `metadata`, not below it"]);
    let one = "apiVersion: v1\nkind: Pod\nmetadata:\nname: a\nspec: {containers: [{name: a}]}\n";
    assert_eq!(
        told(one),
        ["`name` is no field of a Pod; it belongs below `metadata`", "the Pod has no `metadata.name`"]
    );
}

#[test]
fn slip_in_the_version_hides_nothing_else() {
    let text = format!("{}    resources: (}}\n", POD.replace("v1", "vl"));
    assert_eq!(
        told(&text),
        [
            "`vl` has no kind `Pod`; did you mean `v1`",
            "`spec.containers[0].resources` is a text where a mapping belongs; did you mean `{}`"
        ]
    );
}

#[test]
fn what_three_dots_stand_for_is_not_missing() {
    let missing = |text: &str| {
        let source = Source::new("m.yaml", text);
        let Check::Object(check) = rules::REQUIRED_FIELD_MISSING.check else { panic!() };
        let mut found = Vec::new();
        check(&read(&source).objects[0], &Context::of(&source), &mut found);
        found.len()
    };
    assert_eq!(missing("apiVersion: v1\nkind: Pod\nmetadata:\n...\n  name: a\n"), 0);
    assert_eq!(missing("apiVersion: v1\nkind: Pod\nmetadata:\n...\n---\na: b\n"), 2);
}

#[test]
fn fixes_touch_the_fault_alone() {
    for (bad, good) in [
        ("  imagePullSecrets:\n  - Name: regcred # why", "  imagePullSecrets:\n  - name: regcred # why"),
        ("    \"Args\": [a]", "    \"args\": [a]"),
        ("    stdin: \"true\"", "    stdin: true"),
        ("    ports: [{containerPort: '80'}]", "    ports: [{containerPort: 80}]"),
        ("    env: [{name: A, value: 0644}]", "    env: [{name: A, value: \"0644\"}]"),
        ("    imagePullPolicy: 'always'", "    imagePullPolicy: 'Always'"),
        ("    resources: (}", "    resources: {}"),
        ("    resources: {limits: {memory: 1GB}}", "    resources: {limits: {memory: 1Gi}}"),
        // No fix where the right name is taken already, or the value could mean anything.
        ("    Image: b", "    Image: b"),
        ("    stdin: maybe", "    stdin: maybe"),
        ("    comand: [a]", "    comand: [a]"),
    ] {
        assert_eq!(mended(&format!("{POD}{bad}\n")), format!("{POD}{good}\n"));
    }
    assert_eq!(mended(&POD.replace("v1", "vl")), POD);
}

#[test]
fn merged_and_aliased_fields_are_looked_at_once() {
    let text = format!(
        "{POD}  - &side\n    name: side\n    image: a\n    Args: [a]\n  - <<: *side\n    name: other\n  - *side\n\
         \x20 initContainers:\n  - <<: [*side, {{nmae: b}}]\n"
    );
    assert_eq!(told(&text).len(), 2, "{:?}", told(&text));
    // What comes in by a merge is there.
    let merged =
        "apiVersion: v1\nkind: Pod\nmetadata: &m {name: web}\nspec:\n  containers:\n  - <<: *m\n    image: a\n";
    assert_eq!(told(merged), [""; 0]);
}

#[test]
fn bombs_cost_what_they_weigh() {
    let mut text =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nx0: &x0 {properties: {a: {type: string}}}\n".to_owned();
    for i in 1..40 {
        let before = i - 1;
        text.push_str(&format!("x{i}: &x{i} {{properties: {{a: *x{before}, b: *x{before}, c: *x{before}}}}}\n"));
    }
    let crd = text.replace("v1\nkind: Pod", "apiextensions.k8s.io/v1\nkind: CustomResourceDefinition")
        + "spec: {group: a.io, scope: Cluster, names: {kind: A, plural: as}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: *x39}}]}\n";
    // The reading of files leaves such an object out; the validator does not rely on that.
    let (trees, fault) = plimsoll_yaml::documents(&crd);
    assert_eq!(fault, None);
    assert_eq!(validate(&Object::of(&trees[0], 0).unwrap()).len(), 40);
    let many: String = (0..100_000).map(|i| format!("  fild{i}: 1\n")).collect();
    assert_eq!(faults(&format!("{POD}{many}")).len(), 100_000);
}

#[test]
fn deployments_of_old_versions_are_still_looked_at() {
    let old = "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers: [{Name: a}]\n";
    assert_eq!(told(old), ["`Name` is no field of `spec.template.spec.containers[0]`; did you mean `name`"]);
    let ingress = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\nspec: {backend: {serviceName: a, servicePort: 80}}\n";
    assert_eq!(told(ingress), [""; 0]);
}

#[test]
fn removed_versions_are_mended_where_that_is_all() {
    let fix = |text: &str| {
        let source = Source::new("m.yaml", text);
        let manifest = read(&source);
        let Check::Object(check) = rules::REMOVED_API.check else { panic!() };
        let mut found = Vec::new();
        check(&manifest.objects[0], &Context::of(&source), &mut found);
        assert_eq!(found.len(), 1, "{text}");
        (found[0].message.clone(), found[0].fix.as_ref().map(|fix| (fix.safe, fix.edits[0].text.clone())))
    };
    let deployment = "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers: [{name: a}]\n";
    let (message, none) = fix(deployment);
    assert_eq!(message, "`extensions/v1beta1` of Deployment went with Kubernetes 1.16");
    assert_eq!(none, None, "it has no selector");
    let whole = deployment.replace("  template", "  selector: {matchLabels: {a: b}}\n  template");
    assert_eq!(fix(&whole).1, Some((false, "apps/v1".into())));
    assert_eq!(fix(&whole.replace("extensions/v1beta1", "apps/v1beta2")).1, Some((true, "apps/v1".into())));
    let role = "apiVersion: rbac.authorization.k8s.io/v1beta1\nkind: Role\nmetadata: {name: a}\nrules: []\n";
    assert_eq!(fix(role).1, Some((true, "rbac.authorization.k8s.io/v1".into())));
    let ingress = "apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: a}\nspec: {backend: {serviceName: a, servicePort: 80}}\n";
    assert_eq!(fix(ingress).1, None);
    let psp = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: a}\nspec: {}\n";
    assert_eq!(fix(psp), ("`policy/v1beta1` of PodSecurityPolicy went with Kubernetes 1.25".into(), None));
}

proptest::proptest! {
    #[test]
    fn no_tree_makes_the_validator_panic(text in r#"(apiVersion: v1\nkind: (Pod|Secret|Service|List)\n)?((  ){0,4}(- )?(spec|containers|name|data|items|"a"|1|<<|\[|\{a: b\}|&a|\*a)(: (1|x|'1'|true|~|\[\]|\{\}|\*a|&a b|1Gi))?:?\n){0,12}"#) {
        let source = Source::new("m.yaml", &text);
        for object in &read(&source).objects {
            for fault in validate(object) {
                proptest::prop_assert!(text.get(fault.span.start..fault.span.end).is_some());
                for edit in fault.fix.into_iter().flat_map(|fix| fix.edits) {
                    proptest::prop_assert!(text.get(edit.start..edit.end).is_some());
                }
            }
        }
    }

    #[test]
    fn no_pod_makes_the_validator_panic(field in "[a-zA-Z]{1,20}", value in r#"[ -~é]{0,20}"#) {
        let text = format!("{POD}    {field}: {value}\n");
        let source = Source::new("m.yaml", &text);
        for object in &read(&source).objects {
            for fault in validate(object) {
                proptest::prop_assert!(text.get(fault.span.start..fault.span.end).is_some(), "{fault:?}");
            }
        }
    }
}
