//! Places in an expression, and what it is refused for, in the layout that users of the API server know:
//!
//! ```text
//! ERROR: <input>:1:5: undeclared reference to 'x' (in container '')
//!  | a + x
//!  | ....^
//! ```

use std::fmt;

/// One fault of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
    /// The line itself.
    pub excerpt: String,
}

impl Issue {
    pub(crate) fn at(text: &str, offset: usize, message: String) -> Issue {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(start..).unwrap_or("").chars().count() + 1;
        let rest = text.get(start..).unwrap_or("");
        let excerpt = rest.split('\n').next().unwrap_or("").to_owned();
        Issue { line, column, message, excerpt }
    }
}

/// Lines longer than this are not repeated below a message.
const MAX_EXCERPT: usize = 400;

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR: <input>:{}:{}: {}", self.line, self.column, self.message)?;
        if self.excerpt.len() <= MAX_EXCERPT {
            write!(f, "\n | {}\n | {}^", self.excerpt.replace('\t', " "), ".".repeat(self.column.saturating_sub(1)))?;
        }
        Ok(())
    }
}

/// Why an expression is not one: at least one issue, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub issues: Vec<Issue>,
}

impl Refused {
    pub(crate) fn one(text: &str, offset: usize, message: impl Into<String>) -> Refused {
        Refused { issues: vec![Issue::at(text, offset, message.into())] }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, issue) in self.issues.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            issue.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}
