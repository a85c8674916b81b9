//! What the rules of any shell are called, and why they matter.

use plimsoll_model::{RuleInfo, Severity};

use super::give;
use crate::dockerfile::Rule;

macro_rules! rules {
    ($($name:ident: $severity:ident, $id:literal, $aliases:expr, $opt_in:literal, $title:literal, $why:literal, $remedy:literal,
       $bad:literal, $good:literal;)*) => {
        $(pub const $name: Rule = Rule {
            info: RuleInfo {
                id: $id,
                severity: Severity::$severity,
                aliases: &$aliases,
                opt_in: $opt_in,
                title: $title,
                why: $why,
                remedy: $remedy,
                bad: $bad,
                good: $good,
            },
            check: |file, _, found| give(file, $id, found),
        };)*
    };
}
pub(super) use rules;

rules! {
    VARIABLE: Low, "unquoted-variable", ["SC2086"], false,
        "a variable in a script is not quoted",
        "The shell splits the value at blanks and replaces `*` and `?` in it by names of files. The command then gets other \
         arguments than those that were meant.",
        "write `\"$name\"`, or leave it where several words are meant and say so in an ignore",
        "FROM debian:12\nRUN v=$(cat /v) && mkdir /opt/$v\n",
        "FROM debian:12\nRUN v=$(cat /v) && mkdir /opt/\"$v\"\n";
    SUBSTITUTION: Low, "unquoted-substitution", ["SC2046"], false,
        "what a command prints is not quoted",
        "The shell splits what `$(…)` gives at blanks and replaces `*` and `?` in it by names of files.",
        "write `\"$(…)\"`",
        "FROM debian:12\nRUN touch /built-$(date)\n",
        "FROM debian:12\nRUN touch \"/built-$(date)\"\n";
    BACKQUOTES: Low, "backquoted-command", ["SC2006"], false,
        "a command stands in backquotes",
        "Backquotes are the old form of `$(…)`. Nested ones need backslashes, and backslashes in them mean something else.",
        "write `$(…)`",
        "FROM debian:12\nRUN v=`cat /v`\n",
        "FROM debian:12\nRUN v=$(cat /v)\n";
    SINGLE_QUOTES: Low, "variable-in-single-quotes", ["SC2016"], true,
        "a variable is printed in single quotes",
        "Nothing is replaced in single quotes: `echo '$HOME'` prints a dollar sign. That is right for a line of a profile, and \
         wrong where the value was meant.",
        "use double quotes where the value is meant",
        "FROM debian:12\nRUN echo 'built for $TARGETARCH' > /built\n",
        "FROM debian:12\nRUN echo \"built for $TARGETARCH\" > /built\n";
    ECHO_ESCAPES: Low, "backslash-in-echo", ["SC2028"], false,
        "`echo` is given `\\n` or its like",
        "The `echo` of dash makes a line break of `\\n`, that of bash and of BusyBox prints a backslash and an n. The same line \
         writes another file when the base changes.",
        "use `printf`",
        "FROM debian:12\nRUN echo 'a=1\\nb=2' > /etc/app.conf\n",
        "FROM debian:12\nRUN printf 'a=1\\nb=2\\n' > /etc/app.conf\n";
    GLOB_AS_FLAG: Low, "wildcard-may-be-flag", ["SC2035"], false,
        "a wildcard at the beginning of an argument",
        "A file whose name begins with a dash becomes a flag of the command: `rm *` with a file `-rf` removes folders too.",
        "write `./*`, or `--` before it",
        "FROM debian:12\nRUN dpkg -i *.deb\n",
        "FROM debian:12\nRUN dpkg -i ./*.deb\n";
    ARGUMENTS: Medium, "unquoted-arguments", ["SC2068"], false,
        "`$@` or all of an array is not quoted",
        "Without quotes each element is split at blanks again, so that `a b` becomes two.",
        "write `\"$@\"`",
        "FROM debian:12\nRUN set -- 'a b' && touch $@\n",
        "FROM debian:12\nRUN set -- 'a b' && touch \"$@\"\n";
    REMOVAL: Medium, "removal-below-empty-variable", ["SC2115"], false,
        "`rm -r` of what may be a folder of the system",
        "Where the variable is empty, `rm -rf \"$dir/\"*` is `rm -rf /*`. A build argument without a value is enough.",
        "write `${dir:?}`: the command then fails where the variable is empty",
        "FROM debian:12\nARG BUILD\nRUN rm -rf \"$BUILD\"/*\n",
        "FROM debian:12\nARG BUILD\nRUN rm -rf \"${BUILD:?}\"/*\n";
    RANGE: Low, "unquoted-brackets", ["SC2102"], false,
        "brackets of an argument are a wildcard",
        "To the shell, `uvicorn[standard]` is a wildcard that stands for `uvicorns`, `uvicornt` and so on. It stays as it is only as \
         long as no file has such a name.",
        "quote it",
        "FROM debian:12\nRUN pip install uvicorn[standard]==0.30.0\n",
        "FROM debian:12\nRUN pip install 'uvicorn[standard]==0.30.0'\n";
    CD: Medium, "cd-unchecked", ["SC2164"], false,
        "`cd` without a look at whether it worked",
        "Where the folder is not there, the commands after `;` run in the folder before, and remove or overwrite what is there.",
        "write `cd folder && …`, or `WORKDIR`",
        "FROM debian:12\nRUN cd /src; make\n",
        "FROM debian:12\nRUN cd /src && make\n";
    AND_OR: Low, "and-or-as-if", ["SC2015"], false,
        "`a && b || c` is no if-then-else",
        "`c` runs where `a` fails, and also where `a` works and `b` fails.",
        "write `if a; then b; else c; fi`",
        "FROM debian:12\nRUN test -e /x && make || touch /y\n",
        "FROM debian:12\nRUN if test -e /x; then make; else touch /y; fi\n";
    STATUS: Low, "status-asked-later", ["SC2181"], false,
        "`$?` is compared after the command",
        "A line that somebody puts between the command and the comparison changes `$?`, and with `set -e` the comparison is never \
         reached.",
        "write `if command; then`, or `if ! command; then`",
        "FROM debian:12\nRUN make; if [ $? -ne 0 ]; then exit 1; fi\n",
        "FROM debian:12\nRUN if ! make; then exit 1; fi\n";
    EGREP: Low, "egrep-used", ["SC2196"], false,
        "`egrep` is used",
        "`egrep` was never in POSIX; GNU grep warns of it since 3.8 and will drop it.",
        "write `grep -E`",
        "FROM debian:12\nRUN egrep 'a|b' /etc/x\n",
        "FROM debian:12\nRUN grep -E 'a|b' /etc/x\n";
    FGREP: Low, "fgrep-used", ["SC2197"], false,
        "`fgrep` is used",
        "`fgrep` was never in POSIX; GNU grep warns of it since 3.8 and will drop it.",
        "write `grep -F`",
        "FROM debian:12\nRUN fgrep a.b /etc/x\n",
        "FROM debian:12\nRUN grep -F a.b /etc/x\n";
    MKDIR: Medium, "mode-of-last-folder-only", ["SC2174"], false,
        "`mkdir -p -m` gives its mode to the last folder alone",
        "The folders that it makes on the way get the usual mode, so that what was meant to be closed is open further up.",
        "make each folder with its mode, or `chmod` them",
        "FROM debian:12\nRUN mkdir -p -m 700 /srv/a/b\n",
        "FROM debian:12\nRUN mkdir -m 700 /srv/a && mkdir -m 700 /srv/a/b\n";
    EXPORT: Medium, "failure-hidden-by-export", ["SC2155"], false,
        "a command in the value of `export`",
        "The status of `export v=$(command)` is that of `export`, which works always. Where the command fails, the build goes on \
         with an empty value.",
        "write `v=$(command) && export v`",
        "FROM debian:12\nRUN export V=\"$(cat /v)\" && make\n",
        "FROM debian:12\nRUN V=$(cat /v) && export V && make\n";
    FIND_PATTERN: Medium, "unquoted-find-pattern", ["SC2061"], false,
        "a pattern of `find` is not quoted",
        "Where a name in the current folder matches, the shell puts that name in the place of the pattern, and `find` looks for it \
         alone.",
        "quote the pattern",
        "FROM debian:12\nRUN find / -name *.pyc -delete\n",
        "FROM debian:12\nRUN find / -name '*.pyc' -delete\n";
    FIND_XARGS: Low, "names-split-by-xargs", ["SC2038"], false,
        "`xargs` reads names that may have blanks",
        "`xargs` splits at blanks and gives quotes a meaning. A file `a b` becomes two names.",
        "write `find … -print0 | xargs -0 …`, or `find … -exec … {} +`",
        "FROM debian:12\nRUN find /src | xargs chown app\n",
        "FROM debian:12\nRUN find /src -print0 | xargs -0 chown app\n";
    JOINED_TEST: Low, "tests-joined-in-brackets", ["SC2166"], false,
        "`-a` or `-o` inside `[`",
        "POSIX took `-a` and `-o` out of `[`: with some values, shells disagree about what is an operator.",
        "write `[ … ] && [ … ]`",
        "FROM debian:12\nRUN if [ -f /a -a -f /b ]; then make; fi\n",
        "FROM debian:12\nRUN if [ -f /a ] && [ -f /b ]; then make; fi\n";
    READ: Low, "read-takes-backslashes", ["SC2162"], false,
        "`read` without `-r`",
        "`read` takes backslashes away and joins lines that end with one.",
        "write `read -r`",
        "FROM debian:12\nRUN while read line; do touch \"$line\"; done < /list\n",
        "FROM debian:12\nRUN while read -r line; do touch \"$line\"; done < /list\n";
}
