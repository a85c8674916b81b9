//! `image`, `fs`, `rootfs`: one subject, one verdict.

use std::path::Path;

use plimsoll_model::SubjectKind;

use super::{deliver, report, session};
use crate::assess;
use crate::cli::{FolderArgs, Global, ImageArgs};
use crate::exit::Exit;

pub fn image(global: &Global, args: &ImageArgs) -> anyhow::Result<Exit> {
    let session = session(global, &args.judge, vec![Path::new(".").to_owned()])?;
    let gathered = match (&args.input, &args.reference) {
        (Some(input), _) => assess::input(&session, input, args.judge_as.as_deref(), &args.reach)?,
        // An image that cannot be had is "could not run": there is nothing to report on.
        (None, Some(name)) => {
            let mut gathered = assess::image(&session, name, args.judge_as.as_deref(), args.from, &args.reach)?;
            assess::signed(&session, name, args.from, &args.reach, &mut gathered.assessment)?;
            gathered
        }
        (None, None) => return Ok(Exit::Usage),
    };
    let report = report(&session, vec![assess::judged(&session, gathered.assessment)]);
    deliver(global, &args.judge, &report)
}

pub fn fs(global: &Global, args: &FolderArgs) -> anyhow::Result<Exit> {
    folder(global, args, SubjectKind::Filesystem)
}

pub fn rootfs(global: &Global, args: &FolderArgs) -> anyhow::Result<Exit> {
    folder(global, args, SubjectKind::Rootfs)
}

fn folder(global: &Global, args: &FolderArgs, kind: SubjectKind) -> anyhow::Result<Exit> {
    // A policy inside an unpacked image is the image's word, not the user's.
    let near = if kind == SubjectKind::Rootfs { vec![Path::new(".").to_owned()] } else { vec![args.dir.clone()] };
    let session = session(global, &args.judge, near)?;
    let gathered = assess::folder(&session, &args.dir, kind, args.judge_as.as_deref())?;
    let report = report(&session, vec![assess::judged(&session, gathered.assessment)]);
    deliver(global, &args.judge, &report)
}
