//! What the rules about `sh` are called, and why they matter.

use plimsoll_model::{RuleInfo, Severity};

use super::give;
use super::info::rules;
use crate::dockerfile::Rule;

rules! {
    DOUBLE_BRACKETS: Medium, "double-brackets-in-sh", ["SC3010"], false,
        "`[[` in a script of `sh`",
        "`[[` is bash's. Dash, the `sh` of Debian and Ubuntu, says `[[: not found` and takes that for false.",
        "write `[`, or `SHELL [\"/bin/bash\", \"-c\"]`",
        "FROM debian:12\nRUN if [[ -f /a ]]; then make; fi\n",
        "FROM debian:12\nRUN if [ -f /a ]; then make; fi\n";
    DOUBLE_EQUALS: Medium, "double-equals-in-sh", ["SC3014"], false,
        "`==` in a test of `sh`",
        "`==` is bash's. Dash says `unexpected operator` and takes that for false.",
        "write `=`",
        "FROM debian:12\nARG A\nRUN if [ \"$A\" == b ]; then make; fi\n",
        "FROM debian:12\nARG A\nRUN if [ \"$A\" = b ]; then make; fi\n";
    ECHO_FLAG: Medium, "echo-flag-in-sh", ["SC3037", "SC3036"], false,
        "a flag of `echo` that `sh` need not have",
        "Dash prints `-e` as it stands, so that the file begins with it.",
        "use `printf`",
        "FROM debian:12\nRUN echo -e 'a\\tb' > /etc/app.conf\n",
        "FROM debian:12\nRUN printf 'a\\tb\\n' > /etc/app.conf\n";
    BRACES: Medium, "braces-in-sh", ["SC3009"], false,
        "`{a,b}` in a script of `sh`",
        "Dash and ash do not expand braces: `mkdir -p /a/{b,c}` makes one folder with that name.",
        "write every word, or `SHELL [\"/bin/bash\", \"-c\"]`",
        "FROM debian:12\nRUN mkdir -p /srv/{a,b}\n",
        "FROM debian:12\nRUN mkdir -p /srv/a /srv/b\n";
    PROCESS: Medium, "process-substitution-in-sh", ["SC3001"], false,
        "`<(…)` in a script of `sh`",
        "Process substitution is bash's. Dash ends with a syntax error.",
        "use a pipe or a file, or `SHELL [\"/bin/bash\", \"-c\"]`",
        "FROM debian:12\nRUN diff <(sort /a) /b\n",
        "FROM debian:12\nRUN sort /a | diff - /b\n";
    AMPERSAND: Medium, "ampersand-redirect-in-sh", ["SC3020"], false,
        "`&>` in a script of `sh`",
        "Dash takes `a &> b` for `a &` and `> b`: the command runs in the background, its status is lost, and the layer may be \
         taken before it ends.",
        "write `> file 2>&1`",
        "FROM debian:12\nRUN make &> /dev/null\n",
        "FROM debian:12\nRUN make > /dev/null 2>&1\n";
    APPEND: Medium, "append-in-sh", ["SC3024"], false,
        "`+=` in a script of `sh`",
        "`+=` is bash's. Dash takes `a+=b` for the name of a command.",
        "write `a=\"${a}b\"`",
        "FROM debian:12\nRUN f=-O2; f+=\" -g\"; make CFLAGS=\"$f\"\n",
        "FROM debian:12\nRUN f=-O2; f=\"$f -g\"; make CFLAGS=\"$f\"\n";
    ARRAY: Medium, "array-in-sh", ["SC3030"], false,
        "an array in a script of `sh`",
        "Arrays are bash's. Dash ends with a syntax error.",
        "use `set -- a b` and `\"$@\"`, or `SHELL [\"/bin/bash\", \"-c\"]`",
        "FROM debian:12\nRUN names=(a b); make\n",
        "FROM debian:12\nRUN set -- a b; make \"$@\"\n";
    SOURCE: Medium, "source-in-sh", ["SC3046"], false,
        "`source` in a script of `sh`",
        "`source` is bash's. Dash says `source: not found`.",
        "write `.`, with a slash in the file's path",
        "FROM debian:12\nRUN source /etc/app.env && make\n",
        "FROM debian:12\nRUN . /etc/app.env && make\n";
    SUBSTRING: Medium, "substring-in-sh", ["SC3057"], false,
        "`${a:0:1}` in a script of `sh`",
        "Dash has no substrings: it ends with `Bad substitution`.",
        "use `cut`, `${a#…}` or `${a%…}`",
        "FROM debian:12\nARG A\nRUN echo \"${A:0:1}\"\n",
        "FROM debian:12\nARG A\nRUN echo \"${A%%.*}\"\n";
    REPLACEMENT: Medium, "replacement-in-sh", ["SC3060"], false,
        "`${a/b/c}` in a script of `sh`",
        "Dash replaces nothing in variables: it ends with `Bad substitution`.",
        "use `sed`, `${a#…}` or `${a%…}`",
        "FROM debian:12\nARG A\nRUN echo \"${A/b/c}\"\n",
        "FROM debian:12\nARG A\nRUN echo \"$A\" | sed s/b/c/\n";
}
