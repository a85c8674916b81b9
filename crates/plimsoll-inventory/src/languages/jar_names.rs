//! Whose jar it is, when it does not say so by a `pom.properties`. In: a manifest and a file name. Out: a guess at its Maven
//! coordinates. Format: <https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html#jar-manifest>.

use std::collections::BTreeMap;

/// Maven coordinates; parts that are not known are empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Coordinates {
    pub group: String,
    pub artifact: String,
    pub version: String,
    /// False where more than one witness says the same: `pom.properties`, or manifest and file name together.
    pub guessed: bool,
}

/// Lines of a manifest are a few hundred at most.
const MAX_ATTRIBUTES: usize = 10_000;

/// Groups of widespread artifacts that carry no `pom.properties`: whole names, or beginnings that end in `-`. First match
/// wins.
const KNOWN_GROUPS: &[(&str, &str)] = &[
    ("spring-boot", "org.springframework.boot"),
    ("spring-boot-", "org.springframework.boot"),
    ("spring-security-", "org.springframework.security"),
    ("spring-data-", "org.springframework.data"),
    ("spring-cloud-", "org.springframework.cloud"),
    ("spring-aop", "org.springframework"),
    ("spring-aspects", "org.springframework"),
    ("spring-beans", "org.springframework"),
    ("spring-context", "org.springframework"),
    ("spring-context-", "org.springframework"),
    ("spring-core", "org.springframework"),
    ("spring-expression", "org.springframework"),
    ("spring-instrument", "org.springframework"),
    ("spring-jcl", "org.springframework"),
    ("spring-jdbc", "org.springframework"),
    ("spring-jms", "org.springframework"),
    ("spring-messaging", "org.springframework"),
    ("spring-orm", "org.springframework"),
    ("spring-oxm", "org.springframework"),
    ("spring-tx", "org.springframework"),
    ("spring-web", "org.springframework"),
    ("spring-webflux", "org.springframework"),
    ("spring-webmvc", "org.springframework"),
    ("spring-websocket", "org.springframework"),
    ("tomcat-embed-", "org.apache.tomcat.embed"),
    ("tomcat-", "org.apache.tomcat"),
    ("bcprov-", "org.bouncycastle"),
    ("bcpkix-", "org.bouncycastle"),
    ("ant", "org.apache.ant"),
    ("ant-", "org.apache.ant"),
    ("groovy", "org.codehaus.groovy"),
    ("h2", "com.h2database"),
    ("mysql-connector-java", "mysql"),
    ("xalan", "xalan"),
    ("xercesImpl", "xerces"),
];

/// Attributes of a manifest's main section, by lower-case name. A line that starts with a blank continues the one above.
pub fn manifest(text: &str) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines().take_while(|line| !line.trim_end().is_empty()) {
        if let Some(more) = line.strip_prefix(' ') {
            if let Some(value) = last.as_ref().and_then(|key| out.get_mut(key)) {
                value.push_str(more);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            if out.len() >= MAX_ATTRIBUTES {
                break;
            }
            let key = key.trim().to_ascii_lowercase();
            out.insert(key.clone(), value.strip_prefix(' ').unwrap_or(value).to_owned());
            last = Some(key);
        }
    }
    out
}

/// `name-1.2.3[-SNAPSHOT].jar` → (name, version). The version starts at the last part between dashes that starts with a
/// digit, or where the run of such parts that it ends starts: `log4j-1.2-api-2.14.1`, `lib-1.0-20240101.1-2`.
pub fn file_name(path: &str) -> Option<(&str, &str)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut cut = None;
    for (dash, _) in stem.rmatch_indices('-') {
        if stem[dash + 1..].starts_with(|c: char| c.is_ascii_digit()) {
            cut = Some(dash);
        } else if cut.is_some() {
            break;
        }
    }
    let dash = cut.filter(|dash| *dash > 0)?;
    Some((&stem[..dash], &stem[dash + 1..]))
}

/// The best guess from manifest and file name; the version is empty where neither tells one.
pub fn guess(path: &str, manifest: &BTreeMap<String, String>) -> Option<Coordinates> {
    let attribute = |names: &[&str]| {
        names.iter().find_map(|name| manifest.get(*name)).map(|value| value.trim()).filter(|value| !value.is_empty())
    };
    let named = file_name(path);
    // Titles are often prose; names of artifacts have no blanks.
    let title = attribute(&["implementation-title", "specification-title", "bundle-name"]).filter(|t| !t.contains(' '));
    let symbolic = attribute(&["bundle-symbolicname"]).and_then(|name| name.split(';').next()).map(str::trim);
    let stem = || path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
    let version = match named {
        Some((_, version)) => version,
        None => attribute(&["implementation-version", "bundle-version", "specification-version"]).unwrap_or_default(),
    };
    let artifact = match named {
        Some((artifact, _)) => artifact,
        None => title.or(symbolic.and_then(|name| name.rsplit('.').next())).or_else(stem)?,
    };
    let known = KNOWN_GROUPS
        .iter()
        .find(|(name, _)| if name.ends_with('-') { artifact.starts_with(name) } else { artifact == *name });
    let group = match (attribute(&["implementation-vendor-id"]), known, symbolic) {
        // Some builders write a person or a company here; a group has no blanks.
        (Some(group), _, _) if !group.contains(' ') => group,
        (_, Some((_, group)), _) => group,
        // `com.fasterxml.jackson.core.jackson-databind` → `com.fasterxml.jackson.core`
        (_, _, Some(name)) if name.contains('.') => name
            .strip_suffix(artifact)
            .and_then(|group| group.strip_suffix('.'))
            .or_else(|| name.rsplit_once('.').map(|(group, _)| group))
            .unwrap_or_default(),
        _ => "",
    };
    // The file's name and what is in it were written by different hands at different times: agreeing, they are believed.
    let versions = ["implementation-version", "bundle-version", "specification-version"];
    let same_version = versions.iter().any(|name| attribute(&[name]) == Some(version));
    let same_name = title == Some(artifact) || symbolic.is_some_and(|name| name.ends_with(artifact));
    let guessed = !(named.is_some() && same_version && same_name && !group.is_empty());
    let coordinates =
        Coordinates { guessed, group: group.to_owned(), artifact: artifact.to_owned(), version: version.to_owned() };
    (!coordinates.artifact.is_empty()).then_some(coordinates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_split_at_the_version() {
        assert_eq!(file_name("a/spring-core-5.3.4-SNAPSHOT.jar"), Some(("spring-core", "5.3.4-SNAPSHOT")));
        assert_eq!(file_name("log4j-1.2-api-2.14.1.jar"), Some(("log4j-1.2-api", "2.14.1")));
        assert_eq!(file_name("lib-1.0-20240101.1-2.jar"), Some(("lib", "1.0-20240101.1-2")));
        assert_eq!(file_name("guava-31.1-jre.jar"), Some(("guava", "31.1-jre")));
        assert_eq!(file_name("app.jar"), None);
        assert_eq!(file_name("-1.jar"), None);
    }

    #[test]
    fn manifest_lines_continue() {
        let out =
            manifest("Manifest-Version: 1.0\r\nBundle-SymbolicName: com.example.very\r\n .long\r\n\r\nName: x\r\n");
        assert_eq!(out["bundle-symbolicname"], "com.example.very.long");
        assert!(!out.contains_key("name"));
    }

    #[test]
    fn manifest_and_file_name_that_agree_are_believed() {
        let text = "Implementation-Title: spring-beans\nImplementation-Version: 5.3.15\n";
        let guessed = |path: &str, text: &str| guess(path, &manifest(text)).unwrap().guessed;
        assert!(!guessed("spring-beans-5.3.15.jar", text));
        assert!(guessed("spring-beans-5.3.18.jar", text));
        assert!(guessed("beans-5.3.15.jar", text));
        assert!(guessed("spring-beans.jar", text));
        assert!(guessed("spring-beans-5.3.15.jar", ""));
    }

    #[test]
    fn group_comes_from_vendor_id_known_names_or_symbolic_name() {
        let guessed = |path: &str, text: &str| {
            let c = guess(path, &manifest(text)).unwrap();
            format!("{}:{}:{}", c.group, c.artifact, c.version)
        };
        assert_eq!(
            guessed("spring-beans-5.3.15.jar", "Implementation-Title: spring-beans\n"),
            "org.springframework:spring-beans:5.3.15"
        );
        assert_eq!(
            guessed(
                "jackson-databind-2.9.1.jar",
                "Bundle-SymbolicName: com.fasterxml.jackson.core.jackson-databind;singleton:=true\n"
            ),
            "com.fasterxml.jackson.core:jackson-databind:2.9.1"
        );
        assert_eq!(
            guessed(
                "x.jar",
                "Implementation-Vendor-Id: org.acme\nImplementation-Title: tool\nImplementation-Version: 2\n"
            ),
            "org.acme:tool:2"
        );
        assert_eq!(guessed("thing-1.0.jar", ""), ":thing:1.0");
        assert_eq!(guessed("thing.jar", ""), ":thing:");
    }
}
