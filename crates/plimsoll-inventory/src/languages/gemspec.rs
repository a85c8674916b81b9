//! Installed Ruby gems. In: a `.gemspec` below `specifications`, as RubyGems writes it. Out: its gem. What it does not do:
//! evaluate Ruby. Format: <https://guides.rubygems.org/specification-reference/>.

use plimsoll_model::{Ecosystem, Package};

use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::{text, unreadable};

pub const READER: Reader = Reader {
    id: "gemspec",
    what: "installed Ruby gem",
    ecosystem: Ecosystem::Gem,
    scope: Scope::Image,
    wants: |file: &Candidate<'_>| file.path.ends_with(".gemspec") && file.path.contains("specifications/"),
    markers: &[],
    companion: None,
    max_size: 1 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.path),
};

/// The gem of a specification; where it computes its version, the file's name (`name-version[-platform].gemspec`) gives it.
pub fn parse(bytes: &[u8], path: &str) -> ReadOutput {
    let text = text(bytes);
    let (mut name, mut version, mut licenses) = (None, None, Vec::new());
    for line in text.lines() {
        // `s.name = "rake".freeze`, `spec.version = "1.0"`, `s.licenses = ["MIT".freeze, "Ruby".freeze]`
        let Some((left, right)) = line.split_once('=') else { continue };
        let Some((receiver, attribute)) = left.trim().split_once('.') else { continue };
        if !receiver.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        match attribute {
            "name" => name = name.or_else(|| literals(right).next()),
            "version" => version = version.or_else(|| literals(right).next()),
            "license" | "licenses" => licenses.extend(literals(right).map(str::to_owned)),
            _ => {}
        }
    }
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".gemspec");
    let from_name = stem
        .match_indices('-')
        .map(|(at, _)| (&stem[..at], &stem[at + 1..]))
        .find(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(name, rest)| (name, rest.split('-').next().unwrap_or(rest)));
    let (name, version, guessed) = match (name, version, from_name) {
        (Some(name), Some(version), _) => (name, version, false),
        (name, version, Some((file_name, file_version))) => {
            (name.unwrap_or(file_name), version.unwrap_or(file_version), true)
        }
        _ => return ReadOutput::problem(unreadable("Ruby gem specification", "it names no literal name and version")),
    };
    let mut package = Package::new(Ecosystem::Gem, READER.id, name, version);
    package.licenses = licenses;
    package.guessed = guessed;
    ReadOutput::of(vec![package])
}

/// The quoted strings of an expression that starts with one, or with a list or `Gem::Version.new(` of them.
fn literals(expression: &str) -> impl Iterator<Item = &str> {
    let expression = expression.trim();
    let plain = expression.trim_start_matches(['[', '(', ' ']).trim_start_matches("Gem::Version.new(");
    let rest = if plain.starts_with(['"', '\'']) { plain } else { "" };
    rest.split(['"', '\'']).skip(1).step_by(2).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specification_names_the_gem() {
        let text = b"# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = \"activesupport\".freeze\n  s.version = \"6.0.2.1\"\n  s.required_ruby_version = Gem::Requirement.new(\">= 2.5.0\".freeze)\n  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\n  s.version = \"9\" if false\nend\n";
        let out = parse(text, "var/lib/gems/2.5.0/specifications/activesupport-6.0.2.1.gemspec");
        assert_eq!(out.packages[0].id(), "activesupport@6.0.2.1");
        assert_eq!(out.packages[0].licenses, ["MIT", "Ruby"]);
        assert!(!out.packages[0].guessed);
    }

    #[test]
    fn computed_version_is_taken_from_the_file_name() {
        let text = b"spec.name = 'nokogiri'\nspec.version = Nokogiri::VERSION\n";
        let out = parse(text, "specifications/nokogiri-1.13.0-x86_64-linux.gemspec");
        assert_eq!((out.packages[0].id(), out.packages[0].guessed), ("nokogiri@1.13.0".into(), true));
        assert_eq!(parse(b"", "specifications/x.gemspec").problems.len(), 1);
    }
}
