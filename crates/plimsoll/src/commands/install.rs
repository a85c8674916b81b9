//! `install`: files into a folder, or the faults of files that exist. What is in them is `plimsoll-install`'s.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use plimsoll_install::certificates::Leaf;
use plimsoll_install::{Existing, File, Given, Look, Options, Present, Right, Road};

use crate::cli::{Global, InstallArgs, RoadChoice};
use crate::exit::Exit;
use crate::policies::surroundings::Needs;
use crate::policies::{Policies, desk};

/// Certificates and keys are small; whatever is larger was put there by mistake.
const MAX_PEM: u64 = 1024 * 1024;

pub fn run(global: &Global, args: &InstallArgs) -> anyhow::Result<Exit> {
    let now = args.at.unwrap_or_else(Timestamp::now);
    if !args.check.is_empty() {
        return check(global, &args.check, now);
    }
    if let Some(folder) = &args.rotate {
        return rotate(global, args, folder, now);
    }
    let options = options(args)?;
    if args.remove {
        super::write_out(None, plimsoll_install::remove_script(&options).as_bytes())?;
        return Ok(Exit::Allowed);
    }
    write(global, args, &options, now)
}

/// How deep folders are looked into, and how many files: a control plane's configuration has fewer than a hundred.
const MAX_DEPTH: usize = 12;
const MAX_FILES: usize = 10_000;
/// Bytes of all files together: a dump of a large cluster's webhooks has some megabytes.
const MAX_TOTAL: usize = 256 << 20;

/// The faults of files that exist. Errors: 1. No error, and something that could not be read: 2, for it may hide one.
fn check(global: &Global, paths: &[PathBuf], now: Timestamp) -> anyhow::Result<Exit> {
    let (mut given, mut unread) = (Vec::new(), Vec::new());
    for path in paths {
        gather(path, true, 0, &mut given, &mut unread);
    }
    let look = |path: &str| match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Look::Missing,
        Ok(about) if about.is_dir() => Look::Folder,
        _ => match read(Path::new(path), false) {
            Ok(given) => Look::Found(given),
            Err(why) => Look::Unreadable(why),
        },
    };
    let checked = plimsoll_install::check(&given, &look, now);
    let mut out = String::new();
    for fault in &checked.faults {
        // Excerpts of foreign files: nothing in them may move the cursor or turn the line around.
        for line in fault.to_string().lines() {
            out.push_str(&plimsoll_report::safe(line));
            out.push('\n');
        }
        out.push('\n');
    }
    let (errors, warnings, files) = (checked.errors(), checked.warnings(), checked.known.len());
    if errors + warnings > 0 || !global.quiet {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        out.push_str(&format!(
            "{}, {} in {}\n",
            count(errors, "error"),
            count(warnings, "warning"),
            count(files, "file")
        ));
    }
    super::write_out(None, out.as_bytes())?;
    unread.extend(checked.unread.into_iter().map(|unread| (unread.file, unread.why)));
    for (file, why) in &unread {
        eprintln!("plimsoll: could not tell about {}: {}", plimsoll_report::safe(file), plimsoll_report::safe(why));
    }
    if files == 0 && unread.is_empty() {
        eprintln!("plimsoll: could not find anything to check: no kubeconfig, manifest, flags or certificate there");
    }
    Ok(match (errors, unread.is_empty() && files > 0) {
        (0, true) => Exit::Allowed,
        (0, false) => Exit::Undecided,
        _ => Exit::Denied,
    })
}

fn read(path: &Path, named: bool) -> Result<Given, String> {
    // Opening a pipe waits for its writer, and opening some devices does something.
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    // One more byte than is taken, so that the check says "too large".
    file.take(plimsoll_install::check::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(Given { name: path.to_string_lossy().into_owned(), bytes, mode: Some(about.permissions().mode()), named })
}

fn gather(path: &Path, named: bool, depth: usize, given: &mut Vec<Given>, unread: &mut Vec<(String, String)>) {
    let words = path.to_string_lossy().into_owned();
    // Kubernetes mounts files as links; a link to a folder is followed only where it was asked for by name.
    let about = if named { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let folder = match about {
        Ok(about) => about.is_dir(),
        Err(error) => return unread.push((words, error.to_string())),
    };
    if !folder {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if named || plimsoll_install::readable_name(&name) && path.is_file() {
            match read(path, named) {
                Ok(file) => given.push(file),
                Err(why) => unread.push((words, why)),
            }
        }
        return;
    }
    if depth > MAX_DEPTH {
        return unread.push((words, format!("folders are nested deeper than {MAX_DEPTH}")));
    }
    let mut below: Vec<PathBuf> = match fs::read_dir(path).and_then(|entries| entries.map(|e| Ok(e?.path())).collect())
    {
        Ok(below) => below,
        Err(error) => return unread.push((words, error.to_string())),
    };
    below.sort();
    for path in below {
        if given.len() >= MAX_FILES {
            return unread.push((words, format!("there are more than {MAX_FILES} files")));
        }
        if given.iter().map(|file| file.bytes.len()).sum::<usize>() > MAX_TOTAL {
            return unread.push((words, format!("there are more than {} MiB", MAX_TOTAL >> 20)));
        }
        if !path.ends_with(".git") {
            gather(&path, false, depth + 1, given, unread);
        }
    }
}

/// New certificates in every file of a folder that carries them.
fn rotate(global: &Global, args: &InstallArgs, folder: &Path, now: Timestamp) -> anyhow::Result<Exit> {
    let (mut present, mut unread) = (Vec::new(), Vec::new());
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("read {}", next.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("read {}", next.display()))?.path();
            let about = fs::symlink_metadata(&path).with_context(|| format!("read {}", path.display()))?;
            if about.is_dir() && !path.ends_with(".git") {
                open.push(path);
            } else if about.is_file() {
                match read(&path, false) {
                    // It was read in part, and would be written in part.
                    Ok(file) if file.bytes.len() > plimsoll_install::check::MAX_BYTES => {
                        unread.push((path, format!("it is larger than {} bytes", plimsoll_install::check::MAX_BYTES)));
                    }
                    Ok(file) => present.push((relative(folder, &path)?, file.bytes)),
                    Err(why) => unread.push((path, why)),
                }
            }
            if present.len() + open.len() > MAX_FILES {
                bail!("renew the certificates in {}: there are more than {MAX_FILES} files", folder.display());
            }
        }
    }
    // A copy of a certificate that is not renewed is a connection that fails later.
    if let Some((path, why)) = unread.first() {
        bail!("read {}: {why}", path.display());
    }
    let files: Vec<Present<'_>> = present.iter().map(|(path, bytes)| Present { path, bytes }).collect();
    let rotated = plimsoll_install::rotate(&files, now, args.authority_days, args.days)?;
    // Keys of authorities first: whatever stops us, none is lost.
    let (first, rest): (Vec<&File>, Vec<&File>) =
        rotated.files.iter().partition(|file| file.path.starts_with("pki/ca"));
    // All of them beside their places before one of them is in its place: a full disk leaves the old set whole.
    let mut staged = Vec::new();
    for file in first.into_iter().chain(rest) {
        let path = folder.join(&file.path);
        staged.push((stage(&path, file, true)?, path));
    }
    for (file, path) in staged {
        file.persist(&path).with_context(|| format!("write {}", path.display()))?;
    }
    for path in &rotated.gone {
        let path = folder.join(path);
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    for file in &rotated.files {
        println!("wrote  {}", folder.join(&file.path).display());
    }
    for line in &rotated.said {
        println!("note   {line}");
    }
    if !global.quiet {
        println!(
            "\nnext   apply the manifests, copy the folders to the nodes as before; the server takes them over while it runs"
        );
    }
    Ok(Exit::Allowed)
}

fn relative(folder: &Path, path: &Path) -> anyhow::Result<String> {
    let below = path.strip_prefix(folder).with_context(|| format!("find {} below the folder", path.display()))?;
    below.to_str().map(str::to_owned).with_context(|| format!("read {}: the name is not UTF-8", path.display()))
}

/// What the policies that a LoadLine names want of the cluster: rights to list and watch, and whether they speak of deletions.
fn wants(args: &InstallArgs) -> anyhow::Result<(Vec<Right>, bool)> {
    let Some(path) = &args.policy else { return Ok((rights(&Needs::new())?, args.deletions)) };
    let policy = crate::session::read_policy(path)?;
    match Policies::open(&policy) {
        Ok(policies) => Ok((rights(&policies.needs())?, args.deletions || policies.speak_of_deletions())),
        Err(error) if args.follow_cluster => Err(error)
            .context("tell what the policies look at in the cluster: their files must be where the LoadLine says"),
        Err(error) => {
            // They may be where the server runs, and nowhere else.
            let why = crate::message::chain(&error);
            eprintln!("remark: the policies that {} names cannot be used here: {why}", path.display());
            eprintln!("remark: whether they speak of deletions is not known (--deletions asks about them)");
            Ok((Vec::new(), args.deletions))
        }
    }
}

/// Of namespaces at least: whatever the policies become, they are what is looked at first.
fn rights(needs: &Needs) -> anyhow::Result<Vec<Right>> {
    let mut rights = vec![Right::new("", "namespaces")?];
    for wanted in needs.keys() {
        let group = wanted.api_version.split_once('/').map_or("", |(group, _)| group);
        rights.push(Right::new(group, &desk::resource(&wanted.kind))?);
    }
    rights.sort();
    rights.dedup();
    Ok(rights)
}

fn options(args: &InstallArgs) -> anyhow::Result<Options> {
    let (follow, deletions) = wants(args)?;
    let policy = args.policy.as_deref().map(|path| -> anyhow::Result<String> {
        // A policy with a fault would be a server that does not start, and a cluster that waits for it.
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let policy = crate::session::read_policy(path)?;
        // One file goes into the cluster: what it includes is joined. Its own words stay where there is nothing to join.
        let joins = text.lines().any(|line| line.starts_with("include:"));
        Ok(if joins { plimsoll_policy::effective(&policy) } else { text })
    });
    Ok(Options {
        road: match args.road {
            RoadChoice::ImagePolicy => Road::ImagePolicy,
            RoadChoice::Webhook => Road::Webhook,
            RoadChoice::Static => Road::Static,
            RoadChoice::All => Road::All,
        },
        namespace: args.namespace.clone(),
        name: args.name.clone(),
        image: args.image.clone(),
        config_dir: args.config_dir.clone(),
        port: args.port,
        sans: args.san.clone(),
        kube_system: args.kube_system,
        pull_secrets: args.pull_secrets,
        prewarm: args.prewarm,
        follow_cluster: args.follow_cluster,
        follow,
        deletions,
        database: args.database.clone(),
        policy: policy.transpose()?,
        authority_days: args.authority_days,
        leaf_days: args.days,
    })
}

fn write(global: &Global, args: &InstallArgs, options: &Options, now: Timestamp) -> anyhow::Result<Exit> {
    let existing = existing(&args.out)?;
    let files = plimsoll_install::plan(options, &existing, args.force, now)?;
    let (mut wrote, mut kept) = (0, Vec::new());
    for file in &files {
        let path = args.out.join(&file.path);
        match fs::read(&path) {
            Ok(bytes) if bytes == file.bytes => restrict(&path, file)?,
            Ok(_) if !args.force => kept.push(path),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("read {}", path.display()));
            }
            _ => {
                put(&path, file)?;
                wrote += 1;
            }
        }
    }
    for path in &kept {
        println!("kept   {} (it is another than install would write; --force writes it again)", path.display());
    }
    println!("wrote  {wrote} files into {}; {} were there", args.out.display(), files.len() - wrote);
    if !global.quiet {
        println!(
            "\nnext   {}\n       plimsoll install --check {}",
            args.out.join("README.md").display(),
            args.out.display()
        );
    }
    Ok(Exit::Allowed)
}

fn pem(path: &Path) -> anyhow::Result<Option<String>> {
    let words = || format!("read {}", path.display());
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(words),
        Ok(about) if !about.is_file() || about.len() > MAX_PEM => bail!("{}: it is no PEM file", words()),
        Ok(_) => {}
    }
    fs::read_to_string(path).with_context(words).map(Some)
}

/// The certificates of an earlier run.
fn existing(out: &Path) -> anyhow::Result<Existing> {
    let pki = out.join("pki");
    let leaf = |name: &str| -> anyhow::Result<Option<Leaf>> {
        let certificate = pem(&pki.join(format!("{name}.crt")))?;
        let key = pem(&pki.join(format!("{name}.key")))?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Leaf { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => bail!("keep pki/{name}.crt: its key {name}.key is not beside it"),
            (None, Some(_)) => bail!("keep pki/{name}.key: its certificate {name}.crt is not beside it"),
        }
    };
    Ok(Existing {
        authority: pem(&pki.join("ca.crt"))?,
        authority_key: pem(&pki.join("ca.key"))?,
        server: leaf("server")?,
        client: leaf("client")?,
    })
}

fn mode(file: &File) -> u32 {
    match (file.private, file.program) {
        (true, _) => 0o600,
        (_, true) => 0o755,
        _ => 0o644,
    }
}

/// A key that everybody may read is mended even where its bytes stay.
fn restrict(path: &Path, file: &File) -> anyhow::Result<()> {
    if file.private {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("make {} private", path.display()))?;
    }
    Ok(())
}

/// Whole or not at all, and never readable by others for a moment.
fn put(path: &Path, file: &File) -> anyhow::Result<()> {
    stage(path, file, false)?.persist(path).with_context(|| format!("write {}", path.display()))?;
    Ok(())
}

/// The file beside its place. With `keep`, a file that is there passes on its permissions: they are somebody's choice, and
/// only a key narrows them.
fn stage(path: &Path, file: &File, keep: bool) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mode = match fs::symlink_metadata(path) {
        Ok(about) if keep && about.is_file() => {
            let old = about.permissions().mode() & 0o777;
            if file.private { old & 0o700 | 0o600 } else { old }
        }
        _ => mode(file),
    };
    let write = || -> std::io::Result<tempfile::NamedTempFile> {
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(&file.bytes)?;
        temporary.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        // Or a power cut leaves a file of the right name with nothing in it.
        temporary.as_file().sync_all()?;
        Ok(temporary)
    };
    write().with_context(|| format!("write {}", path.display()))
}
