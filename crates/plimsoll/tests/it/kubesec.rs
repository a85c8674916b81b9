//! The kubesec personality: command line, exit codes, reports and the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Run, run};

fn kubesec(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    run(command.arg("kubesec").args(args).current_dir(folder).env_clear())
}

/// The first report of a manifest, and the exit status.
fn scan(text: &str) -> (Value, i32) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.yaml"), text).unwrap();
    let run = kubesec(folder.path(), &["scan", "m.yaml"]);
    let reports: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}{}", run.out, run.err));
    (reports[0].clone(), run.status)
}

fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{{spec}}}\n")
}

fn ids(report: &Value, list: &str) -> Vec<String> {
    let entries = report["scoring"][list].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_report_has_kubesecs_form_and_order() {
    let (report, status) = scan(&pod(
        "hostNetwork: true, serviceAccountName: s, containers: [{name: a, securityContext: {privileged: true, readOnlyRootFilesystem: true}}]",
    ));
    assert_eq!(status, 2);
    assert_eq!(report["object"], "Pod/p.default");
    assert_eq!((&report["valid"], &report["fileName"]), (&Value::Bool(true), &Value::from("m.yaml")));
    assert_eq!(report["score"], -35);
    assert_eq!(report["message"], "Failed with a score of -35 points");
    assert_eq!(ids(&report, "critical"), ["Privileged", "HostNetwork"]);
    assert_eq!(ids(&report, "passed"), ["ServiceAccountName", "ReadOnlyRootFilesystem"]);
    let advise = ids(&report, "advise");
    assert_eq!(
        (advise.len(), advise[0].as_str(), advise[1].as_str()),
        (13, "ApparmorAny", "AutomountServiceAccountToken")
    );
    let keys: Vec<&String> = report["scoring"]["passed"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
}

#[test]
fn quirks_are_kubesecs() {
    // One container that is good is good for all, and a key without a value is a limit.
    let (report, status) = scan(&pod(
        "containers: [{name: a}, {name: b, securityContext: {runAsUser: 20000}, resources: {limits: {cpu: null}}}]",
    ));
    assert_eq!((&report["score"], status), (&Value::from(2), 0));
    assert_eq!(ids(&report, "passed"), ["RunAsUser", "LimitsCPU"]);
    // Letters within others.
    let (report, _) = scan(&pod("containers: [], volumes: [{name: v, hostPath: {path: /data/processed}}]"));
    assert_eq!((ids(&report, "critical"), &report["score"]), (vec!["ProcMount".into()], &Value::from(-9)));
    let (report, _) = scan(&pod(
        "containers: [{name: a, securityContext: {capabilities: {drop: [SYS_ALLOC], add: [CAP_SYS_ADMIN]}}}]",
    ));
    assert_eq!(ids(&report, "critical"), ["CapSysAdmin"]);
    assert_eq!(ids(&report, "passed"), ["CapDropAny", "CapDropAll"]);
    // The pod says yes for containers that say nothing, and not for one that says no.
    let (report, _) = scan(&pod(
        "securityContext: {runAsNonRoot: true, seccompProfile: {type: Unconfined}}, containers: [{name: a, securityContext: {runAsNonRoot: false}}]",
    ));
    assert_eq!((ids(&report, "passed"), ids(&report, "critical")), (vec![], vec!["SeccompUnconfined".to_owned()]));
    // A CronJob's pod is not found.
    let (report, status) = scan(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec:\n  schedule: '* * * * *'\n  jobTemplate: {spec: {template: {spec: {containers: [{name: a, env: [{name: E, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}}}}\n",
    );
    assert_eq!((&report["score"], status), (&Value::from(0), 2), "{report}");
    let (report, _) = scan("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\n");
    assert_eq!(report["object"], "ConfigMap/c.ns");
    assert_eq!(report["message"], "This resource kind is not supported by kubesec");
    assert_eq!(report["scoring"], serde_json::json!({}));
    let (report, _) = scan(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}\nsubjects: [{kind: User, name: 'system:anonymous'}]\n",
    );
    assert_eq!(ids(&report, "critical"), ["BindingsToSystemAnonymous"]);
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:\n  serviceName: s\n  selector: {}\n  template: {spec: {containers: []}}\n";
    assert_eq!(scan(set).0["score"], 2);
    let claims = format!("{set}  volumeClaimTemplates: [{{spec: {{accessModes: [ReadWriteOnce, ReadOnlyMany]}}}}]\n");
    assert_eq!(scan(&claims).0["score"], 0);
}

#[test]
fn what_is_broken_is_not_scored() {
    for (text, object, words) in [
        ("{}", "Unknown", "missing 'kind' key"),
        ("kind: Pod", "Pod/undefined.default", "missing 'apiVersion' key"),
        ("[1]", "Unknown", "expected object, but got array"),
        (
            pod("hostNetwork: \"true\", containers: []").as_str(),
            "Pod/p.default",
            "'/spec/hostNetwork': expected boolean",
        ),
        (pod("containers: {a: {}}").as_str(), "Pod/p.default", "'/spec/containers': expected array, but got object"),
        (pod("containers: [{name: a, resourcess: {}}]").as_str(), "Pod/p.default", "resourcess"),
    ] {
        let (report, status) = scan(text);
        assert_eq!((&report["valid"], &report["score"], status), (&Value::Bool(false), &Value::from(0), 2), "{text}");
        assert_eq!(report["object"], object, "{text}");
        assert!(report["message"].as_str().unwrap().contains(words), "{text}: {}", report["message"]);
        assert_eq!(report["scoring"], serde_json::json!({}));
    }
}

#[test]
fn exit_codes_and_files_are_kubesecs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let good = pod("serviceAccountName: s, containers: [{name: a}]");
    write("good.yaml", &good);
    write("both.yaml", &format!("{good}--- # second\n{}", pod("containers: [{name: a}]")));
    write("empty", "");
    write("broken.yaml", "a: [\n");
    write("latin", "caf\u{e9}");
    std::fs::write(folder.path().join("latin"), b"kind: \xe9").unwrap();
    let status = |args: &[&str]| kubesec(folder.path(), args).status;
    for (args, wanted) in [
        (&["scan", "good.yaml"][..], 0),
        (&["scan", "both.yaml"], 2),
        (&["scan", "both.yaml", "--exit-code", "0"], 0),
        (&["scan", "--exit-code=9", "both.yaml"], 9),
        (&["scan", "--debug", "--kubernetes-version", "1.30", "--schema-location", "x", "good.yaml"], 0),
        (&["scan", "empty"], 1),
        (&["scan", "broken.yaml"], 1),
        (&["scan", "latin"], 1),
        (&["scan", "absent.yaml"], 1),
        (&["scan", "."], 1),
        (&["scan"], 1),
        (&["scan", "good.yaml", "both.yaml"], 1),
        (&["scan", "--no-such-flag", "good.yaml"], 1),
        (&["scan", "-f", "template", "-t", "x", "good.yaml"], 1),
        (&["scan", "-f", "xml", "good.yaml"], 1),
        (&["scan", "-o", "no/such/folder", "good.yaml"], 1),
        (&["http", "no-port"], 1),
        (&["version"], 0),
        (&["print-rules", "-f", "xml"], 1),
        (&["--help"], 0),
        (&[], 0),
        (&["no-such-command"], 1),
    ] {
        assert_eq!(status(args), wanted, "{args:?}");
    }
    assert!(kubesec(folder.path(), &["scan", "absent.yaml"]).out.contains("no such file or directory"));
    assert_eq!(kubesec(folder.path(), &["scan", "empty"]).out, "Invalid input\n");
    let both: Value = serde_json::from_str(&kubesec(folder.path(), &["scan", "both.yaml"]).out).unwrap();
    assert_eq!(both.as_array().map(Vec::len), Some(2));
    let absolute = kubesec(folder.path(), &["scan", "--absolute-path", "-o", "report.json", "good.yaml"]);
    let report: Value = serde_json::from_str(&absolute.out).unwrap();
    assert!(report[0]["fileName"].as_str().unwrap().starts_with('/'), "{}", absolute.out);
    assert_eq!(std::fs::read_to_string(folder.path().join("report.json")).unwrap() + "\n", absolute.out);
}

#[test]
fn rules_are_printed_in_three_forms() {
    let folder = tempfile::tempdir().unwrap();
    let print = |format: &str| kubesec(folder.path(), &["print-rules", "-f", format]).out;
    let rules: Value = serde_json::from_str(&print("json")).unwrap();
    let rules = rules.as_array().unwrap();
    assert_eq!((rules.len(), &rules[0]["id"]), (30, &Value::from("AllowPrivilegeEscalation")));
    assert!(rules.iter().all(|rule| rule["points"] != 0 && rule["reason"] != "" && rule["kinds"][0] != Value::Null));
    assert!(print("yaml").starts_with("- id: AllowPrivilegeEscalation\n"));
    assert_eq!(print("table").lines().count(), 31);
}

#[test]
fn standard_input_and_a_link_are_kubesecs_too() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("kubesec");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plimsoll"), &link).unwrap();
    for name in ["-", "/dev/stdin"] {
        let mut child = Command::new(&link)
            .args(["scan", name])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(pod("serviceAccountName: s, containers: [{name: a}]").as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &reports[0]["fileName"]), (Some(0), &Value::from("STDIN")));
    }
}

/// A running server; it ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve() -> Server {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["kubesec", "http", "127.0.0.1:0"])
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["msg"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    Server { child, address }
}

/// The status and the body that one request gets.
fn ask(server: &Server, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: k\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body need not read it.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_server_scores_what_is_posted() {
    let server = serve();
    let bad = pod("containers: [{name: a, securityContext: {privileged: true}}]");
    for (path, body) in [("/", bad.clone()), ("/scan", bad.clone()), ("/scan", format!("file={bad}")), ("/else", bad)] {
        let (status, answer) = ask(&server, "POST", path, body.as_bytes());
        let reports: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (status, &reports[0]["score"], &reports[0]["fileName"]),
            (200, &Value::from(-30), &Value::from("API"))
        );
        assert!(answer.ends_with("]\n"));
    }
    let json = br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"serviceAccountName":"s","containers":[{"name":"a"}]}}"#;
    let (status, answer) = ask(&server, "POST", "/scan", json);
    assert_eq!((status, answer.contains("\"score\": 3")), (200, true), "{answer}");
    assert_eq!(ask(&server, "GET", "/healthz", b""), (200, "OK\n".into()));
    assert_eq!(ask(&server, "GET", "/", b"").0, 303);
    let (status, answer) = ask(&server, "POST", "/", b"fi");
    assert_eq!((status, answer.contains("\"valid\": false")), (200, true), "{answer}");
    for body in [&b""[..], b"file=", b"a: [", b"\xff\xfe"] {
        assert_eq!(ask(&server, "POST", "/", body).0, 400, "{body:?}");
    }
    assert_eq!(ask(&server, "POST", "/?in-toto=true", json).0, 500);
    assert_eq!(ask(&server, "POST", "/", &vec![b' '; (8 << 20) + 1]).0, 413);
    let (status, page) = ask(&server, "GET", "/metrics", b"");
    assert_eq!(status, 200);
    assert!(page.contains("plimsoll_kubesec_scored_requests_total 6\n"), "{page}");
    assert!(page.contains("plimsoll_kubesec_refused_requests_total 6\n"), "{page}");
}

#[test]
fn the_server_stops_when_it_is_told_to() {
    let mut server = serve();
    let told = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

/// The public examples, where somebody has them: the name says the sign of the score.
#[test]
fn public_examples_score_as_their_names_say() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("PLIMSOLL_SHARED").map_or(beside, Into::into);
    let folder = shared.join("conformance/kubesec");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        // Past the capture of the test's output: nobody should take this for a check.
        let _ = writeln!(std::io::stderr(), "skipped: there are no examples of kubesec");
        return;
    };
    let mut seen = 0;
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(wanted) = name.strip_prefix("score-").and_then(|rest| rest.split('-').next()) else { continue };
        let reports: Value = serde_json::from_str(&kubesec(&folder, &["scan", &name]).out).unwrap();
        let score = reports[0]["score"].as_i64().unwrap();
        assert!(if wanted == "0" { score <= 0 } else { score >= 0 }, "{name}: {score}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} examples");
}
