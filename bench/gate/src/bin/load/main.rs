//! A load client for gates: reviews in, throughput, latency and wrong answers out. It speaks TLS to loopback alone, and
//! its runs are bounded in connections, requests and time.

mod connection;
mod histogram;
mod process;
mod review;
mod run;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use review::{Expect, Template};
use run::{LONGEST_RUN, Outcome, Plan, Target};

type Failure = Box<dyn std::error::Error>;

/// Sends reviews to a gate on loopback over kept-alive TLS connections, and checks and times every answer.
///
/// Without --rate each connection sends as fast as it is answered. With it, requests fall due at that rate and latency
/// counts from then. Example:
///
/// load --url https://127.0.0.1:1323/validate --ca ca.pem --body pod.json --connections 32 --seconds 10 --expect allowed
#[derive(Parser)]
#[command(group(ArgGroup::new("length").required(true).args(["seconds", "requests"])))]
struct Options {
    /// https://HOST:PORT/PATH, where HOST is a loopback address or localhost.
    #[arg(long)]
    url: String,
    /// The authority that signed the server's certificate, PEM.
    #[arg(long)]
    ca: PathBuf,
    /// Reviews to send in turn.
    #[arg(long = "body", required = true, num_args = 1..)]
    bodies: Vec<PathBuf>,
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    connections: u32,
    /// Measure for so long.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=LONGEST_RUN.as_secs()))]
    seconds: Option<u64>,
    /// Measure so many requests.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    requests: Option<u64>,
    /// Seconds of load before anything is measured.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60))]
    warmup: u64,
    /// Requests a second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// What every answer should decide.
    #[arg(long, default_value = "any")]
    expect: Expect,
    /// The server's process, for its CPU time and memory.
    #[arg(long)]
    server_pid: Option<u32>,
    /// One JSON object rather than lines.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match measured(&Options::parse()) {
        Ok(outcome) if outcome.failures() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

fn measured(options: &Options) -> Result<Outcome, Failure> {
    let (address, host, authority, path) = loopback(&options.url)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&fs::read(&options.ca)?) {
        roots.add(certificate?)?;
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut templates = Vec::new();
    for file in &options.bodies {
        let named = |why: String| format!("{}: {why}", file.display());
        let body = fs::read(file).map_err(|error| named(error.to_string()))?;
        templates.push(Template::new(path, authority, &body).map_err(named)?);
    }
    let plan = Plan {
        connections: options.connections as usize,
        warmup: Duration::from_secs(options.warmup),
        seconds: options.seconds.map(Duration::from_secs),
        requests: options.requests,
        rate: options.rate,
        expect: options.expect,
        server_pid: options.server_pid,
    };
    let target = Target { address, name: ServerName::try_from(host.to_owned())?, tls: Arc::new(tls) };
    let outcome = run::run(&plan, &target, templates)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        print(&outcome);
    }
    Ok(outcome)
}

/// Address, host, authority and path of a URL. Nothing but loopback: this is no tool to aim at others.
fn loopback(url: &str) -> Result<(SocketAddr, &str, &str, &str), String> {
    let wrong = || format!("{url} is not https://HOST:PORT/PATH with a loopback address");
    let rest = url.strip_prefix("https://").ok_or_else(wrong)?;
    let (authority, path) = rest.split_at(rest.find('/').ok_or_else(wrong)?);
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip =
        if host == "localhost" { Ipv4Addr::LOCALHOST.into() } else { host.parse::<IpAddr>().map_err(|_| wrong())? };
    if !ip.is_loopback() || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    Ok((SocketAddr::new(ip, port.parse().map_err(|_| wrong())?), host, authority, path))
}

fn print(outcome: &Outcome) {
    let latency = &outcome.latency;
    let load = outcome.rate.map_or_else(|| "as fast as answered".to_owned(), |rate| format!("{rate} a second due"));
    println!("connections   {}, {load}", outcome.connections);
    println!("throughput    {:.0}/s ({} answers in {:.2} s)", outcome.per_second, outcome.answers, outcome.seconds);
    println!(
        "latency       p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms",
        latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max
    );
    println!(
        "failures      {} errors, {} not 200, {} wrong, {} unanswered; {} reconnects",
        outcome.errors, outcome.not_200, outcome.wrong, outcome.unanswered, outcome.reconnects
    );
    if let Some(first) = &outcome.first_failure {
        println!("first failure {first}");
    }
    println!("client CPU    {:.1} µs an answer", outcome.client_cpu_us_per_answer);
    if let Some(cpu) = outcome.server_cpu_us_per_answer {
        println!("server CPU    {cpu:.1} µs an answer");
    }
    if let (Some(now), Some(peak)) = (outcome.server_rss_kib, outcome.server_peak_rss_kib) {
        println!("server memory {:.1} MB, peak {:.1} MB", now as f64 * 1024.0 / 1e6, peak as f64 * 1024.0 / 1e6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_spoken_to() {
        for url in [
            "https://127.0.0.1:1323/validate",
            "https://127.1.2.3:1/",
            "https://[::1]:9/x?timeout=5s",
            "https://localhost:1/",
        ] {
            assert!(loopback(url).is_ok(), "{url}");
        }
        for url in [
            "https://10.0.0.1:1323/validate",
            "https://example.com:443/",
            "https://0.0.0.0:1323/",
            "https://[::]:1/",
            "https://localhost.example.com:1/",
            "http://127.0.0.1:80/",
            "https://127.0.0.1/",
            "https://127.0.0.1:1323",
            "https://127.0.0.1:1/a b",
            "https://127.0.0.1:99999/",
        ] {
            assert!(loopback(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
