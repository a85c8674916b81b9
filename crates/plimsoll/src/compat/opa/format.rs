//! `opa fmt`. In: files, folders or standard input. Out: policies as the formatter lays them out, differences, or the names of
//! files that would change; 1 or 2 where that fails.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use plimsoll_rego::ast::Language;
use plimsoll_rego::fmt::{self, Target};
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;

use super::flags::Fmt;
use super::{ERRORS, FAILURE, complain, print};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault};
use crate::rego::load;

pub fn run(asked: &Fmt) -> Exit {
    let options = match options(asked) {
        Ok(options) => options,
        Err(fault) => return complain(&fault.text(), FAILURE),
    };
    if asked.files.is_empty() {
        let text = match load::standard_input() {
            Ok(text) => text,
            Err(fault) => return complain(&fault.text(), FAILURE),
        };
        return match formatted("stdin", &text, &options) {
            Ok(text) => print(&text),
            Err(why) => complain(&why, FAILURE),
        };
    }
    for given in &asked.files {
        let given = Path::new(given.strip_prefix("file://").unwrap_or(given));
        let files = match policies(given) {
            Ok(files) => files,
            Err(fault) => return complain(&fault.text(), FAILURE),
        };
        for file in files {
            let exit = one(asked, &options, &file);
            if exit != Exit::Allowed {
                return exit;
            }
        }
    }
    Exit::Allowed
}

fn options(asked: &Fmt) -> Result<fmt::Options, Fault> {
    let capabilities = asked.dialect.capabilities()?;
    let v0_in = match (asked.v0_v1, asked.dialect.v1_compatible) {
        (true, false) => true,
        (true, true) => false,
        _ => asked.dialect.v0_compatible,
    };
    let language = if v0_in { Language::V0 } else { Language::V1 };
    let target = match (asked.v0_v1, v0_in) {
        (true, _) => Target::V0AndV1,
        (false, true) => Target::V0,
        (false, false) => Target::V1,
    };
    Ok(fmt::Options {
        parse: parse::Options { language, ..asked.dialect.parse_options(&capabilities) },
        target,
        drop_redundant_imports: asked.drop_v0_imports,
        check_result: asked.check_result,
    })
}

/// A file as given, or every `.rego` file of a folder in the order of their names.
fn policies(given: &Path) -> Result<Vec<PathBuf>, Fault> {
    let found = std::fs::metadata(given).map_err(|error| load::failed("lstat", given, &error))?;
    if !found.is_dir() {
        let policy = given.extension().is_some_and(|extension| extension == "rego");
        return Ok(if policy { vec![given.to_path_buf()] } else { Vec::new() });
    }
    let walk = ignore::WalkBuilder::new(given).standard_filters(false).sort_by_file_path(Path::cmp).build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| Fault::plain(error.to_string()))?;
        // A link to a file is a file, as in OPA; links to folders are not followed.
        let file = entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink() && entry.path().is_file());
        if file && entry.path().extension().is_some_and(|extension| extension == "rego") {
            let path = entry.into_path();
            files.push(path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path));
        }
    }
    Ok(files)
}

fn formatted(name: &str, text: &[u8], options: &fmt::Options) -> Result<String, String> {
    let mut sources = Sources::default();
    fmt::format(&mut sources, name, text, options).map_err(|errors| {
        let faults = Fault::all(&errors, &sources);
        fault::text(&faults)
    })
}

fn one(asked: &Fmt, options: &fmt::Options, file: &Path) -> Exit {
    let shown = file.display().to_string();
    let text = match load::bytes(file) {
        Ok(text) => text,
        Err(fault) => return complain(&format!("failed to open file: {}", fault.text()), ERRORS),
    };
    let new = match formatted(&shown, &text, options) {
        Ok(new) => new,
        Err(why) => return complain(&format!("failed to format Rego source file: {why}"), ERRORS),
    };
    let changed = new.as_bytes() != text;
    let unexpected = || complain("unexpected diff", ERRORS);
    if asked.fail && !asked.list && !asked.diff && changed {
        return unexpected();
    }
    if asked.list || asked.diff {
        if !changed {
            return Exit::Allowed;
        }
        let old = String::from_utf8_lossy(&text);
        let printed = print(&if asked.list { format!("{shown}\n") } else { difference(&shown, &old, &new) });
        return if printed == Exit::Allowed && asked.fail { unexpected() } else { printed };
    }
    if asked.write {
        return match changed.then(|| replace(file, &text, &new)) {
            Some(Err(error)) => complain(&format!("failed writing formatted contents: {error}"), ERRORS),
            _ => Exit::Allowed,
        };
    }
    print(&new)
}

/// Puts a policy in the place of the old one, whole or not at all, with its permissions and owner. A link stays one, as in OPA:
/// what it leads to is written. Where nothing can stand beside the file, or not as its owner's, it is written in place.
fn replace(file: &Path, old: &[u8], new: &str) -> std::io::Result<()> {
    let path = file.canonicalize()?;
    // A folder's permissions do not lend what the file's own refuse.
    let found = std::fs::File::options().write(true).open(&path)?.metadata()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = || -> std::io::Result<tempfile::NamedTempFile> {
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        beside.write_all(new.as_bytes())?;
        let made = beside.as_file().metadata()?;
        if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
            std::os::unix::fs::fchown(beside.as_file(), Some(found.uid()), Some(found.gid()))?;
        }
        beside.as_file().set_permissions(found.permissions())?;
        beside.as_file().sync_data()?;
        Ok(beside)
    };
    let beside = beside();
    // What somebody saved since it was read is not thrown away.
    if std::fs::read(&path)? != old {
        return Err(std::io::Error::other("it changed meanwhile"));
    }
    match beside {
        // Other names of the same file would keep the old text.
        Ok(beside) if found.nlink() == 1 => beside.persist(&path).map(|_| ()).map_err(|error| error.error),
        _ => std::fs::write(&path, new),
    }
}

/// A unified diff: OPA colours letters, which no other program reads.
fn difference(name: &str, old: &str, new: &str) -> String {
    similar::TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(name, name).to_string()
}
