//! Signing configurations: where the services are (`application/vnd.dev.sigstore.signingconfig.v0.2+json`). In: JSON. Out: those that are
//! to be asked at a time. What it does not do: it asks none, and fetches no configuration.

use jiff::Timestamp;
use serde_json::Value;

use super::log::LogVersion;
use crate::json;
use crate::refusal::{Reason, Refusal, malformed};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// Configurations name a handful of services of each kind.
const MOST_SERVICES: usize = 64;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    /// Where it is.
    url: String,
    /// The version of its API.
    version: u64,
    /// From and until when it is to be asked.
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Who runs it: two of one operator are one witness.
    operator: String,
}

/// How many of the services are to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selector {
    All,
    Any,
    Exact(u64),
}

/// Where the services are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningConfig {
    authorities: Vec<Service>,
    issuers: Vec<Service>,
    logs: (Vec<Service>, Selector),
    timestamps: (Vec<Service>, Selector),
}

impl SigningConfig {
    /// The configuration in `bytes`.
    ///
    /// # Errors
    /// `unsupported` for other versions; `malformed`, `too-large`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        let what = "a signing configuration";
        let value = json::parse_holder(bytes, what)?;
        let kind = json::text(&value, "mediaType", what)?;
        if kind != MEDIA_TYPE {
            return Err(Refusal::new(Reason::Unsupported, format!("{what} of type {kind:?}, not {MEDIA_TYPE:?}")));
        }
        Ok(Self {
            authorities: services(&value, "caUrls")?,
            issuers: services(&value, "oidcUrls")?,
            logs: (services(&value, "rekorTlogUrls")?, selector(&value, "rekorTlogConfig")?),
            timestamps: (services(&value, "tsaUrls")?, selector(&value, "tsaConfig")?),
        })
    }

    /// The authority of certificates; none where none is named.
    ///
    /// # Errors
    /// `unsupported` where those that are named are all of other versions or times.
    pub fn authority(&self, now: Timestamp) -> Result<Option<&str>, Refusal> {
        Ok(chosen(&self.authorities, Selector::Any, &[1], now)?.first().map(|service| service.url.as_str()))
    }

    /// The issuer of tokens of identity; none where none is named.
    ///
    /// # Errors
    /// As [`SigningConfig::authority`].
    pub fn issuer(&self, now: Timestamp) -> Result<Option<&str>, Refusal> {
        Ok(chosen(&self.issuers, Selector::Any, &[1], now)?.first().map(|service| service.url.as_str()))
    }

    /// The transparency logs, of one version alone.
    ///
    /// # Errors
    /// As [`SigningConfig::authority`], and where there are fewer than it wants.
    pub fn logs(&self, now: Timestamp) -> Result<Vec<(&str, LogVersion)>, Refusal> {
        let chosen = chosen(&self.logs.0, self.logs.1, &[2, 1], now)?;
        let version = |service: &Service| if service.version == 2 { LogVersion::V2 } else { LogVersion::V1 };
        Ok(chosen.into_iter().map(|service| (service.url.as_str(), version(service))).collect())
    }

    /// The authorities of timestamps.
    ///
    /// # Errors
    /// As [`SigningConfig::logs`].
    pub fn timestamps(&self, now: Timestamp) -> Result<Vec<&str>, Refusal> {
        let chosen = chosen(&self.timestamps.0, self.timestamps.1, &[1], now)?;
        Ok(chosen.into_iter().map(|service| service.url.as_str()).collect())
    }
}

/// Of the highest version that there is, the newest service of each operator, as many as are wanted.
fn chosen<'a>(
    services: &'a [Service],
    selector: Selector,
    versions: &[u64],
    now: Timestamp,
) -> Result<Vec<&'a Service>, Refusal> {
    if services.is_empty() {
        return Ok(vec![]);
    }
    let good = |service: &&Service| {
        service.from.is_none_or(|from| from <= now) && service.until.is_none_or(|until| now <= until)
    };
    for version in versions {
        let mut found: Vec<&Service> = services.iter().filter(|s| s.version == *version).filter(good).collect();
        found.sort_by_key(|service| std::cmp::Reverse(service.from));
        let mut operators: Vec<&str> = vec![];
        found.retain(|service| {
            let new = !operators.contains(&service.operator.as_str());
            operators.push(&service.operator);
            new
        });
        if found.is_empty() {
            continue;
        }
        let wanted = match selector {
            Selector::All => found.len(),
            Selector::Any => 1,
            Selector::Exact(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        if wanted > found.len() {
            let why = format!("the signing configuration wants {wanted} services of a kind, and names {}", found.len());
            return Err(Refusal::new(Reason::Unsupported, why));
        }
        found.truncate(wanted);
        return Ok(found);
    }
    let why = format!(
        "the signing configuration names services, and none of a version that is spoken ({versions:?}) at {now}"
    );
    Err(Refusal::new(Reason::Unsupported, why))
}

fn services(value: &Value, name: &str) -> Result<Vec<Service>, Refusal> {
    let Some(list) = json::member(value, name) else { return Ok(vec![]) };
    let list = list.as_array().ok_or_else(|| malformed(format!("{name:?} of a signing configuration is no list")))?;
    if list.len() > MOST_SERVICES {
        let why = format!("a signing configuration with more than {MOST_SERVICES} {name}");
        return Err(Refusal::new(Reason::TooLarge, why));
    }
    list.iter().map(|item| service(item, name)).collect()
}

fn service(value: &Value, name: &str) -> Result<Service, Refusal> {
    let what = format!("a service among {name:?} of a signing configuration");
    let version = json::integer(value, "majorApiVersion", &what)?;
    let window = json::member(value, "validFor");
    let time = |name: &str| {
        let text =
            window.and_then(|window| json::member(window, name)).map(|_| json::text(&value["validFor"], name, &what));
        let time = text.transpose()?.map(str::parse::<Timestamp>).transpose();
        time.map_err(|_| malformed(format!("{what} with a {name:?} that is no time")))
    };
    let operator = json::member(value, "operator").and_then(Value::as_str).unwrap_or_default();
    Ok(Service {
        url: json::text(value, "url", &what)?.to_owned(),
        version: u64::try_from(version).map_err(|_| malformed(format!("{what} of a negative version")))?,
        from: time("start")?,
        until: time("end")?,
        operator: operator.to_owned(),
    })
}

fn selector(value: &Value, name: &str) -> Result<Selector, Refusal> {
    // A configuration that says nothing, as Cosign writes it where there is no service.
    let said = json::member(value, name).and_then(|config| Some((config, json::member(config, "selector")?)));
    let Some((config, selector)) = said else { return Ok(Selector::Any) };
    let what = format!("{name:?} of a signing configuration");
    match selector.as_str() {
        Some("ALL") => Ok(Selector::All),
        Some("ANY") => Ok(Selector::Any),
        Some("EXACT") => {
            let count = json::integer(config, "count", &what)?;
            let count = u64::try_from(count).ok().filter(|count| *count > 0);
            count.map(Selector::Exact).ok_or_else(|| malformed(format!("{what} wants no service")))
        }
        other => Err(Refusal::new(Reason::Unsupported, format!("{what} with the selector {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn good() -> Value {
        let service = |url: &str, version: u64, start: &str, operator: &str| json!({"url": url, "majorApiVersion": version, "operator": operator, "validFor": {"start": start}});
        let mut old = service("https://old", 2, "2026-01-01T00:00:00Z", "a");
        old["validFor"]["end"] = "2026-06-01T00:00:00Z".into();
        json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service("https://ca", 1, "2026-01-01T00:00:00Z", "a")],
            "rekorTlogUrls": [
                old,
                service("https://new", 2, "2026-05-01T00:00:00Z", "a"),
                service("https://other", 2, "2026-02-01T00:00:00Z", "b"),
                service("https://first", 1, "2025-01-01T00:00:00Z", "a"),
                service("https://later", 3, "2025-01-01T00:00:00Z", "a"),
            ],
            "rekorTlogConfig": {"selector": "ALL"},
            "tsaUrls": [service("https://tsa", 1, "2026-01-01T00:00:00Z", "a")],
            "tsaConfig": {"selector": "EXACT", "count": 1},
        })
    }

    fn read(value: &Value) -> Result<SigningConfig, Refusal> {
        SigningConfig::from_json(value.to_string().as_bytes())
    }

    #[test]
    fn the_newest_service_of_each_operator_is_chosen_of_the_highest_version_that_is_spoken() {
        let mut value = good();
        let logs = |value: &Value, time: &str| {
            let config = read(value).unwrap();
            config.logs(at(time)).map(|logs| logs.iter().map(|(url, v)| format!("{url} {v:?}")).collect::<Vec<_>>())
        };
        assert_eq!(logs(&value, "2026-05-15T00:00:00Z").unwrap(), ["https://new V2", "https://other V2"]);
        assert_eq!(logs(&value, "2026-01-15T00:00:00Z").unwrap(), ["https://old V2"]);
        assert_eq!(logs(&value, "2025-06-01T00:00:00Z").unwrap(), ["https://first V1"]);
        assert_eq!(logs(&value, "2024-06-01T00:00:00Z").unwrap_err().reason, Reason::Unsupported);
        value["rekorTlogConfig"] = json!({"selector": "ANY"});
        assert_eq!(logs(&value, "2026-05-15T00:00:00Z").unwrap(), ["https://new V2"]);
        value["rekorTlogConfig"] = json!({"selector": "EXACT", "count": 3});
        assert_eq!(logs(&value, "2026-05-15T00:00:00Z").unwrap_err().reason, Reason::Unsupported);
        let config = read(&value).unwrap();
        let now = at("2026-05-15T00:00:00Z");
        assert_eq!(config.authority(now), Ok(Some("https://ca")));
        assert_eq!((config.issuer(now), config.timestamps(now)), (Ok(None), Ok(vec!["https://tsa"])));
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for (place, with, reason) in [
            ("/mediaType", json!("application/vnd.dev.sigstore.signingconfig.v0.1+json"), Reason::Unsupported),
            ("/caUrls", json!({}), Reason::Malformed),
            ("/caUrls/0/url", json!(7), Reason::Malformed),
            ("/caUrls/0/majorApiVersion", json!(-1), Reason::Malformed),
            ("/caUrls/0/validFor/start", json!("yesterday"), Reason::Malformed),
            ("/caUrls/0/validFor/start", json!(7), Reason::Malformed),
            ("/tsaConfig/count", json!(0), Reason::Malformed),
            ("/tsaConfig/selector", json!("SOME"), Reason::Unsupported),
        ] {
            let mut bad = good();
            *bad.pointer_mut(place).unwrap() = with;
            assert_eq!(read(&bad).unwrap_err().reason, reason, "{place}");
        }
        let mut many = good();
        many["tsaUrls"] = vec![many["tsaUrls"][0].clone(); MOST_SERVICES + 1].into();
        assert_eq!(read(&many).unwrap_err().reason, Reason::TooLarge);
    }
}
