#!/usr/bin/env bash
# Checks rendered reports with the validators of those who specified the formats.
#
#   scripts/validate-reports.sh WORK [FOLDER]
#
# WORK    a folder to install the validators into (a Python venv and a node_modules; kept between runs)
# FOLDER  rendered files; left out: the test fixtures of crates/plimsoll-report are rendered into WORK/rendered
#
# Told apart by the ends of their names: *.cdx.json, *.spdx.json, *.sarif, *.checkstyle.xml, *.xml (JUnit), *.html,
# *.gitlab.json (code quality), lint.*.json; every other *.json is our own. Wants python3 (and pip). SARIF is checked against the OASIS schema, taken from the crate serde-sarif, and where npm is
# there by Microsoft's multitool, which knows the rules that the schema does not.
# Exit: 0 all good, 1 a file is not valid, 2 a validator could not be installed.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=${1:?usage: scripts/validate-reports.sh WORK [FOLDER]}
mkdir -p "$work"
work=$(cd "$work" && pwd)
folder=${2:-}

if [ -z "$folder" ]; then
  folder=$work/rendered
  rm -rf "$folder"
  (cd "$here" && PLIMSOLL_RENDER_TO="$folder" cargo test -q -p plimsoll-report --test it -- every_fixture_is_rendered bills_need_no_verdict every_lint_format_is_rendered >"$work/render.log" 2>&1) ||
    { cat "$work/render.log"; exit 1; }
fi

if [ ! -x "$work/venv/bin/check-jsonschema" ]; then
  python3 -m venv "$work/venv" &&
    "$work/venv/bin/pip" install -q --disable-pip-version-check \
      'cyclonedx-python-lib[json-validation]>=11,<12' 'spdx-tools>=0.8.3,<0.9' 'check-jsonschema>=0.30' >"$work/pip.log" 2>&1 ||
    { echo "could not install the validators: see $work/pip.log (hint: is PyPI reachable?)" >&2; exit 2; }
fi
sarif_schema=$work/sarif-schema.json
if [ ! -s "$sarif_schema" ]; then
  mkdir -p "$work/sarif-schema/src"
  : >"$work/sarif-schema/src/lib.rs"
  printf '[package]\nname = "sarif-schema"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nserde-sarif = "=0.8.0"\n[workspace]\n' \
    >"$work/sarif-schema/Cargo.toml"
  (cd "$work/sarif-schema" && cargo fetch -q) && cp "$(cd "$work/sarif-schema" && cargo metadata -q --format-version 1 |
    python3 -c 'import json, os, sys; print([os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == "serde-sarif"][0])'
  )/src/schema.json" "$sarif_schema" ||
    { echo "could not get the SARIF schema (hint: is crates.io reachable?)" >&2; exit 2; }
fi
sarif=
if command -v npm >/dev/null; then
  [ -d "$work/npm/node_modules/@microsoft/sarif-multitool" ] ||
    npm install --silent --no-audit --no-fund --prefix "$work/npm" @microsoft/sarif-multitool@5 >"$work/npm.log" 2>&1 || true
  [ -d "$work/npm/node_modules/@microsoft/sarif-multitool" ] && sarif="$work/npm/node_modules/.bin/sarif-multitool"
fi
[ -n "$sarif" ] || echo "note: no npm, so SARIF logs are checked by the schema alone" >&2

bad=0 count=0
check() { # check NAME COMMAND…
  local name=$1; shift
  count=$((count + 1))
  if "$@" >"$work/out.log" 2>&1; then
    echo "ok    $name"
  else
    echo "BAD   $name"; sed 's/^/      /' "$work/out.log" | head -40; bad=$((bad + 1))
  fi
}

cyclonedx() {
  "$work/venv/bin/python" - "$1" <<'PY'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding="utf-8").read())
if fault:
    sys.exit(str(fault)[:4000])
PY
}

spdx() {
  "$work/venv/bin/python" - "$1" <<'PY'
import sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
faults = validate_full_spdx_document(parse_file(sys.argv[1]))
for fault in faults[:20]:
    print(fault.validation_message, fault.context)
sys.exit(1 if faults else 0)
PY
}

# Errors fail; what the tool only recommends (a code host's taste) does not.
sarif_log() {
  # One of the schema's patterns is no regular expression in JavaScript's strict mode.
  "$work/venv/bin/check-jsonschema" --regex-variant python --schemafile "$sarif_schema" "$1" || return 1
  [ -n "$sarif" ] || return 0
  cp "$1" "$work/log.sarif"
  DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$sarif" validate "$work/log.sarif" --output "$work/validation.sarif" \
    --log ForceOverwrite --level "Error" --kind "Fail" || return 1
  python3 - "$work/validation.sarif" <<'PY'
import json, sys
results = [r for run in json.load(open(sys.argv[1], encoding="utf-8-sig"))["runs"] for r in run.get("results", [])]
errors = [r for r in results if r.get("level", "warning") == "error"]
for r in errors[:20]:
    print(r["ruleId"], json.dumps(r["message"])[:400])
sys.exit(1 if errors else 0)
PY
}

junit() {
  python3 - "$1" <<'PY'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "testsuites", root.tag
for suite in root:
    assert suite.tag == "testsuite" and suite.get("name"), suite.tag
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases)
    for tag, field in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.get(field, 0)) == len(suite.findall(f"testcase/{tag}")), field
    assert all(c.get("name") and c.get("classname") for c in cases)
PY
}

checkstyle() {
  python3 - "$1" <<'PY'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "checkstyle" and root.get("version")
for file in root:
    assert file.tag == "file" and file.get("name"), file.tag
    for error in file:
        assert error.tag == "error" and error.get("message") and error.get("source")
        assert error.get("severity") in ("ignore", "info", "warning", "error") and int(error.get("line", 1)) > 0
PY
}

# The keys that GitLab's documentation of code quality reports asks for.
gitlab() {
  python3 - "$1" <<'PY'
import json, sys
issues = json.load(open(sys.argv[1], encoding="utf-8"))
for issue in issues:
    assert issue["description"] and issue["check_name"] and issue["fingerprint"]
    assert issue["severity"] in ("info", "minor", "major", "critical", "blocker"), issue["severity"]
    assert issue["location"]["path"] and issue["location"]["lines"]["begin"] > 0
assert len({issue["fingerprint"] for issue in issues}) == len(issues), "fingerprints are unique"
PY
}

# One page by itself: well-formed nesting, no address that a browser would fetch, no handler in an attribute.
html() {
  python3 - "$1" <<'PY'
import sys
from html.parser import HTMLParser
VOID = {"meta", "br", "hr", "img", "input", "link", "col", "wbr"}
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids = [], set()
    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "style"), (tag, name)
            if name == "href":
                assert tag == "a" and value.startswith(("https://", "http://", "#")), (tag, value)
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value)
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img"), tag
        if tag not in VOID:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:], self.getpos())
        self.open.pop()
page = Page()
text = open(sys.argv[1], encoding="utf-8").read()
page.feed(text)
assert not page.open, page.open
assert "Content-Security-Policy" in text
PY
}

shopt -s nullglob
for file in "$folder"/*; do
  name=$(basename "$file")
  case $name in
    *.cdx.json) check "$name" cyclonedx "$file" ;;
    *.spdx.json) check "$name" spdx "$file" ;;
    *.sarif) check "$name" sarif_log "$file" ;;
    *.checkstyle.xml) check "$name" checkstyle "$file" ;;
    *.xml) check "$name" junit "$file" ;;
    *.html) check "$name" html "$file" ;;
    *.gitlab.json) check "$name" gitlab "$file" ;;
    lint.*.json) check "$name" "$work/venv/bin/check-jsonschema" --schemafile "$here/docs/schemas/lint-v1.json" "$file" ;;
    *.json) check "$name" "$work/venv/bin/check-jsonschema" --schemafile "$here/docs/schemas/report-v1.json" "$file" ;;
  esac
done
[ $count -gt 0 ] || { echo "could not find a report in $folder" >&2; exit 2; }
echo "$((count - bad)) of $count reports are valid"
[ $bad -eq 0 ]
