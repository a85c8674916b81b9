//! Faults of tests, and of how commands hang together.

use super::{AND_OR, FIND_XARGS, JOINED_TEST, Look, STATUS};
use super::{At, decides, plain_name};
use crate::shell::{Command, CompoundKind, Pipeline, Script, Separator, Simple, Word};

/// Comparisons of a status with 0.
const COMPARISONS: [&str; 8] = ["=", "==", "!=", "-eq", "-ne", "-gt", "-le", "-ge"];
/// What somebody may well mean to run where either of two commands fails.
const HARMLESS: [&str; 6] = ["echo", "exit", "return", "printf", "true", ":"];

impl Look<'_> {
    /// `a && b || c`
    pub(super) fn list(&mut self, script: &Script, at: At) {
        for three in script.items.windows(3) {
            let [first, second, third] = three else { continue };
            let shape = first.separator == Separator::And && second.separator == Separator::Or;
            if !shape || at.condition || decides(third) || third.pipeline.negated {
                continue;
            }
            let is_test = match second.pipeline.commands.as_slice() {
                [Command::Simple(simple)] => {
                    simple.words.is_empty() || matches!(plain_name(simple).as_deref(), Some("[" | "test"))
                }
                [Command::Compound(compound)] => compound.kind == CompoundKind::Test,
                _ => false,
            };
            let harmless = match third.pipeline.commands.as_slice() {
                [Command::Simple(simple)] => {
                    simple.words.is_empty() || plain_name(simple).is_some_and(|name| HARMLESS.contains(&name.as_str()))
                }
                _ => false,
            };
            if !is_test && !harmless {
                let message = "what follows `||` runs too where what follows `&&` fails";
                self.say(&AND_OR.info, first.separator_span, message);
            }
        }
    }

    /// `find … | xargs …`
    pub(super) fn pipeline(&mut self, pipeline: &Pipeline) {
        for two in pipeline.commands.windows(2) {
            let [Command::Simple(find), Command::Simple(xargs)] = two else { continue };
            if find.name().as_deref() != Some("find") || xargs.name().as_deref() != Some("xargs") {
                continue;
            }
            let parted = |word: &Word| {
                let text = word.text();
                text.contains("print0") || text.contains("printf") || word.has_variable()
            };
            let takes = |word: &Word| {
                let text = word.text();
                text.starts_with("--null")
                    || text.starts_with("--delimiter")
                    || (text.starts_with('-') && !text.starts_with("--") && text.contains(['0', 'd']))
            };
            if !find.words.iter().any(parted) && !xargs.words.iter().any(takes) {
                let message = "`xargs` splits the names that `find` prints at blanks and quotes";
                self.say(&FIND_XARGS.info, find.span, message);
            }
        }
    }

    /// `[ … ]`
    pub(super) fn brackets(&mut self, simple: &Simple, at: At) {
        let texts: Vec<String> = simple.words.iter().map(Word::text).collect();
        let inside = texts.get(1..texts.len().saturating_sub(1)).unwrap_or_default();
        if !at.function {
            self.status(simple, inside);
        }
        for (index, word) in simple.words.iter().enumerate().skip(2) {
            let joins = matches!(texts[index].as_str(), "-a" | "-o") && !word.is_quoted();
            let last = index + 2 >= texts.len();
            let before = texts[index - 1].as_str();
            let operand = !before.starts_with('-') && !matches!(before, "!" | "(" | "=" | "==" | "!=");
            if joins && !last && operand {
                let message = format!("`{}` inside `[` is read differently by different shells", texts[index]);
                self.say(&JOINED_TEST.info, word.span, message);
            }
        }
    }

    /// `[ $? -ne 0 ]`
    fn status(&mut self, simple: &Simple, inside: &[String]) {
        let negated = usize::from(inside.first().is_some_and(|word| word == "!"));
        let Some([left, operator, right]) = inside.get(negated..) else { return };
        let position = match (left.as_str(), right.as_str()) {
            ("$?", "0") => 0,
            ("0", "$?") => 2,
            _ => return,
        };
        let word = simple.words.get(1 + negated + position);
        if let Some(word) = word.filter(|_| COMPARISONS.contains(&operator.as_str())) {
            self.say(&STATUS.info, word.span, "the status is asked for after the command instead of with it");
        }
    }
}
