//! What one run works with: the policy, the databases, the time. In: flags and environment. Out: a [`Session`] that every
//! command shares. What it does not do: assess or judge.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use jiff::Timestamp;
use plimsoll_advisories::AdvisorySource;
use plimsoll_checks::lint::names::Family;
use plimsoll_model::loadline::LoadLine;
use plimsoll_model::{DatabaseInfo, DatabaseKind, PolicyInfo, Problem, ProblemKind, RuleInfo, VexStatement};

use sha2::{Digest as _, Sha256};

use crate::dirs;
use crate::policies::Policies;
use crate::signatures::Authorities;

/// Which databases to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DataChoice {
    /// The machine's own, and the policy's.
    #[default]
    Machine,
    /// These, and the policy's.
    These(Vec<PathBuf>),
    /// These alone: a personality's own.
    Only(Vec<PathBuf>),
}

/// What a session is made of.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    pub policy: Option<PathBuf>,
    /// Where to look for a `loadline.yaml` when no policy is named.
    pub near: Vec<PathBuf>,
    pub namespace: Option<String>,
    pub at: Option<Timestamp>,
    pub vex: Vec<PathBuf>,
    pub databases: DataChoice,
    pub cache_dir: Option<PathBuf>,
    pub quiet: bool,
    pub no_executables: bool,
    pub no_secrets: bool,
    /// Files whose presence is asked for: a whole path without the leading slash, or a name, or `.` and the end of one.
    pub named_files: Vec<String>,
}

/// The run's surroundings, opened once. A copy shares what is large.
#[derive(Clone)]
pub struct Session {
    pub at: Timestamp,
    pub policy: Arc<LoadLine>,
    /// The policies that it names.
    pub policies: Arc<Policies>,
    /// Whose signatures it believes.
    pub authorities: Arc<Authorities>,
    pub namespace: Option<String>,
    pub vex: Arc<Vec<VexStatement>>,
    pub databases: Arc<Vec<Box<dyn AdvisorySource>>>,
    /// The files and folders of `databases`, without the list inside the program.
    pub database_paths: Vec<PathBuf>,
    pub database_infos: Vec<DatabaseInfo>,
    pub cache_dir: PathBuf,
    /// What could not be opened: it bears on every subject.
    pub problems: Vec<Problem>,
    pub quiet: bool,
    pub executables: bool,
    pub secrets: bool,
    pub named_files: Arc<Vec<String>>,
    /// Also the rules that are only looked for where the policy names them.
    pub every_rule: bool,
}

/// Every rule that the program has, for help, documentation and reports.
pub static RULES: LazyLock<Vec<RuleInfo>> =
    LazyLock::new(|| plimsoll_checks::image::RULES.iter().map(|rule| rule.info).collect());

/// The names that the policy's parser knows image rules by.
static FOOTPRINT_RULES: LazyLock<Vec<&str>> =
    LazyLock::new(|| plimsoll_checks::image::RULES.iter().map(|rule| rule.info.id).collect());

/// The names that it knows rules for manifests and Dockerfiles by.
static WORKLOAD_RULES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let of_files = |family| matches!(family, Family::Dockerfile | Family::Manifest | Family::PodSecurity);
    let rules = plimsoll_checks::lint::all_rules().into_iter().filter(|rule| of_files(rule.family));
    let mut ids: Vec<&str> = rules.map(|rule| rule.info.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
});

/// What the policy's parser must know of the rules.
pub fn known() -> plimsoll_policy::Known<'static> {
    plimsoll_policy::Known { footprint_rules: &FOOTPRINT_RULES, workload_rules: &WORKLOAD_RULES }
}

/// Reads a policy file with its includes.
pub fn read_policy(path: &Path) -> anyhow::Result<LoadLine> {
    let name = path.to_str().with_context(|| format!("read {}: the name is not UTF-8", path.display()))?;
    let load = |path: &str| std::fs::read(path);
    Ok(plimsoll_policy::read(name, &load, &known())?)
}

/// The policy in force: the named one, else `loadline.yaml` beside what is judged or above it, else the embedded default.
pub fn find_policy(named: Option<&Path>, near: &[PathBuf]) -> anyhow::Result<LoadLine> {
    if let Some(path) = named {
        return read_policy(path);
    }
    for place in near {
        let folder = if place.is_dir() { Some(place.as_path()) } else { place.parent() };
        let folder = folder.map(|f| if f.as_os_str().is_empty() { Path::new(".") } else { f });
        for name in ["loadline.yaml", "loadline.yml"] {
            if let Some(path) = folder.map(|f| f.join(name)).filter(|p| p.is_file()) {
                return read_policy(&path);
            }
        }
    }
    Ok(plimsoll_policy::default_policy())
}

impl Session {
    /// A session under the policy that the options find.
    pub fn open(options: &SessionOptions) -> anyhow::Result<Session> {
        let policy = find_policy(options.policy.as_deref(), &options.near)?;
        Session::under(policy, options)
    }

    /// A session for a personality, which filters and counts for itself.
    pub fn unjudged(options: &SessionOptions) -> anyhow::Result<Session> {
        Session::under(plimsoll_policy::default_policy(), options)
    }

    fn under(policy: LoadLine, options: &SessionOptions) -> anyhow::Result<Session> {
        let cache_dir = dirs::cache(options.cache_dir.as_deref());
        let mut session = Session {
            at: options.at.unwrap_or_else(now),
            namespace: options.namespace.clone(),
            vex: Arc::default(),
            databases: Arc::default(),
            database_paths: Vec::new(),
            database_infos: Vec::new(),
            problems: Vec::new(),
            quiet: options.quiet,
            executables: !options.no_executables,
            secrets: !options.no_secrets,
            named_files: Arc::new(options.named_files.clone()),
            every_rule: false,
            cache_dir,
            policies: Arc::new(Policies::open(&policy)?),
            authorities: Arc::new(Authorities::open(&policy)?),
            policy: Arc::new(policy),
        };
        session.digest_with_policies();
        session.open_databases(&options.databases)?;
        session.read_vex(&options.vex)?;
        Ok(session)
    }

    /// Other policies' files, keys and roots are other policies: the digest says so.
    fn digest_with_policies(&mut self) {
        for of_files in [&self.policies.digest, &self.authorities.digest].into_iter().flatten() {
            let policy = Arc::make_mut(&mut self.policy);
            let both = Sha256::digest(format!("{}\n{of_files}", policy.digest));
            policy.digest = format!("sha256:{both:x}");
        }
    }

    fn open_databases(&mut self, choice: &DataChoice) -> anyhow::Result<()> {
        let mut paths: Vec<PathBuf> = self.policy.data.advisories.iter().map(PathBuf::from).collect();
        match choice {
            DataChoice::These(named) => paths.extend(named.iter().cloned()),
            DataChoice::Only(named) => paths.clone_from(named),
            // A policy that names its data is complete in itself: the same answer on every machine.
            DataChoice::Machine if paths.is_empty() => {
                paths.extend(machine_databases(&self.cache_dir));
            }
            DataChoice::Machine => {}
        }
        let mut databases = Vec::with_capacity(paths.len() + 1);
        for path in &paths {
            let opened = plimsoll_advisories::database::open(path)
                .with_context(|| format!("use the database {}", path.display()))?;
            databases.push(opened);
        }
        if !matches!(choice, DataChoice::Only(_)) || paths.is_empty() {
            databases.push(plimsoll_advisories::baseline::baseline());
        }
        self.database_infos = databases.iter().map(|database| database.info()).collect();
        self.databases = Arc::new(databases);
        self.database_paths = paths;
        Ok(())
    }

    fn read_vex(&mut self, named: &[PathBuf]) -> anyhow::Result<()> {
        let trusted: Vec<PathBuf> =
            self.policy.data.vex.iter().map(PathBuf::from).chain(named.iter().cloned()).collect();
        let mut statements = Vec::new();
        for path in trusted {
            let bytes = crate::assess::read_bounded(&path, crate::assess::MAX_DOCUMENT)?;
            let name =
                path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
            let (read, problems) = plimsoll_policy::read_vex(&name, &bytes);
            if read.is_empty() && problems.is_empty() {
                self.problems.push(Problem::note(ProblemKind::BadInput, format!("{name} holds no VEX statement")));
            }
            statements.extend(read);
            self.problems.extend(problems);
        }
        self.vex = Arc::new(statements);
        Ok(())
    }

    /// Whether a rule is looked for: most are, and those that are noise for most where the policy names them.
    pub fn looks_for(&self, rule: &RuleInfo) -> bool {
        // Rules over images may look at any finding.
        let every_rule = self.every_rule || self.policies.ask_of_images();
        !rule.opt_in || every_rule || self.policy.images.iter().any(|entry| entry.footprint.contains_key(rule.id))
    }

    /// True when nothing but the embedded baseline is there.
    pub fn baseline_only(&self) -> bool {
        self.database_infos.iter().all(|info| info.kind == DatabaseKind::Baseline)
    }

    pub fn policy_info(&self) -> PolicyInfo {
        PolicyInfo {
            name: self.policy.name.clone(),
            digest: self.policy.digest.clone(),
            files: self.policy.files.clone(),
        }
    }
}

/// The clock, in whole seconds: nothing that is judged is finer.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The databases of this machine, the ones that are there.
pub fn machine_databases(cache_dir: &Path) -> Vec<PathBuf> {
    [dirs::index(cache_dir), dirs::trivy(cache_dir).join("trivy.db")].into_iter().filter(|path| path.exists()).collect()
}
