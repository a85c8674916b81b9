//! The ranges of names that an authority may speak for. In: names of a certificate, and an authority's constraints. Out: whether
//! all names are within them, as Go judges it: a name that cannot be compared is not.

use std::net::IpAddr;

use super::certificate::{AltNames, Subtrees};

/// A name of a domain as Go takes it, in a certificate or as a constraint; an empty one is.
pub(super) fn is_domain(name: &str, constraint: bool) -> bool {
    let labels = if constraint { name.strip_prefix('.').unwrap_or(name) } else { name };
    name.is_empty()
        || labels.split('.').all(|label| !label.is_empty() && label.bytes().all(|byte| (33..=126).contains(&byte)))
}

/// The two sides of an address of mail, the domain in small letters.
pub(super) fn mailbox(address: &str) -> Option<(String, String)> {
    let (local, domain) = match address.strip_prefix('"') {
        Some(quoted) => quoted_local(quoted)?,
        None => bare_local(address)?,
    };
    let domain = domain.strip_prefix('@')?;
    is_domain(domain, false).then(|| (local, domain.to_ascii_lowercase()))
}

fn quoted_local(text: &str) -> Option<(String, &str)> {
    let mut local = String::new();
    let mut letters = text.chars();
    loop {
        match letters.next()? {
            '"' => return Some((local, letters.as_str())),
            '\\' => match letters.next()? {
                '\0' | '\n' | '\r' => return None,
                letter => local.push(letter),
            },
            '\0' | '\t' | '\n' | '\r' => return None,
            letter => local.push(letter),
        }
    }
}

fn bare_local(text: &str) -> Option<(String, &str)> {
    let mut local = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (letter, length) = match letter {
            '\\' => (rest.chars().nth(1)?, 1),
            letter if letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter) => (letter, 0),
            _ => break,
        };
        local.push(letter);
        rest = rest.get(length + letter.len_utf8()..)?;
    }
    let fine = !local.is_empty() && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    fine.then_some((local, rest))
}

/// The host of a name that is an address of the web; none where there is nothing that a constraint could speak of.
fn host(url: &str) -> Option<String> {
    let host = url.to_ascii_lowercase();
    let host = match host.rsplit_once(':') {
        Some((host, _)) if !url.ends_with(']') => host.to_owned(),
        _ => host,
    };
    let odd = host.is_empty() || host.contains([':', '[', ']']) || crate::builtins::ip::parse_ip(&host).is_some();
    (!odd && is_domain(&host, false)).then_some(host)
}

/// Whether a name is a constraint's or below it.
fn is_below(name: &str, constraint: &str) -> bool {
    let Some(cut) = name.len().checked_sub(constraint.len()) else { return false };
    let (Some(before), Some(end)) = (name.as_bytes().get(..cut), name.as_bytes().get(cut..)) else { return false };
    end.eq_ignore_ascii_case(constraint.as_bytes())
        && (constraint.is_empty() || constraint.starts_with('.') || before.last().is_none_or(|byte| *byte == b'.'))
}

/// A `*` speaks for what is excluded too.
fn is_wildcard_of(name: &str, excluded: &str) -> bool {
    let parent = |name: &str| name.find('.').and_then(|at| name.get(at..)).map(str::to_ascii_lowercase);
    name.starts_with('*') && parent(name).is_some_and(|above| parent(excluded) == Some(above))
}

fn domain_fits<'c>(
    name: &str,
    mut permitted: impl Iterator<Item = &'c str>,
    mut excluded: impl Iterator<Item = &'c str>,
    free: bool,
) -> bool {
    (free || permitted.any(|constraint| is_below(name, constraint)))
        && !excluded.any(|constraint| is_below(name, constraint) || is_wildcard_of(name, constraint))
}

fn mail_fits(address: &str, permitted: &[String], excluded: &[String]) -> bool {
    let Some(address) = mailbox(address) else { return false };
    let whole = |constraints: &[String]| {
        constraints.iter().any(|one| one.contains('@') && mailbox(one).as_ref() == Some(&address))
    };
    let domains = |constraints: &'_ [String]| {
        constraints.iter().map(String::as_str).filter(|one| !one.contains('@')).map(str::to_owned).collect::<Vec<_>>()
    };
    let (yes, no) = (domains(permitted), domains(excluded));
    let free = permitted.is_empty() || whole(permitted);
    !whole(excluded) && domain_fits(&address.1, yes.iter().map(String::as_str), no.iter().map(String::as_str), free)
}

fn ip_within(ip: IpAddr, (address, mask): &(Vec<u8>, Vec<u8>)) -> bool {
    let bytes = match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    bytes.len() == address.len()
        && bytes.iter().zip(address).zip(mask).all(|((byte, wanted), mask)| byte & mask == wanted & mask)
}

/// Whether all names are within what is permitted and none is excluded.
pub(super) fn fit(names: &AltNames, yes: &Subtrees, no: &Subtrees) -> bool {
    let domain = |name: &str, yes: &[String], no: &[String]| {
        domain_fits(name, yes.iter().map(String::as_str), no.iter().map(String::as_str), yes.is_empty())
    };
    names.dns.iter().all(|name| is_domain(name, false) && domain(name, &yes.dns, &no.dns))
        && names.email.iter().all(|address| mail_fits(address, &yes.email, &no.email))
        && names.ip.iter().all(|ip| {
            (yes.ip.is_empty() || yes.ip.iter().any(|range| ip_within(*ip, range)))
                && !no.ip.iter().any(|range| ip_within(*ip, range))
        })
        && names
            .uri
            .iter()
            .all(|uri| host(&String::from_utf8_lossy(&uri.host)).is_some_and(|host| domain(&host, &yes.uri, &no.uri)))
}
