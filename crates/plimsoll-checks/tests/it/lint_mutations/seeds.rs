//! Valid files to mutate: every instruction and the usual kinds of objects, with faults that rules find and mend.

pub const DOCKERFILES: [&str; 10] = [
    "FROM debian:12\nRUN apt-get update && apt-get install curl\nADD app.sh /usr/bin/app\nUSER app\nCMD app --serve\n",
    "# syntax=docker/dockerfile:1\nFROM golang:1.23 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app ./cmd/app\n\nFROM scratch\n\
     COPY --from=build /out/app /app\nUSER 1000\nENTRYPOINT [\"/app\"]\n",
    "ARG VERSION=3.20\nFROM alpine:${VERSION}\nRUN apk add curl \\\n    # for the build\n    git \\\n  && rm -rf /tmp/*\nEXPOSE 22 8080\n\
     HEALTHCHECK --interval=5s CMD curl -f http://localhost:8080/ || exit 1\nCMD [\"httpd\", \"-f\"]\n",
    "FROM python:latest\nMAINTAINER somebody@example.com\nRUN pip install flask\nRUN pip install --no-cache-dir requests==2.32.0\n\
     COPY requirements.txt setup.py /app\nWORKDIR app\nCMD python main.py\n",
    "FROM ubuntu\nRUN sudo apt install -y nginx\nRUN cd /tmp && wget https://example.com/a.tar.gz && tar xzf a.tar.gz\nENV A=1 B=\"two words\"\n\
     ENV OLD value with words\nVOLUME [\"/data\"]\nSTOPSIGNAL SIGTERM\n",
    "FROM node:20\nRUN <<EOF\nset -e\nnpm ci\napt-get update\nEOF\nCOPY <<conf /etc/app.conf\nkey = value\nconf\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \
     \"-c\"]\nRUN curl -s https://example.com/x | tar x\nCMD [\"node\", \"a.js\"]\n",
    "FROM rockylinux:9\nRUN yum install httpd && yum clean all\nRUN dnf install vim\nLABEL org.opencontainers.image.title=\"web\" version='1.0'\n\
     ONBUILD COPY . /src\nRUN useradd -u 1234567 app\nUSER app\n",
    "# escape=`\nFROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nRUN echo a `\n  b\nCOPY a.txt b.txt C:/app\nCMD [\"cmd\", \"/c\", \"dir\"]\n",
    "FROM debian:12 AS a\nRUN --mount=type=cache,target=/var/cache/apt apt-get update; apt-get install -y a=1 b\nFROM a AS b\n\
     RUN cat x | grep y && ln -s a b\nFROM b\nCOPY --from=a --chown=1:1 /x /y\nADD https://example.com/f.txt /f.txt\nUSER root\n",
    "FROM debian:12\nARG TOKEN=abc\nENV PATH=/a:$PATH SECRET_KEY=x\nRUN if [ -f /a ]; then rm -f /a; fi; for i in 1 2; do echo \"$i\"; done\n\
     RUN [\"apt-get\", \"install\", \"curl\"]\nWORKDIR /x\nEXPOSE 80/tcp\nENTRYPOINT exec app\nCMD a 'b c' \\\n  d\nUSER 0\n",
];

pub const MANIFESTS: [&str; 10] = [
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:latest\n    securityContext:\n      privileged: true\n\
     ---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  type: NodePort\n  ports:\n  - port: 80\n  selector:\n    app: web\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n  namespace: shop\n  labels: {app: shop}\nspec:\n  replicas: 1\n  selector:\n    \
     matchLabels: {app: shop}\n  template:\n    metadata:\n      labels: {app: shop}\n    spec:\n      hostNetwork: true\n      volumes:\n      - name: h\n        hostPath:\n          \
     path: /var/run/docker.sock\n      containers:\n        - name: shop # the shop\n          image: \"registry.example.com/shop:1.2\"\n          ports:\n            - containerPort: 80\n          \
     env:\n            - name: PASSWORD\n              value: 'hunter2hunter2'\n          volumeMounts:\n            - {name: h, mountPath: /h}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop}\n",
    "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"j\"},\n \"spec\": {\"hostPID\": true,\n  \"containers\": [{\"name\": \"a\", \"image\": \"a:1\",\n    \
     \"securityContext\": {\"capabilities\": {\"add\": [\"SYS_ADMIN\"]}}}]}}\n",
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  metadata: {name: nightly}\n  spec:\n    schedule: \"0 3 * * *\"\n    jobTemplate:\n      spec:\n        template:\n          \
     spec:\n            restartPolicy: Never\n            containers:\n            - name: j\n              image: j:2\n              command: [\"sh -c x\"]\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n  \
     data:\n    password: abcdefgh12345678\n    text: |\n      many\n       lines\n",
    "# roles\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: all\nrules:\n- apiGroups: [\"*\"]\n  resources: [\"*\"]\n  verbs: [\"*\"]\n---\n\
     apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: all\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: cluster-admin\nsubjects:\n- kind: ServiceAccount\n  \
     name: default\n  namespace: x\n",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations:\n    nginx.ingress.kubernetes.io/configuration-snippet: |\n      more_set_headers \"a: b\";\nspec:\n  rules:\n  - host: a.example.com\n    \
     http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: web\n            port: {number: 80}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
     metadata: {name: open}\nspec:\n  podSelector: {}\n  ingress:\n  - {}\n",
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: anchors\nx-base: &base\n  image: a:1\n  resources: &r\n    limits: {cpu: \"1\", memory: 1Gi}\nspec:\n  securityContext:\n    runAsUser: 0\n  containers:\n  - <<: *base\n    name: one\n  \
     - name: two\n    image: b\n    resources: *r\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: n\n",
    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  template:\n    metadata:\n      labels: {app: db}\n      annotations:\n        \
     seccomp.security.alpha.kubernetes.io/pod: unconfined\n    spec:\n      automountServiceAccountToken: false\n      initContainers:\n      - name: init\n        image: busybox\n        command:\n          - sh\n          - -c\n          \
     - |\n            chown -R 1:1 /data\n            echo done\n      containers:\n      - name: db\n        image: postgres:16\n        readinessProbe:\n          tcpSocket: {port: 5432}\n        securityContext:\n          \
     allowPrivilegeEscalation: true\n          readOnlyRootFilesystem: no\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec:\n      accessModes: [ReadWriteMany]\n      resources: {requests: {storage: 1Gi}}\n",
    "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: kube-system}\nspec:\n  selector:\n    matchLabels:\n      app: agent\n  template:\n    metadata:\n      labels:\n        app: agent\n    spec:\n      \
     hostIPC: true\n      serviceAccount: agent\n      containers:\n      - image: agent@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b\n        name: agent\n        ports: [{containerPort: 22, hostPort: 22}]\n        \
     securityContext: {runAsNonRoot: false, capabilities: {add: [NET_ADMIN], drop: []}}\n---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: agent}\nspec:\n  maxUnavailable: 0\n  selector: {matchLabels: {app: agent}}\n",
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: aHVudGVyMmh1bnRlcjI=\n---\napiVersion: v1\nkind: Pod\nmetadata:\n    name: four\n    labels:\n        a: b\nspec:\n    containers:\n        -   name: x\n            \
     image: x:1\n            resources:\n                limits:\n                    memory: 64Mi\n            livenessProbe:\n                httpGet: {path: /, port: 80, host: example.com}\n            \
     securityContext: {}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: last}\nspec: {containers: [{name: a, image: 'a:1', securityContext: {runAsUser: 10}}]}\n",
];
