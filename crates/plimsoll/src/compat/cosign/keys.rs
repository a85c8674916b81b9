//! `generate-key-pair`, `import-key-pair` and `public-key`. In: chance, a PEM key, or a key that is elsewhere. Out: files: the private
//! half encrypted and for its owner alone.

use std::io::Write as _;
use std::path::Path;

use plimsoll_trust::{PrivateKey, PublicKey as Public, keys};

use super::flags::{GenerateKeyPair, ImportKeyPair, PublicKey};
use super::{Failure, elsewhere, key, print, say, write};

pub fn generate(asked: &GenerateKeyPair) -> Result<(), Failure> {
    if let Some(place) = asked.places.first() {
        return Err(format!("keys are written to files alone, not to {place}").into());
    }
    if let Some(named) = asked.kms.as_deref().filter(|named| !named.is_empty()) {
        return made_elsewhere(named, &asked.output_key_prefix);
    }
    let key = PrivateKey::generate()?;
    keep(&key, &asked.output_key_prefix, false)
}

pub fn import(asked: &ImportKeyPair) -> Result<(), Failure> {
    let key = PrivateKey::from_pem(&key::read(&asked.key)?)?;
    keep(&key, &asked.output_key_prefix, asked.yes)
}

pub fn public(asked: &PublicKey) -> Result<(), Failure> {
    let named = asked.key.as_deref().ok_or("--key names the key")?;
    let pem: String = Public::to_pem(&key::public(named)?);
    match &asked.outfile {
        None => print(&pem),
        Some(path) => {
            write(path, pem.as_bytes())?;
            say(&format!("Public key written to {path}"));
            Ok(())
        }
    }
}

/// Makes a key that does not leave where it is made, and writes its public half.
fn made_elsewhere(named: &str, prefix: &str) -> Result<(), Failure> {
    if !elsewhere::is_elsewhere(named) {
        return Err(match named.split_once("://") {
            Some((scheme, _)) => key::not_spoken(scheme).into(),
            None => format!("--kms {named:?} names no place of keys: hashivault://NAME").into(),
        });
    }
    let public = format!("{prefix}.pub");
    let there = std::fs::symlink_metadata(&public).is_ok();
    if there && !confirmed(&[&public])? {
        return Err("user declined the prompt".into());
    }
    let pem = elsewhere::made(named)?.to_pem();
    if there {
        write(&public, pem.as_bytes())?
    } else {
        new(&public, pem.as_bytes())?
    }
    say(&format!("Public key written to {public}"));
    Ok(())
}

/// Writes both halves.
fn keep(key: &PrivateKey, prefix: &str, overwrite: bool) -> Result<(), Failure> {
    let (private, public) = (format!("{prefix}.key"), format!("{prefix}.pub"));
    let is_there = |path: &str| std::fs::symlink_metadata(path).is_ok();
    let [old_private, old_public] = [&private, &public].map(|path| is_there(path).then_some(path.as_str()));
    let there: Vec<&str> = [old_private, old_public].into_iter().flatten().collect();
    // The question comes before the password: both may come from standard input.
    if !overwrite && !there.is_empty() && !confirmed(&there)? {
        return Err("user declined the prompt".into());
    }
    let sealed = keys::seal(key, &key::password(true)?)?;
    whole(&private, sealed.as_bytes(), overwrite || old_private.is_some())?;
    say(&format!("Private key written to {private}"));
    match overwrite || old_public.is_some() {
        true => write(&public, key.public_pem().as_bytes())?,
        false => new(&public, key.public_pem().as_bytes())?,
    }
    say(&format!("Public key written to {public}"));
    Ok(())
}

/// Writes a file that others may read, where there is none.
fn new(path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let file = std::fs::File::create_new(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| format!("write {path}: {error}").into())
}

/// Writes a file for its owner alone, whole or not at all; over another only where that is meant.
pub fn whole(path: &str, bytes: &[u8], replace: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::from(format!("write {path}: {error}"));
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner alone from its first byte on.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let persisted = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    persisted.map_err(|error| failed(error.error))?;
    Ok(())
}

/// Whether somebody agrees that these files are overwritten.
fn confirmed(paths: &[&str]) -> Result<bool, Failure> {
    paths.iter().for_each(|path| say(&format!("WARNING: File {path} already exists. Overwrite?")));
    super::agreed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_appeared_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let name = path.to_str().unwrap();
        whole(name, b"first", false).unwrap();
        assert!(whole(name, b"second", false).unwrap_err().why.contains("a.key"));
        assert!(new(name, b"second").unwrap_err().why.contains("a.key"));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        whole(name, b"second", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        // Nor is what a link leads to.
        let link = folder.path().join("b.key");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
        assert!(whole(link.to_str().unwrap(), b"x", false).is_err() && new(link.to_str().unwrap(), b"x").is_err());
        assert!(!folder.path().join("elsewhere").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no half-written file stays");
    }
}
