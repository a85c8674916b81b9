//! Packages that do not come from the distribution itself. In: a package's vendor or maintainer. Out: whether the
//! distribution's advisories speak of it. A vendor that is not known counts as the distribution's.

use plimsoll_model::{Ecosystem, Package};

/// Beginnings of rpm's `Vendor` for packages of the distributions that we match.
const RPM_VENDORS: &[&str] = &[
    "AlmaLinux",
    "Amazon",
    "CentOS",
    "CloudLinux",
    "Fedora Project",
    "Microsoft Corporation",
    "openSUSE",
    "Oracle America",
    "Red Hat",
    "Rocky",
    "SUSE",
    "VMware",
];

/// Mail domains of publishers who ship `.deb` files of their own. What Debian and Ubuntu build names their lists, their
/// developers' many private addresses, or these domains never.
const DEB_PUBLISHERS: &[&str] = &[
    "adoptium.net",
    "anaconda.com",
    "azul.com",
    "bell-sw.com",
    "bitnami.com",
    "chef.io",
    "circleci.com",
    "clickhouse.com",
    "cloudflare.com",
    "confluent.io",
    "couchbase.com",
    "datadoghq.com",
    "docker.com",
    "dynatrace.com",
    "eclipse.org",
    "elastic.co",
    "erlang-solutions.com",
    "f5.com",
    "fluentbit.io",
    "gitlab.com",
    "grafana.com",
    "hashicorp.com",
    "haproxy.com",
    "influxdb.com",
    "influxdata.com",
    "jenkins.io",
    "jetbrains.com",
    "kong.co",
    "konghq.com",
    "mariadb.org",
    "mariadb.com",
    "microsoft.com",
    "mongodb.com",
    "mysql.com",
    "neo4j.com",
    "newrelic.com",
    "nginx.com",
    "nginx.org",
    "nodesource.com",
    "nvidia.com",
    "oracle.com",
    "percona.com",
    "puppet.com",
    "rabbitmq.com",
    "redis.com",
    "redis.io",
    "saltproject.io",
    "sury.org",
    "splunk.com",
    "tailscale.com",
    "timescale.com",
    "treasure-data.com",
    "varnish-software.com",
    "yarnpkg.com",
    "zabbix.com",
];

/// True when the package is known to come from elsewhere than the distribution.
pub fn is_outsider(package: &Package) -> bool {
    let Some(vendor) = package.vendor.as_deref().map(str::trim).filter(|v| !v.is_empty()) else { return false };
    match package.ecosystem {
        Ecosystem::Rpm => {
            !package.version.contains("amzn") && !RPM_VENDORS.iter().any(|known| vendor.starts_with(known))
        }
        Ecosystem::Dpkg => {
            let domain = vendor.rsplit_once('@').map_or("", |(_, domain)| domain).trim_end_matches('>');
            DEB_PUBLISHERS.iter().any(|known| {
                domain
                    .to_ascii_lowercase()
                    .strip_suffix(known)
                    .is_some_and(|before| before.is_empty() || before.ends_with('.'))
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_are_told_from_distributions() {
        for (ecosystem, vendor, outside) in [
            (Ecosystem::Dpkg, "Docker <support@docker.com>", true),
            (Ecosystem::Dpkg, "NGINX Packaging <nginx-packaging@f5.com>", true),
            (Ecosystem::Dpkg, "Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>", false),
            (Ecosystem::Dpkg, "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", false),
            (Ecosystem::Dpkg, "Jane <jane@notdocker.com>", false),
            (Ecosystem::Dpkg, "", false),
            (Ecosystem::Rpm, "Red Hat, Inc.", false),
            (Ecosystem::Rpm, "SUSE LLC <https://www.suse.com/>", false),
            (Ecosystem::Rpm, "NGINX Packaging", true),
            (Ecosystem::Apk, "Anybody <a@docker.com>", false),
        ] {
            let mut package = Package::new(ecosystem, "test", "p", "1-1");
            package.vendor = Some(vendor.to_owned());
            assert_eq!(is_outsider(&package), outside, "{vendor}");
        }
    }
}
