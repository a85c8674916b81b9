//! Globs over image names and namespaces. In: a pattern and a name. Out: whether the whole name fits. `*` stays within a
//! path part, `**` crosses `/`; every other character is itself, in its own letter case.
//!
//! Matching keeps a set of positions instead of trying again, so its time is pattern × name whatever the pattern.

/// The longest pattern; an image name has at most 255 characters.
pub(crate) const MAX_GLOB: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    One(u8),
    /// `*`: any characters but `/`.
    Part,
    /// `**`: any characters.
    Any,
}

fn steps(pattern: &str) -> Vec<Step> {
    let mut steps = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'*' {
            steps.push(Step::One(byte));
            continue;
        }
        let mut stars = 1;
        while bytes.next_if_eq(&b'*').is_some() {
            stars += 1;
        }
        steps.push(if stars == 1 { Step::Part } else { Step::Any });
    }
    steps
}

/// True when `pattern` fits the whole of `name`.
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern.len() > MAX_GLOB {
        return false;
    }
    let steps = steps(pattern);
    // `at[i]`: the first i steps fit what was read so far.
    let mut at = vec![false; steps.len() + 1];
    if let Some(start) = at.first_mut() {
        *start = true;
    }
    skip_wild(&steps, &mut at);
    let mut next = vec![false; steps.len() + 1];
    for byte in name.bytes() {
        next.fill(false);
        for (i, step) in steps.iter().enumerate().filter(|(i, _)| at[*i]) {
            match step {
                Step::One(wanted) if *wanted == byte => next[i + 1] = true,
                Step::One(_) => {}
                Step::Part if byte == b'/' => {}
                Step::Part | Step::Any => next[i] = true,
            }
        }
        skip_wild(&steps, &mut next);
        std::mem::swap(&mut at, &mut next);
    }
    at.last().copied().unwrap_or(false)
}

/// A wild step may stand for nothing.
fn skip_wild(steps: &[Step], at: &mut [bool]) {
    for (i, step) in steps.iter().enumerate() {
        if at[i] && !matches!(step, Step::One(_)) {
            at[i + 1] = true;
        }
    }
}

/// True when the pattern fits every name.
pub fn is_everything(pattern: &str) -> bool {
    pattern.len() > 1 && pattern.bytes().all(|b| b == b'*')
}

/// How many leading characters of `name` the pattern's text before its first star agrees with: how near it came.
pub(crate) fn agreement(pattern: &str, name: &str) -> usize {
    let fixed = pattern.split('*').next().unwrap_or("");
    fixed.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count()
}

/// Why a text is no image glob, and what was probably meant.
pub(crate) fn image_glob_fault(pattern: &str) -> Option<(String, Option<String>)> {
    if pattern.is_empty() {
        return Some(("an empty name matches nothing".into(), Some("write `**` for every image".into())));
    }
    if pattern.len() > MAX_GLOB {
        return Some((format!("longer than {MAX_GLOB} characters"), None));
    }
    if let Some(odd) = pattern.chars().find(|c| !c.is_ascii_graphic() || "?[]{}!()|,\\^$+\"'`<>;&#%~=".contains(*c)) {
        // A registry may be an IPv6 address in brackets.
        if !(matches!(odd, '[' | ']') && pattern.starts_with('[')) {
            return Some((
                format!("{odd:?} stands in no image name; only `*` and `**` are wild"),
                (odd == '^' || odd == '$').then(|| "names are matched in full, without anchors".into()),
            ));
        }
    }
    if let Some((name, _)) = pattern.split_once('@') {
        return Some(("names are matched without digest".into(), Some(format!("write `{name}`"))));
    }
    if let Some(at) = pattern.rfind(':').filter(|at| !pattern[*at..].contains('/'))
        && (pattern[..at].contains('/') || !pattern[at + 1..].bytes().all(|b| b.is_ascii_digit()))
    {
        return Some((
            "names are matched without tag".into(),
            Some(format!("write `{}` and say what tags are good under `tags`", &pattern[..at])),
        ));
    }
    if let Some((scheme, rest)) = pattern.split_once("://") {
        return Some((format!("an image name has no `{scheme}://`"), Some(format!("write `{rest}`"))));
    }
    let first = pattern.split('/').next().unwrap_or("");
    let is_host =
        first.contains(['.', ':', '*', '[']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase());
    if !is_host {
        let full =
            if pattern.contains('/') { format!("docker.io/{pattern}") } else { format!("docker.io/library/{pattern}") };
        return Some((
            "names are matched in full, and this has no registry: it would match nothing".into(),
            Some(format!("did you mean `{full}`?")),
        ));
    }
    if let Some(path) = pattern.strip_prefix(first)
        && path.bytes().any(|b| b.is_ascii_uppercase())
    {
        return Some((
            "repository names are lower case: this would match nothing".into(),
            Some(format!("did you mean `{first}{}`?", path.to_ascii_lowercase())),
        ));
    }
    if !pattern.contains('/') && !pattern.contains("**") {
        let meant = if pattern == "*" { "**".to_owned() } else { format!("{pattern}/**") };
        return Some((
            "every name has a `/`, and `*` does not cross it: this would match nothing".into(),
            Some(format!("did you mean `{meant}`?")),
        ));
    }
    if pattern.ends_with('/') || pattern.contains("//") {
        return Some((
            "a name has no empty part: this would match nothing".into(),
            pattern.strip_suffix('/').map(|p| format!("did you mean `{p}/**`?")),
        ));
    }
    None
}

/// Why a text is no namespace or user glob.
pub(crate) fn word_glob_fault(pattern: &str) -> Option<(String, Option<String>)> {
    if pattern.is_empty() {
        return Some(("an empty name matches nothing".into(), Some("write `*` for every one".into())));
    }
    if pattern.len() > MAX_GLOB {
        return Some((format!("longer than {MAX_GLOB} characters"), None));
    }
    pattern
        .chars()
        .find(|c| c.is_control() || c.is_whitespace() || "?[]{}^$|\\".contains(*c))
        .map(|odd| (format!("{odd:?} stands in no such name; only `*` and `**` are wild"), None))
}

/// Why a text is no glob over the keys of annotations. One that fits every key is a fault: any annotation at all would do.
pub(crate) fn annotation_glob_fault(pattern: &str) -> Option<(String, Option<String>)> {
    if pattern.len() > MAX_GLOB {
        return Some((format!("longer than {MAX_GLOB} characters"), None));
    }
    if pattern.bytes().all(|b| matches!(b, b'*' | b'/')) {
        return Some((
            "any annotation at all would fit".into(),
            Some("name one: `\"*.image-policy.k8s.io/ticket-*\"`".into()),
        ));
    }
    if let Some(odd) = pattern.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_' | '/' | '*'))
    {
        return Some((
            format!("{odd:?} stands in no annotation's key; only `*` and `**` are wild"),
            (odd == ':').then(|| "the value has a key of its own: `value`".into()),
        ));
    }
    if pattern.matches('/').count() > 1 || pattern.starts_with('/') || pattern.ends_with('/') {
        return Some(("a key is `prefix/name` or `name`: this would match nothing".into(), None));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_star_stays_within_a_part_and_two_cross() {
        for (pattern, name, fits) in [
            ("docker.io/library/*", "docker.io/library/nginx", true),
            ("docker.io/library/*", "docker.io/library/a/b", false),
            ("docker.io/*/nginx", "docker.io/library/nginx", true),
            ("registry.example.com/shop/**", "registry.example.com/shop/a/b", true),
            ("registry.example.com/shop/**", "registry.example.com/shop", false),
            ("registry.example.com/shop**", "registry.example.com/shop", true),
            ("registry.example.com/shop/*", "registry.example.com.evil.io/shop/a", false),
            ("**", "anything/at/all", true),
            ("*", "a/b", false),
            ("**/nginx", "docker.io/library/nginx", true),
            ("**/nginx", "docker.io/library/xnginx", false),
            ("gcr.io/Distroless/*", "gcr.io/distroless/static", false),
            ("localhost:5000/**", "localhost:5000/a", true),
            ("***", "a/b/c", true),
            ("shop-*", "shop-prod", true),
            ("shop-*", "workshop-prod", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn hard_patterns_take_no_longer() {
        let started = std::time::Instant::now();
        assert!(!matches(&"**a".repeat(150), &"a".repeat(149)));
        assert!(matches(&"*a".repeat(120), &"a".repeat(255)));
        // Backtracking would take longer than anyone waits; this takes milliseconds.
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn globs_that_could_match_nothing_are_faults() {
        for (pattern, words) in [
            ("nginx", "did you mean `docker.io/library/nginx`?"),
            ("acme/*", "did you mean `docker.io/acme/*`?"),
            ("docker.io/library/nginx:1.21", "write `docker.io/library/nginx`"),
            ("docker.io/library/nginx@sha256:00", "write `docker.io/library/nginx`"),
            ("https://gcr.io/a", "write `gcr.io/a`"),
            ("gcr.io/Acme/*", "did you mean `gcr.io/acme/*`?"),
            ("gcr.io", "did you mean `gcr.io/**`?"),
            ("localhost:5000", "did you mean `localhost:5000/**`?"),
            ("*", "did you mean `**`?"),
            ("gcr.io/acme/", "did you mean `gcr.io/acme/**`?"),
            ("^gcr.io/.*$", "without anchors"),
            ("", "write `**`"),
        ] {
            let (_, suggestion) = image_glob_fault(pattern).unwrap_or_else(|| panic!("{pattern} is taken"));
            assert!(suggestion.unwrap().contains(words), "{pattern}");
        }
        for pattern in [
            "**",
            "*/*",
            "gcr.io/**",
            "localhost:5000/*",
            "docker.io/library/nginx",
            "[::1]:5000/**",
            "*.example.com/**",
        ] {
            assert_eq!(image_glob_fault(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn annotation_globs_name_something() {
        for (pattern, words) in [
            ("", "any annotation"),
            ("*", "any annotation"),
            ("**", "any annotation"),
            ("*/**", "any annotation"),
            ("ticket-*: break-glass", "':'"),
            ("^ticket", "'^'"),
            ("a/b/c", "matches nothing"),
            ("/a", "matches nothing"),
            ("a/", "matches nothing"),
        ] {
            let words = words.replace("matches", "match");
            let (message, _) = annotation_glob_fault(pattern).unwrap_or_else(|| panic!("{pattern} is taken"));
            assert!(message.contains(&words), "{pattern}: {message}");
        }
        for pattern in ["*.image-policy.k8s.io/ticket-*", "example.com/break-glass", "break-glass", "**ticket"] {
            assert_eq!(annotation_glob_fault(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_everything_matches_it(name in "[a-z0-9./:-]{0,60}") {
            prop_assert!(matches(&name, &name));
            prop_assert!(matches("**", &name));
            prop_assert_eq!(matches("*", &name), !name.contains('/'));
        }

        #[test]
        fn a_star_stands_for_any_part(before in "[a-z/]{0,10}", middle in "[a-z]{0,10}", after in "[a-z/]{0,10}") {
            let pattern = format!("{before}*{after}");
            let name = format!("{before}{middle}{after}");
            prop_assert!(matches(&pattern, &name));
            prop_assert!(matches(&pattern.replace('*', "**"), &name));
        }

        #[test]
        fn what_one_star_matches_two_match(pattern in "[ab/*]{0,12}", name in "[ab/]{0,12}") {
            if matches(&pattern, &name) {
                let wider: String = pattern.chars().map(|c| if c == '*' { "**".to_owned() } else { c.to_string() }).collect();
                prop_assert!(matches(&wider, &name));
            }
        }

        #[test]
        fn it_agrees_with_the_plain_definition(pattern in "[ab/*]{0,8}", name in "[ab/]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), plain(&steps(&pattern), name.as_bytes()));
        }
    }

    /// The definition, tried by backtracking.
    fn plain(steps: &[Step], name: &[u8]) -> bool {
        match steps.split_first() {
            None => name.is_empty(),
            Some((Step::One(b), rest)) => name.split_first().is_some_and(|(c, tail)| b == c && plain(rest, tail)),
            Some((wild, rest)) => {
                plain(rest, name)
                    || name
                        .split_first()
                        .is_some_and(|(c, tail)| (*wild == Step::Any || *c != b'/') && plain(steps, tail))
            }
        }
    }
}
