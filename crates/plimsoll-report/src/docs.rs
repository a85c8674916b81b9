//! Documentation that derives from the registry. In: [`FORMATS`] and [`LINT_FORMATS`]. Out: Markdown for `docs/formats.md`.

use crate::formats::FORMATS;
use crate::lint::LINT_FORMATS;

/// The page `docs/formats.md`.
pub fn formats_markdown() -> String {
    let mut out = String::from(
        "# Report formats\n\n\
         <!-- generated from the formats' registry in crates/plimsoll-report; edit there -->\n\n\
         Choose one with `--format NAME` (`-f`). Every format is rendered from the same verdict; none decides anything.\n\
         The same inputs give the same bytes: the time of judgement is an input (`--at`).\n\n\
         | name | what it is | file | media type |\n|---|---|---|---|\n",
    );
    for format in FORMATS {
        out.push_str(&format!(
            "| `{}` | {} | `.{}` | `{}` |\n",
            format.name, format.what, format.extension, format.media_type
        ));
    }
    out.push_str(
        "\nEvery format names the tool's version, the policy and its digest, each database with its digest and date,\n\
         and says what was matched, what has no data and what could not be read.\n\n\
         Names, paths and titles come from images and feeds, that is, from strangers. Characters that steer a terminal,\n\
         hide themselves or turn the direction of reading are shown by their code (`\\u{1b}`, `\\u{202e}`); JSON formats\n\
         write them as `\\u001b`, which reads back as the same text.\n",
    );
    out.push_str(
        "\n## Of `plimsoll lint`\n\n\
         | name | what it is | file | media type |\n|---|---|---|---|\n",
    );
    for format in LINT_FORMATS {
        out.push_str(&format!(
            "| `{}` | {} | `.{}` | `{}` |\n",
            format.name, format.what, format.extension, format.media_type
        ));
    }
    out
}
