//! Other people's programs, run within bounds. In: a program's name, or a command. Out: where the program is; what it wrote
//! before its time or its bytes were up. What it does not do: ask a shell, or wait for what a program leaves behind.

use std::ffi::OsString;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Of what a program writes to standard error: messages, of which the last line is shown.
const MAX_ERRORS: u64 = 64 * 1024;

/// Memory that a program may take, where the system tells it: a template of one line can ask for all there is.
const MAX_MEMORY: u64 = 2 << 30;

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    /// None where a signal ended it.
    pub status: Option<i32>,
    pub out: Vec<u8>,
    /// Empty where standard error was not asked for.
    pub err: Vec<u8>,
}

/// The program, where it is on the path that `PATH` holds.
pub fn find(name: &str, path: Option<OsString>) -> Option<PathBuf> {
    let name = if cfg!(windows) { format!("{name}.exe") } else { name.to_owned() };
    // A relative folder of the path is the project's, and what lies there is not trusted to run.
    let folders = path.iter().flat_map(std::env::split_paths).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&name)).find(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Runs a command that is given `input` and whose standard output is read up to `bytes`, for `time` at most. `name` is what
/// messages call it.
///
/// # Errors
/// It does not start, takes too long, or writes more.
pub fn run(mut command: Command, name: &str, input: &[u8], time: Duration, bytes: u64) -> anyhow::Result<Ran> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("start {name}"))?;
    if let Some(mut to) = child.stdin.take() {
        let input = input.to_vec();
        // Nobody waits for it: a program that stops reading says why by its status.
        std::thread::spawn(move || drop(to.write_all(&input)));
    }
    let read = |pipe: Option<Box<dyn Read + Send>>, most: u64| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // Behind the bound the pipe is closed, which ends a program that goes on writing.
            pipe.map_or(Ok(()), |pipe| pipe.take(most).read_to_end(&mut bytes).map(drop)).map(|()| bytes)
        })
    };
    let out = read(child.stdout.take().map(|pipe| Box::new(pipe) as _), bytes + 1);
    let err = read(child.stderr.take().map(|pipe| Box::new(pipe) as _), MAX_ERRORS);
    let end = Instant::now() + time;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("wait for {name}"))? {
            break status;
        }
        let late = Instant::now() >= end;
        if late || memory(child.id()) > MAX_MEMORY {
            // It may have ended just now; then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
            if late {
                bail!("{name} took longer than {} seconds", time.as_secs());
            }
            bail!("{name} took more than {} MiB of memory", MAX_MEMORY >> 20);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    // What the program started may hold the pipes for ever.
    while !(out.is_finished() && err.is_finished()) {
        if Instant::now() >= end {
            bail!("{name} left a program behind that took longer than {} seconds", time.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    match (out.join(), err.join()) {
        (Ok(out), Ok(err)) => {
            let out = out.with_context(|| format!("read what {name} says"))?;
            if out.len() as u64 > bytes {
                bail!("{name} wrote more than {bytes} bytes");
            }
            Ok(Ran { status: status.code(), out, err: err.unwrap_or_default() })
        }
        _ => bail!("could not read what {name} says"),
    }
}

/// What a process holds in memory, in bytes; zero where nobody tells.
fn memory(process: u32) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or_default().saturating_mul(1024)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program of that name that runs `script`.
    fn stand_in(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("helper");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_program_that_hangs_babbles_or_leaves_one_behind_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        for (script, words) in [
            ("exec sleep 60", "took longer"),
            ("while :; do echo babble; done", "more than 1000 bytes"),
            ("sleep 3 & exit 0", "left a program behind"),
        ] {
            let command = Command::new(stand_in(folder.path(), script));
            let error = run(command, "helper", b"", Duration::from_millis(500), 1000).unwrap_err();
            assert!(error.to_string().contains(words), "{script}: {error}");
        }
        let mut command = Command::new(stand_in(folder.path(), "echo a; echo b >&2; exit 3"));
        command.stderr(Stdio::piped());
        let ran = run(command, "helper", b"", Duration::from_secs(10), 1000).unwrap();
        assert_eq!((ran.status, &ran.out[..], &ran.err[..]), (Some(3), &b"a\n"[..], &b"b\n"[..]));
    }

    #[test]
    fn a_program_is_given_its_input_whether_it_reads_it_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let input = vec![b'x'; 1 << 20];
        for (script, out) in [("wc -c", "1048576"), ("echo done", "done")] {
            let command = Command::new(stand_in(folder.path(), script));
            let ran = run(command, "helper", &input, Duration::from_secs(10), 1000).unwrap();
            assert_eq!(String::from_utf8(ran.out).unwrap().trim(), out);
        }
    }

    #[test]
    fn only_absolute_folders_of_the_path_are_searched() {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path(), "");
        let path = |folders: &[&Path]| Some(std::env::join_paths(folders).unwrap());
        let find = |path| find("helper", path);
        assert_eq!(find(path(&[Path::new("."), Path::new(""), folder.path()])), Some(program.clone()));
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!((find(path(&[folder.path()])), find(None)), (None, None));
    }
}
