//! Flags, environment and a file of settings as one. In: what the command line said. Out: the same, with what only the
//! file says. A flag wins over the environment, and the environment over the file.

use std::ffi::OsString;

use anyhow::Context as _;
use clap::parser::ValueSource;
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command, ServeArgs};

/// A hand-written file has some hundred bytes.
const MAX_SETTINGS: u64 = 1 << 20;
/// What only makes sense on a command line.
const NOT_IN_A_FILE: [&str; 4] = ["config", "check", "help", "version"];

/// The settings with those of `--config` filled in.
pub fn complete(args: &ServeArgs) -> anyhow::Result<ServeArgs> {
    let Some(path) = &args.config else { return Ok(args.clone()) };
    let bytes = crate::assess::read_bounded(path, MAX_SETTINGS)?;
    let line: Vec<OsString> = std::env::args_os().collect();
    let more = from_file(&path.display().to_string(), &bytes, &line)?;
    let all = line.into_iter().chain(more.into_iter().map(OsString::from));
    // The words of the file's values are the command line's own.
    let cli = Cli::try_parse_from(all).map_err(|error| {
        let words = error.to_string();
        let first = words.lines().next().unwrap_or("").trim_start_matches("error: ").to_owned();
        anyhow::anyhow!("use the settings of {}: {first}", path.display())
    })?;
    match cli.command {
        Command::Serve(args) => Ok(*args),
        _ => anyhow::bail!("use the settings of {}: this is no `serve`", path.display()),
    }
}

/// The file's settings as flags, without those that the command line or the environment gives.
fn from_file(name: &str, bytes: &[u8], line: &[OsString]) -> anyhow::Result<Vec<String>> {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").context("find the command `serve`")?;
    let longs: Vec<&str> =
        serve.get_arguments().filter_map(|arg| arg.get_long()).filter(|long| !NOT_IN_A_FILE.contains(long)).collect();
    let settings = plimsoll_policy::settings(name, bytes, &longs)?;
    let matches = Cli::command().try_get_matches_from(line).context("read the command line again")?;
    let given = matches.subcommand_matches("serve").context("find the command `serve`")?;
    let mut flags = Vec::new();
    for setting in settings {
        let arg = serve.get_arguments().find(|arg| arg.get_long() == Some(setting.key.as_str()));
        let Some(arg) = arg else { continue };
        if matches!(
            given.value_source(arg.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        ) {
            continue;
        }
        if arg.get_action().takes_values() {
            flags.extend(setting.values.iter().map(|value| format!("--{}={value}", setting.key)));
            continue;
        }
        match setting.values.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["true"] => flags.push(format!("--{}", setting.key)),
            ["false"] => {}
            _ => anyhow::bail!(
                "use the settings of {name}: line {}: `{}` is `true` or `false`",
                setting.line,
                setting.key
            ),
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str, line: &[&str]) -> anyhow::Result<Vec<String>> {
        let line: Vec<OsString> = line.iter().map(OsString::from).collect();
        from_file("serve.yaml", text.as_bytes(), &line)
    }

    #[test]
    fn the_file_says_only_what_the_command_line_does_not() {
        let text = "cert: a.pem\nport: 8443\nmirror: [docker.io=x, ghcr.io=y]\ndebug: true\noffline: false\n";
        let line = ["plimsoll", "serve", "--config", "serve.yaml", "--port", "1324"];
        let expected = ["--cert=a.pem", "--mirror=docker.io=x", "--mirror=ghcr.io=y", "--debug"];
        assert_eq!(flags(text, &line).unwrap(), expected);
    }

    #[test]
    fn faults_of_the_file_are_told_with_their_place() {
        let line = ["plimsoll", "serve", "--config", "serve.yaml"];
        for (text, words) in [
            ("prot: 1\n", "did you mean `port`?"),
            ("debug: loud\n", "`debug` is `true` or `false`"),
            ("config: other.yaml\n", "unknown setting `config`"),
            ("check: true\n", "unknown setting `check`"),
        ] {
            let error = format!("{:#}", flags(text, &line).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
