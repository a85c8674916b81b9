//! The policy document. In: YAML files. Out: a [`LoadLine`] that cannot be wrong, or every fault of every file. What it
//! does not do: open files (the caller's function does) or judge.
//!
//! Included files are LoadLines of their own. Their entries come after those of the file that names them, so that the
//! nearer file's word is found first; its settings win too. Included files that contradict one another are a fault.

use std::collections::HashMap;
use std::io;

use plimsoll_model::LoadLine;
use plimsoll_model::loadline::{
    Authority, BreakGlass, DataRules, Exemption, ImageEntry, Mode, Place, PolicySet, Signer, Waiver, WhenBaselineOnly,
    WhenUndecided, WorkloadRules,
};
use sha2::{Digest as _, Sha256};

use crate::decode::{self, baseline_only, items, mode, name_span, softness, undecided};
use crate::fault::{Fault, Faults, PolicyError, Span};
use crate::yaml::{self, Node};
use crate::{check, keys, signing, units};

/// Opens the file of that path: the reader's only way to the world.
pub type Loader<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// What the reader must know of its siblings to find a misspelt name.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The ids of the image rules that this program has.
    pub footprint_rules: &'a [&'a str],
    /// The ids of its rules for manifests and Dockerfiles.
    pub workload_rules: &'a [&'a str],
}

/// Files that one policy may be made of: a chain of includes ends here even where every file differs.
const MAX_FILES: usize = 64;

/// Reads the policy at `path` with all that it includes. Paths inside are relative to the file that names them.
///
/// # Errors
/// Every fault of every file that could be read, and every file that could not.
pub fn read(path: &str, load: Loader<'_>, known: &Known<'_>) -> Result<LoadLine, PolicyError> {
    let mut reader = Reader { load, known, files: Vec::new(), open: Vec::new(), faults: Vec::new() };
    let path = resolve("", path);
    let draft = match load(&path) {
        Ok(bytes) => reader.file(&path, bytes),
        Err(error) => {
            reader.faults.push(unread(&path, &error));
            None
        }
    };
    reader.finish(draft.unwrap_or_default())
}

/// Reads one policy from bytes; `name` stands in messages, and for relative paths. Such a policy cannot include others.
///
/// # Errors
/// Every fault of the text.
pub fn parse(name: &str, bytes: &[u8], known: &Known<'_>) -> Result<LoadLine, PolicyError> {
    let nothing = |_: &str| Err(io::Error::new(io::ErrorKind::Unsupported, "this policy was not read from a file"));
    let mut reader = Reader { load: &nothing, known, files: Vec::new(), open: Vec::new(), faults: Vec::new() };
    let draft = reader.file(name, bytes.to_vec());
    reader.finish(draft.unwrap_or_default())
}

/// A value, and where it was said: index of the file, and the place.
#[derive(Debug, Clone, Copy)]
struct Said<T> {
    value: T,
    file: usize,
    span: Span,
}

/// What one file (and its includes) says, before the whole is checked.
#[derive(Default)]
struct Draft {
    name: Option<Said<String>>,
    mode: Option<Said<Mode>>,
    undecided: Option<Said<WhenUndecided>>,
    max_age: Option<Said<u64>>,
    baseline_only: Option<Said<WhenBaselineOnly>>,
    advisories: Vec<String>,
    vex: Vec<String>,
    authorities: Vec<Said<Authority>>,
    /// Where entries name authorities.
    mentions: Vec<Said<String>>,
    images: Vec<Said<(ImageEntry, bool)>>,
    exempt: Vec<Exemption>,
    waivers: Vec<Waiver>,
    break_glass: Option<Said<BreakGlass>>,
    workloads: Option<Said<WorkloadRules>>,
    policies: Vec<Said<(PolicySet, bool)>>,
}

struct Reader<'a> {
    load: Loader<'a>,
    known: &'a Known<'a>,
    /// Every file read: path, bytes.
    files: Vec<(String, Vec<u8>)>,
    /// Paths of the files that are being read now, outermost first.
    open: Vec<String>,
    faults: Vec<Fault>,
}

fn unread(path: &str, error: &io::Error) -> Fault {
    Fault {
        file: path.to_owned(),
        span: Span::default(),
        message: format!("could not read this file: {error}"),
        suggestion: None,
        line_text: String::new(),
    }
}

impl Reader<'_> {
    fn file(&mut self, path: &str, bytes: Vec<u8>) -> Option<Draft> {
        let index = self.files.len();
        self.files.push((path.to_owned(), bytes.clone()));
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
                let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
                let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
                let lossy = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let mut faults = Faults::new(path, &lossy);
                let span = Span { line: line as u32, column: column as u32, width: 1 };
                faults.suggest(span, "this byte is not UTF-8", "save the file as UTF-8");
                self.faults.append(&mut faults.list);
                return None;
            }
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut faults = Faults::new(path, text);
        if text.len() > yaml::MAX_BYTES {
            faults.add(Span::default(), format!("the file is larger than {} bytes", yaml::MAX_BYTES));
            self.faults.append(&mut faults.list);
            return None;
        }
        let root = yaml::document(text, &mut faults);
        if let Some(root) = &root {
            check::group(root, &keys::DOCUMENT, self.known, &mut faults);
        }
        let mut draft = root.as_ref().map(|root| self.draft(root, index, path, &mut faults));
        if let (Some(draft), Some(root)) = (&mut draft, &root) {
            self.open.push(path.to_owned());
            self.includes(root, draft, path, &mut faults);
            self.open.pop();
        }
        faults.list.sort_by_key(|f| f.span);
        self.faults.append(&mut faults.list);
        draft
    }

    /// What the file itself says. Values that the check refused are left out here: their fault is said already.
    fn draft(&self, root: &Node, index: usize, path: &str, faults: &mut Faults<'_>) -> Draft {
        let said = |key: &str| root.get(key);
        let data = said("data");
        let paths = |key: &str| -> Vec<String> {
            let list = data.and_then(|d| d.get(key)).map_or(&[][..], Node::items);
            list.iter().filter_map(Node::text).map(|p| resolve(path, p)).collect()
        };
        let place = |node: &Node| Place { file: path.to_owned(), line: node.span.line };
        Draft {
            name: said("metadata").and_then(|m| m.get("name")).and_then(|n| take(n, index, |t| Some(t.to_owned()))),
            mode: said("mode").and_then(|n| take(n, index, mode)),
            undecided: said("undecided").and_then(|n| take(n, index, undecided)),
            max_age: data.and_then(|d| d.get("maxAge")).and_then(|n| take(n, index, |t| units::duration(t).ok())),
            baseline_only: data.and_then(|d| d.get("baselineOnly")).and_then(|n| take(n, index, baseline_only)),
            advisories: paths("advisories"),
            vex: paths("vex"),
            authorities: signing::authorities(root, place, |name| resolve(path, name), faults)
                .into_iter()
                .map(|(value, span)| Said { value, file: index, span })
                .collect(),
            mentions: signing::mentions(root)
                .into_iter()
                .map(|(value, span)| Said { value, file: index, span })
                .collect(),
            images: items(root, "images")
                .iter()
                .map(|node| Said {
                    value: decode::image(node, place, |name| resolve(path, name), faults),
                    file: index,
                    span: name_span(node),
                })
                .collect(),
            exempt: items(root, "exempt").iter().map(|node| decode::exemption(node, place(node), faults)).collect(),
            waivers: items(root, "waivers")
                .iter()
                .map(|node| decode::waiver(node, place(node), self.known, faults))
                .collect(),
            break_glass: root
                .entries()
                .iter()
                .find(|(key, _)| key.text() == Some("breakGlass"))
                .map(|(key, node)| Said { value: decode::break_glass(node, place(key)), file: index, span: key.span }),
            workloads: root.entries().iter().find(|(key, _)| key.text() == Some("workloads")).map(|(key, node)| Said {
                value: decode::workloads(node, place(key)),
                file: index,
                span: key.span,
            }),
            policies: items(root, "policies")
                .iter()
                .filter_map(|node| {
                    let value = decode::policy_set(node, place(node), |name| resolve(path, name), faults)?;
                    Some(Said { value, file: index, span: node.span })
                })
                .collect(),
        }
    }

    fn includes(&mut self, root: &Node, draft: &mut Draft, path: &str, faults: &mut Faults<'_>) {
        let mut joined: Option<Draft> = None;
        for node in items(root, "include") {
            let Some(text) = node.text() else { continue };
            let target = resolve(path, text);
            if self.open.contains(&target) {
                let chain =
                    self.open.iter().map(String::as_str).chain([target.as_str()]).collect::<Vec<_>>().join(" → ");
                faults.add(node.span, format!("these files include one another: {chain}"));
                continue;
            }
            // Two files may rest on the same third one; its entries count once.
            if self.files.iter().any(|(read, _)| *read == target) {
                continue;
            }
            if self.files.len() >= MAX_FILES {
                faults.add(node.span, format!("more than {MAX_FILES} files"));
                return;
            }
            match (self.load)(&target) {
                Err(error) => faults.add(node.span, format!("could not read {target}: {error}")),
                Ok(bytes) => {
                    if let Some(more) = self.file(&target, bytes) {
                        match &mut joined {
                            None => joined = Some(more),
                            Some(joined) => {
                                let mut contradict = |key: &str| {
                                    faults.add(
                                        node.span,
                                        format!(
                                            "the included files contradict one another on `{key}`; say it in this file"
                                        ),
                                    );
                                };
                                differ(&draft.mode, &joined.mode, &more.mode, || contradict("mode"));
                                differ(&draft.undecided, &joined.undecided, &more.undecided, || {
                                    contradict("undecided")
                                });
                                differ(&draft.max_age, &joined.max_age, &more.max_age, || contradict("data.maxAge"));
                                differ(&draft.baseline_only, &joined.baseline_only, &more.baseline_only, || {
                                    contradict("data.baselineOnly");
                                });
                                let glass = |draft: &Draft| {
                                    let mut said = draft.break_glass.clone()?;
                                    said.value.place = Place::default();
                                    Some(said)
                                };
                                differ(&glass(draft), &glass(joined), &glass(&more), || contradict("breakGlass"));
                                let workloads = |draft: &Draft| {
                                    let mut said = draft.workloads.clone()?;
                                    said.value.place = Place::default();
                                    Some(said)
                                };
                                differ(&workloads(draft), &workloads(joined), &workloads(&more), || {
                                    contradict("workloads");
                                });
                                joined.join(more);
                            }
                        }
                    }
                }
            }
        }
        if let Some(joined) = joined {
            draft.join(joined);
        }
    }

    /// The checks that need the whole, and the value.
    fn finish(mut self, draft: Draft) -> Result<LoadLine, PolicyError> {
        let policy_mode = draft.mode.as_ref().map_or(Mode::default(), |m| m.value);
        let mut names: HashMap<String, Place> = HashMap::new();
        let mut late: Vec<Late> = Vec::new();
        for Said { value: (entry, soften), file, span } in &draft.images {
            if let Some(first) = names.insert(entry.name.clone(), entry.place.clone())
                && !entry.name.is_empty()
            {
                let message =
                    format!("a second entry is called `{}`; the first is {}:{}", entry.name, first.file, first.line);
                late.push((*file, *span, message, Some("names are unique, so that a verdict can name one".into())));
            }
            let fault = softened(&format!("entry `{}`", entry.name), entry.mode, *soften, policy_mode);
            late.extend(fault.map(|(message, hint)| (*file, *span, message, hint)));
            if let Some(name) = attests_nothing(entry, &draft.authorities) {
                let message = format!("`{name}` signs as Notation does, which attests nothing");
                let hint = "name an authority by `publicKey`, or by `issuer` and `identity`".to_owned();
                late.push((*file, *span, message, Some(hint)));
            }
        }
        late.extend(authorities(&draft.authorities, &draft.mentions));
        for Said { value: (set, soften), file, span } in &draft.policies {
            let what = format!("`{}: {}`", set.kind.word(), set.path);
            let stricter = set.mode.filter(|mode| softness(*mode) < softness(policy_mode)).map(|_| {
                let message = format!("{what} is stricter than the policy's mode, under which everything runs");
                (message, Some("leave `mode` out, or make the policy's own mode stricter".to_owned()))
            });
            let fault = stricter.or_else(|| softened(&what, set.mode, *soften, policy_mode));
            late.extend(fault.map(|(message, hint)| (*file, *span, message, hint)));
        }
        if let Some(Said { value: workloads, file, span }) = &draft.workloads {
            for name in workloads.runtime_class.iter().flat_map(|rule| &rule.unless).filter(|n| !names.contains_key(*n))
            {
                let hint = crate::fault::did_you_mean(name, names.keys().map(String::as_str));
                late.push((*file, *span, format!("`runtimeClass` spares entry `{name}`, and there is none"), hint));
            }
        }
        if self.faults.is_empty() && draft.images.is_empty() {
            late.push((
                0,
                Span { line: 1, column: 1, width: 1 },
                "the policy has no `images`, so every image would be denied".into(),
                Some("add an entry".into()),
            ));
        }
        if self.faults.is_empty() && draft.name.is_none() {
            late.push((
                0,
                Span { line: 1, column: 1, width: 1 },
                "the policy has no name".into(),
                Some("add `metadata: {name: …}`".into()),
            ));
        }
        for (file, span, message, suggestion) in late {
            if let Some((path, bytes)) = self.files.get(file) {
                let text = String::from_utf8_lossy(bytes);
                let mut faults = Faults::new(path, text.strip_prefix('\u{feff}').unwrap_or(&text));
                faults.push(span, message, suggestion);
                self.faults.append(&mut faults.list);
            }
        }
        if !self.faults.is_empty() {
            let order: Vec<&String> = self.files.iter().map(|(path, _)| path).collect();
            self.faults.sort_by_key(|f| (order.iter().position(|p| **p == f.file), f.span));
            return Err(PolicyError { faults: self.faults });
        }
        let mut hash = Sha256::new();
        for (_, bytes) in &self.files {
            hash.update(bytes);
        }
        Ok(LoadLine {
            name: draft.name.map_or_else(String::new, |n| n.value),
            mode: policy_mode,
            undecided: draft.undecided.map_or_else(WhenUndecided::default, |u| u.value),
            data: DataRules {
                max_age_seconds: draft.max_age.map(|m| m.value),
                baseline_only: draft.baseline_only.map_or_else(WhenBaselineOnly::default, |b| b.value),
                advisories: draft.advisories,
                vex: draft.vex,
            },
            keys: draft.authorities.into_iter().map(|said| said.value).collect(),
            images: draft.images.into_iter().map(|said| said.value.0).collect(),
            exempt: draft.exempt,
            waivers: draft.waivers,
            break_glass: draft.break_glass.map(|said| said.value),
            workloads: draft.workloads.map(|said| said.value),
            policies: draft.policies.into_iter().map(|said| said.value.0).collect(),
            only_registries: Vec::new(),
            files: self.files.into_iter().map(|(path, _)| path).collect(),
            digest: format!("sha256:{}", hex(&hash.finalize())),
        })
    }
}

/// A fault that takes the whole policy to see: index of the file, place, words, way out.
type Late = (usize, Span, String, Option<String>);

/// What is wrong with authorities and with the names that are given for them.
fn authorities(all: &[Said<Authority>], mentions: &[Said<String>]) -> Vec<Late> {
    let mut late: Vec<Late> = Vec::new();
    let mut names: HashMap<&str, &Place> = HashMap::new();
    for (i, Said { value: authority, file, span }) in all.iter().enumerate() {
        if let Some(first) = names.insert(&authority.name, &authority.place) {
            let message = format!(
                "a second authority is called `{}`; the first is {}:{}",
                authority.name, first.file, first.line
            );
            late.push((*file, *span, message, Some("names are unique, also over included files".into())));
        } else if let Some(other) = signing::same(authority, all.iter().take(i).map(|said| &said.value)) {
            let message =
                format!("authority `{}` is the same as `{other}`: one signature would count for two", authority.name);
            late.push((*file, *span, message, Some("keep one of the names".into())));
        }
    }
    let known = all.iter().map(|said| &said.value);
    for Said { value: name, file, span } in mentions.iter().filter(|said| !names.contains_key(said.value.as_str())) {
        let (message, hint) = signing::unknown(name, known.clone());
        late.push((*file, *span, message, hint));
    }
    late
}

/// Whom of these a rule of attestations names that signs as Notation does, which attests nothing: no image could fulfil the rule.
fn attests_nothing<'a>(entry: &'a ImageEntry, all: &[Said<Authority>]) -> Option<&'a String> {
    let notation = |said: &&Said<Authority>| matches!(said.value.signer, Signer::Notation(_));
    let signs_so = |name: &&String| all.iter().filter(notation).any(|said| said.value.name == **name);
    entry.attestations.iter().flat_map(|rule| &rule.by).find(signs_so)
}

/// What is wrong with a mode that is softer than the policy's, or with words that soften nothing, and the way out.
fn softened(what: &str, mode: Option<Mode>, soften: bool, policy: Mode) -> Option<(String, Option<String>)> {
    match mode {
        Some(mode) if softness(mode) > softness(policy) && !soften => Some((
            format!("{what} is softer than the policy's mode without saying so"),
            Some("add `soften: true` beside `mode` if that is meant".into()),
        )),
        None if soften => Some((format!("{what} has `soften` and no `mode`: nothing would be softened"), None)),
        _ => None,
    }
}

impl Draft {
    /// Adds what another file says, where this one is silent, and its entries after this one's.
    fn join(&mut self, other: Draft) {
        self.name = self.name.take().or(other.name);
        self.mode = self.mode.take().or(other.mode);
        self.undecided = self.undecided.take().or(other.undecided);
        self.max_age = self.max_age.take().or(other.max_age);
        self.baseline_only = self.baseline_only.take().or(other.baseline_only);
        self.advisories.extend(other.advisories);
        self.vex.extend(other.vex);
        self.authorities.extend(other.authorities);
        self.mentions.extend(other.mentions);
        self.images.extend(other.images);
        self.policies.extend(other.policies);
        self.exempt.extend(other.exempt);
        self.waivers.extend(other.waivers);
        self.break_glass = self.break_glass.take().or(other.break_glass);
        self.workloads = self.workloads.take().or(other.workloads);
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn differ<T: PartialEq>(own: &Option<Said<T>>, a: &Option<Said<T>>, b: &Option<Said<T>>, say: impl FnOnce()) {
    if let (None, Some(a), Some(b)) = (own, a, b)
        && a.value != b.value
    {
        say();
    }
}

fn take<T>(node: &Node, file: usize, read: impl Fn(&str) -> Option<T>) -> Option<Said<T>> {
    node.text().and_then(read).map(|value| Said { value, file, span: node.span })
}

/// `path` as seen from the file `from`, with `.` and `..` worked out as far as the words go.
pub(crate) fn resolve(from: &str, path: &str) -> String {
    let joined = match from.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path.to_owned(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if matches!(parts.last(), Some(&last) if last != "..") => {
                parts.pop();
            }
            // Above the root there is nothing.
            ".." if joined.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if joined.starts_with('/') {
        format!("/{path}")
    } else if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn paths_are_seen_from_the_file_that_names_them() {
        for (from, path, seen) in [
            ("", "a.yaml", "a.yaml"),
            ("", "./a.yaml", "a.yaml"),
            ("p.yaml", "a.yaml", "a.yaml"),
            ("x/p.yaml", "a.yaml", "x/a.yaml"),
            ("x/p.yaml", "../a.yaml", "a.yaml"),
            ("x/p.yaml", "../../a.yaml", "../a.yaml"),
            ("../p.yaml", "../a.yaml", "../../a.yaml"),
            ("x/p.yaml", "/a/../b", "/b"),
            ("/x/p.yaml", "../../a", "/a"),
            ("x/p.yaml", "..", "."),
            ("/p.yaml", "a", "/a"),
        ] {
            assert_eq!(resolve(from, path), seen, "{from} {path}");
        }
    }
}
