//! What packages depend on, within bounds. In: `name@version` of each dependency. Out: sorted lists without doubles. A few
//! bytes in a lockfile can name a dependency whose name and version are a megabyte, many times over: the sum is bounded.

use std::collections::BTreeSet;

use plimsoll_model::{Problem, ProblemKind};

/// Bytes of dependency ids kept of one file; the largest lockfiles in use have 2 MB.
const MAX_BYTES: usize = 32 << 20;

/// The budget of one file.
pub struct Depends {
    left: usize,
    cut: bool,
}

impl Default for Depends {
    fn default() -> Depends {
        Depends { left: MAX_BYTES, cut: false }
    }
}

impl Depends {
    /// Sorted, without doubles, as many as the budget allows.
    pub fn list<'a>(&mut self, ids: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
        let mut kept: BTreeSet<String> = BTreeSet::new();
        for (name, version) in ids {
            let cost = name.len() + version.len() + size_of::<String>();
            match self.left.checked_sub(cost) {
                Some(left) => self.left = left,
                None => {
                    self.cut = true;
                    break;
                }
            }
            kept.insert(format!("{name}@{version}"));
        }
        kept.into_iter().collect()
    }

    /// Says so when something was left out. Packages are all there, so the verdict does not hang on it.
    pub fn problem(&self) -> Option<Problem> {
        let message = format!("keep what depends on what: more than {} MiB of it", MAX_BYTES >> 20);
        self.cut.then(|| Problem::note(ProblemKind::LimitReached, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_bounded() {
        let mut depends = Depends::default();
        assert_eq!(depends.list([("b", "1"), ("a", "2"), ("b", "1")].into_iter()), ["a@2", "b@1"]);
        assert!(depends.problem().is_none());
        let long = "x".repeat(MAX_BYTES / 2);
        assert_eq!(depends.list(std::iter::repeat_n(("a", long.as_str()), 9)).len(), 1);
        assert!(depends.problem().is_some());
    }
}
