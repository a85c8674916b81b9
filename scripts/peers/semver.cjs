// npm's `semver` as a peer: lines "a<TAB>b" → one of < = > ?; with --range or --range-strict, lines
// "version<TAB>range" → y n ?, pre-releases included or left to npm's own habit.
const { execSync } = require("child_process");
const root = execSync("npm root -g", { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
// npm brings its own; Debian's packages share one.
const places = [root + "/npm/node_modules", "/usr/share/nodejs/npm/node_modules", "/usr/share/nodejs"];
const semver = require(require.resolve("semver", { paths: places }));
const mode = process.argv[2];
const lines = require("fs").readFileSync(0, "utf8").split("\n").slice(0, -1);
const out = lines.map((line) => {
  const [a, b] = line.split("\t");
  if (mode) {
    if (!semver.valid(a)) return "?";
    const options = { includePrerelease: mode === "--range" };
    if (semver.validRange(b, options) === null) return "?";
    return semver.satisfies(a, b, options) ? "y" : "n";
  }
  if (!semver.valid(a) || !semver.valid(b)) return "?";
  return { "-1": "<", 0: "=", 1: ">" }[semver.compare(a, b)];
});
console.log(out.join("\n"));
