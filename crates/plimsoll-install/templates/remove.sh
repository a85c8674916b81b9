#!/bin/sh
# Takes the gate back, in the order in which nothing is blocked on the way: first what calls it, then the server.
# Run as it is it only says what it would do; `sh remove.sh --yes` does it. The authority and the keys stay where they are:
# delete this folder yourself when you are sure.
set -eu
run() {
    echo "+ $*"
    if [ "$yes" = yes ]; then "$@"; fi
}
yes=no
if [ "${1:-}" = --yes ]; then yes=yes; fi
#@if control_plane

cat <<'TEXT'
On every control-plane node, by hand, before anything else. Edit /etc/kubernetes/manifests/kube-apiserver.yaml (or the
flags of kube-apiserver.service) and take out:
  --admission-control-config-file=@CONFIG_DIR@/admission.yaml
#@if image_policy
  ImagePolicyWebhook           from --enable-admission-plugins
#@end
#@if static
  ManifestBasedAdmissionControlConfig=true   from --feature-gates
#@end
  the volumeMount and the volume `plimsoll`
When the API server is back, and only then:
  rm /etc/kubernetes/manifests/plimsoll.yaml       (or: systemctl disable --now plimsoll)
  rm -r @CONFIG_DIR@
TEXT
#@end
#@if webhook

# What calls the gate goes first: from here on nothing waits for it.
run kubectl delete validatingwebhookconfiguration @NAME@ --ignore-not-found
run kubectl delete mutatingwebhookconfiguration @NAME@ --ignore-not-found
# Then the server and its rights.
run kubectl -n @NAMESPACE@ delete deployment,poddisruptionbudget,service,networkpolicy @NAME@ --ignore-not-found
run kubectl delete clusterrolebinding,clusterrole @NAME@-pull-secrets @NAME@-prewarm @NAME@-follow --ignore-not-found
run kubectl -n @NAMESPACE@ delete configmap @NAME@-policy --ignore-not-found
run kubectl -n @NAMESPACE@ delete secret @NAME@-tls --ignore-not-found
run kubectl -n @NAMESPACE@ delete serviceaccount @NAME@ --ignore-not-found
run kubectl -n @NAMESPACE@ delete resourcequota @NAME@-critical-pods --ignore-not-found
echo "The namespace stays, for other things may live in it: kubectl delete namespace @NAMESPACE@"
#@end
if [ "$yes" = no ]; then echo "Nothing was done. To do it: sh remove.sh --yes"; fi
