//! Why a document is refused: Gatekeeper's words, the place in the file, and the way out.

use std::fmt;
use std::sync::Arc;

/// A place in a file, line and column from 1; 0 where only the file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// Which step refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A file is no YAML or JSON, or more of it than is read.
    Unreadable,
    /// A document is not what its kind asks for.
    Malformed,
    /// A template is not right.
    Template,
    /// A constraint is not right.
    Constraint,
    /// A constraint does not fit the schema of its template.
    Schema,
    /// A constraint's template is not there.
    MissingTemplate,
    /// Two documents of one name.
    Duplicate,
    /// An object cannot be put into the inventory.
    Inventory,
    Expansion,
    Mutator,
}

/// One reason to refuse a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The object at fault, as `Kind name`.
    pub subject: String,
    /// Gatekeeper's words.
    pub message: String,
    /// Of an error in a template's code, the place in the template's own file.
    pub place: Option<Place>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Fault {
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault { kind, subject: String::new(), message: message.into(), place: None, hint: None }
    }

    pub fn at(mut self, place: Place) -> Fault {
        self.place.get_or_insert(place);
        self
    }

    pub fn of(mut self, subject: impl Into<String>) -> Fault {
        if self.subject.is_empty() {
            self.subject = subject.into();
        }
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint.get_or_insert(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        f.write_str(self.message.trim_end())?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
