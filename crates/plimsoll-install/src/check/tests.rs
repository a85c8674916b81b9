use super::*;
use crate::certificates::tests::now;
use crate::certificates::{self, Purpose};
use crate::{Existing, KINDS, Options, Road, plan};

fn given(name: &str, text: &str) -> Given {
    Given { name: name.to_owned(), bytes: text.as_bytes().to_vec(), mode: None, named: true }
}

fn nowhere(_: &str) -> Look {
    Look::Missing
}

fn ids(files: &[Given]) -> Vec<&'static str> {
    let mut ids: Vec<&str> = check(files, &nowhere, now()).faults.iter().map(|fault| fault.kind.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn written(options: &Options) -> Vec<Given> {
    let files = plan(options, &Existing::default(), false, now()).unwrap();
    let kept = files.into_iter().filter(|file| crate::readable_name(&file.path) && !file.path.ends_with(".md"));
    kept.map(|f| Given {
        name: format!("gate/{}", f.path),
        bytes: f.bytes,
        mode: Some(if f.private { 0o600 } else { 0o644 }),
        named: false,
    })
    .collect()
}

/// What install writes, with one text exchanged in one file.
fn changed(path: &str, from: &str, to: &str) -> Vec<Given> {
    let mut files = written(&Options::default());
    let file = files.iter_mut().find(|f| f.name == format!("gate/{path}")).unwrap_or_else(|| panic!("{path}"));
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from:?}");
    file.bytes = text.replace(from, to).into_bytes();
    files
}

#[test]
fn what_install_writes_has_no_fault() {
    for road in [Road::All, Road::ImagePolicy, Road::Webhook, Road::Static] {
        let options = Options { road, pull_secrets: true, prewarm: true, deletions: true, ..Options::default() };
        let checked = check(&written(&options), &nowhere, now());
        assert!(checked.unread.is_empty(), "{:?}", checked.unread);
        let said: Vec<String> = checked.faults.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{}", said.join("\n"));
        assert!(checked.known.len() > 5);
    }
}

#[test]
fn each_fault_in_what_install_writes_is_found() {
    let kubeconfig = "image-policy/kubeconfig.yaml";
    let admission = "image-policy/admission.yaml";
    let server = "image-policy/kube-apiserver.yaml";
    let hooks = "webhook/manifests/90-validating.yaml";
    for (path, from, to, expected) in [
        (kubeconfig, "client.key", "client.key`", "stray-backtick"),
        (kubeconfig, "      certificate-authority: ", "      certificate-authority: `", "stray-backtick"),
        (kubeconfig, "current-context: plimsoll", "", "current-context-missing"),
        (kubeconfig, "current-context: plimsoll", "current-context: other", "current-context-unknown"),
        (kubeconfig, "      user: kube-apiserver", "      user: other", "context-dangling"),
        (kubeconfig, "https://127", "http://127", "server-insecure"),
        (kubeconfig, ":1323/", ":443/", "wrong-port"),
        (kubeconfig, "127.0.0.1:1323", "plimsoll.plimsoll-system.svc:443", "cluster-dns-name"),
        (kubeconfig, "127.0.0.1:1323", "plimsoll.plimsoll-system.svc:1323", "wrong-port"),
        (kubeconfig, "127.0.0.1:1323", "192.0.2.7:1323", "certificate-wrong-host"),
        (kubeconfig, "/etc/kubernetes/plimsoll/pki/client.crt", "pki/client.crt", "relative-path"),
        (kubeconfig, "pki/client.crt", "pki/other.crt", "file-missing"),
        (
            kubeconfig,
            "client-certificate: /etc/kubernetes/plimsoll/pki/client.crt",
            "client-certificate: /etc/kubernetes/plimsoll/pki/server.crt",
            "client-usage",
        ),
        (kubeconfig, "pki/client.key", "pki/server.key", "key-mismatch"),
        (admission, "defaultAllow: false", "defaultAllow: true", "default-allow"),
        ("image-policy/image-policy.yaml", "defaultAllow: false", "defaultAllow: true", "default-allow"),
        (admission, "allowTTL: 50", "allowTTL: 3600", "ttl-out-of-range"),
        (admission, "denyTTL: 10", "denyTTL: 10s", "ttl-out-of-range"),
        (admission, "retryBackoff: 500", "retryBackoff: 400000", "ttl-out-of-range"),
        (
            admission,
            "kubeConfigFile: /etc/kubernetes/plimsoll/kubeconfig.yaml",
            "kubeConfigFile: kubeconfig.yaml",
            "relative-path",
        ),
        (admission, "kubeConfigFile: /etc/kubernetes/plimsoll/kubeconfig.yaml", "", "kubeconfig-not-named"),
        (admission, "apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1", "wrong-version"),
        (admission, "name: ImagePolicyWebhook", "name: PodSecurityPolicy", "removed-plugin"),
        (admission, "name: ImagePolicyWebhook", "name: ImagePolicyWebHook", "unknown-plugin"),
        (server, "NodeRestriction,ImagePolicyWebhook", "NodeRestriction", "plugin-not-enabled"),
        (server, "NodeRestriction,ImagePolicyWebhook", "PodSecurityPolicy,ImagePolicyWebhook", "removed-plugin"),
        (
            server,
            "        - --admission-control-config-file=/etc/kubernetes/plimsoll/admission.yaml\n",
            "",
            "config-flag-missing",
        ),
        (server, "mountPath: /etc/kubernetes/plimsoll", "mountPath: /etc/kubernetes/other", "mount-missing"),
        (server, "    - name: plimsoll\n      hostPath", "    - name: other\n      hostPath", "volume-missing"),
        (server, "- kube-apiserver\n", "- kube-apiserver\n        - --insecure-port=0\n", "removed-flag"),
        (
            "image-policy/flags.txt",
            "--enable-admission-plugins",
            "--insecure-port=8080 --enable-admission-plugins",
            "removed-flag",
        ),
        (
            "static/kube-apiserver.yaml",
            "        - --feature-gates=ManifestBasedAdmissionControlConfig=true\n",
            "",
            "feature-gate-missing",
        ),
        ("static/validating/plimsoll.yaml", "  name: plimsoll.static.k8s.io", "  name: plimsoll", "static-shape"),
        (
            "static/validating/plimsoll.yaml",
            "url: https://127.0.0.1:1323/validate",
            "url: https://192.0.2.7:1323/validate",
            "certificate-wrong-host",
        ),
        (hooks, "failurePolicy: Fail", "failurePolicy: Ignore", "failure-policy-ignore"),
        (hooks, "    failurePolicy: Fail\n", "", "failure-policy-missing"),
        (hooks, "pods/ephemeralcontainers, ", "", "ephemeral-containers-missing"),
        (hooks, "operations: [CREATE, UPDATE]", "operations: [CREATE]", "update-missing"),
        (hooks, "[plimsoll-system, kube-system]", "[kube-system]", "own-namespace-matched"),
        (hooks, "[plimsoll-system, kube-system]", "[plimsoll-system]", "kube-system-matched"),
        (hooks, "resources: [jobs, cronjobs]", "resources: ['*']", "ok"),
        (hooks, "resources: [pods, ", "resources: ['*/*', ", "rules-too-broad"),
        (hooks, "timeoutSeconds: 8", "timeoutSeconds: 30", "timeout-too-long"),
        (hooks, "caBundle: LS0t", "caBundle: <base64-encoded-ca-cert> # ", "ca-bundle-placeholder"),
        (hooks, "caBundle: LS0t", "caBundle: abcd", "ca-bundle-broken"),
        (hooks, "admissionReviewVersions: [v1, v1beta1]", "admissionReviewVersions: [v2]", "review-versions-missing"),
        (hooks, "sideEffects: None", "sideEffects: Unknown", "side-effects-missing"),
        (hooks, "name: images.plimsoll.plimsoll.dev", "name: images", "webhook-name"),
        (hooks, "port: 443", "port: 1323", "wrong-port"),
        (
            hooks,
            "        name: plimsoll\n        namespace",
            "        name: other\n        namespace",
            "certificate-wrong-host",
        ),
        (hooks, "admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1beta1", "wrong-version"),
        (hooks, "    failurePolicy: Fail\n", "    failurePolicy: Fail\n    failurePolicy: Fail\n", "duplicate-key"),
        (hooks, "    sideEffects: None", "   sideEffects: None", "yaml-broken"),
        ("webhook/manifests/20-certificates.yaml", "tls.crt: LS0t", "tls.crt: '*'#", "yaml-broken"),
        ("pki/client.key", "-----END", "----- END", "pem-broken"),
    ] {
        let found = ids(&changed(path, from, to));
        if expected == "ok" {
            assert!(found.is_empty(), "{path}: {from:?}: {found:?}");
        } else {
            assert!(found.contains(&expected), "{path}: {from:?} → {to:?}: {found:?}");
        }
    }
}

#[test]
fn dates_of_certificates_are_said() {
    let files = written(&Options::default());
    let at = |days: i64| Timestamp::from_second(now().as_second() + days * 86_400).unwrap();
    let found = |days| {
        let checked = check(&files, &nowhere, at(days));
        (checked.faults.iter().map(|f| f.kind.id).collect::<std::collections::BTreeSet<_>>(), checked.errors())
    };
    assert!(found(300).0.is_empty());
    let (soon, errors) = found(340);
    assert!(soon.contains("certificate-expires-soon") && errors == 0, "{soon:?}");
    assert!(found(366).0.contains("certificate-expired"));
    assert!(found(-2).0.contains("certificate-not-yet-valid"));
}

#[test]
fn a_server_certificate_of_another_authority_is_untrusted() {
    let other = certificates::new_authority(now(), 100).unwrap();
    let leaf = certificates::sign(&other, &Purpose::Server(Options::default().all_sans()), now(), 90).unwrap();
    let mut files = written(&Options::default());
    for file in files.iter_mut().filter(|f| f.name.starts_with("gate/image-policy/pki/server.")) {
        file.bytes = if file.name.ends_with("crt") { leaf.certificate.clone() } else { leaf.key.clone() }.into_bytes();
    }
    assert_eq!(ids(&files), ["certificate-untrusted"]);
}

#[test]
fn a_key_that_others_may_read_is_said() {
    let mut files = written(&Options::default());
    files.iter_mut().find(|f| f.name == "gate/pki/ca.key").unwrap().mode = Some(0o100_644);
    assert_eq!(ids(&files), ["key-open"]);
}

/// The bouncer's notes: a trailing backtick, the wrong port, a name of the cluster's DNS.
#[test]
fn the_kubeconfig_of_the_bouncers_notes() {
    let config = "imagePolicy:\n  kubeConfigFile: /etc/kubernetes/config/image_config.yaml\n  allowTTL: 50\n  denyTTL: 50\n  retryBackoff: 500\n  defaultAllow: false\n";
    let kubeconfig = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority: /etc/kubernetes/config/webhook.pem\n    server: https://image-bouncer-webhook.default:1323/image_policy\n  name: bouncer_webhook\ncontexts:\n- context:\n    cluster: bouncer_webhook\n    user: api-server\n  name: bouncer_validator\ncurrent-context: bouncer_validator\npreferences: {}\nusers:\n- name: api-server\n  user:\n    client-certificate: /etc/kubernetes/config/apiserver-client.pem\n    client-key:  /etc/kubernetes/config/apiserver-client-key.pem`  \n";
    let files = [given("config/configuration.yaml", config), given("config/image_config.yaml", kubeconfig)];
    let checked = check(&files, &nowhere, now());
    let backtick = checked.faults.iter().find(|f| f.kind.id == "stray-backtick").unwrap();
    assert_eq!((backtick.file.as_str(), backtick.line), ("config/image_config.yaml", 19));
    let said = backtick.to_string();
    assert!(
        said.contains("--> config/image_config.yaml:19:18\n") && said.contains("fix: remove the backtick"),
        "{said}"
    );
    assert_eq!(ids(&files), ["cluster-dns-name", "file-missing", "stray-backtick", "wrong-port"]);
    // With the notes' certificate beside it: no SAN.
    let bare = bare_certificate();
    let files = [files[0].clone(), files[1].clone(), given("config/webhook.pem", &bare)];
    assert!(ids(&files).contains(&"certificate-without-san"));
    // With the notes' Service: it listens on 443.
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: image-bouncer-webhook}\nspec:\n  ports: [{port: 443, targetPort: 1323}]\n";
    let checked = check(&[files[1].clone(), given("service.yaml", service)], &nowhere, now());
    let port = checked.faults.iter().find(|f| f.kind.id == "wrong-port").unwrap();
    assert!(port.message.contains("listens on 443, not on 1323"), "{}", port.message);
}

/// What `openssl req -new -x509` makes: an authority, and no SAN.
fn bare_certificate() -> String {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Internet Widgits Pty Ltd");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

#[test]
fn the_kubeconfig_without_contexts_and_the_open_policy_of_the_notes() {
    let admission = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: ImagePolicyWebhook\n  configuration:\n    imagePolicy:\n      kubeConfigFile: /path/to/config/file\n      allowTTL: 50\n      denyTTL: 50\n      retryBackoff: 500\n      defaultAllow: true\n";
    let kubeconfig = "## /path/to/kubeconfig-file\n\nclusters:\n- name: name-of-remote-imagepolicy-service\n  cluster:\n    certificate-authority: /path/to/ca.pem\n    server: https://images.example.com/policy\n\nusers:\n- name: name-of-api-server\n  user:\n    client-certificate: /path/to/cert.pem\n    client-key: /path/to/key.pem\n";
    let files = [given("a.yaml", admission), given("kubeconfig", kubeconfig)];
    assert_eq!(ids(&files), ["context-missing", "default-allow", "file-missing"]);
}

#[test]
fn the_webhook_of_the_notes_that_lost_its_indentation() {
    let flat = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\nname: image-policy-webhook\nwebhooks:\n- name: image-policy.example.com\nrules:\n- apiGroups: [\"\"]\napiVersions: [\"v1\"]\noperations: [\"CREATE\", \"UPDATE\"]\nresources: [\"pods\"]\nclientConfig:\nservice:\nname: image-policy-webhook\n";
    let found = ids(&[given("w.yaml", flat)]);
    assert_eq!(found, ["duplicate-key", "lost-indentation"]);
    let single = "apiVersion: v1\nkind: Pod\nmetadata:\nname: x\nspec:\ncontainers: []\n";
    assert_eq!(ids(&[given("w.yaml", single)]), ["lost-indentation"]);
    let mended = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: image-policy-webhook\nwebhooks:\n- name: image-policy.example.com\n  rules:\n  - apiGroups: [\"\"]\n    apiVersions: [\"v1\"]\n    operations: [\"CREATE\", \"UPDATE\"]\n    resources: [\"pods\"]\n  clientConfig:\n    service:\n      name: image-policy-webhook\n      namespace: kube-system\n      path: \"/validate\"\n    caBundle: <base64-encoded-ca-cert>\n  admissionReviewVersions: [\"v1\"]\n  sideEffects: None\n";
    assert_eq!(
        ids(&[given("w.yaml", mended)]),
        ["ca-bundle-placeholder", "ephemeral-containers-missing", "failure-policy-missing", "own-namespace-matched"]
    );
}

#[test]
fn flags_of_a_systemd_unit_are_read() {
    let unit = "[Service]\nExecStart=/usr/local/bin/kube-apiserver \\\n  --insecure-port=0 \\\n  --enable-admission-plugins NodeRestriction,PodSecurityPolicy,ImagePolicyWebhook \\\n  --v=2\n";
    let checked = check(&[given("kube-apiserver.service", unit)], &nowhere, now());
    let lines: Vec<(u32, &str)> = checked.faults.iter().map(|f| (f.line, f.kind.id)).collect();
    assert_eq!(lines, [(3, "removed-flag"), (4, "config-flag-missing"), (4, "removed-plugin")]);
}

#[test]
fn files_on_the_machine_are_looked_at_and_unreadable_ones_said() {
    let config = "imagePolicy:\n  kubeConfigFile: /etc/gate/kubeconfig\n  defaultAllow: false\n";
    let seen = std::cell::RefCell::new(Vec::new());
    let look = |path: &str| {
        seen.borrow_mut().push(path.to_owned());
        Look::Unreadable("permission denied".to_owned())
    };
    let checked = check(&[given("a.yaml", config)], &look, now());
    assert_eq!(*seen.borrow(), ["/etc/gate/kubeconfig"]);
    assert!(checked.faults.is_empty());
    assert_eq!(checked.unread[0].why, "permission denied");
}

#[test]
fn a_manifest_alone_leads_to_the_files_on_the_machine() {
    let files = changed("image-policy/kubeconfig.yaml", "client.key", "client.key`");
    let manifest: Vec<Given> =
        files.iter().filter(|f| f.name == "gate/image-policy/kube-apiserver.yaml").cloned().collect();
    let look = |path: &str| match path.strip_prefix("/etc/kubernetes/plimsoll/") {
        Some(rest) => match files.iter().find(|f| f.name == format!("gate/image-policy/{rest}")) {
            Some(found) => Look::Found(Given { name: path.to_owned(), ..found.clone() }),
            None => Look::Missing,
        },
        None => Look::Missing,
    };
    let checked = check(&manifest, &look, now());
    let found: Vec<(&str, &str)> = checked.faults.iter().map(|f| (f.kind.id, f.file.as_str())).collect();
    assert_eq!(found, [("stray-backtick", "/etc/kubernetes/plimsoll/kubeconfig.yaml")]);
    // A folder, or something else, in the place of the kubeconfig.
    let look = |path: &str| match path {
        "/etc/kubernetes/plimsoll/kubeconfig.yaml" => Look::Folder,
        path => look(path),
    };
    let checked = check(&manifest, &look, now());
    assert_eq!(checked.faults.iter().map(|f| f.kind.id).collect::<Vec<_>>(), ["kubeconfig-not-named"]);
}

#[test]
fn what_is_asked_for_by_name_and_says_nothing_is_no_clean_bill() {
    for text in ["", "hello\n", "# only words\n"] {
        let checked = check(&[given("notes.txt", text)], &nowhere, now());
        assert_eq!((checked.unread.len(), checked.known.len()), (1, 0), "{text:?}");
    }
    let folder = Given { named: false, ..given("notes.txt", "hello") };
    assert!(check(&[folder], &nowhere, now()).unread.is_empty());
}

#[test]
fn every_kind_of_fault_is_found_by_some_test() {
    let own = include_str!("tests.rs");
    let missing: Vec<&str> =
        KINDS.iter().map(|kind| kind.id).filter(|id| !own.contains(&format!("\"{id}\""))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_kubeconfig_without_authority_or_client_certificate_is_warned_about() {
    let files = changed(
        "image-policy/kubeconfig.yaml",
        "      certificate-authority: /etc/kubernetes/plimsoll/pki/ca.crt\n",
        "",
    );
    assert_eq!(ids(&files), ["authority-missing"]);
    let files = changed(
        "image-policy/kubeconfig.yaml",
        "    user:\n      client-certificate: /etc/kubernetes/plimsoll/pki/client.crt\n      client-key: /etc/kubernetes/plimsoll/pki/client.key\n",
        "    user: {}\n",
    );
    assert_eq!(ids(&files), ["client-certificate-missing"]);
}

/// Bytes that are near to what the checks read.
fn near() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let words = prop::sample::select(vec![
        "apiVersion: v1\n",
        "kind: Config\n",
        "kind: Pod\n",
        "kind: AdmissionConfiguration\n",
        "kind: List\n",
        "items:\n",
        "clusters:\n",
        "- cluster:\n",
        "    server: https://[::1]:99999/x\n",
        "  - name: x\n",
        "users: [{name: a:1, user: {client-key-data: QQ==}}]\n",
        "imagePolicy: {allowTTL: 99999999999999999999, kubeConfigFile: x}\n",
        "plugins: [{name: ImagePolicyWebhook, path: é}]\n",
        "kind: ValidatingWebhookConfiguration\n",
        "webhooks: [{rules: [{resources: [pods]}], clientConfig: {caBundle: 'é', url: 'https://'}}]\n",
        "spec: {containers: [{command: [kube-apiserver, --enable-admission-plugins, --admission-control-config-file=é], volumeMounts: [{mountPath: /é, name: x}]}]}\n",
        "-----BEGIN CERTIFICATE-----\n",
        "MIIB\n",
        "-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\n",
        "`",
        "\t",
        "&a [*a]\n",
        "--flag=é --x y\n",
        "kind: Secret\ntype: kubernetes.io/tls\ndata: {tls.crt: QQ==, tls.key: QQ==}\n",
        "---\n",
        "\u{feff}",
        "\r\n",
    ]);
    prop::collection::vec(
        prop_oneof![4 => words.prop_map(|w| w.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..20)],
        0..20,
    )
    .prop_map(|parts| parts.concat())
}

proptest::proptest! {
    #[test]
    fn no_bytes_stop_the_check(bytes in near(), name in "[a-z]{1,4}(/[a-z]{1,4})?\\.(yaml|key|crt|txt|service)") {
        let file = Given { name, bytes, mode: Some(0o644), named: true };
        let checked = check(&[file.clone(), Given { name: "other.yaml".to_owned(), ..file }], &nowhere, now());
        for fault in &checked.faults {
            proptest::prop_assert!(!fault.to_string().contains(char::from(27)));
        }
    }
}
