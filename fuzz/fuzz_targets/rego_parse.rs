//! Rego text of both versions: whatever it is, it is a module or refused with words, in time; places lie in the text, no rule
//! is without a body, and who goes on after errors has the same first one. What a query is read as can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_rego::ast::{Expr, ExprKind, Language, Module, Term, TermKind};
use plimsoll_rego::error::RegoError;
use plimsoll_rego::parse::{MAX_ERRORS, Options, Parsed, parse_module, parse_query, read_module};
use plimsoll_rego::span::{Source, Sources, Span};

fn place(span: Span, source: &Source) {
    if span == Span::NONE || span == Span::of_whole(span.source) {
        return;
    }
    assert!(span.start <= span.end, "{span:?} ends before it starts");
    assert!(source.text.get(span.start as usize..span.end as usize).is_some(), "{span:?} is not in the text");
    let _ = source.row_column(span.start);
}

fn term(it: &Term, source: &Source) {
    place(it.span, source);
    match &it.kind {
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter().for_each(|inner| term(inner, source));
        }
        TermKind::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            term(key, source);
            term(value, source);
        }),
        TermKind::ArrayCompr { body, .. } | TermKind::SetCompr { body, .. } | TermKind::ObjectCompr { body, .. } => {
            body.iter().for_each(|inner| expr(inner, source));
        }
        _ => {}
    }
}

fn expr(it: &Expr, source: &Source) {
    place(it.span, source);
    match &it.kind {
        ExprKind::Term(inner) => term(inner, source),
        ExprKind::Call { operator, args } => {
            std::iter::once(operator).chain(args).for_each(|inner| term(inner, source))
        }
        ExprKind::Some { symbols, .. } => symbols.iter().for_each(|inner| term(inner, source)),
        ExprKind::Every(every) => every.body.iter().for_each(|inner| expr(inner, source)),
        ExprKind::Not { body, .. } => body.iter().for_each(|inner| expr(inner, source)),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            logical.lhs.iter().chain(&logical.rhs).for_each(|inner| expr(inner, source));
        }
    }
}

fn module(it: &Module, source: &Source) {
    place(it.package.span, source);
    for rule in &it.rules {
        place(rule.span, source);
        let mut next = Some(rule);
        while let Some(rule) = next {
            assert!(!rule.body.is_empty(), "a rule without a body");
            rule.body.iter().for_each(|inner| expr(inner, source));
            next = rule.else_rule.as_deref();
        }
        rule.head.reference.iter().for_each(|inner| term(inner, source));
    }
}

fn told(errors: &[RegoError], sources: &Sources) {
    // Of what was read, each rule may be refused for several reasons.
    assert!(errors.len() <= MAX_ERRORS + 4 * sources.get(0).map_or(0, |source| source.text.len()));
    for error in errors {
        assert!(!error.message.is_empty());
        assert!(!error.line(sources).is_empty());
    }
}

fn read(data: &[u8], options: &Options) -> (Sources, Parsed) {
    let mut sources = Sources::default();
    let parsed = parse_module(&mut sources, "a.rego", data, options);
    assert!(parsed.module.is_some() == parsed.errors.is_empty(), "a module, or errors");
    told(&parsed.errors, &sources);
    (sources, parsed)
}

fuzz_target!(|data: &[u8]| {
    for language in [Language::V0, Language::V0CompatV1, Language::V1] {
        let (sources, parsed) = read(data, &Options::of(language));
        if let (Some(it), Some(source)) = (&parsed.module, sources.get(parsed.source)) {
            module(it, source);
        }
        let (_, recovered) = read(data, &Options { recover: true, ..Options::of(language) });
        let first = |parsed: &Parsed| parsed.errors.first().map(|error| error.message.clone());
        assert_eq!(first(&parsed), first(&recovered), "the first error stays");
    }
    let mut sources = Sources::default();
    read_module(&mut sources, "a.rego", data, &Options::default());
    if let Ok(text) = std::str::from_utf8(data) {
        match parse_query(&mut sources, "", text, &Options::default()) {
            Ok(body) => assert!(body.iter().all(|expr| !expr.to_string().is_empty())),
            Err(errors) => told(&errors, &sources),
        }
    }
});
