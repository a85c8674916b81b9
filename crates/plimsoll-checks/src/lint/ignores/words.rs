//! The words of an ignore. In: a comment without its `#`, or an annotation's value. Out: rules, reason and date, or why it
//! cannot be read.

use jiff::civil::Date;

/// Rules that one ignore names at most: nobody writes more, and each is looked up.
const MAX_RULES: usize = 64;

/// What an ignore says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wording {
    pub rules: Vec<String>,
    pub reason: String,
    pub until: Option<Date>,
    /// It covers the whole file.
    pub file: bool,
    pub foreign: bool,
    pub fault: Option<String>,
}

/// How much a hadolint pragma covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Next,
    Stage,
    File,
}

/// `plimsoll: allow RULE[, RULE] reason until=2027-01-31`, or `allow-file`; none for any other comment.
pub(super) fn ours(comment: &str) -> Option<Wording> {
    let comment = comment.trim_start_matches('#').trim();
    let (word, rest) = comment.split_at_checked("plimsoll".len())?;
    if !word.eq_ignore_ascii_case("plimsoll") {
        return None;
    }
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let (verb, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Some(match verb.to_ascii_lowercase().as_str() {
        "allow" => list(rest),
        "allow-file" => Wording { file: true, ..list(rest) },
        _ => {
            let verb: String = verb.chars().take(40).collect();
            Wording {
                fault: Some(format!("`{verb}` is not a word for ignores: write `allow` or `allow-file`")),
                ..Wording::default()
            }
        }
    })
}

/// `RULE[, RULE] reason until=…`.
pub(super) fn list(text: &str) -> Wording {
    let mut rules: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    let mut more = true;
    while more && rules.len() <= MAX_RULES {
        let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            rules.push(name.to_owned());
        }
        let after = after.trim_start();
        more = after.starts_with(',');
        rest = after.trim_start_matches(',').trim_start();
    }
    let mut wording = Wording { rules, ..reasoned(rest) };
    if wording.fault.is_none() {
        if wording.rules.is_empty() {
            wording.fault = Some("the ignore names no rule".to_owned());
        } else if wording.rules.len() > MAX_RULES {
            wording.fault = Some(format!("the ignore names more than {MAX_RULES} rules"));
        }
    }
    wording
}

/// `reason until=2027-01-31`.
pub(super) fn reasoned(text: &str) -> Wording {
    let mut wording = Wording::default();
    let mut reason: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some((key, date)) if key.eq_ignore_ascii_case("until") => match date.parse() {
                Ok(date) => wording.until = Some(date),
                Err(_) => {
                    let date: String = date.chars().take(40).collect();
                    wording.fault = Some(format!("`until={date}` is no date: write it as `until=2027-01-31`"));
                }
            },
            _ => reason.push(word),
        }
    }
    let reason = reason.join(" ");
    wording.reason = reason.trim_start_matches(['-', '–', '—', ':', '#', '(']).trim().to_owned();
    wording
}

/// `hadolint ignore=DL3008,SC2086 # reason`, `hadolint global ignore=…`, `hadolint stage ignore=…`.
pub(super) fn hadolint(comment: &str) -> Option<(Wording, Reach)> {
    let comment = comment.trim_start_matches('#').trim();
    let (word, rest) = comment.split_at_checked("hadolint".len())?;
    if !word.eq_ignore_ascii_case("hadolint") || !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim_start();
    let (reach, rest) = match rest.split_once(char::is_whitespace) {
        Some(("global", rest)) => (Reach::File, rest.trim_start()),
        Some(("stage", rest)) => (Reach::Stage, rest.trim_start()),
        _ => (Reach::Next, rest),
    };
    let rest = rest.strip_prefix("ignore")?.trim_start().strip_prefix('=')?;
    let (names, reason) = rest.split_once('#').unwrap_or((rest, ""));
    let rules: Vec<String> =
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).take(MAX_RULES).map(str::to_owned).collect();
    let wording = Wording { rules, file: reach == Reach::File, foreign: true, ..reasoned(reason) };
    // Its own reader takes no date: a word like one is a part of the reason.
    Some((Wording { fault: None, ..wording }, reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_reason_and_date_are_told_apart() {
        let wording = ours(" plimsoll: allow DL3007, ksv-0017 ,x — the base is pinned by CI until=2027-01-31").unwrap();
        assert_eq!(wording.rules, ["DL3007", "ksv-0017", "x"]);
        assert_eq!(wording.reason, "the base is pinned by CI");
        assert_eq!(wording.until, Some(Date::constant(2027, 1, 31)));
        assert!(!wording.file && wording.fault.is_none());
        let wording = ours("#Plimsoll:allow-file a").unwrap();
        assert_eq!((wording.rules, wording.reason.as_str(), wording.file), (vec!["a".to_owned()], "", true));
    }

    #[test]
    fn what_begins_like_an_ignore_is_one_or_is_told() {
        for (text, words) in [
            ("plimsoll: alow x y", "alow"),
            ("plimsoll: allow", "names no rule"),
            ("plimsoll: allow x y until=soon", "until=soon"),
            ("plimsoll:", "not a word"),
        ] {
            let fault = ours(text).unwrap().fault.unwrap_or_default();
            assert!(fault.contains(words), "{text}: {fault}");
        }
        for text in ["", "plimsoll is a tool", "plims", "see plimsoll: allow x", "plimsöll: a"] {
            assert_eq!(ours(text), None, "{text}");
        }
        assert!(ours(&format!("plimsoll: allow {}", "x,".repeat(1 << 16))).unwrap().fault.is_some());
    }

    #[test]
    fn pragmas_of_hadolint_are_read() {
        let (wording, reach) = hadolint(" hadolint ignore=DL3008, SC2086 # versions come from a snapshot").unwrap();
        assert_eq!((wording.rules.len(), reach), (2, Reach::Next));
        assert_eq!(wording.reason, "versions come from a snapshot");
        assert_eq!(hadolint("hadolint global ignore=DL3008").unwrap().1, Reach::File);
        assert_eq!(hadolint("hadolint stage ignore = DL3008").unwrap().1, Reach::Stage);
        assert_eq!(hadolint("hadolint shell=bash"), None);
        assert_eq!(hadolint("hadolintignore=DL3008"), None);
    }
}
