//! The `.manifest`: which documents a bundle owns, and which language its files are in.

use super::BundleError;
use crate::budget::{Budget, Meter};
use crate::builtins::{self, Context, Failure, Scratch, World};
use crate::value::Value;

/// What a manifest says. Without one a bundle owns everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub revision: String,
    /// Paths without slashes at their ends; the empty one is all of `data`.
    pub roots: Vec<String>,
    /// 0 or 1.
    pub rego_version: Option<u8>,
    /// Glob patterns of files that are in another version.
    pub file_rego_versions: Vec<(String, u8)>,
    pub metadata: Option<Value>,
    /// As it stands, for whoever prints it; `None` without a manifest.
    pub document: Option<Value>,
}

impl Default for Manifest {
    fn default() -> Manifest {
        Manifest {
            revision: String::new(),
            roots: vec![String::new()],
            rego_version: None,
            file_rego_versions: Vec::new(),
            metadata: None,
            document: None,
        }
    }
}

fn wrong(why: impl std::fmt::Display) -> BundleError {
    BundleError(format!("bundle load failed on manifest decode: {why}"))
}

impl Manifest {
    /// Reads the JSON of a `.manifest`.
    ///
    /// # Errors
    /// What is no such JSON, roots that lie in one another, versions that do not exist.
    pub fn read(bytes: &[u8]) -> Result<Manifest, BundleError> {
        let document = Value::from_json(bytes).map_err(wrong)?;
        let Value::Object(fields) = &document else { return Err(wrong("it is no object")) };
        let mut manifest = Manifest { document: Some(document.clone()), ..Manifest::default() };
        for (key, value) in fields.entries() {
            match (key.as_str().unwrap_or_default(), value) {
                (_, Value::Null) => {}
                ("revision", Value::String(text)) => manifest.revision = text.to_string(),
                ("roots", Value::Array(roots)) => {
                    let texts = roots.items().iter().map(|root| {
                        root.as_str()
                            .map(|text| text.trim_matches('/').to_owned())
                            .ok_or_else(|| wrong("a root is no string"))
                    });
                    manifest.roots = texts.collect::<Result<_, _>>()?;
                }
                ("rego_version", version) => {
                    manifest.rego_version = Some(
                        self::version(version)
                            .ok_or_else(|| BundleError(format!("manifest has unsupported rego version: {version}")))?,
                    );
                }
                ("file_rego_versions", Value::Object(files)) => {
                    for (pattern, version) in files.entries() {
                        let pattern = pattern.as_str().unwrap_or_default().to_owned();
                        let number = self::version(version).ok_or_else(|| {
                            BundleError(format!(
                                "manifest has unsupported rego version: {version} for file '{pattern}'"
                            ))
                        })?;
                        glob(&pattern, "")
                            .map_err(|why| BundleError(format!("failed to compile glob pattern {pattern}: {why}")))?;
                        manifest.file_rego_versions.push((pattern, number));
                    }
                }
                ("wasm", Value::Array(resolvers)) if !resolvers.items().is_empty() => {
                    // What they answer for would be undefined here, in silence.
                    return Err(BundleError("manifest has wasm entry points, and WebAssembly is not run here".into()));
                }
                ("metadata", value) => manifest.metadata = Some(value.clone()),
                ("revision" | "roots" | "file_rego_versions", value) => {
                    return Err(wrong(format!("{} cannot be {}", key.as_str().unwrap_or_default(), value.type_name())));
                }
                _ => {}
            }
        }
        for (at, root) in manifest.roots.iter().enumerate() {
            if let Some(other) = manifest.roots[at + 1..].iter().find(|other| overlap(root, other)) {
                return Err(BundleError(format!("manifest has overlapped roots: '{root}' and '{other}'")));
            }
        }
        Ok(manifest)
    }

    /// As OPA shows it: with the revision and the roots that hold where none are written.
    pub fn to_value(&self) -> Value {
        let mut entries = vec![(Value::string("revision"), Value::string(self.revision.as_str()))];
        let roots = self.roots.iter().map(|root| Value::string(root.as_str())).collect();
        entries.push((Value::string("roots"), Value::array(roots)));
        if let Some(version) = self.rego_version {
            entries.push((Value::string("rego_version"), Value::int(i64::from(version))));
        }
        entries.extend(self.metadata.iter().map(|metadata| (Value::string("metadata"), metadata.clone())));
        Value::object(entries)
    }

    /// True where a path of `data` (`a/b`) is the bundle's own.
    pub fn owns(&self, path: &[&str]) -> bool {
        self.roots.iter().any(|root| {
            let parts: Vec<&str> = root.split('/').filter(|part| !part.is_empty()).collect();
            path.len() >= parts.len() && parts.iter().zip(path).all(|(a, b)| a == b)
        })
    }

    /// Roots of this one and the other that lie in one another.
    pub fn overlap<'a>(&'a self, other: &'a Manifest) -> Option<(&'a str, &'a str)> {
        let pairs =
            self.roots.iter().flat_map(|root| other.roots.iter().map(move |theirs| (root.as_str(), theirs.as_str())));
        pairs.into_iter().find(|(a, b)| overlap(a, b))
    }

    /// The language of a file: the first pattern that matches its path, else the bundle's.
    pub fn version_of(&self, path: &str) -> Option<u8> {
        let own = self.file_rego_versions.iter().find(|(pattern, _)| glob(pattern, path).unwrap_or(false));
        own.map(|(_, version)| *version).or(self.rego_version)
    }

    /// Refuses data outside the roots.
    pub(super) fn check_data(&self, data: &Value) -> Result<(), BundleError> {
        let mut open: Vec<(Vec<&str>, &Value)> = vec![(Vec::new(), data)];
        while let Some((path, value)) = open.pop() {
            if self.owns(&path) {
                continue;
            }
            // What is above a root may be there as the way to it.
            let leads = self.roots.iter().any(|root| {
                let parts: Vec<&str> = root.split('/').collect();
                parts.len() > path.len() && path.iter().zip(&parts).all(|(a, b)| a == b)
            });
            match value {
                Value::Object(object) if leads => {
                    for (key, value) in object.entries() {
                        let mut below = path.clone();
                        below.push(key.as_str().unwrap_or_default());
                        open.push((below, value));
                    }
                }
                _ => {
                    return Err(BundleError(format!(
                        "manifest roots [{}] do not permit data at path '/{}' (hint: check bundle directory structure)",
                        self.roots.join(" "),
                        path.join("/")
                    )));
                }
            }
        }
        Ok(())
    }

    /// Refuses a module whose package (`a/b` in parts) is outside the roots.
    ///
    /// # Errors
    /// OPA's words, with the module's path.
    pub fn check_package(&self, package: &[&str], module: &str) -> Result<(), BundleError> {
        if self.owns(package) {
            return Ok(());
        }
        Err(BundleError(format!(
            "manifest roots [{}] do not permit 'package {}' in module '{module}'",
            self.roots.join(" "),
            package.join(".")
        )))
    }
}

/// Whether a pattern matches, by the builtin that policies would ask; stars cross slashes, as in OPA.
fn glob(pattern: &str, path: &str) -> Result<bool, String> {
    let builtin = builtins::named("glob.match").ok_or("there are no globs")?;
    let mut meter = Meter::new(&Budget::default());
    let (world, mut scratch) = (World::default(), Scratch::default());
    let mut context = Context { meter: &mut meter, name: builtin.name, world: &world, scratch: &mut scratch };
    match (builtin.run)(&mut context, &[Value::string(pattern), Value::Null, Value::string(path)]) {
        Ok(found) => Ok(found == Some(Value::Bool(true))),
        Err(Failure::Error { message, .. }) => Err(message),
        Err(Failure::Halt(halt)) => Err(format!("{halt:?}")),
    }
}

fn version(value: &Value) -> Option<u8> {
    let Value::Number(number) = value else { return None };
    number.as_i64().and_then(|number| u8::try_from(number).ok()).filter(|number| *number <= 1)
}

/// True where one root lies in the other.
fn overlap(a: &str, b: &str) -> bool {
    let parts = |root: &str| root.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (parts(a), parts(b));
    a.iter().zip(&b).all(|(x, y)| x == y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_versions_cross_folders() {
        let text = br#"{"file_rego_versions": {"/a/**": 0, "/b/*.rego": 0}}"#;
        let manifest = Manifest::read(text).unwrap();
        assert_eq!(manifest.version_of("/a/b/p.rego"), Some(0));
        assert_eq!(manifest.version_of("/b/c/p.rego"), Some(0));
        assert_eq!(manifest.version_of("/c/p.rego"), None);
        assert!(Manifest::read(br#"{"file_rego_versions": {"/[": 0}}"#).is_err());
    }
}
