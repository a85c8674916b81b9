//! Certificates and keys in files: dates, names, and whether the two halves belong together.

use crate::certificates::{PemFile, Read};
use crate::fault::{
    CLIENT_USAGE, EXPIRED, EXPIRES_SOON, KEY_MISMATCH, KEY_OPEN, NOT_YET, PEM_BROKEN, UNTRUSTED, WITHOUT_SAN,
    WRONG_HOST,
};
use crate::plan::RENEW_DAYS;

use super::world::{Content, Source, Spot, World};

pub(super) fn check(world: &mut World<'_>) {
    for source in &world.sources {
        let Content::Pem(pem) = &source.content else { continue };
        let whole = |line| Spot { line, column: 1, width: 200 };
        for (line, why) in &pem.broken {
            world.fault(&PEM_BROKEN, source, whole(*line), *why);
        }
        for certificate in &pem.certificates {
            dates(world, source, whole(certificate.line), certificate);
            if !certificate.is_authority && certificate.for_servers != Some(false) && !certificate.has_san() {
                // Without a purpose a certificate may be a client's: then nobody asks for a SAN.
                let client = certificate.for_clients == Some(true) && certificate.for_servers != Some(true);
                let name = source.name.rsplit('/').next().unwrap_or_default();
                if !client && !name.contains("client") {
                    let words = format!("{} has no subjectAltName", certificate.subject);
                    world.fault(&WITHOUT_SAN, source, whole(certificate.line), words);
                }
            }
        }
        if let Some((line, _)) = pem.keys.first() {
            if source.mode.is_some_and(|mode| mode & 0o044 != 0) {
                let words = format!("the key's permissions are {:04o}", source.mode.unwrap_or_default() & 0o7777);
                world.fault(&KEY_OPEN, source, whole(*line), words);
            }
            if let Some(other) = partner(world, source)
                && let Content::Pem(certificates) = &other.content
            {
                pair(world, source, whole(*line), &other.name, certificates, pem);
            }
        }
    }
    beside(world);
}

/// The certificate that goes by a key's name: `x.key` and `x.crt` or `x.pem`, `x-key.pem` and `x.pem`.
fn partner<'w>(world: &'w World<'_>, key: &Source) -> Option<&'w Source> {
    let stem = key.name.strip_suffix(".key").or_else(|| key.name.strip_suffix("-key.pem"))?;
    let names = [format!("{stem}.crt"), format!("{stem}.pem"), format!("{stem}.cer")];
    world.sources.iter().find(|source| names.contains(&source.name))
}

/// Leaf certificates that stand beside a `ca.crt` which did not sign them.
fn beside(world: &World<'_>) {
    for source in &world.sources {
        let Content::Pem(pem) = &source.content else { continue };
        let folder = source.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let names = ["ca.crt", "ca.pem"]
            .map(|name| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") });
        let Some(authority) = world.sources.iter().find(|other| names.contains(&other.name)) else { continue };
        let (Content::Pem(bundle), false) = (&authority.content, std::ptr::eq(authority, source)) else { continue };
        // kube-apiserver's own folder holds certificates of several authorities.
        if (source.name.ends_with("server.crt") || source.name.ends_with("client.crt"))
            && let Some(first) = pem.certificates.first()
            && !first.is_authority
            && !signed_by_any(first, &bundle.certificates)
            && !bundle.certificates.is_empty()
        {
            let spot = Spot { line: first.line, column: 1, width: 200 };
            world.fault(&UNTRUSTED, source, spot, format!("{} did not sign {}", authority.name, first.subject));
        }
    }
}

/// True unless we know that none did.
pub(super) fn signed_by_any(leaf: &Read, authorities: &[Read]) -> bool {
    authorities.iter().any(|authority| leaf.der == authority.der || leaf.signed_by(authority) != Some(false))
}

pub(super) fn dates(world: &World<'_>, source: &Source, spot: Spot, certificate: &Read) {
    let subject = &certificate.subject;
    let left = certificate.not_after.as_second().saturating_sub(world.now.as_second());
    if left < 0 {
        world.fault(&EXPIRED, source, spot, format!("{subject} ended on {}", certificate.not_after));
    } else if left < RENEW_DAYS * 86_400 {
        world.fault(&EXPIRES_SOON, source, spot, format!("{subject} ends on {}", certificate.not_after));
    }
    if certificate.not_before > world.now {
        world.fault(&NOT_YET, source, spot, format!("{subject} holds from {} on", certificate.not_before));
    }
}

/// A certificate's file and a key's: do they belong together?
pub(super) fn pair(world: &World<'_>, source: &Source, spot: Spot, name: &str, certificates: &PemFile, keys: &PemFile) {
    if let (Some(certificate), Some((_, Some(key)))) = (certificates.certificates.first(), keys.keys.first())
        && certificate.public_key != *key
    {
        world.fault(&KEY_MISMATCH, source, spot, format!("the key is not that of {name} ({})", certificate.subject));
    }
}

/// A certificate that is to be shown to the gate.
pub(super) fn client(world: &World<'_>, source: &Source, spot: Spot, certificates: &PemFile) {
    if let Some(certificate) = certificates.certificates.first()
        && certificate.for_clients == Some(false)
    {
        world.fault(&CLIENT_USAGE, source, spot, format!("{} is for servers only", certificate.subject));
    }
}

/// Whether a server that these authorities vouch for can be called by this name. The servers are those among the given
/// files; where there is none, and the authority is a certificate that somebody made for a server, it is that one.
pub(super) fn speaks_for(world: &World<'_>, source: &Source, spot: Spot, authorities: &[Read], host: &str) {
    let mut servers: Vec<&Read> = Vec::new();
    for other in &world.sources {
        if let Content::Pem(pem) = &other.content {
            let leaves = pem.certificates.iter().filter(|c| !c.is_authority && c.for_servers != Some(false));
            servers.extend(leaves.filter(|c| authorities.iter().any(|a| c.signed_by(a) == Some(true))));
        }
    }
    if servers.is_empty() {
        let own = |c: &&Read| {
            let words = c.subject.to_ascii_lowercase();
            c.signed_by(c) == Some(true) && !["authority", " ca", "=ca", "root"].iter().any(|word| words.contains(word))
        };
        servers.extend(authorities.iter().filter(own));
        if let Some(bare) = servers.iter().find(|c| !c.has_san()) {
            let words = format!("the certificate that is trusted for {host} ({}) has no subjectAltName", bare.subject);
            world.fault(&WITHOUT_SAN, source, spot, words);
            return;
        }
    }
    if !servers.is_empty() && !servers.iter().any(|c| c.speaks_for(host)) {
        let names: Vec<String> = servers.iter().flat_map(|c| c.sans()).map(|san| san.to_string()).take(8).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        world.fault(&WRONG_HOST, source, spot, format!("the server's certificate speaks for {names}, not for {host}"));
    }
}
