//! Images made by the tests: small layers, manifests and indexes with true digests, in a folder or a tar.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use plimsoll_model::{Algorithm, Digest};
use plimsoll_sources::hash::digest;
use serde_json::{Value, json};

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub fn sha256(bytes: &[u8]) -> Digest {
    digest(Algorithm::Sha256, bytes)
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

/// Blobs by digest and the files of a layout or archive.
#[derive(Default, Clone)]
pub struct Store {
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub entries: Vec<Value>,
}

impl Store {
    pub fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        self.blobs.insert(sha256(bytes).to_string(), bytes.to_vec());
        descriptor(media_type, bytes)
    }

    /// An image of one layer per text on `platform`; gives its manifest's descriptor.
    pub fn image(&mut self, platform: &str, layers: &[&str]) -> Value {
        let contents: Vec<Vec<u8>> = layers.iter().map(|text| tar(&[("file", text.as_bytes())])).collect();
        let config = config(platform, &contents);
        let config = self.blob(OCI_CONFIG, &config);
        let layers: Vec<Value> = contents.iter().map(|bytes| self.blob(OCI_LAYER, bytes)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});
        self.blob(OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    /// An index over images by platform; gives its descriptor.
    pub fn index(&mut self, images: &[(&str, Value)]) -> Value {
        let manifests: Vec<Value> =
            images.iter().map(|(platform, image)| on_platform(image.clone(), platform)).collect();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        self.blob(OCI_INDEX, index.to_string().as_bytes())
    }

    /// Puts a descriptor into `index.json` under a name.
    pub fn name(&mut self, descriptor: Value, name: &str) {
        let mut descriptor = descriptor;
        if !name.is_empty() {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        self.entries.push(descriptor);
    }

    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), json!({"schemaVersion": 2, "manifests": self.entries}).to_string().into_bytes()),
        ];
        for (digest, bytes) in &self.blobs {
            files.push((format!("blobs/{}", digest.replace(':', "/")), bytes.clone()));
        }
        files
    }

    pub fn write_folder(&self, folder: &Path) {
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    pub fn tar(&self) -> Vec<u8> {
        let files = self.files();
        tar(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
    }
}

pub fn on_platform(mut descriptor: Value, platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut value = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        value["variant"] = json!(variant);
    }
    descriptor["platform"] = value;
    descriptor
}

/// A configuration whose diff_ids are the digests of `layers`.
pub fn config(platform: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = platform.split('/');
    let history: Vec<Value> = std::iter::once(json!({"created_by": "ENV A=b", "empty_layer": true}))
        .chain((0..layers.len()).map(|at| json!({"created_by": format!("RUN step {at}")})))
        .collect();
    json!({
        "os": parts.next(), "architecture": parts.next(),
        "config": {"User": "app", "Env": ["A=b"]},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|bytes| sha256(bytes)).collect::<Vec<_>>()},
        "history": history,
    })
    .to_string()
    .into_bytes()
}

/// One tar member: kind, name, link target, bytes.
pub fn member(kind: u8, name: &str, link: &str, bytes: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(124, format!("{:011o}\0", bytes.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = block.to_vec();
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// A tar of regular files; names of more than 100 bytes get a GNU long name.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = vec![];
    for (name, bytes) in files {
        if name.len() > 100 {
            out.extend(member(b'L', "././@LongLink", "", format!("{name}\0").as_bytes()));
        }
        let end = (0..=name.len().min(100)).rev().find(|at| name.is_char_boundary(*at)).unwrap();
        out.extend(member(b'0', &name[..end], "", bytes));
    }
    out.extend([0u8; 1024]);
    out
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All bytes of a layer.
pub fn bytes_of(layer: &plimsoll_model::OpenLayer) -> Vec<u8> {
    let mut bytes = vec![];
    std::io::Read::read_to_end(&mut (layer.open)().unwrap(), &mut bytes).unwrap();
    bytes
}
