//! XML as its elements, in order. In: text. Out: the document's element. The same is refused as for policies' XML; what stands
//! behind the document's element must be nothing.

use super::{attributes, characters, closing, local, name, section, skipped};
use crate::cursor::Cursor;
use crate::{Fault, Made, deep};

/// Elements of one document, each with some hundred bytes besides its text: a bill of a hundred thousand components has half
/// of that.
const MAX_ELEMENTS: usize = 2_000_000;

/// An element; names without their prefixes.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub name: &'a str,
    /// Where it begins.
    pub at: usize,
    pub attributes: Vec<(&'a str, String)>,
    /// All runs of text of its own, one behind the other.
    pub text: String,
    pub children: Vec<Element<'a>>,
}

/// The element of a whole document.
pub(crate) fn document(text: &str) -> Result<Element<'_>, Fault> {
    let mut cursor = Cursor::new(text);
    let mut made = Made::default();
    let mut elements = 0;
    let mut root = None;
    // With each the name as it is written.
    let mut open: Vec<(&str, Element<'_>)> = Vec::new();
    while !cursor.ended() {
        let start = cursor.at;
        let wrong = |message: String| Fault::at(text, start, message);
        let mut done = None;
        if cursor.peek() != Some('<') {
            let data = characters(&mut cursor)?;
            match open.last_mut() {
                Some((_, element)) => element.text.push_str(&data),
                None if data.trim_matches('\u{feff}').trim().is_empty() => {}
                None => return Err(wrong("text outside of any element".into())),
            }
        } else if let Some(data) = section(&mut cursor)? {
            let (_, element) = open.last_mut().ok_or_else(|| wrong("text outside of any element".into()))?;
            element.text.push_str(&data);
        } else if skipped(&mut cursor)? {
            continue;
        } else if cursor.take("</") {
            let name = closing(&mut cursor)?;
            let (written, element) = open.pop().ok_or_else(|| wrong(format!("unexpected end element </{name}>")))?;
            if written != name {
                return Err(wrong(format!("element <{written}> closed by </{name}>")));
            }
            done = Some(element);
        } else {
            cursor.next();
            made.one().map_err(wrong)?;
            elements += 1;
            if elements > MAX_ELEMENTS {
                return Err(wrong(format!("more than {MAX_ELEMENTS} elements")));
            }
            deep(open.len() + 1).map_err(wrong)?;
            let written = name(&mut cursor)?;
            let mut attributes_of = Vec::new();
            let closed = attributes(&mut cursor, &mut made, &mut |name, value| attributes_of.push((name, value)))?;
            let (text, children) = (String::new(), Vec::new());
            let element = Element { name: local(written), at: start, attributes: attributes_of, text, children };
            match closed {
                true => done = Some(element),
                false => open.push((written, element)),
            }
        }
        match (done, open.last_mut()) {
            (None, _) => {}
            (Some(element), Some((_, above))) => above.children.push(element),
            (Some(element), None) if root.is_none() => root = Some(element),
            (Some(element), None) => return Err(wrong(format!("a second document, <{}>", element.name))),
        }
    }
    if let Some((written, _)) = open.last() {
        return Err(cursor.fault(format!("unexpected EOF: element <{written}> is not closed")));
    }
    root.ok_or_else(|| cursor.fault("there is no element"))
}
