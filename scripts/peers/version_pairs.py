#!/usr/bin/env python3
"""Prints COUNT lines "a<TAB>b" of one KIND of version, from a fixed seed: many are equal or nearly so."""
import random
import sys

kind, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
r = random.Random(f"{kind} {seed}")


def number():
    return r.choice(["0", "1", "2", "3", "9", "10", "11", "00", "01", "007", "20240131", "4294967296"])


def plain():
    return r.choice(["0", "1", "2", "3", "9", "10", "11", "20240131"])


def numbers(low, high, one=number):
    return ".".join(one() for _ in range(r.randint(low, high)))


def dpkg():
    epoch = r.choice(["", "", "", "0:", "1:", "2:"])
    upstream = numbers(1, 4) + "".join(
        r.choice(["~rc1", "~", "~~", "+dfsg", "+b4", "a", "b2", ".git", "-1", "+really1", "~beta", "^", "_1"])
        for _ in range(r.choice([0, 0, 1, 1, 2]))
    )
    revision = r.choice(["", "-0", "-1", "-1.1", "-1+b1", "-1+deb12u1", "-1~bpo12+1", "-10ubuntu0.1", "-2"])
    return epoch + upstream + revision


def rpm():
    epoch = r.choice(["", "", "", "0:", "1:", "2:"])
    part = lambda: numbers(1, 3) + "".join(
        r.choice(["~rc1", "~", "^", "^git1", "a", "b2", "_", ".el8", ".el8_6", "p1", "+x", ".module+el8", "~beta2", "^~"])
        for _ in range(r.choice([0, 0, 1, 1, 2]))
    )
    return epoch + part() + r.choice(["", "-" + part(), "-1.el8", "-1.el8_4", "-2.fc40"])


def semver():
    text = numbers(3, 3, plain)
    if r.random() < 0.6:
        text += "-" + ".".join(r.choice(["0", "1", "2", "10", "alpha", "beta", "rc", "rc1", "a-b", "x", "-"]) for _ in range(r.randint(1, 3)))
    if r.random() < 0.2:
        text += r.choice(["+build", "+incompatible", "+1.2"])
    return r.choice(["", "", "v"]) + text


def pep440():
    text = r.choice(["", "", "", "v", "0!", "1!", "2!"]) + numbers(1, 4)
    text += r.choice(["", "", "", "a1", "b2", "rc1", ".rc1", "-alpha_2", "c3", "pre", "preview1", "A1", "_beta.1"])
    text += r.choice(["", "", "", ".post1", "-1", "post", ".rev2", "-r3", "_post_2"])
    text += r.choice(["", "", "", ".dev1", "dev", "-dev2", ".DEV0"])
    text += r.choice(["", "", "", "+local", "+ubuntu.1", "+1", "+1.a", "+A-1_2"])
    return text + r.choice([""] * 30 + ["x", "+", "..", "-"])


def maven():
    # Words stand behind a dash or a number: behind a point Maven 3.8 is not transitive, and we go by the newer rules.
    text = numbers(1, 4)
    words = ["alpha", "beta", "milestone", "m", "a", "b", "rc", "cr", "SNAPSHOT", "ga", "final", "sp", "jre", "android", "xyz"]
    if r.random() < 0.7:
        text += r.choice(["-", ""]) + r.choice(words)
        text += r.choice(["", "", plain(), "-" + plain()])
    if r.random() < 0.2:
        text += "-" + r.choice(["SNAPSHOT", "1", "0", "2.1"])
    return text


def gem():
    text = numbers(1, 4)
    if r.random() < 0.5:
        text += "." + r.choice(["a", "b1", "pre", "rc2", "alpha.1", "pre.0", "beta10", "x"])
    return text + r.choice([""] * 6 + ["-1", "-rc1", "-java", ".0", ".0.0"])


def partial():
    return r.choice(["1", "1.2", "1.2.3", "0", "0.0", "0.2", "0.2.3", "0.0.3", "1.x", "1.2.x", "2.*", "1.2.3-rc.1", "10", "0.0.0", "3.0.0-0"])


def npm_range():
    def one():
        if r.random() < 0.15:
            return f"{partial()} - {partial()}"
        n = r.choice([1, 1, 2])
        return " ".join(r.choice(["", "=", ">", ">=", "<", "<=", "^", "~", ">= ", "~>", "^ "]) + partial() for _ in range(n))

    return r.choice([one(), one(), one() + " || " + one(), "*", "", "x"])


def npm_version():
    text = r.choice(["0.0.0", "0.0.3", "0.0.4", "0.2.3", "0.2.9", "0.3.0", "1.0.0", "1.2.3", "1.2.9", "1.3.0", "2.0.0", "3.0.0", "10.0.0"])
    return text + r.choice(["", "", "", "-0", "-rc.1", "-rc.2", "-alpha", "+b"])


def pep440_set():
    def one():
        op = r.choice(["==", "!=", "<", "<=", ">", ">=", "~=", "=="])
        version = r.choice(["1.0", "1.0.0", "1.1", "1.0rc1", "1.0.post1", "1.0.dev1", "2.0", "1.0+local", "1!1.0", "1.4.5", "0.9"])
        if op in ("<", ">"):
            # Releases of `packaging` differ about what "> a pre-release" and "< a post-release" leave out.
            version = r.choice(["1.0", "1.0.0", "1.1", "2.0", "1!1.0", "1.4.5", "0.9"])
        if op in ("==", "!=") and r.random() < 0.4:
            return op + r.choice(["1.*", "1.0.*", "1.4.*", "2.*"])
        if op not in ("==", "!="):
            version = version.split("+")[0]
        return op + version

    return ",".join(one() for _ in range(r.choice([1, 1, 2, 3])))


def pep440_installed():
    return r.choice(["1.0", "1.0.0", "1", "1.1", "1.0rc1", "1.0rc2", "1.0.post1", "1.0.post2", "1.0.dev1", "1.0.dev2", "2.0", "1.0+local", "1.0+other", "1!1.0", "1.4.5", "1.4.9", "1.5", "0.9", "2.0a1", "1.0.1", "1.0.post1+local"])


makers = {
    "dpkg": (dpkg, dpkg),
    "rpm": (rpm, rpm),
    "semver": (semver, semver),
    "pep440": (pep440, pep440),
    "maven": (maven, maven),
    "gem": (gem, gem),
    "npm-range": (npm_version, npm_range),
    "pep440-set": (pep440_installed, pep440_set),
}
first, second = makers[kind]
for _ in range(count):
    a, b = first(), second()
    if first is second and r.random() < 0.2:
        # Nearly the same: one character more or less.
        b = a[:-1] if r.random() < 0.5 and len(a) > 1 else a + r.choice("0.1a")
    print(f"{a}\t{b}")
