#!/usr/bin/env python3
"""Writes the seeds of every fuzz target: small good inputs of our own making.

Usage: fuzz/seeds.py CORPUS [TARGET…]          (writes CORPUS/TARGET/seed-N; what lies there already stays)

Text stands below; archives, programs and package databases are made here. Files in fuzz/seeds/TARGET, and the fixtures of
the crates, are copied.
"""
import base64
import gzip
import hashlib
import io
import json
import os
import struct
import sys
import tarfile
import zipfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHA = "sha256:" + "ab" * 32
KEYS = os.path.join(ROOT, "crates/plimsoll-trust/tests/keys")
SIMPLE = (b'{"critical":{"identity":{"docker-reference":"example.org/a"},"image":{"docker-manifest-digest":"%s"},'
          b'"type":"cosign container image signature"},"optional":%%s}') % SHA.encode()

STATEMENTS = [
    (b'{"_type":"https://in-toto.io/Statement/%s","subject":[{"name":"a","digest":{"sha256":"%s"}%s}],'
     b'"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}') % (version, SHA[7:].encode(), more)
    for version, more in [(b"v1", b""), (b"v0.1", b',"annotations":{"a":"b"}')]
]

SERVICES = [
    b"e30.eyJzdWIiOiJhIiwiZXhwIjoxfQ.AAAA",
    b'{"signedCertificateEmbeddedSct":{"chain":{"certificates":["-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"]}}}',
    b'{"1":{"body":"%s","integratedTime":1,"logID":"%s","logIndex":7,"verification":{"signedEntryTimestamp":"AAAA","inclusionProof":'
    b'{"checkpoint":"x","hashes":["%s"],"logIndex":0,"rootHash":"%s","treeSize":2}}}}'
    % (base64.b64encode(b'{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}'), *[b"ab" * 32] * 3),
    b'{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":[{"url":"https://a","majorApiVersion":1,"validFor":'
    b'{"start":"2025-01-01T00:00:00Z"},"operator":"a"}],"rekorTlogUrls":[{"url":"https://b","majorApiVersion":2},'
    b'{"url":"https://c","majorApiVersion":1}],"rekorTlogConfig":{"selector":"EXACT","count":1},"tsaUrls":[]}',
    b'{"data":{"type":"ed25519","latest_version":1,"keys":{"1":{"name":"ed25519","public_key":"AAAA"}}}}',
    b'{"data":{"signature":"vault:v1:AAAA"}}',
]


def tar(files, style=tarfile.PAX_FORMAT):
    """name → bytes, or a link's target as text; a name that ends in a slash is a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=style) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = (tarfile.LNKTYPE, content[1:]) if content[0] == "=" else (tarfile.SYMTYPE, content)
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue().rstrip(b"\0") + b"\0" * 1024


def jar(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def elf(section, data):
    """The least ELF program with one section of that name."""
    names = b"\0" + section + b"\0.shstrtab\0"
    body = names + data
    body += b"\0" * (-len(body) % 8)
    head = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, 3, 2)
    table = b"\0" * 64
    table += struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0x400000, 64 + len(names), len(data), 0, 0, 16, 0)
    table += struct.pack("<IIQQQQIIQQ", 2 + len(section), 3, 0, 0, 64, len(names), 0, 0, 1, 0)
    return head + body + table


def go_build_info():
    def counted(text):
        size, out = len(text), b""
        while size >= 128:
            out, size = out + bytes([size & 127 | 128]), size >> 7
        return out + bytes([size]) + text

    modules = b"path\tx\nmod\tx\t(devel)\t\ndep\ta\tv1.0.0\th1:x=\ndep\tb\tv1.0.0\n=>\tc\tv2.0.0\th1:y=\nbuild\t-ldflags=\"-X main.version=1.0.0\"\nbuild\tvcs.revision=ab\n"
    return b"\xff Go buildinf:\x08\x02" + b"\0" * 16 + counted(b"go1.22.3") + counted(b"0" * 16 + modules + b"0" * 16)


def rpm_header():
    index, data = b"", b""
    for tag, value in [(1000, "bash"), (1001, "5.1"), (1002, "9.el9"), (1022, "x86_64"), (1011, "Fixture"), (1014, "GPLv3+"), (1044, "bash-5.1-9.el9.src.rpm")]:
        index += struct.pack(">IIII", tag, 6, len(data), 1)
        data += value.encode() + b"\0"
    for tag, values in [(1117, ["bash", "sh"]), (1118, ["/usr/bin/", "/etc/"])]:
        index += struct.pack(">IIII", tag, 8, len(data), len(values))
        data += b"".join(value.encode() + b"\0" for value in values)
    data += b"\0" * (-len(data) % 4)
    for tag, values in [(1003, [1]), (1116, [0, 1])]:
        index += struct.pack(">IIII", tag, 4, len(data), len(values))
        data += struct.pack(f">{len(values)}I", *values)
    return struct.pack(">II", len(index) // 16, len(data)) + index + data


def rpm_ndb():
    blob = rpm_header()
    blocks = (16 + len(blob) + 12 + 15) // 16
    table = b"RpmP" + struct.pack("<IIII", 0, 1, 1, 2) + b"\0" * 12 + b"Slot" + struct.pack("<III", 1, 256, blocks)
    table += (b"Slot" + b"\0" * 12) * ((4096 - len(table)) // 16)
    entry = b"BlbS" + struct.pack("<III", 1, 1, len(blob)) + blob
    return table + entry.ljust(blocks * 16 - 12, b"\0") + struct.pack("<II", zlib.adler32(blob), len(blob)) + b"BlbE"


def rpm_bdb():
    """A hash file of 512-byte pages: meta, one hash page with one key whose value lies on overflow pages."""
    blob, size = rpm_header(), 512
    room = size - 26
    chunks = [blob[at : at + room] for at in range(0, len(blob), room)]
    meta = bytearray(size)
    struct.pack_into("<III", meta, 8, 0, 0x061561, 9)
    struct.pack_into("<I", meta, 20, size)
    meta[25] = 8
    struct.pack_into("<I", meta, 32, 1 + len(chunks))
    page = bytearray(size)
    key, value = b"\x01\x01\0\0\0", struct.pack("<BBBBII", 3, 0, 0, 0, 2, len(blob))
    struct.pack_into("<IIIHHBB", page, 8, 1, 0, 0, 2, size - len(key) - len(value), 0, 13)
    struct.pack_into("<HH", page, 26, size - len(key), size - len(key) - len(value))
    page[size - len(key) :] = key
    page[size - len(key) - len(value) : size - len(key)] = value
    out = bytes(meta) + bytes(page)
    for i, chunk in enumerate(chunks):
        following = i + 3 if i + 1 < len(chunks) else 0
        head = bytearray(26)
        struct.pack_into("<IIIHHBB", head, 8, i + 2, i + 1, following, 1, len(chunk), 0, 7)
        out += (bytes(head) + chunk).ljust(size, b"\0")
    return out


DPKG = b"""Package: openssl
Status: install ok installed
Maintainer: Debian OpenSSL Team <x@lists.debian.org>
Architecture: amd64
Source: openssl (1.1.1k-1)
Version: 1:1.1.1k-1+b1
Depends: libc6 (>= 2.15), libssl1.1 (>= 1.1.1)
Conffiles:
 /etc/ssl/openssl.cnf 00112233445566778899aabbccddeeff
Description: toolkit
 long
 .
 text

Package: gone
Status: deinstall ok config-files
Version: 1
"""
APK = b"""C:Q1eVpkasfqZAukAXFYbgwt4xAGZWo=
P:musl
V:1.2.2-r3
A:x86_64
o:musl
m:Timo
L:MIT
D:so:libc.musl-x86_64.so.1
p:so:x=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1x=
F:usr/bin
R:ldd

P:zlib
V:1.2.12-r0
o:zlib
"""
OS_RELEASE = b'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n'
CARGO = b"""version = 4

[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "00"
dependencies = [
 "b",
 "c 1.0.0",
 "c 2.0.0 (registry+https://github.com/rust-lang/crates.io-index)",
]

[[package]]
name = "b"
version = "0.1.0"

[[package]]
name = "c"
version = "1.0.0"
"""
CARGO_TOML = b"""[package]
name = "b"
version = "0.1.0"

[workspace]
members = ["a", "x/*"]

[dependencies]
a = "1"
c = { version = "^1.0", package = "c", workspace = true }

[dev-dependencies]
d = { path = "d" }
"""
NPM3 = b'{"name":"x","lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"},"workspaces":["b"]},"node_modules/a":{"version":"1.0.0","license":"MIT","dev":true,"dependencies":{"b":"^1"},"peerDependencies":{"c":"*"}},"node_modules/a/node_modules/c":{"version":"2.0.0"},"node_modules/b":{"link":true,"resolved":"b"},"b":{"version":"1.0.0"}}}'
NPM1 = b'{"lockfileVersion":1,"dependencies":{"a":{"version":"1.0.0","requires":{"b":"1"},"dependencies":{"b":{"version":"npm:@x/b@1"}}}}}'
GO_MOD = b"module m\n\ngo 1.21\n\ntoolchain go1.22.1\n\nrequire (\n\ta/b v1.0.0\n\tc v1.2.3 // indirect\n)\n\nrequire d v0.0.0-20200101000000-abcdefabcdef\nreplace a/b v1.0.0 => c/d/v2 v2.0.0\nreplace c => ../c\nexclude d v0.1.0\nretract [v1.0.0, v1.1.0]\n"
GO_SUM = b"a/b v1.0.0 h1:x=\na/b v1.0.0/go.mod h1:x=\n"
POETRY = b"""[[package]]
name = "a"
version = "1.0"
category = "dev"
optional = false

[package.dependencies]
b = [{version = ">=1", markers = "x"}, {version = "2"}]
c = "*"

[[package]]
name = "b"
version = "1.5"

[metadata]
lock-version = "2.0"
"""
PYPROJECT = b'[tool.poetry]\nname = "x"\n\n[tool.poetry.dependencies]\npython = "^3"\na = "1"\n\n[tool.poetry.group.dev.dependencies]\nb = "*"\n\n[project]\ndependencies = ["a>=1"]\n'
REQUIREMENTS = b"a[x,y]==1.0 ; python_version < '3' \\\n    --hash=sha256:00 # c\n-r b.txt\n-c c.txt\nc>=1,<2\n-e git+https://x/y@v1#egg=z\nd @ https://x/d-1.whl\n--index-url https://x\n"
PYTHON = b"Metadata-Version: 2.1\nName: a\nVersion: 1.0\nLicense: MIT\nLicense-Expression: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: MIT License\n\ntext\n"
NODE = b'{"name":"@x/a","version":"1.0.0","license":{"type":"MIT"},"licenses":["MIT",{"type":"ISC"}]}'
GEMSPEC = b'# stub: a 1.0 ruby lib\nGem::Specification.new do |s|\n  s.name = "a".freeze\n  s.version = "1.0.rc1"\n  s.licenses = ["MIT".freeze, \'X\']\nend\n'
BITNAMI = b'{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","licenseConcluded":"MIT","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:bitnami/a@1-2?arch=amd64"}]}]}'
CYCLONEDX = b'{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:1","metadata":{"component":{"type":"container","name":"x","bom-ref":"r","properties":[{"name":"aquasecurity:trivy:ImageID","value":"%s"}]}},"components":[{"type":"operating-system","name":"debian","version":"11"},{"type":"library","bom-ref":"a","name":"a","version":"1","purl":"pkg:deb/debian/a@1?arch=amd64&epoch=1","licenses":[{"license":{"id":"MIT"}},{"expression":"MIT OR ISC"}],"properties":[{"name":"aquasecurity:trivy:SrcName","value":"s"}],"components":[{"type":"library","name":"b","purl":"pkg:npm/%%40x/b@2"}]}],"dependencies":[{"ref":"r","dependsOn":["a"]},{"ref":"a","dependsOn":["b"]}]}' % SHA.encode()
SPDX_JSON = b'{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","sourceInfo":"built package from: s 1","licenseDeclared":"MIT","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:apk/alpine/a@1?distro=3.19"}]},{"SPDXID":"SPDXRef-os","name":"alpine","versionInfo":"3.19","primaryPackagePurpose":"OPERATING-SYSTEM"}],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-a","relationshipType":"DESCRIBES"},{"spdxElementId":"SPDXRef-os","relatedSpdxElement":"SPDXRef-a","relationshipType":"CONTAINS"}]}'
SPDX_TAGS = b"SPDXVersion: SPDX-2.2\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\n\nPackageName: a\nSPDXID: SPDXRef-a\nPackageVersion: 1\nPackageLicenseDeclared: MIT\nPackageComment: <text>two\nlines</text>\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/a@1\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-a\n"
STATEMENT = b'{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://cyclonedx.org/bom","subject":[],"predicate":' + CYCLONEDX + b"}"
OSV = b'{"id":"GHSA-1","aliases":["CVE-2022-1"],"modified":"2024-01-02T00:00:00Z","published":"2022-01-01T00:00:00Z","summary":"s","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"references":[{"type":"WEB","url":"https://x"}],"affected":[{"package":{"ecosystem":"%s","name":"left"},"ranges":[{"type":"%s","events":[{"introduced":"0"},{"fixed":"1.2.3"},{"introduced":"2.0.0"},{"last_affected":"2.1.0"}]}],"versions":["1.0.0","1.1.0"],"ecosystem_specific":{"urgency":"low"},"database_specific":{"severity":"HIGH","cwe_ids":["CWE-79"]}}]}'
ALPINE = b"apkurl: '{{urlprefix}}/{{distroversion}}/{{reponame}}/{{arch}}/{{pkg.name}}-{{pkg.ver}}.apk'\narchs:\n  - x86_64\nreponame: main\nurlprefix: https://dl-cdn.alpinelinux.org/alpine\ndistroversion: v3.19\npackages:\n  - pkg:\n      name: musl\n      secfixes:\n        1.2.2_pre2-r0:\n          - CVE-2020-28928 GHSA-2\n        '0':\n          - CVE-2019-1 (+ ALPINE-1)\n"
RUSTSEC = b'```toml\n[advisory]\nid = "RUSTSEC-2021-0001"\npackage = "a"\ndate = "2021-01-01"\nurl = "https://x"\naliases = ["CVE-2021-1"]\ncvss = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"\ninformational = "unmaintained"\n\n[affected]\nos = ["linux"]\n\n[versions]\npatched = [">= 1.2.3", "^0.9"]\nunaffected = ["< 1.0"]\n```\n\n# Title\n\nText.\n'
DSA = b"[18 Nov 2021] DSA-5009-1 tomcat9 - security update\n\t{CVE-2021-42340 CVE-2021-1}\n\t[bullseye] - tomcat9 9.0.43-2~deb11u3\n\t[buster] - tomcat9 <not-affected>\n\tNOTE: text\n[17 Nov 2021] DSA-5008-2 x - regression update\n"
TRACKER = b'{"openssl":{"CVE-2022-0778":{"description":"d","scope":"remote","debianbug":1,"releases":{"bookworm":{"status":"resolved","fixed_version":"3.0.2-1","urgency":"high","repositories":{"bookworm":"3.0.15-1"}},"bullseye":{"status":"open","urgency":"unimportant","nodsa":"Minor","nodsa_reason":""},"sid":{"status":"undetermined"}}}}}'
KEV = b'{"title":"CISA Catalog of Known Exploited Vulnerabilities","catalogVersion":"2024.01.01","dateReleased":"2024-01-01T00:00:00.0Z","count":1,"vulnerabilities":[{"cveID":"CVE-2021-44228","vendorProject":"a","product":"b","vulnerabilityName":"n","dateAdded":"2021-12-10","shortDescription":"d","requiredAction":"r","dueDate":"2021-12-24","knownRansomwareCampaignUse":"Known","notes":"","cwes":["CWE-20"]}]}'
EPSS = b"#model_version:v2023.03.01,score_date:2024-01-01T00:00:00+0000\ncve,epss,percentile\nCVE-1999-0001,0.01141,0.83221\n"
DESCRIPTOR = '{"mediaType":"%s","digest":"' + SHA + '","size":7,"annotations":{"org.opencontainers.image.ref.name":"a"}}'
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = ('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' % (DESCRIPTOR % "application/vnd.oci.image.config.v1+json", DESCRIPTOR % LAYER_TYPE)).encode()
INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":7,"platform":{"os":"linux","architecture":"arm","variant":"v7"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":7,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest"}}]}' % (SHA.encode(), SHA.encode())
CONFIG = b'{"os":"linux","architecture":"amd64","created":"2024-01-01T00:00:00Z","config":{"User":"101","Env":["A=b"],"Entrypoint":["/x"],"Cmd":"sh","Labels":{"a":"b"},"ExposedPorts":{"80/tcp":{}},"Volumes":null},"history":[{"created_by":"RUN x","empty_layer":true},{"created_by":"COPY"}],"rootfs":{"type":"layers","diff_ids":["%s"]}}' % SHA.encode()
SAVED = b'[{"Config":"%s.json","RepoTags":["a:1"],"Layers":["1/layer.tar"]}]' % (SHA[7:].encode())
LINTED_DOCKERFILE = b"""# syntax=docker/dockerfile:1
# plimsoll: allow-file latest-base-tag the mirror pins it until=2027-01-31
FROM debian:latest AS build
# hadolint ignore=DL3008,SC2086 # a snapshot
RUN apt-get update && apt-get install -y curl \\
    # plimsoll: allow DL3009 removed below
    && cd /src && sudo make
COPY --chown=1:1 <<-"EOT" /etc/x
	a $b
EOT
USER root
"""
LINTED_MANIFEST = b"""# plimsoll: allow privileged-container r
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {plimsoll.dev/allow: "KSV-0017 r; x y until=2027-01-01", plimsoll.dev/allow.DL3007: r}
spec:
  template:
    spec:
      hostNetwork: true # plimsoll: allow host-network r
      containers:
      - name: web
        image: nginx:latest
        securityContext: {privileged: true}
---
apiVersion: v1
kind: List
items: [&a {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: b, image: c}]}}, *a]
"""
REGISTRIES = b'unqualified-search-registries = ["docker.io"]\n\n[[registry]]\nprefix = "*.example.com"\nlocation = "mirror.example.com/x"\n\n[[registry]]\nprefix = "docker.io/library"\nlocation = "docker.io/library"\nblocked = false\ninsecure = true\n\n[[registry.mirror]]\nlocation = "m:5000/lib"\npull-from-mirror = "digest-only"\n'
HOSTS = b'server = "https://registry-1.docker.io"\n\n[host."https://m:5000/v2/x"]\n  capabilities = ["pull", "resolve"]\n  ca = "ca.crt"\n  skip_verify = true\n  override_path = true\n  client = [["a.crt", "a.key"]]\n'
CREDENTIALS = b'{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"},"ghcr.io":{"identitytoken":"x"},"a":{"username":"u","password":"p"}},"credHelpers":{"gcr.io":"gcloud"},"credsStore":"x"}'
DOCKERFILES = [
    b"# syntax=docker/dockerfile:1\n# escape=\\\nARG V=1\nFROM --platform=$P a:$V AS b\n# c\nENV A=b \"C\"='d e' \\\n  # no\n\n  F=$g\nENV old form  x\nRUN --mount=type=cache,target=/x \\\n    apt-get update && apt-get install -y a=1 | tee /l\nCMD [\"a\", \"b\\u00e9\"]\n",
    b"FROM a\nRUN <<EOT\n#!/bin/bash\nset -e\nEOT\nRUN <<-'A' cat > /x\n\tb\n\tA\nCOPY --chown=1 <<one <<\"two\" /d/\n1\none\n2\ntwo\nONBUILD RUN <<X\ny\nX\nCOPY --from=a [\"b c\", \"d\"]\n",
    b"FROM a\r\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\r\nHEALTHCHECK --interval=5s CMD a || exit 1\r\nHEALTHCHECK NONE\r\nLABEL a=b\r\nARG c d=e\r\nEXPOSE 80 \"${P}\"\r\nVOLUME /a /b\r\nUSER 1:1\r\nWORKDIR /w\r\nSTOPSIGNAL 9\r\nMAINTAINER m\r\nADD --checksum=x http://a b\r\nENTRYPOINT a b\r\n",
    b"# escape=`\nFROM a`\n AS b\nONBUILD ONBUILD x\nFRM\nRUN `\n#c\n",
]
SCRIPTS = [
    b"set -eux; A=b C+=(d \"e f\") g --h=\"$i ${j:-k}\" $(l `m \\`n\\``) && ! o | p |& q || r & >s 2>&1 <<<\"t\"",
    b"if [ -f a ]; then b; elif [[ c =~ ^(d|e)$ ]]; then f; else g; fi\nwhile a; do b; done <c\nuntil d\ndo e\ndone\nfor x in a b; do c; done\nfor ((i=0;i<3;i++)); { d; }\ncase $x in a|b) c;; (*) d;& esac",
    b"f() { a; }\nfunction g { (b); }\n((x > 1)) && echo $((1+(2))) $'a\\n' $\"b\" <(c) >(d) @(e|f)\ncat <<E | x <<-'F'\n$(y)\nE\n\tz\n\tF\nselect a in b; do c; done # d",
]
KUBECONFIG = b"""apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: c, user: u, namespace: n}}]
clusters:
- name: c
  cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: Y2E=, tls-server-name: kubernetes, insecure-skip-tls-verify: false}
users:
- name: u
  user:
    client-certificate-data: Yw==
    client-key: k.pem
    tokenFile: t
"""
DOCKERCFG = b'{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz","email":"e"},"*.gcr.io:5000/team":{"username":"u","password":"p"},"[::1]:5000/v2/":{"auth":"dTpw"}}'
PULL_SECRET = b'{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/dockercfg","data":{".dockercfg":"eyJhLmlvIjp7ImF1dGgiOiJkVHB3In19"}}'
CHALLENGE = b'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull", Basic realm="x\\"y"'
OPENVEX = b'{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2024-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2022-1","aliases":["GHSA-1"]},"products":[{"@id":"pkg:oci/x@%s?repository_url=r","subcomponents":[{"@id":"pkg:deb/debian/a@1"}]}],"status":"not_affected","justification":"component_not_present","impact_statement":"i"},{"vulnerability":"CVE-2","products":["pkg:npm/b"],"status":"fixed"}]}' % SHA.encode()
CSAF = b'{"document":{"category":"csaf_vex","csaf_version":"2.0","title":"t","tracking":{"id":"x"}},"product_tree":{"branches":[{"category":"vendor","name":"v","branches":[{"category":"product_version","name":"1","product":{"product_id":"P1","name":"n","product_identification_helper":{"purl":"pkg:rpm/redhat/a@1"}}}]}],"relationships":[{"category":"default_component_of","product_reference":"P1","relates_to_product_reference":"P2","full_product_name":{"product_id":"P3","name":"x"}}]},"vulnerabilities":[{"cve":"CVE-2022-1","product_status":{"known_not_affected":["P1","P3"],"fixed":["P2"]},"flags":[{"label":"component_not_present","product_ids":["P1"]}],"threats":[{"category":"impact","details":"d","product_ids":["P1"]}]}]}'
CDX_VEX = b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","name":"a","purl":"pkg:npm/a@1"}],"vulnerabilities":[{"id":"CVE-2022-1","analysis":{"state":"not_affected","justification":"code_not_present","response":["update"],"detail":"d"},"affects":[{"ref":"a"},{"ref":"urn:cdx:x/1#a"}]}]}'
INSTALLATION = b"""a/admission.yaml
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: ImagePolicyWebhook
    configuration: {imagePolicy: {kubeConfigFile: /etc/a/kubeconfig, allowTTL: 50, defaultAllow: true}}
\0a/kubeconfig
apiVersion: v1
kind: Config
clusters: [{name: x, cluster: {server: "https://x.default:1323/image_policy", certificate-authority: /etc/a/ca.crt}}]
users: [{name: y, user: {client-certificate: y.crt, client-key: y.key}}]
contexts: [{name: z, context: {cluster: x, user: y}}]
current-context: z
\0hooks.yaml
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
webhooks:
  - name: a.b.c
    rules: [{apiGroups: [""], operations: [CREATE], resources: [pods]}]
    clientConfig: {caBundle: LS0t, service: {name: x, namespace: y, port: 1323}}
    namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [y]}]}
\0kube-apiserver.yaml
kind: Pod
spec:
  containers:
    - command: [kube-apiserver, --admission-control-config-file=/etc/a/admission.yaml, --enable-admission-plugins=X]
      volumeMounts: [{name: a, mountPath: /etc/a}]
  volumes: [{name: a, hostPath: {path: /etc/a}}]
\0ca.crt
-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----
"""

KUBERNETES = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\nspec:\n  template:\n    spec:\n      initContainers:\n      - &x {name: i, image: busybox}\n      containers:\n      - <<: *x\n        image: \"nginx:1.21\" # pinned\n---\napiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  apiVersion: v1\n  spec: {containers: [{image: 'a/b@%s'}]}\n" % SHA.encode()
IMAGE_REVIEW = b'{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","metadata":{},"spec":{"containers":[{"image":"nginx:1.21"},{"image":"a@%s"}],"annotations":{"a.image-policy.k8s.io/ticket-1":"break-glass"},"namespace":"b"},"status":{"allowed":false}}' % SHA.encode()
POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","annotations":{"a":"b"}},"spec":{"volumes":[{"name":"m","image":{"reference":"w:1"}}],"initContainers":[{"name":"i","image":"busybox"}],"containers":[{"name":"c","image":"%s"}],"ephemeralContainers":[{"name":"e","image":"d"}],"serviceAccountName":"s","imagePullSecrets":[{"name":"x"}]}}'
CRON_JOB = b'{"kind":"CronJob","apiVersion":"batch/v1","metadata":{"generateName":"p-"},"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"annotations":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"nginx"}]}}}}}}'
RECORD = b"""{"head":{"version":1,"program":"p","at":"2026-11-01T00:00:00Z","policy":{"name":"a","digest":"sha256:0"},"databases":[{"kind":"baseline","name":"b","digest":"","advisories":1}]}}
{"image":{"digest":"sha256:0","assessment":{"subject":{"kind":"image","name":"a:1"},"inventory":{"packages":[]},"matches":[],"findings":[{"rule":"runs-as-root","severity":"high","message":"m"}],"coverage":[],"problems":[]}}}
{"review":{"at":"2026-11-01T00:00:01Z","road":"image-policy","redacted":1,"secrets":["secret-in-command"],"answer":{"allowed":false,"message":"m","warnings":["w"],"decided":[{"image":"a:1","digest":"sha256:0","outcome":"denied","effective":"denied","mode":"enforce","reasons":[{"effect":"deny","code":"refused","clause":"images[a].refuse","message":"m"}]}]},"review":{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":"a:1"}]}}}}
"""
ADMISSION = b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/%s","request":{"uid":"u","kind":{"group":"%s","version":"v1","kind":"%s"},"subResource":"status","name":"p","namespace":"b","operation":"%s","userInfo":{"username":"j","groups":["g"]},"object":%s,"oldObject":%s,"dryRun":false}}'
SECRETS = b"AWS_ACCESS_KEY_ID=AKIAQ3EGRXKXMNBVCXZ2\naws_secret_access_key = \"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\"\npassword: 'hT7!kq2Zp9'\nDATABASE_URL=postgres://u:pT7kq2Zp9x@db.internal/x\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH\n-----END RSA PRIVATE KEY-----\nghp_16C7e42F292c6912E7710c838347Ae178B4a\n"
REFERENCES = [b"nginx", b"docker.io/library/nginx:1.21", b"[::1]:5000/a/b_c--d.e:T_1", b"ghcr.io/a/b:1@" + SHA.encode(), SHA.encode(), b"linux/arm/v7", b"localhost/a"]
PURLS = [b"pkg:npm/%40x/y@1.0.0", b"pkg:deb/debian/a@1%3A2?arch=amd64&distro=debian-11#x/y", b"pkg:golang/github.com/a/b@v1.0.0", b"pkg:oci/x@sha256%3Aab?repository_url=r"]
VERSIONS = [
    (b"1.0.0-rc.1", b"1.0.0", b"1.0.1+b"), (b"1:1.1.1k-1+deb11u1", b"1.1.1k-1~x", b"2:0-1"), (b"1.2.3_alpha1-r0", b"1.2.3_p1-r1", b"1.2.3a"),
    (b"1.0.post1.dev2", b"1!1.0a1", b"1.0+l.1"), (b"1-alpha-2", b"1.0-SNAPSHOT", b"1-sp"), (b"1:2.3~rc1^git-4.el8", b"2.3-4.el9", b"0:2"),
    (b"dev-master", b"1.0.x-dev", b"1.0-beta2"), (b"go1.20rc1", b"v1.2.3-0.20200101000000-abcdefabcdef", b"v1.2.3+incompatible"), (b"1.0.a.1", b"1.0.0.0", b"1.b"),
]
EXPRESSIONS = [b">=1.0.0, <2.0.0", b"^1.2 || ~2.3 || 3.x - 4", b"[1.0,2.0),(3.0,]", b"~>1.0, !=1.1", b">= 1.0.0 < 2.0.0 || =3", b"~=1.4.2", b"*", b"==1.0.*"]
LAYER = {
    "etc/": b"", "etc/os-release": b"ID=debian\nVERSION_ID=\"11\"\n", "var/lib/dpkg/status": DPKG, "var/lib/dpkg/info/openssl.list": b"/.\n/usr/bin/openssl\n",
    "usr/lib/x/": b"", "lib": "usr/lib", "usr/bin/sh": "=usr/bin/openssl", "usr/bin/.wh.gone": b"", "opt/.wh..wh..opq": b"", "lib/x/package.json": b"{}",
    "a/node_modules/a/package.json": NODE, "p/a-1.dist-info/METADATA": PYTHON, "a/" + "long" * 40 + "/x": b"y",
}


def built_archive():
    layer = tar({"etc/os-release": OS_RELEASE})
    digest = lambda data: hashlib.sha256(data).hexdigest()
    config = CONFIG.replace(SHA.encode(), b"sha256:" + digest(layer).encode())
    describe = lambda kind, data: {"mediaType": kind, "digest": "sha256:" + digest(data), "size": len(data)}
    manifest = json.dumps({"schemaVersion": 2, "config": describe("application/vnd.oci.image.config.v1+json", config), "layers": [describe("application/vnd.oci.image.layer.v1.tar", layer)]}).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [describe("application/vnd.oci.image.manifest.v1+json", manifest)]}).encode()
    layout = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    layout |= {"blobs/sha256/" + digest(data): data for data in (config, manifest, layer)}
    saved = {digest(config) + ".json": config, "1/layer.tar": layer, "manifest.json": SAVED.replace(SHA[7:].encode(), digest(config).encode())}
    return [tar(layout), tar(saved), gzip.compress(tar(saved), mtime=0), tar(layout, tarfile.GNU_FORMAT)]


def fixture(*path):
    with open(os.path.join(ROOT, *path), "rb") as file:
        return file.read()


REGO = rb"""# METADATA
# title: shop
# authors: [A <a@b>]
package shop["x-y"].z
import rego.v2
import data.lib.f as g

default allow := {"a": [1, -2.5e3]}

allow if { some x, y in input.xs; not { x == y } or (f(x)(y) and z with input.a as 1) } else := 2 if not p[_]
p[q].r contains $"a{x + 1}\{b" if every k, v in {"k": 1 | true} { k in [v | v] }
f(x, [_, y]) := `raw` if x.y["z"][_] > "\u00e9" & {1, 2} | set()
"""


COMMENTED = rb"""# a
package a # b
import data.c # d

# e
p := [1, # f
# g
2] if { # h
  x := {"a": # i
  1} with input as {  # j
  }
  # k
  $"a{ # l
  x}b"
} # m
else := f( # n
1) if y # o
# q
"""


def expressions():
    """The expressions of the CEL crate's corpora with their variables, and its policies."""
    found = []
    for name in ("language", "macros", "convert", "strings", "libraries", "admission", "more"):
        given = b"{}"
        for line in fixture("crates/plimsoll-cel/tests/corpora", name + ".cases").split(b"\n"):
            if line.startswith(b"@vars "):
                given = json.dumps(json.loads(line[6:]).get("object")).encode()
            elif line and line[:1] not in b" #@":
                found.append(line + b"\0" + given)
    for line in fixture("crates/plimsoll-cel/tests/corpora", "policies.jsonl").splitlines():
        case = json.loads(line)
        found.append(b"true\0" + json.dumps(case["vars"]["object"]).encode() + b"\0" + json.dumps(case["spec"]).encode())
    return found


def programs():
    """The first module of each program in the crate's corpora."""
    found = []
    for name in ("v0.cases", "parse_errors.cases", "parse_errors_v0.cases"):
        cases = fixture("crates/plimsoll-rego/tests/corpora", name).split(b"\n=== ")[1:]
        found += [case.split(b"\n", 1)[1].split(b"\n--- ")[0] + b"\n" for case in cases]
    return found


EVALUATED = [
    rb"""package a
import data.lib
p contains msg if {
    some c in input.spec.containers
    not startswith(c.image, data.repos[_])
    msg := sprintf("%v from %q", [c.name, c.image])
}
q := object.union({"a": 1}, {k: v | some k, v in input.spec; k != "containers"}) with input.spec.x as lib.f(3)
r := count([x | walk(input, [x, _])]) + sum([1, 2.5]) if every x in input.spec.containers { regex.match("^[a-z]+", x.name) }
else := json.marshal(input)
s[x].t := y if some x, y in {"b": [1, {2}]}
default u := false
u if { input.spec.containers[0].image = concat("/", [reg, _]); reg := "docker.io" }
""" + b"\0" + rb"""{"spec": {"containers": [{"name": "x", "image": "docker.io/x:1"}, {"name": "y", "image": "q.io/y"}], "n": -1e3}}""" + b"\0" + rb"""{"repos": ["docker.io/"]}""" + b"\0" + rb"""package lib
f(x) := y if { y := x * 2; y > 3 } else := [time.format(x), split("a,b", ","), glob.match("*", [], "a"), bits.lsh(1, x)]
""",
    rb"""package a
violation[{"msg": msg}] { x := input.a[_]; not re_match("a", x); msg = sprintf("%d", [x]) }
f(x) = y { y = to_number(x) } else = 0 { true }
p = [y | x = input.a[i]; y = f(x) with data.b as i]
""" + b"\0" + rb"""{"a": ["1", 2, null, {"b": [true]}]}""",
]
VALUES = [
    rb"""{"a": [1, -2.50e3, 1e400, "\u00e9\ud83d\ude00", null, true, {}], "b": {"c": 12345678901234567890.5}}""",
    b"a: &x [1, 0x1F, 1_000, .inf, ~, yes]\nb: {<<: {k: *x}, ? [q] : w}\nc: |\n  text\n---\nd: !!str 1\n",
    b"10000000000000000000000 -0.1 1e-30",
    b"5 3",
]



def packed(files):
    """A `.tar.gz` of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


# Bundles: files of one text (a first line is the path), and an archive of two files.
BUNDLES = [
    b'.manifest\n{"revision": "1", "roots": ["a", "p"], "rego_version": 1, "file_rego_versions": {"*.rego": 0}, "metadata": {"x": 1}}'
    b'\n\na/data.json\n{"x": [1, {"y": 2}]}\n\na/b/data.yaml\nz: 1\n\np/p.rego\npackage p\n\n.signatures.json\n{"signatures": ["a.b.c"]}',
    b'data.json\n{"a": {"b": 1}}\n\na/data.json\n{"b": 2}',
    b'{"revision": "1", "roots": ["a", "a/b"]}',
    packed({"p.rego": b"package p", "a/data.json": b"{}"}),
]


def configs():
    """The texts of the parsers' comparison, by the targets of their formats."""
    names = ["codeowners", "cyclonedx", "dotenv", "edn", "hcl1", "hcl2", "ignore", "ini", "jsonc", "properties", "spdx", "toml", "vcl", "xml"]
    texts = lambda name: fixture("e2e/policies/conftest/formats", f"{name}.cases").split(b"%%%%\n")[1:]
    plain = lambda text: text.partition(b"\n")[2] if text.startswith(b"%% ") else text
    seeds = {f"config_{name}": [plain(text) for text in texts(name)] for name in names}
    # Of the definitions each alone: without what they import.
    definitions = [fixture("e2e/policies/conftest/protos", name) for name in ("a_common.proto", "b_service.proto", "c_old.proto")]
    common = definitions[0].partition(b"package acme.common;")[2]
    definitions[1] = definitions[1].replace(b'import "protos/a_common.proto";', common).replace(b"common.Le", b"Le").replace(b"common.La", b"La")
    seeds["config_textproto"] = [
        definitions[{b"v1": 1, b"ol": 2}.get(text.partition(b"acme.")[2][:2], 0)].replace(b".acme.Le", b"Le") + b"\0" + plain(text)
        for text in texts("textproto")
    ]
    return seeds


GATEKEEPER_TEMPLATE = b"""apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: labels}
spec:
  crd:
    spec:
      names: {kind: Labels}
      validation:
        openAPIV3Schema:
          type: object
          properties:
            labels: {type: array, minItems: 1, items: {type: string, pattern: "^[a-z]+$"}}
            why: {type: string, default: x, enum: [x, y]}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package labels
      import data.lib.h
      violation[{"msg": m, "details": {"l": l}}] {
        l := input.parameters.labels[_]
        not h.has(l)
        m := sprintf("%v %v", [l, input.parameters.why])
      }
      violation[{"msg": "taken"}] { data.inventory.namespace[_]["v1"]["Pod"][input.review.name] }
    libs:
    - |
      package lib.h
      has(l) { input.review.object.metadata.labels[l] }
"""
GATEKEEPER_CONSTRAINT = b"""apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Labels
metadata: {name: c}
spec:
  enforcementAction: scoped
  scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: "*"}]}]
  match:
    kinds: [{apiGroups: [""], kinds: [Pod]}]
    scope: Namespaced
    namespaces: ["s*"]
    excludedNamespaces: ["*x"]
    labelSelector: {matchLabels: {b: "1"}, matchExpressions: [{key: q, operator: DoesNotExist}]}
    name: "*w*"
    source: Original
  parameters: {labels: [a, b]}
"""
GATEKEEPER_POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {b: '1'}}\nspec: {containers: [{name: c, image: x}]}\n"
GATEKEEPER_DEPLOYMENT = b"""apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {b: '1'}}, spec: {containers: [{name: c, image: "a.io/x:1"}]}}}
"""
GATEKEEPER_EXPANSION = b"""apiVersion: expansion.gatekeeper.sh/v1alpha1
kind: ExpansionTemplate
metadata: {name: e}
spec:
  applyTo: [{groups: [apps], kinds: [Deployment], versions: [v1]}]
  templateSource: spec.template
  generatedGVK: {kind: Pod, version: v1}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: Assign
metadata: {name: a}
spec:
  applyTo: [{groups: [""], kinds: [Pod], versions: [v1]}]
  location: "spec.containers[name: *].args[k: v].x"
  parameters: {assign: {value: 1}, pathTests: [{subPath: spec.containers, condition: MustExist}]}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: ModifySet
metadata: {name: m}
spec:
  applyTo: [{groups: [""], kinds: [Pod], versions: [v1]}]
  location: "spec.containers[name: c].command"
  parameters: {operation: merge, values: {fromList: [a]}}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignImage
metadata: {name: i}
spec:
  applyTo: [{groups: [""], kinds: [Pod], versions: [v1]}]
  location: "spec.containers[name: *].image"
  parameters: {assignDomain: b.io, assignTag: ":2"}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: l}
spec: {location: 'metadata.labels."a.b/c"', parameters: {assign: {fromMetadata: {field: name}}}}
"""
GATEKEEPER = [
    b"\0".join([GATEKEEPER_TEMPLATE + b"---\n" + GATEKEEPER_CONSTRAINT, GATEKEEPER_POD, GATEKEEPER_POD]),
    b"\0".join([GATEKEEPER_EXPANSION, GATEKEEPER_DEPLOYMENT]),
    b"\0".join([GATEKEEPER_TEMPLATE.replace(b"sh/v1", b"sh/v1beta1") + b"---\n" + GATEKEEPER_CONSTRAINT + b"---\n" + GATEKEEPER_EXPANSION,
                GATEKEEPER_DEPLOYMENT + b"---\n" + GATEKEEPER_POD]),
]


# What a repository's metadata says: a timestamp, a snapshot, targets and a next root; the target signs them.
def tuf(says, **more):
    return json.dumps({"spec_version": "1.0", "version": 1, "expires": "2030-01-01T00:00:00Z", **says, **more}).encode()


TUF_META = [
    tuf({"_type": "timestamp", "meta": {"snapshot.json": {"version": 1}}}),
    tuf({"_type": "snapshot", "meta": {"targets.json": {"version": 1}}}),
    tuf({"_type": "targets", "targets": {"file": {"length": 4, "hashes": {
        "sha256": "3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b80"}}}}),
]
TUF = [
    b"\0".join(TUF_META),
    b"\0".join(TUF_META + [open(os.path.join(ROOT, "crates/plimsoll-trust/data/sigstore-tuf-root.json"), "rb").read()]),
    b"\0".join(TUF_META[:2] + [TUF_META[2].replace(b'"targets": {', b'"delegations": {}, "targets": {"../a": {"length": 0, "hashes": {"sha512": "00"}}, ')]),
    b"\0".join(TUF_META + [tuf({"_type": "root", "consistent_snapshot": False, "keys": {}, "roles": {}}, version=2)]),
]


def seeds():
    layer = tar(LAYER)
    inner = jar({"META-INF/maven/org.a/shop/pom.properties": "version=1.0\ngroupId=org.a\nartifactId=shop\n"})
    manifest = "Manifest-Version: 1.0\nImplementation-Title: x\nImplementation-Version: 2\nBundle-SymbolicName: org.x.\n y\n"
    audited = zlib.compress(b'{"packages":[{"name":"a","version":"1.0.0","source":"crates.io","dependencies":[1]},{"name":"b","version":"2.0.0","source":"local","kind":"build","root":true}]}')
    osv = [OSV % (e, k) for e, k in [(b"npm", b"SEMVER"), (b"Debian:11", b"ECOSYSTEM"), (b"PyPI", b"ECOSYSTEM"), (b"Maven", b"ECOSYSTEM"), (b"Alpine:v3.19", b"ECOSYSTEM")]]
    policies = [fixture("crates/plimsoll-policy/tests/fixtures", name) for name in ("everything.yaml", "loadline.yaml")]
    return {
        **configs(),
        "dpkg": [DPKG, b"/.\n/usr/bin/x\n", b"00112233445566778899aabbccddeeff  usr/bin/x\n"],
        "apk": [APK],
        "rpm_sqlite": [gzip.decompress(fixture("crates/plimsoll-inventory/tests/fixtures/rpm/rpmdb.sqlite.gz"))],
        "rpm_ndb": [rpm_ndb()],
        "rpm_bdb": [rpm_bdb()],
        "rpm_header": [rpm_header(), b"bash-5.1-9.el9.src.rpm", b"a\t1-2\t0\t0\tMicrosoft\t(none)\t1\tx86_64\t0\ta-1-2.src.rpm\n"],
        "layer": [layer, gzip.compress(layer, mtime=0), tar(LAYER, tarfile.GNU_FORMAT)],
        "tar": [layer, tar(LAYER, tarfile.GNU_FORMAT), tar({"a": b"x"}, tarfile.USTAR_FORMAT)],
        "distro": [b"a" + OS_RELEASE + b"\0e11.2\n", b"aID=alpine\nVERSION_ID=3.19.1\0c3.19.1\n\0dhttps://dl-cdn.alpinelinux.org/alpine/v3.19/main\n", b"mCentOS Linux release 7.9.2009 (Core)\n", b'aID="rhel"\nVERSION_ID="8.4"\0p{"content_sets":["rhel-8-for-x86_64-baseos-rpms"]}', b'aID=ubuntu\nVERSION_ID="22.04"\0g{"machine_token_info":{},"services":[{"name":"esm-infra","status":"enabled"}]}'],
        "cargo_lock": [CARGO, CARGO + b"\0" + CARGO_TOML + b"\0" + CARGO_TOML],
        "npm_lock": [NPM3, NPM1],
        "go_mod": [GO_MOD + b"\0" + GO_SUM],
        "poetry_lock": [POETRY + b"\0" + PYPROJECT],
        "requirements": [REQUIREMENTS],
        "go_binary": [elf(b".go.buildinfo", go_build_info()), go_build_info()],
        "cargo_auditable": [elf(b".dep-v0", audited), audited],
        "jar": [jar({"META-INF/MANIFEST.MF": manifest, "lib/b-2.jar": inner, "x": b"x" * 40}), jar({"c.jar": inner}, zipfile.ZIP_STORED), manifest.encode(), b"spring-core-5.3.1.RELEASE.jar"],
        "installed": [PYTHON, NODE, GEMSPEC, BITNAMI],
        "sbom": [CYCLONEDX, SPDX_JSON, SPDX_TAGS, STATEMENT],
        "version_orders": [b"\n".join(versions) for versions in VERSIONS],
        "version_expressions": [VERSIONS[i % len(VERSIONS)][0] + b"\n" + e for i, e in enumerate(EXPRESSIONS)] + [b"1.2.3\n" + e for e in EXPRESSIONS],
        "osv": osv,
        "feeds": [ALPINE, RUSTSEC, DSA, TRACKER, KEV, EPSS, gzip.compress(EPSS, mtime=0)],
        "matching": [b"1.1.0\n" + one for one in osv],
        "oci": [MANIFEST, INDEX, CONFIG, SAVED],
        "archive": built_archive(),
        "registry_files": [REGISTRIES, HOSTS, CREDENTIALS, CHALLENGE, b"docker.io=m:5000/x"],
        "cluster_files": [KUBECONFIG, CREDENTIALS, DOCKERCFG, PULL_SECRET],
        "cluster_watch": [
            b'{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"shop","resourceVersion":"7"},"data":{"a":"b"}}}',
            b'{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"9"}}}',
            b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}',
        ],
        "protobuf": [b"\x0a\x60\x0a\x05a:b:c\x1a\x57\x0a\x08a/b.json\x12\x47" + SHA.encode() + b"\x18\x80\x01"],
        "load_line": policies,
        "vex": [OPENVEX, CSAF, CDX_VEX],
        "key_file": [file for name in sorted(os.listdir(KEYS)) for file in [open(os.path.join(KEYS, name), "rb").read()]],
        "simple_signing": [SIMPLE % b"null", SIMPLE % b'{"a":"b","n":[1,{}]}'],
        "glob": [b"docker.io/library/*\ndocker.io/library/nginx", b"**a*b/**\nxa/b/c", b"**\nx"],
        "manifests": [KUBERNETES],
        "lint": [KUBERNETES, LINTED_DOCKERFILE, LINTED_MANIFEST],
        "dockerfile": DOCKERFILES,
        "shell": SCRIPTS,
        "image_review": [IMAGE_REVIEW],
        "admission_review": [ADMISSION % parts for parts in [
            (b"v1", b"", b"Pod", b"UPDATE", POD % b"nginx:2", POD % b"nginx:1"), (b"v1beta1", b"batch", b"CronJob", b"CREATE", CRON_JOB, b"null"),
            (b"v1", b"x", b"Thing", b"CREATE", CRON_JOB.replace(b"CronJob", b"Thing").replace(b"batch", b"x"), b"null"), (b"v1", b"", b"Pod", b"DELETE", b"null", POD % b"a"),
        ]],
        "record": [RECORD],
        "install_check": [INSTALLATION, b"flags.txt\n--insecure-port=0 --enable-admission-plugins=PodSecurityPolicy"],
        "secrets": [SECRETS, b"DB_PASSWORD\ncurl -u a:hT7kq2Zp9 https://u:p4Zk9qL2@x --token=ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
        "image_history": [
            b"RUN |1 A=b /bin/sh -c set -e; if true; then sudo -E apt-get -o A=b update && echo 'x' # buildkit",
            b"root::0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n+::\n",
        ],
        "reference": REFERENCES,
        "cel": expressions(),
        "rego_parse": [REGO] + programs(),
        "rego_fmt": [REGO, COMMENTED] + programs(),
        "rego_eval": EVALUATED + programs(),
        "rego_values": VALUES,
        "rego_bundle": BUNDLES,
        "gatekeeper": GATEKEEPER,
        "purl": PURLS,
        "report_text": [b"a\n1.0\nMIT", "x\u202ey\u200b<b>|`\x1b[31m\n1\n]]>&".encode()],
        "bundle": [],
        "certificate": [],
        "timestamp": [],
        "checkpoint": [],
        "statement": STATEMENTS,
        "service_answers": SERVICES + [
            json.dumps(json.load(open(os.path.join(ROOT, "fuzz/seeds/bundle/v2-cosigned.json")))["verificationMaterial"]["tlogEntries"][0]).encode()
        ],
        "notation_envelope": [],
        "notation_policy": NOTATION,
        "trusted_root": [open(os.path.join(ROOT, "fuzz/src/offline-world.json"), "rb").read()],
        "tuf_metadata": TUF,
        "trivy_db": [],
        "index": [],
    }


# Trust policies, names in them, and what a store holds.
NOTATION = [
    json.dumps({"version": "1.0", "trustPolicies": [
        {"name": "a", "registryScopes": ["registry.example.com/shop/web"], "signatureVerification": {
            "level": "strict", "override": {"revocation": "skip", "expiry": "log"}, "verifyTimestamp": "afterCertExpiry"},
         "trustStores": ["ca:acme", "tsa:clock"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme", "other: a"]},
        {"name": "b", "registryScopes": ["a/b"], "signatureVerification": {"level": "skip"}},
        {"name": "c", "registryScopes": ["*"], "signatureVerification": {"level": "audit"}, "trustStores": ["signingAuthority:x"],
         "trustedIdentities": ["*"]}]}).encode(),
    rb" C=US, S=WA ; O=acme\, inc\20,CN = a\2Cb \ ,OU=x  ",
]


def main():
    corpus, wanted = sys.argv[1], sys.argv[2:]
    for target, inputs in seeds().items():
        if wanted and target not in wanted:
            continue
        folder = os.path.join(corpus, target)
        os.makedirs(folder, exist_ok=True)
        ours = os.path.join(ROOT, "fuzz", "seeds", target)
        if os.path.isdir(ours):
            inputs = inputs + [fixture(ours, name) for name in sorted(os.listdir(ours))]
        for i, data in enumerate(inputs):
            with open(os.path.join(folder, f"seed-{i}"), "wb") as file:
                file.write(data)


main()
