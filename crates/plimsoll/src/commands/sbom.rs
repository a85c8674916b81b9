//! `sbom`: what is in an image or folder as CycloneDX or SPDX; with `--judge` a verdict on what an SBOM lists.

use std::path::Path;

use anyhow::{Context as _, bail};
use plimsoll_model::{Outcome, ProblemEffect};

use super::{deliver, exit, render_options, report, session, tool, write_out};
use crate::assess;
use crate::cli::{Global, Origin, SbomArgs};
use crate::exit::Exit;

pub fn run(global: &Global, args: &SbomArgs) -> anyhow::Result<Exit> {
    let session = session(global, &args.options, vec![Path::new(".").to_owned()])?;
    if args.judge {
        let Some(target) = &args.target else { bail!("judge an SBOM: --judge takes a file") };
        let (gathered, _) = assess::sbom(&session, Path::new(target))?;
        let report = report(&session, vec![assess::judged(&session, gathered.assessment)]);
        return deliver(global, &args.options, &report);
    }
    let gathered = match (&args.input, &args.target) {
        (Some(input), _) => assess::input(&session, input, None, &args.reach)?,
        (None, Some(target)) if Path::new(target).is_dir() => assess::project(&session, Path::new(target))?,
        (None, Some(target)) => assess::image(&session, target, None, Origin::Registry, &args.reach)?,
        (None, None) => return Ok(Exit::Usage),
    };
    let assessment = gathered.assessment;
    // The table is for verdicts; who asks for an SBOM without naming a format gets CycloneDX.
    let wanted = if args.options.format == "table" { "cyclonedx" } else { &args.options.format };
    let format = plimsoll_report::format(wanted).with_context(|| format!("find the format {wanted:?}"))?;
    let Some(bill) = format.bill else {
        let able: Vec<&str> = plimsoll_report::FORMATS.iter().filter(|f| f.bill.is_some()).map(|f| f.name).collect();
        bail!("write an SBOM as {wanted}: -f takes {}", able.join(" or "));
    };
    let content = plimsoll_report::Bill {
        subject: &assessment.subject,
        inventory: &assessment.inventory,
        tool: &tool(),
        at: session.at,
    };
    let bytes = bill(&content, &render_options(global, &args.options, false))?;
    write_out(args.options.output.as_deref(), &bytes)?;
    // A list that is known to be incomplete must not pass for a whole one. Matching has no say in what is listed.
    let gaps: Vec<_> = assessment.inventory.problems.iter().filter(|p| p.effect == ProblemEffect::Undecided).collect();
    if gaps.is_empty() {
        return Ok(Exit::Allowed);
    }
    for gap in gaps {
        eprintln!("plimsoll: the list has a gap: could not {}", plimsoll_report::safe(&gap.to_string()));
    }
    Ok(exit(Outcome::Undecided, args.options.exit_code))
}
