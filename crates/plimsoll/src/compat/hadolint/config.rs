//! What hadolint is told: by the environment, by a configuration file, by flags. In: those three. Out: one [`Settings`], and
//! what of it could not be read. What it does not do: read the environment; its variables come as a function.
//!
//! Lists add up (environment, file, flags). A single value is the flags', else the file's, else the environment's. A switch
//! is on where anybody puts it on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use plimsoll_checks::dockerfile::{LabelForm, Options};
use plimsoll_yaml::{Node, Value};

use super::formats::Format;
use super::levels::Level;

/// What one source says.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Part {
    pub formats: Vec<Format>,
    pub threshold: Option<Level>,
    pub no_fail: bool,
    pub no_color: bool,
    pub verbose: bool,
    pub strict_labels: bool,
    pub disable_ignore_pragma: bool,
    pub ignored: Vec<String>,
    /// For each level the rules that have it from now on.
    pub overrides: BTreeMap<Level, Vec<String>>,
    pub trusted_registries: Vec<String>,
    pub labels: Vec<(String, LabelForm)>,
}

/// What holds.
#[derive(Debug)]
pub struct Settings {
    pub formats: Vec<Format>,
    pub threshold: Level,
    pub no_fail: bool,
    pub no_color: bool,
    pub verbose: bool,
    pub disable_ignore_pragma: bool,
    pub ignored: BTreeSet<String>,
    pub overrides: BTreeMap<String, Level>,
    pub options: Options,
}

impl Settings {
    pub fn of(environment: Part, file: Part, flags: Part) -> Settings {
        let mut settings = Settings {
            formats: Vec::new(),
            threshold: flags.threshold.or(file.threshold).or(environment.threshold).unwrap_or(Level::Info),
            no_fail: false,
            no_color: false,
            verbose: false,
            disable_ignore_pragma: false,
            ignored: BTreeSet::new(),
            overrides: BTreeMap::new(),
            options: Options { as_hadolint: true, ..Options::default() },
        };
        for part in [environment, file, flags] {
            // The formats of the more particular source stand alone: two reports in one stream can be read by nobody.
            if !part.formats.is_empty() {
                settings.formats = part.formats;
            }
            settings.no_fail |= part.no_fail;
            settings.no_color |= part.no_color;
            settings.verbose |= part.verbose;
            settings.disable_ignore_pragma |= part.disable_ignore_pragma;
            settings.options.strict_labels |= part.strict_labels;
            settings.ignored.extend(part.ignored);
            settings.options.trusted_registries.extend(part.trusted_registries);
            for (name, form) in part.labels {
                settings.options.label_schema.entry(name).or_insert(form);
            }
            // The strongest level counts where a rule is named under several.
            for (level, codes) in part.overrides {
                for code in codes {
                    let now = settings.overrides.entry(code).or_insert(level);
                    *now = level.max(*now);
                }
            }
        }
        if settings.formats.is_empty() {
            settings.formats.push(Format::Tty);
        }
        settings
    }

    /// The level of a finding; none where nobody wants to see it.
    pub fn level(&self, code: &str, own: Level) -> Option<Level> {
        let level = self.overrides.get(code).copied().unwrap_or(own);
        (level != Level::Ignore && !self.ignored.contains(code)).then_some(level)
    }
}

/// What hadolint's variables say, and which of them could not be read.
pub fn environment(variable: impl Fn(&str) -> Option<String>) -> (Part, Vec<String>) {
    let mut faults = Vec::new();
    let switch = |name: &str| {
        variable(name)
            .is_some_and(|value| ["1", "y", "yes", "true", "on"].iter().any(|word| value.eq_ignore_ascii_case(word)))
    };
    let list = |name: &str| -> Vec<String> {
        let value = variable(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let mut part = Part {
        no_fail: switch("HADOLINT_NOFAIL"),
        no_color: variable("NO_COLOR").is_some(),
        verbose: switch("HADOLINT_VERBOSE"),
        strict_labels: switch("HADOLINT_STRICT_LABELS"),
        disable_ignore_pragma: switch("HADOLINT_DISABLE_IGNORE_PRAGMA"),
        ignored: list("HADOLINT_IGNORE"),
        trusted_registries: list("HADOLINT_TRUSTED_REGISTRIES"),
        ..Part::default()
    };
    for level in Level::SHOWN {
        let codes = list(&format!("HADOLINT_OVERRIDE_{}", level.name().to_ascii_uppercase()));
        if !codes.is_empty() {
            part.overrides.insert(level, codes);
        }
    }
    for item in list("HADOLINT_REQUIRE_LABELS") {
        match label(&item) {
            Ok(pair) => part.labels.push(pair),
            Err(error) => faults.push(format!("read HADOLINT_REQUIRE_LABELS: {error}")),
        }
    }
    if let Some(value) = variable("HADOLINT_FORMAT").filter(|value| !value.is_empty()) {
        match Format::parse(&value) {
            Some(format) => part.formats.push(format),
            None => faults.push(format!("read HADOLINT_FORMAT: {value:?} is no format; {}", Format::names())),
        }
    }
    if let Some(value) = variable("HADOLINT_FAILURE_THRESHOLD").filter(|value| !value.is_empty()) {
        part.threshold = Level::parse(&value);
        if part.threshold.is_none() {
            faults.push(format!("read HADOLINT_FAILURE_THRESHOLD: {value:?} is no level; {LEVEL_NAMES}"));
        }
    }
    (part, faults)
}

pub const LEVEL_NAMES: &str = "write error, warning, info, style, ignore or none";
const FORM_NAMES: &str = "write text, url, rfc3339, spdx, hash, semver or email";

/// `name:form`; a name alone takes any text.
pub fn label(text: &str) -> Result<(String, LabelForm), String> {
    let (name, form) = text.split_once(':').unwrap_or((text, ""));
    let form = if form.is_empty() { Some(LabelForm::Text) } else { form_named(form) };
    match form {
        Some(form) => Ok((name.to_owned(), form)),
        None => Err(format!("the label {text:?} has no form that is known; {FORM_NAMES}")),
    }
}

fn form_named(word: &str) -> Option<LabelForm> {
    Some(match word {
        "text" => LabelForm::Text,
        "url" => LabelForm::Url,
        "rfc3339" => LabelForm::Rfc3339,
        "spdx" => LabelForm::Spdx,
        "hash" => LabelForm::Hash,
        "semver" => LabelForm::Semver,
        "email" => LabelForm::Email,
        _ => return None,
    })
}

/// Where a configuration is looked for when none is named; the first that is there wins.
pub fn search(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let mut paths = vec![PathBuf::from(".hadolint.yaml"), PathBuf::from(".hadolint.yml")];
    if let Some(xdg) = folder("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config"))) {
        paths.extend(["hadolint.yaml", "hadolint.yml"].map(|name| xdg.join(name)));
    }
    if let Some(home) = home {
        paths.extend(
            ["hadolint.yaml", "hadolint.yml", "config.yaml", "config.yml"]
                .map(|name| home.join(".hadolint").join(name)),
        );
        paths.extend([".hadolint.yaml", ".hadolint.yml"].map(|name| home.join(name)));
    }
    paths
}

/// What a configuration file says.
#[derive(Debug, Default)]
pub struct File {
    pub part: Part,
    /// What was asked for and could not be understood.
    pub faults: Vec<String>,
    /// What is no fault, and probably not what was meant.
    pub notes: Vec<String>,
}

/// Reads a configuration; `path` is for the messages.
pub fn read(path: &Path, text: &str) -> File {
    let mut file = File::default();
    let (documents, fault) = plimsoll_yaml::documents(text);
    let path = path.display();
    if let Some(fault) = fault {
        file.faults.push(format!("read {path}:{}:{}: {}", fault.line, fault.column, fault.message));
    }
    if documents.len() > 1 {
        file.faults.push(format!("read {path}: it holds {} documents; only the first counts", documents.len()));
    }
    let Some(root) = documents.first() else { return file };
    if !matches!(root.value, Value::Map(_)) {
        // Nothing but comments is a configuration that says nothing.
        if root.string().is_some() || !root.items().is_empty() {
            file.faults.push(format!("read {path}:{}: it is no mapping of settings", root.line));
        }
        return file;
    }
    for (key, value) in root.pairs() {
        let name = key.text().unwrap_or_default();
        let set = entry(&mut file.part, name, value);
        match set {
            Ok(true) => {}
            Ok(false) => file.notes.push(format!("{path}:{}: no setting is called {name:?}; it is left out", key.line)),
            Err(error) => file.faults.push(format!("read {path}:{}: {name}: {error}", value.line)),
        }
    }
    file
}

/// Takes one setting over; false where there is none of that name.
fn entry(part: &mut Part, name: &str, value: &Node) -> Result<bool, String> {
    match name {
        "failure-threshold" => {
            let word = word(value)?;
            part.threshold = Some(Level::parse(word).ok_or_else(|| format!("{word:?} is no level; {LEVEL_NAMES}"))?);
        }
        "format" => {
            let word = word(value)?;
            let format = Format::parse(word).ok_or_else(|| format!("{word:?} is no format; {}", Format::names()))?;
            part.formats.push(format);
        }
        "ignored" => part.ignored = words(value)?,
        "trustedRegistries" => part.trusted_registries = words(value)?,
        "override" => {
            for (key, value) in mapping(value)? {
                let name = key.text().unwrap_or_default();
                let level = Level::SHOWN.into_iter().find(|level| level.name() == name);
                let level =
                    level.ok_or_else(|| format!("{name:?} is no level; write error, warning, info or style"))?;
                part.overrides.insert(level, words(value)?);
            }
        }
        "label-schema" => {
            for (key, value) in mapping(value)? {
                let word = word(value)?;
                let form = form_named(word).ok_or_else(|| format!("{word:?} is no form; {FORM_NAMES}"))?;
                part.labels.push((key.text().unwrap_or_default().to_owned(), form));
            }
        }
        "no-fail" => part.no_fail = switch(value)?,
        "no-color" => part.no_color = switch(value)?,
        "strict-labels" => part.strict_labels = switch(value)?,
        "disable-ignore-pragma" => part.disable_ignore_pragma = switch(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn word(value: &Node) -> Result<&str, String> {
    value.string().ok_or_else(|| "it is no word".to_owned())
}

/// Nothing at all is an empty list.
fn words(value: &Node) -> Result<Vec<String>, String> {
    match &value.value {
        Value::List(items) => items
            .iter()
            .map(|item| word(item).map(str::to_owned).map_err(|_| "an item is no word".to_owned()))
            .collect(),
        Value::Scalar { .. } if value.string().is_none() => Ok(Vec::new()),
        _ => Err("it is no list; write each item on a line of its own behind `- `".into()),
    }
}

type Pairs = [(Rc<Node>, Rc<Node>)];

fn mapping(value: &Node) -> Result<&Pairs, String> {
    match &value.value {
        Value::Map(pairs) => Ok(pairs),
        Value::Scalar { .. } if value.string().is_none() => Ok(&[]),
        _ => Err("it is no mapping".into()),
    }
}

fn switch(value: &Node) -> Result<bool, String> {
    match value.text() {
        Some("true" | "True" | "TRUE") => Ok(true),
        Some("false" | "False" | "FALSE") => Ok(false),
        _ => Err("it is neither true nor false".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> File {
        read(Path::new("c.yaml"), text)
    }

    fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn every_setting_of_a_file_is_read() {
        let file =
            of("failure-threshold: warning\nformat: json\nignored: [DL3006, SC2086]\nno-fail: true\nno-color: true\n\
            strict-labels: true\ndisable-ignore-pragma: true\ntrustedRegistries: ['*.io']\nlabel-schema:\n  v: semver\n\
            override:\n  error: [DL3015]\n  style: [DL3018]\n");
        assert_eq!((&file.faults, &file.notes), (&vec![], &vec![]));
        assert_eq!(
            file.part,
            Part {
                formats: vec![Format::Json],
                threshold: Some(Level::Warning),
                no_fail: true,
                no_color: true,
                verbose: false,
                strict_labels: true,
                disable_ignore_pragma: true,
                ignored: vec!["DL3006".into(), "SC2086".into()],
                overrides: BTreeMap::from([
                    (Level::Error, vec!["DL3015".to_owned()]),
                    (Level::Style, vec!["DL3018".to_owned()])
                ]),
                trusted_registries: vec!["*.io".into()],
                labels: vec![("v".into(), LabelForm::Semver)],
            }
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_the_rest_holds() {
        for (text, words) in [
            ("failure-threshold: ERROR\n", "c.yaml:1: failure-threshold: \"ERROR\" is no level"),
            ("ignored: DL3006\n", "c.yaml:1: ignored: it is no list"),
            ("\nformat: xml\n", "c.yaml:2: format: \"xml\" is no format"),
            ("override:\n  ignore: [DL1]\n", "override: \"ignore\" is no level"),
            ("label-schema: {a: date}\n", "label-schema: \"date\" is no form"),
            ("no-fail: 'yes'\n", "no-fail: it is neither"),
            ("ignored: [[]]\n", "ignored: an item is no word"),
            ("- a\n", "it is no mapping of settings"),
            ("ignored: [\n", "c.yaml:1:10"),
            ("a: 1\n---\nb: 1\n", "it holds 2 documents"),
        ] {
            let file = of(text);
            assert_eq!(file.faults.len(), 1, "{text}: {:?}", file.faults);
            assert!(file.faults[0].contains(words), "{text}: {:?}", file.faults);
        }
        let file = of("failure-threshold: soon\nignored: [DL3006]\nfailure_threshold: error\n");
        assert_eq!((file.part.ignored.len(), file.faults.len(), file.notes.len()), (1, 1, 1));
        for nothing in ["", "# a\n", "~\n", "ignored:\noverride:\nlabel-schema:\n"] {
            assert!(of(nothing).faults.is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn switches_and_lists_of_the_environment_are_read() {
        for (value, on) in
            [("1", true), ("Y", true), ("TRUE", true), ("on", true), ("0", false), ("no", false), ("", false)]
        {
            assert_eq!(environment(variables(&[("HADOLINT_NOFAIL", value)])).0.no_fail, on, "{value}");
        }
        let (part, faults) = environment(variables(&[
            ("HADOLINT_IGNORE", "DL3006, DL3004,"),
            ("HADOLINT_OVERRIDE_INFO", "DL3008"),
            ("HADOLINT_REQUIRE_LABELS", "a,b:semver"),
            ("HADOLINT_FORMAT", "sarif"),
            ("HADOLINT_FAILURE_THRESHOLD", "none"),
            ("NO_COLOR", ""),
        ]));
        assert!(faults.is_empty() && part.no_color);
        assert_eq!(part.ignored, ["DL3006", "DL3004"]);
        assert_eq!(part.overrides[&Level::Info], ["DL3008"]);
        assert_eq!(part.labels, [("a".to_owned(), LabelForm::Text), ("b".to_owned(), LabelForm::Semver)]);
        assert_eq!((part.formats, part.threshold), (vec![Format::Sarif], Some(Level::Ignore)));
        let bad =
            [("HADOLINT_REQUIRE_LABELS", "a:x"), ("HADOLINT_FORMAT", "JSON"), ("HADOLINT_FAILURE_THRESHOLD", "all")];
        assert_eq!(environment(variables(&bad)).1.len(), 3);
    }

    #[test]
    fn lists_add_up_and_single_values_are_of_the_nearest() {
        let part = |ignored: &str, threshold, format, level| Part {
            ignored: vec![ignored.to_owned()],
            threshold,
            formats: Vec::from_iter(format),
            overrides: BTreeMap::from([(level, vec!["DL1".to_owned()])]),
            labels: vec![("a".into(), if level == Level::Style { LabelForm::Url } else { LabelForm::Text })],
            ..Part::default()
        };
        let settings = Settings::of(
            part("A", Some(Level::Style), Some(Format::Gnu), Level::Style),
            part("B", Some(Level::Error), Some(Format::Json), Level::Error),
            part("C", None, None, Level::Info),
        );
        assert_eq!(settings.ignored.iter().collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!((settings.threshold, settings.formats.as_slice()), (Level::Error, &[Format::Json][..]));
        assert_eq!(settings.options.label_schema["a"], LabelForm::Url);
        assert_eq!(settings.level("DL1", Level::Info), Some(Level::Error));
        assert_eq!(settings.level("DL2", Level::Ignore), None);
        assert_eq!(settings.level("B", Level::Error), None);
    }

    #[test]
    fn first_place_with_a_configuration_is_the_folder() {
        let paths = |pairs: &[(&str, &str)]| -> Vec<String> {
            search(variables(pairs)).iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            paths(&[("HOME", "/h")]),
            [
                ".hadolint.yaml",
                ".hadolint.yml",
                "/h/.config/hadolint.yaml",
                "/h/.config/hadolint.yml",
                "/h/.hadolint/hadolint.yaml",
                "/h/.hadolint/hadolint.yml",
                "/h/.hadolint/config.yaml",
                "/h/.hadolint/config.yml",
                "/h/.hadolint.yaml",
                "/h/.hadolint.yml"
            ]
        );
        assert_eq!(paths(&[("HOME", ""), ("XDG_CONFIG_HOME", "/x")])[2], "/x/hadolint.yaml");
        assert_eq!(paths(&[]).len(), 2);
    }
}
