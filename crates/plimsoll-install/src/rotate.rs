//! New certificates in the place of old ones. In: every file of a folder that `plan` filled, and a time. Out: the files
//! that change. Whatever an administrator wrote into the files stays: only certificates and keys are exchanged.
//!
//! An authority that is about to end is renewed in two runs, so that at no moment one side holds what the other does not
//! believe: the first spreads the new authority beside the old one, which still signs; the second signs with the new one.
//! The old one leaves the bundle when it has ended.

use base64::Engine as _;
use jiff::Timestamp;

use crate::certificates::{self, Authority, CertificateError, Leaf, Purpose, Read, read_pem};
use crate::files::File;
use crate::plan::{RENEW_DAYS, authority_of};

/// Why nothing was renewed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error("find pki/{0}: is this a folder that install wrote?")]
    Missing(&'static str),
    #[error("read pki/{0}: there is no certificate in it")]
    Unreadable(&'static str),
    #[error("sign: pki/ca.key belongs to no certificate of pki/ca.crt")]
    NoKey,
    #[error("sign new certificates")]
    Certificates(#[from] CertificateError),
}

/// What a renewal comes to.
#[derive(Debug)]
pub struct Rotated {
    pub files: Vec<File>,
    /// Files that have gone, their content in another of `files`.
    pub gone: Vec<String>,
    /// What was done and is to be done, a line each.
    pub said: Vec<String>,
}

/// A file that exists, its path relative to the folder.
pub struct Present<'f> {
    pub path: &'f str,
    pub bytes: &'f [u8],
}

/// Who signs, who is trusted, and what of the authority's own files changes.
struct Turn {
    authority: Authority,
    bundle: Vec<Read>,
    files: Vec<File>,
    gone: Vec<String>,
    said: Vec<String>,
}

/// Renews the server's and the client's certificate; the authority too when it ends before they would.
pub fn rotate(
    present: &[Present<'_>],
    now: Timestamp,
    authority_days: u16,
    leaf_days: u16,
) -> Result<Rotated, RotateError> {
    let find = |name: &'static str| -> Result<&str, RotateError> {
        let file = present.iter().find(|file| file.path.strip_prefix("pki/") == Some(name));
        file.and_then(|file| std::str::from_utf8(file.bytes).ok()).ok_or(RotateError::Missing(name))
    };
    let old_bundle = find("ca.crt")?;
    let (server, server_key) = (find("server.crt")?, find("server.key")?);
    let (client, client_key) = (find("client.crt")?, find("client.key")?);
    let turn = turn(old_bundle, find("ca.key")?, find("ca-next.key").ok(), now, authority_days, leaf_days)?;
    let bundle: String = turn.bundle.iter().map(Read::pem).collect();
    let old_server = read_pem(server.as_bytes()).certificates;
    let sans = old_server.first().ok_or(RotateError::Unreadable("server.crt"))?.sans();
    let new_server = certificates::sign(&turn.authority, &Purpose::Server(sans), now, leaf_days)?;
    let new_client = certificates::sign(&turn.authority, &Purpose::Client, now, leaf_days)?;

    let mut exchanges: Vec<(String, String)> = Vec::new();
    let mut exchange = |old: &str, new: &str| {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        exchanges.push((encode(old), encode(new)));
        exchanges.push((old.trim().to_owned(), new.trim().to_owned()));
    };
    exchange(old_bundle, &bundle);
    exchange(server, &new_server.certificate);
    exchange(server_key, &new_server.key);
    exchange(client, &new_client.certificate);
    exchange(client_key, &new_client.key);

    let Turn { mut files, gone, mut said, .. } = turn;
    let own = |path: &str| files.iter().any(|file: &File| file.path == path);
    let mut changed = Vec::new();
    for file in present {
        let Ok(text) = std::str::from_utf8(file.bytes) else { continue };
        if own(file.path) || gone.iter().any(|path| path == file.path) {
            continue;
        }
        let mut new = text.to_owned();
        for (old, with) in &exchanges {
            if !old.is_empty() && new.contains(old.as_str()) {
                new = new.replace(old.as_str(), with);
            }
        }
        if file.path == "README.md" {
            new =
                new.replace(&renewal(&[server, client]), &renewal(&[&new_server.certificate, &new_client.certificate]));
        }
        if new != text {
            // However it is written: a key in clear, in a Secret, in a kubeconfig.
            let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
            let keys = [&new_server.key, &new_client.key];
            let private = new.contains("PRIVATE KEY-----") || keys.iter().any(|key| new.contains(&encode(key)));
            changed.push(File { private, ..File::public(file.path, new) });
        }
    }
    files.append(&mut changed);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    said.push(format!("the certificates hold until {}", last_day(&[&new_server, &new_client])));
    Ok(Rotated { files, gone, said })
}

fn turn(
    bundle: &str,
    key: &str,
    next_key: Option<&str>,
    now: Timestamp,
    authority_days: u16,
    leaf_days: u16,
) -> Result<Turn, RotateError> {
    let read = |authority: &Authority| read_pem(authority.certificate.as_bytes()).certificates.into_iter().next();
    let current = authority_of(bundle, key).ok_or(RotateError::NoKey)?;
    let about = read(&current).ok_or(RotateError::Unreadable("ca.crt"))?;
    let trusted: Vec<Read> =
        read_pem(bundle.as_bytes()).certificates.into_iter().filter(|c| c.not_after > now).collect();
    let mut turn = Turn { authority: current, bundle: trusted, files: Vec::new(), gone: Vec::new(), said: Vec::new() };
    let renewed = |turn: &mut Turn, authority: Authority| {
        let old = std::mem::replace(&mut turn.authority, authority);
        let kept = format!("pki/ca-{}.key", about.short_name());
        turn.files.push(File::private(kept.as_str(), old.key));
        turn.files.push(File::private("pki/ca.key", turn.authority.key.as_str()));
        turn.said
            .push(format!("the old authority's key is {kept}; destroy it when the new certificates are everywhere"));
    };
    // Twice: certificates of this run and of the next are then still signed for their whole time, so that who renews once
    // in a certificate's life is never without a valid one.
    let soon = now.as_second().saturating_add(2 * i64::from(leaf_days) * 86_400);
    if let Some(next) = next_key {
        let next = authority_of(bundle, next).ok_or(RotateError::NoKey)?;
        turn.gone.push("pki/ca-next.key".to_owned());
        turn.said.push("the new authority signs from now on; the old one is trusted until it ends".to_owned());
        // First what signs: some readers take the first certificate for the authority.
        let public = read(&next).map(|next| next.public_key);
        turn.bundle.sort_by_key(|certificate| Some(&certificate.public_key) != public.as_ref());
        renewed(&mut turn, next);
    } else if about.not_after <= now {
        let new = certificates::new_authority(now, authority_days)?;
        turn.said.push(format!(
            "the authority had ended on {}: nothing can be connected until the new one is everywhere",
            about.not_after
        ));
        turn.bundle.extend(read(&new));
        renewed(&mut turn, new);
    } else if about.not_after.as_second() < soon {
        let new = certificates::new_authority(now, authority_days)?;
        turn.bundle.extend(read(&new));
        turn.files.push(File::private("pki/ca-next.key", new.key));
        turn.said.push(format!(
            "the authority ends on {}: a new one stands beside it, and does not sign yet",
            about.not_after
        ));
        turn.said.push(
            "bring these files to every node and into the cluster, restart API servers that use ImagePolicyWebhook (they \
             read the authority when they start), then run --rotate once more"
                .to_owned(),
        );
    }
    Ok(turn)
}

fn ends(texts: &[&str]) -> Option<Timestamp> {
    texts.iter().flat_map(|text| read_pem(text.as_bytes()).certificates).map(|c| c.not_after).min()
}

fn last_day(leaves: &[&Leaf]) -> String {
    let texts: Vec<&str> = leaves.iter().map(|leaf| leaf.certificate.as_str()).collect();
    ends(&texts).map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// The words of the README that say when to renew.
fn renewal(texts: &[&str]) -> String {
    let second = ends(texts).map_or(0, |at| at.as_second().saturating_sub(RENEW_DAYS * 86_400));
    Timestamp::from_second(second).map_or_else(|_| "-".to_owned(), |at| format!("before {}", at.strftime("%Y-%m-%d")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::tests::{now, rustls_believes};
    use crate::{Existing, Options, plan};
    use std::collections::BTreeMap;

    type Folder = BTreeMap<String, Vec<u8>>;

    fn fresh(options: &Options) -> Folder {
        plan(options, &Existing::default(), false, now()).unwrap().into_iter().map(|f| (f.path, f.bytes)).collect()
    }

    fn turned(folder: &Folder, at: Timestamp, options: &Options) -> (Folder, Rotated) {
        let present: Vec<Present<'_>> = folder.iter().map(|(path, bytes)| Present { path, bytes }).collect();
        let rotated = rotate(&present, at, options.authority_days, options.leaf_days).unwrap();
        let mut after = folder.clone();
        for file in &rotated.files {
            after.insert(file.path.clone(), file.bytes.clone());
        }
        for path in &rotated.gone {
            after.remove(path);
        }
        (after, rotated)
    }

    fn text<'f>(folder: &'f Folder, path: &str) -> &'f str {
        std::str::from_utf8(&folder[path]).unwrap()
    }

    /// Both ends, one of which may be a step behind the other.
    fn connects(api_server: &Folder, gate: &Folder, at: Timestamp) {
        let bundle = text(api_server, "image-policy/pki/ca.crt");
        rustls_believes(bundle, text(gate, "image-policy/pki/server.crt"), Some("127.0.0.1"), at).unwrap();
        let bundle = text(gate, "image-policy/pki/ca.crt");
        rustls_believes(bundle, text(api_server, "image-policy/pki/client.crt"), None, at).unwrap();
    }

    #[test]
    fn no_connection_fails_while_one_side_is_a_step_behind() {
        // Sixty days are less than a certificate's life, and no divisor of the authority's.
        let options = Options { authority_days: 400, leaf_days: 90, ..Options::default() };
        let mut folder = fresh(&options);
        let mut authorities = std::collections::BTreeSet::new();
        for step in 1..40 {
            let at = Timestamp::from_second(now().as_second() + step * 60 * 86_400).unwrap();
            let (after, rotated) = turned(&folder, at, &options);
            connects(&folder, &after, at);
            connects(&after, &folder, at);
            connects(&after, &after, at);
            assert!(rotated.files.iter().any(|f| f.path == "webhook/manifests/20-certificates.yaml"));
            assert!(read_pem(text(&after, "pki/ca.crt").as_bytes()).certificates.len() <= 3);
            authorities.insert(text(&after, "pki/ca.key").to_owned());
            folder = after;
        }
        assert!(authorities.len() >= 4, "{} authorities in six years", authorities.len());
    }

    #[test]
    fn every_copy_is_renewed_and_the_administrators_own_words_stay() {
        let options = Options::default();
        let mut folder = fresh(&options);
        let edited =
            text(&folder, "webhook/manifests/90-validating.yaml").replace("timeoutSeconds: 8", "timeoutSeconds: 5");
        folder.insert("webhook/manifests/90-validating.yaml".to_owned(), edited.into_bytes());
        let (old_server, old_key) =
            (text(&folder, "pki/server.crt").to_owned(), text(&folder, "pki/server.key").to_owned());
        let (after, rotated) = turned(&folder, now(), &options);
        for (path, bytes) in &after {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
            for old in [&old_server, &old_key] {
                assert!(!text.contains(old.trim()) && !text.contains(&encode(old)), "{path}");
            }
        }
        assert!(text(&after, "webhook/manifests/90-validating.yaml").contains("timeoutSeconds: 5"));
        assert_eq!(text(&after, "pki/ca.crt"), text(&folder, "pki/ca.crt"));
        let sans = |folder: &Folder| read_pem(text(folder, "pki/server.crt").as_bytes()).certificates[0].sans();
        assert_eq!(sans(&after), sans(&folder));
        for file in &rotated.files {
            let text = String::from_utf8(file.bytes.clone()).unwrap();
            assert_eq!(
                file.private,
                text.contains("PRIVATE KEY-----") || text.contains("tls.key: LS0"),
                "{}",
                file.path
            );
        }
    }

    #[test]
    fn an_authority_that_has_ended_is_replaced_at_once_and_its_key_kept() {
        let options = Options { authority_days: 10, leaf_days: 5, ..Options::default() };
        let folder = fresh(&options);
        let at = Timestamp::from_second(now().as_second() + 20 * 86_400).unwrap();
        let (after, rotated) = turned(&folder, at, &options);
        connects(&after, &after, at);
        assert!(rotated.said[0].contains("had ended"), "{:?}", rotated.said);
        let kept = after.iter().filter(|(path, _)| path.starts_with("pki/ca-")).collect::<Vec<_>>();
        assert_eq!(kept.len(), 1);
        assert_eq!(*kept[0].1, folder["pki/ca.key"]);
    }

    #[test]
    fn a_folder_of_something_else_is_refused() {
        assert!(matches!(rotate(&[], now(), 1, 1), Err(RotateError::Missing("ca.crt"))));
        let options = Options::default();
        let mut folder = fresh(&options);
        folder.insert("pki/ca.key".to_owned(), folder["pki/server.key"].clone());
        let present: Vec<Present<'_>> = folder.iter().map(|(path, bytes)| Present { path, bytes }).collect();
        assert!(matches!(rotate(&present, now(), 1, 1), Err(RotateError::NoKey)));
    }
}
