//! The binary: wiring only. In: arguments. Out: an exit status.

mod assess;
mod cli;
mod commands;
mod compat;
mod dirs;
mod duration;
mod exit;
mod input;
mod lsp;
mod message;
mod native;
mod policies;
mod policy_test;
mod program;
mod progress;
mod reach;
mod rego;
mod rendered;
mod replay;
mod serve;
mod session;
mod shellcheck;
mod signatures;
mod workload;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // A symbolic link named after a tool speaks that tool's command line.
    let called = args.first().map(Path::new).and_then(Path::file_stem).and_then(|name| name.to_str());
    if let Some(personality) = called.and_then(compat::named) {
        return (personality.run)(&args[1..]).into();
    }
    if let Some(personality) = args.get(1).and_then(|name| name.to_str()).and_then(compat::named) {
        return (personality.run)(&args[2..]).into();
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            // Nothing can be done when standard error is closed.
            let _ = error.print();
            return if wrong { Exit::Usage } else { Exit::Allowed }.into();
        }
    };
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            message::fail(&error);
            Exit::Undecided.into()
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    match &cli.command {
        Command::Check(args) => commands::check::run(global, args),
        Command::Lint(args) => commands::lint::run(global, args),
        Command::Lsp(args) => commands::lint::serve(args),
        Command::Image(args) => commands::judge::image(global, args),
        Command::Fs(args) => commands::judge::fs(global, args),
        Command::Rootfs(args) => commands::judge::rootfs(global, args),
        Command::Sbom(args) => commands::sbom::run(global, args),
        Command::Serve(args) => serve::run(global, args),
        Command::Policy(command) => commands::policy::run(global, command),
        Command::Db(command) => commands::db::run(global, command),
        Command::Explain(args) => commands::explain::run(global, args),
        Command::Rules(args) => commands::rules::run(args),
        Command::Init(args) => commands::init::run(args),
        Command::Install(args) => commands::install::run(global, args),
        Command::Doctor => commands::doctor::run(global),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "plimsoll", &mut std::io::stdout());
            Ok(Exit::Allowed)
        }
        Command::Dive { args } => Ok(compat::dive::run(args)),
        Command::Dockle { args } => Ok(compat::dockle::run(args)),
        Command::Trivy { args } => Ok(compat::trivy::run_in(args, global.cache_dir.as_deref())),
        Command::Kubesec { args } => Ok(compat::kubesec::run(args)),
        Command::Notation { args } => Ok(compat::notation::run(args)),
        Command::Cosign { args } => Ok(compat::cosign::run(args)),
        Command::Gator { args } => Ok(compat::gator::run(args)),
        Command::Opa { args } => Ok(compat::opa::run(args)),
        Command::Hadolint { args } => Ok(compat::hadolint::run(args)),
        Command::Sigstore(command) => commands::sigstore::run(command),
        Command::Docs { dir } => commands::docs::run(dir),
    }
}
