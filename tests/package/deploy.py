#!/usr/bin/python3
"""Container, compose and chart as data: what they name exists, and no
container has more rights than it needs. The chart is rendered by helm (in
PATH, of packaging/vendor.sh chart, or HELM=...) and held against the schemas
of Kubernetes; without them that part is not run. With --all it is a failure."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
os.chdir(TOP)
ROLES = set(re.findall(r"^(\w[\w |]*)\)", open("packaging/container/entrypoint.sh").read(), re.M))
ROLES = {r.strip() for line in ROLES for r in line.split("|")}
bad = []


def check(ok, what):
    if not ok:
        bad.append(what)


def not_run(what):
    check("--all" not in sys.argv, what)
    print("not run:", what)


def compose():
    doc = yaml.safe_load(open("packaging/container/compose.yaml"))
    own = {n: s for n, s in doc["services"].items() if n != "db"}
    check(set(own) == {"host", "migrate", "responder", "worker", "live", "web"}, "compose: services")
    for name, s in own.items():
        check(s.get("read_only") is True, f"compose {name}: root file system")
        check(s.get("user") == "10001:10001", f"compose {name}: user")
        check(s.get("cap_drop") == ["ALL"], f"compose {name}: capabilities")
        check("no-new-privileges:true" in s.get("security_opt", []), f"compose {name}: privileges")
        check(s["command"][0] in ROLES, f"compose {name}: no role {s['command']}")
        for v in s.get("volumes", []):
            check(v.split(":")[0] in doc["volumes"], f"compose {name}: volume {v}")
        for k, v in s.get("environment", {}).items():
            if k.endswith("_FILE"):
                check(os.path.basename(v) in s["secrets"], f"compose {name}: {k}")
    for name, s in doc["services"].items():
        for secret in s.get("secrets", []):
            check(secret in doc["secrets"], f"compose {name}: secret {secret}")
        for other in s.get("depends_on", {}):
            check(other in doc["services"], f"compose {name}: depends on {other}")


def containerfile():
    text = open("packaging/container/Containerfile").read()
    user = [line for line in text.splitlines() if line.startswith("USER ")]
    check(user == ["USER 10001:10001"], "Containerfile: USER")
    for f in re.findall(r"^COPY (\S+) ", text, re.M):
        check("*.deb" in f or os.path.exists("packaging/container/" + f), f"Containerfile: {f}")
    subprocess.run(["sh", "-n", "packaging/container/entrypoint.sh"], check=True)


KINDS = {"Deployment": "apps/v1", "Service": "v1", "PodDisruptionBudget": "policy/v1",
         "Ingress": "networking.k8s.io/v1", "ServiceMonitor": "monitoring.coreos.com/v1"}


def pod(spec):
    volumes = {v["name"] for v in spec["volumes"]}
    check(spec["securityContext"]["runAsNonRoot"] is True, "chart: root")
    check(spec["automountServiceAccountToken"] is False, "chart: service account")
    names = set()
    for c in spec["initContainers"] + spec["containers"]:
        s = c["securityContext"]
        names.add(c["args"][0])
        check(s["readOnlyRootFilesystem"] and not s["allowPrivilegeEscalation"] and
              s["capabilities"]["drop"] == ["ALL"], f"chart {c['name']}: rights")
        ports = {p["name"] for p in c.get("ports", [])}
        for probe in ("readinessProbe", "livenessProbe"):
            for kind in ("httpGet", "tcpSocket"):
                if kind in c.get(probe, {}):
                    check(c[probe][kind]["port"] in ports, f"chart {c['name']}: {probe}")
        for m in c["volumeMounts"]:
            check(m["name"] in volumes, f"chart {c['name']}: volume {m['name']}")
        env = [e["name"] for e in c["env"]]
        check(len(env) == len(set(env)), f"chart {c['name']}: a variable twice")
    check(names <= ROLES and {"migrate", "responder", "worker", "live", "web"} == names, "chart: roles")


def chart():
    own = "build/vendor/helm" if os.access("build/vendor/helm", os.X_OK) else None
    helm = os.environ.get("HELM") or own or shutil.which("helm")
    if helm is None:
        not_run("the chart is not rendered, there is no helm (packaging/vendor.sh chart, or HELM=...)")
        return
    path = "packaging/helm/quincunx"
    subprocess.run([helm, "lint", "--strict", "--quiet", path], check=True)
    every = ["--set", "ingress.enabled=true,ingress.tlsSecret=t,ingress.className=c,serviceMonitor=true,"
             "separateMigrator=true,settings.LOG_LEVEL=debug,publicUrl=https://q.example.org,nodeSelector.a=b"]
    for words in ([], every):
        out = subprocess.run([helm, "template", "r", path] + words, check=True, stdout=subprocess.PIPE, text=True).stdout
        docs = {d["kind"]: d for d in yaml.safe_load_all(out) if d}
        check(set(docs) == set(KINDS) if words else {"Deployment", "Service", "PodDisruptionBudget"} == set(docs),
              f"chart: objects {set(docs)}")
        for kind, d in docs.items():
            check(d["apiVersion"] == KINDS[kind], f"chart: {kind} is {d['apiVersion']}")
        deployment = docs["Deployment"]["spec"]
        labels = deployment["template"]["metadata"]["labels"]
        for select in (deployment["selector"]["matchLabels"], docs["Service"]["spec"]["selector"],
                       docs["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]):
            check(select.items() <= labels.items(), "chart: a selector matches nothing")
        pod(deployment["template"]["spec"])
        schemas(out)


def schemas(text):
    place = os.path.abspath("build/vendor/kube")
    if not os.path.isdir(place) or shutil.which("node") is None:
        not_run("the chart against Kubernetes' schemas (packaging/vendor.sh chart)")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(text)
        f.flush()
        check(subprocess.run(["node", "tests/package/chart.mjs", f.name, place]).returncode == 0, "chart: schema")


compose()
containerfile()
chart()
for b in bad:
    print("FAILED:", b)
print("deploy:", "all good" if not bad else f"{len(bad)} faults")
sys.exit(1 if bad else 0)
