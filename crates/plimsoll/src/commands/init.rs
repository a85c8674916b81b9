//! `init`: a first policy and CI file for a project. Existing files are kept unless `--force` says otherwise.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::{CiKind, InitArgs};
use crate::exit::Exit;

const POLICY: &str = include_str!("init/loadline.yaml");
const GITHUB: &str = include_str!("init/github.yml");
const GITLAB: &str = include_str!("init/gitlab.yml");

pub fn run(args: &InitArgs) -> anyhow::Result<Exit> {
    if !args.dir.is_dir() {
        anyhow::bail!("write into {}: there is no such folder", args.dir.display());
    }
    let mut files = vec![("loadline.yaml", POLICY)];
    match args.ci {
        CiKind::Github => files.push((".github/workflows/plimsoll.yml", GITHUB)),
        CiKind::Gitlab => files.push((".gitlab/plimsoll.gitlab-ci.yml", GITLAB)),
        CiKind::None => {}
    }
    for (name, text) in files {
        let path = args.dir.join(name);
        if path.exists() && !args.force {
            println!("kept   {} (--force overwrites it)", path.display());
            continue;
        }
        write(&path, text)?;
        println!("wrote  {}", path.display());
    }
    println!("\nnext   plimsoll db update\n       plimsoll check {}", args.dir.display());
    if args.ci == CiKind::Gitlab {
        println!("       add `include: .gitlab/plimsoll.gitlab-ci.yml` to .gitlab-ci.yml");
    }
    Ok(Exit::Allowed)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_policy_is_whole() {
        let known = crate::session::known();
        let policy = plimsoll_policy::parse("loadline.yaml", POLICY.as_bytes(), &known).unwrap();
        assert!(!policy.images.is_empty());
    }
}
