//! URLs as Go's `net/url` reads them.

use std::collections::BTreeMap;
use std::fmt;

use super::{Row, cost, go_text::quoted, opaque::Opaque, priced, row};
use crate::budget::{Out, error};
use crate::value::{Key, Value};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    opaque: String,
    /// User information as it stands before the `@`.
    user: Option<String>,
    host: String,
    /// Unescaped, and as it was written.
    path: Vec<u8>,
    raw_path: String,
    query: String,
    fragment: Option<String>,
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `%41` → `A`.
fn unescaped(text: &str, plus: bool) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => match (rest.first().copied().and_then(hex), rest.get(1).copied().and_then(hex)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = rest.get(2..).unwrap_or(&[]);
                }
                _ => {
                    let shown: String = String::from_utf8_lossy(rest).chars().take(2).collect();
                    return Err(format!("invalid URL escape {}", quoted(&format!("%{shown}"))));
                }
            },
            b'+' if plus => out.push(b' '),
            other => out.push(other),
        }
    }
    Ok(out)
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, letter) in text.char_indices() {
        match letter {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""))),
            _ => return Ok(("", text)),
        }
    }
    Ok(("", text))
}

fn valid_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
}

fn host(text: &str) -> Result<String, String> {
    if text.starts_with('[') {
        let close = text.rfind(']').ok_or_else(|| "missing ']' in host".to_owned())?;
        let port = text.get(close + 1..).unwrap_or("");
        if !valid_port(port) {
            return Err(format!("invalid port {} after host", quoted(port)));
        }
        return Ok(text.to_owned());
    }
    if let Some(colon) = text.rfind(':') {
        let port = text.get(colon..).unwrap_or("");
        if !valid_port(port) || text.matches(':').count() > 1 {
            return Err(format!("invalid port {} after host", quoted(port)));
        }
    }
    let plain = unescaped(text, false)?;
    if let Some(bad) = text.chars().find(|letter| {
        letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"-_.~$&+,/:;=@!'()*%[]".contains(*letter)
    }) {
        return Err(format!("invalid character {} in host name", quoted(&bad.to_string())));
    }
    String::from_utf8(plain).map_err(|_| "invalid character in host name".to_owned())
}

fn valid_user(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(letter))
}

fn parse(whole: &str, request: bool) -> Result<Url, String> {
    let (text, fragment) = match whole.split_once('#') {
        Some((text, fragment)) if !request => (text, Some(fragment)),
        _ => (whole, None),
    };
    if text.chars().any(|letter| letter < ' ' || letter == '\u{7f}') {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if text.is_empty() && request {
        return Err("empty url".to_owned());
    }
    let mut url = Url {
        scheme: String::new(),
        opaque: String::new(),
        user: None,
        host: String::new(),
        path: Vec::new(),
        raw_path: String::new(),
        query: String::new(),
        fragment: None,
    };
    if text == "*" {
        url.path = b"*".to_vec();
        url.raw_path = "*".to_owned();
        return Ok(url);
    }
    let (name, rest) = scheme(text)?;
    url.scheme = name.to_ascii_lowercase();
    let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    url.query = query.to_owned();
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_owned();
            return Ok(url);
        }
        if request {
            return Err("invalid URI for request".to_owned());
        }
        if rest.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    if (!url.scheme.is_empty() || (!request && !rest.starts_with("///"))) && rest.starts_with("//") {
        let after = rest.get(2..).unwrap_or("");
        let end = after.find('/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        url.host = host(place)?;
        if let Some(user) = user {
            if !valid_user(user) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            unescaped(user, false)?;
            url.user = Some(user.to_owned());
        }
        rest = path;
    }
    url.path = unescaped(rest, false)?;
    url.raw_path = rest.to_owned();
    if let Some(fragment) = fragment {
        unescaped(fragment, false)?;
        url.fragment = Some(fragment.to_owned());
    }
    Ok(url)
}

impl Url {
    /// An absolute URL or path.
    pub(super) fn absolute(text: &str) -> Result<Url, String> {
        let wrong = |why: String| format!("parse {}: {why}", quoted(text));
        parse(text, true).map_err(wrong)?;
        parse(text, false).map_err(wrong)
    }

    pub(super) fn request(text: &str) -> Result<(), String> {
        parse(text, true).map(|_| ()).map_err(|why| format!("parse {}: {why}", quoted(text)))
    }

    pub(super) fn text_len(&self) -> usize {
        let parts = [&self.opaque, &self.host, &self.raw_path, &self.query];
        parts.iter().map(|part| part.len()).sum()
    }

    fn hostname(&self) -> &str {
        let host = match self.host.rsplit_once(':') {
            Some((host, port)) if valid_port(&format!(":{port}")) => host,
            _ => &self.host,
        };
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    fn port(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((_, port)) if valid_port(&format!(":{port}")) => port,
            _ => "",
        }
    }

    fn escaped_path(&self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
        let written = |byte: u8| plain(byte) || b"!'()*[]%".contains(&byte);
        if self.raw_path.bytes().all(written) {
            return self.raw_path.clone();
        }
        let mut out = String::new();
        for byte in &self.path {
            if plain(*byte) {
                out.push(char::from(*byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }

    fn queries(&self) -> Value {
        let mut all: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Ok(key), Ok(value)) = (unescaped(key, true), unescaped(value, true)) else { continue };
            let key = Key::String(String::from_utf8_lossy(&key).into());
            let value = Value::string(String::from_utf8_lossy(&value));
            all.entry(key).or_default().push(value);
        }
        Value::map(all.into_iter().map(|(key, values)| (key, Value::list(values))).collect())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        if !self.opaque.is_empty() {
            f.write_str(&self.opaque)?;
        } else {
            if !self.host.is_empty()
                || self.user.is_some()
                || (!self.scheme.is_empty() && self.raw_path.starts_with("//"))
            {
                f.write_str("//")?;
            }
            if let Some(user) = &self.user {
                write!(f, "{user}@")?;
            }
            write!(f, "{}{}", self.host, self.escaped_path())?;
        }
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        match &self.fragment {
            Some(fragment) if !fragment.is_empty() => write!(f, "#{fragment}"),
            _ => Ok(()),
        }
    }
}

fn of(args: &[Value]) -> Out<&Url> {
    match args.first() {
        Some(Value::Opaque(opaque)) => match &**opaque {
            Opaque::Url(url) => Ok(url),
            _ => Err(super::no_such_overload()),
        },
        _ => Err(super::no_such_overload()),
    }
}

fn text(args: &[Value]) -> Out<&str> {
    args.first().and_then(Value::as_str).ok_or_else(super::no_such_overload)
}

pub(super) const ROWS: &[Row] = &[
    priced("url(string) -> url", cost::pass, |meter, args| {
        let text = text(args)?;
        meter.memory(text.len() * 2)?;
        match Url::absolute(text) {
            Ok(url) => Ok(Value::opaque(Opaque::Url(url))),
            Err(message) => error(format!("URL parse error during conversion from string: {message}")),
        }
    }),
    row("isURL(string) -> bool", |_, args| Ok(Value::Bool(Url::request(text(args)?).is_ok()))),
    row("url.getScheme() -> string", |_, args| Ok(Value::string(&*of(args)?.scheme))),
    row("url.getHost() -> string", |_, args| Ok(Value::string(&*of(args)?.host))),
    row("url.getHostname() -> string", |_, args| Ok(Value::string(of(args)?.hostname()))),
    row("url.getPort() -> string", |_, args| Ok(Value::string(of(args)?.port()))),
    row("url.getEscapedPath() -> string", |_, args| Ok(Value::string(of(args)?.escaped_path()))),
    row("url.getQuery() -> map(string, list(string))", |meter, args| {
        let url = of(args)?;
        // A parameter of one letter is a key and a list there.
        meter.memory(url.query.len().saturating_mul(64))?;
        meter.work(url.query.len())?;
        Ok(url.queries())
    }),
];
