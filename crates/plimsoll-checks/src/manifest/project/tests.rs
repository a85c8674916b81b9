//! What is said of several objects together.

use super::network::denies_by_default;
use super::*;
use crate::manifest::object::read;
use crate::manifest::rules::{Check, Context, Rule};
use crate::source::Source;

const RULES: &[&Rule] = &[
    &network::NAMESPACE_WITHOUT_DEFAULT_DENY,
    &network::POD_WITHOUT_NETWORK_POLICY,
    &network::NETWORK_POLICY_WITHOUT_PODS,
    &services::SERVICE_WITHOUT_PODS,
    &services::SERVICE_PORT_UNKNOWN,
    &services::INGRESS_BACKEND_MISSING,
    &services::SELECTOR_MISMATCH,
    &references::SERVICE_ACCOUNT_MISSING,
    &references::CONFIG_MISSING,
    &references::CLAIM_MISSING,
    &references::RUNTIME_CLASS_MISSING,
    &references::AUTOSCALER_TARGET_MISSING,
    &bindings::ROLE_MISSING,
    &bindings::SUBJECT_MISSING,
    &bindings::SERVICE_ACCOUNT_WITH_STRONG_BINDING,
    &resilience::BUDGET_WITHOUT_PODS,
    &resilience::BUDGET_BLOCKS_EVICTION,
    &resilience::BUDGET_MISSING,
    &duplicates::DUPLICATE_OBJECT,
];

/// Every finding of some files, as `file:line rule message`; `only` those of one rule.
fn found(files: &[(&str, &str)], only: Option<&str>) -> Vec<String> {
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let manifests: Vec<Manifest<'_>> = sources.iter().map(read).collect();
    assert!(manifests.iter().all(|manifest| manifest.fault.is_none()), "{files:?}");
    let mut all = Vec::new();
    for rule in RULES {
        match rule.check {
            Check::Project(check) => check(&manifests, &mut all),
            Check::Workload(check) => {
                for (at, manifest) in manifests.iter().enumerate() {
                    let mut found = Vec::new();
                    for workload in manifest.objects.iter().filter_map(Object::workload) {
                        check(&workload, &Context::of(manifest.source), &mut found);
                    }
                    all.extend(found.into_iter().map(|one| (at, one)));
                }
            }
            _ => panic!("{}", rule.info.id),
        }
    }
    let wanted = all.into_iter().filter(|(_, one)| match only {
        Some(id) => one.rule.id == id,
        None => !one.rule.opt_in,
    });
    let words = wanted.map(|(file, one)| {
        format!("{}:{} {} {}", sources[file].path, sources[file].line(one.span.start), one.rule.id, one.message)
    });
    words.collect()
}

fn pod(name: &str, labels: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {labels}}}\nspec:\n  containers: [{{name: a}}]\n{more}---\n"
    )
}

#[test]
fn bad_examples_have_their_fault_and_good_ones_have_not() {
    for rule in RULES {
        let id = rule.info.id;
        assert_eq!(found(&[("m.yaml", rule.info.bad)], Some(id)).len(), 1, "{id}");
        assert_eq!(found(&[("m.yaml", rule.info.good)], Some(id)), [""; 0], "{id}");
        let source = Source::new("m.yaml", rule.info.good);
        for object in &read(&source).objects {
            assert_eq!(crate::manifest::schema::validate(object), [], "{id}");
        }
    }
}

#[test]
fn files_of_a_run_are_looked_at_together() {
    let pod = pod("web", "{app: web}", "  serviceAccountName: web\n");
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: wbe}\n  ports: [{port: 80}]\n";
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: wbe}\n";
    assert_eq!(
        found(&[("pod.yaml", &pod), ("svc.yaml", service), ("sa.yaml", account)], None),
        [
            "svc.yaml:5 service-without-pods no pod of the run has the labels `app=wbe`",
            "pod.yaml:6 service-account-missing no ServiceAccount `web` is in the run",
        ]
    );
    // Alone, neither says anything of the other.
    assert_eq!(found(&[("pod.yaml", &pod)], None), [""; 0]);
    assert_eq!(found(&[("svc.yaml", service)], None), [""; 0]);
}

#[test]
fn namespaces_keep_objects_apart() {
    let service = |space: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: web{space}}}\nspec: {{selector: {{app: web}}}}\n")
    };
    let pod = |space: &str| pod(&format!("web{space}"), "{app: web}", "");
    for (service_in, pod_in, fires) in [
        ("", "", false),
        (", namespace: a", ", namespace: a", false),
        ("", ", namespace: a", false),
        (", namespace: a", "", false),
    ] {
        let text = format!("{}{}", pod(pod_in), service(service_in));
        assert_eq!(!found(&[("m.yaml", &text)], Some("service-without-pods")).is_empty(), fires, "{text}");
    }
    let two = format!(
        "{}{}{}",
        pod(", namespace: a"),
        pod(", namespace: b").replace("app: web", "app: b"),
        service(", namespace: b")
    );
    assert_eq!(found(&[("m.yaml", &two)], Some("service-without-pods")).len(), 1);
}

#[test]
fn what_nobody_can_tell_is_not_told() {
    for text in [
        // Labels that a template fills in.
        format!("{}apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{selector: {{app: x}}}}\n", pod("a", "{app: {{ .Values.app }}}", "")),
        // A selector that is one.
        format!("{}apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{selector: {{app: {{{{ .x }}}}}}}}\n", pod("a", "{app: a}", "")),
        // A Service without a selector, or to a name outside.
        format!("{}apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{{port: 80}}]}}\n", pod("a", "{app: a}", "")),
        format!("{}apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{type: ExternalName, selector: {{a: b}}}}\n", pod("a", "{app: a}", "")),
        // Another maker's Service and policies.
        format!("{}apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{selector: {{a: b}}}}\n", pod("a", "{app: a}", "")),
        format!(
            "{}apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: a}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: b}}\n",
            pod("a, namespace: b", "{app: a}", "")
        ),
        // What the cluster has by itself.
        format!(
            "{}apiVersion: v1\nkind: Service\nmetadata: {{name: dns, namespace: kube-system}}\nspec: {{selector: {{k8s-app: kube-dns}}}}\n",
            pod("a, namespace: kube-system", "{app: a}", "")
        ),
        // References to what is made, optional, or always there.
        "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: made}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  serviceAccountName: default\n  volumes: [{name: a, secret: {secretName: made}}, \
         {name: b, secret: {secretName: no, optional: true}}]\n"
            .to_owned(),
        "kind: Kustomization\nconfigMapGenerator: [{name: made}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {volumes: [{name: a, configMap: {name: made}}, {name: b, configMap: {name: kube-root-ca.crt}}]}\n"
            .to_owned(),
    ] {
        assert_eq!(found(&[("m.yaml", &text)], None), [""; 0], "{text}");
    }
}

#[test]
fn default_deny_is_known_in_every_spelling() {
    for (spec, yes) in [
        ("{podSelector: {}}", true),
        ("{podSelector: {}, policyTypes: [Ingress, Egress]}", true),
        ("{policyTypes: [Ingress]}", true),
        ("{podSelector: {matchLabels: {}}, policyTypes: [Ingress], ingress: []}", true),
        ("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", true),
        ("{podSelector: {}, policyTypes: [Egress]}", false),
        ("{podSelector: {}, ingress: [{}]}", false),
        ("{podSelector: {}, ingress: [{from: [], ports: []}]}", false),
        ("{podSelector: {matchLabels: {a: b}}}", false),
    ] {
        let text =
            format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a}}\nspec: {spec}\n");
        let source = Source::new("m.yaml", &text);
        assert_eq!(denies_by_default(&read(&source).objects[0]), yes, "{spec}");
    }
}

#[test]
fn namespace_whose_pods_are_all_selected_is_closed() {
    let space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let web = pod("web, namespace: shop", "{app: web}", "");
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}}\n---\n";
    let of = |text: &str| found(&[("m.yaml", text)], Some("namespace-without-default-deny")).len();
    assert_eq!(of(&format!("{space}{web}")), 1);
    assert_eq!(of(&format!("{space}{web}{policy}")), 0);
    assert_eq!(of(&format!("{space}{web}{policy}{}", web.replace("web", "db"))), 1);
    // Neither the namespace nor a policy is looked after here.
    assert_eq!(of(&web), 0);
}

#[test]
fn keys_of_configs_and_ports_of_services_are_looked_up() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {port: '80'}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n\
                spec:\n  containers:\n  - name: a\n    env:\n    - {name: A, valueFrom: {configMapKeyRef: {name: web, key: port}}}\n    \
                - {name: B, valueFrom: {configMapKeyRef: {name: web, key: prot}}}\n    - {name: C, valueFrom: {configMapKeyRef: {name: web, key: prot}}}\n";
    assert_eq!(
        found(&[("m.yaml", text)], None),
        ["m.yaml:14 config-missing the ConfigMap `web` (m.yaml:3) has no key `prot`"]
    );
    let ingress = |backend: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: a}}\nspec: {{rules: [{{http: {{paths: [{{backend: {backend}}}]}}}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{ports: [{{port: 80, name: http}}]}}\n"
        )
    };
    for (backend, message) in [
        ("{service: {name: web, port: {number: 80}}}", None),
        ("{service: {name: web, port: {name: http}}}", None),
        ("{serviceName: web, servicePort: 80}", None),
        ("{serviceName: web, servicePort: http}", None),
        ("{resource: {kind: Bucket, name: a}}", None),
        ("{service: {name: web, port: {number: 81}}}", Some("the Service `web` (m.yaml:8) has no port `81`")),
        ("{serviceName: web, servicePort: https}", Some("the Service `web` (m.yaml:8) has no port `https`")),
        ("{service: {name: wbe, port: {number: 80}}}", Some("no Service `wbe` is in the run")),
    ] {
        let told = found(&[("m.yaml", &ingress(backend))], None);
        let wanted: Vec<String> =
            message.into_iter().map(|words| format!("m.yaml:4 ingress-backend-missing {words}")).collect();
        assert_eq!(told, wanted, "{backend}");
    }
}

#[test]
fn accounts_with_strong_roles_are_found_through_bindings() {
    let role = |rules: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: r, namespace: shop}}\nrules: [{rules}]\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: b, namespace: shop}}\n\
             roleRef: {{kind: Role, name: r}}\nsubjects: [{{kind: ServiceAccount, name: web}}]\n"
        )
    };
    let pod = |more: &str| pod("web, namespace: shop", "{}", &format!("  serviceAccountName: web\n{more}"));
    let words = |words: &str| {
        vec![format!(
            "m.yaml:6 service-account-with-strong-binding the ServiceAccount `web` of Pod/web {words}, by RoleBinding/b (m.yaml:15)"
        )]
    };
    for (rules, more, told) in [
        ("{apiGroups: [''], resources: [secrets], verbs: [get]}", "", words("may read Secrets")),
        ("{apiGroups: [''], resources: [secrets], verbs: [get]}", "  hostname: a\n", vec![]),
        ("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}", "", words("may do everything with whole API groups")),
        (
            "{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate]}",
            "",
            words("may raise its own rights"),
        ),
        ("{apiGroups: [''], resources: [secrets], resourceNames: [own], verbs: [get]}", "", vec![]),
        ("{apiGroups: [''], resources: [configmaps], verbs: [get]}", "", vec![]),
        ("{apiGroups: [''], resources: [secrets], verbs: [get]}", "  automountServiceAccountToken: false\n", vec![]),
    ] {
        let told = if more.contains("hostname") {
            words("may read Secrets").iter().map(|w| w.replace(":15", ":16")).collect()
        } else {
            told
        };
        assert_eq!(found(&[("m.yaml", &format!("{}{}", pod(more), role(rules)))], None), told, "{rules} {more}");
    }
    // Which namespace a pod will be in that does not say so is no ground for an accusation.
    let text = format!("{}{}", pod(""), role("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}"));
    let other = text.replacen(", namespace: shop", "", 1);
    assert_ne!(text, other);
    assert_eq!(found(&[("m.yaml", &other)], None), [""; 0]);
}

#[test]
fn same_object_in_two_folders_is_meant() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";
    assert_eq!(found(&[("dev/a.yaml", map), ("prod/a.yaml", map)], None), [""; 0]);
    assert_eq!(
        found(&[("dev/a.yaml", map), ("dev/b.yaml", map)], None),
        ["dev/b.yaml:3 duplicate-object ConfigMap/web is at dev/a.yaml:3 already"]
    );
    let other = map.replace("web}", "web, namespace: a}");
    assert_eq!(found(&[("dev/a.yaml", map), ("dev/b.yaml", &other)], None), [""; 0]);
}

#[test]
fn budgets_that_let_nothing_go_are_found() {
    let text = |budget: &str, replicas: &str| {
        format!(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: a}}\nspec: {{{budget}, selector: {{matchLabels: {{app: a}}}}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {{{replicas}selector: {{matchLabels: {{app: a}}}}, \
             template: {{metadata: {{labels: {{app: a}}}}, spec: {{containers: [{{name: a}}]}}}}}}\n"
        )
    };
    for (budget, replicas, blocks) in [
        ("maxUnavailable: 0", "", true),
        ("maxUnavailable: 0%", "", true),
        ("minAvailable: 100%", "", true),
        ("minAvailable: 3", "replicas: 3, ", true),
        ("minAvailable: 1", "", true),
        ("minAvailable: 2", "replicas: 3, ", false),
        ("minAvailable: 3", "replicas: {{ .n }}, ", false),
        ("maxUnavailable: 1", "", false),
        ("minAvailable: 50%", "", false),
    ] {
        let text = text(budget, replicas);
        assert_eq!(!found(&[("m.yaml", &text)], Some("budget-blocks-eviction")).is_empty(), blocks, "{text}");
    }
}

#[test]
fn thousands_of_objects_are_no_square() {
    let mut text = String::new();
    for i in 0..3_000 {
        text.push_str(&pod(&format!("p{i}"), &format!("{{app: web, number: 'n{i}'}}"), ""));
        text.push_str(&format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{i}}}\nspec: {{selector: {{app: web, number: 'm{i}'}}}}\n---\n\
             apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: s{i}}}\nspec: {{podSelector: {{matchLabels: {{number: 'n{i}'}}}}}}\n---\n"
        ));
    }
    let all = found(&[("m.yaml", &text)], None);
    assert_eq!(all.iter().filter(|one| one.contains("service-without-pods")).count(), 3_000);
    assert_eq!(all.iter().filter(|one| one.contains("pod-without-network-policy")).count(), 0);
}

proptest::proptest! {
    #[test]
    fn no_run_makes_it_panic(parts in proptest::collection::vec((0usize..12, "[a-c]", r#"(\{\}|\[\]|x|~|1|\{a: b\}|\[\{a: 1\}\]|\{name: a\})"#), 0..6)) {
        const KINDS: [&str; 12] = [
            "v1\nkind: Service", "v1\nkind: Pod", "networking.k8s.io/v1\nkind: Ingress", "networking.k8s.io/v1\nkind: NetworkPolicy",
            "policy/v1\nkind: PodDisruptionBudget", "rbac.authorization.k8s.io/v1\nkind: RoleBinding", "v1\nkind: Secret",
            "autoscaling/v2\nkind: HorizontalPodAutoscaler", "apps/v1\nkind: Deployment", "v1\nkind: LimitRange", "v1\nkind: List", "node.k8s.io/v1\nkind: RuntimeClass",
        ];
        let text: String = parts.iter().map(|(kind, name, value)| format!(
            "apiVersion: {}\nmetadata: {{name: {name}, labels: {value}}}\nspec: {{selector: {value}, podSelector: {value}, ports: {value}, \
             containers: {value}, template: {{spec: {value}, metadata: {value}}}, rules: {value}, limits: {value}, volumes: {value}, scaleTargetRef: {value}}}\n\
             roleRef: {value}\nsubjects: {value}\nitems: {value}\n---\n", KINDS[*kind])).collect();
        found(&[("m.yaml", &text)], None);
        let source = Source::new("m.yaml", &text);
        limits::limit_ranges(&[read(&source)]);
    }
}
