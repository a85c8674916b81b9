//! Manifest rules: each on its own examples in every style of writing, its fixes, the exact places, and awkward cases.

use std::fmt::Write as _;

use plimsoll_checks::manifest::object::read;
use plimsoll_checks::manifest::rules::{Check, Context, RULES, Rule};
use plimsoll_checks::source::{Found, Source};
use plimsoll_model::Severity;
use plimsoll_yaml::documents;

use super::manifest_edit::{apply, value};

/// What a rule says of a text.
fn run(rule: &'static Rule, text: &str) -> Vec<Found> {
    run_all([rule], text)
}

/// What rules say of a text, read once.
pub fn run_all(rules: impl IntoIterator<Item = &'static Rule>, text: &str) -> Vec<Found> {
    let source = Source::new("m.yaml", text);
    let manifest = read(&source);
    let context = Context::of(&source);
    let mut out = Vec::new();
    for rule in rules {
        for object in &manifest.objects {
            let workload = object.workload();
            match (&rule.check, &workload) {
                (Check::Object(check), _) => check(object, &context, &mut out),
                (Check::Workload(check), Some(workload)) => check(workload, &context, &mut out),
                (Check::Container(check), Some(workload)) => {
                    for container in workload.containers() {
                        check(&container, workload, &context, &mut out);
                    }
                }
                _ => {}
            }
        }
    }
    out
}

fn rule(id: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.info.id == id).unwrap_or_else(|| panic!("no rule {id}"))
}

/// The rules that look at one file; those over all files have their own tests.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().filter(|rule| !matches!(rule.check, Check::Project(_)))
}

/// The same manifest in other clothes.
fn styles(text: &str) -> Vec<(&'static str, String)> {
    let (trees, fault) = documents(text);
    assert_eq!(fault, None, "{text}");
    let mut all = vec![
        ("as written", text.to_owned()),
        ("without a last line break", text.trim_end().to_owned()),
        ("with CRLF", text.replace('\n', "\r\n")),
        (
            "with comments",
            text.lines().fold(String::new(), |mut out, line| {
                let _ = match line.contains('|') || line.starts_with("      location") {
                    true => writeln!(out, "{line}"),
                    false => writeln!(out, "{line}  # {{why}}: \"not\""),
                };
                out
            }),
        ),
    ];
    if let [tree] = trees.as_slice() {
        let value = value(tree);
        all.push(("as JSON", value.to_string()));
        all.push(("as printed JSON", serde_json::to_string_pretty(&value).unwrap()));
        all.push(("in a list", {
            let lines = text.lines().fold(String::new(), |mut out, line| {
                let _ = writeln!(out, "  {line}");
                out
            });
            format!("apiVersion: v1\nkind: List\nitems:\n- {}", lines.trim_start())
        }));
    }
    all
}

/// How often each rule fires.
fn counts(text: &str) -> Vec<(&'static str, usize)> {
    let found = run_all(rules(), text);
    rules().map(|rule| (rule.info.id, found.iter().filter(|found| found.rule.id == rule.info.id).count())).collect()
}

#[test]
fn each_rule_fires_on_its_bad_example_and_not_on_its_good_one_in_every_style() {
    for rule in rules() {
        let id = rule.info.id;
        let expected = run(rule, rule.info.bad).len();
        assert!(expected > 0, "{id} does not fire on its bad example");
        for (style, text) in styles(rule.info.bad) {
            assert_eq!(run(rule, &text).len(), expected, "{id} {style}:\n{text}");
        }
        for (style, text) in styles(rule.info.good) {
            let found = run(rule, &text);
            assert!(found.is_empty(), "{id} {style}: {found:?}\n{text}");
        }
    }
}

#[test]
fn a_fix_mends_its_fault_and_brings_no_other() {
    let mut fixed = 0;
    for rule in rules() {
        let id = rule.info.id;
        for (style, text) in styles(rule.info.bad) {
            for found in run(rule, &text) {
                let Some(fix) = found.fix else { continue };
                fixed += 1;
                let after = apply(&text, &fix.edits);
                let (trees, fault) = documents(&after);
                assert_eq!((fault, trees.len()), (None, documents(&text).0.len()), "{id} {style}:\n{after}");
                assert!(run(rule, &after).is_empty(), "{id} {style} is not mended:\n{after}");
                for ((other, before), (_, now)) in counts(&text).into_iter().zip(counts(&after)) {
                    // A name that can be read is one that can be judged.
                    let judged = id == "unreadable-image-name" && other == "digest-missing";
                    assert!(now <= before || judged, "{id} {style} brings {other}:\n{after}");
                }
                if style.contains("JSON") {
                    serde_json::from_str::<serde_json::Value>(&after).unwrap_or_else(|e| panic!("{id}: {e}\n{after}"));
                }
                assert_eq!(after.matches("\r\n").count() > 0, text.contains("\r\n"), "{id} {style}");
                assert_eq!(
                    after.matches('#').count(),
                    text.matches('#').count() - usize::from(id == "probe-host" && text.contains('#')),
                    "{id} {style}:\n{after}"
                );
                if text.contains("\r\n") {
                    assert_eq!(after.matches("\r\n").count(), after.matches('\n').count(), "{id}");
                }
            }
        }
    }
    assert!(fixed > 150, "{fixed}");
}

#[test]
fn rules_are_named_once_in_kebab_case_and_say_everything() {
    let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.info.id).collect();
    for rule in rules() {
        let info = &rule.info;
        assert!(info.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", info.id);
        for words in [info.title, info.why, info.remedy] {
            assert!(!words.is_empty() && !words.contains("  ") && !words.contains('\n'), "{}: {words:?}", info.id);
        }
        assert!(!info.title.ends_with('.') && !info.remedy.ends_with('.') && info.why.ends_with('.'), "{}", info.id);
        assert!(!info.aliases.contains(&info.id), "{}", info.id);
        for found in run(rule, info.bad) {
            assert!(!found.message.is_empty() && !found.message.ends_with('.'), "{}: {}", info.id, found.message);
            assert!(!found.span.is_empty() && info.bad.get(found.span.start..found.span.end).is_some(), "{}", info.id);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
}

const GOOD: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      initContainers:
      - name: migrate
        image: registry.example.com/web:1.2
        args: [migrate]
        resources: {limits: {memory: 128Mi}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
      containers:
      - name: web
        image: registry.example.com/web:1.2
        env:
        - {name: LOG_LEVEL, value: info}
        ports:
        - containerPort: 8080
        resources:
          requests: {cpu: 100m, memory: 128Mi}
          limits: {memory: 128Mi}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
        volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: config, mountPath: /etc/web, readOnly: true}
      volumes:
      - name: tmp
        emptyDir: {}
      - name: config
        configMap: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"#;

fn by_default(text: &str) -> Vec<(&'static str, String)> {
    let found = run_all(rules().filter(|rule| !rule.info.opt_in), text);
    found.into_iter().map(|found| (found.rule.id, text[found.span.start..found.span.end].to_owned())).collect()
}

#[test]
fn what_a_careful_team_writes_is_clean_by_default() {
    assert_eq!(by_default(GOOD), []);
}

#[test]
fn what_a_hasty_team_writes_has_each_fault_once() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {matchLabels: {app: web}}\n  \
                template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
                containers:\n      - name: web\n        image: nginx\n";
    let found = by_default(text);
    let ids: Vec<&str> = found.iter().map(|(id, _)| *id).collect();
    let all = [
        "privilege-escalation-allowed",
        "capabilities-not-dropped",
        "may-run-as-root",
        "service-account-token-mounted",
        "seccomp-missing",
        "writable-root-filesystem",
        "cpu-request-missing",
        "memory-request-missing",
        "memory-limit-missing",
        "latest-tag",
    ];
    assert_eq!(ids, all);
    for (id, place) in found {
        let expected = match id {
            "may-run-as-root" | "service-account-token-mounted" | "seccomp-missing" => "spec",
            "latest-tag" => "image: nginx",
            _ => "name: web",
        };
        assert_eq!(place, expected, "{id}");
    }
}

#[test]
fn fixes_one_after_the_other_mend_all_that_can_be_mended() {
    let mut text = "apiVersion: v1\nkind: Pod\nmetadata:\n    name: web\nspec:\n    containers:\n    - name: web\n      image: nginx:1.2\n".to_owned();
    let mendable =
        |text: &str| run_all(rules().filter(|rule| !rule.info.opt_in), text).into_iter().find_map(|found| found.fix);
    for _ in 0..20 {
        let Some(fix) = mendable(&text) else { break };
        text = apply(&text, &fix.edits);
    }
    let expected = "apiVersion: v1\nkind: Pod\nmetadata:\n    name: web\nspec:\n    containers:\n    - name: web\n      image: nginx:1.2\n      \
                    securityContext:\n          allowPrivilegeEscalation: false\n          capabilities:\n              drop: [ALL]\n          \
                    readOnlyRootFilesystem: true\n    securityContext:\n        runAsNonRoot: true\n        seccompProfile:\n            type: RuntimeDefault\n    \
                    automountServiceAccountToken: false\n";
    assert_eq!(text, expected);
}

/// A pod with these lines in its container, or (from a line `spec:` on) in its spec.
fn pod(container: &str, spec: &str) -> String {
    let mut text = String::from("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n");
    for line in spec.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("  containers:\n  - name: c\n");
    if !container.contains("image:") {
        text.push_str("    image: a:1\n");
    }
    for line in container.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// The places where a rule fires.
fn places(id: &str, text: &str) -> Vec<String> {
    let (_, fault) = documents(text);
    assert_eq!(fault, None, "{text}");
    run(rule(id), text).iter().map(|found| text[found.span.start..found.span.end].to_owned()).collect()
}

#[test]
fn places_in_pods_are_exact() {
    #[rustfmt::skip]
    let table: &[(&str, &str, &str, &[&str])] = &[
        // rule, lines of the container, lines of the spec, places
        ("host-network", "", "hostNetwork: true", &["hostNetwork: true"]),
        ("host-network", "", "hostNetwork: yes", &["hostNetwork: yes"]),
        ("host-network", "", "hostNetwork: \"true\"", &["hostNetwork: \"true\""]),
        ("host-network", "", "hostNetwork: false", &[]),
        ("host-network", "", "hostNetwork: [true]", &[]),
        ("host-port", "ports: [{containerPort: 1, hostPort: 0}]", "", &[]),
        ("host-port", "ports: [{containerPort: 1, hostPort: \"80\"}]", "", &["hostPort: \"80\""]),
        ("probe-host", "readinessProbe: {tcpSocket: {port: 1, host: \"\"}}", "", &[]),
        ("probe-host", "lifecycle: {preStop: {tcpSocket: {port: 1, host: a}}}", "", &["host: a"]),
        ("privileged-container", "securityContext: {privileged: true}", "", &["privileged: true"]),
        ("privileged-container", "securityContext: {privileged: \"true\"}", "", &["privileged: \"true\""]),
        ("privileged-container", "securityContext: {privileged: false}", "", &[]),
        ("privileged-container", "securityContext: [privileged]", "", &[]),
        ("privileged-container", "securityContext: {privileged: true}", "os: {name: windows}", &[]),
        ("privilege-escalation-allowed", "", "", &["name: c"]),
        ("privilege-escalation-allowed", "securityContext: {allowPrivilegeEscalation: \"false\"}", "", &["allowPrivilegeEscalation: \"false\""]),
        ("privilege-escalation-allowed", "securityContext:\n  runAsUser: 1", "", &["securityContext"]),
        ("privilege-escalation-allowed", "securityContext: {privileged: true}", "", &["securityContext"]),
        ("privilege-escalation-allowed", "", "securityContext: {allowPrivilegeEscalation: false}", &["name: c"]),
        ("capability-added", "securityContext: {capabilities: {add: [CAP_SYS_PTRACE, chown, ALL]}}", "", &["CAP_SYS_PTRACE", "ALL"]),
        ("capability-added", "securityContext: {capabilities: {add: [SYS_ADMIN, SYS_MODULE]}}", "", &["SYS_ADMIN", "SYS_MODULE"]),
        ("sys-admin-capability", "securityContext: {capabilities: {add: [\"sys_admin\"]}}", "", &["\"sys_admin\""]),
        ("capabilities-not-dropped", "securityContext: {capabilities: {drop: [all]}}", "", &[]),
        ("capabilities-not-dropped", "securityContext: {capabilities: {drop: [CAP_ALL]}}", "", &["drop"]),
        ("capabilities-not-dropped", "securityContext: {capabilities: {drop: ALL}}", "", &["drop"]),
        ("capabilities-not-dropped", "securityContext: {capabilities: {add: [CHOWN]}}", "", &["capabilities"]),
        ("may-run-as-root", "securityContext: {runAsUser: 5}", "", &[]),
        ("may-run-as-root", "securityContext: {runAsUser: \"5\"}", "", &["spec"]),
        ("may-run-as-root", "securityContext: {runAsUser: 0}", "", &["runAsUser: 0"]),
        ("may-run-as-root", "", "securityContext: {runAsUser: 0}", &["runAsUser: 0"]),
        ("may-run-as-root", "securityContext: {runAsNonRoot: false}", "securityContext: {runAsNonRoot: true}", &["runAsNonRoot: false"]),
        ("may-run-as-root", "", "securityContext: {runAsNonRoot: \"true\"}", &["runAsNonRoot: \"true\""]),
        ("may-run-as-root", "securityContext: {runAsNonRoot: null}", "securityContext: {runAsNonRoot: true}", &[]),
        ("runs-as-root", "", "securityContext: {runAsUser: 0}", &["runAsUser: 0"]),
        ("runs-as-root", "securityContext: {runAsUser: 0}", "securityContext: {runAsUser: 7}", &["runAsUser: 0"]),
        ("low-user-id", "securityContext: {runAsUser: 10001}", "securityContext: {runAsUser: 7}", &[]),
        ("low-user-id", "", "securityContext: {runAsUser: 10000}", &["runAsUser: 10000"]),
        ("service-account-token-mounted", "", "automountServiceAccountToken: true", &["automountServiceAccountToken: true"]),
        ("service-account-token-mounted", "", "automountServiceAccountToken: true\nserviceAccountName: a", &[]),
        ("service-account-token-mounted", "", "automountServiceAccountToken: \"false\"", &["automountServiceAccountToken: \"false\""]),
        ("service-account-token-mounted", "", "serviceAccountName: a", &["spec"]),
        ("default-service-account", "", "serviceAccountName: default", &["serviceAccountName: default"]),
        ("seccomp-missing", "", "securityContext: {seccompProfile: {type: Localhost, localhostProfile: a}}", &[]),
        ("seccomp-missing", "", "securityContext: {seccompProfile: {}}", &["seccompProfile"]),
        ("seccomp-missing", "", "securityContext: {runAsUser: 1}", &["securityContext"]),
        ("seccomp-unconfined", "", "securityContext: {seccompProfile: {type: Unconfined}}", &["type: Unconfined"]),
        ("seccomp-unconfined", "", "securityContext: {seccompProfile: {type: Other}}", &["type: Other"]),
        ("selinux-options", "", "securityContext: {seLinuxOptions: {type: container_t, user: a, role: \"\"}}", &["user: a"]),
        ("unsafe-sysctl", "", "securityContext: {sysctls: [{name: net/ipv4/tcp_rmem, value: 1}, {name: a, value: 1}]}", &["name: a"]),
        ("writable-root-filesystem", "securityContext: {readOnlyRootFilesystem: \"true\"}", "", &["readOnlyRootFilesystem: \"true\""]),
        ("secret-in-env", "envFrom: [{secretRef: {name: a}}, {configMapRef: {name: b}}]", "", &["secretRef: {name: a}"]),
        ("literal-secret-in-env", "env: [{name: A_PASSWORD, value: $(B)}, {name: TOKEN_URL, value: https://a.example}]", "", &[]),
        ("secret-in-command", "args: [--password, tK8-pq2.Vw9x]", "", &["tK8-pq2.Vw9x"]),
        ("secret-in-command", "args: [--password-file, /run/secrets/a, --password, $(PASSWORD)]", "", &[]),
        ("memory-limit-missing", "resources: {limits: {memory: 0}}", "", &["memory: 0"]),
        ("memory-limit-missing", "resources: {limits: [memory]}", "", &["limits"]),
        ("memory-limit-missing", "", "resources: {limits: {memory: 1Gi}}", &[]),
        ("cpu-request-missing", "resources: {limits: {cpu: 1}}", "", &[]),
        ("latest-tag", "image: a:latest@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b", "", &[]),
        ("latest-tag", "image: localhost:5000/a", "", &["image: localhost:5000/a"]),
        ("unreadable-image-name", "image: Nginx:1", "", &["image: Nginx:1"]),
        ("unreadable-image-name", "image: [a]", "", &["image: [a]"]),
        ("unreadable-image-name", "image:", "", &["image"]),
        ("unreadable-image-name", "image: '\"a:1\"'", "", &["image: '\"a:1\"'"]),
        ("unreadable-image-name", "image: ${IMAGE}", "", &["image: ${IMAGE}"]),
        ("pull-policy-not-always", "image: a", "", &[]),
        ("pull-policy-not-always", "imagePullPolicy: [Always]", "", &["imagePullPolicy: [Always]"]),
        ("windows-host-process", "", "securityContext: {windowsOptions: {hostProcess: true}}", &["hostProcess: true"]),
        ("command-in-one-argument", "command: [sh, -c, \"rm /a /b\"]", "", &[]),
        ("command-in-one-argument", "command: [echo, \"two words\"]", "", &[]),
        ("command-in-one-argument", "command: [rm, -rf, \"/My Documents/x\"]", "", &[]),
        ("command-in-one-argument", "command: [\"nginx -g\", daemon off;]", "", &["\"nginx -g\""]),
        ("command-in-one-argument", "command: [nginx, -g, daemon off;]", "", &[]),
        ("command-in-one-argument", "command: [tail, -f /dev/null]", "", &["-f /dev/null"]),
        ("command-in-one-argument", "command: [/bin/cp]\nargs: [/a /b, /c]", "", &["/a /b"]),
        ("command-in-one-argument", "command: [\"/bin/sh -c\", \"a b\"]", "", &["\"/bin/sh -c\""]),
        ("command-in-one-argument", "command: [\"\", 1, [a b], {}]", "", &[]),
        ("command-in-one-argument", "command: [sh, -C, sleep 1d]", "", &["sleep 1d"]),
        ("command-in-one-argument", "command: [/bin/bash]\nargs: [\"sleep 1d\"]", "", &["\"sleep 1d\""]),
        ("command-in-one-argument", "command: [bash, -euo, pipefail, -c, sleep 1d]", "", &[]),
        ("command-in-one-argument", "command: [bash, -O, extglob, /run.sh, a b]", "", &[]),
        ("command-in-one-argument", "command: [sh]\nargs: [-ec, sleep 1d]", "", &[]),
        ("ssh-port", "ports: [{containerPort: 22}, {containerPort: 2222}]", "", &["containerPort: 22"]),
    ];
    for (id, container, spec, expected) in table {
        let text = pod(container, spec);
        assert_eq!(places(id, &text), *expected, "{id}:\n{text}");
    }
}

#[test]
fn host_paths_are_told_apart() {
    let of = |id: &str, path: &str| {
        !places(id, &pod("", &format!("volumes: [{{name: v, hostPath: {{path: {path}}}}}]"))).is_empty()
    };
    for path in [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "//var/./run//docker.sock/",
        "/run/containerd",
        "/var/run",
        "/run/",
        "/",
        "/var/../run/crio/crio.sock",
        "/run/user/1000/podman/podman.sock",
    ] {
        assert!(of("runtime-socket-mounted", path), "{path}");
    }
    for path in ["/var/run/docker.sock.bak", "/data/run", "/var/runner", "/srv/docker.sock"] {
        assert!(!of("runtime-socket-mounted", path), "{path}");
    }
    for path in [
        "/",
        "/etc",
        "/etc/kubernetes/pki",
        "/root/.ssh",
        "/dev/sda",
        "/sys",
        "/var/lib/kubelet/pods",
        "/var/lib",
        "/boot",
        "/srv/../etc",
    ] {
        assert!(of("sensitive-host-path", path), "{path}");
    }
    for path in [
        "/srv",
        "/etcetera",
        "/etc/localtime",
        "/etc/ssl/certs/ca.pem",
        "/data/processed",
        "/devices",
        "/opt/data",
        "/var/run/docker.sock",
    ] {
        assert!(!of("sensitive-host-path", path), "{path}");
    }
    for (path, bad) in [("/proc", true), ("/proc/1", true), ("/data/processed", false), ("/process", false)] {
        assert_eq!(of("host-proc-mounted", path), bad, "{path}");
    }
    let text = pod(
        "volumeMounts: [{name: v, mountPath: /a}, {name: w, mountPath: /b}]",
        "volumes: [{name: v, hostPath: {path: /a}}, {name: w, emptyDir: {}}]",
    );
    assert_eq!(places("writable-host-path", &text), ["mountPath: /a"]);
    let text = pod(
        "volumeMounts: [{name: v, mountPath: /usr/bin/}, {name: w, mountPath: /etc}]",
        "volumes: [{name: v, emptyDir: {}}, {name: w, configMap: {name: w}}]",
    );
    assert_eq!(places("writable-system-folder", &text), ["mountPath: /usr/bin/"]);
}

#[test]
fn every_container_counts_and_only_where_the_rule_makes_sense() {
    let text = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          \
                containers:\n          - name: main\n            image: a:1\n          initContainers:\n          - name: init\n            image: a:1\n            \
                securityContext: {privileged: true}\n          - name: side\n            image: a:1\n            restartPolicy: Always\n          \
                ephemeralContainers:\n          - name: debug\n            image: a\n";
    assert_eq!(places("privileged-container", text), ["privileged: true"]);
    assert_eq!(places("latest-tag", text), ["image: a"]);
    assert_eq!(
        places("capabilities-not-dropped", text),
        ["name: main", "securityContext", "name: side", "name: debug"]
    );
    assert_eq!(places("memory-limit-missing", text), ["name: main", "name: init", "name: side"]);
    assert_eq!(places("memory-request-missing", text), ["name: main", "name: side"]);
    assert_eq!(places("writable-root-filesystem", text), ["name: main", "securityContext", "name: side"]);
    assert_eq!(places("liveness-probe-missing", text), Vec::<String>::new());
    assert_eq!(places("may-run-as-root", text), ["spec"]);
    assert_eq!(
        places("seccomp-missing", &text.replace("privileged: true", "seccompProfile: {type: RuntimeDefault}")),
        ["name: main", "name: side", "name: debug"]
    );
    let one = text.replace("- name: main", "- {}\n          - name: main");
    assert_eq!(places("unreadable-image-name", &one), ["{}"]);
}

#[test]
fn roles_and_bindings_are_told_apart() {
    let role = |rule: &str| {
        format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: r}}\nrules: [{rule}]\n")
    };
    #[rustfmt::skip]
    let table: &[(&str, &str, &[&str])] = &[
        ("wildcard-in-role", "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}", &["'*'"]),
        ("wildcard-in-role", "{nonResourceURLs: ['*'], verbs: [get]}", &["'*'"]),
        ("wildcard-in-role", "{apiGroups: ['*'], resources: [pods], verbs: [get]}", &[]),
        ("secrets-readable", "{apiGroups: [''], resources: [pods, secrets], verbs: ['*']}", &["secrets"]),
        ("secrets-readable", "{resources: [secrets], verbs: [watch]}", &["secrets"]),
        ("secrets-readable", "{apiGroups: [example.com], resources: [secrets], verbs: [get]}", &[]),
        ("secrets-readable", "{apiGroups: [''], resources: [secrets], verbs: [create]}", &[]),
        ("secrets-readable", "{apiGroups: [''], resources: secrets, verbs: get}", &[]),
        ("secrets-readable", "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}", &["'*'"]),
        ("secrets-readable", "{apiGroups: [apps], resources: ['*'], verbs: ['*']}", &[]),
        ("pod-exec-granted", "{apiGroups: [''], resources: ['*'], verbs: [create]}", &["'*'"]),
        ("pod-exec-granted", "{apiGroups: [''], resources: [pods/*], verbs: [create]}", &["pods/*"]),
        ("pod-exec-granted", "{apiGroups: [''], resources: ['*/exec'], verbs: [get]}", &["'*/exec'"]),
        ("pod-exec-granted", "{apiGroups: [''], resources: [pods], verbs: [create]}", &[]),
        ("role-escalation", "{apiGroups: [''], resources: [users], verbs: [impersonate]}", &["impersonate"]),
        ("role-escalation", "{apiGroups: [''], resources: [users], resourceNames: [a], verbs: [impersonate]}", &[]),
        ("node-proxy-granted", "{apiGroups: [''], resources: [nodes/proxy], verbs: [get]}", &["nodes/proxy"]),
        ("pod-security-policy-grant", "{apiGroups: [policy], resources: [podsecuritypolicies], verbs: [get]}", &[]),
    ];
    for (id, text, expected) in table {
        assert_eq!(places(id, &role(text)), *expected, "{id} {text}");
    }
    let binding = |role: &str, subject: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: b}}\nroleRef: {{kind: ClusterRole, name: {role}}}\nsubjects: [{{kind: Group, name: {subject}}}]\n"
        )
    };
    let severities = |text: &str, id: &str| run(rule(id), text).iter().map(|found| found.severity).collect::<Vec<_>>();
    assert_eq!(
        severities(&binding("cluster-admin", "'system:unauthenticated'"), "anonymous-binding"),
        [Severity::Critical]
    );
    assert_eq!(severities(&binding("view", "'system:unauthenticated'"), "anonymous-binding"), [Severity::High]);
    assert_eq!(
        severities(&binding("'system:public-info-viewer'", "'system:unauthenticated'"), "anonymous-binding"),
        []
    );
    assert_eq!(
        severities(
            &binding("cluster-admin", "a").replace("ClusterRoleBinding", "RoleBinding"),
            "cluster-admin-binding"
        ),
        [Severity::Medium]
    );
    assert_eq!(
        severities(
            &binding("cluster-admin", "a").replace("rbac.authorization.k8s.io/v1", "example.com/v1"),
            "cluster-admin-binding"
        ),
        []
    );
}

#[test]
fn network_policies_are_judged_by_what_they_let_through() {
    let policy = |spec: &str| {
        format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n}}\nspec:\n  {spec}\n")
    };
    #[rustfmt::skip]
    let table: &[(&str, &str, &[&str])] = &[
        ("metadata-endpoint-reachable", "egress: [{}]", &["{}"]),
        ("metadata-endpoint-reachable", "egress: []", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: 169.254.0.0/16}}]}]", &["cidr: 169.254.0.0/16"]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: '::/0'}}]}]", &["cidr: '::/0'"]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: '::/0', except: ['fd00::/8']}}]}]", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}]", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]", &["cidr: 0.0.0.0/0"]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 1, endPort: 100}]}]", &["cidr: 0.0.0.0/0"]),
        ("metadata-endpoint-reachable", "egress: [{ports: [{port: 53, protocol: UDP}]}]", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{podSelector: {}}]}]", &[]),
        ("metadata-endpoint-reachable", "egress: [{to: [{ipBlock: {cidr: nonsense/99}}]}]", &[]),
        ("open-network-policy", "ingress: [{from: [{}]}]", &["from: [{}]"]),
        ("open-network-policy", "ingress: [{from: []}]", &["from: []"]),
        ("open-network-policy", "ingress: [{ports: [{port: 80}]}]", &[]),
        ("open-network-policy", "ingress: [{from: [{namespaceSelector: {}}]}]", &["from: [{namespaceSelector: {}}]"]),
        ("open-network-policy", "ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}]}]", &[]),
        ("open-network-policy", "ingress: [{from: [{podSelector: {}}]}]", &[]),
        ("open-network-policy", "ingress: []", &[]),
    ];
    for (id, spec, expected) in table {
        assert_eq!(places(id, &policy(spec)), *expected, "{id} {spec}");
    }
    let text = policy("egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]");
    let found = run(rule("metadata-endpoint-reachable"), &text);
    let after = apply(&text, &found[0].fix.as_ref().unwrap().edits);
    assert!(after.contains("except: [10.0.0.0/8, \"169.254.169.254/32\"]"), "{after}");
    assert_eq!(places("metadata-endpoint-reachable", &after), Vec::<String>::new());
}

#[test]
fn a_fix_does_not_go_through_an_alias_or_a_merge() {
    for (id, text) in [
        (
            "privileged-container",
            "containers:\n  - name: a\n    image: a:1\n    securityContext: &s {privileged: true}\n  - name: b\n    image: a:1\n    securityContext: *s\n",
        ),
        ("privileged-container", "containers: [&c {name: a, image: 'a:1', securityContext: {privileged: true}}, *c]\n"),
        (
            "privileged-container",
            "x: &s {privileged: true}\n  containers: [{name: a, image: 'a:1', securityContext: {<<: *s}}]\n",
        ),
        ("privilege-escalation-allowed", "containers: &c [{name: a, image: 'a:1'}]\n  initContainers: *c\n"),
        (
            "capabilities-not-dropped",
            "x: &x {drop: [A]}\n  containers: [{name: a, image: 'a:1', securityContext: {capabilities: *x}}]\n",
        ),
        ("may-run-as-root", "securityContext: &s {fsGroup: 1}\n  containers: [{name: a, image: 'a:1'}]\n  x: *s\n"),
    ] {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  {text}");
        assert_eq!(documents(&text).1, None, "{text}");
        let found = run(rule(id), &text);
        assert!(!found.is_empty(), "{id}:\n{text}");
        assert!(found.iter().all(|found| found.fix.is_none()), "{id}: {found:?}\n{text}");
    }
}

#[test]
fn a_manifest_with_faults_of_typing_is_judged_all_the_same() {
    let text = "apiVersion: vl\nkind: Pod\nmetadata:\n  name: pod\nspec:\n  containers:\n  - command:\n    - sh\n    - -C\n    - sleep 1d\n    \
                image: busybox\n    name: pod\n    resources: (}\n    securityContext:\n      privileged: true\n";
    assert_eq!(places("privileged-container", text), ["privileged: true"]);
    assert_eq!(places("memory-limit-missing", text), ["resources"]);
    assert_eq!(places("command-in-one-argument", text), ["sleep 1d"]);
    assert_eq!(places("latest-tag", text), ["image: busybox"]);
}

#[test]
fn a_patch_names_no_image_and_that_weighs_little() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: web}\n";
    let whole = patch.replace("spec:\n  template", "spec:\n  selector: {}\n  template");
    let severity = |text: &str| run(rule("unreadable-image-name"), text)[0].severity;
    assert_eq!((severity(patch), severity(&whole)), (Severity::Low, Severity::High));
}

#[test]
fn no_message_shows_a_whole_secret() {
    for rule in rules().filter(|rule| rule.info.id.contains("secret")) {
        for found in run(rule, rule.info.bad) {
            assert!(!found.message.contains("tK8-pq2.Vw9x"), "{}", found.message);
        }
    }
}

#[test]
fn what_is_merged_into_annotations_and_data_counts() {
    let base = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: &base\n";
    let profile = "    container.apparmor.security.beta.kubernetes.io/a: unconfined\n";
    let text =
        format!("{base}{profile}  annotations:\n    <<: *base\nspec: {{containers: [{{name: a, image: a:1}}]}}\n");
    assert_eq!(places("apparmor-unconfined", &text).len(), 1);
    let own = text.replace(
        "    <<: *base\n",
        "    <<: *base\n    container.apparmor.security.beta.kubernetes.io/a: runtime/default\n",
    );
    assert_eq!(places("apparmor-unconfined", &own).len(), 0);
}

#[test]
fn root_is_root_in_every_form_of_a_number() {
    for number in ["0", "0x0", "0o0", "0.0", "-0"] {
        let text = pod(&format!("securityContext: {{runAsUser: {number}}}"), "");
        assert_eq!(places("runs-as-root", &text).len(), 1, "{number}");
    }
}
