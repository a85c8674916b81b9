//! Where nodes stand and where their brackets close, by row. In: spans of one source. OPA finds closing brackets by counting
//! characters, those in strings and comments too; so does this, because comments are put where that says.

use std::cell::OnceCell;

use crate::ast::start::{is_bare_else, start};
use crate::ast::{Rule, Term};
use crate::span::{Source, Span};

/// A node's place as the layout sees it. Some are moved to other rows than those of their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1; [`NOWHERE`] comes before all rows.
    pub row: i64,
    pub start: u32,
    pub end: u32,
}

/// The row of brackets that are not there.
pub(super) const NOWHERE: i64 = -1;

impl Place {
    /// Of nodes that nobody wrote.
    pub const NONE: Place = Place { row: 1, start: 0, end: 0 };
}

/// One kind of brackets in one text.
#[derive(Debug, Default)]
struct Pairs {
    /// Offsets of the opening ones, and of what closes each.
    open: Vec<(u32, Option<u32>)>,
}

impl Pairs {
    fn of(text: &str, open: u8, close: u8) -> Pairs {
        let mut pairs = Pairs::default();
        let mut pending: Vec<usize> = Vec::new();
        for (at, byte) in (0u32..).zip(text.bytes()) {
            if byte == open {
                pending.push(pairs.open.len());
                pairs.open.push((at, None));
            } else if byte == close
                && let Some(pair) = pending.pop().and_then(|index| pairs.open.get_mut(index))
            {
                pair.1 = Some(at);
            }
        }
        pairs
    }

    /// The first pair that opens in the place, if it closes there too.
    fn first(&self, start: u32, end: u32) -> Option<(u32, u32)> {
        let (open, close) = self.open.get(self.open.partition_point(|pair| pair.0 < start))?;
        close.filter(|close| *close < end).map(|close| (*open, close))
    }
}

/// Kinds of brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    Round,
    Square,
    Curly,
}

/// Rows and brackets of one source.
pub(super) struct Places<'a> {
    source: &'a Source,
    round: OnceCell<Pairs>,
    square: OnceCell<Pairs>,
    curly: OnceCell<Pairs>,
}

impl<'a> Places<'a> {
    pub fn new(source: &'a Source) -> Places<'a> {
        Places { source, round: OnceCell::new(), square: OnceCell::new(), curly: OnceCell::new() }
    }

    pub fn row(&self, offset: u32) -> i64 {
        i64::try_from(self.source.row_column(offset).0).unwrap_or(i64::MAX)
    }

    pub fn of(&self, span: Span) -> Place {
        if span.start == span.end {
            return Place::NONE;
        }
        Place { row: self.row(span.start), start: span.start, end: span.end }
    }

    /// A term's row is not always that of its text.
    pub fn of_term(&self, term: &Term) -> Place {
        match self.of(term.span) {
            Place::NONE => Place::NONE,
            place => Place { row: self.row(self.start(term)), ..place },
        }
    }

    pub fn start(&self, term: &Term) -> u32 {
        start(term, &self.source.text)
    }

    pub fn is_bare_else(&self, branch: &Rule) -> bool {
        is_bare_else(branch, &self.source.text)
    }

    /// From 1, in characters.
    pub fn column(&self, place: Place) -> usize {
        self.source.row_column(place.start).1
    }

    pub fn text(&self, place: Place) -> &'a str {
        self.source.text.get(place.start as usize..place.end as usize).unwrap_or("")
    }

    /// The row of the place's end.
    pub fn end_row(&self, place: Place) -> i64 {
        place.row + self.row(place.end) - self.row(place.start)
    }

    pub fn line(&self, row: i64) -> &'a str {
        self.source.line(usize::try_from(row).unwrap_or(0))
    }

    fn pairs(&self, bracket: Bracket) -> &Pairs {
        let (cell, open, close) = match bracket {
            Bracket::Round => (&self.round, b'(', b')'),
            Bracket::Square => (&self.square, b'[', b']'),
            Bracket::Curly => (&self.curly, b'{', b'}'),
        };
        cell.get_or_init(|| Pairs::of(&self.source.text, open, close))
    }

    /// The row where the first bracket of the place closes: counted from the place's row, without the lines before it opens.
    pub fn closing(&self, bracket: Bracket, place: Place) -> i64 {
        match self.pairs(bracket).first(place.start, place.end) {
            Some((open, close)) => place.row + self.row(close) - self.row(open),
            None => NOWHERE,
        }
    }

    /// The same behind a first pair of other brackets: the arguments or the key of a rule's head.
    pub fn closing_behind(&self, skip: Bracket, bracket: Bracket, place: Place) -> i64 {
        let Some((open, close)) = self.pairs(skip).first(place.start, place.end) else {
            return NOWHERE;
        };
        let behind = Place { row: place.row + self.row(close) - self.row(open), start: close, end: place.end };
        self.closing(bracket, behind)
    }

    /// Whether a line ends between the start of a list and its first element, which is looked for by its text.
    pub fn breaks_before(&self, list: Place, element: Place) -> bool {
        let (list, element) = (self.text(list), self.text(element));
        let before = list.find(element).and_then(|at| list.get(..at)).unwrap_or("");
        before.find('\n').is_some_and(|at| at > 0)
    }
}
