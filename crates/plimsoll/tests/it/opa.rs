//! OPA's personality: command lines, formats, exit codes, and what an attacker's files do to it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::{Run, project, run};

fn opa(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    run(command.arg("opa").args(args).current_dir(folder).env_clear().stdin(Stdio::null()))
}

/// The files of the peer's comparison.
fn files() -> std::path::PathBuf {
    project().join("e2e/opa/cli")
}

/// A folder with one policy.
fn policy(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.rego"), text).unwrap();
    folder
}

#[test]
fn fmt_replaces_a_policy_and_keeps_its_links_and_permissions() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = policy("package   p\n\nx   := 1\n");
    let target = folder.path().join("p.rego");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("p.rego", folder.path().join("link.rego")).unwrap();
    let before = std::fs::metadata(&target).unwrap();
    assert_eq!(opa(folder.path(), &["fmt", "-w", "link.rego"]).status, 0);
    assert!(folder.path().join("link.rego").is_symlink());
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "package p\n\nx := 1\n");
    let after = std::fs::metadata(&target).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_ne!(after.ino(), before.ino(), "written in place: who reads meanwhile sees half of it");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");

    // Both names of one file show the new text.
    std::fs::write(&target, "package   p\n").unwrap();
    std::fs::hard_link(&target, folder.path().join("other.rego")).unwrap();
    assert_eq!(opa(folder.path(), &["fmt", "-w", "p.rego"]).status, 0);
    assert_eq!(std::fs::read_to_string(folder.path().join("other.rego")).unwrap(), "package p\n");
}

#[test]
fn eval_prints_opas_formats() {
    let given = |format: &str| {
        opa(&files(), &["eval", "-d", "authz", "-d", "data", "-i", "input.json", "-f", format, "data.authz.deny[x]"])
    };
    assert_eq!(
        given("bindings").out,
        "{\n  \"x\": \"ann may not read /\\u003cx\\u003e\\u0026\"\n}\n{\n  \"x\": \"ann may not read /secret/b\"\n}\n"
    );
    assert_eq!(given("raw").out, "ann may not read /<x>&\nann may not read /secret/b\n");
    let json: Value = serde_json::from_str(&given("json").out).unwrap();
    assert_eq!(json["result"][1]["bindings"]["x"], "ann may not read /secret/b");
    assert_eq!(json["result"][0]["expressions"][0]["text"], "data.authz.deny[x]");
    assert!(given("pretty").out.contains("│ \"ann may not read /secret/b\"  "), "{}", given("pretty").out);
}

#[test]
fn exit_codes_are_opas() {
    let folder = policy("package p\n\nyes := true\n\nno if false\n");
    for (args, status) in [
        (&["eval", "-d", "p.rego", "data.p.yes"][..], 0),
        (&["eval", "-d", "p.rego", "data.p.no"], 0),
        (&["eval", "--fail", "-d", "p.rego", "data.p.no"], 1),
        (&["eval", "--fail-defined", "-d", "p.rego", "data.p.yes"], 1),
        (&["eval", "--fail-defined=false", "-d", "p.rego", "data.p.yes"], 0),
        (&["eval", "-d", "missing.rego", "true"], 2),
        (&["eval", "p("], 2),
        (&["check", "p.rego"], 0),
        (&["check", "missing.rego"], 1),
        (&["fmt", "--fail", "p.rego"], 0),
        (&["eval", "--partial", "true"], 1),
        (&["nonsense"], 1),
        (&["version"], 0),
    ] {
        let run = opa(folder.path(), args);
        assert_eq!(run.status, status, "{args:?}: {}{}", run.out, run.err);
    }
}

#[test]
fn what_is_not_spoken_is_refused_by_name() {
    let folder = policy("package p\n");
    for (args, word) in [
        (&["eval", "--partial", "true"][..], "partial evaluation"),
        (&["eval", "-f", "source", "true"], "partial evaluation"),
        (&["eval", "-t", "wasm", "true"], "WebAssembly"),
        (&["test", "--watch", "."], "--watch"),
        (&["bench", "--e2e", "true"], "--e2e"),
    ] {
        let run = opa(folder.path(), args);
        assert!(run.status != 0 && run.err.contains(word), "{args:?}: {}", run.err);
    }
}

#[test]
fn a_refused_policy_shows_its_line_and_a_way_out() {
    let folder = policy("package p\n\ndeny contains m if {\n\tnot startswith(\"a\", input.list[_])\n\tm := \"x\"\n}\n");
    let run = opa(folder.path(), &["check", "p.rego"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("p.rego:4: rego_unsafe_var_error: var _ is unsafe"), "{}", run.err);
    assert!(run.err.contains("\tnot startswith(\"a\", input.list[_])") && run.err.contains("hint: "), "{}", run.err);
}

#[test]
fn tests_are_run_with_their_cases() {
    let run = opa(&files(), &["test", "-v", "authz", "data"]);
    assert_eq!(run.status, 2);
    for line in [
        "data.authz_test.test_twice#01: PASS",
        "  wrong: FAIL",
        "data.authz_test.todo_test_later: SKIPPED",
        "PASS: 7/12",
        "  user is ann",
        "eval_conflict_error",
    ] {
        assert!(run.out.contains(line), "{line}: {}", run.out);
    }
    let one = opa(&files(), &["test", "-r", "test_root", "authz", "data"]);
    assert_eq!((one.status, one.out.as_str()), (0, "PASS: 1/1\n"));
    let few = opa(&files(), &["test", "-r", "test_root", "--threshold", "99", "authz", "data"]);
    assert_eq!(few.status, 2);
    assert!(few.err.contains("Code coverage threshold not met"), "{}", few.err);
}

#[test]
fn a_policy_that_runs_on_ends_at_its_time() {
    let run = opa(
        Path::new("."),
        &[
            "eval",
            "--timeout",
            "200ms",
            "-f",
            "pretty",
            "[1 | numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]] == []",
        ],
    );
    assert_eq!(run.status, 2);
    assert!(run.err.contains("eval_cancel_error") || run.err.contains("eval_budget_error"), "{}", run.err);
}

#[test]
fn nothing_reaches_out_and_a_failure_to_ask_is_no_answer() {
    let folder = policy(
        "package p\n\nallow if not http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1:1\"}).body.bad\n",
    );
    let run = opa(folder.path(), &["eval", "-d", "p.rego", "-f", "pretty", "data.p.allow"]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.err.contains("http.send"), "{}", run.err);
}

#[test]
fn data_of_two_files_must_not_contradict() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), r#"{"x": {"y": 1}}"#).unwrap();
    std::fs::write(folder.path().join("b.yaml"), "x: {y: 2}\n").unwrap();
    let run = opa(folder.path(), &["eval", "-d", "a.json", "-d", "b.yaml", "-f", "pretty", "data"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("b.yaml: merge error: conflicting values at data.x.y"), "{}", run.err);
}

/// A `.tar.gz` of these files.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, text) in files {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    // Stored blocks: nothing of a compressor is needed.
    let mut gz = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for (at, block) in tar.chunks(0xffff).enumerate() {
        let last = (at + 1) * 0xffff >= tar.len();
        let length = u16::try_from(block.len()).unwrap();
        gz.push(u8::from(last));
        gz.extend_from_slice(&length.to_le_bytes());
        gz.extend_from_slice(&(!length).to_le_bytes());
        gz.extend_from_slice(block);
    }
    let crc = tar.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    gz.extend_from_slice(&(!crc).to_le_bytes());
    gz.extend_from_slice(&u32::try_from(tar.len()).unwrap().to_le_bytes());
    gz
}

#[test]
fn bundles_are_held_to_their_roots_and_names() {
    let folder = tempfile::tempdir().unwrap();
    for (files, word) in [
        (&[("a/data.json", "{\"x\": 1}"), ("a/p.rego", "package a.p\n\ny := data.a.x")][..], ""),
        (&[(".manifest", "{\"roots\": [\"b\"]}"), ("a/data.json", "{\"x\": 1}")], "do not permit data at path"),
        (&[(".manifest", "{\"roots\": [\"b\"]}"), ("p.rego", "package a")], "do not permit 'package a'"),
        (&[(".manifest", "{\"roots\": [\"a\", \"a/b\"]}")], "overlapped roots"),
        (&[("../p.rego", "package a")], "leaves the bundle"),
        (&[("p.rego", "package a"), ("./p.rego", "package b")], "twice"),
        (&[("patch.json", "{}")], "delta bundles"),
        (
            &[(".manifest", "{\"wasm\": [{\"entrypoint\": \"a/p\", \"module\": \"/policy.wasm\"}]}")],
            "WebAssembly is not run",
        ),
        (&[("data.json", "[]")], "root value must be object"),
    ] {
        std::fs::write(folder.path().join("b.tar.gz"), archive(files)).unwrap();
        let run = opa(folder.path(), &["eval", "-b", "b.tar.gz", "-f", "raw", "data.a.p.y"]);
        match word {
            "" => assert_eq!((run.status, run.out.as_str()), (0, "1\n"), "{}", run.err),
            word => assert!(run.status == 2 && run.err.contains(word), "{word}: {}{}", run.out, run.err),
        }
    }
    std::fs::write(folder.path().join("b.tar.gz"), b"no archive").unwrap();
    assert_eq!(opa(folder.path(), &["eval", "-b", "b.tar.gz", "true"]).status, 2);
}

#[test]
fn a_folder_that_is_its_own_child_ends() {
    let folder = policy("package p\n");
    std::os::unix::fs::symlink(".", folder.path().join("again")).unwrap();
    let run = opa(folder.path(), &["eval", "-d", ".", "-f", "pretty", "true"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("a link leads back to a folder that it lies in"), "{}", run.err);
}

#[test]
fn a_policy_that_breaks_off_is_an_error_with_its_place() {
    let folder = policy("package p\nx := \n");
    for (args, status) in
        [(&["parse", "p.rego"][..], 1), (&["check", "p.rego"], 1), (&["eval", "-d", "p.rego", "1"], 2)]
    {
        let run = opa(folder.path(), args);
        assert_eq!(run.status, status, "{args:?} {}{}", run.out, run.err);
        assert!(format!("{}{}", run.out, run.err).contains("rego_parse_error"), "{args:?} {}{}", run.out, run.err);
    }
}

#[test]
fn what_was_printed_before_an_error_is_shown_and_steers_no_terminal() {
    let text = "package p\n\nf(x) := 1 if x\n\nf(x) := 2 if x\n\ntest_a if {\n\tprint(\"before\\u001b[31m\")\n\tf(true) == 1\n}\n\ntest_b[n] if some n in [\"\\u001b[2Jcase\"]\n";
    let folder = policy(text);
    let tested = opa(folder.path(), &["test", "-v", "p.rego"]);
    assert!(tested.status == 2 && tested.out.contains("before"), "{}{}", tested.out, tested.err);
    assert!(tested.out.contains("case: PASS") && !tested.out.contains('\u{1b}'), "{:?}", tested.out);
    let evaluated = opa(folder.path(), &["eval", "-d", "p.rego", "data.p.test_a"]);
    assert!(evaluated.status == 2 && evaluated.err.contains("before"), "{}{}", evaluated.out, evaluated.err);
    assert!(!evaluated.err.contains('\u{1b}'), "{:?}", evaluated.err);
}

#[test]
fn skipped_tests_are_no_success_under_coverage_either() {
    let folder = policy("package p\n\ntodo_test_a if false\n\ntest_b if true\n");
    for (args, status) in
        [(&["test", "p.rego"][..], 2), (&["test", "-c", "p.rego"], 2), (&["test", "-c", "-z", "p.rego"], 0)]
    {
        assert_eq!(opa(folder.path(), args).status, status, "{args:?}");
    }
}

#[test]
fn files_are_found_and_left_out_as_opa_does() {
    let folder = policy("package p\nx  =  1\n");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("links")).unwrap();
    std::os::unix::fs::symlink("../p.rego", at("links/l.rego")).unwrap();
    let formatted = opa(folder.path(), &["fmt", "-l", "--fail", "links"]);
    assert_eq!((formatted.status, formatted.out.as_str()), (2, "links/l.rego\n"));
    std::fs::create_dir(at("some")).unwrap();
    std::fs::write(at("some/q_a.rego"), "package q\n\na := 1\n").unwrap();
    std::fs::write(at("some/q_c.rego"), "package q\n\nc := 1\n").unwrap();
    let some = opa(folder.path(), &["eval", "-d", "some", "--ignore", "*_[ab].rego", "-f", "raw", "data.q"]);
    assert_eq!(some.out, "{\"c\":1}\n", "{}", some.err);
    // Two links to where they lie are 2⁴⁰ folders.
    for name in ["x", "y"] {
        std::os::unix::fs::symlink(".", at("some").join(name)).unwrap();
    }
    let looped = opa(folder.path(), &["eval", "-d", "some", "data.q"]);
    assert!(looped.status == 2 && looped.out.contains("a link leads back"), "{}{}", looped.out, looped.err);
    let apart = opa(folder.path(), &["eval", "-d", "some", "--ignore", "[xy]", "-f", "raw", "data.q"]);
    assert_eq!(apart.out, "{\"a\":1,\"c\":1}\n", "{}", apart.err);
}

#[test]
fn a_manifest_binds_whatever_its_full_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.manifest"), r#"{"roots": ["a"]}"#).unwrap();
    std::fs::write(folder.path().join("p.rego"), "package b\n\nx := 1\n").unwrap();
    let run = opa(folder.path(), &["eval", "-b", ".", "data"]);
    assert!(run.status == 2 && run.out.contains("do not permit 'package b'"), "{}{}", run.out, run.err);
}

#[test]
fn a_discarded_result_is_a_result() {
    let folder = policy("package p\n");
    let run = opa(folder.path(), &["eval", "-f", "discard", "--fail", "x := 1e400"]);
    assert_eq!((run.status, run.out.as_str()), (0, "{\n  \"result\": \"discarded\"\n}\n"), "{}", run.err);
}

#[test]
fn many_files_of_data_are_one_document() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    for at in 0..300 {
        std::fs::write(
            folder.path().join(format!("d/{at}.json")),
            format!(r#"{{"k{at}": {at}, "all": {{"{at}": 1}}}}"#),
        )
        .unwrap();
    }
    let count = opa(folder.path(), &["eval", "-d", "d", "-f", "raw", "[count(data), count(data.all)]"]);
    assert_eq!(count.out, "[301,300]\n", "{}", count.err);
    std::fs::write(folder.path().join("d/z.json"), r#"{"all": {"7": 2}}"#).unwrap();
    let conflict = opa(folder.path(), &["eval", "-d", "d", "data"]);
    let words = "d/z.json: merge error: conflicting values at data.all.7";
    assert!(conflict.status == 2 && conflict.out.contains(words), "{}{}", conflict.out, conflict.err);
}

#[test]
fn newcomers_are_told_the_way_out() {
    let old = policy("package p\n\ndeny[m] { m := input.x }\n");
    let run = opa(old.path(), &["check", "p.rego"]);
    assert!(run.err.contains("--v0-compatible"), "{}", run.err);
    let bare = policy("deny[m] { m := input.x }\n");
    let run = opa(bare.path(), &["eval", "-d", "p.rego", "-f", "pretty", "true"]);
    assert!(
        run.status == 2 && run.err.contains("package expected") && run.err.contains("`package main`"),
        "{}",
        run.err
    );
}

/// Answers each request by its path, until the test ends, and counts those that are not sent elsewhere.
fn web() -> (u16, Arc<AtomicUsize>) {
    let answered = Arc::new(AtomicUsize::new(0));
    let counted = answered.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = std::io::Read::read(&mut stream, &mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let answer = if request.starts_with("GET /away") {
                format!(
                    "HTTP/1.1 302 Found\r\nLocation: http://localhost:{port}/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
            } else if request.starts_with("GET /ftp") {
                "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    .to_owned()
            } else {
                counted.fetch_add(1, Ordering::Relaxed);
                let method = request.split(' ').next().unwrap_or_default();
                let body = format!("{{\"method\": \"{method}\"}}");
                let head = "Content-Type: application/json\r\nX-Team: a\r\nConnection: close";
                format!("HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            };
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
        }
    });
    (port, answered)
}

#[test]
fn http_send_asks_the_hosts_of_a_capabilities_file_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (port, _) = web();
    let mut capabilities: Value =
        serde_json::from_str(&opa(folder.path(), &["capabilities", "--current"]).out).unwrap();
    capabilities["allow_net"] = serde_json::json!(["127.0.0.1"]);
    std::fs::write(folder.path().join("net.json"), capabilities.to_string()).unwrap();
    capabilities.as_object_mut().unwrap().remove("allow_net");
    std::fs::write(folder.path().join("no-net.json"), capabilities.to_string()).unwrap();
    let ask = |capabilities: &[&str], host: &str, path: &str, more: &str| {
        let query = format!(
            r#"object.filter(http.send({{"method": "post", "url": "http://{host}:{port}/{path}", "body": {{"a": 1}}{more}}}), ["body", "status", "status_code"])"#
        );
        opa(folder.path(), &[&["eval", "-f", "raw"], capabilities, &["--strict-builtin-errors", &query]].concat())
    };
    let net = ["--capabilities", "net.json"];
    let asked = ask(&net, "127.0.0.1", "json", "");
    let without_net = ask(&["--capabilities", "no-net.json"], "127.0.0.1", "json", "");
    for (run, words) in [
        (&asked, r#"{"body":{"method":"POST"},"status":"200 OK","status_code":200}"#),
        (&ask(&[], "127.0.0.1", "json", ""), "eval_denied_error: http.send: reaching outside is off"),
        (&without_net, "eval_denied_error: http.send: reaching outside is off"),
        (&ask(&net, "localhost", "json", ""), "eval_denied_error: http.send: no capability allows host localhost"),
        (
            &ask(&net, "127.0.0.1", "json", r#", "tls_client_cert_file": "a.pem""#),
            r#"eval_denied_error: http.send: "tls_client_cert_file" is not supported here"#,
        ),
    ] {
        let told =
            format!("{}{}", run.out, run.err).replace(": ", ":").replace(", ", ",").replace('\n', "").replace("  ", "");
        assert!(told.contains(&words.replace(": ", ":").replace(", ", ",")), "{words}: {told}");
    }
    let query = format!(
        r#"x := http.send({{"method": "get", "url": "http://127.0.0.1:{port}/away", "enable_redirect": REDIRECT}}).status_code"#
    );
    let status = |redirect: &str| {
        let run = opa(
            folder.path(),
            &["eval", "--strict-builtin-errors", "--capabilities", "net.json", &query.replace("REDIRECT", redirect)],
        );
        format!("{}{}", run.out, run.err)
    };
    assert!(status("false").contains("302"), "{}", status("false"));
    assert!(status("true").contains("no capability allows host localhost"), "{}", status("true"));
}

#[test]
fn a_request_that_may_not_be_made_is_no_answer_and_one_that_failed_is_what_the_policy_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let (port, answered) = web();
    let mut capabilities: Value =
        serde_json::from_str(&opa(folder.path(), &["capabilities", "--current"]).out).unwrap();
    capabilities["allow_net"] = serde_json::json!(["127.0.0.1"]);
    std::fs::write(folder.path().join("net.json"), capabilities.to_string()).unwrap();
    let ask = |url: &str, more: &str| {
        let send = format!(r#"not http.send({{"method": "get", "url": `{url}`, "raise_error": false{more}}})"#);
        opa(folder.path(), &["eval", "-f", "pretty", "--capabilities", "net.json", &send])
    };
    // Each leads to localhost for one reader of URLs or another, which is the same server and is not allowed.
    let elsewhere = [
        "http://localhost:PORT/json",
        "http://127.0.0.1@localhost:PORT/json",
        "http://127.0.0.1:80@localhost:PORT/json",
        "http://localhost:PORT#@127.0.0.1/json",
        "http://localhost:PORT?@127.0.0.1/json",
        "http://0x7f.1:PORT/json",
        "http://2130706433:PORT/json",
        "http://127.0.0.1.:PORT/json",
        "http:localhost:PORT/json",
        "http:/localhost:PORT/json",
        "http:///localhost:PORT/json",
        r"http:\\localhost:PORT/json",
        "ftp://127.0.0.1:PORT/json",
    ];
    for url in elsewhere {
        let run = ask(&url.replace("PORT", &port.to_string()), "");
        assert!(run.status == 2 && run.err.contains("eval_denied_error"), "{url}: {}{}", run.out, run.err);
    }
    // What no reader takes for a URL fails, and the policy wanted to be told so.
    for url in [
        r"http://localhost:PORT\@127.0.0.1/json",
        r"http://127.0.0.1\@localhost:PORT/json",
        "http://local\thost:PORT/json",
        "http://%6cocalhost:PORT/json",
        "http://[127.0.0.1]:PORT/json",
        "http://127.0.0.1:1/json",
    ] {
        let run = ask(&url.replace("PORT", &port.to_string()), "");
        assert!(run.status == 0 && run.out == "undefined\n", "{url}: {}{}", run.out, run.err);
    }
    let allowed = format!("http://127.0.0.1:{port}");
    for (path, more, why) in [
        ("away", r#", "enable_redirect": true"#, "no capability allows host localhost"),
        ("ftp", r#", "enable_redirect": true"#, "no capability allows scheme ftp"),
        ("json", r#", "tls_ca_cert": "a""#, r#""tls_ca_cert" is not supported here"#),
        ("json", r#", "tls_server_name": "a""#, r#""tls_server_name" is not supported here"#),
    ] {
        let run = ask(&format!("{allowed}/{path}"), more);
        let denied = run.err.contains(&format!("eval_denied_error: http.send: {why}"));
        assert!(run.status == 2 && denied, "{path}{more}: {}{}", run.out, run.err);
    }
    assert_eq!(answered.load(Ordering::Relaxed), 0);
    let run = ask(&format!("{allowed}/json"), "");
    assert!(run.out == "undefined\n" && answered.load(Ordering::Relaxed) == 1, "{}{}", run.out, run.err);
}
