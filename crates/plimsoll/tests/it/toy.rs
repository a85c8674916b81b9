//! Small images as `docker save` writes them: layers of plain tar, a configuration and a manifest.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A file of a layer: its path, mode and bytes.
pub type File<'a> = (&'a str, u32, &'a [u8]);

/// An image in the making.
#[derive(Default)]
pub struct Toy {
    history: Vec<Value>,
    layers: Vec<Vec<u8>>,
    /// `config` of the configuration.
    pub config: Value,
}

impl Toy {
    /// An instruction that makes a layer.
    pub fn layer(mut self, made: &str, files: &[File<'_>]) -> Toy {
        let mut tar = Vec::new();
        for (path, mode, bytes) in files {
            entry(&mut tar, path, *mode, bytes);
        }
        tar.resize(tar.len() + 1024, 0);
        self.history.push(json!({ "created_by": made }));
        self.layers.push(tar);
        self
    }

    /// An instruction that makes none.
    pub fn step(mut self, made: &str) -> Toy {
        self.history.push(json!({ "created_by": made, "empty_layer": true }));
        self
    }

    pub fn config(mut self, config: Value) -> Toy {
        self.config = config;
        self
    }

    /// Writes the archive. `broken` leaves the last layer's bytes other than its digest says.
    pub fn save(&self, path: &Path, broken: bool) {
        let ids: Vec<String> = self.layers.iter().map(|tar| sha256(tar)).collect();
        let diff_ids: Vec<String> = ids.iter().map(|id| format!("sha256:{id}")).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": self.config, "history": self.history,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        })
        .to_string();
        let config_name = format!("{}.json", sha256(config.as_bytes()));
        let names: Vec<String> = ids.iter().map(|id| format!("{id}/layer.tar")).collect();
        let manifest = json!([{ "Config": config_name, "RepoTags": ["shop/web:1.4.2"], "Layers": names }]).to_string();
        let mut tar = Vec::new();
        for (at, (name, layer)) in names.iter().zip(&self.layers).enumerate() {
            let mut layer = layer.clone();
            if broken && at + 1 == names.len() {
                layer[520] ^= 1;
            }
            entry(&mut tar, name, 0o644, &layer);
        }
        entry(&mut tar, &config_name, 0o644, config.as_bytes());
        entry(&mut tar, "manifest.json", 0o644, manifest.as_bytes());
        tar.resize(tar.len() + 1024, 0);
        std::fs::write(path, tar).unwrap();
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn entry(tar: &mut Vec<u8>, name: &str, mode: u32, bytes: &[u8]) {
    let mut block = [0u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(&block);
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
}
