//! `requirements.txt`. In: pip's requirement lines. Out: one package per exact pin, with its line; a requirement without a
//! pin is no package but a problem, for nobody knows what pip will install. What it does not do: follow `-r`, resolve.
//! Format: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>.

use plimsoll_model::{Ecosystem, Location, Package, Problem, ProblemKind};

use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::text;

pub const READER: Reader = Reader {
    id: "requirements-txt",
    what: "pip requirements file",
    ecosystem: Ecosystem::Pypi,
    scope: Scope::Project,
    wants: |file: &Candidate<'_>| is_requirements(file.name()),
    markers: &[],
    companion: None,
    max_size: 4 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.path),
};

/// How many names a message lists before "and N more".
const NAMES_SHOWN: usize = 5;

fn is_requirements(name: &str) -> bool {
    name.starts_with("requirements") && name.ends_with(".txt")
}

/// Packages of a requirements file; `path` tells files for development (`requirements-dev.txt`) from the others.
pub fn parse(bytes: &[u8], path: &str) -> ReadOutput {
    let text = text(bytes);
    let name = path.rsplit('/').next().unwrap_or(path);
    let dev = name.split(['-', '_', '.']).any(|word| matches!(word, "dev" | "test" | "tests" | "docs" | "lint"));
    let mut out = ReadOutput::default();
    let mut unpinned: Vec<(u32, String)> = Vec::new();
    for (number, line) in logical_lines(&text) {
        if let Some(option) = line.strip_prefix('-') {
            option_line(option, number, path, &mut unpinned, &mut out.problems);
            continue;
        }
        match requirement(&line) {
            Requirement::Nothing => {}
            Requirement::Pinned { name, version } => {
                let mut package = Package::new(Ecosystem::Pypi, READER.id, name, version);
                package.lines = vec![(number, number)];
                package.dev = dev;
                out.packages.push(package);
            }
            Requirement::Unpinned(name) => unpinned.push((number, name)),
        }
    }
    if let Some((first, _)) = unpinned.first() {
        let mut names: Vec<&str> = unpinned.iter().take(NAMES_SHOWN).map(|(_, name)| name.as_str()).collect();
        let more = unpinned.len().saturating_sub(NAMES_SHOWN);
        let more = if more > 0 { format!("and {more} more") } else { String::new() };
        names.extend((!more.is_empty()).then_some(more.as_str()));
        out.problems.push(
            Problem::undecided(
                ProblemKind::UnreadableVersion,
                format!("tell the version of requirements that are not pinned: {}", names.join(", ")),
            )
            .with_hint("pin them with == (pip-compile or pip freeze writes such a file)")
            .at(Location::line(path, *first)),
        );
    }
    out
}

/// Lines with their first number, continuations joined, comments and outer blanks cut.
fn logical_lines(text: &str) -> impl Iterator<Item = (u32, String)> + '_ {
    let mut lines = (1u32..).zip(text.lines());
    std::iter::from_fn(move || {
        let (number, line) = lines.next()?;
        let mut whole = String::new();
        let mut line = line;
        while let Some(part) = line.trim_end().strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            line = lines.next().map_or("", |(_, line)| line);
        }
        whole.push_str(line);
        // A '#' starts a comment at the line's start or after a blank (it also stands in URLs).
        let cut = whole.char_indices().find(|(at, c)| *c == '#' && (*at == 0 || whole[..*at].ends_with([' ', '\t'])));
        if let Some((at, _)) = cut {
            whole.truncate(at);
        }
        Some((number, whole.trim().to_owned()))
    })
}

fn option_line(option: &str, number: u32, path: &str, unpinned: &mut Vec<(u32, String)>, problems: &mut Vec<Problem>) {
    let (word, value) = option.split_once([' ', '=', '\t']).unwrap_or((option, ""));
    let value = value.trim();
    match word {
        "r" | "-requirement" => {
            let name = value.rsplit('/').next().unwrap_or(value);
            let message = format!("follow \"-r {value}\"");
            let problem = if is_requirements(name) && !value.contains("://") {
                Problem::note(ProblemKind::SeenNotRead, message)
                    .with_hint("the named file is read by itself when it is there")
            } else {
                Problem::undecided(ProblemKind::SeenNotRead, message)
                    .with_hint("name the file requirements-….txt, or check a file that pip-compile wrote")
            };
            problems.push(problem.at(Location::line(path, number)));
        }
        "e" | "-editable" if !is_local(value) => unpinned.push((number, value.to_owned())),
        // Constraints, indexes, hashes, the project itself: no packages.
        _ => {}
    }
}

/// The project itself or a folder in it: its own files speak for it.
fn is_local(requirement: &str) -> bool {
    requirement.starts_with('.') || requirement.starts_with('/') || requirement.starts_with("file:")
}

enum Requirement {
    Nothing,
    Pinned { name: String, version: String },
    Unpinned(String),
}

/// `name[extras] specifier; marker --hash=…`, PEP 508.
fn requirement(line: &str) -> Requirement {
    if line.is_empty() || is_local(line) {
        return Requirement::Nothing;
    }
    let line = line.split(" --").next().unwrap_or(line);
    let word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let end = line.find(|c: char| !word(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    // A URL before any name, `name @ URL`: what is behind it is not known.
    if name.is_empty() || rest.trim_start().starts_with('@') || rest.starts_with(':') {
        return Requirement::Unpinned(if name.is_empty() { line.to_owned() } else { name.to_owned() });
    }
    let rest = rest.split(';').next().unwrap_or_default().trim();
    let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim(),
        None => rest,
    };
    let rest = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')).unwrap_or(rest);
    // One exact pin decides, whatever other bounds stand beside it.
    let mut pin =
        rest.split(',').filter_map(|part| part.trim().strip_prefix("==")).map(|v| v.trim_start_matches('=').trim());
    match pin.find(|v| !v.is_empty() && !v.ends_with(".*")) {
        Some(version) => Requirement::Pinned { name: name.to_owned(), version: version.to_owned() },
        None => Requirement::Unpinned(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::ProblemEffect;

    use super::*;

    #[test]
    fn pins_are_read_with_hashes_markers_extras_and_continuations() {
        let text = b"# made by pip-compile\nclick==8.0.0\nFlask [async] == 2.0.0 ; python_version < '3.9' # web\n\nrequests==2.20.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nodd === 1.0-x\nrange==1.2,<2\n";
        let out = parse(text, "requirements.txt");
        let found: Vec<_> = out.packages.iter().map(|p| (p.id(), p.lines[0].0)).collect();
        assert_eq!(
            found,
            [
                ("click@8.0.0".into(), 2),
                ("Flask@2.0.0".into(), 3),
                ("requests@2.20.0".into(), 5),
                ("odd@1.0-x".into(), 8),
                ("range@1.2".into(), 9)
            ]
        );
        assert!(out.problems.is_empty());
    }

    #[test]
    fn what_is_not_pinned_is_undecided_not_absent() {
        let text = b"flask\ndjango>=3\nsix==1.*\n-e git+https://example.com/x.git#egg=x\nlib @ https://example.com/lib.whl\nhttps://example.com/a.tar.gz\n-e .\n./here\n--index-url https://pypi.org/simple\n";
        let out = parse(text, "app/requirements.txt");
        assert!(out.packages.is_empty());
        assert_eq!(out.problems.len(), 1);
        assert!(
            out.problems[0]
                .message
                .ends_with("flask, django, six, git+https://example.com/x.git#egg=x, lib, and 1 more")
        );
        assert_eq!(out.problems[0].location.as_ref().unwrap().line, Some(1));
    }

    #[test]
    fn included_file_is_a_note_when_it_is_read_anyway() {
        let out = parse(b"-r requirements-base.txt\n--requirement=deps/base.txt\n", "requirements-dev.txt");
        let effects: Vec<_> = out.problems.iter().map(|p| p.effect).collect();
        assert_eq!(effects, [ProblemEffect::Note, ProblemEffect::Undecided]);
        assert!(parse(b"a==1\n", "requirements-dev.txt").packages[0].dev);
        assert!(!parse(b"a==1\n", "requirements.txt").packages[0].dev);
    }
}
