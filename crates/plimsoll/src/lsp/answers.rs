//! What the server says of one file. In: its text and its findings. Out: diagnostics, the rule's words on hover, fixes.

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Diagnostic, DiagnosticRelatedInformation,
    DiagnosticSeverity, Hover, HoverContents, MarkupContent, MarkupKind, NumberOrString, Position, Range, Uri,
    WorkspaceEdit,
};
use plimsoll_checks::lint::fix::{Fixes, fix};
use plimsoll_checks::lint::{Input, Linter, all_rules};
use plimsoll_checks::source::Source;
use plimsoll_model::{FileKind, Finding, LintedFile, ProblemEffect, RuleInfo, Severity, TextFix};

use super::place::{self, meet, range};

/// Lints one text. A byte order mark counts as a character of the first line.
pub fn lint(linter: &Linter, path: &str, text: &str, kind: FileKind) -> LintedFile {
    linter.lint_alone(&Input { path, text, kind })
}

/// Findings, and what could not be read.
pub fn diagnostics(uri: &Uri, text: &str, linted: &LintedFile) -> Vec<Diagnostic> {
    let source = Source::new(&linted.path, text);
    let findings = linted.findings.iter().map(|found| diagnostic(uri, &source, &found.finding));
    let problems = linted.problems.iter().filter(|problem| problem.effect == ProblemEffect::Undecided).map(|problem| {
        let range = problem.location.as_ref().map(|location| range(&source, location)).unwrap_or_default();
        let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        Diagnostic {
            range,
            severity: Some(DiagnosticSeverity::ERROR),
            source: Some(SOURCE.into()),
            message: format!("could not {}{hint}", problem.message),
            ..Diagnostic::default()
        }
    });
    findings.chain(problems).collect()
}

const SOURCE: &str = "plimsoll";

fn diagnostic(uri: &Uri, source: &Source<'_>, finding: &Finding) -> Diagnostic {
    let place = finding.locations.first().map(|location| range(source, location)).unwrap_or_default();
    let related = finding.locations.iter().skip(1).filter(|location| location.path == source.path).map(|location| {
        let location = lsp_types::Location { uri: uri.clone(), range: range(source, location) };
        DiagnosticRelatedInformation { location, message: "belongs to it".into() }
    });
    let related: Vec<_> = related.collect();
    let remedy = finding.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    Diagnostic {
        range: place,
        severity: Some(severity(finding.severity)),
        code: Some(NumberOrString::String(finding.rule.clone())),
        source: Some(SOURCE.into()),
        message: format!("{}{remedy}", finding.message),
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}

fn severity(severity: Severity) -> DiagnosticSeverity {
    match severity {
        Severity::Critical | Severity::High => DiagnosticSeverity::ERROR,
        Severity::Medium => DiagnosticSeverity::WARNING,
        Severity::Low | Severity::Unknown => DiagnosticSeverity::INFORMATION,
    }
}

/// The words of the rules whose findings stand at a place.
pub fn hover(text: &str, linted: &LintedFile, at: Position) -> Option<Hover> {
    let source = Source::new(&linted.path, text);
    let here = Range { start: at, end: at };
    let found: Vec<(&Finding, Range)> = linted
        .findings
        .iter()
        .filter_map(|found| Some((&found.finding, range(&source, found.finding.locations.first()?))))
        .filter(|(_, place)| meet(place, &here))
        .collect();
    let (_, place) = found.first()?;
    let rules = all_rules();
    let family = linted.kind.map(|kind| kind.name());
    let info = |id: &str| {
        let of = |own: bool| {
            rules
                .iter()
                .find(|rule| rule.info.id == id && (!own || Some(rule.family.name()) == family))
                .map(|rule| rule.info)
        };
        of(true).or_else(|| of(false))
    };
    let words: Vec<String> = found.iter().filter_map(|(finding, _)| Some(page(info(&finding.rule)?))).collect();
    let value = words.join("\n\n---\n\n");
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Some(Hover { contents, range: Some(*place) })
}

fn page(info: &RuleInfo) -> String {
    let aliases = if info.aliases.is_empty() { String::new() } else { format!(" ({})", info.aliases.join(", ")) };
    format!("**{}**{aliases}\n\n{}\n\n{}\n\nWhat to do: {}", info.id, info.title, info.why, info.remedy)
}

/// The fixes of the findings at a place, and one for all safe fixes of the file.
pub fn actions(
    linter: &Linter,
    uri: &Uri,
    text: &str,
    kind: FileKind,
    linted: &LintedFile,
    params: &CodeActionParams,
) -> Vec<CodeActionOrCommand> {
    let source = Source::new(&linted.path, text);
    let wanted = |kind: &CodeActionKind| {
        let only = params.context.only.as_deref().unwrap_or_default();
        // A kind asks for all below it: `source` for `source.fixAll`.
        only.is_empty()
            || only.iter().any(|asked| {
                let rest = kind.as_str().strip_prefix(asked.as_str());
                asked.as_str().is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    };
    let mut actions = Vec::new();
    if wanted(&CodeActionKind::QUICKFIX) {
        for found in &linted.findings {
            let finding = &found.finding;
            let Some((fix, place)) = finding.fix.as_ref().zip(finding.locations.first()) else { continue };
            if meet(&range(&source, place), &params.range) {
                actions.push(quick_fix(uri, &source, finding, fix));
            }
        }
    }
    if wanted(&CodeActionKind::SOURCE_FIX_ALL) {
        let fixed = fix(linter, &linted.path, text, kind, Fixes::Safe);
        if fixed.text != text {
            let whole = Range { start: Position::default(), end: place::position(&source, text.len()) };
            let edit = lsp_types::TextEdit { range: whole, new_text: fixed.text };
            actions.push(CodeActionOrCommand::CodeAction(CodeAction {
                title: "plimsoll: mend all that can be mended safely".into(),
                kind: Some(CodeActionKind::SOURCE_FIX_ALL),
                edit: Some(edits(uri, vec![edit])),
                ..CodeAction::default()
            }));
        }
    }
    actions
}

fn quick_fix(uri: &Uri, source: &Source<'_>, finding: &Finding, fix: &TextFix) -> CodeActionOrCommand {
    let title = if fix.safe { fix.title.clone() } else { format!("{} (may change what it does)", fix.title) };
    CodeActionOrCommand::CodeAction(CodeAction {
        title,
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![diagnostic(uri, source, finding)]),
        edit: Some(edits(uri, fix.edits.iter().map(|edit| place::edit(source, edit)).collect())),
        is_preferred: Some(fix.safe),
        ..CodeAction::default()
    })
}

fn edits(uri: &Uri, edits: Vec<lsp_types::TextEdit>) -> WorkspaceEdit {
    WorkspaceEdit { changes: Some([(uri.clone(), edits)].into_iter().collect()), ..WorkspaceEdit::default() }
}
