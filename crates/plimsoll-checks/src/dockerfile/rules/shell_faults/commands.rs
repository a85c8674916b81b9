//! Faults of single commands.

use super::values::assigned_name;
use super::{At, Look, bare, plain_name};
use super::{CD, ECHO_ESCAPES, EGREP, EXPORT, FGREP, FIND_PATTERN, MKDIR, READ, REMOVAL};
use crate::shell::{Part, Simple, Word};
use crate::source::{Span, insert, replace};

use super::words::cut;

/// Folders that nobody means to remove: what is left of a path where its variables are empty.
const FOLDERS: [&str; 14] = [
    "",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/var",
];
/// Tests of `find` that take a pattern.
const PATTERNS: [&str; 9] =
    ["-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-lname"];

impl Look<'_> {
    pub(super) fn command(&mut self, simple: &Simple, at: At) {
        let (Some(name), Some(first)) = (plain_name(simple), simple.words.first()) else { return };
        match name.as_str() {
            "[" => {
                self.brackets(simple, at);
                self.double_equals(simple);
            }
            "test" => self.double_equals_of_test(simple),
            "cd" | "pushd" | "popd" if simple.name().as_deref() == Some(&name) => self.cd(simple, &name, at),
            "egrep" | "fgrep" => self.grep(first, &name),
            "echo" => self.echo(simple),
            "export" | "declare" | "local" | "typeset" | "readonly" => self.declaration(simple, &name),
            "mkdir" if simple.name().as_deref() == Some("mkdir") => self.mkdir(simple),
            "rm" => self.rm(simple),
            "find" => self.find(simple),
            "read" => self.read(simple),
            "source" if simple.name().as_deref() == Some("source") => self.source_command(simple),
            _ => {}
        }
    }

    fn cd(&mut self, simple: &Simple, name: &str, at: At) {
        let upward = match simple.words.as_slice() {
            [_, folder] => folder
                .literal()
                .is_some_and(|path| !path.is_empty() && path.split('/').all(|part| matches!(part, "" | "." | ".."))),
            _ => false,
        };
        if at.condition || self.errexit || (name == "cd" && upward) {
            return;
        }
        let message = format!("where `{name}` fails, what follows runs in the wrong folder");
        let span = simple.span;
        if let Some(found) = self.say(&CD.info, span, message) {
            *found = found.clone().unsafe_fix("add || exit", vec![insert(span.end, " || exit")]);
        }
    }

    fn grep(&mut self, word: &Word, name: &str) {
        let (rule, flag) = if name == "egrep" { (&EGREP.info, "-E") } else { (&FGREP.info, "-F") };
        let raw = self.source.slice(word.span);
        if raw.starts_with('\\') {
            return;
        }
        let span = word.span;
        if let Some(found) = self.say(rule, span, format!("`{name}` is going away: it is `grep {flag}`"))
            && raw == name
        {
            *found = found.clone().fix(format!("write grep {flag}"), vec![replace(span, format!("grep {flag}"))]);
        }
    }

    fn echo(&mut self, simple: &Simple) {
        let flags = simple.words.iter().skip(1).take_while(|word| is_echo_flag(&word.text()));
        let flags: Vec<&Word> = flags.collect();
        if self.posix
            && let Some(first) = flags.first().filter(|word| word.text() != "-n" || flags.len() > 1)
            && flags.iter().any(|word| word.text().contains(['e', 'E']))
        {
            // Dash knows -n.
            let known = self.told.interpreter == "dash" && first.text() == "-n";
            if !known {
                let message = format!("some `sh` print `{}` of `echo` as it stands", first.text());
                self.say(&super::ECHO_FLAG.info, first.span, message);
            }
        }
        if simple.words.iter().skip(1).any(|word| is_echo_flag(&word.text()) && word.text().contains('e')) {
            return;
        }
        // The echo of dash is known: it makes a line break of it.
        if self.told.interpreter == "dash" {
            return;
        }
        for word in simple.words.iter().skip(1 + flags.len()) {
            if has_escape(word) {
                let message = "whether `echo` makes a line break of `\\n` depends on the shell";
                self.say(&ECHO_ESCAPES.info, word.span, message);
            }
        }
    }

    fn declaration(&mut self, simple: &Simple, name: &str) {
        for word in simple.words.iter().skip(1) {
            let Some((variable, _)) = assigned_name(word) else { continue };
            if runs_command(&word.parts) {
                let message = format!("`{name}` hides whether the command of `{variable}` failed");
                let span = Span::new(word.span.start, word.span.start + variable.len());
                self.say(&EXPORT.info, span, message);
            }
        }
    }

    fn mkdir(&mut self, simple: &Simple) {
        let (mut parents, mut mode, mut folders) = (false, None, Vec::new());
        let mut words = simple.words.iter().skip(1);
        while let Some(word) = words.next() {
            let text = word.text();
            if let Some(long) = text.strip_prefix("--") {
                parents |= long == "parents";
                if long == "mode" || long.starts_with("mode=") {
                    mode = Some(word.span);
                    if long == "mode" {
                        words.next();
                    }
                }
            } else if let Some(short) = text.strip_prefix('-') {
                let at = short.find('m');
                parents |= short[..at.unwrap_or(short.len())].contains('p');
                if let Some(at) = at {
                    mode = Some(word.span);
                    if at + 1 == short.len() {
                        words.next();
                    }
                }
            } else {
                folders.push(text);
            }
        }
        let deep = |path: &String| {
            let path = path.trim_start_matches("./").trim_start_matches("../");
            path.trim_end_matches('/').contains('/')
        };
        if let Some(span) = mode.filter(|_| parents && folders.iter().any(deep)) {
            self.say(
                &MKDIR.info,
                span,
                "the mode is that of the last folder alone; those made on the way have another",
            );
        }
    }

    fn rm(&mut self, simple: &Simple) {
        let recursive = simple.words.iter().skip(1).any(|word| {
            let text = word.text();
            text == "--recursive" || (text.starts_with('-') && !text.starts_with("--") && text.contains(['r', 'R']))
        });
        for word in simple.words.iter().skip(1).filter(|_| recursive) {
            let mut rest = String::new();
            let mut variables = Vec::new();
            let mut sure = true;
            without_variables(&word.parts, &mut rest, &mut |part| match part {
                Part::Variable { name, text, span } => {
                    let plain = super::values::splits(text, name);
                    // A value of ENV is there.
                    sure &= plain && !self.told.env.contains(name.as_str());
                    variables.push((name.clone(), text.clone(), *span));
                }
                _ => sure = false,
            });
            if variables.is_empty() || !sure || !rest.starts_with('/') {
                continue;
            }
            let path = rest.strip_suffix("/*").unwrap_or(&rest);
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            let path: String = parts.iter().map(|part| format!("/{part}")).collect();
            if FOLDERS.contains(&path.as_str()) {
                let raw = cut(self.source.slice(word.span));
                let path = if path.is_empty() { "/" } else { &path };
                let message = format!("`{raw}` removes `{path}` where its variables are empty");
                let edits = variables.iter().map(|(name, _, span)| replace(*span, format!("${{{name}:?}}")));
                let plain = variables
                    .iter()
                    .all(|(name, text, _)| *text == format!("${name}") || *text == format!("${{{name}}}"));
                let edits: Vec<_> = edits.collect();
                if let Some(found) = self.say(&REMOVAL.info, word.span, message).filter(|_| plain) {
                    *found = found.clone().unsafe_fix("stop where a variable is empty", edits);
                }
            }
        }
    }

    fn find(&mut self, simple: &Simple) {
        for two in simple.words.windows(2) {
            let [test, pattern] = two else { continue };
            if !bare(test).is_some_and(|text| PATTERNS.contains(&text))
                || !has_wildcard(self.source.slice(pattern.span), pattern)
            {
                continue;
            }
            let raw = self.source.slice(pattern.span);
            let message = format!("the shell replaces `{}` before `find` sees it, where a name matches", cut(raw));
            let lone = pattern.parts.len() == 1 && !raw.contains(['\\', '\'', '~', '{', '\n']);
            let span = pattern.span;
            if let Some(found) = self.say(&FIND_PATTERN.info, span, message).filter(|_| lone) {
                *found = found.clone().fix("quote it", vec![insert(span.start, "'"), insert(span.end, "'")]);
            }
        }
    }

    fn read(&mut self, simple: &Simple) {
        let flagged = simple.words.iter().skip(1).any(|word| {
            let text = word.text();
            text.starts_with('-') && (text.contains(['r', 't']) || word.has_variable())
        });
        let span = simple.name_span();
        if !flagged
            && simple.name().as_deref() == Some("read")
            && let Some(found) = self.say(&READ.info, span, "`read` without -r takes backslashes away")
        {
            *found = found.clone().unsafe_fix("add -r", vec![insert(span.end, " -r")]);
        }
    }
}

fn is_echo_flag(text: &str) -> bool {
    text.len() > 1 && text.starts_with('-') && text[1..].bytes().all(|byte| matches!(byte, b'n' | b'e' | b'E'))
}

/// `\n`, `\t` and their like, after the shell has taken its own backslashes away.
fn has_escape(word: &Word) -> bool {
    let text = word.text();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let next = rest[at + 1..].chars().next();
        if next.is_some_and(|c| matches!(c, '0'..='7' | 'a' | 'b' | 'e' | 'f' | 'n' | 'r' | 't' | 'v')) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn runs_command(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Double(parts, _) => runs_command(parts),
        Part::Substitution(script, _) => !script.items.is_empty(),
        _ => false,
    })
}

/// The text of a word without its variables; what they are is shown.
fn without_variables(parts: &[Part], into: &mut String, see: &mut dyn FnMut(&Part)) {
    for part in parts {
        match part {
            Part::Bare(text, _) | Part::Single(text, _) => into.push_str(text),
            Part::Double(parts, _) => without_variables(parts, into, see),
            part => see(part),
        }
    }
}

/// The word has a `*`, `?` or `[…]` outside quotes.
fn has_wildcard(raw: &str, word: &Word) -> bool {
    let base = word.span.start;
    word.parts.iter().any(|part| match part {
        Part::Bare(_, span) => {
            let text = raw.get(span.start.saturating_sub(base)..span.end.saturating_sub(base)).unwrap_or_default();
            let mut escaped = false;
            let mut open = false;
            text.chars().any(|c| {
                if std::mem::take(&mut escaped) {
                    return false;
                }
                match c {
                    '\\' => escaped = true,
                    '*' | '?' => return true,
                    '[' => open = true,
                    ']' => return open,
                    _ => {}
                }
                false
            })
        }
        _ => false,
    })
}
