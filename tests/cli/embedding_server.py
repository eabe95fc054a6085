"""A real HTTP server on loopback that speaks Ollama's and OpenAI's protocols.

The model behind it hashes words and their three-letter pieces into a vector, so that texts with
words in common are near each other; the same text gives the same vector everywhere. Or any other
function of a text.

`fault` says how the next answers go wrong; `requests` is what came in.
"""

import hashlib
import json
import math
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "all-minilm:latest"
KEY = "sk-test-0123456789"


def hashed_model(dim):
    def embed(text):
        vector = [0.0] * dim
        words = [word.strip(".,!?").lower() for word in text.split()]
        pieces = [(f"<{word}>"[i : i + 3], 0.5) for word in words for i in range(len(word))]
        for piece, weight in [(word, 1.0) for word in words] + pieces:
            digest = hashlib.sha256(piece.encode()).digest()
            place = int.from_bytes(digest[:4], "little") % dim
            vector[place] += weight if digest[4] & 1 else -weight
        length = math.sqrt(sum(x * x for x in vector)) or 1.0
        return [x / length for x in vector]

    return embed


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def reply(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        server = self.server.owner
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        server.requests.append((self.path, request, dict(self.headers)))
        fault = server.next_fault()
        if fault is not None and fault(self, request):
            return
        texts = request["input"]
        if self.path == "/api/embed":
            self.ollama(server, request, texts)
        elif self.path == "/v1/embeddings":
            self.openai(server, request, texts)
        else:
            self.reply(404, b"404 page not found")

    def ollama(self, server, request, texts):
        if request["model"] != MODEL:
            message = f'model "{request["model"]}" not found, try pulling it first'
            return self.reply(404, {"error": message})
        long = [len(text.split()) > server.words_max for text in texts]
        if any(long) and not request.get("truncate", True):
            message = "input length exceeds maximum context length"
            return self.reply(400, {"error": message})
        vectors = [server.embed(" ".join(text.split()[: server.words_max])) for text in texts]
        self.reply(200, {"model": MODEL, "embeddings": vectors})

    def openai(self, server, request, texts):
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            message = f"Incorrect API key provided: {given}"
            return self.reply(401, {"error": {"message": message}})
        data = [{"index": i, "embedding": server.embed(text)} for i, text in enumerate(texts)]
        self.reply(200, {"object": "list", "data": data[::-1]})  # in another order


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments):
        """A client that goes away is part of the tests."""


class EmbeddingServer:
    def __init__(self, dim=384, embed=None):
        self.embed = embed or hashed_model(dim)
        self.words_max = 200
        self.key = None
        self.requests = []
        self.faults = []
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.owner = self
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def fault(self, fault, times=1):
        """The next answers go wrong in this way; then all is well."""
        self.faults += [fault] * times

    def next_fault(self):
        return self.faults.pop(0) if self.faults else None

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def status(code, body=b"no more", headers=()):
    def fault(handler, _request):
        handler.reply(code, body, headers)
        return True

    return fault


def body(text):
    return status(200, text)


def edited(edit):
    """A good answer of the OpenAI kind or of Ollama's, changed by `edit` (a JSON value)."""

    def fault(handler, request):
        server = handler.server.owner
        vectors = [server.embed(text) for text in request["input"]]
        answer = edit(vectors)
        handler.reply(200, answer if isinstance(answer, bytes) else {"embeddings": answer})
        return True

    return fault


def slow(seconds):
    def fault(_handler, _request):
        time.sleep(seconds)
        return False

    return fault


def reset(handler, _request):
    """Closes the connection at once, with a reset and without an answer."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.close_connection = True
    return True


def cut_off(handler, _request):
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"embeddings": [[1, 2')
    handler.close_connection = True
    return True


def huge(handler, _request):
    """An answer that never ends."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65536)
    except OSError:
        handler.close_connection = True
    return True
