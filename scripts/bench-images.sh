#!/usr/bin/env bash
# Makes the five images that scripts/bench.sh measures, each an OCI layout of two layers below WORK:
#   minbase   debootstrap's smallest Debian          many   one of some 600 packages
#   jars      Java libraries, Maven, Tomcat          node   npm with what a web project installs
#   large     nginx, Java, Node.js, Python and etcd, 1.3 GB unpacked
# A layout that is there is kept. Usage: scripts/bench-images.sh WORK [NAME…]
# As root on Debian: debootstrap, umoci, skopeo (for scripts/make-debian-image.sh), npm, python3 with pip; the network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: bench-images.sh WORK [minbase|many|jars|node|large]…}
shift
mkdir -p "$work"
work=$(cd "$work" && pwd)
[ $# -gt 0 ] || set -- minbase many jars node large
suite=bookworm

packages_many="build-essential git vim python3-dev python3-numpy python3-yaml python3-requests python3-lxml imagemagick
    ffmpeg gdb cmake postgresql-client mariadb-client redis-tools openssh-client curl wget rsync perl-modules
    libwww-perl ruby php-cli subversion tmux htop graphviz gnupg libgtk-3-dev qtbase5-dev"
packages_jars="maven tomcat10 ant gradle libspring-core-java libspring-context-java libspring-web-java liblog4j2-java
    libcommons-lang3-java libcommons-io-java libcommons-collections4-java libcommons-text-java libjackson2-databind-java
    libhibernate-validator-java libnetty-java libguava-java libbcprov-java libhttpclient-java libxerces2-java
    libbatik-java libfop-java libpdfbox-java libxalan2-java libjetty9-java libh2-java libgroovy-java junit5 testng"
packages_node="nodejs npm"
packages_large="nginx default-jre nodejs npm python3 python3-pip python3-setuptools etcd-server etcd-client tomcat10 liblog4j2-java"
npm_node="webpack@5 webpack-cli@5 typescript@5 eslint@8 react@18 react-dom@18 react-scripts@5 next@14 @angular/cli@17
    @angular/core@17 jest@29 express@4 gatsby-cli@5 @nestjs/core@10 mongoose@8 prisma@5 storybook@8 lerna@8"
npm_large="express@4 react@18 webpack@5 typescript@5"
pip_large="django flask numpy pandas scipy requests boto3 sqlalchemy cryptography"

in_root() { # ROOT COMMAND…: with its own /proc, in a mount namespace that goes away with it
    local root=$1
    shift
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    unshare --mount --fork sh -c 'mount -t proc proc "$1/proc"; root=$1; shift
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"' - "$root" "$@"
}

add_packages() { # ROOT PACKAGES…
    local root=$1
    shift
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    in_root "$root" apt-get -qq update
    # A package that this suite lacks is left out rather than the image with it.
    local known=()
    for package in "$@"; do
        if in_root "$root" apt-get -qq install --simulate --no-install-recommends "$package" >/dev/null 2>&1; then known+=("$package"); else
            echo "bench-images: $suite has no $package" >&2
        fi
    done
    in_root "$root" apt-get -qq install --no-install-recommends "${known[@]}"
    in_root "$root" apt-get -qq clean
    rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/*
}

add_npm() { # ROOT PACKAGES…
    local folder=$1/app
    shift
    mkdir -p "$folder"
    echo '{"name":"app","version":"1.0.0","private":true}' >"$folder/package.json"
    npm install --prefix "$folder" --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel error "$@"
}

add_pip() { # ROOT PACKAGES…
    local folder=$1/usr/local/lib/python3.11/dist-packages
    shift
    python3 -m pip install --quiet --no-compile --root-user-action ignore --only-binary :all: --python-version 3.11 --target "$folder" "$@"
}

fill() { # NAME ROOT
    # Lists of words.
    # shellcheck disable=SC2086
    case $1 in
        minbase) ;;
        many) add_packages "$2" $packages_many ;;
        jars) add_packages "$2" $packages_jars ;;
        node) add_packages "$2" $packages_node && add_npm "$2" $npm_node ;;
        large) add_packages "$2" $packages_large && add_npm "$2" $npm_large && add_pip "$2" $pip_large ;;
        *) echo "bench-images: no image is named $1" >&2 && return 64 ;;
    esac
}

"$here/make-debian-image.sh" "$work/base" "$suite"
for name in "$@"; do
    if [ -e "$work/$name/index.json" ]; then continue; fi
    rm -rf "$work/$name" "$work/$name.part" "$work/$name.bundle"
    cp -a "$work/base/oci" "$work/$name.part"
    if [ "$name" != minbase ]; then
        umoci unpack --image "$work/$name.part:$suite" "$work/$name.bundle" >/dev/null 2>&1
        fill "$name" "$work/$name.bundle/rootfs" >"$work/$name.log" 2>&1 || { tail -n 20 "$work/$name.log" >&2; exit 1; }
        umoci repack --image "$work/$name.part:$suite" "$work/$name.bundle" >/dev/null 2>&1
        umoci gc --layout "$work/$name.part" >/dev/null 2>&1
    fi
    du -sb "$work/$name.bundle/rootfs" 2>/dev/null | cut -f 1 >"$work/$name.size" || true
    rm -rf "$work/$name.bundle"
    mv "$work/$name.part" "$work/$name"
    echo "bench-images: $work/$name"
done
