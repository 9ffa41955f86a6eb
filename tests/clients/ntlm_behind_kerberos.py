"""pyspnego's NTLM as a Windows client without a ticket wraps it: ntlm_behind_kerberos.py ADDRESS DOMAIN\\USER PASSWORD.

Kerberos comes first in the list, so the client signs the list, and the server signs it back.
"""

import base64
import http.client
import sys

import spnego

address, user, password = sys.argv[1:]
target = "/api/rest/me?api-version=3.2"
KERBEROS = bytes.fromhex("06092a864886f712010202")
NTLMSSP = bytes.fromhex("060a2b06010401823702020a")
SPNEGO = bytes.fromhex("06062b0601050502")


def element(tag, value):
    length = len(value)
    head = [length] if length < 128 else [0x81, length] if length < 256 else [0x82, length >> 8, length & 255]
    return bytes([tag, *head]) + value


def element_inside(text, tag):
    """The octets of the last member with this tag, which ends the token."""
    length = 16
    end = element(tag, element(4, b"\0" * length))[: -length]
    at = text.rindex(end)
    return text[at + len(end) :]


LIST = element(0x30, KERBEROS + NTLMSSP)


def init(token):
    members = element(0xA0, LIST) + element(0xA2, element(4, token))
    return element(0x60, SPNEGO + element(0xA0, element(0x30, members)))


def response(token, mic=None):
    members = element(0xA2, element(4, token)) + (element(0xA3, element(4, mic)) if mic else b"")
    return element(0xA1, element(0x30, members))


def sign_in(password, bent=0):
    connection = http.client.HTTPConnection(address.removeprefix("http://"))

    def leg(token):
        headers = {"Authorization": "Negotiate " + base64.b64encode(token).decode()}
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        scheme, _, token = answer.getheader("WWW-Authenticate", "").partition(" ")
        return answer.status, text, base64.b64decode(token) if scheme == "Negotiate" and "," not in token else b""

    context = spnego.client(user, password, hostname="timeledger", protocol="ntlm",
                            context_req=spnego.ContextReq.integrity)
    leg(init(b"a ticket of another realm"))
    _, _, challenge = leg(response(context.step()))
    message = challenge[challenge.index(b"NTLMSSP\0") :]
    last = context.step(message)
    mic = bytearray(context.sign(LIST))
    mic[5] ^= bent
    status, text, final = leg(response(last, bytes(mic)))
    if status == 200:
        context.verify(LIST, element_inside(final, 0xA3))
    return status, text


status, text = sign_in(password)
assert status == 200 and user.rpartition("\\")[2].encode() in text, (status, text)
status, text = sign_in(password + "x")
assert status == 401, (status, text)
# Samba calls itself broken where the signature is wrong; it is the client's fault all the same.
status, text = sign_in(password, bent=1)
assert status == 401, (status, text)
status, text = sign_in(password)
assert status == 200, (status, text)
