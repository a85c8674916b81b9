//! Java archives: jars, wars, ears, and those inside them. In: an archive. Out: a package per `pom.properties`, and for an
//! archive that has none of its own a guess from manifest and file name, marked as one. What it does not do: look classes
//! up by digest. Names are `group:artifact`.

use std::collections::BTreeMap;

use plimsoll_model::{Ecosystem, Location, Package, Problem, ProblemKind};

use super::jar_names::{self, Coordinates};
use super::zip::{Archive, Member, ZipError};
use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::text;

pub const READER: Reader = Reader {
    id: "jar",
    what: "Java archive",
    ecosystem: Ecosystem::Maven,
    scope: Scope::Image,
    wants: |file: &Candidate<'_>| is_archive(file.name()),
    markers: &[],
    companion: None,
    max_size: 1 << 30,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.path),
};

/// A jar in a war in an ear makes three; more than twice that is no application.
const MAX_DEPTH: usize = 8;
/// Members of an archive and all archives in it: the largest application servers have some 300,000.
const MAX_MEMBERS: usize = 2_000_000;
/// Archives in an archive, itself included: each costs a search for its directory.
const MAX_ARCHIVES: usize = 20_000;
/// Bytes unpacked of one file in all, nested archives and metadata together.
const MAX_UNPACKED: u64 = 2 << 30;
/// Bytes of one nested archive: it is held in memory.
const MAX_NESTED: u64 = 512 << 20;
/// Bytes of one `pom.properties` or manifest.
const MAX_METADATA: u64 = 1 << 20;
/// Characters of a group, artifact or version.
const MAX_FIELD: usize = 512;
/// Packages of one file.
const MAX_PACKAGES: usize = 100_000;
/// Broken members are told one by one up to here.
const MAX_PROBLEMS: usize = 20;

fn is_archive(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ext)| {
        ["jar", "war", "ear", "par", "sar", "hpi", "jpi", "nar", "kar"]
            .iter()
            .any(|known| ext.eq_ignore_ascii_case(known))
    })
}

/// The file that a package of a nested archive lies in: `a.war` of `a.war/WEB-INF/lib/b.jar`, any other path as it is.
pub fn outermost(path: &str) -> &str {
    let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
    ends.into_iter().find(|prefix| is_archive(prefix.rsplit('/').next().unwrap_or_default())).unwrap_or(path)
}

/// Packages of an archive; `path` is where it lies, for nested ones `outer.war/WEB-INF/lib/inner.jar`.
pub fn parse(bytes: &[u8], path: &str) -> ReadOutput {
    let mut walk = Walk { out: ReadOutput::default(), archives: 0, members: 0, unpacked: 0, full: false };
    walk.archive(bytes, path, 0);
    walk.out
}

struct Walk {
    out: ReadOutput,
    archives: usize,
    members: usize,
    unpacked: u64,
    /// A limit was hit: nothing more is read.
    full: bool,
}

impl Walk {
    fn problem(&mut self, kind: ProblemKind, path: &str, message: impl Into<String>) {
        if self.out.problems.len() < MAX_PROBLEMS {
            self.out.problems.push(Problem::undecided(kind, message).at(Location::path(path)));
        }
    }

    fn stop(&mut self, path: &str, what: String) {
        self.full = true;
        // Past the cap on messages too: a limit that was hit must be told.
        let problem =
            Problem::undecided(ProblemKind::LimitReached, format!("Java archive {what}; the rest was not read"));
        self.out.problems.push(problem.at(Location::path(path)));
    }

    fn broken(&mut self, path: &str, error: &ZipError) {
        let kind =
            if matches!(error, ZipError::TooLarge(_)) { ProblemKind::LimitReached } else { ProblemKind::BrokenArchive };
        self.problem(kind, path, format!("read Java archive: {error}"));
    }

    fn archive(&mut self, bytes: &[u8], path: &str, depth: usize) {
        self.archives += 1;
        if self.archives > MAX_ARCHIVES {
            return self.stop(path, format!("holds more than {MAX_ARCHIVES} archives"));
        }
        let archive = match Archive::open(bytes) {
            Ok(archive) => archive,
            Err(error) => return self.broken(path, &error),
        };
        let mut manifest = BTreeMap::new();
        let mut artifacts: Vec<String> = Vec::new();
        for member in archive.members() {
            if self.full {
                return;
            }
            self.members += 1;
            if self.members > MAX_MEMBERS {
                return self.stop(path, format!("has more than {MAX_MEMBERS} members"));
            }
            let member = match member {
                Ok(member) => member,
                Err(error) => {
                    self.broken(path, &error);
                    continue;
                }
            };
            let name = member.name.rsplit('/').next().unwrap_or_default();
            if name == "pom.properties" {
                let Some(bytes) = self.unpack(&member, MAX_METADATA, path) else { continue };
                let coordinates = pom_properties(&text(&bytes));
                if !coordinates.artifact.is_empty() && !coordinates.version.is_empty() {
                    artifacts.extend(Some(coordinates.artifact.clone()).filter(|name| name.len() <= MAX_FIELD));
                    self.package(coordinates, path);
                }
            } else if member.name == "META-INF/MANIFEST.MF" {
                if let Some(bytes) = self.unpack(&member, MAX_METADATA, path) {
                    manifest = jar_names::manifest(&text(&bytes));
                }
            } else if is_archive(name) {
                if depth + 1 >= MAX_DEPTH {
                    self.problem(
                        ProblemKind::LimitReached,
                        path,
                        format!("Java archive nests deeper than {MAX_DEPTH} levels"),
                    );
                    continue;
                }
                let Some(inner) = self.unpack(&member, MAX_NESTED, path) else { continue };
                self.archive(&inner, &format!("{path}/{}", inner_path(&member.name)), depth + 1);
            }
        }
        // Shaded archives carry the `pom.properties` of others without their own.
        let own = jar_names::file_name(path).is_some_and(|(artifact, _)| !artifacts.iter().any(|a| a == artifact));
        if (artifacts.is_empty() || own)
            && let Some(coordinates) = jar_names::guess(path, &manifest)
        {
            self.package(coordinates, path);
        }
    }

    fn unpack<'a>(&mut self, member: &Member<'a>, limit: u64, path: &str) -> Option<std::borrow::Cow<'a, [u8]>> {
        let left = MAX_UNPACKED.saturating_sub(self.unpacked);
        match member.unpack(limit.min(left)) {
            Ok(bytes) => {
                self.unpacked += bytes.len() as u64;
                Some(bytes)
            }
            Err(ZipError::TooLarge(_)) if left < limit => {
                self.stop(path, format!("unpacks to more than {} GiB", MAX_UNPACKED >> 30));
                None
            }
            Err(error) => {
                self.broken(path, &error);
                None
            }
        }
    }

    fn package(&mut self, coordinates: Coordinates, path: &str) {
        if self.out.packages.len() >= MAX_PACKAGES {
            return self.stop(path, format!("names more than {MAX_PACKAGES} packages"));
        }
        let Coordinates { group, artifact, version, guessed } = coordinates;
        if [&group, &artifact, &version].iter().any(|field| field.len() > MAX_FIELD) {
            let message = format!("read Java archive: it names a package of more than {MAX_FIELD} characters");
            return self.problem(ProblemKind::UnreadableMetadata, path, message);
        }
        let name = if group.is_empty() { artifact } else { format!("{group}:{artifact}") };
        let same = |p: &&Package| p.name == name && p.version == version && p.location.path == path;
        // Doubles of one archive stand close together.
        if self.out.packages.iter().rev().take(64).any(|p| same(&p)) {
            return;
        }
        let mut package = Package::new(Ecosystem::Maven, READER.id, name, version);
        package.location = Location::path(path);
        package.guessed = guessed;
        self.out.packages.push(package);
    }
}

/// A member's name as a path: no `..`, no leading slash, of bounded length.
fn inner_path(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let path = parts.join("/");
    path.chars().take(1024).collect()
}

/// `key=value` lines of a Java properties file, as Maven writes them.
fn pom_properties(text: &str) -> Coordinates {
    let mut out = Coordinates::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let field = match key.trim() {
            "groupId" => &mut out.group,
            "artifactId" => &mut out.artifact,
            "version" => &mut out.version,
            _ => continue,
        };
        value.trim().clone_into(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::zip::tests::archive;
    use super::*;

    fn pom(group: &str, artifact: &str, version: &str) -> Vec<u8> {
        format!("#Generated by Maven\nversion={version}\r\ngroupId={group}\nartifactId={artifact}\n").into_bytes()
    }

    fn found(out: &ReadOutput) -> Vec<(String, String, bool)> {
        out.packages.iter().map(|p| (p.id(), p.location.path.clone(), p.guessed)).collect()
    }

    #[test]
    fn every_pom_properties_of_a_fat_jar_counts() {
        let (a, b) = (pom("org.a", "shop", "1.0"), pom("org.b", "lib", "2.0"));
        let jar = archive(&[
            ("META-INF/MANIFEST.MF", b"Implementation-Title: shop\nImplementation-Version: 9\n", true),
            ("META-INF/maven/org.a/shop/pom.properties", &a, true),
            ("META-INF/maven/org.b/lib/pom.properties", &b, false),
        ]);
        let path = "opt/shop-1.0.jar";
        assert_eq!(
            found(&parse(&jar, path)),
            [("org.a:shop@1.0".into(), path.into(), false), ("org.b:lib@2.0".into(), path.into(), false)]
        );
        // A shaded jar that does not name itself is guessed beside what it carries.
        assert_eq!(found(&parse(&jar, "opt/other-3.0.jar"))[2], ("other@3.0".into(), "opt/other-3.0.jar".into(), true));
        assert_eq!(parse(&jar, "opt/app.jar").packages.len(), 2);
    }

    #[test]
    fn nested_archives_are_opened_where_they_lie() {
        let inner = archive(&[("META-INF/MANIFEST.MF", b"Implementation-Title: spring-beans\n", true)]);
        let war = archive(&[("WEB-INF/lib/spring-beans-5.3.15.jar", &inner, true), ("../lib-1.jar", &inner, false)]);
        assert_eq!(
            found(&parse(&war, "app/hello.war")),
            [
                (
                    "org.springframework:spring-beans@5.3.15".into(),
                    "app/hello.war/WEB-INF/lib/spring-beans-5.3.15.jar".into(),
                    true
                ),
                ("lib@1".into(), "app/hello.war/lib-1.jar".into(), true),
                ("hello@".into(), "app/hello.war".into(), true),
            ]
        );
    }

    #[test]
    fn outermost_archive_is_the_file_on_disk() {
        for (path, file) in
            [("opt/a.war/lib/b.jar", "opt/a.war"), ("opt/b.jar", "opt/b.jar"), ("x/METADATA", "x/METADATA")]
        {
            assert_eq!(outermost(path), file);
        }
    }

    #[test]
    fn endless_nesting_stops_and_is_told() {
        let mut jar = archive(&[]);
        for _ in 0..20 {
            jar = archive(&[("x-1.jar", &jar, true)]);
        }
        let out = parse(&jar, "x-1.jar");
        assert!(out.problems.iter().any(|p| p.kind == ProblemKind::LimitReached));
        assert!(out.packages.len() <= MAX_DEPTH);
    }

    #[test]
    fn archive_of_too_many_archives_stops_and_is_told() {
        let inner = archive(&[]);
        let names: Vec<String> = (0..=MAX_ARCHIVES).map(|i| format!("{i}.jar")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), inner.as_slice(), false)).collect();
        let out = parse(&archive(&files), "x.war");
        assert_eq!(out.problems.iter().filter(|p| p.kind == ProblemKind::LimitReached).count(), 1);
    }

    #[test]
    fn broken_archives_are_undecided() {
        assert_eq!(parse(b"", "a.jar").problems[0].kind, ProblemKind::BrokenArchive);
        let outer = archive(&[("lib/a.jar", b"no zip", false), ("lib/b-1.jar", &archive(&[]), true)]);
        let out = parse(&outer, "x.war");
        assert_eq!(out.problems[0].location.as_ref().unwrap().path, "x.war/lib/a.jar");
        let ids: Vec<_> = out.packages.iter().map(Package::id).collect();
        assert_eq!(ids, ["b@1", "x@"]);
    }
}
