//! The squashed view and what was kept, to an inventory. In: the tree and what the sieve kept of each layer. Out: packages
//! with layer and owner, the distribution, executables, facts, wasted bytes. What it does not do: read layers; it says
//! which files must be read again.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_model::{
    Algorithm, Digest, Distro, Ecosystem, Executable, ExecutableKind, Family, FileFact, FileFactKind, Inventory,
    Location, Package, Problem, ProblemKind, SeenFile, WastedFile,
};

use crate::distro::{self, Files};
use crate::facts;
use crate::os::{self, DATABASES, Database, DatabaseOutput};
use crate::ownership::{self, Places};
use crate::reader::{Candidate, Companions, HEAD, ReadOutput, Scope};
use crate::sieve::{Kept, Sieve};
use crate::tree::{FileId, FileRecord, Found, Tree, Visited};

/// Files of one kind without a reader that are told one by one; Conda and .NET have thousands in one image.
const MAX_SEEN: usize = 20;

/// A file to be read again, as if it stood at `path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub layer: u32,
    pub entry: u32,
    pub path: String,
    /// A path under which the tree has it.
    pub own_path: String,
}

/// What reading a file again gave.
#[derive(Debug)]
pub struct Extra {
    pub layer: u32,
    pub entry: u32,
    pub path: String,
    pub kept: Kept,
}

/// See the module.
pub struct Assembly<'a> {
    sieve: &'a Sieve<'a>,
    tree: Tree,
    kept: Vec<Vec<Kept>>,
    layered: bool,
    /// By layer, entry and path: what second looks gave, and that they were taken.
    extras: HashMap<(u32, u32, String), Kept>,
}

/// The place of a database file in the squashed view.
struct DatabaseFile {
    database: &'static Database,
    /// The path by which it is known, and the one without links.
    known: String,
    path: String,
    file: FileId,
}

impl<'a> Assembly<'a> {
    /// `kept` by layer; a folder has one.
    pub fn new(sieve: &'a Sieve<'a>, tree: Tree, kept: Vec<Vec<Kept>>, layered: bool) -> Assembly<'a> {
        Assembly { sieve, tree, kept, layered, extras: HashMap::new() }
    }

    /// Files that must be read (again) before the inventory is whole: databases and release files that stand behind links
    /// under names nobody wanted, large programs with a marker, second names that readers want.
    pub fn requests(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut ask = |file: FileId, path: &str, own_path: &str| {
            let record = &self.tree.files[file as usize];
            if !self.extras.contains_key(&(record.layer, record.entry, path.to_owned())) {
                let (path, own_path) = (path.to_owned(), own_path.to_owned());
                requests.push(Request { layer: record.layer, entry: record.entry, path, own_path });
            }
        };
        if self.sieve.system {
            for found in self.database_files() {
                if self.kept(&self.tree.files[found.file as usize]).is_none_or(|kept| kept.database.is_none()) {
                    ask(found.file, &found.known, &found.path);
                }
            }
            for path in self.evidence() {
                if let Some((own, Found::File(file))) = self.tree.resolve(&path)
                    && self.kept(&self.tree.files[file as usize]).is_none_or(|kept| kept.bytes.is_none())
                {
                    ask(file, &path, &own);
                }
            }
        }
        self.tree.visit(|path, what| {
            let Visited::File(file, record) = what else { return };
            let kept = self.kept(record);
            if kept.is_some_and(|kept| kept.fetch_again) {
                ask(file, path, path);
            } else if record.links > 1 {
                let candidate = Candidate { path, size: record.size, mode: record.mode, head: &[] };
                let has = |reader: &usize| {
                    kept.is_some_and(|kept| kept.bytes.is_some() || kept.reads.iter().any(|(i, _)| i == reader))
                };
                if self.sieve.readers_for(candidate).iter().any(|reader| !has(reader)) {
                    ask(file, path, path);
                }
            }
        });
        requests
    }

    /// Takes what second looks gave; what was asked for and gave nothing is not asked for again.
    pub fn fetched(&mut self, asked: Vec<Request>, found: Vec<Extra>) {
        for request in asked {
            self.extras.entry((request.layer, request.entry, request.path)).or_default();
        }
        for mut extra in found {
            extra.kept.fetch_again = false;
            self.extras.insert((extra.layer, extra.entry, extra.path), extra.kept);
        }
    }

    fn kept(&self, record: &FileRecord) -> Option<&Kept> {
        self.kept.get(record.layer as usize)?.get(record.kept? as usize)
    }

    fn extra(&self, record: &FileRecord, path: &str) -> Option<&Kept> {
        if self.extras.is_empty() {
            return None;
        }
        self.extras.get(&(record.layer, record.entry, path.to_owned()))
    }

    fn location(&self, path: &str, layer: u32) -> Location {
        Location { path: path.to_owned(), layer: self.layered.then_some(layer as usize), ..Location::default() }
    }

    /// Paths that bear on the distribution, folders listed.
    fn evidence(&self) -> Vec<String> {
        let mut paths: Vec<String> = distro::EVIDENCE.iter().map(|path| (*path).to_owned()).collect();
        for folder in distro::EVIDENCE_FOLDERS {
            let names = self.tree.names_in(folder).into_iter().map(|name| format!("{folder}/{name}"));
            paths.extend(names.filter(|path| distro::is_evidence(path)));
        }
        paths
    }

    /// Every database file of the squashed view, once, through links.
    fn database_files(&self) -> Vec<DatabaseFile> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut look = |database: &'static Database, known: String| {
            if let Some((path, Found::File(file))) = self.tree.resolve(&known)
                && seen.insert(file)
            {
                found.push(DatabaseFile { database, known, path, file });
            }
        };
        for database in DATABASES {
            for path in database.files {
                look(database, (*path).to_owned());
            }
            for folder in database.folders {
                for name in self.tree.names_in(folder).into_iter().filter(|name| !(database.skips)(name)) {
                    look(database, format!("{folder}/{name}"));
                }
            }
        }
        found
    }

    /// Fills the inventory.
    pub fn finish(mut self, inventory: &mut Inventory) {
        inventory.problems.append(&mut self.tree.problems);
        if self.sieve.system {
            let (distro, problems) = distro::detect(&View(&self));
            inventory.distro = distro;
            inventory.problems.extend(problems);
            self.os_packages(inventory);
        }
        self.late_packages(inventory);
        let links = self.files(inventory);
        self.hidden(inventory);
        if self.sieve.system {
            self.owners(&links, inventory);
            inventory.problems.extend(unexplained(inventory, self.sieve.options.executables));
        }
        if !self.sieve.options.package_files {
            for package in &mut inventory.packages {
                package.files = Vec::new();
            }
        }
        inventory.packages.sort_by(|a, b| {
            (a.ecosystem, &a.location.path, &a.name, &a.version, &a.arch).cmp(&(
                b.ecosystem,
                &b.location.path,
                &b.name,
                &b.version,
                &b.arch,
            ))
        });
    }

    /// Packages of the operating system, each with the first layer that had it.
    fn os_packages(&mut self, inventory: &mut Inventory) {
        let mut seen: HashSet<(Ecosystem, String, String, Option<String>)> = HashSet::new();
        let origins = self.origins();
        let mut databases = 0usize;
        for found in self.database_files() {
            let record = self.tree.files[found.file as usize];
            let own = self.kept(&record).is_some_and(|kept| kept.database.is_some());
            let Some(output) = (if own {
                record.kept.and_then(|at| self.kept[record.layer as usize][at as usize].database.take())
            } else {
                self.extras.get_mut(&(record.layer, record.entry, found.known.clone())).and_then(|k| k.database.take())
            }) else {
                // Not read: its problem (too large, unreadable) is reported with the files. It is there nevertheless.
                databases += 1;
                continue;
            };
            let DatabaseOutput { packages, not_installed, problems } = output;
            databases += 1;
            inventory.problems.extend(problems.into_iter().map(|problem| {
                if problem.location.is_some() { problem } else { problem.at(self.location(&found.path, record.layer)) }
            }));
            if found.database.id == os::dpkg::STATUS.id && !found.database.files.is_empty() {
                let known = packages.iter().map(|p| p.name.as_str()).chain(not_installed.iter().map(String::as_str));
                inventory.problems.extend(self.unlisted(&found.path, &known.collect()));
            }
            for mut package in packages {
                let key = (package.ecosystem, package.name.clone(), package.version.clone(), package.arch.clone());
                let layer = origins.get(&key).copied().unwrap_or(record.layer);
                package.location = self.location(&found.path, layer);
                if seen.insert(key) {
                    inventory.packages.push(package);
                }
            }
        }
        if let Some(problem) = gap(inventory.distro.as_ref(), databases, &inventory.packages) {
            inventory.problems.push(problem);
        }
    }

    /// The first layer whose database had a package.
    fn origins(&self) -> HashMap<(Ecosystem, String, String, Option<String>), u32> {
        let mut origins = HashMap::new();
        if self.kept.len() < 2 {
            return origins;
        }
        for (layer, kept) in self.kept.iter().enumerate() {
            for package in kept.iter().filter_map(|kept| kept.database.as_ref()).flat_map(|output| &output.packages) {
                let key = (package.ecosystem, package.name.clone(), package.version.clone(), package.arch.clone());
                origins.entry(key).or_insert(layer as u32);
            }
        }
        origins
    }

    /// Packages whose file lists are there and of whom the status file has no word: it was cut or edited.
    fn unlisted(&self, path: &str, known: &HashSet<&str>) -> Option<Problem> {
        let folder = os::dpkg::LIST_FOLDERS[0];
        let names = self.tree.names_in(folder);
        let lists = names.iter().filter(|name| name.ends_with(".list"));
        let missing: Vec<&str> =
            lists.map(|name| os::dpkg::package_of_list(name)).filter(|name| !known.contains(name)).collect();
        let first = missing.first()?;
        Some(
            Problem::undecided(
                ProblemKind::UnreadableMetadata,
                format!(
                    "trust the package database {path}: {} packages with file lists in {folder} are not in it, {first} is one",
                    missing.len()
                ),
            )
            .with_hint("the database was cut or edited after the packages were installed; do not shorten it by hand")
            .at(Location::path(path)),
        )
    }

    /// What readers with companions find, now that all files are known.
    fn late_packages(&self, inventory: &mut Inventory) {
        if self.sieve.readers.iter().all(|reader| reader.companion.is_none()) {
            return;
        }
        let mut kept: BTreeMap<String, (FileId, u32, &[u8])> = BTreeMap::new();
        self.tree.visit(|path, what| {
            let Visited::File(file, record) = what else { return };
            let own = self.kept(record).and_then(|kept| kept.bytes.as_deref());
            if let Some(bytes) = own.or_else(|| self.extra(record, path).and_then(|kept| kept.bytes.as_deref())) {
                kept.insert(path.to_owned(), (file, record.mode, bytes));
            }
        });
        let companions: Companions<'_> = kept
            .iter()
            .filter(|(path, _)| self.sieve.is_companion(path))
            .map(|(path, (_, _, bytes))| (path.as_str(), *bytes))
            .collect();
        let mut seen = HashSet::new();
        for (path, (file, mode, bytes)) in &kept {
            let head = &bytes[..bytes.len().min(HEAD)];
            let candidate = Candidate { path, size: bytes.len() as u64, mode: *mode, head };
            for reader in self.sieve.late_readers(candidate) {
                if seen.insert((*file, reader)) {
                    let output = self.sieve.read_late(reader, path, bytes, &companions);
                    let record = &self.tree.files[*file as usize];
                    self.take(output, path, record, inventory);
                }
            }
        }
    }

    fn take(&self, output: ReadOutput, path: &str, record: &FileRecord, inventory: &mut Inventory) {
        let location = self.location(path, record.layer);
        for mut package in output.packages {
            if package.location.path.is_empty() {
                package.location.path.clone_from(&location.path);
            }
            package.location.layer = location.layer;
            inventory.packages.push(package);
        }
        inventory.problems.extend(output.problems.into_iter().map(|problem| placed(problem, &location)));
    }

    /// All that is known file by file. Gives the folder links that file lists may go through.
    fn files(&mut self, inventory: &mut Inventory) -> Vec<(String, String)> {
        let mut links = Vec::new();
        let mut kept = std::mem::take(&mut self.kept);
        let mut extras = std::mem::take(&mut self.extras);
        let mut read = HashSet::new();
        let options = self.sieve.options;
        let listed = options.limits.listed;
        let mut too_many = false;
        let mut unread: BTreeMap<&str, usize> = BTreeMap::new();
        let here = if self.sieve.system { Scope::Image } else { Scope::Project };
        self.tree.visit(|path, what| {
            let (file, record) = match what {
                Visited::File(file, record) => (file, record),
                Visited::Link(_) => {
                    if ownership::follows(path, links.len())
                        && let Some((target, Found::Folder)) = self.tree.resolve(path)
                        && !target.is_empty()
                    {
                        links.push((path.to_owned(), target));
                    }
                    return;
                }
            };
            let location = self.location(path, record.layer);
            // One file, one package: under its second name it is not read again, unless that name alone was wanted.
            let first_name = record.links == 1 || read.insert(file);
            let own = record.kept.and_then(|at| kept.get_mut(record.layer as usize)?.get_mut(at as usize));
            if let Some(kept) = own {
                if let Some((kind, sha256)) = kept.executable
                    && let Some(sha256) = Digest::from_bytes(Algorithm::Sha256, &sha256)
                {
                    if inventory.executables.len() < listed {
                        let (mode, size) = (record.mode, record.size);
                        inventory.executables.push(Executable { location: location.clone(), kind, mode, size, sha256 });
                    } else {
                        too_many = true;
                    }
                }
                if first_name {
                    self.take_kept(kept, path, record, inventory);
                }
            }
            if !extras.is_empty()
                && let Some(mut kept) = extras.remove(&(record.layer, record.entry, path.to_owned()))
            {
                self.take_kept(&mut kept, path, record, inventory);
            }
            if let Some(kind) = options
                .seen_kinds
                .iter()
                .find(|kind| (kind.scope == here || kind.scope == Scope::Both) && (kind.is)(path))
            {
                let count = unread.entry(kind.what).or_insert(0usize);
                *count += 1;
                if *count <= MAX_SEEN {
                    inventory.problems.push(not_read(&format!("{path}: it is a {}", kind.what)).at(location.clone()));
                }
                inventory.seen_not_read.push(SeenFile { location: location.clone(), what: kind.what.to_owned() });
            }
            if self.sieve.system {
                let named = options.named.is_some_and(|named| named(path)).then_some(FileFactKind::Named);
                for kind in facts::of(path, record.mode, record.size).into_iter().chain(named) {
                    if inventory.files.len() < listed {
                        let (mode, size) = (record.mode, record.size);
                        inventory.files.push(FileFact { kind, location: location.clone(), mode, size });
                    } else {
                        too_many = true;
                    }
                }
            }
        });
        // Second looks at databases and release files go by their known paths, which the visit did not meet.
        let mut rest: Vec<_> = extras.drain().collect();
        rest.sort_by(|(a, _), (b, _)| a.cmp(b));
        for ((layer, _, path), kept) in rest {
            let location = self.location(&path, layer);
            inventory.problems.extend(kept.problems.into_iter().map(|problem| placed(problem, &location)));
        }
        for (what, count) in unread.into_iter().filter(|(_, count)| *count > MAX_SEEN) {
            inventory.problems.push(not_read(&format!("{} more files, each a {what}", count - MAX_SEEN)));
        }
        if too_many {
            inventory.problems.push(Problem::undecided(
                ProblemKind::LimitReached,
                format!("list all executables and remarkable files: there are more than {listed}"),
            ));
        }
        self.kept = kept;
        links
    }

    fn take_kept(&self, kept: &mut Kept, path: &str, record: &FileRecord, inventory: &mut Inventory) {
        let location = self.location(path, record.layer);
        for (_, output) in kept.reads.drain(..) {
            self.take(output, path, record, inventory);
        }
        let problems = kept.problems.drain(..).map(|problem| placed(problem, &location));
        inventory.problems.extend(problems);
        for mut finding in std::mem::take(&mut kept.findings) {
            for place in &mut finding.locations {
                place.path.clone_from(&location.path);
                place.layer = location.layer;
            }
            if finding.locations.is_empty() {
                finding.locations.push(location.clone());
            }
            inventory.content_findings.push(finding);
        }
    }

    /// Files that a later layer hid: wasted bytes, and what inspectors found in them, for they are shipped all the same.
    fn hidden(&mut self, inventory: &mut Inventory) {
        let hidden = std::mem::take(&mut self.tree.hidden);
        let listed = self.sieve.options.limits.listed;
        for gone in hidden {
            let record = self.tree.files[gone.file as usize];
            let location = self.location(&gone.path, record.layer);
            let own = record.kept.and_then(|at| self.kept.get_mut(record.layer as usize)?.get_mut(at as usize));
            for mut finding in own.map(|kept| std::mem::take(&mut kept.findings)).unwrap_or_default() {
                let how = if gone.removed { "deleted" } else { "replaced" };
                let (layer, by) = (record.layer, gone.by_layer);
                finding.message =
                    format!("{} (layer {by} has {how} the file, but layer {layer} still ships it)", finding.message);
                if finding.locations.is_empty() {
                    finding.locations.push(location.clone());
                }
                for place in &mut finding.locations {
                    place.path.clone_from(&location.path);
                    place.layer = location.layer;
                }
                inventory.content_findings.push(finding);
            }
            if record.size > 0 && inventory.wasted.len() < listed {
                let (size, hidden_by_layer) = (record.size, gone.by_layer as usize);
                inventory.wasted.push(WastedFile { location, size, hidden_by_layer, removed: gone.removed });
            }
        }
        inventory.wasted.sort_by(|a, b| (&a.location, a.hidden_by_layer).cmp(&(&b.location, b.hidden_by_layer)));
    }

    /// Names the owners of language packages, and fills the file lists of dpkg's packages where they are asked for.
    fn owners(&self, links: &[(String, String)], inventory: &mut Inventory) {
        let places = Places::new(&inventory.packages, links);
        let wants_files = self.sieve.options.package_files;
        if places.is_empty() && !wants_files {
            return;
        }
        let mut owners: Vec<(usize, String)> = Vec::new();
        for package in inventory.packages.iter().filter(|package| package.ecosystem.is_os()) {
            for path in &package.files {
                owners.extend(places.at(path).iter().map(|at| (*at, package.name.clone())));
            }
        }
        let mut files: HashMap<String, Vec<String>> = HashMap::new();
        for folder in os::dpkg::LIST_FOLDERS {
            for name in self.tree.names_in(folder) {
                let path = format!("{folder}/{name}");
                if !os::dpkg::is_list(&path) {
                    continue;
                }
                let Some((_, Found::File(file))) = self.tree.resolve(&path) else { continue };
                let kept = self.kept(&self.tree.files[file as usize]);
                let Some(bytes) = kept.and_then(|kept| kept.bytes.as_deref()) else { continue };
                let stem = os::dpkg::package_of_list(&name);
                // Distroless names its files as it likes; the control file beside it knows the package.
                let control = format!("{folder}/{stem}");
                let beside = inventory.packages.iter().find(|package| package.location.path == control);
                let owner = beside.map_or(stem, |package| &package.name);
                for listed in os::dpkg::listed_files(name.ends_with(".md5sums"), bytes) {
                    owners.extend(places.at(listed).iter().map(|at| (*at, owner.to_owned())));
                    if wants_files {
                        files.entry(owner.to_owned()).or_default().push(listed.to_owned());
                    }
                }
            }
        }
        for (at, owner) in owners {
            inventory.packages[at].owned_by.get_or_insert(owner);
        }
        for package in inventory.packages.iter_mut().filter(|package| package.ecosystem == Ecosystem::Dpkg) {
            package.files = files.get(&package.name).cloned().unwrap_or_default();
        }
    }
}

fn not_read(what: &str) -> Problem {
    Problem::undecided(ProblemKind::SeenNotRead, format!("read {what}, for which there is no reader yet"))
        .with_hint("its packages were not seen; exempt it in the policy if that is fine")
}

fn placed(problem: Problem, location: &Location) -> Problem {
    let mut problem = problem;
    let place = problem.location.get_or_insert_with(|| location.clone());
    if place.path.is_empty() {
        place.path.clone_from(&location.path);
    }
    place.layer = location.layer;
    problem
}

/// A distribution without packages, or packages without a distribution.
fn gap(distro: Option<&Distro>, databases: usize, packages: &[Package]) -> Option<Problem> {
    match distro {
        None if packages.iter().any(|package| package.ecosystem.is_os()) => Some(
            Problem::undecided(
                ProblemKind::UnknownDistro,
                "tell the distribution: its packages are there, but no etc/os-release or the like says which it is",
            )
            .with_hint("keep etc/os-release in the image: without it no advisories can be chosen"),
        ),
        Some(distro) if databases == 0 && has_database(&distro.family) => Some(
            Problem::undecided(
                ProblemKind::UnreadableMetadata,
                format!("list the packages of {distro}: the image has no package database"),
            )
            .with_hint("do not delete the package database in the build: without it nothing tells what is installed"),
        ),
        _ => None,
    }
}

/// Programs that no package accounts for, in an image without any package: nothing is known of what they are made of. An
/// image whose package database and release file were deleted looks the same, and must not pass for an empty one. Where
/// programs are not recorded, any file may be one.
fn unexplained(inventory: &Inventory, recorded: bool) -> Option<Problem> {
    let programs = inventory.executables.iter().filter(|program| program.kind == ExecutableKind::Elf).count();
    let some = if recorded { programs > 0 } else { inventory.total_file_bytes > 0 };
    if !some || !inventory.packages.is_empty() || !inventory.seen_not_read.is_empty() {
        return None;
    }
    let first = inventory.executables.iter().find(|program| program.kind == ExecutableKind::Elf);
    let what = match (programs, first) {
        (1, Some(one)) => format!("the program {}", one.location.path),
        (many, Some(one)) => format!("{many} programs, {} the first", one.location.path),
        _ => "the files".to_owned(),
    };
    let problem = Problem::undecided(
        ProblemKind::NoData,
        format!("tell the parts of {what}: the image has no package that could be read"),
    );
    let location = first.map(|one| one.location.clone()).unwrap_or_default();
    Some(problem.at(location).with_hint(
        "keep what names its packages (Go's build information, cargo auditable, the package database), or let an entry for \
         this image say what \"could not tell\" means",
    ))
}

/// Families whose images have one of the databases that we read; others are no surprise without.
fn has_database(family: &Family) -> bool {
    !matches!(family, Family::Other(_) | Family::Arch | Family::Bottlerocket)
}

/// The squashed view for the distribution's files.
struct View<'v, 'a>(&'v Assembly<'a>);

impl Files for View<'_, '_> {
    fn file(&self, path: &str) -> Option<&[u8]> {
        let Some((_, Found::File(file))) = self.0.tree.resolve(path) else { return None };
        let record = &self.0.tree.files[file as usize];
        let own = self.0.kept(record).and_then(|kept| kept.bytes.as_deref());
        own.or_else(|| self.0.extra(record, path)?.bytes.as_deref())
    }

    fn names(&self, folder: &str) -> Vec<String> {
        self.0.tree.names_in(folder)
    }
}
