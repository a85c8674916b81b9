//! Where OPA says that nodes stand, where that is not where they do. Brackets around a term belong to its text, but its row
//! and column are those of what stands in them.

use super::{Rule, Term, TermKind};

/// The offset of a term's row and column in its source's text.
pub fn start(term: &Term, text: &str) -> u32 {
    let mut term = term;
    loop {
        match &term.kind {
            // `(f(x)).y` begins where its first part does.
            TermKind::Ref(terms) => match terms.first() {
                Some(first) if first.span == term.span => return bracketed(term, text),
                Some(first) if first.span.start == term.span.start => term = first,
                _ => return term.span.start,
            },
            TermKind::Call(call) => match call.as_slice() {
                // Infix: the operator does not stand first.
                [operator, left, ..] if operator.span.start >= left.span.start => term = left,
                _ => return bracketed(term, text),
            },
            _ => return bracketed(term, text),
        }
    }
}

/// Whether the body of an `else` branch stands behind `if` without braces. OPA gives all of such a body the branch's place.
pub fn is_bare_else(branch: &Rule, text: &str) -> bool {
    let (Some(first), true) = (branch.body.first(), branch.head.if_written) else {
        return false;
    };
    let between = text.get(branch.head.span.end as usize..first.span.start as usize).unwrap_or("");
    without_space(between).strip_prefix("if").is_some_and(|rest| without_space(rest).is_empty())
}

/// Without leading white space and comments.
fn without_space(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix('#') {
        rest = comment.find('\n').and_then(|at| comment.get(at..)).unwrap_or("").trim_start();
    }
    rest
}

/// Behind the opening brackets that a term's text begins with.
fn bracketed(term: &Term, text: &str) -> u32 {
    let end = term.span.end as usize;
    let mut rest = text.get(term.span.start as usize..end).unwrap_or("");
    while let Some(inside) = rest.strip_prefix('(') {
        rest = without_space(inside);
    }
    term.span.end - u32::try_from(rest.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::start;
    use crate::ast::TermKind;
    use crate::parse;
    use crate::span::Sources;

    #[test]
    fn terms_begin_behind_their_brackets() {
        let mut sources = Sources::default();
        for (text, want) in [
            ("x", "x"),
            ("((a))", "a))"),
            ("( # c\n a)", "a)"),
            ("((x) + 1)", "x) + 1)"),
            ("(x + 1)", "x + 1)"),
            ("(f(x)).y", "f(x)).y"),
            ("(plus(1, 2))", "plus(1, 2))"),
        ] {
            let list = format!("[{text}]");
            let term = parse::parse_term(&mut sources, "", &list, &parse::Options::default());
            let term = term.unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
            let TermKind::Array(items) = &term.kind else { panic!("{text} is no list") };
            assert_eq!(&list[start(&items[0], &list) as usize..], format!("{want}]"), "{text}");
        }
    }
}
