//! Text in GitHub's Markdown. In: text from anywhere. Out: the same, shown and not obeyed: no markup, no HTML, no link,
//! nobody mentioned.

use super::safe::safe;

/// Text that stands between markup.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let shown = safe(text);
    let mut rest = shown.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // A blank of no width keeps code hosts from turning names into mentions, issues and links.
            '@' | '#' => {
                out.push(c);
                out.push_str("&#8203;");
            }
            ':' if rest.peek() == Some(&'/') => out.push_str(":&#8203;"),
            'w' | 'W' if out.ends_with("ww") || out.ends_with("WW") => {
                out.push(c);
                out.push_str("&#8203;");
            }
            c => out.push(c),
        }
    }
    out
}

/// A name as code, which no code host looks into. In a table's cell `|` needs an escape that elsewhere would be seen.
pub fn code(text: &str, in_table: bool) -> String {
    let shown = safe(text);
    let shown = if in_table { shown.replace('|', "\\|") } else { shown.into_owned() };
    if shown.trim().is_empty() {
        return String::new();
    }
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{shown}{blank}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown() {
        assert_eq!(plain("<b>*x*</b> @all #1"), "&lt;b&gt;\\*x\\*&lt;/b&gt; @&#8203;all #&#8203;1");
        assert_eq!(plain("https://x www.y"), "https:&#8203;//x www&#8203;.y");
        assert_eq!(code("a`b``c|d", true), "``` a`b``c\\|d ```");
        assert_eq!(code("plain|", false), "`plain|`");
    }
}
