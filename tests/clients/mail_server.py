"""A mail server, aiosmtpd, that writes down what it gets, as Python's own parser reads it.

Arguments: a folder, a port (0: any), then `auth=USER:PASSWORD`, `certificate=FILE`, `key=FILE`, `tls=starttls|tls`.

In the folder: `port`, once it listens; `mails`, a JSON object a line; `tries`, a line for each mail that was begun. `mode` is
read with each mail: `take` (or nothing), `refuse` (550), `later` (451), `silent` (no answer), `slow` (taken after 1.5 s).
"""

import asyncio
import json
import pathlib
import ssl
import sys
from email import policy
from email.parser import BytesParser

from aiosmtpd.smtp import SMTP, AuthResult

FOLDER = pathlib.Path(sys.argv[1])
OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[3:])


def append(name, line):
    with open(FOLDER / name, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def parsed(envelope, session):
    message = BytesParser(policy=policy.default).parsebytes(envelope.content)
    return {
        "encrypted": session.ssl is not None,
        "signedIn": bool(session.authenticated),
        "envelopeFrom": envelope.mail_from,
        "envelopeTo": envelope.rcpt_tos,
        "names": [name.lower() for name in message.keys()],
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "to": [[address.display_name, address.addr_spec] for address in message["to"].addresses],
        "from": [[address.display_name, address.addr_spec] for address in message["from"].addresses],
        "charset": message.get_content_charset(),
        "type": message.get_content_type(),
        "text": message.get_content(),
        "defects": [repr(defect) for defect in message.defects],
        "longestLine": max(len(line) for line in envelope.content.splitlines()),
        "ascii": envelope.content.isascii(),
    }


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mode_file = FOLDER / "mode"
        mode = mode_file.read_text().strip() if mode_file.exists() else "take"
        append("tries", mode)
        if mode == "refuse":
            return "550 no such mailbox"
        if mode == "later":
            return "451 come again"
        if mode == "silent":
            await asyncio.sleep(3600)
        if mode == "slow":
            await asyncio.sleep(1.5)
        append("mails", json.dumps(parsed(envelope, session)))
        return "250 taken"


def authenticator(server, session, envelope, mechanism, data):
    user, password = OPTIONS["auth"].split(":", 1)
    right = (data.login.decode(), data.password.decode()) == (user, password)
    append("sign-ins", "right" if right else "wrong")
    return AuthResult(success=right, handled=False)


async def main():
    context = None
    if "certificate" in OPTIONS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(OPTIONS["certificate"], OPTIONS["key"])
    implicit = OPTIONS.get("tls") == "tls"
    settings = {}
    if "auth" in OPTIONS:
        settings = {"authenticator": authenticator, "auth_required": True, "auth_require_tls": context is not None}
    if context is not None and not implicit:
        settings |= {"tls_context": context, "require_starttls": True}
    if implicit:
        # It is encrypted from the start, which this library does not see by itself.
        settings["auth_require_tls"] = False
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), enable_SMTPUTF8=False, hostname="mail.test", **settings),
        "127.0.0.1",
        int(sys.argv[2]),
        ssl=context if implicit else None,
    )
    (FOLDER / "port.new").write_text(str(server.sockets[0].getsockname()[1]))
    (FOLDER / "port.new").rename(FOLDER / "port")
    await server.serve_forever()


asyncio.run(main())
