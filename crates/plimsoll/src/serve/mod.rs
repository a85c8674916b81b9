//! The admission gate: one TLS server that answers an API server's reviews with the verdicts of this program. In: flags,
//! environment and a file of settings. Out: answers, until it is told to stop. Everything that the answer rests on comes
//! from the same `assess` and `judge` as on the command line.

mod data;
pub mod decision;
mod decisions;
mod expiring;
mod failure;
mod flight;
mod gate;
mod haste;
mod http;
mod images;
pub mod judged;
mod listen;
pub mod loaded;
mod log;
mod metrics;
pub mod recorder;
mod redact;
mod settings;
mod signed;
mod stamp;
mod surroundings;
mod taken;
mod tls;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use plimsoll_sources::cluster::{Following, RunningImage};
use plimsoll_sources::{Access, Cluster, Environment};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{Global, LogLevel, ServeArgs};
use crate::exit::Exit;
use crate::policies::surroundings::Followers;
use crate::rego::load::Signing;
use crate::session::{DataChoice, SessionOptions};
use crate::{dirs, reach};
use data::DataApi;
use gate::Gate;
use http::Service;
use images::{Images, Keeping};
use loaded::{Current, Refreshed};
use log::Log;
use metrics::Metrics;
use recorder::Recorder;
use tls::{Tls, TlsOptions};

/// How often files are looked at. Kubernetes itself takes up to a minute to bring a changed Secret into a pod.
const LOOK: Duration = Duration::from_secs(2);
/// Images that are assessed at the same time before anybody asks.
const WARMING: usize = 2;

pub fn run(global: &Global, args: &ServeArgs) -> anyhow::Result<Exit> {
    let args = settings::complete(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("plimsoll-serve")
        .enable_all()
        .build()
        .context("start the server's threads")?;
    let (service, cluster) = service(global, &args, runtime.handle())?;
    let service = Arc::new(service);
    if args.check {
        checked(&service, &args);
        return Ok(Exit::Allowed);
    }
    let (log, gate) = (service.log, Arc::clone(&service.gate));
    let done = runtime.block_on(serve(service, cluster, args));
    if let Some(recorder) = &gate.recorder {
        recorder.flush();
    }
    log.flush();
    // Assessments that go on are nobody's any more: the end does not wait for their registries.
    runtime.shutdown_background();
    done
}

/// Everything that answers, opened and validated.
fn service(
    global: &Global,
    args: &ServeArgs,
    runtime: &tokio::runtime::Handle,
) -> anyhow::Result<(Service, Option<Arc<Cluster>>)> {
    let log = Log { format: args.log_format, level: if args.debug { LogLevel::Debug } else { args.log_level } };
    if args.client_ca.is_none() && !args.client_name.is_empty() {
        anyhow::bail!("ask clients for a name without authorities that vouch for it: --client-ca names them");
    }
    let (cert, key) = (args.cert.clone(), args.key.clone());
    let tls = Tls::open(TlsOptions {
        cert: cert.context("serve without a certificate: --cert names it")?,
        key: key.context("serve without a key: --key names it")?,
        client_ca: args.client_ca.clone(),
        client_auth: args.client_auth,
        client_names: args.client_name.clone(),
    })?;
    let options = SessionOptions {
        policy: args.policy.clone(),
        vex: args.vex.clone(),
        databases: if args.db.is_empty() { DataChoice::Machine } else { DataChoice::These(args.db.clone()) },
        cache_dir: global.cache_dir.clone(),
        quiet: true,
        ..SessionOptions::default()
    };
    let cluster = cluster(args)?;
    let followers = cluster.as_ref().filter(|_| args.follow_cluster && !args.check).map(|cluster| {
        let (limit, bytes) = (Duration::from_secs(args.cluster_stale.into()), mebibytes(args.cluster_memory.into()));
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Arc::new(Followers::new(Following::new(Arc::clone(cluster), runtime.clone(), limit, bytes)))
    });
    let current = Current::open(options, args.registry_whitelist.clone(), followers)?;
    let cache = dirs::cache(global.cache_dir.as_deref());
    let sources = reach::server_sources(&args.reach, &cache, mebibytes(args.image_limit))?;
    let metrics = Arc::new(Metrics::default());
    let cores = || std::thread::available_parallelism().map_or(2, usize::from);
    let scans = args.scans.map_or_else(cores, |scans| scans as usize);
    let keeping = Keeping {
        tags: Duration::from_secs(args.tag_ttl),
        verdicts: Duration::from_secs(args.verdict_ttl),
        memory: mebibytes(args.memory),
        scans,
    };
    let pull = cluster.clone().filter(|_| args.pull_secrets);
    let images = Images::new(sources, args.reach.platform.clone(), pull, keeping, Arc::clone(&metrics), log);
    let images = Arc::new(images);
    let recorder = match (&args.record, args.check) {
        (Some(folder), true) => {
            if let Some(why) = recorder::fault(folder) {
                return Err(why).with_context(|| format!("write a record into {}", folder.display()));
            }
            None
        }
        (Some(folder), false) => {
            let keeping = recorder::Keeping {
                folder: folder.clone(),
                size: mebibytes(args.record_size),
                files: args.record_files as usize,
            };
            let started = Recorder::start(keeping, Arc::clone(&images), Arc::clone(&metrics), log);
            Some(started.context("keep a record")?)
        }
        (None, _) => None,
    };
    let gate = Gate {
        current,
        images,
        recorder,
        metrics: Arc::clone(&metrics),
        log,
        deny_ttl: args.deny_ttl,
        requests: std::sync::atomic::AtomicU64::new(1),
        haste: haste::Haste::default(),
        started: std::time::Instant::now(),
        examining: Arc::new(tokio::sync::Semaphore::new(
            2 * std::thread::available_parallelism().map_or(2, usize::from),
        )),
    };
    if args.verification_key.is_some() && args.rego_bundle.is_empty() {
        anyhow::bail!(
            "hold bundles to a key without bundles: --rego-bundle names them, and files of --rego have no signature"
        );
    }
    let signed = args.verification_key.clone().map(|key| data::Signed {
        key,
        by: Signing {
            key_id: args.verification_key_id.clone(),
            algorithm: args.signing_alg.clone(),
            scope: args.scope.clone(),
            exclude: args.exclude_files_verify.clone(),
        },
    });
    let data = match args.rego.is_empty() && args.rego_bundle.is_empty() {
        true if args.decision_log.is_some() => {
            anyhow::bail!("log decisions without policies to decide by: --rego names them")
        }
        true => None,
        false => {
            let options = data::Options {
                paths: args.rego.clone(),
                bundles: args.rego_bundle.clone(),
                v0: args.rego_v0,
                signed,
                decision_log: args.decision_log.clone(),
            };
            Some(Arc::new(DataApi::open(options, log)?))
        }
    };
    Ok((Service::new(Arc::new(gate), data, tls, log, metrics, args.max_in_flight), cluster))
}

fn mebibytes(count: u64) -> u64 {
    count.saturating_mul(1 << 20)
}

/// The way to the cluster, where something asks for it.
fn cluster(args: &ServeArgs) -> anyhow::Result<Option<Arc<Cluster>>> {
    if !args.pull_secrets && !args.prewarm_cluster && !args.follow_cluster {
        return Ok(None);
    }
    let access = match &args.kubeconfig {
        Some(path) => Access::from_kubeconfig(path, None)?,
        None => Access::in_cluster(&Environment::of_process())?
            .context("reach the cluster: this is no pod, and --kubeconfig names no other way")?,
    };
    Ok(Some(Arc::new(Cluster::new(&access)?)))
}

/// What `--check` says.
fn checked(service: &Service, args: &ServeArgs) {
    let loaded = service.gate.current.get();
    let policy = &loaded.session.policy;
    let files = if policy.files.is_empty() { "the embedded default".to_owned() } else { policy.files.join(", ") };
    println!("policy       {} from {files}", policy.name);
    println!("databases    {}", loaded.databases);
    println!("certificate  good until {}", timestamp(service.tls.until()));
    println!("address      {}", SocketAddr::new(args.address, args.port));
    for remark in plimsoll_policy::remarks(policy, loaded.session.at) {
        println!("remark       {remark}");
    }
    if loaded.baseline_only() {
        println!("remark       no vulnerability database: only the list inside the program is there");
    }
    println!("all is well");
}

fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

async fn serve(service: Arc<Service>, cluster: Option<Arc<Cluster>>, args: ServeArgs) -> anyhow::Result<Exit> {
    let address = SocketAddr::new(args.address, args.port);
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    let bound = listener.local_addr().context("tell the address")?;
    let (stop, stopped) = watch::channel(false);
    let log = service.log;
    // Before anybody hears that it serves: until then these signals end the process.
    let hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    hello(&service, bound);
    tokio::spawn(follow(Arc::clone(&service), hangup));
    if let Some(followers) = service.gate.current.followers() {
        tokio::spawn(surroundings::follow(Arc::clone(&service), followers));
    }
    tokio::spawn(warm(Arc::clone(&service), cluster, args.clone()));
    let drain = Duration::from_secs(args.drain);
    let serving = tokio::spawn(listen::listen(listener, Arc::clone(&service), args.max_connections, stopped, drain));
    tokio::select! {
        _ = terminated.recv() => {
            // Endpoints take a moment to forget a pod: answer until then.
            service.drain();
            log.info("stopping", &[("delaySeconds", args.shutdown_delay.into())]);
            let delay = Duration::from_secs(args.shutdown_delay);
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                _ = terminated.recv() => {}
            }
        }
        interrupted = tokio::signal::ctrl_c() => interrupted.context("listen for SIGINT")?,
    }
    let _ = stop.send(true);
    serving.await.context("finish the open connections")?;
    log.info("stopped", &[]);
    Ok(Exit::Allowed)
}

fn hello(service: &Service, bound: SocketAddr) {
    let loaded = service.gate.current.get();
    let policy = &loaded.session.policy;
    let fields = [
        ("address", bound.to_string().into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("policy", policy.name.as_str().into()),
        ("policyDigest", policy.digest.as_str().into()),
        ("databases", loaded.databases.as_str().into()),
        ("certificateUntil", timestamp(service.tls.until()).into()),
    ];
    service.log.info("serving", &fields);
    for remark in plimsoll_policy::remarks(policy, loaded.session.at) {
        service.log.info("remark", &[("remark", remark.as_str().into())]);
    }
    if loaded.baseline_only() {
        service.log.warn("no vulnerability database: only the list inside the program is there", &[]);
    }
    if service.tls.until() < crate::session::now().as_second() {
        service.log.warn("the server's certificate has ended: API servers will refuse it", &[]);
    }
}

/// Follows certificates, policy and databases on disk; SIGHUP opens them anew at once.
async fn follow(service: Arc<Service>, mut hangup: Signal) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tls_fault: Option<String> = None;
    loop {
        let anew = tokio::select! {
            _ = tick.tick() => false,
            Some(()) = hangup.recv() => true,
        };
        let looking = Arc::clone(&service);
        let looked = tokio::task::spawn_blocking(move || {
            if let Some(data) = &looking.data {
                data.follow_log(anew);
                data.refresh(anew);
            }
            (looking.tls.refresh(), looking.gate.current.refresh(anew))
        })
        .await;
        let Ok((tls, policy)) = looked else { continue };
        let (log, metrics) = (service.log, &service.metrics);
        match tls {
            Ok(true) => {
                metrics.certificate_reloads.add(1);
                metrics.certificate_stale.set(0);
                tls_fault = None;
                log.info("took over certificates", &[("until", timestamp(service.tls.until()).into())]);
            }
            Ok(false) => {
                // Also when the good ones came back after others that could not be used.
                metrics.certificate_stale.set(0);
                tls_fault = None;
            }
            Err(error) => {
                let why = crate::message::chain(&error);
                // What cannot be used cannot at every look, and is told of once.
                if tls_fault.as_ref() != Some(&why) {
                    metrics.certificate_reload_failures.add(1);
                    metrics.certificate_stale.set(1);
                    log.error(
                        "could not use the certificates on disk; the last good ones serve on",
                        &[("why", why.as_str().into())],
                    );
                    tls_fault = Some(why);
                }
            }
        }
        match policy {
            Refreshed::Unchanged => {}
            Refreshed::Taken(loaded) => {
                metrics.policy_reloads.add(1);
                metrics.policy_stale.set(0);
                service.gate.images.forget_verdicts();
                let policy = &loaded.session.policy;
                let fields = [
                    ("policy", policy.name.as_str().into()),
                    ("policyDigest", policy.digest.as_str().into()),
                    ("databases", loaded.databases.as_str().into()),
                ];
                log.info("took over policy and data", &fields);
            }
            Refreshed::Kept { why } => {
                metrics.policy_reload_failures.add(1);
                metrics.policy_stale.set(1);
                log.error(
                    "could not use the policy or data on disk; the last good ones are in force",
                    &[("why", why.into())],
                );
            }
        }
    }
}

/// Assesses what is named before anybody asks.
async fn warm(service: Arc<Service>, cluster: Option<Arc<Cluster>>, args: ServeArgs) {
    let mut images: Vec<RunningImage> = Vec::new();
    if let Some(path) = &args.prewarm {
        match listed(path) {
            Ok(named) => images.extend(named.into_iter().map(|image| RunningImage {
                namespace: String::new(),
                image,
                pull_secrets: Vec::new(),
            })),
            Err(error) => service
                .log
                .error("could not read the images to assess", &[("why", crate::message::chain(&error).into())]),
        }
    }
    if let Some(cluster) = cluster.filter(|_| args.prewarm_cluster) {
        match cluster.images().await.map_err(anyhow::Error::new) {
            Ok(found) => {
                if !found.complete {
                    service.log.warn("the cluster has more images than were listed", &[]);
                }
                images.extend(found.images);
            }
            Err(error) => {
                let (why, hint) = (crate::message::chain(&error), crate::message::hint(&error));
                service.log.error("could not list the cluster's pods", &[("why", why.into()), ("hint", hint.into())]);
            }
        }
    }
    images.sort();
    images.dedup();
    if images.is_empty() {
        return;
    }
    let count = images.len();
    let queue = Arc::new(std::sync::Mutex::new(images.into_iter()));
    let workers = (0..WARMING).map(|_| {
        let (queue, service) = (Arc::clone(&queue), Arc::clone(&service));
        tokio::spawn(async move {
            loop {
                let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                let Some(image) = next else { break };
                let loaded = service.gate.current.get();
                service.gate.images.warm(&loaded, &image).await;
            }
        })
    });
    futures_util::future::join_all(workers).await;
    service.log.info("assessed images ahead of time", &[("images", count.into())]);
}

/// One name a line; `#` begins a remark.
fn listed(path: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = crate::assess::read_bounded(path, 1 << 20)?;
    let text = String::from_utf8(bytes).with_context(|| format!("read {}: it is not UTF-8", path.display()))?;
    let names = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
