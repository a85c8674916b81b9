//! Jsonnet and CUE, which are programs. In: the text of one. Out: what the language's own tool makes of it: `jsonnet` or `cue`
//! must be on the search path. What it does not do: evaluate by itself; an interpreter of either language would be larger than
//! all of this crate.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_rego::value::Value;

/// Bytes that the tool may say.
const MAX_SAID: u64 = 64 << 20;
/// How long it may take: both languages can run for ever.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn evaluated(language: &str, content: &[u8], path: Option<&str>) -> Result<Value, String> {
    let folder = path.map(Path::new).and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let mut command = Command::new(language);
    match language {
        "jsonnet" => {
            if let Some(folder) = folder {
                command.arg("-J").arg(folder);
            }
            command.arg("-");
        }
        _ => {
            command.args(["export", "--out", "json", "cue:", "-"]);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        format!("evaluate {language}: the program {language} could not be started ({error}): {language} files are read by it")
    })?;
    let (Some(mut to), Some(from), Some(complaints)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(format!("evaluate {language}: its pipes are gone"));
    };
    std::thread::scope(|scope| {
        // A tool that stops reading says why on its own.
        scope.spawn(move || drop(to.write_all(content)));
        let said = scope.spawn(move || {
            let mut said = Vec::new();
            let read = from.take(MAX_SAID + 1).read_to_end(&mut said);
            read.map(|_| said)
        });
        let complaint = scope.spawn(move || {
            let mut said = String::new();
            // Words that are no UTF-8 are lost; the status is not.
            drop(complaints.take(64 << 10).read_to_string(&mut said));
            said
        });
        let began = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) if began.elapsed() > PATIENCE => {
                    // It may have ended by itself in between.
                    drop(child.kill());
                    drop(child.wait());
                    break Err(format!("evaluate {language}: it took longer than {} s", PATIENCE.as_secs()));
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(error) => break Err(format!("evaluate {language}: {error}")),
            }
        }?;
        let gone = || format!("evaluate {language}: its output was lost");
        let said = said.join().map_err(|_| gone())?.map_err(|_| gone())?;
        let complaint = complaint.join().unwrap_or_default();
        if !status.success() {
            return Err(format!("evaluate {language}: {}", complaint.trim()));
        }
        if said.len() as u64 > MAX_SAID {
            return Err(format!("evaluate {language}: it gives more than {} MiB", MAX_SAID >> 20));
        }
        Value::from_json(&said).map_err(|error| format!("evaluate {language}: {error}"))
    })
}
