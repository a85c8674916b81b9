//! Did you mean. In: a word and the words that are known. Out: the one that is nearest, if one is near enough.

/// Longer words are not compared letter by letter: nobody misspells that much, and the work grows with the square.
const MAX_LENGTH: usize = 64;

/// The known word that is meant: the same but for its case first, else the only one that is nearest by inserted, left out,
/// changed and swapped letters, one for every three.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<&'k str> {
    if let Some(same) = known.clone().find(|candidate| candidate.eq_ignore_ascii_case(word)) {
        return Some(same);
    }
    let length = word.chars().count();
    if length > MAX_LENGTH {
        return None;
    }
    let allowed = (length / 3).min(3);
    let mut best = None;
    let mut least = allowed + 1;
    for candidate in known {
        if candidate.len() > MAX_LENGTH || candidate.len().abs_diff(word.len()) > allowed {
            continue;
        }
        let far = distance(word, candidate);
        if far < least {
            (best, least) = (Some(candidate), far);
        } else if far == least && best != Some(candidate) {
            best = None;
        }
    }
    best
}

/// Letters inserted, left out, changed, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let changed = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_the_one_that_is_meant_or_none() {
        let known = ["name", "namespace", "image", "imagePullPolicy", "ports", "args"];
        for (word, meant) in [
            ("Name", Some("name")),
            ("imagepullpolicy", Some("imagePullPolicy")),
            ("imagePulPolicy", Some("imagePullPolicy")),
            ("iamge", Some("image")),
            ("port", Some("ports")),
            ("arg", Some("args")),
            ("x", None),
            ("command", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
        assert_eq!(nearest("abcd", ["abcx", "abcy"].into_iter()), None);
        assert_eq!(nearest(&"name".repeat(100_000), known.into_iter()), None);
        assert_eq!(distance("abcd", "abdc"), 1);
    }
}
