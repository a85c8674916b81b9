//! Counts of what the gate did. In: events. Out: the text that Prometheus reads (exposition format 0.0.4). Every figure
//! is there from the start, so that an alert on it can be written before it first happens.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plimsoll_sources::cluster::{State, Unknown};

/// Upper bounds of the latency buckets, in microseconds: from a cached verdict to the API server's longest patience.
const BUCKETS: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000, 30_000_000,
];

/// A number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more for as long as what is given back lives: a request whose client leaves ends nowhere else.
    pub fn one_more(&self) -> OneMore<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneMore(self)
    }
}

pub struct OneMore<'a>(&'a Gauge);

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reviews of one road, by what became of them.
#[derive(Default)]
pub struct Reviews {
    pub allowed: Counter,
    pub denied: Counter,
    pub undecided: Counter,
    pub malformed: Counter,
    buckets: [Counter; BUCKETS.len()],
    over: Counter,
    micros: Counter,
}

impl Reviews {
    /// Counts how long one took.
    pub fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.add(micros);
        match BUCKETS.iter().position(|most| micros <= *most) {
            Some(at) => self.buckets[at].add(1),
            None => self.over.add(1),
        }
    }
}

/// All counts of one server.
#[derive(Default)]
pub struct Metrics {
    pub image_policy: Reviews,
    pub validate: Reviews,
    pub mutate: Reviews,
    pub in_flight: Gauge,
    pub connections: Gauge,
    pub shed: Counter,
    pub connections_refused: Counter,
    pub slow_clients: Counter,
    pub handshake_failures: Counter,
    pub unauthorised: Counter,
    pub too_large: Counter,
    pub break_glass: Counter,
    pub exemptions: Counter,
    pub softened: Counter,
    pub remarks: Counter,
    pub pinned: Counter,
    pub answers_cached: Counter,
    pub verdicts_cached: Counter,
    pub verdicts_made: Counter,
    pub images_assessed: Counter,
    pub images_failed: Counter,
    pub deadline_passed: Counter,
    pub policy_reloads: Counter,
    pub policy_reload_failures: Counter,
    pub policy_stale: Gauge,
    pub certificate_reloads: Counter,
    pub certificate_reload_failures: Counter,
    pub certificate_stale: Gauge,
    pub recorded: Counter,
    pub not_recorded: Counter,
    pub record_failures: Counter,
}

/// What is measured when it is asked for.
pub struct Now<'a> {
    pub policy: &'a str,
    pub policy_digest: &'a str,
    /// Seconds since 1970 at which the server's certificate ends.
    pub certificate_until: i64,
    /// Name, kind and age in seconds of each database.
    pub databases: Vec<(String, Option<i64>)>,
    pub assessments_running: usize,
    /// Name, entries and weight of each cache.
    pub caches: Vec<(&'static str, usize, u64)>,
    /// The kinds that are followed in the cluster.
    pub cluster: Vec<(String, State)>,
}

type OfKind = (&'static str, &'static str, fn(&State) -> Option<u64>);

/// What is told of each kind that is followed in the cluster.
const CLUSTER: &[OfKind] = &[
    ("cluster_known", "1 while what policies look at in the cluster is known.", |state| {
        Some(u64::from(state.unknown.is_none()))
    }),
    ("cluster_beyond_limit", "1 where there is more of it in the cluster than is followed.", |state| {
        Some(u64::from(matches!(state.unknown, Some(Unknown::Beyond(_)))))
    }),
    ("cluster_objects", "Objects that are followed.", |state| Some(state.objects as u64)),
    ("cluster_bytes", "Bytes of their texts.", |state| Some(state.bytes as u64)),
    ("cluster_lists", "Times that they were all listed.", |state| Some(state.lists)),
    ("cluster_age_seconds", "Since the cluster last confirmed them.", |state| state.age.map(|age| age.as_secs())),
];

impl Metrics {
    /// The whole page.
    pub fn page(&self, now: &Now<'_>) -> String {
        let mut out = String::with_capacity(8 << 10);
        let mut family = |name: &str, kind: &str, help: &str, rows: &[(String, u64)]| {
            // Writing to a String cannot fail.
            let _ = write!(out, "# HELP plimsoll_{name} {help}\n# TYPE plimsoll_{name} {kind}\n");
            for (labels, value) in rows {
                let _ = writeln!(out, "plimsoll_{name}{labels} {value}");
            }
        };
        let roads = [("image_policy", &self.image_policy), ("validate", &self.validate), ("mutate", &self.mutate)];
        let mut rows = Vec::new();
        for (road, reviews) in roads {
            for (outcome, counter) in [
                ("allowed", &reviews.allowed),
                ("denied", &reviews.denied),
                ("undecided", &reviews.undecided),
                ("malformed", &reviews.malformed),
            ] {
                rows.push((format!("{{road=\"{road}\",outcome=\"{outcome}\"}}"), counter.get()));
            }
        }
        family("reviews_total", "counter", "Reviews answered, by road and outcome.", &rows);
        for (name, counter, help) in [
            ("shed_total", &self.shed, "Requests turned away because too much was in flight."),
            ("connections_refused_total", &self.connections_refused, "Connections beyond the limit."),
            ("slow_clients_total", &self.slow_clients, "Connections and requests cut because the client was too slow."),
            ("handshake_failures_total", &self.handshake_failures, "TLS handshakes that failed."),
            ("unauthorised_total", &self.unauthorised, "Requests without the client certificate that is asked for."),
            ("too_large_total", &self.too_large, "Requests with a body beyond the limit."),
            ("break_glass_total", &self.break_glass, "Reviews that a break-glass annotation let through."),
            ("exemptions_total", &self.exemptions, "Images that an exemption took out of judgement."),
            ("softened_total", &self.softened, "Images that would be denied and run because of the mode."),
            (
                "remarks_total",
                &self.remarks,
                "Reviews on which policies in other languages said something without weight: dryrun, Audit, a set under audit.",
            ),
            ("pinned_total", &self.pinned, "Images whose tag was pinned to a digest."),
            ("answers_cached_total", &self.answers_cached, "Images answered without asking anybody."),
            (
                "verdicts_cached_total",
                &self.verdicts_cached,
                "Images whose tag was looked up and whose verdict was kept.",
            ),
            ("verdicts_made_total", &self.verdicts_made, "Images judged anew."),
            ("images_assessed_total", &self.images_assessed, "Images pulled and read."),
            ("images_failed_total", &self.images_failed, "Images that could not be reached or read."),
            ("deadline_passed_total", &self.deadline_passed, "Images not assessed within the request's time."),
            ("policy_reloads_total", &self.policy_reloads, "Policies and databases taken over while running."),
            (
                "policy_reload_failures_total",
                &self.policy_reload_failures,
                "Policies and databases that could not be used; the last good ones stay.",
            ),
            ("certificate_reloads_total", &self.certificate_reloads, "Certificates taken over while running."),
            (
                "certificate_reload_failures_total",
                &self.certificate_reload_failures,
                "Certificates that could not be used; the last good ones stay.",
            ),
            ("recorded_total", &self.recorded, "Reviews written to the record."),
            ("not_recorded_total", &self.not_recorded, "Reviews that are missing in the record."),
            ("record_failures_total", &self.record_failures, "Times that the record could not be written."),
        ] {
            family(name, "counter", help, &[(String::new(), counter.get())]);
        }
        for (name, gauge, help) in [
            ("in_flight", self.in_flight.get(), "Requests being answered."),
            ("connections", self.connections.get(), "Open connections."),
            (
                "policy_stale",
                self.policy_stale.get(),
                "1 while the policy on disk cannot be used and an older one is in force.",
            ),
            (
                "certificate_stale",
                self.certificate_stale.get(),
                "1 while the certificate on disk cannot be used and an older one is in force.",
            ),
            ("assessments_running", now.assessments_running as u64, "Images being assessed."),
            (
                "certificate_expiry_timestamp_seconds",
                u64::try_from(now.certificate_until).unwrap_or(0),
                "When the server's certificate ends.",
            ),
        ] {
            family(name, "gauge", help, &[(String::new(), gauge)]);
        }
        let info = format!(
            "{{policy=\"{}\",digest=\"{}\",version=\"{}\"}}",
            label(now.policy),
            label(now.policy_digest),
            env!("CARGO_PKG_VERSION")
        );
        family("policy_info", "gauge", "The policy in force.", &[(info, 1)]);
        let ages: Vec<(String, u64)> = now
            .databases
            .iter()
            .filter_map(|(name, age)| {
                Some((format!("{{database=\"{}\"}}", label(name)), u64::try_from((*age)?).unwrap_or(0)))
            })
            .collect();
        family("database_age_seconds", "gauge", "Age of each vulnerability database.", &ages);
        let sizes = |weight: bool| -> Vec<(String, u64)> {
            let size = |entries: usize, bytes: u64| if weight { bytes } else { entries as u64 };
            now.caches
                .iter()
                .map(|(name, entries, bytes)| (format!("{{cache=\"{name}\"}}"), size(*entries, *bytes)))
                .collect()
        };
        family("cache_entries", "gauge", "Entries of each cache.", &sizes(false));
        family("cache_weight", "gauge", "Estimated bytes of each cache.", &sizes(true));
        let of_cluster = |value: fn(&State) -> Option<u64>| -> Vec<(String, u64)> {
            let row = |(kind, state): &(String, State)| Some((format!("{{kind=\"{}\"}}", label(kind)), value(state)?));
            now.cluster.iter().filter_map(row).collect()
        };
        for (name, help, value) in CLUSTER {
            family(name, "gauge", help, &of_cluster(*value));
        }
        histogram(&mut out, &roads);
        out
    }
}

fn histogram(out: &mut String, roads: &[(&str, &Reviews)]) {
    let name = "plimsoll_review_duration_seconds";
    let _ = write!(out, "# HELP {name} Time to answer a review.\n# TYPE {name} histogram\n");
    for (road, reviews) in roads {
        let mut sum = 0;
        for (most, bucket) in BUCKETS.iter().zip(&reviews.buckets) {
            sum += bucket.get();
            let _ = writeln!(out, "{name}_bucket{{road=\"{road}\",le=\"{}\"}} {sum}", *most as f64 / 1e6);
        }
        sum += reviews.over.get();
        let _ = writeln!(out, "{name}_bucket{{road=\"{road}\",le=\"+Inf\"}} {sum}");
        let _ = writeln!(out, "{name}_sum{{road=\"{road}\"}} {}", reviews.micros.get() as f64 / 1e6);
        let _ = writeln!(out, "{name}_count{{road=\"{road}\"}} {sum}");
    }
}

/// A label's value, escaped as the format asks.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Now<'static> {
        Now {
            policy: "pro\"d",
            policy_digest: "sha256:ab",
            certificate_until: 1_800_000_000,
            databases: vec![("baseline".into(), None), ("trivy".into(), Some(60))],
            assessments_running: 2,
            caches: vec![("verdicts", 3, 400)],
            cluster: vec![("Namespace of v1".into(), state())],
        }
    }

    fn state() -> State {
        let unknown = Some(Unknown::Beyond("too many".into()));
        State { objects: 2, bytes: 300, age: None, lists: 1, problem: None, unknown }
    }

    #[test]
    fn every_line_is_a_comment_or_a_sample() {
        let metrics = Metrics::default();
        metrics.validate.allowed.add(3);
        metrics.validate.took(Duration::from_micros(300));
        metrics.validate.took(Duration::from_secs(100));
        let page = metrics.page(&now());
        for line in page.lines() {
            let sample = line
                .rsplit_once(' ')
                .is_some_and(|(name, value)| name.starts_with("plimsoll_") && value.parse::<f64>().is_ok());
            assert!(line.starts_with("# ") || sample, "{line}");
        }
        assert!(page.contains("plimsoll_reviews_total{road=\"validate\",outcome=\"allowed\"} 3\n"), "{page}");
        assert!(page.contains("plimsoll_cluster_known{kind=\"Namespace of v1\"} 0\n"), "{page}");
        assert!(page.contains("plimsoll_cluster_beyond_limit{kind=\"Namespace of v1\"} 1\n"), "{page}");
        assert!(page.contains("plimsoll_policy_info{policy=\"pro\\\"d\""));
        assert!(page.contains("plimsoll_review_duration_seconds_bucket{road=\"validate\",le=\"0.0005\"} 1\n"));
        assert!(page.contains("plimsoll_review_duration_seconds_count{road=\"validate\"} 2\n"));
    }
}
