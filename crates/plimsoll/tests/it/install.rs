//! `install`: what it writes is there, private, kept, renewed and without a fault; what others wrote is looked through.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::plimsoll;

struct Gate {
    _folder: tempfile::TempDir,
    out: PathBuf,
}

impl Gate {
    fn new(more: &[&str]) -> Gate {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("gate");
        let gate = Gate { _folder: folder, out };
        let run = gate.run(more);
        assert_eq!(run.status, 0, "{}", run.err);
        gate
    }

    fn run(&self, more: &[&str]) -> crate::Run {
        plimsoll(&[&["install", "--out", self.out.to_str().unwrap()], more].concat())
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.out.join(path)).unwrap()
    }

    fn check(&self) -> crate::Run {
        plimsoll(&["install", "--check", self.out.to_str().unwrap()])
    }
}

fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn keys_are_private_and_a_second_run_changes_nothing() {
    let gate = Gate::new(&[]);
    for path in files(&gate.out) {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        let text = std::fs::read_to_string(&path).unwrap();
        let private = text.contains("PRIVATE KEY-----") || text.contains("tls.key: LS0");
        assert_eq!(mode & 0o077 == 0, private, "{} is {mode:o}", path.display());
    }
    std::fs::write(gate.out.join("image-policy/loadline.yaml"), "# mine\n").unwrap();
    let before: Vec<(PathBuf, String)> =
        files(&gate.out).into_iter().map(|p| (p.clone(), std::fs::read_to_string(p).unwrap())).collect();
    let run = gate.run(&[]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.contains("kept   ") && run.out.contains("loadline.yaml"), "{}", run.out);
    for (path, text) in before {
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{}", path.display());
    }
    // Forced: new files and certificates, the same authority.
    let authority = gate.text("pki/ca.crt");
    let server = gate.text("pki/server.crt");
    assert_eq!(gate.run(&["--force"]).status, 0);
    assert_eq!(gate.text("pki/ca.crt"), authority);
    assert_ne!(gate.text("pki/server.crt"), server);
    assert_ne!(gate.text("image-policy/loadline.yaml"), "# mine\n");
}

#[test]
fn written_files_pass_their_own_check_and_the_policy_its_own() {
    let gate = Gate::new(&["--database", "registry.example.com/db:1", "--pull-secrets"]);
    let run = gate.check();
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert!(run.out.starts_with("0 errors, 0 warnings in "), "{}", run.out);
    let policy = gate.out.join("static/loadline.yaml");
    assert_eq!(plimsoll(&["policy", "check", policy.to_str().unwrap()]).status, 0);
}

#[test]
fn check_has_three_outcomes() {
    let gate = Gate::new(&["--road", "image-policy"]);
    let admission = gate.out.join("image-policy/admission.yaml");
    let open = gate.text("image-policy/admission.yaml").replace("defaultAllow: false", "defaultAllow: true");
    std::fs::write(&admission, open).unwrap();
    let run = gate.check();
    assert_eq!(run.status, 1, "{}", run.out);
    assert!(run.out.contains("[default-allow]\n  --> ") && run.out.contains("admission.yaml:12:"), "{}", run.out);
    assert!(run.out.contains("why: ") && run.out.contains("fix: defaultAllow: false"), "{}", run.out);

    assert_eq!(plimsoll(&["install", "--check", "no-such-folder"]).status, 2);
    let empty = tempfile::tempdir().unwrap();
    let run = plimsoll(&["install", "--check", empty.path().to_str().unwrap()]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("anything to check"), "{}", run.err);
    // An error is an error, whatever else could not be read.
    let run = plimsoll(&["install", "--check", admission.to_str().unwrap(), "no-such-folder"]);
    assert_eq!(run.status, 1);
}

#[test]
fn a_check_without_errors_is_no_success_when_a_file_could_not_be_read() {
    let gate = Gate::new(&["--road", "image-policy"]);
    std::fs::write(gate.out.join("large.yaml"), vec![b' '; 5 * 1024 * 1024]).unwrap();
    let run = gate.check();
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.err.contains("large.yaml"), "{}", run.err);
}

#[test]
fn rotation_renews_the_files_and_leaves_them_without_a_fault() {
    let gate = Gate::new(&["--authority-days", "500", "--days", "300"]);
    let (authority, server) = (gate.text("pki/ca.crt"), gate.text("pki/server.crt"));
    // The authority ends within two lives of a certificate: its successor is spread first, and signs in the next run.
    let folder = gate.out.to_str().unwrap().to_owned();
    let run = plimsoll(&["install", "--days", "300", "--rotate", &folder]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.contains("run --rotate once more"), "{}", run.out);
    assert!(gate.text("pki/ca.crt").starts_with(&authority));
    assert_ne!(gate.text("pki/server.crt"), server);
    assert_eq!(gate.text("image-policy/pki/server.crt"), gate.text("pki/server.crt"));
    assert_eq!(gate.check().status, 0, "{}", gate.check().out);
    let run = plimsoll(&["install", "--days", "300", "--rotate", &folder]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(!gate.out.join("pki/ca-next.key").exists());
    assert_eq!(gate.check().status, 0, "{}", gate.check().out);
    // And install takes the new authority for its own.
    assert_eq!(gate.run(&[]).status, 0);
    for path in files(&gate.out.join("pki")).iter().filter(|p| p.extension().is_some_and(|e| e == "key")) {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn rotation_leaves_permissions_that_somebody_chose_and_no_half_written_file() {
    let gate = Gate::new(&["--road", "webhook"]);
    let at = |name: &str| gate.out.join(name);
    let key = gate.text("pki/client.key");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &key);
    // Keys in other forms than ours, and a file that is nobody's business.
    std::fs::write(at("mine.kubeconfig"), format!("client-key-data: {encoded}\n")).unwrap();
    std::fs::write(at("trust.sh"), format!("#!/bin/sh\ncat <<END\n{}END\n", gate.text("pki/ca.crt"))).unwrap();
    let set = |name: &str, mode| std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    let mode = |name: &str| at(name).metadata().unwrap().permissions().mode() & 0o777;
    set("mine.kubeconfig", 0o640);
    set("trust.sh", 0o750);
    let run = plimsoll(&["install", "--rotate", gate.out.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(!gate.text("mine.kubeconfig").contains(&encoded), "the old key is still there");
    assert_eq!((mode("mine.kubeconfig"), mode("trust.sh")), (0o600, 0o750));
    let large = format!("{}\n# {}", gate.text("pki/ca.crt"), "x".repeat(5 << 20));
    std::fs::write(at("dump.yaml"), &large).unwrap();
    let run = plimsoll(&["install", "--rotate", gate.out.to_str().unwrap()]);
    assert_eq!(run.status, 2, "{}", run.out);
    assert!(run.err.contains("dump.yaml") && run.err.contains("larger"), "{}", run.err);
    assert_eq!(gate.text("dump.yaml").len(), large.len());
}

#[test]
fn a_check_does_not_wait_for_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("ca.crt");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
         clusters: [{{name: a, cluster: {{server: \"https://127.0.0.1:1323\", certificate-authority: {}}}}}]\n\
         users: [{{name: a, user: {{}}}}]\n",
        pipe.display()
    );
    std::fs::write(folder.path().join("kubeconfig"), config).unwrap();
    let run = plimsoll(&["install", "--check", folder.path().join("kubeconfig").to_str().unwrap()]);
    assert!(run.err.contains("it is no file"), "{}\n{}", run.out, run.err);
}

#[test]
fn remove_prints_what_calls_the_gate_before_the_gate() {
    let run = plimsoll(&["install", "--remove", "--namespace", "gate"]);
    assert_eq!(run.status, 0, "{}", run.err);
    let place = |words: &str| run.out.find(words).unwrap_or_else(|| panic!("{words} in {}", run.out));
    assert!(place("delete validatingwebhookconfiguration") < place("-n gate delete deployment"));
    assert!(place("admission-control-config-file") < place("delete validatingwebhookconfiguration"));
    assert!(!run.out.contains("ca.key"));
}

#[test]
fn words_that_would_leave_their_place_are_wrong_usage() {
    for (flag, word) in [
        ("--namespace", "x\n- evil"),
        ("--name", "x: y"),
        ("--image", "x\n        - --evil"),
        ("--config-dir", "/etc/../x"),
        ("--config-dir", "/etc"),
        ("--config-dir", "/etc/kubernetes/"),
        ("--san", "a b"),
        ("--database", "{{ x }}"),
        ("--port", "80"),
        ("--days", "0"),
    ] {
        let run = plimsoll(&["install", "--out", "/nonexistent/x", flag, word]);
        assert_eq!(run.status, 64, "{flag} {word:?}: {}", run.err);
    }
}

#[test]
fn a_policy_with_a_fault_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("p.yaml");
    std::fs::write(&policy, "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\nimagez: []\n")
        .unwrap();
    let out = folder.path().join("gate");
    let run = plimsoll(&["install", "--out", out.to_str().unwrap(), "--policy", policy.to_str().unwrap()]);
    assert_eq!(run.status, 2, "{}", run.out);
    assert!(run.err.contains("p.yaml:4"), "{}", run.err);
    assert!(!out.exists());
}

#[test]
fn every_kind_of_fault_stands_in_the_guide() {
    let guide = std::fs::read_to_string(crate::project().join("docs/cluster.md")).unwrap();
    let missing: Vec<&str> =
        plimsoll_install::KINDS.iter().map(|kind| kind.id).filter(|id| !guide.contains(&format!("`{id}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn rights_and_deletions_are_what_the_policies_want() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("loadline.yaml");
    let set = |operations: &str| {
        let text = format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: a}}\nspec:\n  \
             paramKind: {{apiVersion: toys.example.com/v1, kind: Policy}}\n  \
             matchConstraints: {{resourceRules: [{{apiGroups: ['*'], apiVersions: ['*'], operations: [{operations}], resources: ['*']}}]}}\n  \
             validations: [{{expression: params.a == 1}}]\n---\napiVersion: admissionregistration.k8s.io/v1\n\
             kind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: b}}\nspec: {{policyName: a, validationActions: [Deny], \
             paramRef: {{name: c, parameterNotFoundAction: Deny}}}}\n"
        );
        std::fs::write(dir.path().join("vap.yaml"), text).unwrap();
    };
    let text = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: a}\npolicies: [{cel: vap.yaml}]\nimages: [{name: all, match: ['**']}]\n";
    std::fs::write(&policy, text).unwrap();
    let written = |more: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let args = ["install", "--policy", policy.to_str().unwrap(), "--out", out.path().to_str().unwrap()];
        let run = plimsoll(&[&args, more].concat());
        let read =
            |name: &str| std::fs::read_to_string(out.path().join("webhook/manifests").join(name)).unwrap_or_default();
        (run.status, run.err, read("10-account.yaml"), read("90-validating.yaml"))
    };
    set("CREATE");
    let (status, err, account, webhook) = written(&[]);
    assert_eq!(status, 0, "{err}");
    assert!(!account.contains("ClusterRole") && !webhook.contains("DELETE"), "{account}{webhook}");
    let (.., webhook) = written(&["--deletions"]);
    assert!(webhook.contains("operations: [CREATE, UPDATE, DELETE]"), "{webhook}");
    set("CREATE, DELETE");
    let (status, err, account, webhook) = written(&["--follow-cluster"]);
    assert_eq!(status, 0, "{err}");
    assert!(
        account.contains("apiGroups: [\"toys.example.com\"]\n    resources: [\"policies\"]\n    verbs: [list, watch]"),
        "{account}"
    );
    assert!(
        account.contains("resources: [\"namespaces\"]") && webhook.contains("operations: [CREATE, UPDATE, DELETE]"),
        "{account}"
    );
    // What cannot be read here may be where the server runs; the rights to it cannot be told.
    std::fs::remove_file(dir.path().join("vap.yaml")).unwrap();
    let (status, err, _, webhook) = written(&[]);
    assert!(status == 0 && err.contains("--deletions") && !webhook.contains("DELETE"), "{err}");
    let (status, err, ..) = written(&["--follow-cluster"]);
    assert!(status == 2 && err.contains("their files must be"), "{status} {err}");
}
