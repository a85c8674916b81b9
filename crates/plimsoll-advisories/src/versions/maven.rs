//! Maven's order, after "Version Order Specification" of the POM reference: numbers and qualifiers, where a dash or a
//! change between digits and letters opens a list of its own. alpha < beta < milestone < rc < snapshot < "" < sp < others.

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "maven";

/// Qualifiers that Maven knows, earliest first; the empty one is the release.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const RELEASE: usize = 5;

/// # Errors
/// When a version has no letter or digit at all; Maven finds a place for everything else.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(compare_lists(&parse(a)?, &parse(b)?))
}

/// One element. Lists nest no deeper than a version is long, which `MAX_VERSION` bounds; so recursion is bounded too.
#[derive(Debug)]
enum Item {
    Number(String),
    Word(String),
    List(Vec<Item>),
}

impl Item {
    /// True when it weighs nothing at the end of a list.
    fn is_null(&self) -> bool {
        match self {
            Item::Number(n) => number::is_zero(n),
            Item::Word(w) => w.is_empty(),
            Item::List(items) => items.is_empty(),
        }
    }
}

fn parse(version: &str) -> Result<Vec<Item>, VersionError> {
    let text = admit(ID, version)?.to_lowercase();
    if !text.bytes().any(|b| b.is_ascii_alphanumeric()) {
        return Err(VersionError::new(ID, version, "it has no letter or digit"));
    }
    // The lists that are open, outermost first; each but the last ends with the next.
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut start = 0;
    let mut digits = false;
    let push = |open: &mut Vec<Vec<Item>>, item: Item| {
        // `1.rc` reads as `1-rc`: without that the order is not transitive (Maven 3.9 and the specification agree).
        if matches!(item, Item::Word(_)) && open.last().is_some_and(|list| !list.is_empty()) {
            open.push(Vec::new());
        }
        if let Some(list) = open.last_mut() {
            list.push(item);
        }
    };
    for (i, c) in text.char_indices() {
        match c {
            '.' | '-' => {
                let part = &text[start..i];
                let item = if part.is_empty() { Item::Number("0".to_owned()) } else { item(part, digits, false) };
                push(&mut open, item);
                if c == '-' {
                    open.push(Vec::new());
                }
                start = i + 1;
            }
            c if c.is_ascii_digit() => {
                if !digits && i > start {
                    push(&mut open, item(&text[start..i], false, true));
                    open.push(Vec::new());
                    start = i;
                }
                digits = true;
            }
            _ => {
                if digits && i > start {
                    push(&mut open, item(&text[start..i], true, false));
                    open.push(Vec::new());
                    start = i;
                }
                digits = false;
            }
        }
    }
    if start < text.len() {
        push(&mut open, item(&text[start..], digits, false));
    }
    let mut inner: Option<Vec<Item>> = None;
    while let Some(mut list) = open.pop() {
        if let Some(inner) = inner.take() {
            list.push(Item::List(inner));
        }
        normalise(&mut list);
        inner = Some(list);
    }
    Ok(inner.unwrap_or_default())
}

fn item(text: &str, digits: bool, digit_follows: bool) -> Item {
    if digits {
        return Item::Number(text.to_owned());
    }
    let word = match (text, digit_follows) {
        ("a", true) => "alpha",
        ("b", true) => "beta",
        ("m", true) => "milestone",
        ("ga" | "final" | "release", _) => "",
        ("cr", _) => "rc",
        (other, _) => other,
    };
    Item::Word(word.to_owned())
}

/// Drops what weighs nothing at the end, and before a list at the end.
fn normalise(list: &mut Vec<Item>) {
    for i in (0..list.len()).rev() {
        if list[i].is_null() {
            list.remove(i);
        } else if !matches!(list[i], Item::List(_)) {
            break;
        }
    }
}

fn compare_lists(a: &[Item], b: &[Item]) -> Ordering {
    (0..a.len().max(b.len()))
        .map(|i| match (a.get(i), b.get(i)) {
            (Some(x), Some(y)) => compare_items(x, y),
            (Some(x), None) => against_nothing(x),
            (None, Some(y)) => against_nothing(y).reverse(),
            (None, None) => Ordering::Equal,
        })
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

fn against_nothing(item: &Item) -> Ordering {
    match item {
        Item::Number(n) => number::compare(n, "0"),
        Item::Word(word) => compare_words(word, ""),
        Item::List(items) => {
            items.iter().map(against_nothing).find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
        }
    }
}

/// Words before lists before numbers.
fn compare_items(a: &Item, b: &Item) -> Ordering {
    match (a, b) {
        (Item::Number(x), Item::Number(y)) => number::compare(x, y),
        (Item::Word(x), Item::Word(y)) => compare_words(x, y),
        (Item::List(x), Item::List(y)) => compare_lists(x, y),
        (Item::Number(_), _) | (Item::List(_), Item::Word(_)) => Ordering::Greater,
        (_, Item::Number(_)) | (Item::Word(_), Item::List(_)) => Ordering::Less,
    }
}

/// Known qualifiers in their order, all others behind them by their letters.
fn compare_words(a: &str, b: &str) -> Ordering {
    let place = |word: &str| QUALIFIERS.iter().position(|known| *known == word).unwrap_or(QUALIFIERS.len());
    debug_assert_eq!(place(""), RELEASE);
    place(a).cmp(&place(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_stand_in_maven_s_order() {
        let ascending = [
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-cr2",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-abc",
            "1-def",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1.1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
        for (a, b) in [
            ("1", "1.0.0"),
            ("1", "1-ga"),
            ("1.0.RELEASE", "1"),
            ("1-final", "1"),
            ("1cr", "1rc"),
            ("1a1", "1-alpha-1"),
        ] {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn real_versions_are_ordered() {
        for (less, more) in [
            ("2.0-beta9", "2.14.1"),
            ("2.14.1", "2.15.0"),
            ("5.2.19.RELEASE", "5.2.20.RELEASE"),
            ("31.1-android", "32.0.0-android"),
            ("9.4.0.v20161208", "9.4.41.v20210516"),
            ("2.9.10.5", "2.9.10.6"),
            ("4.1.42.Final", "4.1.44.Final"),
        ] {
            assert_eq!(compare(less, more).unwrap(), Ordering::Less, "{less} {more}");
        }
    }

    #[test]
    fn the_longest_nesting_is_compared() {
        let deep = "1-".repeat(255) + "1";
        assert_eq!(compare(&deep, &deep).unwrap(), Ordering::Equal);
    }
}
