//! Cosign's personality with a registry that takes what is pushed: attestations of images and files, and what is moved or removed with
//! an image. That the real one agrees is for scripts/peers/cosign.py to hold.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::{Run, run};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn digest(bytes: &[u8]) -> String {
    let bytes = plimsoll_trust::Hash::Sha256.of(bytes);
    format!("sha256:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// What a registry holds: manifests and blobs by repository and digest, tags.
#[derive(Default)]
struct Kept {
    things: BTreeMap<(String, String), (String, Vec<u8>)>,
    tags: BTreeMap<(String, String), String>,
    /// It answers this to whoever asks for referrers, or for a tag with signatures or attestations.
    refuses: Option<(&'static str, u16)>,
    /// It lists referrers by itself.
    lists: bool,
    /// It deletes by digest alone, as old ones do.
    by_digest: bool,
}

impl Kept {
    fn put(&mut self, repository: &str, kind: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.things.insert((repository.into(), digest.clone()), (kind.into(), bytes.to_vec()));
        digest
    }

    fn answer(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches("/v2/").rsplitn(3, '/').collect();
        let [name, what, repository] = parts.as_slice() else { return (200, String::new(), vec![]) };
        let at = |name: &str| ((*repository).to_owned(), name.to_owned());
        if let Some((what, status)) = self.refuses.filter(|_| method == "GET")
            && (path.contains(&format!("/{what}/")) || name.ends_with(what))
        {
            return (status, String::new(), format!("no {what} here").into_bytes());
        }
        match (method, *what) {
            ("GET", "referrers") if !self.lists => (404, String::new(), vec![]),
            ("GET", "referrers") => {
                let entries = self.things.iter().filter_map(|((of, digest), (kind, bytes))| {
                    let value: Value = serde_json::from_slice(bytes).ok()?;
                    let is_one = of == repository && value["subject"]["digest"] == *name;
                    is_one.then(|| json!({"mediaType": kind, "digest": digest, "size": bytes.len()}))
                });
                let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries.collect::<Vec<_>>()});
                (200, INDEX.into(), index.to_string().into_bytes())
            }
            ("POST", _) => (202, format!("Location: {}/x", path.trim_end_matches('/')), vec![]),
            ("PUT", "manifests") => {
                let digest = self.put(repository, kind, body);
                if !name.contains(':') {
                    self.tags.insert(at(name), digest);
                }
                (201, String::new(), vec![])
            }
            ("PUT", _) => {
                let repository = repository.trim_end_matches("/blobs");
                let digest = self.put(repository, "", body);
                assert!(query.replace("%3A", ":").contains(&digest), "{query}");
                (201, String::new(), vec![])
            }
            ("DELETE", _) if self.by_digest && !name.contains(':') => (405, String::new(), vec![]),
            ("DELETE", _) => {
                let gone = self.tags.remove(&at(name)).is_some() || self.things.remove(&at(name)).is_some();
                self.tags.retain(|_, digest| digest != name);
                (if gone { 202 } else { 404 }, String::new(), vec![])
            }
            _ => {
                let digest = self.tags.get(&at(name)).map_or(*name, String::as_str);
                let found = self.things.get(&at(digest));
                found.map_or((404, String::new(), vec![]), |(kind, bytes)| (200, kind.clone(), bytes.clone()))
            }
        }
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = vec![];
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        head.push(line);
    }
    let header = |name: &str| {
        let found =
            head.iter().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = head.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, kind, bytes) = kept.lock().unwrap().answer(method, path, &header("content-type"), &body);
    let kind = if kind.starts_with("Location") { kind } else { format!("Content-Type: {kind}") };
    write!(stream, "HTTP/1.1 {status} x\r\n{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len())?;
    if method != "HEAD" {
        stream.write_all(&bytes)?;
    }
    Ok(())
}

/// A registry, a folder with two keys, and an image.
struct World {
    kept: Arc<Mutex<Kept>>,
    host: String,
    folder: tempfile::TempDir,
    image: String,
}

impl World {
    fn new(lists: bool) -> World {
        let kept = Arc::new(Mutex::new(Kept { lists, ..Kept::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = serve(stream, &shared);
            }
        });
        let mut world = World { kept, host, folder: tempfile::tempdir().unwrap(), image: String::new() };
        world.image = world.put_image("v1", "one");
        for name in ["a", "b"] {
            world.ok(&["generate-key-pair", "--output-key-prefix", name]);
        }
        world
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// An image with one layer of this text; its digest.
    fn put_image(&self, tag: &str, text: &str) -> String {
        let mut kept = self.kept();
        let of = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
        let config = br#"{"architecture":"amd64","os":"linux"}"#;
        kept.put("app", "", config);
        kept.put("app", "", text.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": of("application/vnd.oci.image.config.v1+json", config),
            "layers": [of("application/vnd.oci.image.layer.v1.tar", text.as_bytes())]});
        let digest = kept.put("app", MANIFEST, manifest.to_string().as_bytes());
        kept.tags.insert(("app".into(), tag.into()), digest.clone());
        digest
    }

    /// An index of two images, for two platforms; its digest and theirs.
    fn put_index(&self, tag: &str) -> (String, [String; 2]) {
        let platforms = ["amd64", "arm64"];
        let images = platforms.map(|platform| self.put_image(&format!("{tag}-{platform}"), platform));
        let mut kept = self.kept();
        let entry = |(digest, architecture): (&String, &str)| {
            let size = kept.things[&("app".to_owned(), digest.clone())].1.len();
            json!({"mediaType": MANIFEST, "digest": digest, "size": size,
                "platform": {"os": "linux", "architecture": architecture}})
        };
        let entries: Vec<Value> = images.iter().zip(platforms).map(entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let digest = kept.put("app", INDEX, index.to_string().as_bytes());
        kept.tags.insert(("app".into(), tag.into()), digest.clone());
        (digest, images)
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.host)
    }

    fn cosign(&self, args: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        let home = self.folder.path();
        command.arg("cosign").args(args).current_dir(home).env_clear().env("HOME", home).stdin(Stdio::null());
        run(command.env("COSIGN_PASSWORD", "pw"))
    }

    fn ok(&self, args: &[&str]) -> String {
        let done = self.cosign(args);
        assert_eq!(done.status, 0, "{args:?}: {}", done.err);
        done.out
    }

    fn fails(&self, words: &str, args: &[&str]) {
        let done = self.cosign(args);
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{args:?}: {}", done.err);
        assert!(done.err.contains(words), "{args:?}: {}", done.err);
    }

    fn attest(&self, key: &str, form: &str, kind: &str, predicate: &str, more: &[&str]) {
        self.write("predicate", predicate);
        let (key, form, image) = (format!("{key}.key"), format!("--new-bundle-format={form}"), self.name("v1"));
        let mut args = vec!["attest", "--tlog-upload=false", &form, "--key", &key, "--type", kind];
        args.extend(["--predicate", "predicate"].iter().chain(more).chain([&image.as_str()]));
        self.ok(&args);
    }

    fn verify(&self, key: &str, kind: &str, image: &str, more: &[&str]) -> Run {
        let key = format!("{key}.pub");
        let mut args = vec!["verify-attestation", "--insecure-ignore-tlog", "--key", &key, "--type", kind];
        args.extend(more.iter().chain([&image]));
        self.cosign(&args)
    }

    /// How many layers a derived tag has.
    fn layers(&self, repository: &str, suffix: &str) -> usize {
        let kept = self.kept();
        let tag = format!("{}.{suffix}", self.image.replace(':', "-"));
        let Some(digest) = kept.tags.get(&(repository.into(), tag)) else { return 0 };
        let manifest = &kept.things[&(repository.to_owned(), digest.clone())].1;
        serde_json::from_slice::<Value>(manifest).unwrap()["layers"].as_array().unwrap().len()
    }
}

#[test]
fn what_is_attested_is_verified_by_its_key_its_type_and_of_its_image_alone() {
    for (lists, form) in [(false, "false"), (false, "true"), (true, "true")] {
        let world = World::new(lists);
        let image = world.name("v1");
        let nothing = world.verify("a", "custom", &image, &[]);
        assert!(nothing.status == 1 && nothing.err.contains("no attestations found"), "{}", nothing.err);
        world.attest("a", form, "cyclonedx", r#"{"bomFormat":"CycloneDX"}"#, &[]);
        world.attest("a", form, "custom", "words", &[]);
        let found = world.verify("a", "cyclonedx", &image, &[]);
        assert_eq!((found.status, found.out.lines().count()), (0, 1), "{}", found.err);
        let envelope: Value = serde_json::from_str(&found.out).unwrap();
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        assert_eq!(world.verify("a", "https://cyclonedx.org/bom", &image, &[]).status, 0);
        world.put_image("v2", "two");
        for (key, kind, image, words) in [
            ("b", "cyclonedx", &image, "no matching attestations"),
            ("a", "vuln", &image, "none of the attestations matched the predicate type"),
            ("a", "cyclonedx", &world.name("v2"), "no attestations found"),
        ] {
            let done = world.verify(key, kind, image, &[]);
            assert_eq!((done.status, done.out.as_str()), (1, ""), "{words}: {}", done.err);
            assert!(done.err.contains(words), "{words}: {}", done.err);
        }
        let none = world.verify("a", "custom", &world.name("none"), &[]);
        assert!(none.status == 1 && none.err.contains("image tag not found"), "{}", none.err);
        world.fails("--key", &["verify-attestation", &image]);
        let logged = world.cosign(&["verify-attestation", "--key", "a.pub", "--type", "custom", &image]);
        assert!(logged.status == 1 && logged.err.contains("log-entry-missing"), "{}", logged.err);
        // Neither is a signature, whoever signed it.
        let signed = world.cosign(&["verify", "--insecure-ignore-tlog", "--key", "a.pub", &image]);
        assert!(matches!(signed.status, 10 | 12), "{}", signed.err);
    }
}

#[test]
fn policies_are_asked_about_each_statement_of_the_type() {
    let world = World::new(true);
    let image = world.name("v1");
    world.attest("a", "true", "https://example.com/p", r#"{"ok":true}"#, &[]);
    world.write("ok.rego", "package signature\nallow { input.predicate.ok; input.subject[0].name }");
    let asked = || world.verify("a", "https://example.com/p", &image, &["--policy", "ok.rego"]);
    assert_eq!(asked().status, 0, "{}", asked().err);
    world.attest("a", "false", "https://example.com/p", r#"{"ok":false}"#, &[]);
    let done = asked();
    assert_eq!((done.status, done.out.as_str()), (1, ""), "{}", done.err);
    assert!(done.err.contains("1 validation errors occurred"), "{}", done.err);
    let cue = world.verify("a", "custom", &image, &["--policy", "a.cue"]);
    assert!(cue.status == 1 && cue.err.contains("CUE is not spoken"), "{}", cue.err);
}

#[test]
fn what_is_attested_of_one_image_does_not_pass_for_another_and_replacing_keeps_other_types() {
    let world = World::new(false);
    for (kind, more) in [("custom", &[][..]), ("vuln", &[]), ("vuln", &[]), ("vuln", &["--replace"])] {
        world.attest("a", "false", kind, "{}", more);
    }
    assert_eq!(world.layers("app", "att"), 2);
    let other = world.put_image("v2", "two");
    {
        let mut kept = world.kept();
        let tag = |digest: &str| ("app".to_owned(), format!("{}.att", digest.replace(':', "-")));
        let moved = kept.tags[&tag(&world.image)].clone();
        kept.tags.insert(tag(&other), moved);
    }
    let there = world.name("v2");
    let done = world.verify("a", "vuln", &there, &[]);
    assert!(done.status == 1 && done.err.contains("artifact-mismatch"), "{}", done.err);
    assert_eq!(world.verify("a", "vuln", &there, &["--check-claims=false"]).status, 0);
    assert_eq!(world.verify("b", "vuln", &there, &["--check-claims=false"]).status, 1);
}

#[test]
fn files_are_attested_in_both_forms() {
    let world = World::new(false);
    world.write("blob", "blob");
    world.write("other", "other");
    world.write("p.json", r#"{"buildDefinition":{},"runDetails":{}}"#);
    let attest =
        ["attest-blob", "--tlog-upload=false", "--key", "a.key", "--type", "slsaprovenance1", "--predicate", "p.json"];
    let verify = ["verify-blob-attestation", "--insecure-ignore-tlog", "--key", "a.pub", "--type", "slsaprovenance1"];
    for (form, out, given) in [
        ("--new-bundle-format=true", "--bundle", "--bundle"),
        ("--new-bundle-format=false", "--output-signature", "--signature"),
    ] {
        world.ok(&[&attest[..], &[form, out, "made", "blob"]].concat());
        let asked = [&verify[..], &[given, "made"]].concat();
        world.ok(&[&asked[..], &["blob"]].concat());
        let hex = &digest(b"blob")["sha256:".len()..];
        world.ok(&[&asked[..], &["--digest", hex, "--digestAlg", "sha256"]].concat());
        world.ok(&[&asked[..], &["--check-claims=false", "other"]].concat());
        world.fails("artifact-mismatch", &[&asked[..], &["other"]].concat());
        let of_another = ["verify-blob-attestation", "--insecure-ignore-tlog", "--key", "a.pub", given, "made", "blob"];
        world.fails("predicate-type", &of_another);
        world.fails("name the file", &asked);
    }
    world.write("empty.json", "{}");
    let of = ["attest-blob", "--tlog-upload=false", "--key", "a.key", "--bundle", "x"];
    world.fails("statement-malformed", &[&of[..], &["--statement", "p.json", "blob"]].concat());
    let empty = ["--type", "slsaprovenance1", "--predicate", "empty.json", "blob"];
    world.fails("buildDefinition", &[&of[..], &empty].concat());
}

/// Signs and attests the image in both forms.
fn signed(world: &World) {
    let image = world.name("v1");
    for form in ["true", "false"] {
        let form = format!("--new-bundle-format={form}");
        world.ok(&["sign", "--tlog-upload=false", &form, "--key", "a.key", &image]);
        world.attest("a", &form["--new-bundle-format=".len()..], "custom", "words", &[]);
    }
    world.write("sbom.json", "{}");
    world.ok(&["attach", "sbom", "--type", "cyclonedx", "--sbom", "sbom.json", &image]);
}

/// Whether all of it verifies under that name.
fn verifies(world: &World, image: &str) -> Vec<i32> {
    let mut all = vec![];
    for form in ["true", "false"] {
        let form = format!("--new-bundle-format={form}");
        for command in ["verify", "verify-attestation"] {
            all.push(world.cosign(&[command, "--insecure-ignore-tlog", &form, "--key", "a.pub", image]).status);
        }
    }
    all
}

#[test]
fn what_belongs_to_an_image_goes_along_and_is_removed_after_a_question() {
    for lists in [false, true] {
        let world = World::new(lists);
        let image = world.name("v1");
        signed(&world);
        assert_eq!(verifies(&world, &image), [0, 0, 0, 0]);
        let copied = format!("{}/copied:v9", world.host);
        world.ok(&["copy", &image, &copied]);
        assert_eq!(verifies(&world, &copied), [0, 0, 0, 0], "copied, {lists}");
        assert_eq!(world.ok(&["download", "sbom", &copied]), "{}");
        // Again is nothing new; something else there is not overwritten unasked.
        world.ok(&["copy", &image, &copied]);
        world.put_image("v2", "two");
        world.fails("already exists", &["copy", &world.name("v2"), &copied]);
        world.ok(&["copy", "--force", &world.name("v2"), &copied]);
        let only = format!("{}/only:v1", world.host);
        world.ok(&["copy", "--only=att", &image, &only]);
        assert_eq!((world.layers("only", "att"), world.layers("only", "sig")), (1, 0));
        world.ok(&["save", "--dir", "layout", &image]);
        let loaded = format!("{}/loaded:v1", world.host);
        world.ok(&["load", "--dir", "layout", &loaded]);
        assert_eq!(verifies(&world, &loaded), [0, 0, 0, 0], "loaded, {lists}");
        assert_eq!(world.ok(&["download", "signature", &image]).lines().count(), 2);
        assert_eq!(world.ok(&["download", "attestation", "--predicate-type", "custom", &image]).lines().count(), 2);
        world.fails(
            "no attestations with predicate type",
            &["download", "attestation", "--predicate-type", "vuln", &image],
        );
        world.fails("declined", &["clean", &image]);
        world.ok(&["clean", "--force", "--type", "signature", &image]);
        assert_eq!(verifies(&world, &image), [0, 0, 10, 0], "{lists}");
        world.kept().by_digest = true;
        world.ok(&["clean", "--force", &image]);
        assert_eq!(verifies(&world, &image), [10, 1, 10, 1], "{lists}");
        world.fails("no sbom", &["download", "sbom", &image]);
    }
}

#[test]
fn a_layout_that_lies_or_leads_out_of_itself_is_not_loaded() {
    let world = World::new(false);
    signed(&world);
    world.ok(&["save", "--dir", "layout", &world.name("v1")]);
    let blob = |digest: &str| world.path("layout/blobs/sha256").join(&digest["sha256:".len()..]);
    let target = format!("{}/loaded:v1", world.host);
    let load = ["load", "--dir", "layout", &target];
    let layer = blob(&digest(b"one"));
    std::fs::write(&layer, "two").unwrap();
    world.fails("sha256:", &load);
    std::fs::remove_file(&layer).unwrap();
    world.write("outside", "one");
    std::os::unix::fs::symlink(world.path("outside"), &layer).unwrap();
    world.fails("outside the layout", &load);
    std::fs::remove_file(&layer).unwrap();
    world.fails("read", &load);
    std::fs::write(&layer, "one").unwrap();
    // An entry whose digest is a path is none.
    let index = world.path("layout/index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    let elsewhere = text.replacen(&world.image, "sha256:../../../outside", 1);
    assert_ne!(elsewhere, text);
    std::fs::write(&index, elsewhere).unwrap();
    world.fails("index.json", &load);
    std::fs::write(&index, text).unwrap();
    assert!(!world.kept().tags.contains_key(&("loaded".into(), "v1".into())));
    world.ok(&load);
    assert!(Path::new(&layer).exists());
    // What cannot be read may be a signature that would be left behind.
    let other = blob(&digest(b"nobody's"));
    std::os::unix::fs::symlink(world.path("outside"), &other).unwrap();
    world.fails("outside the layout", &load);
    std::fs::remove_file(&other).unwrap();
    std::fs::write(&other, "rotten").unwrap();
    world.fails("sha256:", &load);
    std::fs::remove_file(&other).unwrap();
    std::fs::create_dir(world.path("empty")).unwrap();
    world.write("empty/index.json", r#"{"schemaVersion":2,"manifests":[]}"#);
    world.fails("no image", &["load", "--dir", "empty", &target]);
}

#[test]
fn signatures_and_attestations_that_were_made_elsewhere_are_attached() {
    let world = World::new(true);
    let image = world.name("v1");
    world.write("predicate", "words");
    world.ok(&[
        "sign",
        "--tlog-upload=false",
        "--new-bundle-format=false",
        "--upload=false",
        "--key",
        "a.key",
        "--output-signature",
        "sig",
        "--output-payload",
        "payload",
        &image,
    ]);
    world.ok(&["attach", "signature", "--signature", "sig", "--payload", "payload", &image]);
    let classic = ["verify", "--insecure-ignore-tlog", "--new-bundle-format=false", "--key", "a.pub", &image];
    world.ok(&classic);
    let made = world.ok(&[
        "attest",
        "--tlog-upload=false",
        "--new-bundle-format=false",
        "--no-upload",
        "--key",
        "a.key",
        "--predicate",
        "predicate",
        &image,
    ]);
    world.write("envelopes", &format!("{made}{made}"));
    world.ok(&["attach", "attestation", "--attestation", "envelopes", &image]);
    assert_eq!(world.layers("app", "att"), 2);
    world.ok(&[
        "attest",
        "--tlog-upload=false",
        "--no-upload",
        "--bundle",
        "bundle",
        "--key",
        "a.key",
        "--predicate",
        "predicate",
        &image,
    ]);
    world.ok(&["attach", "attestation", "--attestation", "bundle", &image]);
    assert_eq!(verifies(&world, &image), [12, 0, 0, 0]);
    world.write("nothing", "");
    world.fails("neither a bundle nor an envelope", &["attach", "attestation", "--attestation", "nothing", &image]);
    world.write("bad", "*");
    world.fails("base64", &["attach", "signature", "--signature", "bad", &image]);
}

#[test]
fn images_of_manifests_and_dockerfiles_are_verified() {
    let world = World::new(true);
    let (image, other) = (world.name("v1"), world.name("v2"));
    world.put_image("v2", "two");
    world.ok(&["sign", "--tlog-upload=false", "--key", "a.key", &image]);
    let verify = ["verify", "--insecure-ignore-tlog", "--key", "a.pub"];
    let pod = |images: [&str; 2]| {
        let container = |(at, image): (usize, &&str)| format!("  - {{name: c{at}, image: {image}}}\n");
        let containers: String = images.iter().enumerate().map(container).collect();
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n{containers}")
    };
    world.write("good.yaml", &pod([&image, &image]));
    world.write("bad.yaml", &pod([&image, &other]));
    world.ok(&[&["manifest"], &verify[..], &["good.yaml"]].concat());
    assert_eq!(world.cosign(&[&["manifest"], &verify[..], &["bad.yaml"]].concat()).status, 10);
    world.write("empty.yaml", "a: 1\n");
    world.fails("no images found", &[&["manifest"], &verify[..], &["empty.yaml"]].concat());
    world.fails("manifests are supported", &[&["manifest"], &verify[..], &["good.json"]].concat());
    world.fails("images of registries", &[&["manifest"], &verify[..], &["--local-image", "good.yaml"]].concat());
    world.write("Dockerfile", &format!("FROM {other} AS build\nFROM {image}\nCOPY --from=build /x /x\n"));
    assert_eq!(world.cosign(&[&["dockerfile"], &verify[..], &["Dockerfile"]].concat()).status, 10);
    world.ok(&[&["dockerfile"], &verify[..], &["--base-image-only", "Dockerfile"]].concat());
}

#[test]
fn images_of_dockerfiles_are_those_that_a_builder_takes() {
    let world = World::new(true);
    let (image, other) = (world.name("v1"), world.name("v2"));
    world.put_image("v2", "two");
    world.ok(&["sign", "--tlog-upload=false", "--key", "a.key", &image]);
    let verify = ["dockerfile", "verify", "--insecure-ignore-tlog", "--key", "a.pub", "Dockerfile"];
    for text in [
        "RUN echo \\\\\nFROM OTHER",
        "FR\\\nOM OTHER",
        "COPY <<E /x\nFROM scratch AS OTHER\nE\nFROM OTHER",
        "RUN --mount=type=bind,From=OTHER true",
        "ONBUILD COPY --from=OTHER /x /x",
    ] {
        world.write("Dockerfile", &format!("FROM {image}\n{}\n", text.replace("OTHER", &other)));
        assert_eq!(world.cosign(&verify).status, 10, "{text}");
    }
    world.write("Dockerfile", &format!("# escape=`\nFROM {image}\nRUN dir C:\\\nFR`\nOM {other}\n"));
    assert_eq!(world.cosign(&verify).status, 10);
    world.write("Dockerfile", &format!("ARG I={other}\nFROM {image}\nARG I={image}\nFROM $I\n"));
    assert_eq!(world.cosign(&verify).status, 10);
    for text in [
        "COPY --chown=\"a b\" --from=OTHER /x /x",
        "COPY --\"from\"=OTHER /x /x",
        "COPY --from OTHER /x /x",
        "RUN --mount=type=bind,\"from=OTHER\" true",
        "FRON OTHER",
    ] {
        world.write("Dockerfile", &format!("FROM {image}\n{}\n", text.replace("OTHER", &other)));
        world.fails("line 2 of the Dockerfile", &verify);
    }
}

#[test]
fn images_of_typed_lists_and_of_volumes_are_verified() {
    let world = World::new(true);
    let (image, other) = (world.name("v1"), world.name("v2"));
    world.put_image("v2", "two");
    world.ok(&["sign", "--tlog-upload=false", "--key", "a.key", &image]);
    let verify = ["manifest", "verify", "--insecure-ignore-tlog", "--key", "a.pub", "m.yaml"];
    let good = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {{name: c, image: {image:?}}}\n");
    let list = |kind: &str, image: &str| {
        let items = format!("- metadata: {{name: a}}\n  spec:\n    containers:\n    - {{name: c, image: {image:?}}}\n");
        format!("{good}---\napiVersion: v1\nkind: {kind}\nitems:\n{items}")
    };
    world.write("m.yaml", &list("PodList", &image));
    world.ok(&verify);
    world.write("m.yaml", &list("PodList", &other));
    assert_eq!(world.cosign(&verify).status, 10);
    world.write("m.yaml", &list("List", &other));
    world.fails("could not tell what an item of List/unnamed is", &verify);
    let volume = format!("  volumes:\n  - {{name: v, image: {{reference: {other:?}}}}}\n");
    world.write("m.yaml", &format!("{good}{volume}"));
    assert_eq!(world.cosign(&verify).status, 10);
}

#[test]
fn what_services_vouch_for_is_attested_in_the_classic_form_too() {
    let world = World::new(true);
    let (base, folder) = crate::keyless::services();
    for file in ["trusted_root.json", "token", "signing_config_v2.json"] {
        std::fs::copy(folder.join(file), world.path(file)).unwrap();
    }
    world.write("predicate", "{}");
    let image = world.name("v1");
    let attest = ["attest", "--yes", "--new-bundle-format=false", "--type", "cyclonedx", "--predicate", "predicate"];
    let trust = ["--trusted-root", "trusted_root.json"];
    let identity = |name| ["--certificate-identity", name, "--certificate-oidc-issuer", base];
    for (signer, verifier, other) in [
        (
            &["--fulcio-url", base, "--identity-token", "token"][..],
            &identity("somebody@example.com")[..],
            &identity("else@example.com")[..],
        ),
        (&["--key", "a.key"], &["--key", "a.pub"], &["--key", "b.pub"]),
    ] {
        world.ok(&[&attest[..], &trust, signer, &["--rekor-url", base, "--replace", &image]].concat());
        let start = ["verify-attestation", "--type", "cyclonedx", "--new-bundle-format=false"];
        let verify = |trust: &[&str], who: &[&str]| world.cosign(&[&start[..], trust, who, &[&image]].concat());
        let verified = verify(&trust, verifier);
        assert_eq!((verified.status, verified.out.contains("payload")), (0, true), "{}", verified.err);
        assert_eq!(verify(&trust, other).status, 1);
        // The log is one of that world's alone.
        let elsewhere = verify(&[], verifier);
        assert!(elsewhere.status == 1 && elsewhere.err.contains("log-unknown"), "{}", elsewhere.err);
    }
    let before = world.kept().tags.clone();
    let key = ["--key", "a.key"];
    let stamps = format!("{base}/api/v1/timestamp");
    world.fails(
        "Rekor 2",
        &[&attest[..], &trust, &key, &["--signing-config", "signing_config_v2.json", &image]].concat(),
    );
    world.fails(
        "disagree",
        &[&attest[..], &trust, &key, &["--rekor-url", base, "--timestamp-server-url", &stamps, &image]].concat(),
    );
    // What services answer is held to what is trusted, before anything is attached.
    world.fails("not believed", &[&attest[..], &key, &["--rekor-url", base, &image]].concat());
    assert_eq!(world.kept().tags, before);
    world.write("blob", "blob");
    let bare = ["attest-blob", "--yes", "--new-bundle-format=false", "--predicate", "predicate", "--rekor-url", base];
    world.fails("no place", &[&bare[..], &trust, &key, &["blob"]].concat());
}

/// The statuses of verifying a signature and an attestation of each name, in both forms.
fn held(world: &World, names: &[String]) -> Vec<Vec<i32>> {
    names.iter().map(|name| verifies(world, name)).collect()
}

#[test]
fn the_images_of_an_index_are_signed_and_attested_with_it_and_go_along() {
    let world = World::new(true);
    let (index, images) = world.put_index("multi");
    let at = |repository: &str, digest: &String| format!("{}/{repository}@{digest}", world.host);
    let name = at("app", &index);
    world.write("predicate", "words");
    for form in ["--new-bundle-format=true", "--new-bundle-format=false"] {
        let key = ["--tlog-upload=false", form, "--key", "a.key"];
        world.ok(&[&["sign"], &key[..], &["--recursive", &name]].concat());
        world.ok(&[&["attest"], &key[..], &["--recursive", "--predicate", "predicate", &name]].concat());
    }
    let all = |repository: &str| [&index, &images[0], &images[1]].map(|digest| at(repository, digest));
    assert_eq!(held(&world, &all("app")), vec![vec![0; 4]; 3]);
    // Whoever names one file for several is told so.
    world.fails(
        "one attestation",
        &[
            "attest",
            "--key",
            "a.key",
            "--tlog-upload=false",
            "--recursive",
            "--bundle",
            "b",
            "--predicate",
            "predicate",
            &name,
        ],
    );
    world.ok(&["copy", &name, &format!("{}/copied:v1", world.host)]);
    assert_eq!(held(&world, &all("copied")), vec![vec![0; 4]; 3]);
    // Of a platform there is its image alone, with what is its own.
    world.ok(&["copy", "--platform", "linux/arm64", &name, &format!("{}/arm:v1", world.host)]);
    assert_eq!(verifies(&world, &format!("{}/arm:v1", world.host)), [0; 4]);
    assert_eq!(world.kept().tags[&("arm".to_owned(), "v1".to_owned())], images[1]);
    assert!(!world.kept().things.contains_key(&("arm".to_owned(), images[0].clone())));
    world.fails("s390x", &["copy", "--platform", "linux/s390x", &name, &format!("{}/none:v1", world.host)]);
    // A layout has the index and its images, and what is the index's own.
    world.ok(&["save", "--dir", "layout", &name]);
    world.ok(&["load", "--dir", "layout", &format!("{}/loaded:v1", world.host)]);
    assert_eq!(held(&world, &all("loaded")), [[0, 0, 0, 0], [10, 1, 10, 1], [10, 1, 10, 1]].map(Vec::from).to_vec());
}

#[test]
fn what_is_downloaded_of_an_index_is_its_own_or_that_of_a_platforms_image() {
    let world = World::new(true);
    let (_, images) = world.put_index("multi");
    let name = world.name("multi");
    let arm = format!("{}/app@{}", world.host, images[1]);
    world.write("predicate", "words");
    world.ok(&["attest", "--tlog-upload=false", "--key", "a.key", "--predicate", "predicate", &arm]);
    world.write("sbom.json", "{}");
    world.ok(&[
        "attach",
        "sbom",
        "--registry-referrers-mode=legacy",
        "--type",
        "cyclonedx",
        "--sbom",
        "sbom.json",
        &arm,
    ]);
    let platform = ["--platform", "linux/arm64", &name];
    assert_eq!(world.ok(&[&["download", "attestation"], &platform[..]].concat()).lines().count(), 1);
    assert_eq!(world.ok(&[&["download", "sbom"], &platform[..]].concat()), "{}");
    assert_eq!(world.ok(&["download", "attestation", &name]), "");
    world.fails("no sbom", &["download", "sbom", &name]);
    world.fails("no sbom", &["download", "sbom", "--platform", "linux/amd64", &name]);
    world.fails("s390x", &["download", "sbom", "--platform", "linux/s390x", &name]);
    world
        .fails("at a tag alone", &["attach", "sbom", "--registry-referrers-mode=oci-1-1", "--sbom", "sbom.json", &arm]);
}

#[test]
fn both_forms_are_written_once_each_where_both_are_asked_for() {
    for lists in [false, true] {
        let world = World::new(lists);
        let image = world.name("v1");
        world.ok(&["sign", "--tlog-upload=false", "--format", "both", "--key", "a.key", "-a", "build=7", &image]);
        assert_eq!(world.layers("app", "sig"), 1);
        for form in ["--new-bundle-format=true", "--new-bundle-format=false"] {
            let verify = ["verify", "--insecure-ignore-tlog", form, "--key", "a.pub", "-a", "build=7", &image];
            assert_eq!(world.ok(&verify).matches("docker-manifest-digest").count(), 1, "{form}");
        }
        // One alone is one alone.
        world.put_image("v2", "two");
        world.ok(&["sign", "--tlog-upload=false", "--format", "classic", "--key", "a.key", &world.name("v2")]);
        assert_eq!(verifies(&world, &world.name("v2")), [10, 1, 0, 1]);
    }
    let world = World::new(true);
    let said =
        world.cosign(&["sign", "--key", "a.key", "--format", "both", "--new-bundle-format=false", &world.name("v1")]);
    assert!(said.status == 1 && said.err.contains("cannot be used with"), "{}", said.err);
}

#[test]
fn what_is_saved_is_verified_in_its_folder_without_a_registry() {
    let world = World::new(true);
    signed(&world);
    world.ok(&["save", "--dir", "layout", &world.name("v1")]);
    world.kept().things.clear();
    let verify = |command: &str, form: &str, key: &str| {
        let form = format!("--new-bundle-format={form}");
        world.cosign(&[command, "--local-image", "--insecure-ignore-tlog", &form, "--key", key, "layout"])
    };
    for form in ["true", "false"] {
        let found = verify("verify", form, "a.pub");
        assert_eq!(found.status, 0, "{form}: {}", found.err);
        assert!(found.out.contains(&world.image), "{}", found.out);
        assert_eq!(verify("verify", form, "b.pub").status, 12, "{form}");
        let found = verify("verify-attestation", form, "a.pub");
        assert_eq!((found.status, found.out.lines().count()), (0, 1), "{form}: {}", found.err);
        assert_eq!(verify("verify-attestation", form, "b.pub").status, 1, "{form}");
    }
    // The image is one of the layout's blobs: what rotted there is no answer.
    let blob = world.path("layout/blobs/sha256").join(&world.image["sha256:".len()..]);
    let text = std::fs::read_to_string(&blob).unwrap();
    std::fs::write(&blob, text.replace("amd64", "arm64").replace("schemaVersion", "schemaversion")).unwrap();
    let rotten = verify("verify", "true", "a.pub");
    assert_eq!((rotten.status, rotten.out.as_str()), (1, ""), "{}", rotten.err);
    std::fs::write(&blob, text).unwrap();
    // A payload that changed is none that was signed; it could not be read at all.
    let index: Value = serde_json::from_slice(&std::fs::read(world.path("layout/index.json")).unwrap()).unwrap();
    let of = |kind: &str| {
        let mut entries = index["manifests"].as_array().unwrap().iter();
        let entry =
            entries.find(|entry| entry["annotations"]["kind"] == format!("dev.cosignproject.cosign/{kind}")).unwrap();
        world.path("layout/blobs/sha256").join(&entry["digest"].as_str().unwrap()["sha256:".len()..])
    };
    let manifest: Value = serde_json::from_slice(&std::fs::read(of("sigs")).unwrap()).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let payload = world.path("layout/blobs/sha256").join(&layer["sha256:".len()..]);
    let bytes = std::fs::read(&payload).unwrap();
    std::fs::write(&payload, vec![b' '; bytes.len()]).unwrap();
    let rotten = verify("verify", "false", "a.pub");
    assert_eq!((rotten.status, rotten.out.as_str()), (1, ""), "{}", rotten.err);
    assert!(rotten.err.contains("could not tell"), "{}", rotten.err);
    world.fails("nowhere", &["verify", "--local-image", "--key", "a.pub", "nowhere"]);
}

#[test]
fn what_plimsoll_says_of_an_image_is_attested_and_comes_back_unchanged() {
    let world = World::new(true);
    let image = world.name("v1");
    world.write(
        "load-line.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: LoadLine\nimages:\n  - {name: all, match: [\"**\"]}\n",
    );
    let told = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(args).current_dir(world.folder.path()).env_clear().env("HOME", world.folder.path());
        run(command.env("CI", "true"))
    };
    let folder = world.path("tree");
    std::fs::create_dir(&folder).unwrap();
    let sbom = told(&["sbom", "-f", "cyclonedx", "tree"]);
    assert_eq!(sbom.status, 0, "{}", sbom.err);
    let report = told(&["fs", "-f", "json", "tree"]);
    for (kind, uri, text) in [
        ("cyclonedx", "https://cyclonedx.org/bom", sbom.out),
        ("https://plimsoll.dev/report/v1", "https://plimsoll.dev/report/v1", report.out),
    ] {
        let said: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{kind}: {error}: {text}"));
        for form in ["true", "false"] {
            world.attest("a", form, kind, &text, &[]);
            let form = format!("--new-bundle-format={form}");
            let found = world.verify("a", kind, &image, &[&form]);
            assert_eq!(found.status, 0, "{kind}: {}", found.err);
            let envelope: Value = serde_json::from_str(found.out.lines().next().unwrap()).unwrap();
            let payload = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                envelope["payload"].as_str().unwrap(),
            );
            let statement: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
            assert_eq!((&statement["predicateType"], &statement["predicate"]), (&json!(uri), &said), "{kind}");
            assert_eq!(statement["subject"][0]["digest"]["sha256"], world.image["sha256:".len()..]);
        }
    }
}

#[test]
fn what_is_generated_is_signed_elsewhere_and_attached() {
    let world = World::new(true);
    let image = format!("{}/app@{}", world.host, world.image);
    let payload = world.ok(&["generate", "-a", "build=7", &image]);
    assert_eq!(world.ok(&["generate", "-a", "build=7", &world.name("v1")]), payload);
    world.write("payload", &payload);
    let bare = [
        "sign-blob",
        "--tlog-upload=false",
        "--new-bundle-format=false",
        "--key",
        "a.key",
        "--output-signature",
        "sig",
    ];
    world.ok(&[&bare[..], &["payload"]].concat());
    world.ok(&["attach", "signature", "--payload", "payload", "--signature", "sig", &image]);
    let verify = ["verify", "--insecure-ignore-tlog", "--key", "a.pub", "-a", "build=7", &image];
    assert!(world.ok(&verify).contains(r#""build":"7""#));
}

#[test]
fn a_certificate_of_ones_own_lies_beside_the_signature_and_is_held_to_its_authority() {
    use crate::keyless::world::{
        CODE_SIGNING, Draft, ISSUER, Key, SINCE, UNTIL, authority, claim, key_ids, pem, purposes, usage,
    };
    let world = World::new(true);
    let [root, other] = [Key::new(), Key::new()];
    let spki = |name: &str| {
        let text = std::fs::read_to_string(world.path(name)).unwrap();
        let inner: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, inner).unwrap()
    };
    let made = |serial: u64, subject: &str, spki: Vec<u8>, extensions: Vec<Vec<u8>>| {
        let draft = Draft { serial, issuer: "own root", subject, valid: (SINCE, UNTIL), spki, extensions };
        pem("CERTIFICATE", &draft.signed(&root))
    };
    let email = crate::keyless::der::element(0x81, b"somebody@example.com");
    let name = crate::keyless::der::extension("2.5.29.17", false, &crate::keyless::der::sequence(&[email]));
    let for_code = || vec![usage(0x80), purposes(&[CODE_SIGNING], false), name.clone(), claim(8, ISSUER)];
    world.write(
        "root.pem",
        &made(1, "own root", root.spki(), [vec![authority(None), usage(0x06)], key_ids(&root, &root)].concat()),
    );
    world.write("a.pem", &made(2, "signer", spki("a.pub"), for_code()));
    world.write("b.pem", &made(3, "signer", spki("b.pub"), for_code()));
    let foreign = Draft {
        serial: 1,
        issuer: "own root",
        subject: "own root",
        valid: (SINCE, UNTIL),
        spki: other.spki(),
        extensions: vec![authority(None), usage(0x06)],
    };
    world.write("other.pem", &pem("CERTIFICATE", &foreign.signed(&other)));
    let image = world.name("v1");
    let sign = ["sign", "--tlog-upload=false", "--new-bundle-format=false", "--key", "a.key", "--certificate"];
    for (more, why) in [
        (&["b.pem"][..], "another key"),
        (&["a.pem", "--certificate-chain", "other.pem"], "not issued by"),
        (&["a.pub"], "a.pub"),
        (&["a.pem", "--format", "bundle"], "cannot be used with"),
    ] {
        let said = world.cosign(&[&sign[..], more, &[&image]].concat());
        assert!(said.status == 1 && said.err.contains(why), "{more:?}: {}", said.err);
    }
    let key = ["sign", "--key", "a.key", "--certificate", "a.pem"];
    world.fails("classic form", &[&key[..], &["--tlog-upload=false", &image]].concat());
    world.fails("--tlog-upload=false", &[&key[..], &["--yes", "--new-bundle-format=false", &image]].concat());
    assert_eq!(world.layers("app", "sig"), 0);
    world.ok(&[&sign[..], &["a.pem", "--certificate-chain", "root.pem", &image]].concat());
    let who = ["--certificate-identity", "somebody@example.com", "--certificate-oidc-issuer", ISSUER];
    let verify = |more: &[&str]| {
        let start = ["verify", "--insecure-ignore-tlog", "--insecure-ignore-sct"];
        world.cosign(&[&start[..], more, &[&image]].concat())
    };
    let by_name = [&who[..], &["--ca-roots", "root.pem"]].concat();
    let found = verify(&by_name);
    assert!(found.status == 0 && found.out.contains("somebody@example.com"), "{}", found.err);
    assert_eq!(verify(&["--key", "a.pub"]).status, 0);
    let foreign = verify(&[&who[..], &["--ca-roots", "other.pem"]].concat());
    assert!(foreign.status == 12 && foreign.err.contains("chain-untrusted"), "{}", foreign.err);
    let else_where = verify(&["--certificate-identity", "else@example.com", who[2], who[3], "--ca-roots", "root.pem"]);
    assert!(else_where.status == 12 && else_where.err.contains("identity-mismatch"), "{}", else_where.err);
}

/// One of the two forms cannot be read: what is good in the other is enough, and nothing good is "could not tell".
#[test]
fn a_form_that_cannot_be_read_does_not_hide_what_is_good_in_the_other() {
    let sign = ["sign", "--tlog-upload=false", "--key", "a.key"];
    let verify = ["verify", "--insecure-ignore-tlog", "--key"];
    for (form, hidden) in [("true", "sig"), ("false", "referrers")] {
        for status in [401, 403, 501] {
            let world = World::new(true);
            let (image, form) = (world.name("v1"), format!("--new-bundle-format={form}"));
            world.ok(&[&sign[..], &[&form, &image]].concat());
            world.kept().refuses = Some((hidden, status));
            world.ok(&[&verify[..], &["a.pub", &image]].concat());
            world.fails("could not tell whether a signature matches", &[&verify[..], &["b.pub", &image]].concat());
        }
    }
    for (form, hidden) in [("true", "att"), ("false", "referrers")] {
        let world = World::new(true);
        let image = world.name("v1");
        world.attest("a", form, "custom", "words", &[]);
        world.kept().refuses = Some((hidden, 403));
        assert_eq!(world.verify("a", "custom", &image, &[]).status, 0, "{hidden}");
        let other = world.verify("b", "custom", &image, &[]);
        assert!(
            other.status == 1 && other.err.contains("could not tell whether an attestation matches"),
            "{}",
            other.err
        );
        // A policy has to hold for all of them.
        world.write("ok.rego", "package signature\nallow { true }");
        let asked = world.verify("a", "custom", &image, &["--policy", "ok.rego"]);
        assert!(asked.status == 1 && asked.err.contains("could not tell whether the policy holds"), "{}", asked.err);
    }
}

/// More signatures of one form than are read: the other is read, and without a good one there it is a plain no.
#[test]
fn more_signatures_than_are_read_hide_none_of_the_other_form_and_leave_no_doubt() {
    let world = World::new(true);
    let image = world.name("v1");
    world.ok(&["sign", "--tlog-upload=false", "--new-bundle-format=true", "--key", "a.key", &image]);
    {
        let mut kept = world.kept();
        let layer = json!({"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": digest(b"{}"), "size": 2});
        kept.put("app", "", b"{}");
        let many = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2},
            "layers": vec![layer; 1_001]});
        let many = kept.put("app", MANIFEST, many.to_string().as_bytes());
        kept.tags.insert(("app".into(), format!("{}.sig", world.image.replace(':', "-"))), many);
    }
    let verify = |key: &str| world.cosign(&["verify", "--insecure-ignore-tlog", "--key", key, &image]);
    assert_eq!(verify("a.pub").status, 0, "{}", verify("a.pub").err);
    let none = verify("b.pub");
    assert!(none.status == 12 && none.err.contains("at most 1000 are read"), "{} {}", none.status, none.err);
}

/// A policy has to hold for all that is attested: what is pushed beside it hides nothing of it.
#[test]
fn more_attestations_than_are_read_keep_a_policy_from_being_held_for_all() {
    let world = World::new(true);
    let image = world.name("v1");
    world.attest("a", "true", "custom", "words", &[]);
    world.write("ok.rego", "package signature\nallow { true }");
    let asked = || world.verify("a", "custom", &image, &["--policy", "ok.rego"]);
    assert_eq!(asked().status, 0, "{}", asked().err);
    {
        let mut kept = world.kept();
        let layer = json!({"mediaType": "application/vnd.dsse.envelope.v1+json", "digest": digest(b"{}"), "size": 2});
        kept.put("app", "", b"{}");
        let many = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2},
            "layers": vec![layer; 1_001]});
        let many = kept.put("app", MANIFEST, many.to_string().as_bytes());
        kept.tags.insert(("app".into(), format!("{}.att", world.image.replace(':', "-"))), many);
    }
    assert!(asked().status == 1 && asked().err.contains("could not tell whether the policy holds"), "{}", asked().err);
    assert_eq!(world.verify("a", "custom", &image, &[]).status, 0);
}

/// The annotation that says what a bundle attests is anybody's word.
#[test]
fn case_20_a_predicate_type_that_an_annotation_claims_counts_for_nothing() {
    let world = World::new(true);
    let image = world.name("v1");
    world.attest("a", "true", "cyclonedx", r#"{"bomFormat":"CycloneDX"}"#, &[]);
    {
        let mut kept = world.kept();
        let refers = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).is_ok_and(|one| one["subject"].is_object());
        let (place, (kind, bytes)) = kept.things.iter().find(|(_, (_, bytes))| refers(bytes)).unwrap();
        let (place, kind, mut lying) = (place.clone(), kind.clone(), serde_json::from_slice::<Value>(bytes).unwrap());
        assert_eq!(lying["annotations"]["dev.sigstore.bundle.predicateType"], "https://cyclonedx.org/bom");
        lying["annotations"]["dev.sigstore.bundle.predicateType"] = "https://sigstore.dev/cosign/sign/v1".into();
        lying["annotations"]["dev.sigstore.bundle.content"] = "message-signature".into();
        kept.things.remove(&place);
        kept.put("app", &kind, lying.to_string().as_bytes());
    }
    let signed = world.cosign(&["verify", "--insecure-ignore-tlog", "--key", "a.pub", &image]);
    assert!(signed.status == 12 && signed.err.contains("no matching signatures"), "{} {}", signed.status, signed.err);
    assert_eq!(world.verify("a", "cyclonedx", &image, &[]).status, 0);
    let other = world.verify("a", "https://sigstore.dev/cosign/sign/v1", &image, &[]);
    assert!(other.status == 1 && other.err.contains("none of the attestations matched"), "{}", other.err);
}
