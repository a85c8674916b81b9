//! Text inside XML.

/// An attribute's value, without its quotes.
pub fn attribute(text: &str) -> String {
    escaped(text, true)
}

/// Text between tags.
pub fn text(text: &str) -> String {
    escaped(text, false)
}

fn escaped(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !attribute => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            // XML 1.0 has no way to write them.
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}
