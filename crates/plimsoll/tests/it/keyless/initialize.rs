//! What is trusted, renewed from a mirror: of the offline world over HTTP, and of folders that are made wrong.

use std::collections::BTreeMap;

use super::tuf::Repository;
use super::*;

/// Asks the mirror below the services, or another.
fn initialize(folder: &Path, mirror: &str, more: &[&str]) -> Run {
    cosign(folder, &[], &[&["initialize", "--mirror", mirror, "--root", "tuf_root.json"], more].concat())
}

/// Verifies `b.json` with what is kept.
fn verify_with_what_is_kept(folder: &Path, variables: &[(&str, &str)], more: &[&str]) -> Run {
    cosign(
        folder,
        variables,
        &[&["verify-blob", "--bundle", "b.json"], &identity(serve::EMAIL)[..], more, &["blob"]].concat(),
    )
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name().into_string().unwrap(), entry.path());
        match path.is_dir() {
            true => found.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes))),
            false => _ = found.insert(name, std::fs::read(path).unwrap()),
        }
    }
    found
}

/// A mirror in a folder, and its address.
fn mirror(folder: &Path, repository: &Repository) -> String {
    let place = folder.join("mirror");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(place.join("targets")).unwrap();
    for (path, bytes) in &repository.served {
        std::fs::write(place.join(path), bytes).unwrap();
    }
    format!("file://{}", place.display())
}

/// A repository of the services' files, whose first root is in the folder.
fn repository(folder: &Path) -> Repository {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let repository = Repository::new(&[
        ("trusted_root.json", &read("trusted_root.json")),
        ("signing_config.v0.2.json", &read("signing_config.json")),
    ]);
    std::fs::write(folder.join("tuf_root.json"), &repository.served["1.root.json"]).unwrap();
    repository
}

#[test]
fn what_is_renewed_is_kept_as_cosign_keeps_it_and_serves_where_no_flag_names_another() {
    let folder = folder();
    let path = folder.path();
    let mirror = format!("{}/tuf", services().0);
    let config = ["--signing-config", "signing_config.json", "--identity-token", "token"];
    assert_eq!(sign(path, &[], &config).status, 0);
    assert!(
        verify_with_what_is_kept(path, &[], &[]).err.contains("log-unknown"),
        "what is built in knows nothing of it"
    );

    let done = initialize(path, &mirror, &[]);
    assert_eq!((done.status, done.out.as_str()), (0, ""), "{}", done.err);
    assert!(done.err.contains("Root version 1"), "{}", done.err);
    let kept = files(&path.join(".sigstore/root"));
    let name = services().0.strip_prefix("http://").unwrap().replace(':', "-");
    let below = |file: &str| format!("{name}-tuf/{file}");
    let mut names: Vec<_> = ["root.json", "timestamp.json", "snapshot.json", "targets.json"].map(below).into();
    names.extend([below("targets/trusted_root.json"), below("targets/signing_config.v0.2.json"), "remote.json".into()]);
    names.sort();
    assert_eq!(kept.keys().cloned().collect::<Vec<_>>(), names);
    assert_eq!(kept["remote.json"], format!("{{\"mirror\":\"{mirror}\"}}").into_bytes());
    assert_eq!(kept[&below("targets/trusted_root.json")], std::fs::read(path.join("trusted_root.json")).unwrap());

    assert_eq!(verify_with_what_is_kept(path, &[], &[]).err, "Verified OK\n");
    // And to sign: what services answer is held to it, and it says where they are.
    std::fs::remove_file(path.join("b.json")).unwrap();
    let signed =
        ["sign-blob", "--yes", "--bundle", "b.json", "--use-signing-config", "--identity-token", "token", "blob"];
    let signed = cosign(path, &[], &signed);
    assert_eq!(signed.status, 0, "{}", signed.err);
    assert_eq!(verify_with_what_is_kept(path, &[], &[]).status, 0);

    // A flag comes first.
    std::fs::write(
        path.join("none.json"),
        r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#,
    )
    .unwrap();
    assert!(verify_with_what_is_kept(path, &[], &["--trusted-root", "none.json"]).err.contains("log-unknown"));
    // TUF_ROOT is another place, and TUF_MIRROR another mirror.
    assert!(verify_with_what_is_kept(path, &[("TUF_ROOT", "elsewhere")], &[]).err.contains("log-unknown"));
    let other = verify_with_what_is_kept(path, &[("TUF_MIRROR", "https://other.example")], &[]);
    assert!(
        other.status == 1 && other.err.contains("cosign initialize --mirror https://other.example"),
        "{}",
        other.err
    );
    // The conformance suite's client is nobody's cache's.
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["sigstore", "verify-bundle", "--bundle", "b.json"]).args(identity(serve::EMAIL)).arg("blob");
    let judged = run(command.current_dir(path).env_clear().env("HOME", path));
    assert!(judged.err.contains("log-unknown"), "{}", judged.err);
}

#[test]
fn what_is_kept_and_over_or_rotten_could_not_be_told_and_names_the_way_out() {
    let folder = folder();
    let path = folder.path();
    let config = ["--signing-config", "signing_config.json", "--identity-token", "token"];
    assert_eq!(sign(path, &[], &config).status, 0);
    let mut made = repository(path);
    let address = mirror(path, &made);
    assert_eq!(initialize(path, &address, &[]).status, 0);
    assert_eq!(verify_with_what_is_kept(path, &[], &[]).status, 0);
    let place = path.join(".sigstore/root");
    let kept = files(&place);
    let prefix = kept.keys().find_map(|name| name.strip_suffix("/root.json")).unwrap().to_owned();
    let refused = |what: &str, words: &str| {
        let said = verify_with_what_is_kept(path, &[], &[]);
        assert!(
            said.status == 1 && said.err.contains(words) && said.err.contains("cosign initialize"),
            "{what}: {} {}",
            said.status,
            said.err
        );
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(place.join(name), bytes).unwrap();
    for name in ["root.json", "timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json"] {
        let name = format!("{prefix}/{name}");
        for (rotten, words) in [(&b"{}"[..], "not to be believed"), (&kept[&name][..20], "not to be believed")] {
            write(&name, rotten);
            refused(&name, words);
        }
        std::fs::remove_file(place.join(&name)).unwrap();
        refused(&name, if name.contains("targets/") { "could not find" } else { "metadata-missing" });
        write(&name, &kept[&name]);
    }
    write("remote.json", b"{");
    refused("remote.json", "names no mirror");
    write("remote.json", &kept["remote.json"]);
    // Whoever changes what is trusted has no key that signed it.
    let changed = String::from_utf8(kept[&format!("{prefix}/targets/trusted_root.json")].clone())
        .unwrap()
        .replace("2025", "2024");
    write(&format!("{prefix}/targets/trusted_root.json"), changed.as_bytes());
    refused("changed", "target-mismatch");

    // What is over.
    made.says.get_mut("timestamp").unwrap()["expires"] = "2020-01-01T00:00:00Z".into();
    made.publish();
    write(&format!("{prefix}/targets/trusted_root.json"), &kept[&format!("{prefix}/targets/trusted_root.json")]);
    write(&format!("{prefix}/timestamp.json"), &made.served["timestamp.json"]);
    write(&format!("{prefix}/snapshot.json"), &made.served["1.snapshot.json"]);
    write(&format!("{prefix}/targets.json"), &made.served["1.targets.json"]);
    refused("over", "metadata-expired");
    // A key by itself needs nobody else.
    let alone = sign(path, &[], &["--key", "cosign.key", "--tlog-upload=false"]);
    assert_eq!(alone.status, 0, "{}", alone.err);
    let verified = cosign(
        path,
        &[],
        &["verify-blob", "--bundle", "b.json", "--key", "cosign.pub", "--insecure-ignore-tlog", "blob"],
    );
    assert_eq!(verified.status, 0, "{}", verified.err);
}

#[test]
fn a_timestamp_beside_a_keys_signature_is_held_to_what_was_fetched() {
    let folder = folder();
    let path = folder.path();
    let stamps = format!("{}/api/v1/timestamp", services().0);
    let signed = sign(path, &[], &["--key", "cosign.key", "--tlog-upload=false", "--timestamp-server-url", &stamps]);
    assert_eq!(signed.status, 0, "{}", signed.err);
    let bundle: serde_json::Value = serde_json::from_slice(&std::fs::read(path.join("b.json")).unwrap()).unwrap();
    let stamp = &bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    std::fs::write(path.join("stamp.tsr"), world::unb64(stamp)).unwrap();
    std::fs::write(path.join("sig"), bundle["messageSignature"]["signature"].as_str().unwrap()).unwrap();
    let words = ["--key", "cosign.pub", "--insecure-ignore-tlog", "--signature", "sig"];
    let judged = |command: &str, more: &[&str]| {
        cosign(path, &[("TUF_ROOT", "fetched")], &[&[command], &words[..], more, &["blob"]].concat())
    };
    let stamped = ["--rfc3161-timestamp", "stamp.tsr"];
    let built_in = judged("verify-blob", &stamped);
    assert!(built_in.status == 1 && built_in.err.contains("time-missing"), "{}", built_in.err);

    let mut made = repository(path);
    let address = mirror(path, &made);
    let more = ["initialize", "--mirror", &address, "--root", "tuf_root.json"];
    assert_eq!(cosign(path, &[("TUF_ROOT", "fetched")], &more).status, 0);
    let verified = judged("verify-blob", &stamped);
    assert!(verified.status == 0 && verified.err.ends_with("Verified OK\n"), "{}", verified.err);

    let refused = |why: &str| {
        for command in ["verify-blob", "verify-blob-attestation"] {
            let run = judged(command, &stamped);
            assert!(run.status == 1 && run.err.contains(why), "{command}: {}", run.err);
        }
        // A key by itself needs nobody else.
        assert_eq!(judged("verify-blob", &[]).status, 0);
    };
    let place = path.join("fetched");
    let kept = files(&place);
    let prefix = kept.keys().find_map(|name| name.strip_suffix("/root.json")).unwrap();
    let root = format!("{prefix}/targets/trusted_root.json");
    std::fs::write(place.join(&root), String::from_utf8_lossy(&kept[&root]).replace("2025", "2024")).unwrap();
    refused("target-mismatch");
    std::fs::write(place.join(&root), &kept[&root]).unwrap();
    made.says.get_mut("timestamp").unwrap()["expires"] = "2020-01-01T00:00:00Z".into();
    made.publish();
    for (name, served) in
        [("timestamp", "timestamp.json"), ("snapshot", "1.snapshot.json"), ("targets", "1.targets.json")]
    {
        std::fs::write(place.join(format!("{prefix}/{name}.json")), &made.served[served]).unwrap();
    }
    refused("metadata-expired");
}

#[test]
fn nothing_is_kept_of_what_is_not_believed_and_nothing_replaced_by_what_is_older() {
    let folder = folder();
    let path = folder.path();
    let place = path.join(".sigstore/root");
    let mut made = repository(path);
    let refused = |made: &Repository, why: &str| {
        let before = files(&place);
        let address = mirror(path, made);
        let said = initialize(path, &address, &[]);
        assert!(said.status == 1 && said.err.contains(why), "{why}: {} {}", said.status, said.err);
        assert_eq!(files(&place), before, "{why}");
    };
    let good = made.served.clone();
    for (name, bytes, why) in [
        ("timestamp.json", &b"{}"[..], "malformed"),
        ("timestamp.json", &[b' '; 20_000], "too-large"),
        ("2.root.json", &good["1.root.json"], "metadata-rollback"),
        ("1.snapshot.json", &good["1.targets.json"], "metadata-mismatch"),
    ] {
        made.served.insert(name.into(), bytes.to_vec());
        refused(&made, why);
        made.served = good.clone();
    }
    assert!(!place.exists());
    for (kind, expires) in [("timestamp", "2020-01-01T00:00:00Z"), ("targets", "2020-01-01T00:00:00Z")] {
        made.says.get_mut(kind).unwrap()["expires"] = expires.into();
        made.publish();
        refused(&made, "metadata-expired");
        made.says.get_mut(kind).unwrap()["expires"] = tuf::GOOD_UNTIL.into();
        made.publish();
    }
    // What is signed and no trusted root is none.
    made.replace("trusted_root.json", b"{}");
    refused(&made, "trusted_root.json");
    let without = Repository::new(&[("rekor.pub", b"a key")]);
    std::fs::write(path.join("tuf_root.json"), &without.served["1.root.json"]).unwrap();
    refused(&without, "publishes no trusted_root.json");

    let mut made = repository(path);
    let address = mirror(path, &made);
    assert_eq!(initialize(path, &address, &[]).status, 0);
    let old = made.served.clone();
    made.replace("trusted_root.json", &std::fs::read(path.join("trusted_root.json")).unwrap());
    let address = mirror(path, &made);
    assert_eq!(initialize(path, &address, &[]).status, 0, "the same again is newer");
    made.served = old;
    refused(&made, "metadata-rollback");
    assert!(files(&place).keys().all(|name| !name.contains("/.")), "no half-written file stays");
}

#[test]
fn the_first_root_is_a_file_or_an_address_and_is_held_to_its_digest() {
    let folder = folder();
    let path = folder.path();
    let (base, known) = services();
    let mirror = format!("{base}/tuf");
    let root = std::fs::read(known.join("tuf_root.json")).unwrap();
    let digest = tuf::digest(&root);
    let address = format!("{mirror}/1.root.json");
    let wrong = "0".repeat(64);
    let variable = [("ROOT", std::str::from_utf8(&root).unwrap())];
    for (root, more, status, words) in [
        ("tuf_root.json", &["--root-checksum", &digest][..], 0, "Root version 1"),
        (&address, &["--root-checksum", &digest.to_uppercase()], 0, "Root version 1"),
        (&address, &[], 0, "without providing its checksum is deprecated"),
        ("env://ROOT", &[], 0, "Root version 1"),
        ("tuf_root.json", &["--root-checksum", &wrong], 1, "incorrect checksum"),
        ("tuf_root.json", &["--root-checksum", "md5:00"], 1, "unsupported checksum algorithm: md5"),
        ("env://NO_SUCH", &[], 1, "env var $NO_SUCH not found"),
        ("ftp://x/root.json", &[], 1, "unrecognized scheme"),
        ("no-such-file", &[], 1, "no-such-file"),
        ("blob", &[], 1, "malformed"),
        ("tuf_root.json", &["--staging"], 1, "--staging"),
    ] {
        let done = cosign(path, &variable, &[&["initialize", "--mirror", &mirror, "--root", root], more].concat());
        assert_eq!((done.status, done.err.contains(words)), (status, true), "{root} {more:?}: {}", done.err);
    }
    let done = cosign(path, &[], &["initialize", "--root-checksum", &digest]);
    assert!(done.status == 1 && done.err.contains("none is named"), "{}", done.err);
    // With Sigstore's own root, this world's mirror is not believed; nor is one that answers something else, or sends us elsewhere.
    let done = cosign(path, &[], &["initialize", "--mirror", &mirror]);
    assert!(done.status == 1 && done.err.contains("metadata-"), "{}", done.err);
    for (fault, words) in [("redirect", "302"), ("html", "malformed"), ("refuse", "no [2J such luck")] {
        let done = initialize(path, &format!("{base}/fault/{fault}/tuf"), &[]);
        assert!(done.status == 1 && done.err.contains(words), "{fault}: {}", done.err);
    }
    for (mirror, words) in
        [("nowhere", "address"), ("ftp://x", "HTTPS or HTTP"), ("file:///no/such/folder", "metadata-missing")]
    {
        let done = initialize(path, mirror, &[]);
        assert!(done.status == 1 && done.err.contains(words), "{mirror}: {}", done.err);
    }
}

/// A store that may not be listed says 403 of what is not there.
#[test]
fn a_mirror_that_refuses_what_is_not_there_is_one_and_one_that_refuses_what_is_is_none() {
    let folder = folder();
    let path = folder.path();
    let made = repository(path);
    let served = |hidden: &'static str| {
        let files = made.served.clone();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            use std::io::{BufRead as _, Write as _};
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = std::io::BufReader::new(&stream).lines().map_while(Result::ok);
                let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let name = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let found =
                    files.get(name.trim_start_matches('/')).filter(|_| hidden.is_empty() || !name.contains(hidden));
                let (status, body) = found.map_or((403, &b"AccessDenied"[..]), |bytes| (200, bytes.as_slice()));
                let head =
                    format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        address
    };
    let done = initialize(path, &served(""), &[]);
    assert!(done.status == 0 && done.err.contains("Root version 1"), "{}", done.err);
    for hidden in ["timestamp.json", "snapshot.json", "targets.json", "trusted_root.json"] {
        let done = initialize(path, &served(hidden), &[]);
        assert_eq!(done.status, 1, "{hidden}: {}", done.err);
    }
}

#[test]
fn a_mirror_that_is_named_and_kept_nowhere_is_not_passed_by() {
    let folder = folder();
    let path = folder.path();
    let config = ["--signing-config", "signing_config.json", "--identity-token", "token"];
    assert_eq!(sign(path, &[], &config).status, 0);
    let verified = |mirror: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(["cosign", "verify-blob", "--bundle", "b.json"]).args(identity(serve::EMAIL)).arg("blob");
        command.current_dir(path).env_clear().stdin(Stdio::null());
        run(command.envs(mirror.map(|mirror| ("TUF_MIRROR", mirror))))
    };
    assert!(verified(None).err.contains("log-unknown"), "{}", verified(None).err);
    assert!(verified(Some("")).err.contains("log-unknown"));
    let named = verified(Some("https://tuf.example.com"));
    assert!(named.status == 1 && named.err.contains("TUF_ROOT names a folder"), "{}", named.err);
}
