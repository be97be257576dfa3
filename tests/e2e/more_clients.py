"""The Node.js clients, and a Databricks that nobody here wrote, through open sessions.

    python tests/e2e/more_clients.py --binary target/release/breakglass --npm target/test-npm

First `@databricks/sql` and `@databricks/sdk-experimental` over TLS on port 443 of another loopback
address, where older versions of the second one insist to go; then PyPI `minilake` behind the proxy,
driven by the Python SDK. Each is run directly as well, and the results must be equal. Listening on
443 needs root: without it that port is skipped, loudly, and a free one taken.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import proxied_clients as pc
import vault as v

# Addresses of their own, so that 443 is free on them whatever else this machine serves.
PROXY, DIRECT = "127.0.0.7", "127.0.0.8"
NODE_SCRIPTS = {"sql_node.mjs": "@databricks/sql", "sdk_js.mjs": "@databricks/sdk-experimental"}
# Results that differ by design: the message the proxy must give.
BY_DESIGN = {
    # Result links are refused; this driver keeps the sentence to itself and shows the status.
    ("sql_node.mjs", "links"): "bad HTTP status code: 400",
    ("sdk_js.mjs", "m2m_wrong_secret"): "invalid_client",
    ("sdk_minilake.py", "unknown"): "is not a reviewed call",
}
BREADTH = ["ws:read", "ws:egress", "ws:change", "ws:destroy", "ws:privilege", "ws:code",
           "ws:PUT /api/2.0/fs/files/**"]


def may_bind_443():
    """Whether this process may listen on port 443."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((PROXY, 443))
        except OSError:
            return False
    return True


def certificates(folder):
    """A new authority and certificate over those of the stage, good for both addresses."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=throw-away authority", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", *curve, "-keyout", "key.pem", "-out", "leaf.csr", "-subj", "/CN=localhost")
    (folder / "leaf.ext").write_text(
        f"subjectAltName=IP:{PROXY},IP:{DIRECT},IP:127.0.0.1,DNS:localhost\n"
        "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-CAcreateserial", "-extfile", "leaf.ext", "-out", "cert.pem")
    (folder / "key.pem").chmod(0o600)


class NodeVault(v.Vault):
    """A vault whose TLS door is on an address of its own."""

    def __init__(self, binary, port, **more):
        super().__init__(binary, **more)
        self.port = port

    def stage(self):
        """As staged, with another TLS door."""
        super().stage()
        certificates(self.dir / "tls")
        text = self.config.read_text()
        shown = PROXY if self.port == 443 else f"{PROXY}:{self.port}"
        text = re.sub(r'(\[proxy\]\nlisten = )"[^"]*"\nurl = "[^"]*"',
                      rf'\1"{PROXY}:{self.port}"\nurl = "https://{shown}"', text)
        self.config.write_text(text)


class MinilakeVault(v.Vault):
    """A vault whose workspace is minilake; account and tokens stay the simulator's."""

    def __init__(self, binary, **more):
        super().__init__(binary, **more)
        self.front = self.lake = None

    def stage(self):
        """As staged, with another workspace host, where the principal always is admin: minilake
        has no account that could assign it."""
        super().stage()
        self.lake = Minilake(self, "behind")
        self.front = front(self, self.lake.port)
        host = f"http://{self.databricks['http']}"
        workspace = self.databricks["workspace_id"]
        text = self.config.read_text()
        text = text.replace(f'"{workspace}" = "{host}"',
                            f'"{workspace}" = "http://127.0.0.1:{self.front}"')
        text = text.replace("[databricks]\n", '[databricks]\nworkspace_admin = "standing"\n')
        self.config.write_text(text)


class Child:
    """A server without a line to say when it is ready: it is asked. Ended like the others."""

    def __init__(self, vault, name, command, environment=None):
        self.log = open(vault.folder / f"{name}.log", "ab")
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                      stderr=self.log, env=environment)
        vault.children.append(self)

    def alive(self):
        """Whether it still runs."""
        return self.child.poll() is None

    def kill(self):
        """Ends it, and what it started ends by itself."""
        self.child.terminate()
        try:
            self.child.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(timeout=120)
        self.log.close()


class Minilake(Child):
    """A fresh minilake with the one group that every real workspace has."""

    def __init__(self, vault, name):
        self.port = v.free_port()
        data = vault.folder / f"minilake-{name}"
        program = pathlib.Path(sys.executable).with_name("minilake")
        super().__init__(vault, f"minilake-{name}", [program, "--port", str(self.port)],
                         v.quiet_environment() | {"MINILAKE_DATA_DIR": str(data)})
        v.until("minilake", self.answers)
        made = v.call(f"127.0.0.1:{self.port}", "POST", "/api/2.0/preview/scim/v2/Groups", {},
                      {"displayName": "admins"})
        if made.status not in (200, 201):
            raise v.Failed(f"minilake made no group: {made.status} {made.body[:300]!r}")

    def answers(self):
        """Whether it serves."""
        try:
            url = f"http://127.0.0.1:{self.port}/_minilake/health"
            with urllib.request.urlopen(url, timeout=30) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False


def front(vault, lake):
    """nginx as the workspace's host: minilake has no token endpoint, the simulator has."""
    port = v.free_port()
    folder = vault.folder / "front"
    folder.mkdir()
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(f"""{user} daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  log_format agents '$http_user_agent';
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    location /oidc/ {{ proxy_pass http://{vault.databricks['http']}; }}
    location / {{ access_log {folder}/agents.log agents; proxy_pass http://127.0.0.1:{lake}; }}
  }}
}}
""")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    child = Child(vault, "front", [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")])

    def listens():
        if not child.alive():
            raise v.Failed(f"nginx ended: {(vault.folder / 'front.log').read_text()[-800:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    v.until("the workspace's front", listens)
    return port


def run(script, host, environment, ca_file):
    """The JSON object a client script printed."""
    runner = ["node"] if script.endswith(".mjs") else [sys.executable]
    words = [*runner, str(pc.CLIENTS / script), "--host", host, "--ca-file", str(ca_file)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        raise v.Failed(f"{script} at {host} ended with {done.returncode}: {done.stderr[-2500:]}")
    return json.loads(done.stdout)


def compare(checks, script, want, got):
    """Every result of a script: those direct, those through the proxy."""
    checks.equal(f"{script}: the same results are there", sorted(got), sorted(want))
    other = {}
    for name, result in want.items():
        if (script, name) in BY_DESIGN:
            checks.hold(f"{script} {name}: refused in the proxy's own words",
                        BY_DESIGN[script, name] in json.dumps(got[name]), got[name])
        elif json.dumps(got[name], sort_keys=True) != json.dumps(result, sort_keys=True):
            other[name] = {"proxied": got[name], "direct": result}
    equal = sum((script, name) not in BY_DESIGN for name in want)
    checks.hold(f"{script}: {equal} results equal to the direct run", not other, other)
    failed = sorted(name for name, result in want.items()
                    if isinstance(result, dict) and "raised" in result)
    checks.hold(f"{script}: most of them are no errors ({', '.join(failed)})",
                len(failed) < len(want) / 2, failed)


def node_clients(checks, given):
    """Both npm clients through one open session."""
    rooted = may_bind_443()
    if not rooted:
        print("SKIPPED port 443: this user may not listen there; run as root to have it checked",
              flush=True)
    port = 443 if rooted else v.free_port()
    with NodeVault(given.binary, port, keep=given.keep) as vault:
        incident, _ = vault.open_session()
        ca_file = vault.dir / "tls" / "ca.pem"
        more = {"BREAKGLASS_TEST_NPM": given.npm, "NODE_EXTRA_CA_CERTS": str(ca_file)}
        simulator, secret, token = direct_simulator(vault, rooted)
        info = simulator.ready
        direct = pc.environment(info, token, info["application_id"], secret, ca_file) | more
        env = vault.environment(incident)
        checks.equal("env hands Node.js the authority as well", env["NODE_EXTRA_CA_CERTS"],
                     env["SSL_CERT_FILE"])
        session = vault.view(incident)["session"]["id"]
        proxied = pc.environment(vault.databricks, env["DATABRICKS_TOKEN"], session,
                                 env["DATABRICKS_TOKEN"], env["SSL_CERT_FILE"])
        proxied |= more | {"NODE_EXTRA_CA_CERTS": env["NODE_EXTRA_CA_CERTS"]}
        for script in NODE_SCRIPTS:
            want = run(script, f"https://{info['tls'].removesuffix(':443')}", direct, ca_file)
            got = run(script, env["DATABRICKS_HOST"], proxied, env["SSL_CERT_FILE"])
            compare(checks, script, want, got)
            print(f"     matrix {NODE_SCRIPTS[script]:<29} tls    direct: yes, proxy: equal",
                  flush=True)
        vault.close(incident)
        pc.count(checks, vault, incident)


def direct_simulator(vault, rooted):
    """A simulator of its own on TLS: process, first secret, access token."""
    tls = vault.dir / "tls"
    first = vault.folder / "direct-secret"
    address = f"{DIRECT}:{443 if rooted else 0}"
    simulator = v.Process(
        [vault.binary, "simulate", "--json", "--http", "127.0.0.1:0", "--tls", address, "--cert",
         str(tls / "cert.pem"), "--key", str(tls / "key.pem"), "--write-first-secret", str(first)],
        vault.folder / "direct.log")
    vault.children.append(simulator)
    secret = first.read_text().strip()
    return simulator, secret, pc.minted(simulator.ready, secret)


def minilake(checks, given):
    """minilake, direct and behind the proxy."""
    script = "sdk_minilake.py"
    with MinilakeVault(given.binary, keep=given.keep) as vault:
        incident, token = vault.open_session(BREADTH, account=False)
        other = Minilake(vault, "direct")
        env = v.quiet_environment() | {"DATABRICKS_TOKEN": "any", "NO_PROXY": "127.0.0.1"}
        want = run(script, f"http://127.0.0.1:{other.port}", env, "none")
        got = run(script, f"http://{vault.plain}", env | {"DATABRICKS_TOKEN": token}, "none")
        compare(checks, script, want, got)
        print("     matrix minilake (upstream)           plain  direct: yes, proxy: equal",
              flush=True)
        _, entries = vault.exported()
        begun = [e for e in entries if e.get("inc") == incident and e["t"] == "call.begin"]

        def reached():
            agents = (vault.folder / "front" / "agents.log").read_text().splitlines()
            return sum(f"bg-session/{incident}" in line.split() for line in agents)

        # nginx writes its line after the reply has gone.
        v.until("nginx's lines", lambda: reached() >= len(begun))
        checks.equal("each call that reached minilake was logged before", reached(), len(begun))
        checks.hold("and there were as many as such a script makes", len(begun) > len(got),
                    len(begun))
        vault.close(incident)
        checks.equal("the session over a foreign upstream ends with a rotation",
                     vault.phase(incident), "in_review")


def more(parser):
    """The folder of the npm packages."""
    parser.add_argument("--npm", required=True, help="folder with node_modules of the clients")


def main():
    given = v.arguments(__doc__, more)
    given.npm = str(pathlib.Path(given.npm).resolve())
    checks = v.Checks()
    node_clients(checks, given)
    minilake(checks, given)
    checks.finish()


if __name__ == "__main__":
    main()
