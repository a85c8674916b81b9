//! What calls gave, by their arguments. In: a group of rules, the values that it was asked with. Out: what it gave then.
//!
//! Values are found by a sketch of them: their first and last few bytes and members. Of calls with one sketch the newest few are
//! kept, so that whoever makes up values with equal sketches gains nothing but that older calls are made again and paid again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::same::same;
use super::view::Known;
use crate::budget::{Exhausted, Meter};
use crate::value::Value;

/// Calls whose arguments have one sketch.
const MOST_ALIKE: usize = 8;

/// Members that a sketch looks at.
const MOST_MEMBERS: usize = 32;

struct Call {
    group: u32,
    arguments: Box<[Value]>,
    known: Known,
}

impl Call {
    /// Comparing is paid for.
    fn is(&self, group: u32, arguments: &[Option<Value>], meter: &mut Meter) -> Result<bool, Exhausted> {
        meter.steps(1)?;
        if self.group != group || self.arguments.len() != arguments.len() {
            return Ok(false);
        }
        for (have, asked) in self.arguments.iter().zip(arguments) {
            match asked {
                Some(asked) if same(have, asked, meter)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

#[derive(Default)]
pub(super) struct Memo {
    calls: HashMap<u64, Vec<Call>, BuildHasherDefault<Itself>>,
}

impl Memo {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub fn clear(&mut self) {
        self.calls.clear();
    }

    pub fn of(&self, group: u32, arguments: &[Option<Value>], meter: &mut Meter) -> Result<Option<&Known>, Exhausted> {
        let Some(alike) = self.calls.get(&sketch(group, arguments)) else { return Ok(None) };
        for call in alike {
            if call.is(group, arguments, meter)? {
                return Ok(Some(&call.known));
            }
        }
        Ok(None)
    }

    /// What a call gave last is what it gives.
    pub fn keep(
        &mut self,
        group: u32,
        arguments: &[Option<Value>],
        known: Known,
        meter: &mut Meter,
    ) -> Result<(), Exhausted> {
        let alike = self.calls.entry(sketch(group, arguments)).or_insert_with(|| Vec::with_capacity(1));
        for call in alike.iter_mut() {
            if call.is(group, arguments, meter)? {
                call.known = known;
                return Ok(());
            }
        }
        if let Some(arguments) = arguments.iter().cloned().collect() {
            // The newest are kept: whoever asks for one call twice does so soon.
            if alike.len() == MOST_ALIKE {
                alike.remove(0);
            }
            alike.push(Call { group, arguments, known });
        }
        Ok(())
    }

    /// How much room it has, in calls.
    pub fn capacity(&self) -> usize {
        self.calls.capacity()
    }
}

/// Sketches are hashes already.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = mixed(self.0, u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A step of a hash that only has to spread.
#[inline]
fn mixed(hash: u64, with: u64) -> u64 {
    let product = u128::from(hash ^ with) * 0x9E37_79B9_7F4A_7C15_u128;
    (product as u64) ^ ((product >> 64) as u64) ^ hash.rotate_left(23)
}

fn sketch(group: u32, arguments: &[Option<Value>]) -> u64 {
    let mut hash = mixed(0x243F_6A88_85A3_08D3, u64::from(group));
    // Each for itself: a large one leaves the others what they need.
    for value in arguments.iter().flatten() {
        let mut left = MOST_MEMBERS;
        hash = sketched(value, hash, &mut left);
    }
    hash
}

/// Numbers of longer texts are sketched alike: reading them would have to be paid for.
const LONGEST_NUMBER: usize = 40;

/// Equal values are sketched alike, but for numbers of one worth whose texts are long and short.
fn sketched(value: &Value, hash: u64, left: &mut usize) -> u64 {
    if *left == 0 {
        return hash;
    }
    *left -= 1;
    match value {
        Value::Null => mixed(hash, 1),
        Value::Bool(value) => mixed(hash, 2 + u64::from(*value)),
        Value::Number(number) if number.text_len() > LONGEST_NUMBER => mixed(hash, 4),
        Value::Number(number) => mixed(hash, number.as_f64().to_bits()),
        Value::String(text) => of_text(text.as_bytes(), hash),
        Value::Array(array) => all(array.items().iter(), mixed(hash, 5 + array.items().len() as u64), left),
        Value::Set(set) => all(set.members().iter(), mixed(hash, 6 + set.members().len() as u64), left),
        Value::Object(object) => {
            let members = object.entries().iter().flat_map(|(key, value)| [key, value]);
            all(members, mixed(hash, 7 + object.entries().len() as u64), left)
        }
    }
}

/// As deep as members are looked at.
fn all<'v>(members: impl Iterator<Item = &'v Value>, hash: u64, left: &mut usize) -> u64 {
    let mut hash = hash;
    for member in members {
        if *left == 0 {
            break;
        }
        hash = sketched(member, hash, left);
    }
    hash
}

fn of_text(text: &[u8], hash: u64) -> u64 {
    const ENDS: usize = 64;
    let mut hash = mixed(hash, text.len() as u64);
    let (first, rest) = text.split_at(text.len().min(ENDS));
    let last = rest.get(rest.len().saturating_sub(ENDS)..).unwrap_or(rest);
    for part in [first, last] {
        let (words, tail) = part.as_chunks::<8>();
        for word in words {
            hash = mixed(hash, u64::from_le_bytes(*word));
        }
        let tail = tail.iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
        hash = mixed(hash, tail);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    fn asked(text: &str) -> Vec<Option<Value>> {
        match Value::from_json(text.as_bytes()) {
            Ok(Value::Array(array)) => array.items().iter().cloned().map(Some).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_call_is_found_by_equal_arguments_and_by_no_others() {
        let mut meter = Meter::new(&Budget::default());
        let mut memo = Memo::default();
        let long = "x".repeat(200);
        let calls = [
            "[]".to_owned(),
            "[1]".to_owned(),
            "[null, true]".to_owned(),
            "[false, null]".to_owned(),
            r#"[{"a": [1, 2, {"b": "c"}]}]"#.to_owned(),
            r#"[{"a": [1, 2, {"b": "d"}]}]"#.to_owned(),
            format!(r#"["{long}"]"#),
            format!(r#"["{long}y"]"#),
            // One sketch: what differs is in the middle.
            format!(r#"["{long}a{long}"]"#),
            format!(r#"["{long}b{long}"]"#),
        ];
        for (at, call) in calls.iter().enumerate() {
            memo.keep(7, &asked(call), Known::Undefined, &mut meter).unwrap();
            memo.keep(7, &asked(call), Known::Value(Value::int(at as i64)), &mut meter).unwrap();
        }
        for (at, call) in calls.iter().enumerate() {
            let found = memo.of(7, &asked(call), &mut meter).unwrap();
            assert!(matches!(found, Some(Known::Value(value)) if *value == Value::int(at as i64)), "{call}");
            assert!(memo.of(8, &asked(call), &mut meter).unwrap().is_none());
        }
        assert!(memo.of(7, &asked("[2]"), &mut meter).unwrap().is_none());
    }

    #[test]
    fn numbers_of_one_worth_are_one_argument_and_every_argument_counts() {
        let mut meter = Meter::new(&Budget::default());
        let mut memo = Memo::default();
        let large: Vec<String> = (0..100).map(|at| at.to_string()).collect();
        let call = |last: &str| asked(&format!("[[{}], {last}]", large.join(",")));
        for at in 0..100 {
            memo.keep(1, &call(&at.to_string()), Known::Value(Value::int(at)), &mut meter).unwrap();
        }
        for at in 0..100 {
            let found = memo.of(1, &call(&format!("{at}.0")), &mut meter).unwrap();
            assert!(matches!(found, Some(Known::Value(value)) if *value == Value::int(at)));
        }
    }

    #[test]
    fn of_calls_that_look_alike_the_newest_are_kept() {
        let mut meter = Meter::new(&Budget::default());
        let mut memo = Memo::default();
        let around = "x".repeat(100);
        let call = |at: usize| asked(&format!(r#"["{around}{at:05}{around}"]"#));
        for at in 0..1000 {
            memo.keep(1, &call(at), Known::Undefined, &mut meter).unwrap();
        }
        let kept: Vec<usize> = (0..1000).filter(|at| memo.of(1, &call(*at), &mut meter).unwrap().is_some()).collect();
        assert_eq!(kept, (1000 - MOST_ALIKE..1000).collect::<Vec<_>>());
    }
}
