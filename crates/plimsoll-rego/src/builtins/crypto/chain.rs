//! Whether a chain of certificates holds, as Go's `Certificate.Verify` judges it with the first as the root and the last as the leaf.
//! Bounded: no more signatures are checked than Go checks.

use std::net::IpAddr;

use super::certificate::{Certificate, Subtrees};
use super::constraints;
use super::keys::{self, PublicKey, Scheme};
use crate::budget::{Exhausted, Meter};

/// What a caller asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub dns_name: String,
    /// Seconds since 1970.
    pub now: i64,
    /// Go's numbers of uses; none is that of servers.
    pub usages: Vec<i64>,
    pub max_comparisons: Option<i64>,
}

/// Go's bound on signatures of one judgement.
const MAX_SIGNATURES: usize = 100;
/// Longer chains are not followed.
const MAX_CHAIN: usize = 64;
const MAX_COMPARISONS: i64 = 250_000;

/// From the leaf to the root, as places in the list; none where no chain holds.
pub(super) fn verified(
    meter: &mut Meter,
    certificates: &[Certificate],
    wanted: &Wanted,
) -> Result<Option<Vec<usize>>, Exhausted> {
    let Some(leaf) = certificates.len().checked_sub(1).filter(|leaf| *leaf > 0) else { return Ok(None) };
    let mut judge = Judge { meter, certificates, wanted, signatures: 0, comparisons: 0 };
    if !judge.valid(leaf, &[])? {
        return Ok(None);
    }
    if !wanted.dns_name.is_empty() && !certificates.get(leaf).is_some_and(|leaf| names_host(leaf, &wanted.dns_name)) {
        return Ok(None);
    }
    let root = certificates.first().map(|root| &root.raw);
    let mut path = vec![leaf];
    if certificates.get(leaf).map(|leaf| &leaf.raw) != root && !judge.extend(&mut path)? {
        return Ok(None);
    }
    Ok(Some(path))
}

struct Judge<'a, 'm> {
    meter: &'m mut Meter,
    certificates: &'a [Certificate],
    wanted: &'a Wanted,
    signatures: usize,
    comparisons: i64,
}

impl Judge<'_, '_> {
    /// Goes on from the last of a path until the root; depth is bounded by [`MAX_CHAIN`].
    fn extend(&mut self, path: &mut Vec<usize>) -> Result<bool, Exhausted> {
        let all = self.certificates;
        let Some(child) = path.last().and_then(|at| all.get(*at)) else { return Ok(false) };
        // The root before the others; the leaf is neither.
        for at in 0..all.len().saturating_sub(1) {
            let Some(parent) = all.get(at) else { continue };
            self.meter.steps(1)?;
            if parent.raw_subject != child.raw_issuer || path.len() >= MAX_CHAIN || self.repeats(path, parent) {
                continue;
            }
            self.signatures += 1;
            if self.signatures > MAX_SIGNATURES {
                return Ok(false);
            }
            if !self.signed_by(child, parent)? || !self.valid(at, path)? {
                continue;
            }
            path.push(at);
            if at == 0 {
                if self.usages_fit(path) && self.policies_fit(path) {
                    return Ok(true);
                }
            } else if self.extend(path)? {
                return Ok(true);
            }
            path.pop();
        }
        Ok(false)
    }

    /// A subject with a key that the path has already.
    fn repeats(&self, path: &[usize], parent: &Certificate) -> bool {
        path.iter().filter_map(|at| self.certificates.get(*at)).any(|have| {
            have.raw_subject == parent.raw_subject
                && have.raw_key == parent.raw_key
                && have.names.dns == parent.names.dns
        })
    }

    fn signed_by(&mut self, child: &Certificate, parent: &Certificate) -> Result<bool, Exhausted> {
        if parent.version == 3 && !parent.basic_constraints || parent.basic_constraints && !parent.is_ca {
            return Ok(false);
        }
        const CERT_SIGN: i64 = 1 << 5;
        if parent.key_usage != 0 && parent.key_usage & CERT_SIGN == 0 {
            return Ok(false);
        }
        let Some(scheme) = child.algorithm.scheme() else { return Ok(false) };
        match (&parent.key, scheme) {
            (PublicKey::Ec { curve, point }, Scheme::Ecdsa(hash)) => {
                self.meter.steps(child.raw_tbs.len() as u64 / 64 + 2_000)?;
                let digest = keys::digest(hash, &child.raw_tbs);
                Ok(keys::ecdsa_der(&child.signature)
                    .is_some_and(|(r, s)| keys::ecdsa_holds(*curve, point, &digest, r, s)))
            }
            (key, scheme) => keys::holds(self.meter, key, scheme, &child.raw_tbs, &child.signature),
        }
    }

    /// Whether a certificate may stand after this path.
    fn valid(&mut self, at: usize, path: &[usize]) -> Result<bool, Exhausted> {
        let all = self.certificates;
        let Some(certificate) = all.get(at) else { return Ok(false) };
        if !certificate.unhandled.is_empty() {
            return Ok(false);
        }
        if let Some(child) = path.last().and_then(|at| all.get(*at))
            && child.raw_issuer != certificate.raw_subject
        {
            return Ok(false);
        }
        if self.wanted.now < certificate.not_before || self.wanted.now > certificate.not_after {
            return Ok(false);
        }
        if path.is_empty() {
            return Ok(true);
        }
        // Whatever it constrains: under constraints all names must be such as can be compared.
        if certificate.extensions.iter().any(|extension| extension.id == NAME_CONSTRAINTS) {
            for child in path.iter().filter_map(|at| all.get(*at)) {
                if !self.within(child, certificate)? {
                    return Ok(false);
                }
            }
        }
        if !certificate.basic_constraints || !certificate.is_ca {
            return Ok(false);
        }
        // A limit of how many authorities may stand between.
        Ok(certificate.max_path < 0 || path.len() as i64 - 1 <= certificate.max_path)
    }

    fn within(&mut self, child: &Certificate, parent: &Certificate) -> Result<bool, Exhausted> {
        let names = &child.names;
        let count = names.dns.len() + names.email.len() + names.ip.len() + names.uri.len();
        let per_name = parent.permitted.len() + parent.excluded.len();
        self.comparisons += (count * per_name) as i64;
        self.meter.steps((count * per_name) as u64)?;
        let most = self.wanted.max_comparisons.filter(|most| *most != 0).unwrap_or(MAX_COMPARISONS);
        if self.comparisons > most {
            return Ok(false);
        }
        Ok(constraints::fit(names, &parent.permitted, &parent.excluded))
    }

    /// Whether all of a path may be used for one of the wanted uses.
    fn usages_fit(&self, path: &[usize]) -> bool {
        const ANY: i64 = 0;
        const SERVER: i64 = 1;
        let mut wanted = self.wanted.usages.clone();
        if wanted.is_empty() {
            wanted.push(SERVER);
        }
        if wanted.contains(&ANY) {
            return true;
        }
        // From the root down, each narrows what is left.
        for certificate in path.iter().rev().filter_map(|at| self.certificates.get(*at)) {
            if certificate.usages.is_empty() && certificate.unknown_usages.is_empty()
                || certificate.usages.contains(&ANY)
            {
                continue;
            }
            wanted.retain(|usage| certificate.usages.contains(usage));
            if wanted.is_empty() {
                return false;
            }
        }
        true
    }

    /// Whether one policy is all certificates', where an authority demands that. Stricter than Go: the demand counts from the
    /// root on, and policies that are mapped to others are not followed.
    fn policies_fit(&self, path: &[usize]) -> bool {
        let Some((_, below)) = path.split_last() else { return false };
        let certificates = || below.iter().rev().filter_map(|at| self.certificates.get(*at));
        let any = |policy: &Vec<u64>| *policy == ANY_POLICY;
        if certificates().any(|one| one.mappings.iter().any(|(from, to)| any(from) || any(to))) {
            return false;
        }
        if !certificates().any(|one| one.explicit.is_some()) {
            return true;
        }
        if certificates().any(|one| !one.mappings.is_empty()) {
            return false;
        }
        let free = !certificates().any(|one| one.inhibit_any.is_some());
        // None as long as every policy is one of theirs.
        let mut shared: Option<Vec<&Vec<u64>>> = None;
        for certificate in certificates() {
            if certificate.policies.is_empty() {
                return false;
            }
            if free && certificate.policies.iter().any(any) {
                continue;
            }
            let named = certificate.policies.iter().filter(|policy| !any(policy));
            shared = Some(match &shared {
                None => named.collect(),
                Some(shared) => named.filter(|policy| shared.contains(policy)).collect(),
            });
        }
        shared.is_none_or(|shared| !shared.is_empty())
    }
}

const NAME_CONSTRAINTS: [u64; 4] = [2, 5, 29, 30];
const ANY_POLICY: [u64; 5] = [2, 5, 29, 32, 0];

impl Subtrees {
    fn len(&self) -> usize {
        self.dns.len() + self.email.len() + self.ip.len() + self.uri.len()
    }
}

/// Whether a leaf speaks for a host: by its alternative names alone, a `*` for one label.
fn names_host(certificate: &Certificate, host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Some(ip) = crate::builtins::ip::parse_ip(bare) {
        let plain = |ip: IpAddr| match ip {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
            v4 => v4,
        };
        return certificate.names.ip.iter().any(|have| plain(*have) == plain(ip));
    }
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    certificate.names.dns.iter().any(|pattern| {
        let pattern = pattern.to_ascii_lowercase();
        if pattern.is_empty() || host.is_empty() || pattern.ends_with('.') {
            return false;
        }
        let (mut wanted, mut have) = (pattern.split('.'), host.split('.'));
        let mut first = true;
        loop {
            match (wanted.next(), have.next()) {
                (None, None) => return true,
                (Some("*"), Some(_)) if first => {}
                (Some(wanted), Some(have)) if wanted == have && !have.is_empty() => {}
                _ => return false,
            }
            first = false;
        }
    })
}
