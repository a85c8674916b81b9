#!/usr/bin/env bash
# Keys in a token: a binary with PKCS#11 signs with SoftHSM's, and everybody verifies by the public half.
#   scripts/e2e-pkcs11.sh [WORK]
# Needs softhsm2 and openssl. Builds the binary unoptimised, beside what the tests built: the feature changes the last crate alone.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=${1:-$(mktemp -d)}
target=${CARGO_TARGET_DIR:-$root/target}
rm -rf "$work/pkcs11" && mkdir -p "$work/pkcs11/tokens" "$work/pkcs11/home" && cd "$work/pkcs11"
module=$(find /usr/lib /usr/lib64 -name libsofthsm2.so -print -quit 2>/dev/null || true)
[ -n "$module" ] && command -v softhsm2-util >/dev/null || { echo "e2e-pkcs11: softhsm2 is missing" >&2; exit 1; }
(cd "$root" && cargo build --quiet --workspace --features plimsoll/pkcs11 --bin plimsoll)
# Beside the one without it, whose place it took.
cp "$target/debug/plimsoll" plimsoll
export SOFTHSM2_CONF=$PWD/softhsm2.conf HOME=$PWD/home COSIGN_PKCS11_MODULE_PATH=$module COSIGN_PASSWORD=
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$PWD/tokens" >softhsm2.conf
pin=90417355
softhsm2-util --init-token --free --label "a token" --so-pin 0815 --pin $pin >init.log
asked=0
# holds WORDS COMMAND…: it succeeds. fails WORDS COMMAND…: it does not, and says so in these words; no PIN is in what is said.
holds() { asked=$((asked + 1)); "${@:2}" >out 2>err || { echo "FAILS $1: $(cat out err)"; exit 1; }; unseen; }
fails() { asked=$((asked + 1)); ! "${@:2}" >out 2>err || { echo "SUCCEEDS $*"; exit 1; }; grep -qF -- "$1" err || { echo "WORDS $1: $(cat err)"; exit 1; }; unseen; }
unseen() { ! grep -q "$pin" out err || { echo "A PIN IS SHOWN: $(cat out err)"; exit 1; }; }
cosign() { ./plimsoll cosign "$@"; }
echo blob >blob
echo other >other
kinds="p256 p384 rsa"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>openssl.log
number=0
for kind in $kinds; do
    number=$((number + 1))
    softhsm2-util --import $kind.pem --token "a token" --label $kind --id a$number --pin $pin >>init.log
    openssl pkey -in $kind.pem -pubout -out $kind.pub
done
hash_of() { [ "$1" = p384 ] && echo sha384 || echo sha256; }
number=0
for kind in $kinds; do
    number=$((number + 1))
    for key in "pkcs11:token=a%20token;object=$kind" "pkcs11:token=a%20token;id=%a$number?module-path=$module&pin-value=$pin"; do
        export COSIGN_PKCS11_PIN=$pin
        case $key in *pin-value*) unset COSIGN_PKCS11_PIN ;; esac
        holds "the public half of $kind" cosign public-key --key "$key"
        cmp out $kind.pub
        holds "sign-blob with $kind" cosign sign-blob --key "$key" --tlog-upload=false --bundle b.json blob
        holds "verify-blob with $kind in the token" cosign verify-blob --key "$key" --insecure-ignore-tlog --bundle b.json blob
        holds "verify-blob with $kind in a file" cosign verify-blob --key $kind.pub --insecure-ignore-tlog --bundle b.json blob
        fails artifact-mismatch cosign verify-blob --key "$key" --insecure-ignore-tlog --bundle b.json other
        holds "a bare signature with $kind" cosign sign-blob --key "$key" --tlog-upload=false --new-bundle-format=false --output-signature s --b64=false blob
        openssl dgst "-$(hash_of $kind)" -verify $kind.pub -signature s blob >/dev/null || { echo "openssl does not take it: $kind"; exit 1; }
    done
done
export COSIGN_PKCS11_PIN=$pin
holds "list-tokens" cosign pkcs11-tool list-tokens
grep -qF 'Label: a token' out
slot=$(sed -n 's/^Token in slot \([0-9]*\)$/\1/p' out | head -n 1)
holds "list-keys-uris" cosign pkcs11-tool list-keys-uris --slot-id "$slot"
[ "$(grep -c '^	URI: pkcs11:' out)" = 3 ] || { cat out; exit 1; }
uri=$(sed -n 's/^	URI: //p' out | head -n 1)
holds "a URI of the list" cosign public-key --key "$uri"
fails "find the public key" cosign public-key --key "pkcs11:token=a%20token;object=nowhere"
fails "find the token" cosign public-key --key "pkcs11:token=another;object=p256"
fails "one in slot" cosign public-key --key "pkcs11:token=a%20token;slot-id=4000000000;object=p256"
fails "names no key" cosign public-key --key "pkcs11:token=a%20token"
fails "sign in to the token" env COSIGN_PKCS11_PIN=1111 ./plimsoll cosign sign-blob --key "pkcs11:token=a%20token;object=p256" --tlog-upload=false --bundle x blob
fails "it is no file" env COSIGN_PKCS11_MODULE_PATH=/nowhere.so ./plimsoll cosign public-key --key "pkcs11:token=a%20token;object=p256"
fails "absolute path" env COSIGN_PKCS11_MODULE_PATH=libsofthsm2.so ./plimsoll cosign public-key --key "pkcs11:token=a%20token;object=p256"
fails "own tools" cosign generate-key-pair --kms "pkcs11:token=a%20token;object=new"
# A PIN at a wrong place is shown no more than one at its own.
fails "does not leave where it is" cosign import-key-pair --key "pkcs11:token=a%20token;pin-value=$pin;object=p256"
fails "does not begin with pkcs11:" cosign public-key --key "PKCS11:token=a%20token;object=p256?pin-value=$pin"
# Two keys of one name are none.
softhsm2-util --import p256.pem --token "a token" --label rsa --id b1 --pin $pin >>init.log
fails "choose a key" cosign sign-blob --key "pkcs11:token=a%20token;object=rsa" --tlog-upload=false --bundle x blob
[ ! -e x ] || { echo "something was written"; exit 1; }
echo "say: keys in a token: $asked runs"
