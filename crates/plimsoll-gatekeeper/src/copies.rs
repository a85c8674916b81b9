//! Values that many threads ask for at once. In: a list of values. Out: for each thread a list of equal ones whose holders few other
//! threads count: two that count the holders of one value wait for one another longer than most rules take.

use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_rego::value::Value;

/// More threads than these share.
const COPIES: usize = 8;
/// What is heavier is shared: many holders are rarely counted while a large value is gone through.
const HEAVIEST: u64 = 1 << 10;

/// Several lists of the same values.
#[derive(Debug)]
pub struct Copies([Vec<Value>; COPIES]);

impl Copies {
    /// One list is made after the other, so that no two lie side by side.
    pub fn of<'v, I: Iterator<Item = &'v Value>>(values: impl Fn() -> I) -> Copies {
        Copies(std::array::from_fn(|_| values().map(copied).collect()))
    }

    /// The list of the thread that asks.
    pub fn own(&self) -> &[Value] {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        // A thread that ends has no number any more.
        let number = NUMBER.try_with(|number| *number).unwrap_or_default();
        self.0.get(number % COPIES).map_or(&[], Vec::as_slice)
    }
}

fn copied(value: &Value) -> Value {
    match value {
        large if large.weight() > HEAVIEST => large.clone(),
        Value::String(text) => Value::string(&**text),
        Value::Array(array) => Value::array(array.items().iter().map(copied).collect()),
        Value::Set(set) => Value::set(set.members().iter().map(copied).collect()),
        Value::Object(object) => {
            Value::object(object.entries().iter().map(|(key, value)| (copied(key), copied(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_equal_values_of_its_own() {
        let large = format!("[{}]", vec!["\"x\""; 2000].join(","));
        let texts =
            [r#"{"a": ["b", {"c": [1.50, null, true]}]}"#, "\"d, and more than lies in a value itself\"", "{}", &large];
        let values: Vec<Value> = texts.iter().map(|text| Value::from_json(text.as_bytes()).unwrap()).collect();
        let copies = Copies::of(|| values.iter());
        let place = |value: &Value| value.as_str().map(|text| text.as_ptr() as usize);
        let seen = || {
            let own = copies.own();
            let texts: Vec<String> = own.iter().map(Value::to_json).collect();
            (own.to_vec() == values, texts, place(&own[1]))
        };
        let here = seen();
        // Of several one may have the same number by chance, but not all.
        let there: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(seen)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(here.1, values.iter().map(Value::to_json).collect::<Vec<_>>());
        assert!(here.0 && here.2 != place(&values[1]));
        assert!(there.iter().all(|there| there.0 && there.1 == here.1));
        assert!(there.iter().any(|there| there.2 != here.2));
    }
}
