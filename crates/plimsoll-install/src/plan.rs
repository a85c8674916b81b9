//! Options and certificates to files. In: what the administrator chose, and the certificates that exist. Out: every file
//! of every road that was asked for. What it does not do: look at the disk, or overwrite: the caller keeps what is there.

use base64::Engine as _;
use jiff::Timestamp;

use crate::certificates::{self, Authority, CLIENT_NAME, CertificateError, Leaf, Pki, Purpose, Read, read_pem};
use crate::files::File;
use crate::options::{Options, Right};
use crate::remove::remove_script;
use crate::template::{Conditions, Fill};

/// Days before the end of a certificate from which it should be renewed.
pub(crate) const RENEW_DAYS: i64 = 30;

/// The certificates of an earlier run, or of the administrator's own making.
#[derive(Clone, Default)]
pub struct Existing {
    /// `pki/ca.crt`
    pub authority: Option<String>,
    /// `pki/ca.key`
    pub authority_key: Option<String>,
    /// `pki/server.crt` and `pki/server.key`
    pub server: Option<Leaf>,
    /// `pki/client.crt` and `pki/client.key`
    pub client: Option<Leaf>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("make certificates")]
    Certificates(#[from] CertificateError),
    #[error("use pki/ca.key: pki/ca.crt is not beside it")]
    KeyAlone,
    #[error("sign with pki/ca.crt: pki/ca.key is not there, or is of another certificate")]
    NoKey,
    #[error("read pki/{0}: there is no certificate in it")]
    Unreadable(&'static str),
    #[error("keep pki/server.crt: it does not speak for {0} (--force makes a new one, of the same authority)")]
    MissingName(String),
    #[error("keep pki/{0}: no authority of pki/ca.crt signed it (--force makes a new one)")]
    NotSigned(&'static str),
}

/// Every file, in the order in which a person would read them.
pub fn plan(options: &Options, existing: &Existing, force: bool, now: Timestamp) -> Result<Vec<File>, PlanError> {
    let mut files = Vec::new();
    let pki = certificates(options, existing, force, now, &mut files)?;
    let road = options.road;
    let plain = plain(options, &pki, now);
    let loadline = match &options.policy {
        Some(text) => text.clone(),
        None => plain.text(include_str!("../templates/loadline.yaml")),
    };
    if road.webhook() {
        let plain = plain_with(options, &pki, now, &loadline);
        for (name, template, private) in WEBHOOK {
            let file =
                File { private: *private, ..File::public(format!("webhook/manifests/{name}"), plain.text(template)) };
            files.push(file);
        }
        files.push(File::public(
            "webhook/kustomization.yaml",
            plain.text(include_str!("../templates/webhook/kustomization.yaml")),
        ));
        helm(options, &pki, &loadline, &plain, &mut files);
    }
    if road.image_policy() {
        control_plane("image-policy", IMAGE_POLICY, options, &pki, &loadline, now, &mut files);
    }
    if road.by_file() {
        control_plane("static", STATIC, options, &pki, &loadline, now, &mut files);
    }
    files.push(File { program: true, ..File::public("remove.sh", remove_script(options)) });
    files.push(File::public("README.md", plain.text(include_str!("../templates/README.md"))));
    Ok(files)
}

macro_rules! template {
    ($folder:literal / $name:literal) => {
        include_str!(concat!("../templates/", $folder, "/", $name))
    };
}

/// The objects of the cluster: name, template, and whether a private key stands in it. Applied in this order.
const WEBHOOK: &[(&str, &str, bool)] = &[
    ("00-namespace.yaml", template!("webhook" / "00-namespace.yaml"), false),
    ("10-account.yaml", template!("webhook" / "10-account.yaml"), false),
    ("20-certificates.yaml", template!("webhook" / "20-certificates.yaml"), true),
    ("30-policy.yaml", template!("webhook" / "30-policy.yaml"), false),
    ("40-service.yaml", template!("webhook" / "40-service.yaml"), false),
    ("50-deployment.yaml", template!("webhook" / "50-deployment.yaml"), false),
    ("60-network.yaml", template!("webhook" / "60-network.yaml"), false),
    ("80-mutating.yaml", template!("webhook" / "80-mutating.yaml"), false),
    ("90-validating.yaml", template!("webhook" / "90-validating.yaml"), false),
];

/// The files of a control-plane node, for ImagePolicyWebhook.
const IMAGE_POLICY: &[(&str, &str)] = &[
    ("admission.yaml", template!("control-plane" / "admission.yaml")),
    ("image-policy.yaml", template!("control-plane" / "image-policy.yaml")),
    ("kubeconfig.yaml", template!("control-plane" / "kubeconfig.yaml")),
];

/// The files of a control-plane node, for webhooks by file.
const STATIC: &[(&str, &str)] = &[
    ("admission.yaml", template!("control-plane" / "static-admission.yaml")),
    ("kubeconfig.yaml", template!("control-plane" / "static-kubeconfig.yaml")),
    ("mutating/plimsoll.yaml", template!("control-plane" / "static-mutating.yaml")),
    ("validating/plimsoll.yaml", template!("control-plane" / "static-validating.yaml")),
];

/// What both roads over the control plane need: how the API server is told, and how the server runs there.
const CONTROL_PLANE: &[(&str, &str)] = &[
    ("kube-apiserver.yaml", template!("control-plane" / "kube-apiserver.yaml")),
    ("kubeadm/kube-apiserver+json.yaml", template!("control-plane" / "kube-apiserver+json.yaml")),
    ("flags.txt", template!("control-plane" / "flags.txt")),
    ("plimsoll.yaml", template!("control-plane" / "plimsoll.yaml")),
    ("plimsoll.service", template!("control-plane" / "plimsoll.service")),
];

fn control_plane(
    folder: &str,
    own: &[(&str, &str)],
    options: &Options,
    pki: &Pki,
    loadline: &str,
    now: Timestamp,
    files: &mut Vec<File>,
) {
    let mut fill = plain_with(options, pki, now, loadline);
    fill.conditions = Conditions::Known(vec![
        ("image_policy", folder == "image-policy"),
        ("static", folder == "static"),
        ("database", options.database.is_some()),
    ]);
    let part = fill.text(include_str!("../templates/control-plane/image-policy.part.yaml"));
    fill.values.push(("IMAGE_POLICY", part));
    for (name, template) in own.iter().chain(CONTROL_PLANE) {
        files.push(File::public(format!("{folder}/{name}"), fill.text(template)));
    }
    files.push(File::public(format!("{folder}/loadline.yaml"), loadline));
    files.push(File::public(format!("{folder}/pki/ca.crt"), pki.bundle.as_str()));
    for (name, leaf) in [("server", &pki.server), ("client", &pki.client)] {
        files.push(File::public(format!("{folder}/pki/{name}.crt"), leaf.certificate.as_str()));
        files.push(File::private(format!("{folder}/pki/{name}.key"), leaf.key.as_str()));
    }
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn namespace_selector(values: &str) -> String {
    format!(
        "# Never the gate's own namespace, or it could not start. kube-system is left out unless --kube-system was said:\n\
         # the pods of the network and of DNS must come up for the gate to be reached at all.\n\
         namespaceSelector:\n  matchExpressions:\n    - key: kubernetes.io/metadata.name\n      operator: NotIn\n      values: [{values}]\n"
    )
}

/// What a chart's values may turn on must have rules, too: without any of its own it is the namespaces.
fn follow_rules(options: &Options) -> String {
    let rules: String = options.follow.iter().map(Right::rule).collect();
    if rules.is_empty() {
        "- apiGroups: [\"\"]\n  resources: [namespaces]\n  verbs: [list, watch]\n".to_owned()
    } else {
        rules
    }
}

fn operations(options: &Options) -> String {
    if options.deletions { "CREATE, UPDATE, DELETE".to_owned() } else { "CREATE, UPDATE".to_owned() }
}

fn plain<'a>(options: &Options, pki: &Pki, now: Timestamp) -> Fill<'a> {
    let kube_system = if options.kube_system { "" } else { ", kube-system" };
    let ends = [&pki.server, &pki.client]
        .iter()
        .flat_map(|leaf| read_pem(leaf.certificate.as_bytes()).certificates)
        .map(|certificate| certificate.not_after)
        .min();
    let renew = ends.unwrap_or(now).as_second().saturating_sub(RENEW_DAYS * 86_400);
    let day = |second: i64| {
        Timestamp::from_second(second).map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
    };
    let database = options.database.as_ref().map(ToString::to_string).unwrap_or_default();
    Fill {
        values: vec![
            ("NAMESPACE", options.namespace.to_string()),
            ("NAME", options.name.to_string()),
            ("IMAGE", options.image.to_string()),
            ("IMAGE_NAME", options.image.name().to_owned()),
            ("PORT", options.port.to_string()),
            ("CONFIG_DIR", options.config_dir.to_string()),
            ("CLIENT_NAME", CLIENT_NAME.to_owned()),
            ("REPLICAS", "2".to_owned()),
            ("TOKEN", (options.pull_secrets || options.prewarm || options.follow_cluster).to_string()),
            ("FOLLOW", options.follow_cluster.to_string()),
            ("FOLLOW_RULES", follow_rules(options)),
            ("OPERATIONS", operations(options)),
            ("PULL_SECRETS", options.pull_secrets.to_string()),
            ("PREWARM", options.prewarm.to_string()),
            ("KUBE_SYSTEM", options.kube_system.to_string()),
            ("DATABASE", database),
            ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
            ("CA_BUNDLE", base64(&pki.bundle)),
            ("TLS_CRT", base64(&pki.server.certificate)),
            ("TLS_KEY", base64(&pki.server.key)),
            ("NAMESPACE_SELECTOR", namespace_selector(&format!("{}{kube_system}", options.namespace))),
            // A year: long enough to be found by a reader of reports, not for ever.
            ("UNTIL", day(now.as_second().saturating_add(365 * 86_400))),
            ("RENEW", day(renew)),
        ],
        conditions: Conditions::Known(vec![
            ("pull_secrets", options.pull_secrets),
            ("prewarm", options.prewarm),
            ("follow", options.follow_cluster),
            ("database", options.database.is_some()),
            ("no_database", options.database.is_none()),
            ("webhook", options.road.webhook()),
            ("image_policy", options.road.image_policy()),
            ("static", options.road.by_file()),
            ("deletions", options.deletions),
        ]),
    }
}

fn plain_with<'a>(options: &Options, pki: &Pki, now: Timestamp, loadline: &str) -> Fill<'a> {
    let mut fill = plain(options, pki, now);
    fill.values.push(("LOADLINE", loadline.to_owned()));
    fill
}

/// The chart: the same templates, with the chart's own expressions in place of values.
fn helm(options: &Options, pki: &Pki, loadline: &str, plain: &Fill<'_>, files: &mut Vec<File>) {
    let folder = format!("helm/{}", options.name);
    let file = |name: &str| format!("{{{{ .Files.Get {name:?} | b64enc }}}}");
    let kube_system = "{{ .Release.Namespace }}{{ if not .Values.judgeKubeSystem }}, kube-system{{ end }}";
    let chart = Fill {
        values: vec![
            ("NAMESPACE", "{{ .Release.Namespace }}".to_owned()),
            ("NAME", options.name.to_string()),
            ("IMAGE", "{{ .Values.image | quote }}".to_owned()),
            ("PORT", options.port.to_string()),
            ("REPLICAS", "{{ .Values.replicas }}".to_owned()),
            ("TOKEN", "{{ or .Values.pullSecrets .Values.prewarm .Values.followCluster }}".to_owned()),
            ("FOLLOW_RULES", follow_rules(options)),
            ("OPERATIONS", operations(options)),
            ("DATABASE", "{{ .Values.database }}".to_owned()),
            ("CA_BUNDLE", file("pki/ca.crt")),
            ("TLS_CRT", file("pki/server.crt")),
            ("TLS_KEY", file("pki/server.key")),
            ("LOADLINE", "{{- .Files.Get \"loadline.yaml\" | trimSuffix \"\\n\" | nindent 4 }}".to_owned()),
            ("NAMESPACE_SELECTOR", namespace_selector(kube_system)),
        ],
        conditions: Conditions::Chart(vec![
            ("pull_secrets", ".Values.pullSecrets"),
            ("prewarm", ".Values.prewarm"),
            ("follow", ".Values.followCluster"),
            ("database", ".Values.database"),
            // As the rules are, which are no value of the chart.
            ("deletions", if options.deletions { "true" } else { "false" }),
        ]),
    };
    files.push(File::public(format!("{folder}/Chart.yaml"), plain.text(include_str!("../templates/helm/Chart.yaml"))));
    files
        .push(File::public(format!("{folder}/values.yaml"), plain.text(include_str!("../templates/helm/values.yaml"))));
    files.push(File::public(format!("{folder}/.helmignore"), include_str!("../templates/helm/helmignore")));
    files.push(File::public(
        format!("{folder}/templates/NOTES.txt"),
        plain.text(include_str!("../templates/helm/NOTES.txt")),
    ));
    files.push(File::public(
        format!("{folder}/templates/guard.yaml"),
        format!(
            "{{{{- /* The certificate speaks for one Service in one namespace. */}}}}\n\
             {{{{- if ne .Release.Namespace \"{0}\" }}}}\n\
             {{{{- fail \"the certificates in pki/ are made for the namespace {0}: install the chart there, or run plimsoll install --namespace\" }}}}\n\
             {{{{- end }}}}\n",
            options.namespace
        ),
    ));
    // Helm makes no namespace of a chart's own: it keeps its records in it.
    for (name, template, _) in WEBHOOK.iter().filter(|(name, ..)| !name.starts_with("00-")) {
        files.push(File::public(format!("{folder}/templates/{name}"), chart.text(template)));
    }
    files.push(File::public(format!("{folder}/loadline.yaml"), loadline));
    files.push(File::public(format!("{folder}/pki/ca.crt"), pki.bundle.as_str()));
    files.push(File::public(format!("{folder}/pki/server.crt"), pki.server.certificate.as_str()));
    files.push(File::private(format!("{folder}/pki/server.key"), pki.server.key.as_str()));
}

/// The authority of a bundle whose key this is.
pub(crate) fn authority_of(bundle: &str, key: &str) -> Option<Authority> {
    let public = read_pem(key.as_bytes()).keys.into_iter().find_map(|(_, public)| public)?;
    let certificate = read_pem(bundle.as_bytes()).certificates.into_iter().find(|c| c.public_key == public)?;
    Some(Authority { certificate: certificate.pem(), key: key.to_owned() })
}

fn certificates(
    options: &Options,
    existing: &Existing,
    force: bool,
    now: Timestamp,
    files: &mut Vec<File>,
) -> Result<Pki, PlanError> {
    let authority = match (&existing.authority, &existing.authority_key) {
        (None, Some(_)) => return Err(PlanError::KeyAlone),
        (None, None) => Some(certificates::new_authority(now, options.authority_days)?),
        (Some(bundle), Some(key)) => Some(authority_of(bundle, key).ok_or(PlanError::NoKey)?),
        (Some(_), None) => None,
    };
    let bundle = match (&existing.authority, &authority) {
        (Some(bundle), _) => bundle.clone(),
        (None, Some(authority)) => authority.certificate.clone(),
        (None, None) => return Err(PlanError::NoKey),
    };
    let authorities = read_pem(bundle.as_bytes()).certificates;
    if authorities.is_empty() {
        return Err(PlanError::Unreadable("ca.crt"));
    }
    let sans = options.all_sans();
    let leaf = |kept: &Option<Leaf>, file: &'static str, purpose: Purpose| -> Result<Leaf, PlanError> {
        if let (Some(kept), false) = (kept, force) {
            let read = read_pem(kept.certificate.as_bytes()).certificates;
            let first: &Read = read.first().ok_or(PlanError::Unreadable(file))?;
            if !authorities.iter().any(|a| first.signed_by(a) != Some(false)) {
                return Err(PlanError::NotSigned(file));
            }
            if let Purpose::Server(sans) = &purpose
                && let Some(missing) = sans.iter().find(|san| !first.speaks_for(&san.to_string()))
            {
                return Err(PlanError::MissingName(missing.to_string()));
            }
            return Ok(kept.clone());
        }
        let authority = authority.as_ref().ok_or(PlanError::NoKey)?;
        Ok(certificates::sign(authority, &purpose, now, options.leaf_days)?)
    };
    let server = leaf(&existing.server, "server.crt", Purpose::Server(sans))?;
    let client = leaf(&existing.client, "client.crt", Purpose::Client)?;
    files.push(File::public("pki/ca.crt", bundle.as_str()));
    if let Some(authority) = authority {
        files.push(File::private("pki/ca.key", authority.key));
    }
    for (name, leaf) in [("server", &server), ("client", &client)] {
        files.push(File::public(format!("pki/{name}.crt"), leaf.certificate.as_str()));
        files.push(File::private(format!("pki/{name}.key"), leaf.key.as_str()));
    }
    Ok(Pki { bundle, server, client })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::tests::{now, rustls_believes};
    use plimsoll_yaml::{Node, documents};
    use std::sync::Arc;

    fn all(options: &Options) -> Vec<File> {
        plan(options, &Existing::default(), false, now()).unwrap()
    }

    fn text<'f>(files: &'f [File], path: &str) -> &'f str {
        let file = files.iter().find(|f| f.path == path).unwrap_or_else(|| panic!("{path} is not written"));
        std::str::from_utf8(&file.bytes).unwrap()
    }

    fn docs(files: &[File], path: &str) -> Vec<Arc<Node>> {
        let (docs, fault) = documents(text(files, path));
        assert_eq!(fault, None, "{path}\n{}", text(files, path));
        docs
    }

    fn words(node: &Node) -> Vec<&str> {
        node.items().iter().filter_map(|item| item.text()).collect()
    }

    fn at<'n>(node: &'n Node, path: &str) -> &'n Node {
        path.split('.').fold(node, |node, key| match key.parse::<usize>() {
            Ok(index) => &node.items()[index],
            Err(_) => node.get(key).unwrap_or_else(|| panic!("no {key} of {path}")),
        })
    }

    /// Every combination of conditions, so that no branch of a template is left unread.
    fn many() -> Vec<Options> {
        let full = Options {
            kube_system: true,
            pull_secrets: true,
            prewarm: true,
            follow_cluster: true,
            follow: vec![Right::new("", "namespaces").unwrap(), Right::new("networking.k8s.io", "ingresses").unwrap()],
            deletions: true,
            database: Some("registry.example.com/plimsoll/db:1".parse().unwrap()),
            sans: vec!["gate.example.com".parse().unwrap()],
            ..Options::default()
        };
        vec![Options::default(), full]
    }

    #[test]
    fn every_marker_is_filled_and_every_yaml_file_is_yaml() {
        for options in many() {
            for file in all(&options) {
                let text = String::from_utf8(file.bytes.clone()).unwrap();
                let marker = |word: &str| word.len() > 1 && word.bytes().all(|c| c.is_ascii_uppercase() || c == b'_');
                assert!(!text.split('@').skip(1).step_by(2).any(marker), "{}: {text}", file.path);
                assert!(!text.contains("#@"), "{}", file.path);
                if file.path.ends_with(".yaml") && !file.path.contains("/templates/") {
                    let (docs, fault) = documents(&text);
                    assert!(fault.is_none() && !docs.is_empty(), "{}: {fault:?}\n{text}", file.path);
                }
            }
        }
    }

    #[test]
    fn private_keys_are_private_and_the_authority_stays_out_of_what_is_copied() {
        let files = all(&Options::default());
        let key = text(&files, "pki/ca.key").trim().to_owned();
        for file in &files {
            let text = String::from_utf8(file.bytes.clone()).unwrap();
            let holds_key = text.contains("PRIVATE KEY-----") || text.contains("tls.key: LS0");
            assert_eq!(file.private, holds_key, "{}", file.path);
            assert_eq!(text.contains(&key), file.path == "pki/ca.key", "{}", file.path);
        }
    }

    #[test]
    fn kubeconfig_has_a_current_context_that_leads_to_its_files() {
        let files = all(&Options::default());
        let kubeconfig = &docs(&files, "image-policy/kubeconfig.yaml")[0];
        let current = at(kubeconfig, "current-context").text().unwrap();
        assert_eq!(at(kubeconfig, "contexts.0.name").text(), Some(current));
        assert_eq!(at(kubeconfig, "clusters.0.cluster.server").text(), Some("https://127.0.0.1:1323/image_policy"));
        let authority = at(kubeconfig, "clusters.0.cluster.certificate-authority").text().unwrap();
        let name = authority.strip_prefix("/etc/kubernetes/plimsoll/").unwrap();
        rustls_believes(
            text(&files, &format!("image-policy/{name}")),
            text(&files, "image-policy/pki/server.crt"),
            Some("127.0.0.1"),
            now(),
        )
        .unwrap();
    }

    #[test]
    fn both_shapes_of_the_image_policy_fail_closed_and_agree() {
        let files = all(&Options::default());
        let inline = &docs(&files, "image-policy/admission.yaml")[0];
        let bare = &docs(&files, "image-policy/image-policy.yaml")[0];
        for policy in [at(inline, "plugins.0.configuration.imagePolicy"), at(bare, "imagePolicy")] {
            assert_eq!(at(policy, "defaultAllow").text(), Some("false"));
            assert_eq!(at(policy, "kubeConfigFile").text(), Some("/etc/kubernetes/plimsoll/kubeconfig.yaml"));
            assert_eq!(at(policy, "denyTTL").text(), Some("10"));
        }
    }

    #[test]
    fn webhooks_match_what_names_images_and_nothing_that_the_cluster_lives_on() {
        let files = all(&Options::default());
        for path in ["webhook/manifests/90-validating.yaml", "static/validating/plimsoll.yaml"] {
            let configuration = &docs(&files, path)[0];
            let webhook = at(configuration, "webhooks.0");
            let resources: Vec<&str> =
                at(webhook, "rules").items().iter().flat_map(|r| words(at(r, "resources"))).collect();
            assert_eq!(
                resources,
                [
                    "pods",
                    "pods/ephemeralcontainers",
                    "replicationcontrollers",
                    "podtemplates",
                    "deployments",
                    "replicasets",
                    "statefulsets",
                    "daemonsets",
                    "jobs",
                    "cronjobs"
                ]
            );
        }
        for path in ["webhook/manifests/80-mutating.yaml", "static/mutating/plimsoll.yaml"] {
            let webhook = &docs(&files, path)[0];
            assert_eq!(words(at(webhook, "webhooks.0.rules.0.resources")), ["pods", "pods/ephemeralcontainers"]);
            assert_eq!(at(webhook, "webhooks.0.reinvocationPolicy").text(), Some("IfNeeded"));
        }
        for path in [
            "webhook/manifests/80-mutating.yaml",
            "webhook/manifests/90-validating.yaml",
            "static/validating/plimsoll.yaml",
        ] {
            let docs = docs(&files, path);
            let webhook = at(&docs[0], "webhooks.0");
            assert_eq!(at(webhook, "failurePolicy").text(), Some("Fail"));
            assert_eq!(at(webhook, "timeoutSeconds").text(), Some("8"));
            assert_eq!(at(webhook, "sideEffects").text(), Some("None"));
            assert_eq!(words(at(webhook, "admissionReviewVersions")), ["v1", "v1beta1"]);
            let left_out = at(webhook, "namespaceSelector.matchExpressions.0");
            assert_eq!(at(left_out, "operator").text(), Some("NotIn"));
            assert_eq!(words(at(left_out, "values")), ["plimsoll-system", "kube-system"]);
            let bundle =
                base64::engine::general_purpose::STANDARD.decode(at(webhook, "clientConfig.caBundle").text().unwrap());
            assert_eq!(bundle.unwrap(), text(&files, "pki/ca.crt").as_bytes());
        }
    }

    #[test]
    fn webhooks_by_file_have_urls_and_reserved_names() {
        let files = all(&Options::default());
        for path in ["static/validating/plimsoll.yaml", "static/mutating/plimsoll.yaml"] {
            let configuration = &docs(&files, path)[0];
            assert!(at(configuration, "metadata.name").text().unwrap().ends_with(".static.k8s.io"));
            assert!(
                at(configuration, "webhooks.0.clientConfig.url").text().unwrap().starts_with("https://127.0.0.1:1323/")
            );
            assert!(at(configuration, "webhooks.0.clientConfig").get("service").is_none());
        }
    }

    #[test]
    fn rights_are_only_those_that_were_asked_for() {
        let kinds = |options: &Options| -> Vec<String> {
            let files = all(options);
            docs(&files, "webhook/manifests/10-account.yaml")
                .iter()
                .map(|d| at(d, "kind").text().unwrap().to_owned())
                .collect()
        };
        assert_eq!(kinds(&Options::default()), ["ServiceAccount"]);
        assert_eq!(kinds(&Options { pull_secrets: true, ..Options::default() }).len(), 3);
        let follow = vec![Right::new("", "namespaces").unwrap(), Right::new("networking.k8s.io", "ingresses").unwrap()];
        let rules = |files: &[File], path: &str| text(files, path).contains("networking.k8s.io");
        let later = all(&Options { follow: follow.clone(), ..Options::default() });
        assert!(!rules(&later, "webhook/manifests/10-account.yaml"), "nobody follows yet");
        assert!(rules(&later, "helm/plimsoll/templates/10-account.yaml"), "the chart's values may turn it on");
        let following = Options { follow_cluster: true, follow, ..Options::default() };
        assert_eq!(kinds(&following).len(), 3);
        let files = all(&following);
        let role = &docs(&files, "webhook/manifests/10-account.yaml")[1];
        assert_eq!(at(role, "rules").items().len(), 2);
        assert_eq!(at(role, "rules.1.apiGroups.0").text(), Some("networking.k8s.io"));
        assert_eq!(at(role, "rules.1.resources.0").text(), Some("ingresses"));
        assert!(at(role, "rules.1.verbs").items().iter().all(|verb| matches!(verb.text(), Some("list" | "watch"))));
        let pod = docs(&files, "webhook/manifests/50-deployment.yaml");
        assert_eq!(at(&pod[0], "spec.template.spec.automountServiceAccountToken").text(), Some("true"));
        assert!(text(&files, "webhook/manifests/50-deployment.yaml").contains("- --follow-cluster"));
        let files = all(&Options::default());
        let pod = docs(&files, "webhook/manifests/50-deployment.yaml");
        assert_eq!(at(&pod[0], "spec.template.spec.automountServiceAccountToken").text(), Some("false"));
    }

    #[test]
    fn deletions_are_asked_about_only_where_somebody_wants_it() {
        for (deletions, count) in [(false, 2), (true, 3)] {
            let files = all(&Options { deletions, ..Options::default() });
            for path in ["webhook/manifests/90-validating.yaml", "static/validating/plimsoll.yaml"] {
                let configuration = &docs(&files, path)[0];
                let rules = at(configuration, "webhooks.0.rules").items();
                assert!(!rules.is_empty());
                for rule in rules {
                    let operations = at(rule, "operations").items();
                    assert_eq!(operations.len(), count, "{path}");
                    assert_eq!(operations.iter().any(|one| one.text() == Some("DELETE")), deletions);
                }
            }
            // What it means is said where it is so.
            let said = text(&files, "webhook/manifests/90-validating.yaml").contains("pods/eviction");
            assert_eq!(said, deletions);
            // What goes away is not changed before.
            assert!(!text(&files, "webhook/manifests/80-mutating.yaml").contains("DELETE"));
        }
    }

    #[test]
    fn a_second_run_keeps_the_certificates() {
        let options = Options::default();
        let first = all(&options);
        let leaf = |name: &str| Leaf {
            certificate: text(&first, &format!("pki/{name}.crt")).to_owned(),
            key: text(&first, &format!("pki/{name}.key")).to_owned(),
        };
        let existing = Existing {
            authority: Some(text(&first, "pki/ca.crt").to_owned()),
            authority_key: Some(text(&first, "pki/ca.key").to_owned()),
            server: Some(leaf("server")),
            client: Some(leaf("client")),
        };
        assert!(plan(&options, &existing, false, now()).unwrap() == first);
        // Forced, the leaves are new and the authority is not.
        let forced = plan(&options, &existing, true, now()).unwrap();
        assert_eq!(text(&forced, "pki/ca.crt"), text(&first, "pki/ca.crt"));
        assert_ne!(text(&forced, "pki/server.crt"), text(&first, "pki/server.crt"));
        // Without the authority's key the rest still does, and a new leaf is not to be had.
        let keyless = Existing { authority_key: None, ..existing.clone() };
        assert!(plan(&options, &keyless, false, now()).is_ok());
        assert!(matches!(plan(&options, &keyless, true, now()), Err(PlanError::NoKey)));
        // A certificate that does not speak for the new name is not kept silently.
        let elsewhere = Options { namespace: "gate".parse().unwrap(), ..Options::default() };
        assert!(matches!(plan(&elsewhere, &existing, false, now()), Err(PlanError::MissingName(_))));
        assert!(matches!(
            plan(&options, &Existing { authority: None, ..existing }, false, now()),
            Err(PlanError::KeyAlone)
        ));
    }

    #[test]
    fn roads_write_only_their_own_folders() {
        for (road, folders) in [
            (crate::Road::ImagePolicy, vec!["image-policy"]),
            (crate::Road::Webhook, vec!["helm", "webhook"]),
            (crate::Road::Static, vec!["static"]),
        ] {
            let files = all(&Options { road, ..Options::default() });
            let mut found: Vec<&str> =
                files.iter().filter_map(|f| f.path.split_once('/')).map(|(first, _)| first).collect();
            found.sort_unstable();
            found.dedup();
            found.retain(|folder| *folder != "pki");
            assert_eq!(found, folders);
        }
    }

    #[test]
    fn a_policy_of_the_administrators_own_stands_in_the_objects() {
        let own = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\n\n\nmetadata: {name: own}\n";
        let files = all(&Options { policy: Some(own.to_owned()), ..Options::default() });
        let map = docs(&files, "webhook/manifests/30-policy.yaml");
        assert_eq!(at(&map[0], "data").get("loadline.yaml").unwrap().text(), Some(own));
        assert_eq!(text(&files, "static/loadline.yaml"), own);
    }
}
