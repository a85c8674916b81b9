//! Conftest's personality: reports, exit codes, settings, and what an attacker's files do to it. That it says what the real one
//! says is for scripts/peers/conftest.py to hold.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Run, project, run};

fn conftest(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    run(command.arg("conftest").args(args).current_dir(folder).env_clear().stdin(Stdio::null()))
}

/// The files of the peer's comparison.
fn files() -> std::path::PathBuf {
    project().join("e2e/policies/conftest")
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_test_says_what_failed_and_exits_with_one() {
    let said = conftest(&files(), &["test", "--no-color", "deploy.yaml"]);
    assert_eq!(said.status, 1);
    assert_eq!(
        said.out,
        "WARN - deploy.yaml - main - app:latest is of no fixed version\n\
         FAIL - deploy.yaml - main - container app has no limits\nadd them\n\
         FAIL - deploy.yaml - main - web must not run as root\n\
         FAIL - deploy.yaml - main - too few replicas\n\n\
         5 tests, 1 passed, 1 warning, 3 failures, 0 exceptions\n"
    );
    assert_eq!(conftest(&files(), &["test", "--fail-on-warn", "deploy.yaml"]).status, 2);
    assert_eq!(conftest(&files(), &["test", "--no-fail", "deploy.yaml"]).status, 0);
    assert_eq!(conftest(&files(), &["test", "good.yaml"]).status, 0);
}

#[test]
fn json_has_messages_metadata_and_places() {
    let said = conftest(&files(), &["test", "-o", "json", "deploy.yaml"]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let failure = &json[0]["failures"][2];
    assert_eq!(failure["msg"], "too few replicas");
    assert_eq!(failure["loc"]["line"], 3);
    assert_eq!(failure["metadata"]["details"]["replicas"], 1);
    assert_eq!(failure["metadata"]["query"], "data.main.violation");
}

#[test]
fn a_file_that_does_not_parse_is_named_with_its_place() {
    for (name, text, place) in [
        ("a.yaml", "a: 1\nb: [\n", "a.yaml:"),
        ("a.json", "{\n  \"a\": }\n", "a.json:2:8"),
        ("a.toml", "a = 1\nb = ?\n", "a.toml:2:5"),
        ("a.tf", "a {\n  b = \n}\n", "a.tf:2:7"),
        ("a.xml", "<a>\n</b>\n", "a.xml:2:1"),
        ("Dockerfile", "FROM a\nCOPI b c\n", "Dockerfile:2:1"),
        ("a.vcl", "sub x {\n  if (y) {}\n}", "a.vcl:2:3"),
    ] {
        let folder =
            folder(&[(name, text), ("policy/p.rego", "package main\n\ndeny contains \"x\" if input.nothing\n")]);
        let said = conftest(folder.path(), &["test", name]);
        assert_eq!(said.status, 1, "{name}");
        assert!(said.err.contains(place), "{name}: {}", said.err);
    }
}

#[test]
fn a_policy_of_v0_names_the_way_out() {
    let said = conftest(&files(), &["test", "-p", "v0", "deploy.yaml"]);
    assert_eq!(said.status, 1);
    assert!(
        said.err.contains("v0/old.rego:3: rego_parse_error") && said.err.contains("--rego-version v0"),
        "{}",
        said.err
    );
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let asked = |args: &[&str], format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("conftest").args(args).current_dir(files()).env_clear().stdin(Stdio::null());
        if !format.is_empty() {
            command.env("CONFTEST_OUTPUT", format);
        }
        run(&mut command).out
    };
    let line = ["test", "-c", "settings.toml", "good.yaml"];
    assert!(asked(&line, "").starts_with("1.."));
    assert!(asked(&line, "github").starts_with("::group::"));
    assert!(asked(&["test", "-c", "settings.toml", "-o", "json", "good.yaml"], "github").starts_with("[\n"));
}

#[test]
fn a_rule_whose_members_say_nothing_is_no_failure_and_one_without_msg_is_an_error() {
    assert_eq!(conftest(&files(), &["test", "-p", "nomsg", "deploy.yaml"]).status, 1);
    let said = conftest(&files(), &["test", "-p", "nomsg", "deploy.yaml"]);
    assert!(said.err.contains("\"msg\" field must be present and a string"), "{}", said.err);
}

#[test]
fn bombs_end_with_an_error() {
    let policy = ("policy/p.rego", "package main\n\ndeny contains \"x\" if input.nothing\n");
    let laughs = (0..30).fold("a0: &a0 x\n".to_owned(), |text, n| {
        text + &format!("a{}: &a{} [*a{n}, *a{n}, *a{n}, *a{n}]\n", n + 1, n + 1)
    });
    for (name, text) in [
        ("a.yaml", laughs),
        ("a.yaml", "[".repeat(100_000)),
        ("a.json", "[".repeat(1_000_000)),
        ("a.tf", "a = ".to_owned() + &"(".repeat(1_000_000)),
        ("a.xml", "<a>".repeat(1_000_000)),
        ("a.toml", "a = ".to_owned() + &"[".repeat(1_000_000)),
    ] {
        let folder = folder(&[(name, &text), policy]);
        let said = conftest(folder.path(), &["test", name]);
        assert_eq!(said.status, 1, "{name}");
        assert!(said.err.starts_with("Error: running test: parse configurations"), "{name}: {}", said.err);
    }
}

#[test]
fn pull_takes_files_and_refuses_what_it_does_not_speak() {
    let folder = folder(&[("from/base.rego", "package main\n"), ("from/base.zip", "PK")]);
    assert_eq!(conftest(folder.path(), &["pull", "from/base.rego"]).status, 0);
    assert!(folder.path().join("policy/base.rego").is_file());
    let again = conftest(folder.path(), &["pull", "from/base.rego"]);
    assert!(again.status == 1 && again.err.contains("refusing to overwrite"), "{}", again.err);
    assert_eq!(conftest(folder.path(), &["pull", "-p", "linked", "from"]).status, 0);
    assert!(folder.path().join("linked").is_symlink() && folder.path().join("linked/base.rego").is_file());
    let zip = conftest(folder.path(), &["pull", "from/base.zip"]);
    assert!(zip.status == 1 && zip.err.contains("only .tar.gz"), "{}", zip.err);
    let git = conftest(folder.path(), &["pull", "git::https://example.org/a.git"]);
    assert!(git.status == 1 && git.err.contains("clone the repository"), "{}", git.err);
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_no_text_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let policy = ("policy/p.rego", "package main\n\ndeny contains \"x\" if input.nothing\n");
    let folder = folder(&[policy, ("in/a.yaml", "a: 1\n"), ("config.yaml", "a: 1\n")]);
    let named = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    // What no parser knows is passed by, as all such files.
    std::fs::write(named(b"in/b\xff.txt"), "").unwrap();
    assert_eq!(conftest(folder.path(), &["test", "in"]).status, 0);
    std::fs::write(named(b"in/b\xff.yaml"), "a: 1\n").unwrap();
    let said = conftest(folder.path(), &["test", "in"]);
    assert!(said.status == 1 && said.err.contains("no UTF-8"), "{}", said.err);
    // A policy in such a folder does not read files of another.
    std::fs::create_dir_all(named(b"odd/\xff")).unwrap();
    let reads = "package main\n\ndeny contains \"x\" if parse_config_file(\"../../config.yaml\").a == 1\n";
    std::fs::write(named(b"odd/\xff/p.rego"), reads).unwrap();
    let said = conftest(folder.path(), &["test", "-p", "odd", "--show-builtin-errors", "config.yaml"]);
    assert!(said.status == 1 && said.err.contains("no UTF-8"), "{}", said.err);
}

#[test]
fn a_path_that_is_no_string_is_an_error() {
    let policy = "package main\n\ndeny contains \"x\" if count(parse_combined_config_files(input.paths)) == 0\n";
    let folder = folder(&[("policy/p.rego", policy), ("a.yaml", "paths: [1]\n")]);
    let said = conftest(folder.path(), &["test", "--show-builtin-errors", "a.yaml"]);
    assert!(said.status == 1 && said.err.contains("must be array of strings"), "{}", said.err);
}

#[test]
#[cfg(unix)]
fn programs_of_languages_come_from_absolute_folders_of_the_path() {
    use std::os::unix::fs::PermissionsExt as _;
    let policy = ("policy/p.rego", "package main\n\ndeny contains \"x\" if input.a == 1\n");
    let program = ("bin/jsonnet", "#!/bin/sh\nexec /bin/cat\n");
    let folder = folder(&[policy, program, ("a.jsonnet", "{\"a\": 1}")]);
    let path = folder.path().join("bin");
    std::fs::set_permissions(path.join("jsonnet"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let test = |path: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        run(command.args(["conftest", "test", "a.jsonnet"]).current_dir(folder.path()).env_clear().env("PATH", path))
    };
    assert!(test(&path).out.contains("1 failure"));
    let said = test(Path::new("bin"));
    assert!(said.status == 1 && said.err.contains("is not on the search path"), "{}", said.err);
}

#[test]
fn push_takes_what_compiles_to_the_registry_that_is_named() {
    let folder =
        folder(&[("policy/a.rego", "package main\n\ndeny contains \"x\" if y\n"), ("good/a.rego", "package main\n")]);
    for (args, words) in [
        (&["push", "127.0.0.1:1/a"][..], "pushing layers: load: "),
        (&["push", "-p", "good", "policies/a"], "it names no registry"),
        (&["push", "-p", "good", "127.0.0.1:1/a", "other"], "--policy"),
        (&["push", "-p", "good", "127.0.0.1:1/a"], "reach 127.0.0.1:1"),
    ] {
        let said = conftest(folder.path(), args);
        assert!(said.status == 1 && said.err.contains(words), "{args:?}: {}", said.err);
    }
}

#[test]
fn push_sends_no_title_that_pull_would_refuse() {
    let folder = folder(&[("good/a.rego", "package main\n"), ("here/x", "")]);
    let whole = folder.path().join("good").display().to_string();
    for policy in ["../good", &whole] {
        let said = conftest(&folder.path().join("here"), &["push", "-p", policy, "127.0.0.1:1/a"]);
        assert!(said.status == 1 && said.err.contains("leads out of the folder"), "{policy}: {}", said.err);
    }
}

/// A web server on loopback that has these files.
fn web(files: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = std::io::Read::read(&mut stream, &mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let asked = request.split([' ', '?']).nth(1).unwrap_or_default();
            let found = files.iter().find(|(name, _)| *name == asked);
            let (status, body) = found.map_or(("404 Not Found", &[][..]), |(_, body)| ("200 OK", body));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            std::io::Write::write_all(&mut stream, &[head.as_bytes(), body].concat()).unwrap();
        }
    });
    address
}

/// A `.tar.gz` of entries, with whatever names.
fn archive(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, kind) in entries {
        let text = if kind.is_file() { &b"package main\n"[..] } else { b"" };
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        header.set_cksum();
        tar.append(&header, text).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn files_of_a_web_server_are_taken_whole_or_not_at_all() {
    use tar::EntryType as Kind;
    let server = web(vec![
        ("/a.rego", b"package main\n".to_vec()),
        ("/a.zip", b"PK".to_vec()),
        ("/a.tgz", archive(&[("in", Kind::Directory), ("in/a.rego", Kind::Regular), ("pax", Kind::XGlobalHeader)])),
        ("/out.tgz", archive(&[("a.rego", Kind::Regular), ("in/../../a.rego", Kind::Regular)])),
        ("/link.tgz", archive(&[("a.rego", Kind::Regular), ("b.rego", Kind::Symlink)])),
        ("/hard.tgz", archive(&[("a.rego", Kind::Regular), ("b.rego", Kind::Link)])),
        ("/fifo.tgz", archive(&[("a.rego", Kind::Regular), ("b.rego", Kind::Fifo)])),
        ("/empty.tgz", archive(&[("in", Kind::Directory)])),
    ]);
    let pull = |path: &str| {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("http://user:secret@{server}{path}");
        (conftest(folder.path(), &["pull", &address]), folder)
    };
    let sum_of = |bytes: &[u8]| plimsoll_sources::hash::digest(plimsoll_model::Algorithm::Sha256, bytes).to_string();
    let right = format!("/a.rego?checksum={}", sum_of(b"package main\n"));
    for (path, file) in [("/a.rego", "a.rego"), (&right, "a.rego"), ("/a.tgz", "in/a.rego")] {
        let (said, folder) = pull(path);
        let found = std::fs::read_to_string(folder.path().join("policy").join(file));
        assert!(said.status == 0 && found.is_ok_and(|text| text == "package main\n"), "{path}: {}", said.err);
    }
    let wrong = format!("/a.rego?token=secret&checksum={}", sum_of(b"package mine\n"));
    for (path, words) in [
        (&*wrong, "its digest is"),
        ("/none.rego?token=secret", "404"),
        ("/a.zip?token=secret", "only .tar.gz"),
        ("/out.tgz?token=secret", "leaves the bundle"),
        ("/link.tgz", "neither a plain file nor a folder"),
        ("/hard.tgz", "neither a plain file nor a folder"),
        ("/fifo.tgz", "neither a plain file nor a folder"),
        ("/empty.tgz", "no file in it"),
        ("0/a.rego?token=secret", "no address"),
    ] {
        let (said, folder) = pull(path);
        assert!(said.status == 1 && said.err.contains(words) && !said.err.contains("secret"), "{path}: {}", said.err);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{path}");
    }
}

#[test]
fn textproto_is_judged_by_its_definitions() {
    let policy = "package main\n\ndeny contains input.name if input.replicas > 2\n";
    let called = "package main\n\ndeny contains parse_config_file(\"../b.textproto\").name if input.replicas > 2\n";
    let definition = "syntax = \"proto3\";\npackage a;\nimport \"more/kind.proto\";\nmessage M { string name = 1; int32 replicas = 2; Kind kind = 3; }\n";
    let folder = folder(&[
        ("a.textproto", "# proto-message: a.M\nname: \"web\" replicas: 3 kind: BIG\n"),
        ("b.textproto", "# proto-message: a.M\nname: \"other\"\n"),
        ("c.textproto", "# proto-message: a.M\n\nreplicas: \"3\"\n"),
        ("protos/m.proto", definition),
        ("protos/more/kind.proto", "syntax = \"proto3\"; package a; enum Kind { SMALL = 0; BIG = 1; }"),
        ("broken/m.proto", "syntax = \"proto3\";\nmessage M {\n  string = 1;\n}\n"),
        ("empty/readme", ""),
        ("policy/p.rego", policy),
        ("called/p.rego", called),
    ]);
    let test = |args: &[&str]| conftest(folder.path(), &[&["test", "--no-color"], args].concat());
    let said = test(&["--proto-file-dirs", "protos", "a.textproto"]);
    assert!(said.status == 1 && said.out.contains("FAIL - a.textproto - main - web"), "{}{}", said.out, said.err);
    let said = test(&["--proto-file-dirs", "protos", "-p", "called", "a.textproto"]);
    assert!(said.out.contains("main - other"), "{}{}", said.out, said.err);
    // What cannot be read never passes.
    for (args, words) in [
        (["--proto-file-dirs", "protos", "c.textproto"].as_slice(), "c.textproto:3:11"),
        (&["a.textproto"], "--proto-file-dirs"),
        (&["--proto-file-dirs", "broken", "a.textproto"], "broken/m.proto:3:10"),
        (&["--proto-file-dirs", "empty", "a.textproto"], "no .proto files"),
        (&["--proto-file-dirs", "nowhere", "a.textproto"], "find proto files"),
    ] {
        let said = test(args);
        assert!(
            said.status == 1 && said.err.contains(words) && said.out.is_empty(),
            "{args:?}: {}{}",
            said.out,
            said.err
        );
    }
}

#[test]
fn what_is_not_spoken_names_the_way_out() {
    let folder = folder(&[
        ("nginx.conf", "a b;"),
        ("a.hocon", "a { b = 1 }"),
        ("Jenkinsfile", "a()"),
        ("policy/p.rego", "package main\n\ndeny contains \"x\" if false\n"),
    ]);
    for (name, words) in [("nginx.conf", "crossplane parse"), ("a.hocon", "pyhocon"), ("Jenkinsfile", "groovy")] {
        let said = conftest(folder.path(), &["test", name]);
        assert!(said.status == 1 && said.err.contains(words), "{name}: {}", said.err);
    }
}

/// What a manifest says where messages repeat it: lines, commands and controls of other programs.
const ORDERS: &str =
    "a\r\n::set-output name=x::y\n##vso[task.setvariable variable=x]y\nok 2 - forged\n\u{1b}[2J100% # TODO";

#[test]
fn what_a_manifest_says_is_no_command_line_or_control_of_a_report() {
    let policy = "package main\n\ndeny contains sprintf(\"no %s\", [input.name]) if print(input.name)\n\n\
                  warn contains {\"msg\": input.name, \"_loc\": {\"file\": input.name, \"line\": 1}}\n";
    let manifest = serde_json::json!({ "name": ORDERS }).to_string();
    let folder =
        folder(&[("a.json", manifest.as_str()), ("##vso[b]\u{1b}.json", manifest.as_str()), ("policy/p.rego", policy)]);
    for format in ["stdout", "tap", "table", "github", "azuredevops", "nothing"] {
        let args = ["test", "--no-color", "-o", format, "a.json", "##vso[b]\u{1b}.json"];
        let said = conftest(folder.path(), &args);
        let plain = said.out.replace("\u{1b}[", "");
        assert!(format == "nothing" || !said.out.contains('\u{1b}'), "{format}: {}", said.out);
        assert!(!plain.contains(['\u{1b}', '\r']) && plain.contains("no a"), "{format}: {plain}");
        let lines: Vec<&str> = said.out.lines().collect();
        match format {
            "tap" => {
                assert_eq!(lines.len(), 7, "{lines:#?}");
                assert!(lines.iter().all(|line| !line.starts_with("ok") && !line.contains(" # TODO")), "{lines:#?}");
                assert!(said.out.contains("100% \\# TODO"), "{}", said.out);
            }
            "github" => {
                let ours = ["::group::", "::error ", "::warning ", "::notice ", "::endgroup::", "4 tests"];
                assert!(lines.iter().all(|line| ours.iter().any(|start| line.starts_with(start))), "{lines:#?}");
                assert!(said.out.contains("line=1::no a%0D%0A::set-output name=x::y%0A"), "{}", said.out);
                assert!(said.out.contains("2J100%25 # TODO"), "{}", said.out);
            }
            "azuredevops" => {
                // The agent looks for the first command of a line, wherever it is.
                for line in &lines {
                    let (at, count) = (line.find("##").unwrap_or(0), line.matches("##").count());
                    assert!(at == 0 && count <= 1, "{line}");
                    let ours = ["##[section]", "##[group]", "##[endgroup]", "##vso[task.logissue type="];
                    assert!(count == 0 || ours.iter().any(|start| line.starts_with(start)), "{line}");
                }
                assert!(said.out.contains("no a\\r\\n::set-output"), "{}", said.out);
            }
            _ => {}
        }
    }
    let said = conftest(folder.path(), &["test", "--no-color", "--trace", "a.json", "##vso[b]\u{1b}.json"]);
    assert!(said.err.contains("file: a.json") && !said.err.contains('\u{1b}'), "{}", said.err);
}

#[test]
fn cyclonedx_in_json_that_is_broken_or_too_deep_has_its_place() {
    let deep = format!("{{\n \"a\": {}", "[".repeat(201));
    let neither = "neither JSON nor XML";
    for (text, words) in [
        ("{\n \"bomFormat\": nothing\n}", "a.json:2:"),
        ("\u{feff}\n{\n", "a.json:3:"),
        (&deep, "a.json:2:"),
        ("nothing", neither),
    ] {
        let folder = folder(&[("a.json", text)]);
        let said = conftest(folder.path(), &["parse", "--parser", "cyclonedx", "a.json"]);
        assert!(said.status == 1 && said.err.contains(words), "{text:.40}: {}", said.err);
        assert_eq!(said.err.contains(neither), words == neither, "{}", said.err);
    }
}
