//! The authorities of a policy, ready to be held against. In: the policy, and the files that its `keys` and `attestations` name. Out:
//! keys, identities, trusted roots and modules of Rego, each read once. What it does not do: verify.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use plimsoll_model::LoadLine;
use plimsoll_model::loadline::{Authority, LogDemand, Notation as Named, Place, RevocationDemand, Signer as By};
use plimsoll_trust::notation::{Action, Identities, Level, Statement, StoreKind, Stores, VerifyTimestamp, anchors};
use plimsoll_trust::{Identity, Pattern, PublicKey, Signer, TrustMaterial};
use sha2::{Digest as _, Sha256};

use crate::assess::read_bounded;
use crate::policies::Statements;

/// Bytes of a file with a public key: one of 16,384 bits has under 3,000.
const MAX_KEY: u64 = 64 << 10;
/// Bytes of a trusted root: the public one has under 10,000.
const MAX_ROOT: u64 = 16 << 20;

/// All that a policy's demands of signatures rest on.
#[derive(Default)]
pub struct Authorities {
    by_name: BTreeMap<String, Trusted>,
    /// By path, as the policy has it.
    rego: BTreeMap<String, Statements>,
    /// Everything that was read, and the folders that were looked through.
    pub files: Vec<PathBuf>,
    /// Of all that was read; none where nothing was.
    pub digest: Option<String>,
}

/// One authority.
pub struct Trusted {
    pub name: String,
    pub known: Known,
}

/// How it is known.
pub enum Known {
    /// As Cosign signs: by a key or an identity.
    Sigstore { signer: Signer, root: Arc<TrustMaterial>, log: LogDemand },
    /// As Notation signs.
    Notation(Box<Notation>),
}

/// What is trusted of signatures of the Notary Project.
pub struct Notation {
    pub statement: Statement,
    pub stores: Stores,
}

impl Authorities {
    /// Opens those of a policy.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it should be, with the place that names it; two authorities of one key.
    pub fn open(policy: &LoadLine) -> anyhow::Result<Authorities> {
        let mut opened = Authorities::default();
        let mut hash = Sha256::new();
        // By path; the built-in one by none.
        let mut roots: BTreeMap<Option<&str>, Arc<TrustMaterial>> = BTreeMap::new();
        for authority in &policy.keys {
            let what = || format!("{}: use the authority `{}`", words(&authority.place), authority.name);
            let trusted = opened.trusted(authority, &mut hash, &mut roots).with_context(what)?;
            opened.by_name.insert(authority.name.clone(), trusted);
        }
        for rule in policy.images.iter().flat_map(|entry| &entry.attestations) {
            let Some(path) = rule.rego.as_ref().filter(|path| !opened.rego.contains_key(*path)) else { continue };
            let what = || format!("{}: use the policies of `rego: {path}`", words(&rule.place));
            let statements = Statements::open(path, &mut opened.files, &mut hash).with_context(what)?;
            opened.rego.insert(path.clone(), statements);
        }
        if !opened.files.is_empty() {
            opened.digest = Some(format!("sha256:{:x}", hash.finalize()));
        }
        Ok(opened)
    }

    fn trusted<'p>(
        &mut self,
        authority: &'p Authority,
        hash: &mut Sha256,
        roots: &mut BTreeMap<Option<&'p str>, Arc<TrustMaterial>>,
    ) -> anyhow::Result<Trusted> {
        let signer = match &authority.signer {
            By::KeyFile(path) => {
                let pem = self.read(path, MAX_KEY, hash)?;
                self.key(&pem).with_context(|| format!("read {path}"))?
            }
            By::Key(pem) => self.key(pem.as_bytes())?,
            By::Certificate { issuer, identity } => {
                let name = Pattern::glob(identity).map_err(|why| anyhow!("{why}"))?;
                Signer::Keyless(vec![Identity::new(name, Pattern::exact(issuer))])
            }
            By::Notation(named) => {
                let known = Known::Notation(Box::new(self.notation(named, hash)?));
                return Ok(Trusted { name: authority.name.clone(), known });
            }
        };
        let path = authority.trusted_root.as_deref();
        let root = match (roots.get(&path), path) {
            (Some(known), _) => Arc::clone(known),
            (None, Some(path)) => {
                let bytes = self.read(path, MAX_ROOT, hash)?;
                Arc::new(TrustMaterial::from_json(&bytes).map_err(|why| anyhow!("read {path}: {why}"))?)
            }
            (None, None) => Arc::new(TrustMaterial::production().map_err(|why| anyhow!("{why}"))?),
        };
        roots.entry(path).or_insert_with(|| Arc::clone(&root));
        let known = Known::Sigstore { signer, root, log: authority.log_demand() };
        Ok(Trusted { name: authority.name.clone(), known })
    }

    fn notation(&mut self, named: &Named, hash: &mut Sha256) -> anyhow::Result<Notation> {
        let mut certificates = |paths: &[String], kind: StoreKind| {
            let mut all = Vec::new();
            for path in paths {
                let bytes = self.read(path, MAX_ROOT, hash)?;
                all.extend(anchors(kind, &bytes).map_err(|why| anyhow!("read {path}: {why}"))?);
            }
            anyhow::Ok(all)
        };
        let roots = certificates(&named.roots, StoreKind::Ca)?;
        let tsa = certificates(&named.timestamps, StoreKind::Tsa)?;
        let level = match named.revocation {
            Some(RevocationDemand::Unneeded) => Level::STRICT.with_revocation(Action::Skip),
            Some(RevocationDemand::Required) | None => Level::STRICT,
        };
        let identities =
            Identities::parse(named.identities.iter().map(String::as_str)).map_err(|why| anyhow!("{why}"))?;
        Ok(Notation {
            statement: Statement {
                name: String::new(),
                scopes: vec!["*".to_owned()],
                level: Some(level),
                verify_timestamp: VerifyTimestamp::Always,
                stores: Vec::new(),
                identities,
            },
            // Whoever signs for others is another matter, which nobody has asked for.
            stores: Stores {
                ca: Ok(roots),
                signing_authority: Ok(Vec::new()),
                tsa: (!named.timestamps.is_empty()).then_some(Ok(tsa)),
            },
        })
    }

    fn read(&mut self, path: &str, most: u64, hash: &mut Sha256) -> anyhow::Result<Vec<u8>> {
        let bytes = read_bounded(Path::new(path), most)?;
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
        self.files.push(PathBuf::from(path));
        Ok(bytes)
    }

    /// A key that no other authority has: whoever asks for two signatures must not get by with one.
    fn key(&self, pem: &[u8]) -> anyhow::Result<Signer> {
        let key = PublicKey::from_pem(pem).map_err(|why| anyhow!("{why}"))?;
        let same = |other: &&Trusted| matches!(&other.known, Known::Sigstore { signer: Signer::Key(of), .. } if of.spki() == key.spki());
        if let Some(other) = self.by_name.values().find(same) {
            bail!("it is the key of `{}` too: one signature would count for two", other.name);
        }
        Ok(Signer::Key(key))
    }

    /// The authorities of these names.
    pub fn named<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a Trusted> {
        names.into_iter().filter_map(|name| self.by_name.get(name)).collect()
    }

    /// The modules at that path.
    pub fn rego(&self, path: &str) -> Option<&Statements> {
        self.rego.get(path)
    }
}

fn words(place: &Place) -> String {
    if place.file.is_empty() { "the policy".to_owned() } else { format!("{}:{}", place.file, place.line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(keys: &str, folder: &Path) -> anyhow::Result<Authorities> {
        let text = format!(
            "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: a}}\nkeys:\n{keys}images: [{{name: a, match: ['**']}}]\n"
        );
        let path = folder.join("loadline.yaml");
        std::fs::write(&path, text).unwrap();
        Authorities::open(&crate::session::read_policy(&path)?)
    }

    #[test]
    fn a_file_that_is_no_key_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bad.pub"), "no key").unwrap();
        for (keys, words) in [
            ("  a: {publicKey: gone.pub}\n", "gone.pub"),
            ("  a: {publicKey: bad.pub}\n", "loadline.yaml:5: use the authority `a`"),
            ("  a: {issuer: https://a, identity: b, trustedRoot: bad.pub}\n", "bad.pub"),
        ] {
            let error = opened(keys, folder.path()).err().map(|error| crate::message::chain(&error)).unwrap();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn one_key_under_two_names_is_refused_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let key = plimsoll_trust::PrivateKey::generate().unwrap().public_pem();
        std::fs::write(folder.path().join("a.pub"), &key).unwrap();
        std::fs::write(folder.path().join("b.pub"), format!("{key}\n")).unwrap();
        let one = opened("  a: {publicKey: a.pub}\n", folder.path()).unwrap();
        assert!(one.digest.is_some() && one.files.len() == 1 && one.named(["a", "b"]).len() == 1);
        let two = opened("  a: {publicKey: a.pub}\n  b: {publicKey: b.pub}\n", folder.path());
        let error = two.err().map(|error| crate::message::chain(&error)).unwrap();
        assert!(error.contains("it is the key of `a` too"), "{error}");
    }

    #[test]
    fn a_trusted_root_is_read_once_however_many_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
        std::fs::write(folder.path().join("root.json"), root).unwrap();
        let keys: String = ["a", "b", "c"]
            .iter()
            .map(|name| {
                format!("  {name}: {{issuer: https://a.example, identity: {name}@a.example, trustedRoot: root.json}}\n")
            })
            .collect();
        let opened =
            opened(&format!("{keys}  d: {{issuer: https://a.example, identity: d@a.example}}\n"), folder.path())
                .unwrap();
        let all = opened.named(["a", "b", "c", "d"]);
        let root = |one: &Trusted| match &one.known {
            Known::Sigstore { root, .. } => Arc::clone(root),
            Known::Notation(_) => panic!("{} is known by an identity", one.name),
        };
        assert!(
            all[1..3].iter().all(|one| Arc::ptr_eq(&root(one), &root(all[0])))
                && !Arc::ptr_eq(&root(all[3]), &root(all[0]))
        );
        assert_eq!(opened.files.len(), 1, "{:?}", opened.files);
    }
}
