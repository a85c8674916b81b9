//! `policy`: show, check, question and try the LoadLine.

use std::path::Path;

use super::write_out;
use crate::assess;
use crate::cli::{Global, PolicyCommand};
use crate::exit::Exit;
use crate::policies::Policies;
use crate::session::{find_policy, known, read_policy};
use crate::signatures::Authorities;

pub fn run(global: &Global, command: &PolicyCommand) -> anyhow::Result<Exit> {
    let here = [Path::new(".").to_owned()];
    match command {
        PolicyCommand::Show { policy } => {
            let policy = find_policy(policy.as_deref(), &here)?;
            write_out(None, plimsoll_policy::effective(&policy).as_bytes())?;
        }
        PolicyCommand::Check { file } => {
            let policy = read_policy(file)?;
            Authorities::open(&policy)?;
            Policies::open(&policy)?;
            println!(
                "{}: whole. {} image entries, {} exemptions, {} waivers",
                file.display(),
                policy.images.len(),
                policy.exempt.len(),
                policy.waivers.len()
            );
            for remark in plimsoll_policy::remarks(&policy, jiff::Timestamp::now()) {
                println!("note: {remark}");
            }
        }
        PolicyCommand::Why { image, policy, namespace, at } => {
            let policy = find_policy(policy.as_deref(), &here)?;
            let reference = assess::reference(image)?;
            let mut context = plimsoll_policy::Context::at(at.unwrap_or_else(jiff::Timestamp::now));
            context.namespace = namespace.as_deref();
            let why = plimsoll_policy::why(Some(&reference), &policy, &context);
            write_out(None, answer(&why).as_bytes())?;
            return Ok(if why.ruled_by.is_some() || why.exempt.is_some() { Exit::Allowed } else { Exit::Denied });
        }
        PolicyCommand::Test(args) => return crate::policy_test::run(global, args),
        PolicyCommand::Replay(args) => return crate::replay::run(global, args),
        PolicyCommand::Schema => {
            let schema = plimsoll_policy::schema(&known());
            let text = serde_json::to_string_pretty(&schema)? + "\n";
            write_out(None, text.as_bytes())?;
        }
    }
    Ok(Exit::Allowed)
}

/// The answer to "why", for people: the ruling entry, then the nearest that do not rule and their reasons.
fn answer(why: &plimsoll_policy::Why) -> String {
    let mut text = format!("{}\n", why.name.as_deref().unwrap_or("what has no image name"));
    if let Some(exempt) = &why.exempt {
        text += &format!("  exempt    {exempt}\n");
    }
    match &why.ruled_by {
        Some(entry) if entry.place.file.is_empty() => text += &format!("  ruled by  {}\n", entry.entry),
        Some(entry) => text += &format!("  ruled by  {} ({}:{})\n", entry.entry, entry.place.file, entry.place.line),
        None => text += "  ruled by  no entry: denied\n",
    }
    for miss in &why.near {
        text += &format!("  not       {}: {}\n", miss.entry.entry, miss.reason);
    }
    text
}
