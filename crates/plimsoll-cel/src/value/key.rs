//! Keys of maps. Whole numbers are one key whether signed or not.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Value;

#[derive(Debug, Clone)]
pub enum Key {
    Bool(bool),
    Int(i64),
    Uint(u64),
    String(Arc<str>),
}

impl Key {
    /// The key that a value is, when a map is made of it.
    pub fn of(value: &Value) -> Option<Key> {
        Some(match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Uint(value) => Key::Uint(*value),
            Value::String(text) => Key::String(text.clone()),
            _ => return None,
        })
    }

    /// The key that a value asks for: a double asks for the whole number it is.
    pub fn asked(value: &Value) -> Option<Key> {
        match value {
            Value::Double(number) if number.fract() == 0.0 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "held against the number below"
                )]
                let (int, uint) = (*number as i64, *number as u64);
                #[expect(clippy::cast_precision_loss, reason = "a double that is whole is compared")]
                if int as f64 == *number && int != i64::MAX {
                    Some(Key::Int(int))
                } else if uint as f64 == *number && uint != u64::MAX {
                    Some(Key::Uint(uint))
                } else {
                    None
                }
            }
            other => Key::of(other),
        }
    }

    pub fn value(&self) -> Value {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::String(text) => Value::String(text.clone()),
        }
    }

    pub(crate) fn text_len(&self) -> usize {
        match self {
            Key::String(text) => text.len(),
            _ => 0,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Key::Bool(_) => 0,
            Key::Int(_) | Key::Uint(_) => 1,
            Key::String(_) => 2,
        }
    }

    fn number(&self) -> i128 {
        match self {
            Key::Int(value) => i128::from(*value),
            Key::Uint(value) => i128::from(*value),
            Key::Bool(_) | Key::String(_) => 0,
        }
    }

    pub(crate) fn cmp_text(&self, text: &str) -> Ordering {
        match self {
            Key::String(own) => (**own).cmp(text),
            _ => Ordering::Less,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::String(a), Key::String(b)) => a.cmp(b),
            (Key::Bool(a), Key::Bool(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()).then_with(|| a.number().cmp(&b.number())),
        }
    }
}
