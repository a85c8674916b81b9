//! URLs as Go's `net/url` reads and escapes them, with its words for what it refuses. Bytes in, bytes out.

use std::fmt::Write as _;

use super::go_text::quote;

/// Which part of a URL is escaped or unescaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Query,
    Fragment,
}

fn stays(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return true;
    }
    match part {
        Part::Host | Part::Zone => b"!$&'()*+,;=:[]<>\"".contains(&byte),
        Part::Path => b"$&+,/:;=@".contains(&byte),
        Part::User => b"$&+,;=".contains(&byte),
        Part::Query => false,
        Part::Fragment => b"$&+,/:;=?@!()*".contains(&byte),
    }
}

fn escape(bytes: &[u8], part: Part) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte == b' ' && part == Part::Query {
            out.push('+');
        } else if stays(byte, part) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

pub(super) fn query_escape(bytes: &[u8]) -> String {
    escape(bytes, Part::Query)
}

pub(super) fn query_unescape(bytes: &[u8]) -> Result<Vec<u8>, String> {
    unescape(bytes, Part::Query)
}

fn escape_error(bytes: &[u8]) -> String {
    format!("invalid URL escape {}", quote(bytes.get(..3).unwrap_or(bytes)))
}

fn unescape(bytes: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        match byte {
            b'%' => {
                let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else { return Err(escape_error(rest)) };
                let value = high << 4 | low;
                let percent = rest.starts_with(b"%25");
                if part == Part::Host && high < 8 && !percent {
                    return Err(escape_error(rest));
                }
                if part == Part::Zone && !percent && value != b' ' && !stays(value, Part::Host) {
                    return Err(escape_error(rest));
                }
                out.push(value);
                at += 3;
                continue;
            }
            b'+' if part == Part::Query => out.push(b' '),
            _ => {
                if matches!(part, Part::Host | Part::Zone) && byte < 0x80 && !stays(byte, part) {
                    return Err(format!("invalid character {} in host name", quote(&[byte])));
                }
                out.push(byte);
            }
        }
        at += 1;
    }
    Ok(out)
}

/// More query parameters than this Go refuses.
const MAX_PARAMETERS: usize = 10_000;

/// Names with values.
type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// All well-formed pairs, unless one is not.
pub(super) fn parse_query(query: &[u8]) -> Result<Parameters, String> {
    if query.iter().filter(|byte| **byte == b'&').count() >= MAX_PARAMETERS {
        return Err("number of URL query parameters exceeded limit".into());
    }
    let mut pairs = Vec::new();
    let mut semicolon = None;
    let mut first = None;
    for part in query.split(|byte| *byte == b'&') {
        if part.contains(&b';') {
            // Go keeps the last of these over an earlier error.
            semicolon = Some("invalid semicolon separator in query".to_owned());
            first = None;
            continue;
        }
        if part.is_empty() {
            continue;
        }
        let (key, value) = cut(part, b'=');
        match (query_unescape(key), query_unescape(value)) {
            (Ok(key), Ok(value)) => pairs.push((key, value)),
            (Err(error), _) | (_, Err(error)) => {
                if semicolon.is_none() && first.is_none() {
                    first = Some(error);
                }
            }
        }
    }
    match semicolon.or(first) {
        Some(error) => Err(error),
        None => Ok(pairs),
    }
}

fn cut(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == at) {
        Some(place) => (bytes.get(..place).unwrap_or_default(), bytes.get(place + 1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// The parts, unescaped where not called raw.
#[derive(Debug, Default, Clone)]
pub(super) struct Url {
    pub scheme: Vec<u8>,
    pub opaque: Vec<u8>,
    pub host: Vec<u8>,
    pub path: Vec<u8>,
    pub raw_path: Vec<u8>,
    pub raw_query: Vec<u8>,
    pub fragment: Vec<u8>,
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    force_query: bool,
    omit_host: bool,
    raw_fragment: Vec<u8>,
}

impl Url {
    /// Where host and port part.
    fn port_colon(&self) -> Option<usize> {
        let colon = self.host.iter().rposition(|byte| *byte == b':')?;
        let port = self.host.get(colon + 1..)?;
        port.iter().all(u8::is_ascii_digit).then_some(colon)
    }

    pub(super) fn has_user(&self) -> bool {
        self.user.is_some()
    }

    pub(super) fn force_query(&self) -> bool {
        self.force_query
    }

    pub(super) fn omit_host(&self) -> bool {
        self.omit_host
    }

    pub(super) fn raw_fragment(&self) -> &[u8] {
        &self.raw_fragment
    }

    pub(super) fn hostname(&self) -> Vec<u8> {
        let name = match self.port_colon() {
            Some(colon) => self.host.get(..colon).unwrap_or_default(),
            None => &self.host,
        };
        name.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(name).to_vec()
    }

    pub(super) fn port(&self) -> Vec<u8> {
        self.port_colon().and_then(|colon| self.host.get(colon + 1..)).unwrap_or_default().to_vec()
    }

    pub(super) fn escaped_path(&self) -> String {
        if !self.raw_path.is_empty()
            && valid_encoded(&self.raw_path, Part::Path)
            && unescape(&self.raw_path, Part::Path).is_ok_and(|path| path == self.path)
        {
            return String::from_utf8_lossy(&self.raw_path).into_owned();
        }
        if self.path == b"*" {
            return "*".into();
        }
        escape(&self.path, Part::Path)
    }

    fn escaped_fragment(&self) -> String {
        if !self.raw_fragment.is_empty() && valid_encoded(&self.raw_fragment, Part::Fragment) {
            return String::from_utf8_lossy(&self.raw_fragment).into_owned();
        }
        escape(&self.fragment, Part::Fragment)
    }

    /// As Go writes it again (what a `url.URL` says in JSON of certificates).
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&String::from_utf8_lossy(&self.scheme));
            out.push(':');
        }
        if self.opaque.is_empty() {
            let somewhere = !self.host.is_empty() || self.user.is_some();
            if somewhere || !self.scheme.is_empty() && !self.omit_host {
                if somewhere || !self.path.is_empty() {
                    out.push_str("//");
                }
                if let Some((name, password)) = &self.user {
                    out.push_str(&escape(name, Part::User));
                    if let Some(password) = password {
                        out.push(':');
                        out.push_str(&escape(password, Part::User));
                    }
                    out.push('@');
                }
                out.push_str(&escape(&self.host, Part::Host));
            }
            let path = self.escaped_path();
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            if out.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
                out.push_str("./");
            }
            out.push_str(&path);
        } else {
            out.push_str(&String::from_utf8_lossy(&self.opaque));
        }
        if self.force_query || !self.raw_query.is_empty() {
            out.push('?');
            out.push_str(&String::from_utf8_lossy(&self.raw_query));
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&self.escaped_fragment());
        }
        out
    }
}

fn valid_encoded(bytes: &[u8], part: Part) -> bool {
    bytes.iter().all(|byte| b"!$&'()*+,;=:@[]%".contains(byte) || stays(*byte, part))
}

/// The parts of a URL, or Go's words of why it is none.
pub(super) fn parse(raw: &[u8]) -> Result<Url, String> {
    let told = |raw: &[u8], error: String| format!("parse {}: {error}", quote(raw));
    let (before, fragment) = cut(raw, b'#');
    let mut url = parse_without_fragment(before).map_err(|error| told(before, error))?;
    if !fragment.is_empty() {
        url.fragment = unescape(fragment, Part::Fragment).map_err(|error| told(raw, error))?;
        if escape(&url.fragment, Part::Fragment).as_bytes() != fragment {
            url.raw_fragment = fragment.to_vec();
        }
    }
    Ok(url)
}

fn scheme(raw: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in raw.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".into()),
            b':' => return Ok((raw.get(..at).unwrap_or_default(), raw.get(at + 1..).unwrap_or_default())),
            _ => return Ok((&[], raw)),
        }
    }
    Ok((&[], raw))
}

fn parse_without_fragment(raw: &[u8]) -> Result<Url, String> {
    if raw.iter().any(|byte| *byte < b' ' || *byte == 0x7F) {
        return Err("net/url: invalid control character in URL".into());
    }
    let mut url = Url::default();
    if raw == b"*" {
        url.path = raw.to_vec();
        return Ok(url);
    }
    let (scheme, mut rest) = scheme(raw)?;
    url.scheme = scheme.to_ascii_lowercase();
    if rest.ends_with(b"?") && rest.iter().filter(|byte| **byte == b'?').count() == 1 {
        url.force_query = true;
        rest = rest.get(..rest.len() - 1).unwrap_or_default();
    } else {
        let (before, query) = cut(rest, b'?');
        url.raw_query = query.to_vec();
        rest = before;
    }
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".into());
        }
    }
    if (!url.scheme.is_empty() || !rest.starts_with(b"///")) && rest.starts_with(b"//") {
        let authority = rest.get(2..).unwrap_or_default();
        let slash = authority.iter().position(|byte| *byte == b'/').unwrap_or(authority.len());
        let (authority, after) = authority.split_at(slash);
        rest = after;
        parse_authority(&mut url, authority)?;
    } else if !url.scheme.is_empty() && rest.starts_with(b"/") {
        url.omit_host = true;
    }
    url.path = unescape(rest, Part::Path)?;
    if escape(&url.path, Part::Path).as_bytes() != rest {
        url.raw_path = rest.to_vec();
    }
    Ok(url)
}

fn parse_authority(url: &mut Url, authority: &[u8]) -> Result<(), String> {
    let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else {
        url.host = parse_host(&url.scheme, authority)?;
        return Ok(());
    };
    url.host = parse_host(&url.scheme, authority.get(at + 1..).unwrap_or_default())?;
    let user = authority.get(..at).unwrap_or_default();
    if !user.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte)) {
        return Err("net/url: invalid userinfo".into());
    }
    let (name, password) = cut(user, b':');
    let has_password = user.contains(&b':');
    url.user =
        Some((unescape(name, Part::User)?, if has_password { Some(unescape(password, Part::User)?) } else { None }));
    Ok(())
}

fn checked_port(colon_port: &[u8]) -> Result<(), String> {
    match colon_port.split_first() {
        None => Ok(()),
        Some((b':', digits)) if digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(format!("invalid port {} after host", quote(colon_port))),
    }
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    match host.iter().rposition(|byte| *byte == b'[') {
        Some(0) => {
            let Some(close) = host.iter().rposition(|byte| *byte == b']') else {
                return Err("missing ']' in host".into());
            };
            let colon_port = host.get(close + 1..).unwrap_or_default();
            checked_port(colon_port)?;
            let colon_port = unescape(colon_port, Part::Host)?;
            let name = host.get(1..close).unwrap_or_default();
            let name = match name.windows(3).position(|three| three == b"%25") {
                Some(zone) => {
                    let (before, zone) = name.split_at(zone);
                    let mut name = unescape(before, Part::Host)?;
                    name.extend(unescape(zone, Part::Zone)?);
                    name
                }
                None => unescape(name, Part::Host)?,
            };
            match super::ip::parse_address(&String::from_utf8_lossy(&name)) {
                Ok(std::net::IpAddr::V6(_)) => {}
                Ok(std::net::IpAddr::V4(_)) => return Err("invalid IP-literal".into()),
                Err(error) => return Err(format!("invalid host: {error}")),
            }
            let mut out = b"[".to_vec();
            out.extend(name);
            out.push(b']');
            out.extend(colon_port);
            return Ok(out);
        }
        Some(_) => return Err("invalid IP-literal".into()),
        None => {}
    }
    if let Some(first) = host.iter().position(|byte| *byte == b':') {
        let last = host.iter().rposition(|byte| *byte == b':').unwrap_or(first);
        let from = if matches!(scheme, b"http" | b"https") { first } else { last };
        checked_port(host.get(from..).unwrap_or_default())?;
    }
    unescape(host, Part::Host)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        for (url, name) in [
            ("http://example.com", "example.com"),
            ("http://example.com:8443/a:1", "example.com"),
            ("http://example.com:", "example.com"),
            ("http://user:word@example.com:80", "example.com"),
            ("http://[2001:db8::1]:8443", "2001:db8::1"),
            ("http://[::1]", "::1"),
            ("http:///a", ""),
            ("example.com", ""),
        ] {
            let parsed = parse(url.as_bytes()).expect(url);
            assert_eq!(parsed.hostname(), name.as_bytes(), "{url}");
        }
    }
}
