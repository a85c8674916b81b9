//! Random JSON for input and data: the fields that programs look for, now and then missing or of another kind.

use super::random::Random;
use super::rope::{Rope, cat, list, term};

const WORDS: &[&str] = &["a", "b", "ab", "foo", "", "a/b", "é", "10", "A b", "x.y"];
const NUMBERS: &[&str] = &["0", "1", "2", "3", "5", "-1", "1.5", "1e2", "12345678901234567890", "0.1", "1.0", "-0.0"];

fn number(random: &mut Random) -> Rope {
    Rope::from(*random.one(NUMBERS))
}

fn word(random: &mut Random) -> Rope {
    Rope::from(format!("\"{}\"", random.one(WORDS)))
}

fn several(random: &mut Random, one: fn(&mut Random) -> Rope) -> Rope {
    let count = random.below(5);
    let items = (0..count).map(|_| one(random)).collect();
    term(cat!["[", list(", ", 0, items), "]"])
}

fn fields(pairs: Vec<(&str, Rope)>) -> Rope {
    let pairs = pairs.into_iter().map(|(name, value)| cat!["\"", name, "\": ", value]).collect();
    term(cat!["{", list(", ", 0, pairs), "}"])
}

/// Anything, to a depth.
fn any(random: &mut Random, depth: usize) -> Rope {
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => number(random),
        1 => word(random),
        2 => Rope::from(*random.one(&["true", "false"])),
        3 => "null".into(),
        4 => {
            let count = random.below(4);
            let items = (0..count).map(|_| any(random, depth - 1)).collect();
            term(cat!["[", list(", ", 0, items), "]"])
        }
        _ => small(random, depth - 1),
    }
}

fn small(random: &mut Random, depth: usize) -> Rope {
    let mut pairs = Vec::new();
    for name in ["a", "b", "c", "d"] {
        if random.chance(60) {
            pairs.push((name, any(random, depth)));
        }
    }
    fields(pairs)
}

/// What input is, and `data.base`.
pub fn object(random: &mut Random) -> Rope {
    let item = |random: &mut Random| {
        let (name, tags) = (word(random), several(random, word));
        fields(vec![("name", name), ("tags", tags), ("id", number(random))])
    };
    let mut pairs = vec![
        ("n", number(random)),
        ("m", number(random)),
        ("name", word(random)),
        ("word", word(random)),
        ("flag", Rope::from(*random.one(&["true", "false"]))),
        ("nothing", "null".into()),
        ("nums", several(random, number)),
        ("tags", several(random, word)),
        ("obj", small(random, 2)),
        ("mixed", any(random, 3)),
    ];
    let deep = vec![("obj", small(random, 1)), ("nums", several(random, number))];
    pairs.push(("deep", fields(deep)));
    let count = random.below(4);
    let items = (0..count).map(|_| item(random)).collect();
    pairs.push(("items", term(cat!["[", list(", ", 0, items), "]"])));
    pairs.retain(|_| !random.chance(7));
    for (_, value) in &mut pairs {
        if random.chance(5) {
            *value = any(random, 2);
        }
    }
    fields(pairs)
}
