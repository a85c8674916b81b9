//! Formats modules with us and with the real OPA: `formats PEER DIR…`. In each folder it takes the modules of the cases of
//! rego-v1, the Rego of gatekeeper-library's templates, and every `.rego` file. Both must give the same text, or both refuse;
//! and so again of what the real one formatted.

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use plimsoll_rego::ast::Language;
use plimsoll_rego::fmt::{self, Target};
use plimsoll_rego::span::Sources;
use support::ask::{Answer, Ask};
use support::{peer::Peer, public};

/// Text, and whether it is v0.
type Modules = BTreeSet<(String, bool)>;

fn modules(folder: &Path, found: &mut Modules) -> Result<(), String> {
    for case in public::cases(folder)? {
        found.extend(case.ask.modules.into_iter().map(|(_, text)| (text, false)));
    }
    for file in public::files(folder, "/template.yaml")? {
        if let Some(template) = public::template(&file)? {
            found.extend(template.modules.into_iter().map(|(_, text)| (text, template.v0)));
        }
    }
    for file in public::files(folder, ".rego")? {
        let text = public::text(&file)?;
        found.insert((text.clone(), false));
        found.insert((text, true));
    }
    Ok(())
}

/// Formatted, or the codes of what it was refused for.
fn ours(text: &str, v0: bool) -> Result<String, String> {
    let (language, target) = if v0 { (Language::V0, Target::V0) } else { (Language::V1, Target::V1) };
    // The peer prints what it formats without reading it again.
    let options = fmt::Options { check_result: false, ..fmt::Options::of(language, target) };
    fmt::format(&mut Sources::default(), "m.rego", text.as_bytes(), &options)
        .map_err(|errors| errors.first().map_or_else(String::new, |error| error.code.as_str().into()))
}

/// How many differ, and what the real one made of them.
fn compared(peer: &mut Peer, all: &Modules) -> std::io::Result<(usize, Modules)> {
    let ask = |(text, v0): &(String, bool)| Ask {
        modules: vec![("m.rego".into(), text.clone())],
        v0: *v0,
        format: true,
        ..Ask::default()
    };
    let asks: Vec<Ask> = all.iter().map(ask).collect();
    let theirs = peer.ask(&asks)?;
    let mut differ = 0;
    let mut refused = 0;
    for ((text, v0), theirs) in all.iter().zip(&theirs) {
        let have = ours(text, *v0);
        let want = match theirs {
            Answer::Formatted(texts) => Ok(texts.concat()),
            other => Err(other.codes().join(" ")),
        };
        refused += usize::from(want.is_err());
        if have != want && (have.is_ok() || want.is_ok()) {
            differ += 1;
            println!("DIFFERS v0={v0}\n--- text\n{text}\n--- opa\n{want:?}\n--- ours\n{have:?}");
        }
    }
    println!("say: {} modules formatted as by opa fmt, {refused} of them refused, {differ} differ", all.len());
    let formatted = all.iter().zip(theirs).filter_map(|((_, v0), theirs)| match theirs {
        Answer::Formatted(texts) => Some((texts.concat(), *v0)),
        _ => None,
    });
    Ok((differ, formatted.collect()))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, folders @ ..] = arguments.as_slice() else {
        println!("usage: formats PEER DIR…");
        return ExitCode::from(64);
    };
    let mut all = Modules::new();
    let done = folders.iter().try_for_each(|folder| modules(Path::new(folder), &mut all)).and_then(|()| {
        let mut peer = Peer::start(program).map_err(|error| format!("{program}: {error}"))?;
        let (differ, formatted) = compared(&mut peer, &all).map_err(|error| error.to_string())?;
        let (again, _) = compared(&mut peer, &formatted).map_err(|error| error.to_string())?;
        Ok(differ + again)
    });
    match done {
        Ok(0) if !all.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}
