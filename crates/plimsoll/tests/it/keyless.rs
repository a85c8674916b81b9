//! Signing that services vouch for, against those of the offline world on loopback: what they answer is believed as far as it is true.
//! That the real Cosign takes what is signed here is for scripts/peers/cosign.py to hold.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::{Run, run};

mod browser;
mod detached;
mod initialize;

#[path = "../../../plimsoll-trust/examples/offline_world/der.rs"]
pub mod der;
#[path = "../../../plimsoll-trust/examples/offline_world/notary.rs"]
pub mod notary;
#[path = "../../../plimsoll-trust/examples/offline_world/serve.rs"]
mod serve;
#[path = "../../../plimsoll-trust/examples/offline_world/setup.rs"]
#[allow(dead_code, reason = "the world can be set wrong in more ways than these tests need")]
mod setup;
#[path = "../../../plimsoll-trust/examples/offline_world/tuf.rs"]
mod tuf;
#[path = "../../../plimsoll-trust/examples/offline_world/world.rs"]
pub mod world;

/// The services, and the folder with what their clients need to know.
pub fn services() -> (&'static str, &'static Path) {
    static SERVICES: OnceLock<(String, tempfile::TempDir)> = OnceLock::new();
    let (base, folder) = SERVICES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        (serve::start(folder.path()), folder)
    });
    (base, folder.path())
}

/// With these variables alone.
fn cosign(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("cosign").args(args).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    run(command.env("COSIGN_PASSWORD", "").envs(variables.iter().copied()))
}

/// A folder with a blob and a key pair, and the services' files.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(services().1).unwrap().flatten() {
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    std::fs::write(folder.path().join("blob"), "blob").unwrap();
    std::fs::write(folder.path().join("other"), "other").unwrap();
    assert_eq!(cosign(folder.path(), &[], &["generate-key-pair"]).status, 0);
    folder
}

const SIGN: &[&str] = &["sign-blob", "--trusted-root", "trusted_root.json", "--bundle", "b.json"];

fn sign(folder: &Path, variables: &[(&str, &str)], more: &[&str]) -> Run {
    let _ = std::fs::remove_file(folder.join("b.json"));
    cosign(folder, variables, &[SIGN, &["--yes"], more, &["blob"]].concat())
}

fn verify(folder: &Path, who: &[&str], blob: &str) -> Run {
    let start = ["verify-blob", "--trusted-root", "trusted_root.json", "--bundle", "b.json"];
    cosign(folder, &[], &[&start[..], who, &[blob]].concat())
}

fn identity(name: &str) -> [&str; 4] {
    ["--certificate-identity", name, "--certificate-oidc-issuer", services().0]
}

#[test]
fn without_a_key_a_blob_is_signed_in_the_name_of_a_token() {
    let folder = folder();
    let path = folder.path();
    let token = std::fs::read_to_string(path.join("token")).unwrap();
    for (config, foreign) in [("signing_config.json", "log-unknown"), ("signing_config_v2.json", "timestamp-untrusted")]
    {
        for (given, name) in [("token", serve::EMAIL), (&token, serve::EMAIL), ("token_workflow", world::IDENTITY)] {
            let signed = sign(path, &[], &["--signing-config", config, "--identity-token", given]);
            assert_eq!((signed.status, signed.out.as_str()), (0, ""), "{config}: {}", signed.err);
            assert!(
                signed.err.contains("tlog entry created with index: ") && !signed.err.contains("eyJ"),
                "{}",
                signed.err
            );
            assert_eq!(verify(path, &identity(name), "blob").err, "Verified OK\n", "{config}");
            assert!(verify(path, &identity(name), "other").err.contains("artifact-mismatch"));
            assert!(verify(path, &identity("else@example.com"), "blob").err.contains("identity-mismatch"));
            let timed = [&identity(name)[..], &["--use-signed-timestamps"]].concat();
            assert_eq!(verify(path, &timed, "blob").status, 0);
            // Nobody but this world's trusted root takes it.
            let elsewhere =
                cosign(path, &[], &[&["verify-blob", "--bundle", "b.json"], &identity(name)[..], &["blob"]].concat());
            assert!(elsewhere.status == 1 && elsewhere.err.contains(foreign), "{}", elsewhere.err);
        }
    }
    // By the services' addresses; the first version of the log vouches for the time.
    let (base, _) = services();
    let signed = sign(path, &[("COSIGN_FULCIO_URL", base)], &["--rekor-url", base, "--identity-token", "token"]);
    assert_eq!(signed.status, 0, "{}", signed.err);
    assert_eq!(verify(path, &identity(serve::EMAIL), "blob").status, 0);
    assert!(
        verify(path, &[&identity(serve::EMAIL)[..], &["--use-signed-timestamps"]].concat(), "blob")
            .err
            .contains("time-missing")
    );
}

#[test]
fn tokens_come_from_the_environment_or_from_somebody_at_a_browser() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    let token = std::fs::read_to_string(path.join("token")).unwrap();
    let config = ["--signing-config", "signing_config.json"];
    let own = [("SIGSTORE_ID_TOKEN", token.as_str())];
    let address = format!("{base}/actions?api=1");
    let github =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", address.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", serve::REQUEST_TOKEN)];
    for (variables, more, name) in [
        (&own[..], &[][..], serve::EMAIL),
        (&github[..], &[], world::IDENTITY),
        (&[own[0], github[0], github[1]], &["--oidc-provider", "github-actions"], world::IDENTITY),
        (&[], &[], serve::EMAIL),
        (&own, &["--oidc-disable-ambient-providers", "--fulcio-auth-flow", "device"], serve::EMAIL),
    ] {
        let signed = sign(path, variables, &[&config[..], more].concat());
        assert_eq!(signed.status, 0, "{more:?}: {}", signed.err);
        let asked = signed.err.contains("Enter the verification code ABCD-EFGH in your browser at: http://127.0.0.1");
        assert_eq!(asked, variables.is_empty() || more.len() == 3, "{}", signed.err);
        assert_eq!(verify(path, &identity(name), "blob").status, 0);
    }
    // Secrets of the environment go to no other machine in the open, and the wrong one gives nothing.
    let open = [("ACTIONS_ID_TOKEN_REQUEST_URL", "http://192.0.2.1/actions?api=1"), github[1]];
    assert!(sign(path, &open, &config).err.contains("HTTPS alone"));
    let wrong = sign(path, &[github[0], ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")], &config);
    assert!(wrong.status == 1 && wrong.err.contains("who are you?"), "{}", wrong.err);
    let issuer = format!("{base}/fault/other-issuer/");
    let other = ["--fulcio-url", base, "--rekor-url", base, "--oidc-issuer", &issuer];
    assert!(sign(path, &[], &other).err.contains("calls itself otherwise"));
    for (more, why) in [
        (&["--oidc-provider", "google"][..], "google is not spoken here"),
        (&["--oidc-provider", "envvar"], "gives no token here"),
        (&["--identity-token", "nowhere"], "neither a token nor a file"),
        (&["--identity-token", "blob"], "blob holds no token"),
        (&["--identity-token", "token_over"], "was good until"),
        (&["--fulcio-auth-flow", "password"], "not spoken here"),
        (&["--fulcio-auth-flow", "token"], "--identity-token"),
    ] {
        let refused = sign(path, &[], &[&config[..], more].concat());
        assert!(refused.status == 1 && refused.err.contains(why), "{more:?}: {}", refused.err);
    }
}

#[test]
fn what_a_hostile_service_answers_is_refused_with_its_reason_and_nothing_is_written() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    // Somebody else's entry is the log's first.
    assert_eq!(sign(path, &[], &["--signing-config", "signing_config.json", "--identity-token", "token"]).status, 0);
    assert_eq!(sign(path, &[], &["--signing-config", "signing_config_v2.json", "--identity-token", "token"]).status, 0);
    let refused = |at: &str, fault: &str, why: &str| {
        let mut urls = ["--fulcio-url", "--rekor-url", "--timestamp-server-url"].map(|flag| (flag, base.to_owned()));
        urls[2].1.push_str("/api/v1/timestamp");
        for (flag, url) in urls.iter_mut().filter(|(flag, _)| *flag == at) {
            *url = url.replace(base, &format!("{base}/fault/{fault}"));
            assert!(flag.contains("url"));
        }
        let flags: Vec<&str> = urls.iter().flat_map(|(flag, url)| [*flag, url.as_str()]).collect();
        let run = sign(path, &[], &[&flags[..], &["--identity-token", "token"]].concat());
        assert_eq!(run.status, 1, "{fault}: {}", run.err);
        assert!(run.err.contains(why), "{fault}: {}", run.err);
        assert!(!path.join("b.json").exists(), "{fault}");
        assert!(!run.err.contains('\u{1b}') && !run.err.contains("eyJ"), "{fault}: {}", run.err);
    };
    for (fault, why) in [
        ("other-key", "key-mismatch"),
        ("other-authority", "chain-untrusted"),
        ("other-name", "identity-mismatch"),
        ("no-sct", "sct-missing"),
        ("refuse", "such luck"),
        ("html", "malformed"),
        ("redirect", "302"),
        ("huge", "more than"),
    ] {
        refused("--fulcio-url", fault, why);
    }
    for (fault, why) in [
        ("bad-promise", "promise-invalid"),
        ("other-entry", "log-entry-other"),
        ("old-time", "certificate-not-valid"),
        ("refuse", "such luck"),
        ("html", "malformed"),
        ("huge", "more than"),
    ] {
        refused("--rekor-url", fault, why);
    }
    for (fault, why) in [
        ("bad-stamp", "timestamp-invalid"),
        ("other-stamp", "timestamp-other-signature"),
        ("unknown-stamp", "nothing is attached"),
        ("html", "timestamp-invalid"),
        ("refuse", "such luck"),
    ] {
        refused("--timestamp-server-url", fault, why);
    }
    // The second version of the log.
    for (fault, why) in [("bad-checkpoint", "checkpoint-"), ("other-entry", "log-entry-other"), ("refuse", "such luck")]
    {
        let config = std::fs::read_to_string(path.join("signing_config_v2.json")).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config["rekorTlogUrls"][0]["url"] = format!("{base}/fault/{fault}").into();
        std::fs::write(path.join("hostile.json"), config.to_string()).unwrap();
        let run = sign(path, &[], &["--signing-config", "hostile.json", "--identity-token", "token"]);
        assert!(run.status == 1 && run.err.contains(why), "{fault}: {}", run.err);
        assert!(!path.join("b.json").exists(), "{fault}");
    }
}

#[test]
fn with_a_key_a_log_and_a_timestamp_are_had_where_they_are_asked_for() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    let stamps = format!("{base}/api/v1/timestamp");
    let key = ["--key", "cosign.pub"];
    // Twice alike: the log holds it already, and says where.
    for _ in 0..2 {
        let signed = sign(path, &[], &["--key", "cosign.key", "--rekor-url", base]);
        assert_eq!(signed.status, 0, "{}", signed.err);
        assert_eq!(verify(path, &key, "blob").status, 0);
    }
    let timed = [&key[..], &["--use-signed-timestamps"]].concat();
    assert!(verify(path, &timed, "blob").err.contains("time-missing"));
    for more in
        [&["--rekor-url", base, "--timestamp-server-url", &stamps][..], &["--signing-config", "signing_config_v2.json"]]
    {
        let signed = sign(path, &[], &[&["--key", "cosign.key"], more].concat());
        assert_eq!(signed.status, 0, "{}", signed.err);
        assert_eq!(verify(path, &timed, "blob").status, 0);
    }
    let alone = sign(path, &[], &["--key", "cosign.key", "--tlog-upload=false", "--timestamp-server-url", &stamps]);
    assert_eq!(alone.status, 0, "{}", alone.err);
    assert!(verify(path, &timed, "blob").err.contains("log-entry-missing"));
    assert_eq!(verify(path, &[&timed[..], &["--insecure-ignore-tlog"]].concat(), "blob").status, 0);
}

/// The certificates of a PEM file, each by itself.
fn pems(text: &str) -> Vec<String> {
    let end = "-----END CERTIFICATE-----\n";
    text.split_inclusive(end).filter(|one| one.ends_with(end)).map(str::to_owned).collect()
}

/// The services' own files as `create` takes them.
fn specs() -> [(&'static str, String); 4] {
    let (base, _) = services();
    let since = "start-time=2025-01-01T00:00:00Z";
    [
        ("--fulcio", format!("url={base},certificate-chain=fulcio.pem")),
        ("--tsa", format!("url={base}/api/v1/timestamp,certificate-chain=tsa.pem")),
        ("--ctfe", format!("url={base},public-key=ctfe.pub,{since}")),
        ("--rekor", format!("url={base},public-key=rekor.pub,{since}")),
    ]
}

/// Writes a trusted root of these.
fn created(path: &Path, out: &str, of: &[&str]) -> Run {
    let specs = specs();
    let words = specs.iter().filter(|(flag, _)| of.contains(flag)).flat_map(|(flag, spec)| [*flag, spec.as_str()]);
    cosign(path, &[], &[vec!["trusted-root", "create", "--out", out], words.collect()].concat())
}

#[test]
fn files_of_an_installation_that_are_made_of_its_keys_are_as_good_as_its_own() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    let made = created(path, "made.json", &["--fulcio", "--tsa", "--ctfe", "--rekor"]);
    assert_eq!((made.status, made.out.as_str()), (0, ""), "{}", made.err);
    let service = format!("url={base},api-version=1,start-time=2025-01-01T00:00:00Z,operator=world");
    let stamps = service.replacen(base, &format!("{base}/api/v1/timestamp"), 1);
    let config =
        [
            &[
                "signing-config",
                "create",
                "--out",
                "made_config.json",
                "--fulcio",
                &service,
                "--oidc-provider",
                &service,
            ][..],
            &["--rekor", &service, "--rekor-config", "ANY", "--tsa", &stamps, "--tsa-config", "ANY"],
        ]
        .concat();
    let done = cosign(path, &[], &config);
    assert_eq!((done.status, done.out.as_str()), (0, ""), "{}", done.err);
    for (root, config, other) in [
        ("made.json", "made_config.json", "trusted_root.json"),
        ("trusted_root.json", "signing_config.json", "made.json"),
    ] {
        let _ = std::fs::remove_file(path.join("b.json"));
        let words = ["sign-blob", "--yes", "--bundle", "b.json", "--trusted-root", root, "--signing-config", config];
        let signed = cosign(path, &[], &[&words[..], &["--identity-token", "token", "blob"]].concat());
        assert_eq!(signed.status, 0, "{config}: {}", signed.err);
        for root in [root, other] {
            let start = ["verify-blob", "--trusted-root", root, "--bundle", "b.json", "--use-signed-timestamps"];
            let verify = [&start[..], &identity(serve::EMAIL), &["blob"]].concat();
            assert_eq!(cosign(path, &[], &verify).err, "Verified OK\n", "{root}");
        }
    }
    // Without one of them it is another root.
    for (of, why) in [
        (&["--tsa", "--ctfe", "--rekor"][..], "chain-untrusted"),
        (&["--fulcio", "--tsa", "--rekor"], "sct-"),
        (&["--fulcio", "--tsa", "--ctfe"], "log-unknown"),
    ] {
        assert_eq!(created(path, "less.json", of).status, 0);
        let start = ["verify-blob", "--trusted-root", "less.json", "--bundle", "b.json"];
        let refused = cosign(path, &[], &[&start[..], &identity(serve::EMAIL), &["blob"]].concat());
        assert!(refused.status == 1 && refused.err.contains(why), "{of:?}: {}", refused.err);
    }
}

#[test]
fn a_chain_that_is_written_root_first_is_no_authority() {
    let folder = folder();
    let path = folder.path();
    std::fs::copy(path.join("fulcio.pem"), path.join("fulcio-as-made.pem")).unwrap();
    for (file, flag) in [("fulcio.pem", "--fulcio"), ("tsa.pem", "--tsa")] {
        let text = std::fs::read_to_string(path.join(file)).unwrap();
        let mut all = pems(&text);
        assert_eq!(all.len(), 2);
        all.reverse();
        std::fs::write(path.join(file), all.concat()).unwrap();
        let refused = created(path, "made.json", &[flag]);
        assert!(refused.status == 1 && refused.err.contains("the root last"), "{}", refused.err);
        assert!(!path.join("made.json").exists());
        // One certificate alone is an authority of signers, and none of timestamps.
        std::fs::write(path.join(file), &all[0]).unwrap();
        assert_eq!(created(path, "made.json", &[flag]).status, i32::from(flag == "--tsa"));
        let _ = std::fs::remove_file(path.join("made.json"));
    }
    // Nor are those above it, without the one that signs timestamps: the authorities of signers will do.
    std::fs::copy(path.join("fulcio-as-made.pem"), path.join("tsa.pem")).unwrap();
    let refused = created(path, "made.json", &["--tsa"]);
    assert!(refused.status == 1 && refused.err.contains("the one that signs timestamps"), "{}", refused.err);
}

#[test]
fn authorities_that_pem_files_name_take_the_place_of_those_that_are_trusted() {
    let folder = folder();
    let path = folder.path();
    let signed = sign(path, &[], &["--signing-config", "signing_config.json", "--identity-token", "token"]);
    assert_eq!(signed.status, 0, "{}", signed.err);
    let chain = pems(&std::fs::read_to_string(path.join("fulcio.pem")).unwrap());
    std::fs::write(path.join("middle.pem"), &chain[0]).unwrap();
    std::fs::write(path.join("root.pem"), &chain[1]).unwrap();
    assert_eq!(created(path, "logs.json", &["--ctfe", "--rekor"]).status, 0);
    let verify = |trust: &str, more: &[&str]| {
        let start = ["verify-blob", "--bundle", "b.json", "--trusted-root", trust];
        cosign(path, &[], &[&start[..], &identity(serve::EMAIL), more, &["blob"]].concat())
    };
    assert!(verify("logs.json", &[]).err.contains("chain-untrusted"));
    for more in [
        &["--certificate-chain", "fulcio.pem"][..],
        &["--ca-roots", "root.pem", "--ca-intermediates", "middle.pem"],
        &["--ca-roots", "fulcio.pem", "--ca-intermediates", "middle.pem"],
    ] {
        let verified = verify("logs.json", more);
        assert_eq!(verified.err, "Verified OK\n", "{more:?}");
    }
    // The intermediate stands in no bundle, and an authority that is named is the only one.
    assert!(verify("logs.json", &["--ca-roots", "root.pem"]).err.contains("chain-untrusted"));
    assert!(verify("trusted_root.json", &["--ca-roots", "root.pem"]).err.contains("chain-untrusted"));
    let stamped = ["--certificate-chain", "fulcio.pem", "--use-signed-timestamps"];
    assert!(verify("logs.json", &stamped).err.contains("time-missing"));
    let stamped = [&stamped[..], &["--timestamp-certificate-chain", "tsa.pem"]].concat();
    assert_eq!(verify("logs.json", &stamped).err, "Verified OK\n");
    for (more, why) in [
        (&["--ca-roots", "root.pem", "--certificate-chain", "fulcio.pem"][..], "cannot be used with"),
        (&["--ca-intermediates", "middle.pem"], "--ca-roots"),
        (&["--ca-roots", "blob"], "blob"),
        (&["--timestamp-certificate-chain", "root.pem"], "its own certificate first"),
    ] {
        let refused = verify("logs.json", more);
        assert!(refused.status == 1 && refused.err.contains(why), "{more:?}: {}", refused.err);
    }
    // Nobody asks for a log of one's own.
    assert!(verify("logs.json", &["--certificate-chain", "fulcio.pem", "--private-infrastructure"]).status == 0);
}

#[test]
fn nothing_is_sent_before_somebody_agrees_and_the_flags_agree() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    let said = cosign(
        path,
        &[],
        &[SIGN, &["--rekor-url", base, "--fulcio-url", base, "--identity-token", "token", "blob"]].concat(),
    );
    assert!(
        said.status == 1 && said.err.contains("nothing can be taken out") && said.err.contains("--yes"),
        "{}",
        said.err
    );
    assert!(!path.join("b.json").exists());
    for (more, why) in [
        (&["--tlog-upload=false", "--identity-token", "token"][..], "vouch for the time"),
        (&["--signing-config", "signing_config.json", "--rekor-url", base], "name one"),
        (&["--signing-config", "signing_config.json", "--tlog-upload=false"], "disagree"),
        (&["--signing-config", "blob"], "blob"),
        (&["--use-signing-config"], "no signing configuration was fetched"),
        (&["--use-signing-config", "--signing-config", "signing_config.json"], "two configurations"),
        (&["--insecure-skip-verify"], "always verified"),
    ] {
        let refused = sign(path, &[], more);
        assert!(refused.status == 1 && refused.err.contains(why), "{more:?}: {}", refused.err);
    }
    let bare =
        cosign(path, &[], &["sign-blob", "--yes", "--new-bundle-format=false", "--identity-token", "token", "blob"]);
    assert!(bare.status == 1 && bare.err.contains("--bundle"), "{}", bare.err);
}

/// Sigstore's conformance protocol, with these variables alone.
fn sigstore(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("sigstore").args(args).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    run(&mut command)
}

#[test]
fn the_conformance_client_signs_files_and_statements_that_it_verifies() {
    let folder = folder();
    let path = folder.path();
    let digest = tuf::digest(b"blob");
    let statement = serde_json::json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p", "predicate": {},
        "subject": [{"name": "blob", "digest": {"sha256": digest}}]});
    std::fs::write(path.join("statement"), statement.to_string()).unwrap();
    let trust = ["--trusted-root", "trusted_root.json"];
    let token = std::fs::read_to_string(path.join("token")).unwrap();
    for config in ["signing_config.json", "signing_config_v2.json"] {
        for (token, more, file) in [("token", &[][..], "blob"), (&token, &["--in-toto"], "statement")] {
            // In the order that the protocol has.
            let start = ["sign-bundle", "--identity-token", token, "--bundle", "b.json", trust[0], trust[1]];
            let signed =
                sigstore(path, &[&start[..1], more, &start[1..], &["--signing-config", config, file]].concat());
            assert_eq!((signed.status, signed.out.as_str()), (0, ""), "{config} {file}: {}", signed.err);
            let words = |artifact| {
                [&["verify-bundle", "--bundle", "b.json"][..], &identity(serve::EMAIL), &trust, &[artifact]].concat()
            };
            let by_digest = format!("sha256:{digest}");
            for artifact in ["blob", &by_digest] {
                let verified = sigstore(path, &words(artifact));
                assert_eq!(verified.status, 0, "{}", verified.err);
            }
            assert_eq!(sigstore(path, &words("other")).status, 1);
            std::fs::remove_file(path.join("b.json")).unwrap();
        }
    }
    let config = ["--signing-config", "signing_config.json"];
    let start = ["sign-bundle", "--identity-token", "token", "--bundle", "b.json"];
    for (more, words) in [
        (&["--in-toto", trust[0], trust[1], config[0], config[1], "blob"][..], "malformed"),
        (&[config[0], config[1], "blob"], "not believed"),
        (&["--staging", "blob"], "know the staging services"),
        (&["--staging", trust[0], trust[1], "blob"], "know the staging services"),
        (&[trust[0], trust[1], config[0], config[1], "no-such-file"], "no-such-file"),
        (&[trust[0], trust[1], "--signing-config", "blob", "blob"], "blob"),
    ] {
        let refused = sigstore(path, &[&start[..], more].concat());
        assert!(refused.status == 2 && refused.err.contains(words), "{more:?}: {} {}", refused.status, refused.err);
        assert!(!path.join("b.json").exists(), "{more:?}");
    }
    let over =
        [&["sign-bundle", "--identity-token", "token_over", "--bundle", "b.json"][..], &trust, &config, &["blob"]]
            .concat();
    let over = sigstore(path, &over);
    assert!(over.status == 2 && !path.join("b.json").exists(), "{}", over.err);
    let staging = sigstore(
        path,
        &[&["verify-bundle", "--staging", "--bundle", "b.json"][..], &identity(serve::EMAIL), &["blob"]].concat(),
    );
    assert!(staging.status == 2 && staging.err.contains("know the staging services"), "{}", staging.err);
}
