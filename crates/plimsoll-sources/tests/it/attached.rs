//! What is attached to images: read and written in both forms, and what a registry or whoever writes to it makes of that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use plimsoll_model::{Algorithm, Digest, ImageReference};
use plimsoll_sources::attached::{Holding, Kind, MAX_PAYLOAD, MAX_REFERRERS, MAX_REFERRERS_BYTES, index_tag, tag};
use plimsoll_sources::error::chain;
use plimsoll_sources::{Environment, NewLayer, NewReferrer, SourceOptions, Sources, hash};
use serde_json::{Value, json};

use crate::make::OCI_MANIFEST;
use crate::server::{Reply, Request, Server, reply};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.example.signature";

/// A registry that takes what is pushed.
#[derive(Default)]
struct Kept {
    /// By digest: media type and bytes.
    blobs: BTreeMap<String, (String, String)>,
    tags: BTreeMap<String, String>,
    /// It lists referrers.
    lists: bool,
}

impl Kept {
    fn put(&mut self, media_type: &str, text: &str) -> Digest {
        let digest = hash::digest(Algorithm::Sha256, text.as_bytes());
        self.blobs.insert(digest.to_string(), (media_type.into(), text.into()));
        digest
    }

    fn put_tag(&mut self, tag: &str, media_type: &str, value: &Value) -> Digest {
        let digest = self.put(media_type, &value.to_string());
        self.tags.insert(tag.into(), digest.to_string());
        digest
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.contains("/referrers/") {
            if !self.lists {
                return reply(404, "");
            }
            let entries: Vec<Value> = self
                .blobs
                .iter()
                .filter_map(|(digest, (media_type, text))| {
                    let value: Value = serde_json::from_str(text).ok()?;
                    (value["subject"]["digest"] == name)
                        .then(|| json!({"mediaType": media_type, "digest": digest, "size": text.len()}))
                })
                .collect();
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
            return reply(200, index.to_string()).with("Content-Type", OCI_INDEX);
        }
        match &*request.method {
            "POST" => reply(202, "").with("Location", "/v2/a/b/blobs/uploads/1"),
            "PUT" if path.contains("/manifests/") => {
                let digest = self.put(request.header("content-type"), &request.body);
                if !name.contains(':') {
                    self.tags.insert(name.into(), digest.to_string());
                }
                reply(201, "").with("Docker-Content-Digest", digest.to_string())
            }
            "PUT" => {
                let digest = self.put("", &request.body);
                assert!(query.replace("%3A", ":").contains(&digest.to_string()), "{query}");
                reply(201, "")
            }
            _ => {
                let digest = self.tags.get(name).map_or(name, String::as_str);
                match self.blobs.get(digest) {
                    Some((media_type, text)) => reply(200, text.clone()).with("Content-Type", media_type.clone()),
                    None => reply(404, ""),
                }
            }
        }
    }
}

struct World {
    kept: Arc<Mutex<Kept>>,
    server: Server,
    sources: Sources,
    image: Digest,
    _folder: tempfile::TempDir,
}

fn sources(folder: &Path) -> Sources {
    let options = SourceOptions {
        cache_dir: Some(folder.join("cache")),
        environment: Environment::default(),
        ..SourceOptions::default()
    };
    Sources::new(&options).unwrap()
}

/// A registry with one image.
fn world(lists: bool) -> World {
    let mut kept = Kept { lists, ..Kept::default() };
    let image = kept.put_tag("v1", OCI_MANIFEST, &manifest(&[], None));
    let kept = Arc::new(Mutex::new(kept));
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    let shared = Arc::clone(&kept);
    let server = Server::start(move |request| shared.lock().unwrap().answer(request));
    World { kept, server, sources, image, _folder: folder }
}

impl World {
    fn reference(&self) -> ImageReference {
        format!("{}/a/b:v1", self.server.host()).parse().unwrap()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn holding(&self) -> Holding {
        self.sources.holding(&self.reference()).unwrap()
    }

    fn referrers(&self) -> Vec<Result<String, String>> {
        let found = self.sources.referrers(&self.reference(), &self.image).unwrap().found;
        found.into_iter().map(|one| one.map(|one| one.digest.to_string()).map_err(|error| chain(&error))).collect()
    }

    fn failed_referrers(&self) -> String {
        chain(&self.sources.referrers(&self.reference(), &self.image).err().unwrap())
    }
}

fn manifest(layers: &[Value], subject: Option<&Digest>) -> Value {
    let config = hash::digest(Algorithm::Sha256, b"{}");
    let mut made = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": layers,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config.to_string(), "size": 2}});
    if let Some(subject) = subject {
        made["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject.to_string(), "size": 1});
    }
    made
}

fn layer(text: &str, of: &str) -> NewLayer {
    let annotations = BTreeMap::from([("signature".to_owned(), of.to_owned())]);
    NewLayer { media_type: LAYER.into(), annotations, bytes: text.into() }
}

#[test]
fn a_second_signature_is_added_and_the_first_one_stays() {
    let world = world(false);
    let (reference, image) = (world.reference(), &world.image);
    assert!(world.sources.attached(&reference, image, Kind::Signatures).unwrap().is_none());
    for (text, of) in [("first", "1"), ("second", "2"), ("second", "3")] {
        world.sources.attach(&reference, image, Kind::Signatures, &layer(text, of), &|_| false).unwrap();
    }
    let attached = world.sources.attached(&reference, image, Kind::Signatures).unwrap().unwrap();
    let read = |layer| String::from_utf8(attached.bytes(layer).unwrap()).unwrap();
    let found: Vec<_> =
        attached.found.layers.iter().map(|one| (read(one), one.annotations["signature"].clone())).collect();
    assert_eq!(
        found,
        [("first", "1"), ("second", "2"), ("second", "3")].map(|(text, of)| (text.to_owned(), of.to_owned()))
    );
    assert!(world.sources.attached(&reference, image, Kind::Attestations).unwrap().is_none());
    // Others read such a manifest as an image: it has a configuration that counts its layers.
    let kept = world.kept();
    let config: Value = serde_json::from_str(&kept.blobs[&attached.found.config.digest.to_string()].1).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
    assert_eq!(
        kept.tags.keys().filter(|name| name.ends_with(".sig")).collect::<Vec<_>>(),
        [&tag(image, Kind::Signatures)]
    );
}

#[test]
fn a_referrer_is_found_whether_or_not_the_registry_lists_it() {
    for lists in [true, false] {
        let world = world(lists);
        let new = |text: &str| NewReferrer {
            artifact_type: LAYER.into(),
            annotations: BTreeMap::from([("a".into(), text.into())]),
            layer: NewLayer { annotations: BTreeMap::new(), ..layer(text, "") },
        };
        let made: Vec<String> = ["first", "second"]
            .map(|text| world.sources.refer(&world.reference(), &world.holding(), &new(text)).unwrap().to_string())
            .to_vec();
        let mut found: Vec<String> = world.referrers().into_iter().map(Result::unwrap).collect();
        found.sort();
        let mut wanted = made.clone();
        wanted.sort();
        assert_eq!(found, wanted);
        let attached = world.sources.referrers(&world.reference(), &world.image).unwrap();
        let texts: Vec<Vec<u8>> =
            attached.found.iter().map(|one| attached.bytes(&one.as_ref().unwrap().layers[0]).unwrap()).collect();
        assert!(texts.contains(&b"first".to_vec()) && texts.contains(&b"second".to_vec()));
        assert_eq!(
            world.kept().tags.contains_key(&index_tag(&world.image)),
            !lists,
            "an index where there is no list alone"
        );
        // The same again is there already.
        world.sources.refer(&world.reference(), &world.holding(), &new("second")).unwrap();
        assert_eq!(world.referrers().len(), 2);
    }
}

#[test]
fn case_15_endless_layers_payloads_and_lists_end() {
    let world = world(false);
    let (reference, name) = (world.reference(), tag(&world.image, Kind::Signatures));
    let entry = json!({"mediaType": LAYER, "digest": world.image.to_string(), "size": 3});
    world.kept().put_tag(&name, OCI_MANIFEST, &manifest(&vec![entry.clone(); 1_001], None));
    let error = world.sources.attached(&reference, &world.image, Kind::Signatures).err().unwrap();
    assert!(chain(&error).contains("it has 1001 layers; at most 1000 are read"), "{}", chain(&error));
    world.kept().put_tag(&name, OCI_MANIFEST, &manifest(&vec![entry.clone(); 1_000], None));
    let full = world.sources.attach(&reference, &world.image, Kind::Signatures, &layer("x", "1"), &|_| false);
    assert!(chain(&full.unwrap_err()).contains("1000 layers already"));
    let large = json!({"mediaType": LAYER, "digest": world.image.to_string(), "size": MAX_PAYLOAD + 1});
    world.kept().put_tag(&name, OCI_MANIFEST, &manifest(&[large], None));
    let attached = world.sources.attached(&reference, &world.image, Kind::Signatures).unwrap().unwrap();
    let error = attached.bytes(&attached.found.layers[0]).unwrap_err();
    assert!(chain(&error).contains("larger than the 134217728 bytes"), "{}", chain(&error));
    // An index with more entries than are read, and one with more than are looked at.
    let entries = |count: usize| {
        let entry = |at: usize| json!({"mediaType": OCI_MANIFEST, "digest": hash::digest(Algorithm::Sha256, &at.to_be_bytes()).to_string(), "size": 3});
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": (0..count).map(entry).collect::<Vec<_>>()})
    };
    world.kept().put_tag(&index_tag(&world.image), OCI_INDEX, &entries(10_001));
    assert!(world.failed_referrers().contains("at most 10000 are read"), "{}", world.failed_referrers());
    world.kept().put_tag(&index_tag(&world.image), OCI_INDEX, &entries(MAX_REFERRERS + 1));
    let found = world.sources.referrers(&reference, &world.image).unwrap().found;
    let error = found.last().and_then(|last| last.as_ref().err()).map(|error| chain(error)).unwrap();
    assert!(found.len() == MAX_REFERRERS + 1 && error.contains("more than 1000"), "{}: {error}", found.len());
}

/// A registry that is not well says nothing of what was pushed, whatever it says.
#[test]
fn a_list_that_is_not_whole_and_a_service_that_is_not_there_are_no_absence() {
    let folder = tempfile::tempdir().unwrap();
    let image = hash::digest(Algorithm::Sha256, b"an image");
    let list = |body: &str| reply(200, body).with("Content-Type", OCI_INDEX);
    let empty = r#"{"schemaVersion":2,"manifests":[]}"#.to_owned();
    let asked = |server: &Server| {
        let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
        let found = sources(folder.path()).referrers(&reference, &image);
        found.map(|found| found.found.len()).map_err(|error| (error.is_of_content(), chain(&error)))
    };
    for body in ["", "{", r#"{"errors":[]}"#, r#"{"manifests":{}}"#] {
        let server = Server::start(move |_| list(body));
        let (of_content, words) = asked(&server).unwrap_err();
        assert!(!of_content, "{body}: {words}");
    }
    for status in [400, 404, 405, 406] {
        let first = empty.clone();
        let server = Server::start(move |request| match request.path.contains("more") {
            true => reply(status, ""),
            false if request.path.contains("/referrers/") => {
                list(&first).with("Link", "</v2/a/b/referrers/more?page=2>; rel=\"next\"")
            }
            false => reply(404, ""),
        });
        let (of_content, words) = asked(&server).unwrap_err();
        assert!(!of_content && words.contains("its page 2 is not there"), "{status}: {words}");
    }
    // The one who gives out tokens is gone.
    let realm = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&realm);
    let server = Server::start(move |request| match request.path.contains("/token") {
        true => reply(404, "no such service"),
        false => reply(401, "").with("WWW-Authenticate", format!("Bearer realm=\"{}\"", told.lock().unwrap())),
    });
    *realm.lock().unwrap() = format!("http://{}/token", server.host());
    let (of_content, words) = asked(&server).unwrap_err();
    assert!(!of_content && words.contains("404"), "{words}");
    let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
    let error = sources(folder.path()).attached(&reference, &image, Kind::Signatures).err().unwrap();
    assert!(!error.is_of_content(), "{}", chain(&error));
}

#[test]
fn a_size_that_is_a_lie_is_told_from_words_in_a_layers_place() {
    let folder = tempfile::tempdir().unwrap();
    let (image, payload) = (hash::digest(Algorithm::Sha256, b"an image"), hash::digest(Algorithm::Sha256, b"true"));
    let parted = |body: &str| {
        let body = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        reply(200, body).with("Transfer-Encoding", "chunked")
    };
    type Answer = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: [(Answer, bool); 4] = [
        (Box::new(|| reply(200, "true")), true),
        (Box::new(move || parted("true")), true),
        (Box::new(|| reply(200, "soon")), false),
        (Box::new(move || parted("soon")), false),
    ];
    for (at, (answer, of_content)) in cases.into_iter().enumerate() {
        let entry = json!({"mediaType": LAYER, "digest": payload.to_string(), "size": 5});
        let list = manifest(&[entry], None).to_string();
        let server = Server::start(move |request| match request.path.contains("/blobs/") {
            true => answer(),
            false => reply(200, list.clone()).with("Content-Type", OCI_MANIFEST),
        });
        let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
        let attached = sources(folder.path()).attached(&reference, &image, Kind::Signatures).unwrap().unwrap();
        let error = attached.bytes(&attached.found.layers[0]).unwrap_err();
        assert_eq!(error.is_of_content(), of_content, "{at}: {}", chain(&error));
    }
}

/// What whoever may push can bring about is told from what they cannot.
#[test]
fn what_lies_in_what_somebody_put_there_is_told_from_what_could_not_be_had() {
    let world = world(false);
    let (reference, name) = (world.reference(), tag(&world.image, Kind::Signatures));
    let content = |what: &str| {
        let found = world.sources.referrers(&reference, &world.image);
        let error = match found {
            Err(error) => error,
            Ok(found) => found.found.into_iter().find_map(Result::err).unwrap_or_else(|| panic!("{what}")),
        };
        assert!(error.is_of_content(), "{what}: {}", chain(&error));
    };
    let index = index_tag(&world.image);
    let entry =
        |digest: &Digest, size: usize| json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size});
    let list = |entries: &[Value]| {
        let value = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        world.kept().put_tag(&index, OCI_INDEX, &value);
    };
    list(&[entry(&hash::digest(Algorithm::Sha256, b"gone"), 4)]);
    content("one that is not there");
    let stranger = world.kept().put(OCI_MANIFEST, "{}");
    list(&[entry(&stranger, 2)]);
    content("one that is no manifest");
    list(&[entry(&stranger, 3)]);
    content("one of another size");
    world.kept().put_tag(&index, OCI_MANIFEST, &manifest(&[], None));
    content("a list that is none");
    let many: Vec<Value> =
        (0..=MAX_REFERRERS).map(|at| entry(&hash::digest(Algorithm::Sha256, &at.to_be_bytes()), 3)).collect();
    list(&many);
    content("more than are read");
    let layer = |size: u64| {
        let payload = world.kept().put("", "true");
        let entry = json!({"mediaType": LAYER, "digest": payload.to_string(), "size": size});
        world.kept().put_tag(&name, OCI_MANIFEST, &manifest(&[entry], None));
        let attached = world.sources.attached(&reference, &world.image, Kind::Signatures).unwrap().unwrap();
        attached.bytes(&attached.found.layers[0]).map_err(|error| (error.is_of_content(), chain(&error)))
    };
    assert!(layer(4).is_ok());
    for size in [3, 5, MAX_PAYLOAD + 1] {
        let (of_content, words) = layer(size).unwrap_err();
        assert!(of_content, "{size}: {words}");
    }
    // A registry that is in trouble, does not let us in, or is none.
    let folder = tempfile::tempdir().unwrap();
    for (status, kind) in [(401, ""), (403, ""), (500, ""), (200, "text/html"), (200, "application/json")] {
        let server = Server::start(move |_| reply(status, "<html>").with("Content-Type", kind));
        let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
        let error = sources(folder.path()).referrers(&reference, &world.image).err().unwrap();
        assert!(!error.is_of_content(), "{status} {kind}: {}", chain(&error));
    }
}

/// A layer is the bytes of its digest, and no more comes of them.
#[test]
fn case_15_a_gzip_bomb_stays_packed() {
    use std::io::Write as _;

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 1 << 20);
    let (digest, image) = (hash::digest(Algorithm::Sha256, &packed), hash::digest(Algorithm::Sha256, b"x"));
    let entry = json!({"mediaType": LAYER, "digest": digest.to_string(), "size": packed.len()});
    let (signatures, bomb) = (manifest(&[entry], None).to_string(), packed.clone());
    let server = Server::start(move |request| match request.path.rsplit('/').next().unwrap_or_default() {
        name if name.starts_with("sha256:") => {
            reply(200, bomb.clone()).with("Content-Encoding", "gzip").with("Content-Type", "application/octet-stream")
        }
        _ => reply(200, signatures.clone()).with("Content-Type", OCI_MANIFEST),
    });
    let folder = tempfile::tempdir().unwrap();
    let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
    let attached = sources(folder.path()).attached(&reference, &image, Kind::Signatures).unwrap().unwrap();
    assert_eq!(attached.bytes(&attached.found.layers[0]).unwrap(), packed);
}

#[test]
fn case_15_pages_without_end_or_to_another_host_are_refused() {
    let image = hash::digest(Algorithm::Sha256, b"x");
    let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).to_string();
    let list = |next: &'static str| {
        let empty = empty.clone();
        Server::start(move |_| {
            let page = reply(200, empty.clone()).with("Content-Type", OCI_INDEX);
            if next.is_empty() { page } else { page.with("Link", format!("<{next}>; rel=\"next\"")) }
        })
    };
    let asked = |server: &Server| {
        let folder = tempfile::tempdir().unwrap();
        let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
        sources(folder.path())
            .referrers(&reference, &image)
            .map(|found| found.found.len())
            .map_err(|error| chain(&error))
    };
    assert_eq!(asked(&list("")), Ok(0));
    let endless = list("/v2/a/b/referrers/more?page=next");
    assert!(asked(&endless).unwrap_err().contains("more than 100 pages"), "whoever pushes much makes many");
    assert_eq!(endless.count("/referrers/"), 100);
    assert!(asked(&list("http://127.0.0.1:1/v2/")).unwrap_err().contains("another host"));
    let page = Server::start(|_| reply(200, "<html>").with("Content-Type", "text/html"));
    assert!(asked(&page).is_err(), "a page of a portal is no empty list");
    let broken = Server::start(|_| reply(500, ""));
    assert!(asked(&broken).is_err(), "a registry in trouble is no empty list");
}

#[test]
fn case_17_bytes_that_are_not_those_of_their_digest_are_not_read() {
    let world = world(true);
    let payload = world.kept().put("", "true");
    let entry = json!({"mediaType": LAYER, "digest": payload.to_string(), "size": 4});
    world.kept().put_tag(
        &tag(&world.image, Kind::Signatures),
        OCI_MANIFEST,
        &manifest(std::slice::from_ref(&entry), None),
    );
    let refers = world.kept().put(OCI_MANIFEST, &manifest(&[entry], Some(&world.image)).to_string());
    world.kept().blobs.get_mut(&payload.to_string()).unwrap().1 = "lies".into();
    let attached = world.sources.attached(&world.reference(), &world.image, Kind::Signatures).unwrap().unwrap();
    let error = chain(&attached.bytes(&attached.found.layers[0]).unwrap_err());
    assert!(error.contains("its digest is"), "{error}");
    assert_eq!(world.referrers(), [Ok(refers.to_string())]);
    // The referrer's own bytes, before they were read once, and the image's.
    let other = self::world(true);
    let refers = other.kept().put(OCI_MANIFEST, &manifest(&[], Some(&other.image)).to_string());
    other.kept().blobs.get_mut(&refers.to_string()).unwrap().1.push(' ');
    assert!(other.referrers()[0].as_ref().unwrap_err().contains("its digest is"), "{:?}", other.referrers());
    let named = other.reference().with_digest(other.image.clone());
    other.kept().blobs.get_mut(&other.image.to_string()).unwrap().1.push(' ');
    assert!(chain(&other.sources.holding(&named).unwrap_err()).contains("its digest is"));
}

#[test]
fn case_18_a_referrer_of_another_image_is_none_of_this_one() {
    let world = world(false);
    let other = hash::digest(Algorithm::Sha256, b"another image");
    let entry = |text: &str, size: usize| {
        let digest = world.kept().put(OCI_MANIFEST, text);
        json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size})
    };
    let texts = [manifest(&[], Some(&other)), manifest(&[], None), manifest(&[], Some(&world.image))]
        .map(|made| made.to_string());
    let mut entries: Vec<Value> = texts.iter().map(|text| entry(text, text.len())).collect();
    entries.push(entry(&format!("{} ", texts[2]), texts[2].len()));
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    world.kept().put_tag(&index_tag(&world.image), OCI_INDEX, &index);
    let found = world.referrers();
    assert!(found[0].as_ref().unwrap_err().contains("its subject is"), "{found:?}");
    assert!(found[1].as_ref().unwrap_err().contains("it names no subject"), "{found:?}");
    assert!(found[2].is_ok(), "{found:?}");
    assert!(found[3].as_ref().unwrap_err().contains("descriptor promises"), "{found:?}");
}

#[test]
fn referrers_that_are_large_together_are_not_all_fetched() {
    let world = world(false);
    let small = manifest(&[], Some(&world.image)).to_string();
    let mut entries = vec![];
    let mut put = |text: &str, size: u64| {
        let digest = world.kept().put(OCI_MANIFEST, text);
        entries.push(json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size}));
    };
    put(&small, small.len() as u64);
    // Each below what one manifest may have, and honest: spaces are JSON.
    let large = |at: usize| format!("{small}{}", " ".repeat((3 << 20) + at));
    for at in 0..8 {
        put(&large(at), large(at).len() as u64);
    }
    put(&format!("{small} "), small.len() as u64 + 1);
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    world.kept().put_tag(&index_tag(&world.image), OCI_INDEX, &index);
    let found = world.referrers();
    let (last, read) = found.split_last().unwrap();
    assert!(read.len() == 6 && read.iter().all(Result::is_ok), "{found:?}");
    assert!(last.as_ref().unwrap_err().contains(&format!("{MAX_REFERRERS_BYTES} bytes")), "{found:?}");
    assert_eq!(world.server.count("/manifests/sha256:"), 6, "what lies behind the bound is not asked for");
}

#[test]
fn a_referrer_that_claims_an_endless_size_is_not_fetched_and_hides_no_other() {
    let world = world(false);
    let small = manifest(&[], Some(&world.image)).to_string();
    let digest = world.kept().put(OCI_MANIFEST, &small).to_string();
    let other = world.kept().put(OCI_MANIFEST, &format!("{small} ")).to_string();
    let entry = |digest: &str, size: u64| json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": size});
    let index = |entries: Vec<Value>| json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    let name = index_tag(&world.image);
    for size in [(4 << 20) + 1, (16 << 20) + 1, u64::MAX] {
        let both = vec![entry(&digest, size), entry(&other, small.len() as u64 + 1)];
        world.kept().put_tag(&name, OCI_INDEX, &index(both));
        let found = world.referrers();
        assert!(found[0].as_ref().unwrap_err().contains("larger than"), "{found:?}");
        assert_eq!(found[1].as_ref(), Ok(&other));
    }
    assert_eq!(world.server.count(&digest), 0);
}

#[test]
fn an_index_at_a_tag_is_asked_of_places_alone_that_tell_what_tags_mean() {
    let (mirror, own) = (world(false), world(false));
    for world in [&mirror, &own] {
        let refers = manifest(&[], Some(&world.image)).to_string();
        let digest = world.kept().put(OCI_MANIFEST, &refers).to_string();
        let entry = json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": refers.len()});
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]});
        world.kept().put_tag(&index_tag(&world.image), OCI_INDEX, &index);
    }
    let asked = |capabilities: &str| {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("certs.d/quay.io");
        std::fs::create_dir_all(&hosts).unwrap();
        let (host, server) = (mirror.server.host(), own.server.host());
        let file = format!("server='http://{server}'\n[host.'http://{host}']\ncapabilities=[{capabilities}]\n");
        std::fs::write(hosts.join("hosts.toml"), file).unwrap();
        let options = SourceOptions {
            cache_dir: Some(folder.path().join("cache")),
            environment: Environment::default(),
            hosts_dir: Some(folder.path().join("certs.d")),
            ..SourceOptions::default()
        };
        let reference = "quay.io/a/b:v1".parse().unwrap();
        assert_eq!(Sources::new(&options).unwrap().referrers(&reference, &mirror.image).unwrap().found.len(), 1);
        let name = format!("/manifests/{}", index_tag(&mirror.image));
        (mirror.server.count(&name), own.server.count(&name))
    };
    assert_eq!(asked("'pull'"), (0, 1));
    assert_eq!(asked("'pull', 'resolve'"), (1, 1));
}
