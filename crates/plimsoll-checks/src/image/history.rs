//! A step of an image's history as the instruction it was. In: `created_by`, as docker, BuildKit, buildah and kaniko write it.
//! Out: the keyword, and for RUN the commands of its shell, word by word. What it does not do: expand variables or follow
//! scripts; what is not on the line is not known.

/// One instruction of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction<'a> {
    /// What a shell was given; for the exec form, the words in a row.
    Run(&'a str),
    /// What follows the keyword.
    Add(&'a str),
    /// Any other, by its keyword, and what follows it.
    Other(&'a str, &'a str),
}

/// What made a step.
pub fn instruction(made: &str) -> Instruction<'_> {
    let line = made.trim();
    let line = line.strip_suffix("# buildkit").unwrap_or(line).trim_end();
    if let Some(nop) = line.strip_prefix("/bin/sh -c #(nop)") {
        return by_keyword(nop.trim_start());
    }
    let (first, rest) = split_word(line);
    if first == "RUN" {
        return Instruction::Run(script(rest));
    }
    if first.len() > 1 && first.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return by_keyword(line);
    }
    Instruction::Run(script(line))
}

fn by_keyword(line: &str) -> Instruction<'_> {
    match split_word(line) {
        ("ADD", rest) => Instruction::Add(rest),
        (keyword, rest) => Instruction::Other(keyword, rest),
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// The shells whose `-c` takes a script that we read.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "ksh"];

/// What the shell was given: without the build arguments (`|2 A=b C=d`) and the shell itself.
fn script(line: &str) -> &str {
    let mut rest = line;
    if let Some(arguments) = line.strip_prefix('|') {
        // Values stand there without quotes, so that words cannot be counted where the shell is in sight.
        let shell = arguments.find(" /bin/").map(|at| arguments[at..].trim_start());
        rest = shell.unwrap_or_else(|| {
            let (count, mut after) = split_word(arguments);
            for _ in 0..count.parse::<usize>().unwrap_or(0).min(after.len()) {
                after = split_word(after).1;
            }
            after
        });
    }
    let (program, mut after) = split_word(rest);
    if !SHELLS.contains(&name_of(program)) {
        return rest;
    }
    loop {
        let (option, next) = split_word(after);
        match option {
            "-o" | "-O" => after = split_word(next).1,
            _ if option.starts_with('-') && !option.starts_with("--") && option.ends_with('c') => return next,
            _ if option.starts_with('-') => after = next,
            // `sh script.sh`
            _ => return rest,
        }
    }
}

fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// One simple command: its words without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    pub words: Vec<String>,
}

/// Words that stand before a command and change nothing of what it does.
const KEYWORDS: &[&str] = &["if", "then", "elif", "else", "while", "until", "do", "!", "{", "}", "time"];
/// Programs that run the command behind them.
const WRAPPERS: &[&str] = &["sudo", "env", "exec", "command", "nice", "nohup", "eatmydata", "xargs", "timeout", "doas"];

impl Command {
    /// The program's name without its folder, and what follows it.
    pub fn program(&self) -> (&str, &[String]) {
        let mut words = self.words.as_slice();
        while let Some((first, rest)) = words.split_first() {
            if !KEYWORDS.contains(&first.as_str()) && !is_assignment(first) {
                return (name_of(first), rest);
            }
            words = rest;
        }
        ("", words)
    }

    /// The same, past programs that only run another.
    pub fn wrapped_program(&self) -> (&str, &[String]) {
        let (mut name, mut words) = self.program();
        while WRAPPERS.contains(&name) {
            let takes_number = name == "timeout";
            let skipped = words.iter().take_while(|word| {
                word.starts_with('-')
                    || is_assignment(word)
                    || takes_number && word.starts_with(|c: char| c.is_ascii_digit())
            });
            let at = skipped.count();
            let Some(next) = words.get(at) else { return (name, words) };
            (name, words) = (name_of(next), &words[at + 1..]);
        }
        (name, words)
    }

    /// What a package manager is told to do: `update` of `apt-get -qq update`.
    pub fn subcommand(&self, managers: &[&str]) -> Option<&str> {
        let (name, words) = self.wrapped_program();
        if !managers.contains(&name) {
            return None;
        }
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                // Options that take a word: apt's configuration and release, apk's repository.
                "-o" | "-c" | "-t" | "-X" | "--option" | "--target-release" | "--repository" | "--root" => {
                    words.next();
                }
                _ if word.starts_with('-') => {}
                _ => return Some(word),
            }
        }
        None
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
    })
}

/// The simple commands of a script, those in parentheses and substitutions too. One pass; quotes and comments count.
pub fn commands(script: &str) -> Vec<Command> {
    let mut found = Vec::new();
    let mut command = Command::default();
    let mut word: Option<String> = None;
    let mut characters = script.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                // A continued line.
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(characters.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = characters.next() {
                    match c {
                        '"' => break,
                        '\\' => word.extend(characters.next()),
                        c => word.push(c),
                    }
                }
            }
            '#' if word.is_none() => {
                // To the end of the line; the line break ends the command.
                while characters.next_if(|c| *c != '\n').is_some() {}
            }
            ';' | '&' | '|' | '\n' | '(' | ')' | '`' => {
                // `2>&1` and `>|` end no command.
                let after_arrow = matches!(c, '&' | '|') && word.as_deref().is_some_and(|w| w.ends_with(['>', '<']));
                if after_arrow {
                    word.get_or_insert_default().push(c);
                    continue;
                }
                command.words.extend(word.take());
                if !command.words.is_empty() {
                    found.push(std::mem::take(&mut command));
                }
            }
            c if c.is_whitespace() => command.words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    command.words.extend(word.take());
    if !command.words.is_empty() {
        found.push(command);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn builders_spellings_are_read() {
        for (made, meant) in [
            ("RUN /bin/sh -c apt-get update # buildkit", Instruction::Run("apt-get update")),
            ("RUN |2 A=b c D=e /bin/sh -c make # buildkit", Instruction::Run("make")),
            ("RUN |1 A=b make # buildkit", Instruction::Run("make")),
            ("|1 A=b /bin/sh -c make", Instruction::Run("make")),
            ("RUN /bin/bash -o pipefail -c a | b # buildkit", Instruction::Run("a | b")),
            ("RUN /bin/bash -euxc a # buildkit", Instruction::Run("a")),
            ("/bin/sh -c apk add curl", Instruction::Run("apk add curl")),
            ("RUN apk add curl", Instruction::Run("apk add curl")),
            ("RUN sh build.sh", Instruction::Run("sh build.sh")),
            ("/bin/sh -c #(nop) ADD file:1 in / ", Instruction::Add("file:1 in /")),
            ("ADD rootfs.tar / # buildkit", Instruction::Add("rootfs.tar /")),
            ("COPY . /src # buildkit", Instruction::Other("COPY", ". /src")),
            ("bazel build //:x", Instruction::Run("bazel build //:x")),
            ("", Instruction::Run("")),
        ] {
            assert_eq!(instruction(made), meant, "{made}");
        }
    }

    fn programs(script: &str) -> Vec<(String, Vec<String>)> {
        let own = |command: &Command| {
            let (name, words) = command.program();
            (name.to_owned(), words.to_vec())
        };
        commands(script).iter().map(own).collect()
    }

    #[test]
    fn commands_are_told_apart_as_a_shell_does() {
        let names = |script: &str| programs(script).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("a && b; c || d | e & f\ng"), ["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!(names("echo 'a && sudo b' \"c; d\""), ["echo"]);
        assert_eq!(names("if X=1 /usr/bin/test -f y; then ( sudo z ); fi"), ["test", "", "sudo", "fi"]);
        assert_eq!(names("a $(b c) `d`"), ["a", "b", "d"]);
        assert_eq!(names("a 2>&1 # sudo b"), ["a"]);
        assert_eq!(names("a \\\n  b"), ["a"]);
        assert_eq!(programs("echo 'x y'\\ z"), [("echo".to_owned(), vec!["x y z".to_owned()])]);
    }

    #[test]
    fn package_managers_are_told_what_to_do() {
        let does = |script: &str| {
            commands(script)
                .iter()
                .find_map(|c| c.subcommand(&["apt-get", "apt"]).map(str::to_owned))
                .unwrap_or_default()
        };
        assert_eq!(does("DEBIAN_FRONTEND=x apt-get -qq -o A=b update"), "update");
        assert_eq!(does("sudo -E /usr/bin/apt-get install curl"), "install");
        assert_eq!(does("cat list | xargs -r apt-get install -y"), "install");
        assert_eq!(does("timeout 60 apt update"), "update");
        assert_eq!(does("echo apt-get update"), "");
        assert_eq!(does("sudo"), "");
    }

    proptest! {
        #[test]
        fn any_line_is_read(made in ".{0,200}") {
            if let Instruction::Run(script) = instruction(&made) {
                for command in commands(script) {
                    command.subcommand(&["apt"]);
                }
            }
        }
    }
}
