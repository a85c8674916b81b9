//! Places in trees: every span is on the boundaries of characters and inside its parent's.

use plimsoll_checks::shell::{Command, Part, Script, Word};
use plimsoll_checks::source::Span;

/// A span of a text, inside another.
pub fn span(span: Span, text: &str, within: Span) {
    assert!(text.get(span.start..span.end).is_some(), "{span:?} is not on the boundaries of characters");
    assert!(within.start <= span.start && span.end <= within.end, "{span:?} is not in {within:?}");
}

/// Every node of a script; gives how many there are.
pub fn script(script: &Script, text: &str, within: Span) -> usize {
    let mut nodes = script.items.len();
    for item in &script.items {
        let pipeline = &item.pipeline;
        span(pipeline.span, text, within);
        span(item.separator_span, text, within);
        for command in &pipeline.commands {
            nodes += match command {
                Command::Simple(simple) => {
                    span(simple.span, text, pipeline.span);
                    let values = simple.assignments.iter().filter_map(|assignment| assignment.value.as_ref());
                    let targets = simple.redirects.iter().filter_map(|redirect| redirect.target.as_ref());
                    simple
                        .words
                        .iter()
                        .chain(values)
                        .chain(targets)
                        .map(|it| word(it, text, simple.span))
                        .sum::<usize>()
                }
                Command::Compound(compound) => {
                    span(compound.span, text, pipeline.span);
                    compound.words.iter().map(|it| word(it, text, compound.span)).sum::<usize>()
                        + compound.scripts.iter().map(|it| self::script(it, text, compound.span)).sum::<usize>()
                }
            };
        }
    }
    nodes
}

fn word(word: &Word, text: &str, within: Span) -> usize {
    span(word.span, text, within);
    1 + word.parts.iter().map(|it| part(it, text, word.span)).sum::<usize>()
}

fn part(part: &Part, text: &str, within: Span) -> usize {
    span(part.span(), text, within);
    1 + match part {
        Part::Double(parts, place) => parts.iter().map(|it| self::part(it, text, *place)).sum(),
        Part::Substitution(inner, place) => script(inner, text, *place),
        _ => 0,
    }
}
