//! ShellCheck, where it is installed. In: shell scripts. Out: what ShellCheck says of each, or why it could not say. The
//! scripts are hostile: they travel as the contents of files that we name ourselves, in a folder of ours that goes away again;
//! no settings of the user or of the folder are read, no file is followed, and time is bounded.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::program::{self, Ran};

/// Scripts that one process looks at: starting ShellCheck takes ten milliseconds, a usual script two.
const BATCH: usize = 64;
/// For a batch; a thousand times what a usual one takes. Its scripts are then tried one by one.
const BATCH_TIME: Duration = Duration::from_secs(30);
/// For one script alone: the largest in use take a second.
const SCRIPT_TIME: Duration = Duration::from_secs(10);
/// For everything that one run of ours asks, so that a thousand hostile scripts do not take hours.
const ALL_TIME: Duration = Duration::from_secs(300);
/// A larger script is not looked at: ShellCheck needs some thousand times its bytes in memory.
const MAX_SCRIPT: usize = 256 * 1024;
/// More than ShellCheck says of any batch.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// A script with its `#!` line, which tells the dialect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Script(pub String);

/// One thing that ShellCheck says. Lines and columns are those of the script, from 1; a tab is one column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
    /// `error`, `warning`, `info`, `style`.
    pub level: String,
    /// `2086` of SC2086.
    pub code: u32,
    pub message: String,
}

/// What ShellCheck says of one script, or why there is nothing that it said.
pub type Said = Result<Vec<Comment>, String>;

/// What ShellCheck says of each script, in their order: its comments without the codes of `exclude`, or why there are none.
pub fn check(program: &Path, scripts: &[Script], exclude: &[u32]) -> Vec<Said> {
    let deadline = Instant::now() + ALL_TIME;
    let batches: Vec<&[Script]> = scripts.chunks(BATCH).collect();
    let next = AtomicUsize::new(0);
    let answers: Mutex<Vec<(usize, Vec<Said>)>> = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(batches.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(batch) = batches.get(at)
                {
                    let answer = check_batch(program, batch, exclude, deadline);
                    answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((at, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().flat_map(|(_, answer)| answer).collect()
}

fn check_batch(program: &Path, batch: &[Script], exclude: &[u32], deadline: Instant) -> Vec<Said> {
    let fits: Vec<&Script> = batch.iter().filter(|script| script.0.len() <= MAX_SCRIPT).collect();
    let mut answers = match run(program, &fits, exclude, BATCH_TIME, deadline) {
        Ok(answers) => answers.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) if fits.len() < 2 => fits.iter().map(|_| Err(format!("{error:#}"))).collect(),
        // One of them may spoil it for the others.
        Err(_) => fits
            .iter()
            .map(|script| {
                let alone = run(program, &[script], exclude, SCRIPT_TIME, deadline);
                alone.map(|mut answers| answers.pop().unwrap_or_default()).map_err(|error| format!("{error:#}"))
            })
            .collect(),
    }
    .into_iter();
    let too_large = || Err(format!("it is larger than the {} KiB that ShellCheck is given", MAX_SCRIPT / 1024));
    batch
        .iter()
        .map(|script| if script.0.len() <= MAX_SCRIPT { answers.next().unwrap_or_else(too_large) } else { too_large() })
        .collect()
}

#[derive(Deserialize)]
struct Answer {
    comments: Vec<FileComment>,
}

#[derive(Deserialize)]
struct FileComment {
    file: String,
    #[serde(flatten)]
    comment: Comment,
}

/// One process over all of them.
fn run(
    program: &Path,
    scripts: &[&Script],
    exclude: &[u32],
    time: Duration,
    deadline: Instant,
) -> anyhow::Result<Vec<Vec<Comment>>> {
    if scripts.is_empty() {
        return Ok(Vec::new());
    }
    let time = time.min(deadline.saturating_duration_since(Instant::now()));
    if time.is_zero() {
        bail!("ShellCheck has had its {} seconds for all scripts", ALL_TIME.as_secs());
    }
    let folder =
        tempfile::Builder::new().prefix("plimsoll-shellcheck-").tempdir().context("make a folder for scripts")?;
    let mut command = Command::new(program);
    command.args(["--format=json1", "--norc", "--color=never"]);
    if !exclude.is_empty() {
        let codes: Vec<String> = exclude.iter().map(|code| format!("SC{code}")).collect();
        command.arg(format!("--exclude={}", codes.join(",")));
    }
    command.arg("--");
    for (at, script) in scripts.iter().enumerate() {
        let name = format!("{at}.sh");
        std::fs::write(folder.path().join(&name), &script.0).context("write a script for ShellCheck")?;
        command.arg(name);
    }
    // SHELLCHECK_OPTS would be the user's own options for other scripts.
    command.env_remove("SHELLCHECK_OPTS").current_dir(folder.path());
    command.stderr(Stdio::null());
    let Ran { status, out: bytes, .. } = program::run(command, "ShellCheck", b"", time, MAX_ANSWER)?;
    // 0: nothing to say; 1: something; above: it did not look at all of them.
    if !matches!(status, Some(0 | 1)) {
        bail!("ShellCheck ended with status {}", status.map_or_else(|| "none".into(), |code| code.to_string()));
    }
    let answer: Answer = serde_json::from_slice(&bytes).context("read ShellCheck's answer")?;
    let mut comments = vec![Vec::new(); scripts.len()];
    for found in answer.comments {
        let at = found.file.strip_suffix(".sh").and_then(|number| number.parse::<usize>().ok());
        let of =
            at.and_then(|at| comments.get_mut(at)).context("read ShellCheck's answer: it names a file of its own")?;
        of.push(found.comment);
    }
    Ok(comments)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// A program of that name that runs `script`.
    fn stand_in(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("shellcheck");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Says 1 of each script that has a `1` in it and ends with `2` where one has a `2`.
    const SPEAKER: &str = r#"
while [ "$1" != -- ]; do shift; done; shift
sep= ; bad=0
printf '{"comments":['
for f; do
  if grep -q 2 "$f"; then bad=2; fi
  if grep -q 1 "$f"; then
    printf '%s{"file":"%s","line":2,"endLine":2,"column":3,"endColumn":4,"level":"info","code":2086,"message":"m","fix":null}' "$sep" "$f"; sep=,
  fi
done
echo ']}'
exit $bad"#;

    #[test]
    fn answers_stand_in_the_order_of_the_scripts_and_one_spoils_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path(), SPEAKER);
        let mut scripts: Vec<Script> =
            (0..200).map(|i| Script(format!("#!/bin/sh\n{}", if i % 3 == 0 { "1" } else { "x" }))).collect();
        scripts[70] = Script("2".into());
        scripts[71] = Script("x".repeat(MAX_SCRIPT + 1));
        let answers = check(&program, &scripts, &[1090]);
        assert_eq!(answers.len(), 200);
        for (at, answer) in answers.iter().enumerate() {
            match at {
                70 => assert!(answer.as_ref().unwrap_err().contains("status 2"), "{answer:?}"),
                71 => assert!(answer.as_ref().unwrap_err().contains("256 KiB"), "{answer:?}"),
                _ => assert_eq!(answer.as_ref().unwrap().len(), usize::from(at % 3 == 0), "{at}"),
            }
        }
    }

    #[test]
    fn a_program_that_speaks_nonsense_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path(), "echo nonsense");
        assert!(check(&program, &[Script("x".into())], &[])[0].as_ref().unwrap_err().contains("answer"));
    }
}
