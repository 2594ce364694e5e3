"""A web server and an FTP server on loopback, which can be told to misbehave."""

import http.server
import socket
import threading


class Web:
    """Serves files by name; `cuts` connections are ended after `cut_after` bytes of their bodies."""

    def __init__(self, files, cuts=0, cut_after=1000, ranges=True):
        self.requests = []
        outer = self
        self.cuts = cuts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = files.get(self.path.rsplit("/", 1)[-1])
                begun = self.headers.get("Range")
                outer.requests.append((self.path, begun))
                if body is None:
                    self.send_error(404)
                    return
                start = int(begun.split("=")[1].rstrip("-")) if begun and ranges else 0
                if start >= len(body) and begun and ranges:
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                if outer.cuts > 0:
                    outer.cuts -= 1
                    self.wfile.write(body[start : start + cut_after])
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    self.wfile.write(body[start:])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class FTP:
    """Serves one file, as much of FTP as a download needs; the first transfer is cut."""

    def __init__(self, body, cut_after):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ftp://127.0.0.1:{self.listener.getsockname()[1]}/pub/file.bin"
        self.rests = []
        self.body, self.cut_after = body, cut_after
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                control, _ = self.listener.accept()
            except OSError:
                return
            with control:
                self.talk(control)

    def talk(self, control):
        def say(line):
            control.sendall(line.encode() + b"\r\n")

        say("220 here")
        rest, data = 0, None
        for line in control.makefile("r"):
            verb, _, value = line.strip().partition(" ")
            if verb == "SIZE":
                say(f"213 {len(self.body)}")
            elif verb == "REST":
                rest = int(value)
                say("350 on")
            elif verb in ("PASV", "EPSV"):
                data = socket.create_server(("127.0.0.1", 0))
                port = data.getsockname()[1]
                say(f"227 (127,0,0,1,{port >> 8},{port & 255})" if verb == "PASV" else f"229 (|||{port}|)")
            elif verb == "RETR":
                say("150 comes")
                self.rests.append(rest)
                with data, data.accept()[0] as target:
                    end = self.cut_after if len(self.rests) == 1 else len(self.body)
                    target.sendall(self.body[rest:end])
                say("226 done")
            else:
                say("230 yes")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
