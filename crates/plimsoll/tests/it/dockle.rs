//! The dockle personality over small images.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::toy::Toy;
use crate::{Run, run};

const ROOT: &str = "root:x:0:0:root:/root:/bin/sh\n";

/// Everything that dockle looks for.
fn bad() -> Toy {
    Toy::default()
        .layer(
            "/bin/sh -c #(nop) ADD file:abc in / ",
            &[
                ("etc/passwd", 0o644, format!("{ROOT}toor:x:0:0::/:/bin/sh\n").as_bytes()),
                ("etc/group", 0o644, b"root:x:0:\n"),
                ("etc/shadow", 0o640, b"root::1:0:::::\n"),
            ],
        )
        .step("ENV MYSQL_PASSWORD=tK8-pq2.Vw9x")
        .layer("RUN /bin/sh -c apt-get update # buildkit", &[("var/lib/apt/lists/x_Packages", 0o644, &[b'P'; 90_000])])
        .layer(
            "RUN /bin/sh -c sudo apt-get install -y curl # buildkit",
            &[("usr/bin/su", 0o4755, b"\x7fELF"), ("usr/bin/wall", 0o2755, b"w")],
        )
        .layer("RUN /bin/sh -c apt-get update && apt-get -y dist-upgrade # buildkit", &[("etc/new", 0o644, b"1")])
        .layer(
            "ADD app /app # buildkit",
            &[
                ("app/.git/HEAD", 0o644, b"ref: refs/heads/main\n"),
                ("app/Dockerfile", 0o644, b"FROM x\n"),
                ("app/id_rsa", 0o600, b"key\n"),
                ("app/store.pem", 0o600, b"key\n"),
            ],
        )
        .layer("RUN /bin/sh -c apk add curl # buildkit", &[("var/cache/apk/APKINDEX.tar.gz", 0o644, &[b'i'; 5000])])
        .layer("RUN /bin/sh -c rm -rf /var/lib/apt/lists # buildkit", &[("var/lib/apt/.wh.lists", 0o644, b"")])
        .config(json!({ "Volumes": { "/proc": {} }, "Env": ["PATH=/bin", "MYSQL_PASSWORD=tK8-pq2.Vw9x", "SALT=x"] }))
}

/// What dockle takes for a fault and is none.
fn misread() -> Toy {
    let packages =
        "RUN /bin/sh -c apt-get -qq update && apt-get -qq install sudo && rm -rf /var/lib/apt/lists/ # buildkit";
    Toy::default()
        .layer(
            "/bin/sh -c #(nop) ADD file:abc in / ",
            &[
                ("etc/passwd", 0o644, ROOT.as_bytes()),
                ("etc/group", 0o644, b"root:x:0:\n"),
                ("etc/shadow", 0o640, b"root:*:1:0:::::\n"),
            ],
        )
        .step("ENV KEYBOARD_LAYOUT=us ACCESS_LOG=/dev/stdout TOKENIZERS_PARALLELISM=false")
        .layer(packages, &[("usr/bin/sudo", 0o755, b"\x7fELF")])
        .layer("RUN /bin/sh -c apk add --virtual .b curl && rm -rf /var/cache/apk/* # buildkit", &[("x", 0o644, b"1")])
        .layer(
            "ADD release.tar.gz /opt/ # buildkit",
            &[("opt/settings.py", 0o644, b"x=1\n"), ("opt/credentials", 0o644, b"how to\n")],
        )
        .layer("COPY ADD in buildkit /x # buildkit", &[("y", 0o644, b"1")])
        .config(json!({
            "User": "1000", "Healthcheck": { "Test": ["CMD", "/x"] },
            "Env": ["KEYBOARD_LAYOUT=us", "ACCESS_LOG=/dev/stdout", "TOKENIZERS_PARALLELISM=false"],
        }))
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn of(toy: &Toy) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        toy.save(&folder.path().join("image.tar"), false);
        Bench { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// In its own folder, with content trust, so that the image alone is told of.
    fn dockle(&self, args: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("dockle").args(args).args(["--input", "image.tar"]).current_dir(self.path()).env_clear();
        run(command.env("HOME", self.path()).env("CI", "true").env("DOCKER_CONTENT_TRUST", "1"))
    }

    fn codes(&self, args: &[&str]) -> Vec<String> {
        let run = self.dockle(&[args, &["-f", "json"]].concat());
        let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err));
        report["details"].as_array().unwrap().iter().map(|d| d["code"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn every_checkpoint_is_told_of_in_the_order_of_dockle() {
    insta::assert_snapshot!(Bench::of(&bad()).dockle(&[]).out);
}

#[test]
fn json_has_the_shape_of_dockle() {
    insta::assert_snapshot!(Bench::of(&bad()).dockle(&["-f", "json"]).out);
}

#[test]
fn sarif_has_the_shape_of_dockle() {
    insta::assert_snapshot!(Bench::of(&bad()).dockle(&["--format", "sarif"]).out);
}

#[test]
fn what_dockle_takes_for_faults_by_their_letters_is_none() {
    let run = Bench::of(&misread()).dockle(&["--exit-code", "1", "--exit-level", "info"]);
    assert_eq!((run.status, run.out.as_str()), (0, ""), "{}", run.err);
}

#[test]
fn image_without_accounts_skips_what_looks_at_them() {
    let toy = Toy::default().layer("COPY web /web # buildkit", &[("web", 0o755, b"w")]).config(json!({ "User": "1" }));
    let bench = Bench::of(&toy);
    let run = bench.dockle(&["-f", "json", "-i", "CIS-DI-0006"]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["summary"], json!({ "fatal": 0, "warn": 0, "info": 0, "skip": 2, "pass": 14 }));
    assert!(report["details"][0]["alerts"][0].as_str().unwrap().contains("/etc/shadow"), "{}", run.out);
    assert_eq!(bench.dockle(&["--exit-code", "1", "-l", "INFO", "-i", "CIS-DI-0006"]).status, 0);
}

#[test]
fn exit_status_follows_level_and_ignores() {
    let bench = Bench::of(&bad());
    assert_eq!(bench.dockle(&[]).status, 0);
    assert_eq!(bench.dockle(&["-exit-code", "3"]).status, 3);
    assert_eq!(bench.dockle(&["-c", "3", "-l", "fatal"]).status, 3);
    let fatal =
        "CIS-DI-0007,CIS-DI-0009,CIS-DI-0010,DKL-DI-0001,DKL-DI-0002,DKL-DI-0004,DKL-DI-0005,DKL-LI-0001,DKL-LI-0002";
    assert_eq!(bench.dockle(&["-c", "3", "-l", "fatal", "-i", fatal]).status, 0);
    assert_eq!(bench.dockle(&["-c", "3", "-l", "warn", "-i", fatal]).status, 3);
    std::fs::write(bench.path().join(".dockleignore"), "# why\nCIS-DI-0001\nDKL-DI-0003 # too\n").unwrap();
    assert_eq!(bench.dockle(&["-c", "3", "-l", "warn", "-i", fatal]).status, 0);
}

#[test]
fn accepted_and_sensitive_files_and_words_are_heeded() {
    let bench = Bench::of(&bad());
    let alerts = |args: &[&str]| {
        let run = bench.dockle(&[args, &["-f", "json"]].concat());
        let report: Value = serde_json::from_str(&run.out).unwrap();
        let details = report["details"].as_array().unwrap().clone();
        let of = details.into_iter().find(|detail| detail["code"] == "CIS-DI-0010");
        of.map(|detail| detail["alerts"].as_array().unwrap().len()).unwrap_or_default()
    };
    assert_eq!(alerts(&[]), 2);
    assert_eq!(alerts(&["-ak", "MYSQL_PASSWORD"]), 1);
    assert_eq!(alerts(&["-ak", "MYSQL_PASSWORD", "-af", "id_rsa"]), 0);
    assert_eq!(alerts(&["-af", "app/id_rsa"]), 1);
    assert_eq!(alerts(&["-sf", "wall", "-se", "pem", "-sw", "salt"]), 5);
    assert_eq!(alerts(&["-se", "pem", "-ae", "pem"]), 2);
    assert!(!bench.codes(&["-af", "su", "-af", "wall"]).contains(&"CIS-DI-0008".to_owned()));
}

#[test]
fn ignored_checkpoints_pass_and_show_when_debugging() {
    let bench = Bench::of(&bad());
    assert!(!bench.codes(&["-i", "CIS-DI-0001"]).contains(&"CIS-DI-0001".to_owned()));
    let shown = bench.dockle(&["-i", "CIS-DI-0001", "--debug"]).out;
    assert!(shown.contains("IGNORE\t- CIS-DI-0001"), "{shown}");
    // One of several rules behind a checkpoint.
    let kept = bench.dockle(&["-i", "setuid-file"]).out;
    assert!(kept.contains("wall") && !kept.contains("/usr/bin/su"), "{kept}");
}

#[test]
fn layer_that_lies_is_no_success() {
    let bench = Bench::of(&misread());
    misread().save(&bench.path().join("image.tar"), true);
    let run = bench.dockle(&[]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    assert!(run.err.contains("could not tell"), "{}", run.err);
}

#[test]
fn errors_are_1_and_say_the_way_out() {
    let bench = Bench::of(&misread());
    for (args, words) in [
        (&["--no-such-flag"][..], "no-such-flag"),
        (&["-f", "xml"], "list, json, sarif"),
        (&["-l", "loud"], "info, warn, fatal"),
        (&["--username", "u"], "docker login"),
        (&["--insecure"], "--ca"),
    ] {
        let run = bench.dockle(args);
        assert_eq!(run.status, 1, "{args:?}");
        assert!(run.err.contains(words), "{args:?}: {}", run.err);
    }
    assert_eq!(bench.dockle(&["--help"]).status, 0);
}

#[test]
fn report_goes_to_a_file_without_colours() {
    let bench = Bench::of(&bad());
    let run = bench.dockle(&["-o", "report.txt"]);
    assert_eq!((run.status, run.out.as_str()), (0, ""));
    let report = std::fs::read_to_string(bench.path().join("report.txt")).unwrap();
    assert!(report.contains("FATAL\t- CIS-DI-0007: ") && !report.contains('\u{1b}'), "{report}");
}

#[test]
fn image_that_no_engine_has_is_asked_of_its_registry() {
    let folder = tempfile::tempdir().unwrap();
    let dockle = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("dockle").args(args).current_dir(folder.path()).env_clear().env("HOME", folder.path());
        run(&mut command)
    };
    let nowhere = dockle(&["--host", "unix:///no/such.sock", "localhost:1/shop/web:1"]);
    assert_eq!(nowhere.status, 1, "{}", nowhere.out);
    assert!(nowhere.err.contains("could not pull localhost:1/shop/web:1"), "{}", nowhere.err);
    let tcp = dockle(&["--host", "tcp://10.0.0.1:2375", "localhost:1/shop/web:1"]);
    assert!(tcp.status == 1 && tcp.err.contains("only unix://"), "{}", tcp.err);
    let nothing = dockle(&[]);
    assert!(nothing.status == 1 && nothing.err.contains("--input"), "{}", nothing.err);
}
