//! What ShellCheck says of the scripts of RUN, as findings. In: its comments, script by script. Out: findings among those of our
//! own rules. A code that a rule of ours has too is told under our rule, so that ignores and baselines hold whether or not
//! ShellCheck is there; any other is a rule of its own, named by its code. What it does not do: run ShellCheck.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex};

use plimsoll_model::{Problem, ProblemKind, RuleInfo, Severity};

use super::names::{Family, Selected, normal};
use crate::dockerfile::{Dockerfile, RULES, RunScript};
use crate::source::{Found, Span};

/// One thing that ShellCheck says. Lines and columns are those of the script, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
    /// 2086 of SC2086.
    pub code: u32,
    /// `error`, `warning`, `info`, `style`.
    pub level: String,
    pub message: String,
}

/// A script, and what ShellCheck says of it or why it could not.
pub type Answer = (RunScript, Result<Vec<Comment>, String>);

/// ShellCheck's codes have four figures and begin with 1, 2 or 3.
const CODES: std::ops::Range<u32> = 1000..4000;

/// The code that a name means: `SC2086`, `sc2086`.
pub fn code_of(name: &str) -> Option<u32> {
    let name = normal(name);
    let figures = name.strip_prefix("sc").filter(|figures| figures.bytes().all(|byte| byte.is_ascii_digit()))?;
    figures.parse().ok().filter(|code| figures.len() == 4 && CODES.contains(code))
}

/// Where ShellCheck documents a code.
pub fn page(code: u32) -> String {
    format!("https://www.shellcheck.net/wiki/SC{code}")
}

/// The beginning of codes that a name stands for: `SC`, `SC3`, and `SC2086` by itself.
pub(super) fn beginning(name: &str) -> Option<String> {
    let figures = name.strip_prefix("sc")?;
    (figures.len() <= 4 && figures.bytes().all(|byte| byte.is_ascii_digit())).then(|| figures.to_owned())
}

/// Our own rules by ShellCheck's codes.
static OWN: LazyLock<HashMap<u32, &'static RuleInfo>> = LazyLock::new(|| {
    let rules = RULES.iter().flat_map(|rule| rule.info.aliases.iter().map(move |alias| (alias, &rule.info)));
    rules.filter_map(|(alias, info)| Some((code_of(alias)?, info))).collect()
});

/// The rule of a code: ours, or one that is named by the code. None where there is no such code.
pub(super) fn rule(code: u32) -> Option<&'static RuleInfo> {
    // Rules live as long as the program: what is made here is kept, at most one for each of the codes.
    static FOREIGN: Mutex<BTreeMap<u32, &'static RuleInfo>> = Mutex::new(BTreeMap::new());
    if let Some(own) = OWN.get(&code) {
        return Some(own);
    }
    if !CODES.contains(&code) {
        return None;
    }
    let mut foreign = FOREIGN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let info = foreign.entry(code).or_insert_with(|| {
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        Box::leak(Box::new(RuleInfo {
            id: leak(format!("SC{code}")),
            severity: Severity::Medium,
            aliases: &[],
            opt_in: false,
            title: "a finding of ShellCheck",
            why: "ShellCheck says so of the script.",
            remedy: leak(format!("see {}", page(code))),
            bad: "",
            good: "",
        }))
    });
    Some(info)
}

/// `rm -rf "$dir/"*`, with which an empty variable takes everything.
const REMOVAL_BELOW_VARIABLE: u32 = 2115;

/// The rule speaks for one of ShellCheck's codes.
pub(super) fn is_of_shell(info: &RuleInfo) -> bool {
    code_of(info.id).is_some() || info.aliases.iter().any(|alias| code_of(alias).is_some())
}

fn severity(level: &str) -> Severity {
    match level {
        "error" | "warning" => Severity::Medium,
        _ => Severity::Low,
    }
}

/// Puts what ShellCheck says in the place of what our own rules found in the same scripts. Where both say the same, ours stays:
/// it may know a fix.
pub(super) fn merge(
    file: &Dockerfile<'_>,
    answers: &[Answer],
    selected: &Selected,
    found: &mut Vec<Found>,
    problems: &mut Vec<Problem>,
) {
    let source = file.source;
    let (own, others): (Vec<Found>, Vec<Found>) =
        std::mem::take(found).into_iter().partition(|found| is_of_shell(found.rule));
    *found = others;
    // By instruction, then by place and rule.
    let mut own_of: HashMap<usize, Vec<Found>> = HashMap::new();
    for one in own {
        let next = file.instructions.partition_point(|instruction| instruction.span.start <= one.span.start);
        own_of.entry(next.saturating_sub(1)).or_default().push(one);
    }
    for (script, said) in answers {
        let Some(instruction) = file.instructions.get(script.instruction) else { continue };
        let comments = match said {
            Ok(comments) => comments,
            Err(error) => {
                let message = format!("check the script with ShellCheck: {error}; only our own rules looked at it");
                let place = source.location(instruction.keyword.span);
                problems.push(Problem::note(ProblemKind::NotExamined, message).at(place));
                continue;
            }
        };
        let own = own_of.remove(&script.instruction).unwrap_or_default();
        let mut own: HashMap<_, Found> = own.into_iter().map(|one| ((one.span.start, one.rule.id), one)).collect();
        // Of a line, where its columns are: one may be long, and have much in it.
        let mut columns: HashMap<u32, Option<Vec<usize>>> = HashMap::new();
        let mut offset = |line: u32, column: u32| {
            let columns = columns.entry(line).or_insert_with(|| script.columns(source, line)).as_ref()?;
            columns.get((column as usize).checked_sub(1)?).copied()
        };
        for comment in comments {
            let Some(rule) = rule(comment.code) else {
                let message = format!("read what ShellCheck says: SC{} is no code", comment.code);
                problems.push(
                    Problem::note(ProblemKind::NotExamined, message).at(source.location(instruction.keyword.span)),
                );
                continue;
            };
            if !selected.has(Family::Dockerfile, rule) {
                continue;
            }
            let start = offset(comment.line, comment.column);
            let end = offset(comment.end_line, comment.end_column);
            let span = match (start, end) {
                (Some(start), Some(end)) => Span::new(start, end),
                (Some(start), None) => Span::new(start, start),
                // It is about a line that is not the file's.
                (None, _) => instruction.keyword.span,
            };
            // ShellCheck says it of `rm -rf /bin/*` too, where no variable is that could be empty.
            if comment.code == REMOVAL_BELOW_VARIABLE && end.is_some() && !source.slice(span).contains(['$', '`']) {
                continue;
            }
            let ours = own.remove(&(span.start, rule.id));
            found.push(ours.unwrap_or_else(|| {
                let message = comment.message.trim().trim_end_matches('.').to_owned();
                let found = Found::new(rule, span, message);
                if code_of(rule.id).is_some() { found.severity(severity(&comment.level)) } else { found }
            }));
        }
    }
    // Of scripts without an answer, what our own rules found.
    found.extend(own_of.into_values().flatten());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        assert_eq!((code_of("SC2086"), code_of("sc-1091"), code_of("SC3010")), (Some(2086), Some(1091), Some(3010)));
        assert_eq!(
            (code_of("SC20"), code_of("SC9999"), code_of("DL3007"), code_of("SC20860")),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_code_is_one_rule_ours_where_there_is_one() {
        assert_eq!(rule(2086).unwrap().id, "unquoted-variable");
        assert!(std::ptr::eq(rule(2013).unwrap(), rule(2013).unwrap()));
        assert_eq!((rule(2013).unwrap().id, rule(70_000)), ("SC2013", None));
    }
}
