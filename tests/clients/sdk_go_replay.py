"""What the Go client (the `databricks` CLI, Terraform) sends, byte for byte, sent again.

Requests recorded from databricks-sdk-go 0.175.0 (sdk_go_workspace.jsonl): discovery, `Me?` with an
empty query, the token request in chunks. Host and credentials are replaced, nothing else.
"""

import base64
import http.client
import json
import os
import pathlib
import ssl
import urllib.parse

import common

RECORDED = pathlib.Path(__file__).with_name("sdk_go_workspace.jsonl")


def connection(host, ca_file):
    """A connection to the given host."""
    parts = urllib.parse.urlsplit(host)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        return parts.netloc, http.client.HTTPSConnection(parts.netloc, context=context)
    return parts.netloc, http.client.HTTPConnection(parts.netloc)


def sent_again(given, request, minted):
    """Status and normalised body of one recorded request."""
    netloc, wire = connection(given.host, given.ca_file)
    pair = f"{common.required('DATABRICKS_CLIENT_ID')}:{common.required('DATABRICKS_CLIENT_SECRET')}"
    chunked = False
    wire.putrequest(request["m"], request["path"], skip_host=True, skip_accept_encoding=True)
    for name, value in request["h"]:
        if name == "Host":
            value = netloc
        elif name == "Authorization" and value.startswith("Basic "):
            value = "Basic " + base64.b64encode(pair.encode()).decode()
        elif name == "Authorization":
            value = "Bearer " + (minted or common.token())
        elif name == "X-Databricks-Workspace-Id":
            value = given.workspace_id
        elif name == "Accept-Encoding":
            value = "identity"
        chunked = chunked or name == "Transfer-Encoding"
        wire.putheader(name, value)
    wire.endheaders()
    if chunked:
        body = request["body"].encode()
        wire.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    reply = wire.getresponse()
    text = reply.read()
    wire.close()
    return reply.status, json.loads(text)


def normal(status, body):
    """What must be equal: tokens and addresses differ by design, their shape does not."""
    if "access_token" in body:
        return {"status": status, "type": body["token_type"], "minutes": body["expires_in"] > 120}
    if "token_endpoint" in body or "oidc_endpoint" in body:
        return {"status": status, "has": sorted(name for name in body if name in (
            "token_endpoint", "oidc_endpoint"))}
    return {"status": status, "body": body}


def main():
    given = common.arguments(__doc__.splitlines()[0])
    results, minted = {}, None
    for number, line in enumerate(RECORDED.read_text().splitlines(), 1):
        request = json.loads(line)
        status, body = sent_again(given, request, minted)
        minted = body.get("access_token", minted)
        results[f"{number} {request['m']} {request['path']}"] = normal(status, body)
    print(json.dumps(results, sort_keys=True, default=str))


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
    main()
