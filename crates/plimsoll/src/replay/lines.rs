//! A file of a record to its reviews. In: bytes. Out: what was in force and known, and the lines of the reviews under it. What
//! it does not do: read the reviews; that is done by many threads.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use plimsoll_admission::{Head, KnownBy, Line, is_ground, is_image, read_line};
use plimsoll_model::Assessment;

/// The largest file; `serve` writes none of more than a GiB and a line.
const MAX_FILE: u64 = (1 << 30) + (64 << 20);

/// What was in force for the reviews that follow, and what is known of images.
pub struct Ground {
    pub head: Head,
    pub images: HashMap<KnownBy, Arc<Assessment>>,
}

/// One review's line.
pub struct ReviewLine<'a> {
    /// Index of what was in force.
    pub ground: usize,
    pub line: &'a [u8],
    pub number: usize,
}

/// Where a line is: places are in the order in which a replay reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: usize,
    line: usize,
    name: Arc<str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.line)
    }
}

/// Lines that could not be used: why, how many, and where the first is.
pub type Faults = HashMap<String, (usize, Place)>;

/// One file.
pub struct Lines<'a> {
    file: usize,
    name: Arc<str>,
    pub grounds: Vec<Ground>,
    pub reviews: Vec<ReviewLine<'a>>,
    pub broken: Faults,
}

/// The bytes of a file.
///
/// # Errors
/// When it cannot be read or is larger than any that is written.
pub fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    crate::assess::read_bounded(path, MAX_FILE)
}

impl<'a> Lines<'a> {
    /// The lines of a file; `file` is its place among those that are read.
    pub fn of(file: usize, name: &str, bytes: &'a [u8]) -> Lines<'a> {
        let mut lines =
            Lines { file, name: name.into(), grounds: Vec::new(), reviews: Vec::new(), broken: Faults::new() };
        // What is in force; none before the first head, and after a line that may have been one and could not be read.
        let mut ground = None;
        let mut unknown = "no head says what was in force for it";
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let number = number + 1;
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            // Reviews are read later, by many threads.
            let read = if is_ground(line) { read_line(line).map(Some) } else { Ok(None) };
            match (read, ground) {
                (Ok(Some(Line::Head(head))), _) => {
                    ground = Some(lines.grounds.len());
                    lines.grounds.push(Ground { head, images: HashMap::new() });
                }
                (Ok(Some(Line::Image(image))), Some(ground)) => {
                    if let Some(ground) = lines.grounds.get_mut(ground) {
                        ground.images.insert((image.digest, image.signed), Arc::new(image.assessment));
                    }
                }
                // Also one that begins with a blank: as good as any other.
                (Ok(Some(Line::Review(_)) | None), Some(ground)) => {
                    lines.reviews.push(ReviewLine { ground, line, number });
                }
                (Ok(_), None) => lines.broken(unknown.into(), number),
                (Err(error), _) => {
                    lines.broken(error.to_string(), number);
                    if !is_image(line) {
                        ground = None;
                        unknown =
                            "the line before it that says, or may say, what was in force for it could not be read";
                    }
                }
            }
        }
        lines
    }

    /// Where a line of this file is.
    pub fn place(&self, line: usize) -> Place {
        Place { file: self.file, line, name: Arc::clone(&self.name) }
    }

    fn broken(&mut self, why: String, number: usize) {
        let place = self.place(number);
        self.broken.entry(why).and_modify(|(count, _)| *count += 1).or_insert((1, place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        r#"{"head":{"version":1,"program":"p","at":"","policy":{"name":"a","digest":""},"databases":[]}}"#;

    fn of(text: &str) -> (Vec<(usize, usize)>, usize) {
        let lines = Lines::of(0, "r", text.as_bytes());
        let reviews = lines.reviews.iter().map(|review| (review.ground, review.number)).collect();
        (reviews, lines.broken.values().map(|(count, _)| count).sum())
    }

    #[test]
    fn reviews_after_a_head_that_cannot_be_read_are_under_none() {
        let other = HEAD.replace("\"version\":1", "\"version\":9");
        for bad in [other.as_str(), "{\"head\":{\"version\"", "ead\":{}}", "hello"] {
            let text = format!(
                "{HEAD}\n{{\"review\":1}}\n{bad}\n{{\"review\":2}}\n{{\"review\":3}}\n{HEAD}\n{{\"review\":4}}\n"
            );
            assert_eq!(of(&text), (vec![(0, 2), (1, 7)], 3), "{bad}");
        }
    }

    #[test]
    fn an_image_that_cannot_be_read_leaves_its_head_in_force() {
        let text = format!("{{\"review\":0}}\n{HEAD}\n{{\"image\":{{}}}}\n{{\"review\":1}}\n");
        assert_eq!(of(&text), (vec![(0, 4)], 2));
    }

    #[test]
    fn places_are_in_the_order_of_their_lines() {
        let text = format!("{HEAD}\n{}", "{\"image\":{}}\n".repeat(12));
        let [first, second] = [Lines::of(0, "b", text.as_bytes()), Lines::of(1, "a", text.as_bytes())];
        assert!(first.place(9) < first.place(10) && first.place(10) < second.place(1));
        let (count, place) = first.broken.values().next().unwrap();
        assert_eq!((*count, place.to_string().as_str()), (12, "b:2"));
    }
}
