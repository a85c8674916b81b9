"""PyPI's `packaging` as a peer: lines "a<TAB>b" → one of < = > ?; with --set, lines "version<TAB>specifiers" → y n ?."""
import sys

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

for line in sys.stdin:
    a, b = line.rstrip("\n").split("\t")
    try:
        if "--set" in sys.argv:
            print("y" if SpecifierSet(b).contains(Version(a), prereleases=True) else "n")
        else:
            x, y = Version(a), Version(b)
            print("<" if x < y else ">" if x > y else "=")
    except (InvalidVersion, InvalidSpecifier):
        print("?")
