//! Whether a variable may hold blanks or wildcards. In: a script. Out: for each variable it sets, whether all values given to it
//! may; what is not understood counts as one that may not. What it does not do: follow the order of commands.

use std::collections::{HashMap, HashSet};

use super::Told;
use crate::shell::{CompoundKind, Part, Script, Simple, Word};

/// Variables of the shell that hold numbers or flags.
const WITHOUT_BLANKS: [&str; 26] = [
    "?",
    "#",
    "$",
    "!",
    "-",
    "BASHPID",
    "BASH_ARGC",
    "BASH_LINENO",
    "BASH_SUBSHELL",
    "COLUMNS",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "HISTCMD",
    "HISTFILESIZE",
    "HISTSIZE",
    "LINENO",
    "LINES",
    "OPTIND",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
];

/// How often a value that is another variable's is looked up: people write two or three in a row.
const ROUNDS: usize = 4;

/// The variables of a script.
pub(super) struct Values {
    /// Those that only ever get values that may hold blanks or wildcards.
    dirty: HashSet<String>,
    /// All others that are set.
    other: HashSet<String>,
}

/// A value that is given to a variable.
enum Value<'s> {
    Word(&'s Word),
    Dirty,
    Unsure,
}

impl Values {
    pub(super) fn of(script: &Script, told: &Told<'_, '_>) -> Values {
        let mut given: HashMap<String, Vec<Value<'_>>> = HashMap::new();
        for simple in script.commands() {
            gather(simple, &mut given);
        }
        for compound in script.compounds() {
            if matches!(compound.kind, CompoundKind::Arithmetic | CompoundKind::For) {
                let texts = compound.words.iter().take(1).map(Word::text);
                texts.filter(|text| text.contains(['=', '+', '-'])).for_each(|text| counted(&text, &mut given));
            }
            let Some((name, words)) = compound.words.split_first() else { continue };
            if matches!(compound.kind, CompoundKind::For | CompoundKind::Select)
                && let Some(name) = name.literal()
            {
                let values = given.entry(name).or_default();
                let splits = |word: &Word| word.parts.iter().any(|part| matches!(part, Part::Variable { .. }));
                values.extend(words.iter().map(|word| if splits(word) { Value::Dirty } else { Value::Word(word) }));
                if words.is_empty() {
                    values.push(Value::Unsure);
                }
            }
        }
        let mut values = Values { dirty: HashSet::new(), other: HashSet::new() };
        // All are other until they are found to be dirty, so that a circle is never dirty by itself.
        values.other.extend(given.keys().cloned());
        for _ in 0..ROUNDS {
            let dirty = |all: &Vec<Value<'_>>| {
                all.iter().all(|value| match value {
                    Value::Word(word) => values.is_dirty_value(&word.parts, told),
                    Value::Dirty => true,
                    Value::Unsure => false,
                })
            };
            let now: Vec<String> = given.iter().filter(|(_, all)| dirty(all)).map(|(name, _)| name.clone()).collect();
            if now.len() == values.dirty.len() {
                break;
            }
            for name in now {
                values.other.remove(&name);
                values.dirty.insert(name);
            }
        }
        values
    }

    /// Every value that this variable can have here may hold blanks or wildcards.
    pub(super) fn may_split(&self, name: &str, told: &Told<'_, '_>) -> bool {
        !WITHOUT_BLANKS.contains(&name) && !self.other.contains(name) && !told.knows(name)
    }

    fn is_dirty_value(&self, parts: &[Part], told: &Told<'_, '_>) -> bool {
        parts.iter().any(|part| match part {
            Part::Bare(text, _) => text.contains(['*', '?', ' ', '\t', '\n']),
            Part::Single(text, _) => text.contains([' ', '\t', '\n', '*']),
            Part::Double(parts, _) => self.is_dirty_value(parts, told),
            Part::Substitution(..) => true,
            Part::Variable { name, text, .. } => splits(text, name) && self.may_split(name, told),
            Part::Arithmetic(..) => false,
        })
    }
}

/// The variable gives its value, whole or cut, and not a number or another text.
pub(super) fn splits(text: &str, name: &str) -> bool {
    let Some(rest) = text.strip_prefix('$') else { return false };
    let Some(inside) = rest.strip_prefix('{') else { return rest == name };
    let Some(after) = inside.strip_suffix('}').and_then(|inside| inside.strip_prefix(name)) else { return false };
    !name.is_empty() && (after.is_empty() || after.starts_with(['#', '%']))
}

/// The name of `name=…`, as an argument.
pub(super) fn assigned_name(word: &Word) -> Option<(&str, usize)> {
    let Some(Part::Bare(text, _)) = word.parts.first() else { return None };
    let (name, _) = text.split_once('=')?;
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then_some((name, name.len() + 1))
}

/// Commands whose arguments are assignments.
pub(super) fn declares(name: &str) -> bool {
    matches!(name, "export" | "local" | "readonly" | "declare" | "typeset")
}

/// The names in arithmetic that sets something: they hold numbers.
fn counted(text: &str, given: &mut HashMap<String, Vec<Value<'_>>>) {
    for name in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
        given.entry(name.to_owned()).or_default().push(Value::Unsure);
    }
}

/// `$((x += 1))`, wherever in a word.
fn counted_in(parts: &[Part], given: &mut HashMap<String, Vec<Value<'_>>>) {
    for part in parts {
        match part {
            Part::Double(parts, _) => counted_in(parts, given),
            Part::Arithmetic(text, _) if text.contains('=') || text.contains("++") || text.contains("--") => {
                counted(text, given);
            }
            _ => {}
        }
    }
}

fn gather<'s>(simple: &'s Simple, given: &mut HashMap<String, Vec<Value<'s>>>) {
    for assignment in &simple.assignments {
        let alone = simple.words.is_empty() && !assignment.append;
        let value = assignment.value.as_ref().filter(|_| alone).map_or(Value::Unsure, Value::Word);
        given.entry(assignment.name.clone()).or_default().push(value);
    }
    let values = simple.assignments.iter().filter_map(|assignment| assignment.value.as_ref());
    for word in values.chain(&simple.words) {
        counted_in(&word.parts, given);
    }
    let name = simple.base_name().unwrap_or_default();
    let mut unsure = |name: &str| given.entry(name.to_owned()).or_default().push(Value::Unsure);
    for word in &simple.words {
        // `${x:=…}` sets x.
        for part in word.parts.iter().flat_map(|part| match part {
            Part::Double(parts, _) => parts.as_slice(),
            part => std::slice::from_ref(part),
        }) {
            if let Part::Variable { name, text, .. } = part
                && (text.contains(":=") || text.contains('='))
            {
                unsure(name);
            }
        }
    }
    match name.as_str() {
        "read" => {
            for word in simple.words.iter().skip(1).filter_map(Word::literal).filter(|word| !word.starts_with('-')) {
                given.entry(word).or_default().push(Value::Dirty);
            }
        }
        name if declares(name) => {
            for word in simple.words.iter().skip(1) {
                match assigned_name(word) {
                    Some((name, _)) => given.entry(name.to_owned()).or_default().push(Value::Word(word)),
                    // `local x` hides what x was.
                    None if name != "export" => {
                        given.entry(word.text()).or_default().push(Value::Unsure);
                    }
                    None => {}
                }
            }
        }
        // What else may set a variable that it names.
        "printf" | "getopts" | "mapfile" | "readarray" | "let" | "unset" | "eval" | "." | "source" => {
            for word in simple.words.iter().skip(1) {
                unsure(&word.text());
            }
        }
        _ => {}
    }
}

/// The script tells its shell to end at the first failure.
pub(super) fn sets_errexit(script: &Script) -> bool {
    script.commands().into_iter().filter(|simple| simple.base_name().as_deref() == Some("set")).any(|simple| {
        let args = simple.args();
        let short = |text: &str| text.starts_with('-') && !text.starts_with("--") && text.contains('e');
        args.iter().any(|arg| short(&arg.text) || arg.text == "errexit")
    })
}
