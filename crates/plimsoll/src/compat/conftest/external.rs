//! Jsonnet and CUE, which are programs. In: the text of one. Out: what the language's own tool makes of it: `jsonnet` or `cue`
//! must be on the search path. What it does not do: evaluate by itself; an interpreter of either language would be larger than
//! all of this crate.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll_rego::value::Value;

use super::configs::LIMITS;
use crate::program;

/// How long a tool may take: both languages can run for ever.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn evaluated(language: &str, content: &[u8], path: Option<&str>) -> Result<Value, String> {
    let failed = |why: String| format!("evaluate {language}: {why}");
    let tool = program::find(language, std::env::var_os("PATH")).ok_or_else(|| {
        failed(format!("the program {language} is not on the search path: {language} files are read by it"))
    })?;
    let mut command = Command::new(tool);
    if language == "jsonnet" {
        let folder = path.map(Path::new).and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            command.arg("-J").arg(folder);
        }
        command.arg("-");
    } else {
        command.args(["export", "--out", "json", "cue:", "-"]);
    }
    command.stderr(Stdio::piped());
    let ran = program::run(command, language, content, PATIENCE, LIMITS.bytes as u64);
    let ran = ran.map_err(|error| failed(crate::message::chain(&error)))?;
    if ran.status != Some(0) {
        return Err(failed(String::from_utf8_lossy(&ran.err).trim().to_owned()));
    }
    Value::from_json_within(&ran.out, &LIMITS).map_err(|error| failed(error.to_string()))
}
