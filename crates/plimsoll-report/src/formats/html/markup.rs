//! A page under construction. In: markup from this program, text from anywhere. Out: bytes. Only text that was compiled in
//! is written as it is; all else is escaped, so that no caller can forget it.

use crate::text::markup::xml;

#[derive(Default)]
pub struct Html {
    out: String,
}

impl Html {
    /// Markup of our own.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.out.push_str(markup);
        self
    }

    /// Text from anywhere, in an element or a quoted attribute.
    pub fn text(&mut self, text: &str) -> &mut Html {
        self.out.push_str(&xml(text));
        self
    }

    pub fn number(&mut self, number: usize) -> &mut Html {
        self.out.push_str(&number.to_string());
        self
    }

    /// Hundredths as a decimal number, for charts: the same on every machine.
    pub fn hundredths(&mut self, number: u64) -> &mut Html {
        self.out.push_str(&format!("{}.{:02}", number / 100, number % 100));
        self
    }

    /// Parts of 10,000 as a whole percentage.
    pub fn hundredths_as_percent(&mut self, number: u64) -> &mut Html {
        self.out.push_str(&format!("{}%", (number + 50) / 100));
        self
    }

    pub fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}
