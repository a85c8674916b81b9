//! References between schemas: URLs with a JSON pointer as fragment. In: a reference and where it stands. Out: the absolute
//! reference, or the part of a document that a pointer names.

use crate::value::Value;

/// Up to the fragment, and the fragment.
pub(super) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// Says which host it names.
pub(super) fn is_absolute(reference: &str) -> bool {
    let (base, _) = split(reference);
    base.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && !rest.starts_with('/')
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// The reference as it is meant within a schema of this URL.
pub(super) fn absolute(within: &str, reference: &str) -> String {
    let (base, _) = split(within);
    let (path, fragment) = split(reference);
    let path = if path.is_empty() {
        base.to_owned()
    } else if path.contains("://") || base.is_empty() {
        path.to_owned()
    } else {
        joined(base, path)
    };
    if fragment.is_empty() { path } else { format!("{path}#{fragment}") }
}

fn joined(base: &str, path: &str) -> String {
    let host_end = base.find("://").map_or(0, |at| {
        let host = at + 3;
        base.get(host..).and_then(|rest| rest.find('/')).map_or(base.len(), |end| host + end)
    });
    let (host, directory) = base.split_at(host_end);
    let whole = match path.strip_prefix('/') {
        Some(_) => path.to_owned(),
        None => format!("{}/{path}", directory.rsplit_once('/').map_or("", |(directory, _)| directory)),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "." => {}
            ".." => {
                if parts.len() > 1 {
                    parts.pop();
                }
            }
            part => parts.push(part),
        }
    }
    format!("{host}{}", parts.join("/"))
}

/// What a fragment names in a document: a JSON pointer; all of it where it is none.
pub(super) fn part<'a>(document: &'a Value, fragment: &str) -> Result<&'a Value, String> {
    let fragment = decoded(fragment);
    let Some(pointer) = fragment.strip_prefix('/') else { return Ok(document) };
    pointer.split('/').try_fold(document, |at, token| {
        let token = token.replace("~1", "/").replace("~0", "~");
        match at {
            Value::Object(object) => object.get_str(&token).ok_or_else(|| format!("Object has no key '{token}'")),
            Value::Array(array) => {
                let index: usize = token.parse().map_err(|_| format!("Invalid array index '{token}'"))?;
                let count = array.items().len();
                array.items().get(index).ok_or_else(|| format!("Out of bound array[0,{count}] index '{index}'"))
            }
            _ => Err(format!("Invalid token reference '{token}'")),
        }
    })
}

fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
