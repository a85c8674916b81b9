//! Accounts of an image: `etc/passwd`, `etc/shadow` and `etc/group`. In: their bytes, while layers stream by. Out: findings
//! of the rules `empty-password` and `duplicate-account-id`. What it does not do: read directories (LDAP, NIS) or judge
//! the strength of a password. Format: passwd(5), shadow(5), group(5).

use std::collections::HashMap;

use plimsoll_model::{Finding, Location, RuleInfo, Severity};

use super::{finding, named_few};

/// Larger files are no list of accounts that an image needs: twenty thousand users fit.
const MAX_SIZE: u64 = 1 << 20;
/// Places of one fault in one file: more of them say nothing new.
const MAX_PLACES: usize = 50;
/// Characters of a name that a message shows: useradd allows 32.
const MAX_NAME: usize = 40;

/// Whether the file lists accounts, by path (no leading slash) and size in bytes.
pub fn wants(path: &str, size: u64) -> bool {
    size > 0 && size <= MAX_SIZE && matches!(path, "etc/passwd" | "etc/shadow" | "etc/group")
}

/// What is wrong with the accounts of a file.
pub fn inspect(path: &str, bytes: &[u8]) -> Vec<Finding> {
    let text = String::from_utf8_lossy(bytes);
    let entries: Vec<Entry<'_>> = text.lines().enumerate().filter_map(|(at, line)| Entry::read(at, line)).collect();
    let mut found = Vec::new();
    if path != "etc/group" {
        found.extend(empty_passwords(path, &entries));
    }
    if path != "etc/shadow" {
        found.extend(duplicates(path, &entries));
    }
    found
}

struct Entry<'a> {
    line: u32,
    name: &'a str,
    password: &'a str,
    /// Of passwd and group; shadow has a date there.
    id: Option<u32>,
}

impl<'a> Entry<'a> {
    fn read(at: usize, line: &'a str) -> Option<Entry<'a>> {
        let mut fields = line.split(':');
        let (name, password, id) = (fields.next()?, fields.next()?, fields.next());
        // `+` and `-` take entries over from NIS; they are no accounts.
        if name.is_empty() || name.starts_with(['#', '+', '-']) {
            return None;
        }
        let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
        Some(Entry { line, name, password, id: id.and_then(|id| id.trim().parse().ok()) })
    }
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect()
}

fn found(info: &RuleInfo, path: &str, severity: Severity, message: String, lines: &[u32]) -> Finding {
    let mut found = finding(info, message);
    found.severity = severity;
    found.locations = lines.iter().take(MAX_PLACES).map(|line| Location::line(path, *line)).collect();
    found
}

fn empty_passwords(path: &str, entries: &[Entry<'_>]) -> Option<Finding> {
    let open: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.password.is_empty()).collect();
    let names: Vec<String> = open.iter().map(|entry| shown(entry.name)).collect();
    let lines: Vec<u32> = open.iter().map(|entry| entry.line).collect();
    let plural = if names.len() == 1 { "account" } else { "accounts" };
    let message = format!("/{path} lets the {plural} {} in without a password", named_few(&names));
    let info = &super::rules::empty_password::RULE.info;
    (!names.is_empty()).then(|| found(info, path, info.severity, message, &lines))
}

fn duplicates(path: &str, entries: &[Entry<'_>]) -> Option<Finding> {
    let mut first: HashMap<u32, &str> = HashMap::new();
    let (mut pairs, mut lines, mut root) = (Vec::new(), Vec::new(), false);
    for entry in entries {
        let Some(id) = entry.id else { continue };
        let owner = *first.entry(id).or_insert(entry.name);
        // The same line twice is one account.
        if owner != entry.name {
            pairs.push(format!("{} is {id} as {} is", shown(entry.name), shown(owner)));
            lines.push(entry.line);
            root |= id == 0;
        }
    }
    let what = if path == "etc/group" { "group" } else { "user" };
    let message = format!("/{path} gives one {what} id to several names: {}", named_few(&pairs));
    let info = &super::rules::duplicate_account_id::RULE.info;
    // Another name for root is root, whatever it is called.
    let severity = if root && what == "user" { Severity::High } else { info.severity };
    (!pairs.is_empty()).then(|| found(info, path, severity, message, &lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        inspect(path, text.as_bytes()).into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn accounts_without_a_password_are_named() {
        let shadow = "# c\nroot:::0:::::\nbin:*:1::::::\nbob:$6$x:1\nnis\n+::\neve::1\n";
        assert_eq!(told("etc/shadow", shadow), ["/etc/shadow lets the accounts root, eve in without a password"]);
        assert_eq!(inspect("etc/shadow", shadow.as_bytes())[0].locations[1].line, Some(7));
        assert_eq!(told("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), Vec::<String>::new());
        assert_eq!(told("etc/group", "staff::50:\n"), Vec::<String>::new());
    }

    #[test]
    fn one_id_for_several_names_is_told() {
        assert_eq!(
            told("etc/passwd", "root:x:0:0:::\ntoor:x:0:0:::\na:x:7:7:::\na:x:7:7:::\nbad\nc:x:x:1:::\n"),
            ["/etc/passwd gives one user id to several names: toor is 0 as root is"]
        );
        let root = inspect("etc/passwd", b"root:x:0:0:::\ntoor:x:0:0:::\n");
        assert_eq!(root[0].severity, Severity::High);
        assert_eq!(told("etc/group", "root:x:0:\nwheel:x:0:\n").len(), 1);
        assert_eq!(inspect("etc/group", b"root:x:0:\nwheel:x:0:\n")[0].severity, Severity::Medium);
        // The third field of shadow is a date, the same for everyone who was made on a day.
        assert_eq!(told("etc/shadow", "a:*:19000:\nb:*:19000:\n"), Vec::<String>::new());
    }

    #[test]
    fn large_and_foreign_files_are_bounded() {
        assert!(!wants("etc/passwd", MAX_SIZE + 1) && !wants("usr/share/base-passwd/etc/passwd", 10));
        let many: String = (0..20_000).map(|n| format!("u{n}:x:5:5:::\n")).collect();
        let found = inspect("etc/passwd", many.as_bytes());
        assert_eq!((found.len(), found[0].locations.len()), (1, MAX_PLACES));
        assert!(found[0].message.len() < 300);
        assert!(inspect("etc/passwd", &[0xff, b':', b':', 0, b'\n', b':']).len() < 2);
    }
}
