"""OHIF from its npm package: static files, compressed beforehand, and an Orthanc's DICOMweb under the same origin.

python -m scripts.bench.ohif FOLDER DESCRIPTOR PORT serves both on an inherited socket that listens; Orthanc is at PORT.
"""

import gzip
import mimetypes
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from scripts.bench.servers import Running

VERSION = "3.13.2"
DICOMWEB_ROOT = "/dicom-web"
LEFT_OUT = re.compile(r"\.map$|/dist/ort/")
"""What no reader of a CT fetches: source maps, and what runs models for segmentation."""
SHRINKS = frozenset((".css", ".html", ".js", ".json", ".svg", ".wasm"))
HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "host"))

CONFIGURATION = """window.config = {
  routerBasename: null,
  extensions: [],
  modes: [],
  showStudyList: false,
  investigationalUseDialog: { option: "never" },
  maxNumberOfWebWorkers: 3,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
  defaultDataSourceName: "orthanc",
  dataSources: [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "orthanc",
      configuration: {
        friendlyName: "Orthanc",
        name: "orthanc",
        wadoUriRoot: `${location.origin}/dicom-web`,
        qidoRoot: `${location.origin}/dicom-web`,
        wadoRoot: `${location.origin}/dicom-web`,
        qidoSupportsIncludeField: true,
        imageRendering: "wadors",
        thumbnailRendering: "wadors",
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        omitQuotationForMultipartRequest: true,
      },
    },
  ],
};
"""
"""Its own default configuration, with Orthanc in the place of the public server and without the dialog at the start."""


def unpacked(bench: Path) -> Path | None:
    """The folder of its built files, fetched by npm when they were not yet; None: there is no npm, or it cannot."""
    folder = bench / f"ohif-{VERSION}"
    if not folder.exists():
        package = fetched(bench, "@ohif/app", VERSION)
        if package is None:
            return None
        _unpack(package, folder)
    return folder


def fetched(bench: Path, name: str, version: str) -> Path | None:
    """A package of npm's registry, kept in the folder; None: there is no npm, or it cannot fetch it."""
    package = bench / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    if package.exists():
        return package
    if not shutil.which("npm"):
        return None
    bench.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--pack-destination", str(bench), f"{name}@{version}"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return package if done.returncode == 0 else None


@contextmanager
def ohif(folder: Path, orthanc: Running) -> Iterator[str]:
    """Its address, until the block is left."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        descriptor, port = listening.fileno(), listening.getsockname()[1]
        arguments = [str(folder), str(descriptor), str(orthanc.http_port)]
        process = subprocess.Popen([sys.executable, "-m", __name__, *arguments], pass_fds=[descriptor])
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    folder, descriptor, port = sys.argv[1:]
    listening = socket.socket(fileno=int(descriptor))
    server = Front(Path(folder), CONFIGURATION, listening, int(port))
    server.serve_forever()


class Front(ThreadingHTTPServer):
    """Files, OHIF's with this configuration, and Orthanc when it has a port; on a socket that listens already."""

    daemon_threads = True

    def __init__(self, folder: Path, configuration: str, listening: socket.socket, orthanc_port: int = 0) -> None:
        HTTPServer.__init__(self, listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.folder = folder.resolve()
        self.configuration = configuration.encode()
        self.orthanc_port = orthanc_port


class _Handler(BaseHTTPRequestHandler):
    """One connection of the browser, which stays open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: Front

    def handle(self) -> None:
        with suppress(ConnectionError):  # the browser is closed while it still fetches
            super().handle()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if self.server.orthanc_port and path.startswith(f"{DICOMWEB_ROOT}/"):
            self._ask_orthanc()
        elif path == "/app-config.js":
            self._answer(200, {"content-type": "text/javascript"}, self.server.configuration)
        else:
            self._give_file(path)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: there is nobody to read it."""

    def _give_file(self, path: str) -> None:
        """The file, or the one page for every address of the application."""
        file = (self.server.folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.server.folder) or not file.is_file():
            file = self.server.folder / "index.html"
        headers = {"content-type": mimetypes.guess_type(file.name)[0] or "application/octet-stream"}
        packed = file.with_name(f"{file.name}.gz")
        if "gzip" in self.headers.get("accept-encoding", "") and packed.is_file():
            file = packed
            headers["content-encoding"] = "gzip"
        self._answer(200, headers, file.read_bytes())

    def _ask_orthanc(self) -> None:
        """By a connection of its own: Orthanc closes one that was idle for a second."""
        passed = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        with closing(HTTPConnection("127.0.0.1", self.server.orthanc_port)) as orthanc:
            orthanc.request("GET", self.path, headers=passed)
            answer = orthanc.getresponse()
            body = answer.read()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        self._answer(answer.status, headers, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"content-length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _unpack(package: Path, folder: Path) -> None:
    """What a reader fetches, with the gzip of each file that shrinks beside it: nothing is compressed while served."""
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    with tarfile.open(package) as archive:
        members = [member for member in archive if not LEFT_OUT.search(member.name)]
        archive.extractall(half, members, filter="data")
    for path in [path for path in half.rglob("*") if path.suffix in SHRINKS]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    (half / "package" / "dist").rename(folder)
    shutil.rmtree(half)


if __name__ == "__main__":
    main()
