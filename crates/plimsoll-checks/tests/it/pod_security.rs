//! Pod Security Standards: the checks' own examples, values of wrong types, and the public fixtures where they are.

use std::path::{Path, PathBuf};

use plimsoll_checks::manifest::object::{self, Object};
use plimsoll_checks::pod_security::{CHECKS, Level, Version, Violation, check};
use plimsoll_checks::source::Source;

/// What breaks the level in every workload of a text, and the text at fault.
fn violations(text: &str, level: Level, version: Version) -> Vec<(Violation, String)> {
    let source = Source::new("m.yaml", text);
    let manifest = object::read(&source);
    assert_eq!(manifest.fault, None, "{text}");
    let workloads = manifest.objects.iter().filter_map(Object::workload);
    let all = workloads.flat_map(|workload| check(&workload, level, version));
    all.map(|violation| (source.slice(violation.span).to_owned(), violation)).map(|(at, v)| (v, at)).collect()
}

fn ids(text: &str, level: Level, version: &str) -> Vec<&'static str> {
    let found = violations(text, level, version.parse().unwrap());
    let mut ids: Vec<_> = found.into_iter().map(|(violation, _)| violation.check.id).collect();
    ids.dedup();
    ids
}

fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{{spec}}}\n")
}

#[test]
fn every_check_fires_on_its_bad_example_and_not_on_its_good_one() {
    for entry in CHECKS {
        let info = &entry.info;
        let bad = violations(info.bad, entry.level, Version::Latest);
        let bad: Vec<_> = bad.into_iter().filter(|(violation, _)| violation.check.id == entry.id).collect();
        assert!(!bad.is_empty(), "{}: the bad example is good", entry.id);
        for (violation, at) in &bad {
            assert!(!at.is_empty(), "{}: {}", entry.id, violation.message);
            assert!(!violation.message.ends_with('.'), "{}", violation.message);
        }
        let good = violations(info.good, entry.level, Version::Latest);
        let good: Vec<_> = good.iter().filter(|(violation, _)| violation.check.id == entry.id).collect();
        assert!(good.is_empty(), "{}: {good:?}", entry.id);
    }
}

#[test]
fn revisions_hold_from_their_version_on() {
    let host = pod("containers: [{name: a, livenessProbe: {tcpSocket: {host: h}}}]");
    let unmasked = pod("hostUsers: false, containers: [{name: a, securityContext: {procMount: Unmasked}}]");
    let sysctl = |name: &str| pod(&format!("securityContext: {{sysctls: [{{name: {name}}}]}}, containers: []"));
    let windows = pod("os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: a}]");
    let engine = pod("securityContext: {seLinuxOptions: {type: container_engine_t}}, containers: []");
    let old_seccomp = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    container.seccomp.security.alpha.kubernetes.io/a: unconfined\n    container.seccomp.security.alpha.kubernetes.io/b: unconfined\nspec: {containers: [{name: a}]}\n";
    let root = pod("hostUsers: false, containers: [{name: a, securityContext: {runAsUser: 0}}]");
    use Level::{Baseline, Restricted};
    for (text, level, version, wanted, fires) in [
        (&host, Baseline, "v1.33", "hostProbesAndHostLifecycle", false),
        (&host, Baseline, "v1.34", "hostProbesAndHostLifecycle", true),
        (&unmasked, Baseline, "v1.34", "procMount", true),
        (&unmasked, Baseline, "v1.35", "procMount", false),
        (&unmasked, Restricted, "v1.34", "procMount_restricted", false),
        (&unmasked, Restricted, "v1.35", "procMount_restricted", true),
        (&sysctl("net.ipv4.ip_local_reserved_ports"), Baseline, "v1.26", "sysctls", true),
        (&sysctl("net.ipv4.ip_local_reserved_ports"), Baseline, "v1.27", "sysctls", false),
        (&sysctl("net.ipv4.tcp_fin_timeout"), Baseline, "v1.28", "sysctls", true),
        (&sysctl("net.ipv4.tcp_fin_timeout"), Baseline, "v1.29", "sysctls", false),
        (&sysctl("net.ipv4.tcp_rmem"), Baseline, "v1.31", "sysctls", true),
        (&sysctl("net.ipv4.tcp_rmem"), Baseline, "v1.32", "sysctls", false),
        (&sysctl("net.ipv4.tcp_notsent_lowat"), Baseline, "v1.36", "sysctls", true),
        (&sysctl("net.ipv4.tcp_notsent_lowat"), Baseline, "v1.37", "sysctls", false),
        (&windows, Restricted, "v1.24", "allowPrivilegeEscalation", true),
        (&windows, Restricted, "v1.25", "allowPrivilegeEscalation", false),
        (&windows, Restricted, "v1.24", "seccompProfile_restricted", true),
        (&windows, Restricted, "v1.25", "seccompProfile_restricted", false),
        (&windows, Restricted, "v1.24", "capabilities_restricted", true),
        (&windows, Restricted, "v1.25", "capabilities_restricted", false),
        (&windows, Restricted, "v1.21", "capabilities_restricted", false),
        (&windows, Restricted, "v1.7", "allowPrivilegeEscalation", false),
        (&engine, Baseline, "v1.30", "seLinuxOptions", true),
        (&engine, Baseline, "v1.31", "seLinuxOptions", false),
        (&old_seccomp.to_owned(), Baseline, "v1.18", "seccompProfile_baseline", true),
        (&old_seccomp.to_owned(), Baseline, "v1.19", "seccompProfile_baseline", false),
        (&root, Restricted, "v1.22", "runAsUser", false),
        (&root, Restricted, "v1.23", "runAsUser", true),
        (&root, Restricted, "v1.35", "runAsUser", false),
        (&root, Restricted, "v1.34", "runAsNonRoot", true),
        (&root, Restricted, "v1.35", "runAsNonRoot", false),
        (&root, Restricted, "v1.99", "runAsNonRoot", false),
        (&root, Level::Privileged, "latest", "runAsUser", false),
    ] {
        assert_eq!(ids(text, level, version).contains(&wanted), fires, "{wanted} at {level} {version}:\n{text}");
    }
    // The annotation of a container that is none of the pod's says nothing.
    assert_eq!(violations(old_seccomp, Baseline, Version::Minor(18)).len(), 1);
}

#[test]
fn what_the_api_server_refuses_is_not_good() {
    use Level::{Baseline, Restricted};
    for (spec, level, wanted) in [
        ("hostNetwork: \"false\", containers: []", Baseline, "hostNamespaces"),
        ("containers: [{name: a, securityContext: {privileged: \"false\"}}]", Baseline, "privileged"),
        ("containers: [{name: a, securityContext: privileged}]", Baseline, "privileged"),
        ("containers: {name: a}", Baseline, "privileged"),
        ("containers: [a]", Baseline, "hostPorts"),
        ("containers: [{name: a, ports: [80]}]", Baseline, "hostPorts"),
        ("containers: [{name: a, ports: [{hostPort: \"0\"}]}]", Baseline, "hostPorts"),
        ("volumes: [hostPath], containers: []", Baseline, "hostPathVolumes"),
        ("containers: [{name: a, securityContext: {capabilities: {add: NET_RAW}}}]", Baseline, "capabilities_baseline"),
        ("securityContext: {sysctls: [kernel.msgmax]}, containers: []", Baseline, "sysctls"),
        ("securityContext: {seccompProfile: Unconfined}, containers: []", Baseline, "seccompProfile_baseline"),
        ("securityContext: {seccompProfile: {}}, containers: []", Baseline, "seccompProfile_baseline"),
        ("securityContext: {appArmorProfile: {type: null}}, containers: []", Baseline, "appArmorProfile"),
        ("securityContext: {seLinuxOptions: {user: [u]}}, containers: []", Baseline, "seLinuxOptions"),
        ("securityContext: {runAsUser: \"1000\"}, containers: []", Restricted, "runAsUser"),
        ("securityContext: {runAsUser: 0x0}, containers: []", Restricted, "runAsUser"),
        ("securityContext: {runAsNonRoot: \"true\"}, containers: [{name: a}]", Restricted, "runAsNonRoot"),
        (
            "containers: [{name: a, securityContext: {allowPrivilegeEscalation: \"false\"}}]",
            Restricted,
            "allowPrivilegeEscalation",
        ),
        (
            "hostUsers: \"false\", containers: [{name: a, securityContext: {procMount: Unmasked}}]",
            Baseline,
            "procMount",
        ),
    ] {
        assert!(ids(&pod(spec), level, "latest").contains(&wanted), "{spec}: {wanted}");
    }
    let scalar = "apiVersion: v1\nkind: Pod\nspec: hostNetwork\n";
    assert_eq!(ids(scalar, Baseline, "latest").len(), CHECKS.iter().filter(|c| c.level == Baseline).count());
    // Null is not set.
    let nulls = "hostNetwork: null, volumes: ~, initContainers: , securityContext: {seccompProfile: null, sysctls: null}, \
                 containers: [{name: a, ports: null, securityContext: {privileged: null, capabilities: {add: null}}}]";
    assert_eq!(ids(&pod(nulls), Baseline, "latest"), Vec::<&str>::new());
}

#[test]
fn places_are_the_text_at_fault() {
    let text = "apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          volumes:\n          - name: v\n            hostPath: {path: /etc}\n          initContainers:\n          - name: i\n            securityContext:\n              privileged: true\n          containers:\n          - name: a\n            securityContext:\n              capabilities:\n                add: [CHOWN, NET_ADMIN]\n";
    let found = violations(text, Level::Baseline, Version::Latest);
    let found: Vec<_> = found.iter().map(|(v, at)| (v.check.id, at.as_str(), v.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("capabilities_baseline", "NET_ADMIN", "container `a` adds the capability `NET_ADMIN`"),
            ("hostPathVolumes", "hostPath: {path: /etc}", "volume `v` is the node's path `/etc`"),
            ("privileged", "privileged: true", "init container `i` is privileged"),
        ]
    );
    let lacking = violations(&pod("containers: [{name: a}]"), Level::Restricted, Version::Latest);
    assert!(lacking.iter().all(|(_, at)| at == "name: a"), "{lacking:?}");
}

#[test]
fn merged_fields_and_annotations_count() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    <<: {container.apparmor.security.beta.kubernetes.io/a: unconfined}\nspec:\n  containers:\n  - name: a\n    <<: {securityContext: {privileged: true}}\n";
    assert_eq!(ids(text, Level::Baseline, "latest"), ["appArmorProfile", "privileged"]);
}

#[test]
fn a_pod_of_aliases_ends() {
    let started = std::time::Instant::now();
    // As large as a file may be with all its aliases: what is larger is not read at all.
    let ports = "{containerPort: 1},".repeat(50);
    let many = "*a,".repeat(20_000);
    let keys: String = (0..60).map(|i| format!("k{i}: 1,")).collect();
    let large = pod(&format!(
        "volumes: [], initContainers: [{{name: b, securityContext: &c {{{keys} privileged: true}}}}], containers: [{}]",
        "{securityContext: *c},".repeat(20_000)
    ));
    let found = violations(&large, Level::Restricted, Version::Latest);
    assert!(found.iter().any(|(v, _)| v.check.id == "privileged" && v.message.contains("more than 1000 places")));
    let text = pod(&format!("initContainers: [&a {{name: a, ports: [{ports}]}}], containers: [{many}]"));
    let found = violations(&text, Level::Restricted, Version::Latest);
    assert!(found.iter().any(|(v, _)| v.check.id == "hostPorts" && v.message.contains("not looked at")));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// The public fixtures, where somebody has them: `LEVEL/VERSION/{pass,fail}/CHECK<number>.yaml`.
fn fixtures() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("PLIMSOLL_SHARED").map_or(beside, PathBuf::from);
    Some(shared.join("conformance/pod-security")).filter(|folder| folder.is_dir())
}

#[test]
fn public_fixtures_fail_and_pass_as_their_names_say() {
    let Some(root) = fixtures() else {
        // Past the capture of the test's output: nobody should take this for a check.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: there are no pod-security fixtures");
        return;
    };
    let mut seen = 0;
    for level in [Level::Baseline, Level::Restricted] {
        for version in std::fs::read_dir(root.join(level.name())).unwrap().map(|entry| entry.unwrap().path()) {
            let number: Version = version.file_name().unwrap().to_str().unwrap().parse().unwrap();
            for outcome in ["pass", "fail"] {
                for file in std::fs::read_dir(version.join(outcome)).unwrap().map(|entry| entry.unwrap().path()) {
                    let text = std::fs::read_to_string(&file).unwrap();
                    let fired: Vec<String> = violations(&text, level, number)
                        .iter()
                        .map(|(violation, _)| violation.check.id.to_lowercase())
                        .collect();
                    let stem = file.file_stem().unwrap().to_str().unwrap();
                    let wanted = stem.trim_end_matches(|c: char| c.is_ascii_digit());
                    match outcome {
                        "pass" => assert!(fired.is_empty(), "{}: {fired:?}", file.display()),
                        _ => assert!(fired.iter().any(|id| id == wanted), "{}: {fired:?}", file.display()),
                    }
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 300, "only {seen} fixtures");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whatever stands where a field stood: each level ends, and restricted finds what baseline finds.
    #[test]
    fn spoilt_manifests_are_checked_all_the_same(
        which in 0..CHECKS.len(), at in 0..1_000usize, length in 0..12usize, put in "[-\\[\\]{}:,&*a<~\"0 \n]{0,6}"
    ) {
        let mut text = CHECKS[which].info.bad.to_owned();
        let start = at.min(text.len());
        text.replace_range(start..(start + length).min(text.len()), &put);
        let source = Source::new("m.yaml", &text);
        let manifest = object::read(&source);
        for workload in manifest.objects.iter().filter_map(Object::workload) {
            let found = |level| check(&workload, level, Version::Latest);
            let (baseline, restricted) = (found(Level::Baseline), found(Level::Restricted));
            for violation in &baseline {
                proptest::prop_assert!(restricted.iter().any(|other| other.check == violation.check), "{text}");
            }
            for violation in restricted {
                proptest::prop_assert!(violation.span.end <= text.len(), "{text}: {violation:?}");
            }
        }
    }
}
