"""A WebSocket client in the standard library, for tests and by hand.

usage: wsclient.py URL [--token T | --ticket T] [--origin O] [--say JSON]...
                   [--count N] [--seconds S]
URL is ws://host:port/path or ws+unix:///socket:/path. Prints one line per
text frame; the last line is "closed CODE REASON" when the other side closed.
"""
import base64
import json
import os
import socket
import struct
import sys
import time


class Closed(Exception):
    def __init__(self, code, reason):
        super().__init__("%s %s" % (code, reason))
        self.code, self.reason = code, reason


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__("%d %s" % (status, body))
        self.status, self.body = status, body


class WebSocket:
    def __init__(self, url, token=None, origin=None, headers=(), timeout=30):
        scheme, rest = url.split("://", 1)
        if scheme == "ws+unix":
            path, target = rest.split(":", 1)
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(path)
            host = "localhost"
        else:
            host, _, target = rest.partition("/")
            target = "/" + target
            name, _, port = host.partition(":")
            self.sock = socket.create_connection((name, int(port or 80)), timeout)
        self.buf = b""
        lines = ["GET %s HTTP/1.1" % target, "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version: 13"]
        if token:
            lines.append("Authorization: Bearer " + token)
        if origin:
            lines.append("Origin: " + origin)
        lines += list(headers)
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buf:
            self._more()
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            raise Refused(status, self.buf.decode("utf-8", "replace"))

    def _more(self):
        part = self.sock.recv(65536)
        if not part:
            raise Closed(1006, "connection lost")
        self.buf += part

    def _take(self, n):
        while len(self.buf) < n:
            self._more()
        part, self.buf = self.buf[:n], self.buf[n:]
        return part

    def raw_frame(self, opcode, payload, fin=True, rsv=0, mask=True):
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if mask:
            key = os.urandom(4)
            head += key
            payload = bytes(b ^ key[i % 4] for i, b in enumerate(payload))
        return head + payload

    def send(self, message):
        if not isinstance(message, str):
            message = json.dumps(message)
        self.sock.sendall(self.raw_frame(1, message.encode()))

    def recv_frame(self):
        first, second = self._take(2)
        n = second & 127
        if n == 126:
            n = struct.unpack(">H", self._take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self._take(8))[0]
        return first & 15, self._take(n)

    def recv(self, timeout=30):
        """Next text message; pings are answered. Raises Closed."""
        self.sock.settimeout(timeout)
        while True:
            opcode, data = self.recv_frame()
            if opcode == 9:
                self.sock.sendall(self.raw_frame(10, data))
            elif opcode == 8:
                code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
                raise Closed(code, data[2:].decode("utf-8", "replace"))
            elif opcode == 1:
                return data.decode()

    def recv_json(self, timeout=30):
        return json.loads(self.recv(timeout))

    def wait(self, kind, timeout=30):
        """Next message of this type; others are dropped."""
        end = time.time() + timeout
        while True:
            m = self.recv_json(max(0.1, end - time.time()))
            if m.get("type") == kind:
                return m

    def close(self):
        self.sock.close()


def main(argv):
    url, token, ticket, origin, says, count, seconds = None, None, None, None, [], None, None
    it = iter(argv)
    for word in it:
        if word == "--token":
            token = next(it)
        elif word == "--ticket":
            ticket = next(it)
        elif word == "--origin":
            origin = next(it)
        elif word == "--say":
            says.append(next(it))
        elif word == "--count":
            count = int(next(it))
        elif word == "--seconds":
            seconds = float(next(it))
        else:
            url = word
    if url is None:
        print(__doc__.strip())
        return 2
    if ticket:
        url += ("&" if "?" in url else "?") + "ticket=" + ticket
    end = time.time() + seconds if seconds else None
    try:
        ws = WebSocket(url, token=token, origin=origin)
        for text in says:
            ws.send(text)
        while count is None or count > 0:
            left = end - time.time() if end else 3600
            if left <= 0:
                break
            print(ws.recv(left), flush=True)
            if count is not None:
                count -= 1
    except Refused as e:
        print("refused %d %s" % (e.status, e.body))
        return 1
    except Closed as e:
        print("closed %d %s" % (e.code, e.reason))
    except (TimeoutError, socket.timeout, KeyboardInterrupt):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
