//! A page of terminal lines. In: safe text with its looks. Out: bytes, wrapped to the width. It alone cuts and paints.

use crate::options::RenderOptions;
use crate::text::paint::{Ink, Painter};
use crate::text::safe::sentence;
use crate::text::size::plural;
use crate::text::wrap::{pad, truncate, width, wrap};

/// Narrower than this no table can be read; wider lines than the upper bound tire the eye.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=240;

pub struct Page<'a> {
    pub options: &'a RenderOptions<'a>,
    pub width: usize,
    painter: Painter,
    out: String,
}

impl<'a> Page<'a> {
    pub fn new(options: &'a RenderOptions<'a>) -> Page<'a> {
        Page {
            options,
            width: options.width.clamp(*WIDTHS.start(), *WIDTHS.end()),
            painter: Painter { on: options.colour },
            out: String::new(),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// One blank line, never two.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A line across the page.
    pub fn rule(&mut self) {
        self.gap();
        let line = "─".repeat(self.width);
        self.out.push_str(&self.painter.paint(Ink::Faint, &line));
        self.out.push('\n');
    }

    pub fn heading(&mut self, text: &str) {
        self.gap();
        self.text(2, "", Ink::Plain, text, Ink::Strong);
    }

    /// A sign and a text that wraps beside it.
    pub fn text(&mut self, indent: usize, sign: &str, sign_ink: Ink, text: &str, ink: Ink) {
        self.row(indent, &[(sign, sign_ink, width(sign))], text, ink);
    }

    /// Items with ` · ` between them; a line ends between two items where that is enough.
    pub fn items(&mut self, indent: usize, items: &[String], ink: Ink) {
        let room = self.width.saturating_sub(indent);
        let mut line = String::new();
        for item in items {
            if !line.is_empty() && width(&line) + 3 + width(item) > room {
                self.text(indent, "", Ink::Plain, &line, ink);
                line.clear();
            }
            if !line.is_empty() {
                line.push_str(" · ");
            }
            line.push_str(item);
        }
        self.text(indent, "", Ink::Plain, &line, ink);
    }

    /// Cells of fixed columns, then a text that wraps beside them.
    pub fn row(&mut self, indent: usize, cells: &[(&str, Ink, usize)], text: &str, ink: Ink) {
        let before: usize = indent + cells.iter().map(|(_, _, columns)| columns).sum::<usize>();
        let room = self.width.saturating_sub(before);
        for (number, line) in wrap(text, room).iter().enumerate() {
            let mut start = " ".repeat(if number == 0 { indent } else { before });
            if number == 0 {
                for (cell, ink, columns) in cells {
                    let shown = truncate(cell, *columns);
                    start.push_str(&self.painter.paint(*ink, &shown));
                    start.push_str(&pad("", columns.saturating_sub(width(&shown))));
                }
            }
            let line = format!("{start}{}", self.painter.paint(ink, line));
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
    }

    /// One line, cut at the page's edge.
    pub fn cut(&mut self, indent: usize, cells: &[(&str, Ink, usize)], text: &str, ink: Ink) {
        let before: usize = indent + cells.iter().map(|(_, _, columns)| columns).sum::<usize>();
        let text = truncate(text, self.width.saturating_sub(before));
        self.row(indent, cells, &text, ink);
    }

    /// How many of so many to show.
    pub fn limit(&self, count: usize, most: usize) -> usize {
        // "and 1 more" takes the line that the one would take.
        if self.options.verbose || count <= most + 1 { count } else { most }
    }

    /// `and 12 more upgrades (--verbose shows all)`, or nothing.
    pub fn more(&mut self, indent: usize, count: usize, noun: &str) {
        if count > 0 {
            let text = format!("and {} more (--verbose shows all)", plural(count, noun).replacen(' ', " more ", 1));
            self.text(indent, "", Ink::Plain, &text, Ink::Faint);
        }
    }

    /// One line of a text from outside, at most so wide.
    pub fn short(&self, text: &str, columns: usize) -> String {
        truncate(&sentence(text), if self.options.verbose { usize::MAX } else { columns })
    }
}
