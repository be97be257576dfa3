"""A receiver that judges messages as Slack, Microsoft Teams and PagerDuty document them.

    python3 chat_sink.py slack|teams|pagerduty

Prints its port, then one JSON line for each request: {"service", "faults": […], "payload"}. A message
with faults is answered as the service would. Standard library only.
"""

import datetime
import http.server
import json
import sys
import threading

# Block Kit: https://docs.slack.dev/reference/block-kit/blocks
SLACK_BLOCKS, SLACK_HEADER, SLACK_SECTION, SLACK_TEXT = 50, 150, 3000, 40000
# Teams: "The message size limit is 28 KB"; a card's known elements and their members.
TEAMS_BYTES = 28 * 1024
TEXT_BLOCK = {"type", "text", "wrap", "size", "weight", "color", "fontType", "isSubtle"}
# Events API v2.
PAGER_BYTES, PAGER_SUMMARY, PAGER_DEDUP = 512 * 1024, 1024, 255
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


def slack(body, raw):
    faults = []
    if not isinstance(body.get("text"), str) or not 0 < len(body["text"]) <= SLACK_TEXT:
        faults.append("no_text")
    if extra := set(body) - {"text", "blocks", "unfurl_links", "unfurl_media"}:
        faults.append(f"unknown members {sorted(extra)}")
    blocks = body.get("blocks", [])
    if len(blocks) > SLACK_BLOCKS:
        faults.append("too many blocks")
    for block in blocks:
        text = block.get("text", {})
        kind, style, limit = block.get("type"), text.get("type"), len(text.get("text", ""))
        if kind == "header" and not (style == "plain_text" and 0 < limit <= SLACK_HEADER):
            faults.append("invalid header")
        elif kind == "section" and not (style in ("mrkdwn", "plain_text") and 0 < limit <= SLACK_SECTION):
            faults.append("invalid section")
        elif kind not in ("header", "section"):
            faults.append(f"unknown block {kind}")
    return faults, (200, b"ok") if not faults else (400, b"invalid_blocks")


def teams(body, raw):
    faults = []
    if len(raw) > TEAMS_BYTES:
        return ["too long"], (413, b"")
    if body.get("type") != "message" or len(body.get("attachments", [])) != 1:
        return ["not one attachment in a message"], (400, b"")
    attachment = body["attachments"][0]
    if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive":
        faults.append("not an adaptive card")
    card = attachment.get("content", {})
    if card.get("type") != "AdaptiveCard" or card.get("version") not in ("1.2", "1.3", "1.4", "1.5"):
        faults.append("not a card of a known version")
    for element in card.get("body", [{}]):
        if element.get("type") != "TextBlock" or not element.get("text") or set(element) - TEXT_BLOCK:
            faults.append(f"invalid element {element.get('type')}")
    if "actions" in card:
        faults.append("a card must not have buttons")
    return faults, (202, b"") if not faults else (400, b"")


def pagerduty(body, raw):
    faults = []
    if len(raw) > PAGER_BYTES:
        return ["too long"], (413, b"")
    if len(str(body.get("routing_key", ""))) != 32:
        faults.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    action, dedup = body.get("event_action"), body.get("dedup_key")
    if action not in ("trigger", "acknowledge", "resolve"):
        faults.append("unknown event_action")
    if not isinstance(dedup, str) or not 0 < len(dedup) <= PAGER_DEDUP:
        faults.append("dedup_key")
    if action == "trigger":
        payload = body.get("payload", {})
        if missing := {"summary", "source", "severity"} - set(payload):
            faults.append(f"missing {sorted(missing)}")
        if extra := set(payload) - PAYLOAD:
            faults.append(f"unknown members {sorted(extra)}")
        if not 0 < len(payload.get("summary", "")) <= PAGER_SUMMARY:
            faults.append("summary")
        if payload.get("severity") not in ("critical", "error", "warning", "info"):
            faults.append("severity")
        datetime.datetime.fromisoformat(payload["timestamp"])
    elif set(body) != {"routing_key", "event_action", "dedup_key"}:
        faults.append("an update carries its key only")
    if faults:
        return faults, (400, json.dumps({"status": "invalid event", "errors": faults}).encode())
    said = {"status": "success", "message": "Event processed", "dedup_key": dedup}
    return faults, (202, json.dumps(said).encode())


# Requests come side by side, and each line stands alone.
PRINTING = threading.Lock()
JUDGES = {"slack": slack, "teams": teams, "pagerduty": pagerduty}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        try:
            assert self.headers["content-type"] == "application/json"
            body = json.loads(raw)
            faults, (status, text) = JUDGES[sys.argv[1]](body, raw)
        except (AssertionError, ValueError, KeyError, TypeError, AttributeError) as fault:
            body, faults, status, text = None, [repr(fault)], 400, b"invalid_payload"
        with PRINTING:
            print(json.dumps({"service": sys.argv[1], "faults": faults, "payload": body}), flush=True)
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
