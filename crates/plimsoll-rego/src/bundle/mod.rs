//! Bundles: policies and data that travel together. In: the files of a folder or a `.tar.gz`, as bytes. Out: modules, data and
//! the manifest, after the manifest's roots and (where keys are given) the signatures were checked. Nothing is read from disk
//! or network here, modules are not parsed, and delta bundles and WebAssembly are refused or left alone, by name.
//!
//! Format: <https://www.openpolicyagent.org/docs/latest/management-bundles/>.

mod archive;
mod manifest;
mod signature;

pub use archive::{Limits, unpack};
pub use manifest::Manifest;
pub use signature::{Key, Verification, name_matches};

use crate::value::{JsonLimits, Value};

/// One file, its path with a leading slash and slashes between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// Why a bundle is refused; the words finish "could not load the bundle: …" and are OPA's where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BundleError(pub String);

/// What a bundle holds.
#[derive(Debug, Clone)]
pub struct Bundle {
    pub manifest: Manifest,
    /// Paths and texts of the `.rego` files, in the order of their paths.
    pub modules: Vec<File>,
    /// All `data.json`, `data.yaml` and `data.yml` files, each under its folder.
    pub data: Value,
    /// Paths of the files that `data` came from.
    pub data_files: Vec<String>,
    /// WebAssembly modules and plans: named, never run.
    pub not_run: Vec<String>,
    /// A `.signatures.json` was there.
    pub signed: bool,
}

/// Files that are no policy, data or manifest mean nothing to a bundle, as in OPA.
enum Kind {
    Module,
    Json,
    Yaml,
    Manifest,
    Signatures,
    Patch,
    NotRun,
    Other,
}

fn kind(path: &str) -> Kind {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "data.json" => Kind::Json,
        "data.yaml" | "data.yml" => Kind::Yaml,
        ".signatures.json" => Kind::Signatures,
        "patch.json" => Kind::Patch,
        "policy.wasm" | "plan.json" => Kind::NotRun,
        // Whatever ends so is one, as in OPA: one that were overlooked would give the bundle all of `data`.
        _ if name.ends_with(".manifest") => Kind::Manifest,
        _ if name.ends_with(".rego") => Kind::Module,
        _ => Kind::Other,
    }
}

impl Bundle {
    /// Reads the files of a bundle. With a [`Verification`] every file must be what the signature says; without one signatures
    /// are not looked at.
    ///
    /// # Errors
    /// Two manifests, data that cannot be read or contradicts other data, a delta bundle, a signature that does not hold.
    pub fn read(mut files: Vec<File>, verification: Option<&Verification>) -> Result<Bundle, BundleError> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            // Which of two would count is the reader's whim; a signature covers one of them.
            return Err(BundleError(format!("bundle contains {} twice", pair[0].path)));
        }
        if let Some(verification) = verification {
            signature::verify(&files, verification)?;
        }
        let mut bundle = Bundle {
            manifest: Manifest::default(),
            modules: Vec::new(),
            data: Value::object(Vec::new()),
            data_files: Vec::new(),
            not_run: Vec::new(),
            signed: false,
        };
        let mut manifest_path: Option<String> = None;
        let mut data = Vec::new();
        for file in files {
            match kind(&file.path) {
                Kind::Module => bundle.modules.push(file),
                Kind::Json | Kind::Yaml => data.push((folder(&file.path), document(&file)?, file.path)),
                Kind::Manifest => {
                    if let Some(earlier) = &manifest_path {
                        return Err(BundleError(format!(
                            "bundle contains multiple manifest files: {earlier:?} and {:?}",
                            file.path
                        )));
                    }
                    bundle.manifest = Manifest::read(&file.bytes)?;
                    manifest_path = Some(file.path);
                }
                Kind::Signatures => bundle.signed = true,
                Kind::Patch => {
                    return Err(BundleError(format!(
                        "{}: delta bundles patch data that a server already has; there is none here",
                        file.path
                    )));
                }
                Kind::NotRun => bundle.not_run.push(file.path),
                Kind::Other => {}
            }
        }
        bundle.data_files = data.iter().map(|(_, _, path)| path.clone()).collect();
        bundle.data = merged(data)?;
        bundle.manifest.check_data(&bundle.data)?;
        Ok(bundle)
    }
}

/// `/a/b/data.json` → `[a, b]`.
fn folder(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    parts.pop();
    parts
}

fn document(file: &File) -> Result<Value, BundleError> {
    let read = match kind(&file.path) {
        Kind::Yaml => Value::from_yaml(&file.bytes, &JsonLimits::default()).map_err(|error| error.to_string()),
        _ => Value::from_json(&file.bytes).map_err(|error| error.to_string()),
    };
    read.map_err(|why| BundleError(format!("bundle load failed on {}: {why}", file.path)))
}

/// Puts documents under their folders and lays them over one another; objects merge, anything else that meets is refused.
fn merged(documents: Vec<(Vec<String>, Value, String)>) -> Result<Value, BundleError> {
    let mut placed = Vec::with_capacity(documents.len());
    for (folder, value, path) in documents {
        if folder.is_empty() && !matches!(value, Value::Object(_)) {
            return Err(BundleError(format!("bundle load failed on {path}: root value must be object")));
        }
        let value =
            folder.into_iter().rev().fold(value, |inner, name| Value::object(vec![(Value::string(name), inner)]));
        placed.push((value, path));
    }
    if let Some(whole) = merge_all(placed.iter().map(|(value, _)| value.clone()).collect()) {
        return Ok(whole);
    }
    // Two contradict each other: one after another says which.
    let mut whole = Value::object(Vec::new());
    for (value, path) in placed {
        whole =
            merge(&whole, &value).ok_or_else(|| BundleError(format!("bundle load failed on {path}: merge error")))?;
    }
    Ok(whole)
}

/// Many documents as one, neighbours first: each entry is copied as often as the count can be halved, where one after another
/// would copy all that came before for every document. `None` where two contradict each other.
pub fn merge_all(mut documents: Vec<Value>) -> Option<Value> {
    while documents.len() > 1 {
        let pairs = documents.chunks(2).map(|pair| match pair {
            [below, above] => merge(below, above),
            rest => rest.first().cloned(),
        });
        documents = pairs.collect::<Option<_>>()?;
    }
    Some(documents.pop().unwrap_or_else(|| Value::object(Vec::new())))
}

/// Two documents as one; `None` where they contradict each other.
pub fn merge(below: &Value, above: &Value) -> Option<Value> {
    let (Value::Object(a), Value::Object(b)) = (below, above) else { return None };
    let mut entries: Vec<(Value, Value)> = Vec::with_capacity(a.entries().len() + b.entries().len());
    for (key, value) in a.entries() {
        entries.push(match b.get(key) {
            Some(other) => (key.clone(), merge(value, other)?),
            None => (key.clone(), value.clone()),
        });
    }
    entries.extend(b.entries().iter().filter(|(key, _)| a.get(key).is_none()).cloned());
    Some(Value::object(entries))
}
