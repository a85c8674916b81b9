//! What was found, before a format writes it. In: findings of one file in any order. Out: the order and the count that
//! hadolint reports.

use super::levels::{Level, UNREADABLE};

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub code: String,
    pub level: Level,
    pub line: u32,
    pub message: String,
}

/// A place that could not be understood. What stands around it was checked all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

/// What a report says of one place.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    Entry(&'a Entry),
    Fault(&'a Fault),
}

impl<'a> Item<'a> {
    pub fn line(self) -> u32 {
        match self {
            Item::Entry(entry) => entry.line,
            Item::Fault(fault) => fault.line,
        }
    }

    pub fn column(self) -> u32 {
        match self {
            Item::Entry(_) => 1,
            Item::Fault(fault) => fault.column,
        }
    }

    pub fn code(self) -> &'a str {
        match self {
            Item::Entry(entry) => &entry.code,
            Item::Fault(_) => UNREADABLE,
        }
    }

    pub fn level(self) -> Level {
        match self {
            Item::Entry(entry) => entry.level,
            Item::Fault(_) => Level::Error,
        }
    }

    pub fn message(self) -> &'a str {
        match self {
            Item::Entry(entry) => &entry.message,
            Item::Fault(fault) => &fault.message,
        }
    }
}

/// One file's findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// As the user named it.
    pub name: String,
    /// As some formats name it: `--file-path-in-report`.
    pub path: String,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl FileReport {
    pub fn new(name: &str, path: Option<&str>, mut entries: Vec<Entry>, mut faults: Vec<Fault>) -> FileReport {
        entries.sort_by(|a, b| (a.line, &a.code).cmp(&(b.line, &b.code)));
        entries.dedup_by(|a, b| {
            (a.line, &a.code) == (b.line, &b.code) && (!one_for_each_label(&a.code) || a.message == b.message)
        });
        faults.sort_by_key(|fault| (fault.line, fault.column));
        FileReport { name: name.to_owned(), path: path.unwrap_or(name).to_owned(), entries, faults }
    }

    /// By line; what could not be read stands before the findings of its line.
    pub fn items(&self) -> Vec<Item<'_>> {
        let mut items: Vec<Item<'_>> = self.faults.iter().map(Item::Fault).collect();
        items.extend(self.entries.iter().map(Item::Entry));
        items.sort_by_key(|item| item.line());
        items
    }

    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    pub fn faults(&self) -> usize {
        self.faults.len()
    }
}

/// A rule speaks once of an instruction, but for those that look at labels one by one.
fn one_for_each_label(code: &str) -> bool {
    matches!(code, "DL3049" | "DL3051" | "DL3052" | "DL3053" | "DL3054" | "DL3055" | "DL3056" | "DL3058")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_speaks_once_of_a_line_and_labels_each_for_itself() {
        let entry = |code: &str, line, message: &str| Entry {
            code: code.into(),
            level: Level::Info,
            line,
            message: message.into(),
        };
        let entries = vec![
            entry("DL3056", 2, "b"),
            entry("DL3047", 2, "x"),
            entry("DL3047", 2, "y"),
            entry("DL3056", 2, "c"),
            entry("DL3047", 1, "z"),
        ];
        let faults = vec![Fault { line: 2, column: 4, message: "?".into() }];
        let report = FileReport::new("f", None, entries, faults);
        let items: Vec<String> =
            report.items().iter().map(|item| format!("{}{}", item.line(), item.message())).collect();
        assert_eq!(items, ["1z", "2?", "2x", "2b", "2c"]);
    }
}
