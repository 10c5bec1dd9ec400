"""Command envelopes and receipts by jwcrypto (Debian: python3-jwcrypto), which shares no code with this project.

One JSON request a line on standard input, one JSON answer a line on standard output:
{"do": "seal", "publicPem", "kid", "door", "scope", "plaintext"} -> {"jwe", "jti"}; "plaintext" is the JSON text of protocol 6.2
{"do": "open", "receipt", "replyKey"}                             -> {"header", "plaintext"}
"""
import base64
import json
import os
import sys
import time

from jwcrypto import jwe, jwk


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def seal(request):
    key = jwk.JWK.from_pem(request["publicPem"].encode())
    if key.thumbprint() != request["kid"]:
        raise ValueError("the key id is not the key's thumbprint")
    jti = base64url(os.urandom(16))
    header = {
        "alg": "RSA-OAEP-256",
        "enc": "A256GCM",
        "typ": "openlock-command+jwe",
        "kid": request["kid"],
        "door": request["door"],
        "scope": request["scope"],
        "iat": int(time.time() * 1000),
        "jti": jti,
    }
    token = jwe.JWE(request["plaintext"].encode(), protected=json.dumps(header, separators=(",", ":")))
    token.add_recipient(key)
    return {"jwe": token.serialize(compact=True), "jti": jti}


def open_receipt(request):
    token = jwe.JWE()
    token.allowed_algs = ["dir", "A256GCM"]
    token.deserialize(request["receipt"], key=jwk.JWK(kty="oct", k=request["replyKey"]))
    return {"header": token.jose_header, "plaintext": token.payload.decode()}


for line in sys.stdin:
    asked = json.loads(line)
    answer = seal(asked) if asked["do"] == "seal" else open_receipt(asked)
    print(json.dumps(answer), flush=True)
