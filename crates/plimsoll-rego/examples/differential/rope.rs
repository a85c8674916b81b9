//! Text that knows which parts of it can go: what the grammar writes, and what the shrinker cuts.

/// A tree of text.
#[derive(Debug, Clone)]
pub enum Rope {
    Text(String),
    Cat(Vec<Rope>),
    /// Each may go, down to `least` of them.
    List {
        separator: &'static str,
        least: usize,
        items: Vec<Rope>,
    },
    /// May go as a whole.
    Maybe(Box<Rope>),
    /// A term or expression: any term inside may stand in its place, or a plain value.
    Term(Box<Rope>),
}

impl From<&str> for Rope {
    fn from(text: &str) -> Rope {
        Rope::Text(text.into())
    }
}

impl From<String> for Rope {
    fn from(text: String) -> Rope {
        Rope::Text(text)
    }
}

impl From<&String> for Rope {
    fn from(text: &String) -> Rope {
        Rope::Text(text.clone())
    }
}

/// Parts one after another.
macro_rules! cat {
    ($($part:expr),* $(,)?) => { $crate::rope::Rope::Cat(vec![$($crate::rope::Rope::from($part)),*]) };
}
pub(crate) use cat;

pub fn list(separator: &'static str, least: usize, items: Vec<Rope>) -> Rope {
    Rope::List { separator, least, items }
}

pub fn term(rope: impl Into<Rope>) -> Rope {
    Rope::Term(Box::new(rope.into()))
}

pub fn maybe(rope: impl Into<Rope>) -> Rope {
    Rope::Maybe(Box::new(rope.into()))
}

impl Rope {
    fn write(&self, out: &mut String) {
        match self {
            Rope::Text(text) => out.push_str(text),
            Rope::Cat(parts) => parts.iter().for_each(|part| part.write(out)),
            Rope::List { separator, items, .. } => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push_str(separator);
                    }
                    item.write(out);
                }
            }
            Rope::Maybe(part) | Rope::Term(part) => part.write(out),
        }
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn children(&self) -> &[Rope] {
        match self {
            Rope::Text(_) => &[],
            Rope::Cat(parts) | Rope::List { items: parts, .. } => parts,
            Rope::Maybe(part) | Rope::Term(part) => std::slice::from_ref(part),
        }
    }

    fn children_mut(&mut self) -> &mut [Rope] {
        match self {
            Rope::Text(_) => &mut [],
            Rope::Cat(parts) | Rope::List { items: parts, .. } => parts,
            Rope::Maybe(part) | Rope::Term(part) => std::slice::from_mut(part),
        }
    }

    fn with_child(&self, at: usize, child: Rope) -> Rope {
        let mut copy = self.clone();
        if let Some(part) = copy.children_mut().get_mut(at) {
            *part = child;
        }
        copy
    }

    /// The nearest terms below.
    fn terms<'a>(&'a self, found: &mut Vec<&'a Rope>) {
        for child in self.children() {
            if let Rope::Term(_) = child { found.push(child) } else { child.terms(found) }
        }
    }

    /// All that one cut makes of it, the large cuts first.
    pub fn cuts(&self) -> Vec<Rope> {
        let mut cuts = Vec::new();
        match self {
            Rope::List { separator, least, items } => {
                let mut size = items.len().saturating_sub(*least);
                while size > 0 {
                    for from in (0..=items.len() - size).step_by(size) {
                        let left = items.iter().enumerate().filter(|(at, _)| *at < from || *at >= from + size);
                        cuts.push(list(separator, *least, left.map(|(_, item)| item.clone()).collect()));
                    }
                    size /= 2;
                }
            }
            Rope::Maybe(_) => cuts.push(Rope::Text(String::new())),
            Rope::Term(inner) => {
                let mut terms = Vec::new();
                inner.terms(&mut terms);
                cuts.extend(terms.into_iter().cloned());
                if !matches!(**inner, Rope::Text(_)) {
                    cuts.extend(["1", "\"\"", "true", "{}", "[]"].map(Rope::from));
                }
            }
            Rope::Text(_) | Rope::Cat(_) => {}
        }
        for (at, child) in self.children().iter().enumerate() {
            cuts.extend(child.cuts().into_iter().map(|cut| self.with_child(at, cut)));
        }
        cuts
    }

    /// Its pieces of text, to be altered.
    pub fn leaves<'a>(&'a mut self, found: &mut Vec<&'a mut String>) {
        match self {
            Rope::Text(text) => found.push(text),
            other => other.children_mut().iter_mut().for_each(|part| part.leaves(found)),
        }
    }

    pub fn lists(&self) -> usize {
        usize::from(matches!(self, Rope::List { .. })) + self.children().iter().map(Rope::lists).sum::<usize>()
    }

    /// The items of its list of that number, to be altered.
    pub fn list_mut(&mut self, number: &mut usize) -> Option<&mut Vec<Rope>> {
        if let Rope::List { items, .. } = self {
            if *number == 0 {
                return Some(items);
            }
            *number -= 1;
            return items.iter_mut().find_map(|part| part.list_mut(number));
        }
        self.children_mut().iter_mut().find_map(|part| part.list_mut(number))
    }
}
