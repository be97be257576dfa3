"""A real SMTP server (aiosmtpd) for tests/alerts_mail.rs.

Prints its port on the first line, then one JSON object per message. Addresses that begin with
"gone" are refused, so that a partly refused message can be seen.
"""

import asyncio
import email
import email.policy
import json

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        seen = {
            "from": envelope.mail_from,
            "rcpt": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "body": mail.get_content(),
            "longest_line": max(len(line) for line in envelope.content.splitlines()),
        }
        print(json.dumps(seen), flush=True)
        return "250 taken"


async def main():
    # A name of its own: otherwise it asks a name server for this machine's.
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="sink"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
