//! The pen: text, indentation and the comments that are still to be written. Comments stand in rows; whatever is laid out
//! first lets those of earlier rows out, and keeps the one of its own row for the line's end. Where two comments want the
//! same line's end, the writing of the node fails, and the node is left as its author wrote it.

use super::Facts;
use super::place::{Place, Places};
use crate::ast::{Expr, Term};
use crate::error::RegoError;
use crate::span::Span;

/// The number of the first comment that is still to be written.
pub(super) type Rest = usize;

/// Why a node could not be laid out.
#[derive(Debug)]
pub(super) enum Why {
    /// A comment stands where the layout has no place for it.
    Comment,
    /// The formatter itself is at its end.
    Fatal(&'static str),
}

#[derive(Debug)]
pub(super) struct Failed {
    /// What is left for whoever goes on all the same.
    pub rest: Rest,
    pub why: Why,
}

pub(super) type Done = Result<Rest, Failed>;

impl Failed {
    pub fn fatal(rest: Rest, why: &'static str) -> Failed {
        Failed { rest, why: Why::Fatal(why) }
    }

    pub fn is_comment(&self) -> bool {
        matches!(self.why, Why::Comment)
    }
}

pub(super) struct Note<'a> {
    pub row: i64,
    /// Stands at the very start of its line.
    pub first: bool,
    /// With its `#`, without white space at the end.
    pub text: &'a str,
    /// As it was written.
    pub raw: &'a str,
    /// Goes with an import.
    pub taken: bool,
}

impl Note<'_> {
    fn opens_metadata(&self) -> bool {
        self.first && self.text.strip_prefix('#').is_some_and(|text| text.trim().starts_with("METADATA"))
    }
}

pub(super) struct Writer<'a> {
    pub places: Places<'a>,
    pub facts: Facts,
    pub out: String,
    pub level: usize,
    /// In the middle of a line.
    pub inline: bool,
    /// The comment that the current line ends with.
    pub before_end: Option<usize>,
    /// … but not if it ends at once.
    pub delay: bool,
    pub comments: Vec<Note<'a>>,
    /// A node that is left as it was may write the comment on its last row.
    pub comment_on_final_line: bool,
    /// What all nodes have as their place for now: a body behind `else if` has that of its branch.
    pub moved: Option<Place>,
    /// Get brackets around them when they are come to.
    pub bracket_expr: Option<&'a Expr>,
    pub bracket_term: Option<&'a Term>,
    pub errors: Vec<RegoError>,
}

impl<'a> Writer<'a> {
    /// No comment is left.
    pub fn none(&self) -> Rest {
        self.comments.len()
    }

    /// A failure after which no comment is left either.
    pub fn lost(&self, failed: Failed) -> Failed {
        Failed { rest: self.none(), ..failed }
    }

    pub fn place(&self, span: Span) -> Place {
        self.moved.unwrap_or_else(|| self.places.of(span))
    }

    pub fn term_place(&self, term: &Term) -> Place {
        self.moved.unwrap_or_else(|| self.places.of_term(term))
    }

    /// What a term has as its text.
    pub fn text_of(&self, term: &Term) -> &'a str {
        self.places.text(self.places.of(term.span))
    }

    pub fn write(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub fn start_line(&mut self) {
        self.inline = true;
        self.out.extend(std::iter::repeat_n('\t', self.level));
    }

    /// Starts one unless one has begun.
    pub fn ensure_line(&mut self) {
        if !self.inline {
            self.start_line();
        }
    }

    pub fn end_line(&mut self) {
        self.inline = false;
        if !self.delay
            && let Some(note) = self.before_end.take().and_then(|at| self.comments.get(at))
        {
            self.out.push(' ');
            self.out.push_str(note.text);
        }
        self.delay = false;
        self.out.push('\n');
    }

    /// Ends a begun line, too.
    pub fn blank_line(&mut self) {
        if self.inline {
            self.end_line();
        }
        self.out.push('\n');
    }

    fn write_line(&mut self, text: &str) {
        self.ensure_line();
        self.write(text);
        self.end_line();
    }

    pub fn down(&mut self) -> Result<(), Why> {
        self.level = self.level.checked_sub(1).ok_or(Why::Fatal("negative indentation level"))?;
        Ok(())
    }

    /// Passes over comments that go with imports.
    pub fn skip_taken(&self, mut rest: Rest) -> Rest {
        while self.comments.get(rest).is_some_and(|note| note.taken) {
            rest += 1;
        }
        rest
    }

    /// The row of the next comment.
    pub fn next_row(&self, rest: Rest) -> Option<i64> {
        self.comments.get(self.skip_taken(rest)).map(|note| note.row)
    }

    /// The comments before a row, the one on it, and the first one after it.
    pub fn partition(&self, rest: Rest, row: i64) -> (std::ops::Range<Rest>, Option<usize>, Rest) {
        let mut at = rest;
        while self.comments.get(at).is_some_and(|note| note.taken || note.row < row) {
            at += 1;
        }
        let before = rest..at;
        let mut on = None;
        while let Some(note) = self.comments.get(at).filter(|note| note.taken || note.row == row) {
            if !note.taken {
                on = Some(at);
            }
            at += 1;
        }
        (before, on, at)
    }

    /// Writes comments, each on a line, with a blank line where there was one. Gives the last one's row.
    pub fn write_comments(&mut self, range: std::ops::Range<Rest>) -> Option<i64> {
        let mut metadata = false;
        let mut last: Option<i64> = None;
        for at in range {
            let Some(note) = self.comments.get(at).filter(|note| !note.taken) else {
                continue;
            };
            let (row, text, opens) = (note.row, note.text, note.opens_metadata());
            match last.map(|last| row - last) {
                Some(gap) if gap > 1 => {
                    self.blank_line();
                    metadata = false;
                }
                Some(1) if metadata && opens => self.blank_line(),
                _ => {}
            }
            metadata |= opens;
            self.write_line(text);
            last = Some(row);
        }
        last
    }

    /// Writes what stands before a row and keeps the comment on it for the line's end.
    pub fn insert_comments(&mut self, rest: Rest, row: i64) -> Done {
        let (before, on, rest) = self.partition(rest, row);
        if self.write_comments(before).is_some_and(|last| row - last > 1) {
            self.blank_line();
        }
        match (self.before_end, on) {
            (Some(_), Some(_)) => {
                self.before_end = None;
                Err(Failed { rest, why: Why::Comment })
            }
            (Some(_), None) => Ok(rest),
            (None, on) => {
                self.before_end = on;
                Ok(rest)
            }
        }
    }

    /// Writes a node as it stands in the source. Comments within it are written with that.
    pub fn write_unformatted(&mut self, text: &str, place: Place, rest: Rest) -> Done {
        if text.is_empty() {
            return Err(Failed::fatal(self.none(), "original unformatted text is empty"));
        }
        self.write(text);
        let end = self.places.end_row(place);
        let mut rest = rest;
        while let Some(note) = self.comments.get(rest) {
            if !note.taken && note.row >= end {
                if !(self.comment_on_final_line && note.row == end) {
                    break;
                }
                let raw = note.raw;
                self.write(" ");
                self.write(raw);
            }
            rest += 1;
        }
        Ok(rest)
    }
}
