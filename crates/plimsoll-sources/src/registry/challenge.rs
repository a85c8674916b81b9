//! `WWW-Authenticate` headers. In: a header's text. Out: the ways in that a registry offers.
//! RFC 9110 section 11.6.1; <https://distribution.github.io/distribution/spec/auth/token/>

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
    /// A scheme that we do not speak.
    Other(String),
}

/// Longer headers are cut: honest ones have a few hundred bytes.
const MAX_HEADER: usize = 8 << 10;
/// More ways in than any registry offers.
const MAX_CHALLENGES: usize = 16;

/// The challenges of one header, in its order. What cannot be read ends the reading.
pub fn challenges(header: &str) -> Vec<Challenge> {
    let mut cut = header.len().min(MAX_HEADER);
    while !header.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut rest = header[..cut].trim_start_matches([' ', '\t', ',']);
    let mut found = vec![];
    while !rest.is_empty() && found.len() < MAX_CHALLENGES {
        let (scheme, after) = word(rest);
        if scheme.is_empty() {
            break;
        }
        let (parameters, after) = parameters(after);
        rest = after;
        let value = |name: &str| {
            parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        found.push(if scheme.eq_ignore_ascii_case("basic") {
            Challenge::Basic
        } else if let (true, Some(realm)) = (scheme.eq_ignore_ascii_case("bearer"), value("realm")) {
            Challenge::Bearer { realm, service: value("service"), scope: value("scope") }
        } else {
            Challenge::Other(scheme.to_owned())
        });
    }
    found
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))).unwrap_or(text.len());
    text.split_at(end)
}

/// `key=value` pairs up to the next scheme, and what comes after them.
fn parameters(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut pairs = vec![];
    loop {
        let rest = text.trim_start_matches([' ', '\t', ',']);
        let (key, after) = word(rest);
        let after = after.trim_start_matches([' ', '\t']);
        let Some(after) = after.strip_prefix('=').filter(|_| !key.is_empty()) else { return (pairs, rest) };
        let after = after.trim_start_matches([' ', '\t']);
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted),
            None => {
                let (value, after) = word(after);
                (value.to_owned(), after)
            }
        };
        pairs.push((key.to_owned(), value));
        text = after;
        // Something that is neither a comma, a space nor the end would be read for ever.
        if !text.is_empty() && !text.starts_with([' ', '\t', ',']) {
            return (pairs, "");
        }
    }
}

fn quoted_text(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => {
                if let Some((_, escaped)) = chars.next() {
                    value.push(escaped);
                }
            }
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubs_header_is_read() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#;
        assert_eq!(
            challenges(header),
            [Challenge::Bearer {
                realm: "https://auth.docker.io/token".into(),
                service: Some("registry.docker.io".into()),
                scope: Some("repository:library/nginx:pull,push".into()),
            }]
        );
    }

    #[test]
    fn several_challenges_in_one_header_are_told_apart() {
        let header = r#"Negotiate, Basic realm="a, \"b\"", bearer Realm=https, NTLM"#;
        assert_eq!(
            challenges(header),
            [
                Challenge::Other("Negotiate".into()),
                Challenge::Basic,
                Challenge::Bearer { realm: "https".into(), service: None, scope: None },
                Challenge::Other("NTLM".into()),
            ]
        );
        assert_eq!(challenges("Bearer"), [Challenge::Other("Bearer".into())], "without a realm it leads nowhere");
        assert!(challenges("").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_header_ends(text in "\\PC{0,200}") {
            let _ = challenges(&text);
        }
    }
}
