"""A Hub in memory on a loopback port: the endpoints that pushing and pulling through huggingface_hub use.

Repositories have commits, branches and tags; large kinds of files go through Git LFS and are served by redirection, as
on the real Hub. Writing needs the token `TOKEN`. What no client asked for so far answers 404 and is listed in
`LoopbackHub.unknown_requests`.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_test"
DATE = "2025-01-01T00:00:00.000Z"
LFS_SUFFIXES = (".safetensors", ".parquet", ".arrow", ".npy", ".faiss", ".bin", ".pt", ".png")
NAME = r"(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"


class HubError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, code: str | None = None, commit: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        headers = {"X-Error-Message": message, "X-Error-Code": code, "X-Repo-Commit": commit}
        self.headers = {name: value for name, value in headers.items() if value is not None}


@dataclass(frozen=True)
class HubFile:
    content: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        """What tells a client whether its file differs: the hash of Git, of LFS for files kept there."""
        return self.sha256 if self.is_lfs else _git_hash(self.content)

    def describe(self, path: str) -> dict:
        entry = {"type": "file", "path": path, "size": len(self.content), "oid": _git_hash(self.content)}
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": 130}
        return entry


@dataclass
class Commit:
    title: str
    files: dict[str, HubFile]
    parent: str | None
    oid: str = ""

    def __post_init__(self) -> None:
        listing = {path: file.oid for path, file in sorted(self.files.items())}
        self.oid = hashlib.sha1(json.dumps([self.parent, self.title, listing]).encode()).hexdigest()


@dataclass
class Repository:
    kind: str
    name: str
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def resolve(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def commit(self, branch: str, title: str, files: dict[str, HubFile]) -> Commit:
        made = Commit(title, files, self.branches.get(branch))
        self.commits[made.oid] = made
        self.branches[branch] = made.oid
        return made

    def history(self, revision: str) -> list[Commit]:
        found = [self.resolve(revision)]
        while found[-1].parent is not None:
            found.append(self.commits[found[-1].parent])
        return found

    def describe(self, commit: Commit) -> dict:
        card = commit.files.get("README.md")
        data = _front_matter(card.content.decode()) if card else {}
        return {
            "_id": commit.oid,
            "id": self.name,
            "modelId": self.name,
            "author": self.name.partition("/")[0],
            "sha": commit.oid,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "lastModified": DATE,
            "createdAt": DATE,
            "tags": [*data.get("tags", []), *([data["library_name"]] if "library_name" in data else [])],
            "pipeline_tag": data.get("pipeline_tag"),
            "library_name": data.get("library_name"),
            "cardData": data,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }


class LoopbackHub:
    """Use it as a context manager; `url` is what clients take for the Hub."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.unknown_requests: list[str] = []
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # Another host for large files: clients follow redirections within a host themselves, and miss their headers.
        self.lfs_url = f"http://localhost:{self._server.server_port}/lfs"

    def __enter__(self) -> "LoopbackHub":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home) -> dict[str, str]:
        """Settings for a process whose Hub this is, and whose caches are in the folder `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_MODULES_CACHE": str(home / "modules"),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",  # its storage server is another protocol
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0",
        }

    def titles(self, name: str, kind: str = "models") -> list[str]:
        """Titles of the commits of a repository, the newest first."""
        return [commit.title for commit in self.repositories[kind, name].history("main")]

    def files(self, name: str, kind: str = "models", revision: str = "main") -> dict[str, HubFile]:
        return self.repositories[kind, name].resolve(revision).files


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        """Say nothing: tests read what matters."""

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        address = urlsplit(self.path)
        self.query = parse_qs(address.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            for method, pattern, function in ROUTES:
                match = pattern.fullmatch(address.path)
                if match and self.command in method:
                    parts = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                    with self.hub.lock:
                        function(self, **parts)
                    return
            self.hub.unknown_requests.append(f"{self.command} {address.path}")
            raise HubError(404, "no such address")
        except HubError as error:
            self.send({"error": str(error)}, error.status, error.headers)

    def send(self, content, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def find(self, kind: str, name: str) -> Repository:
        try:
            return self.hub.repositories[kind, name]
        except KeyError:
            raise HubError(404, "Repository not found", "RepoNotFound") from None

    def check_token(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise HubError(401, "Invalid username or password.")

    # The account and repositories.

    def whoami(self) -> None:
        self.check_token()
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        self.send({"type": "user", "name": "tester", "orgs": [{"name": "org"}], "auth": token})

    def create_repository(self) -> None:
        self.check_token()
        wanted = json.loads(self.body)
        name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        kind = f"{wanted.get('type') or 'model'}s"
        url = f"{self.hub.url}/{'' if kind == 'models' else f'{kind}/'}{name}"
        if (kind, name) in self.hub.repositories:
            self.send({"error": "You already created this repo", "url": url}, 409)
            return
        made = self.hub.repositories[kind, name] = Repository(kind, name)
        rules = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
        made.commit("main", "initial commit", {".gitattributes": HubFile(rules.encode(), False)})
        self.send({"url": url, "name": name})

    def list_repositories(self, kind: str) -> None:
        wanted = set(self.query.get("filter", []))
        authors = self.query.get("author")
        found = []
        for repository in self.hub.repositories.values():
            if repository.kind == kind:
                entry = repository.describe(repository.resolve("main"))
                if wanted <= set(entry["tags"]) and (not authors or entry["author"] in authors):
                    found.append(entry)
        self.send(found)

    def describe_repository(self, kind: str, name: str, revision: str = "main") -> None:
        repository = self.find(kind, name)
        self.send(repository.describe(repository.resolve(revision)))

    def list_refs(self, kind: str, name: str) -> None:
        repository = self.find(kind, name)

        def entries(refs: dict[str, str], folder: str) -> list[dict]:
            return [{"name": ref, "ref": f"refs/{folder}/{ref}", "targetCommit": oid} for ref, oid in refs.items()]

        answer = {"branches": entries(repository.branches, "heads"), "tags": entries(repository.tags, "tags")}
        self.send({**answer, "converts": [], "pullRequests": []})

    def list_commits(self, kind: str, name: str, revision: str) -> None:
        commits = self.find(kind, name).history(revision)
        rest = {"message": "", "authors": [{"user": "tester"}], "date": DATE}
        self.send([{"id": one.oid, "title": one.title, **rest} for one in commits])

    def create_tag(self, kind: str, name: str, revision: str) -> None:
        self.check_token()
        repository, tag = self.find(kind, name), json.loads(self.body)["tag"]
        if tag in repository.tags:
            raise HubError(409, f"Tag reference exists already: {tag}")
        repository.tags[tag] = repository.resolve(revision).oid
        self.send({})

    def create_branch(self, kind: str, name: str, revision: str) -> None:
        self.check_token()
        repository = self.find(kind, name)
        if revision in repository.branches:
            raise HubError(409, f"Reference already exists: {revision}")
        start = json.loads(self.body or b"{}").get("startingPoint") or "main"
        repository.branches[revision] = repository.resolve(start).oid
        self.send({})

    # Writing.

    def validate_card(self) -> None:
        try:
            _front_matter(json.loads(self.body)["content"])
        except yaml.YAMLError as error:
            self.send({"errors": [{"message": str(error)}], "warnings": []}, 400)
            return
        self.send({"errors": [], "warnings": []})

    def choose_upload_modes(self, kind: str, name: str, revision: str) -> None:
        self.check_token()
        present = self.find(kind, name).resolve(revision).files
        files = []
        for entry in json.loads(self.body)["files"]:
            path = entry["path"]
            mode = "lfs" if path.endswith(LFS_SUFFIXES) and entry["size"] else "regular"
            oid = present[path].oid if path in present else None
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.send({"files": files})

    def prepare_lfs(self) -> None:
        self.check_token()
        objects = []
        for entry in json.loads(self.body)["objects"]:
            entry = {"oid": entry["oid"], "size": entry["size"]}
            if entry["oid"] not in self.hub.lfs:
                entry["actions"] = {"upload": {"href": f"{self.hub.lfs_url}/{entry['oid']}"}}
            objects.append(entry)
        self.send({"transfer": "basic", "objects": objects})

    def upload_lfs(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "the content has another checksum")
        self.hub.lfs[oid] = self.body
        self.send({})

    def make_commit(self, kind: str, name: str, revision: str) -> None:
        self.check_token()
        repository = self.find(kind, name)
        current = repository.resolve(revision)
        files, title = dict(current.files), ""
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit") not in (None, current.oid):
                    raise HubError(412, "A commit has happened since. Please refresh and try again.")
            elif entry["key"] == "file":
                files[value["path"]] = HubFile(base64.b64decode(value["content"]), False)
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.hub.lfs:
                    raise HubError(400, f"The LFS object of {value['path']} was not uploaded")
                files[value["path"]] = HubFile(self.hub.lfs[value["oid"]], True)
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
            else:  # deletedFolder
                folder = value["path"].rstrip("/") + "/"
                files = {path: file for path, file in files.items() if not path.startswith(folder)}
        made = repository.commit(revision, title, files)
        prefix = "" if kind == "models" else f"{kind}/"
        url = f"{self.hub.url}/{prefix}{name}/commit/{made.oid}"
        self.send({"success": True, "commitOid": made.oid, "commitUrl": url})

    # Reading.

    def list_tree(self, kind: str, name: str, revision: str, path: str = "") -> None:
        files = self.find(kind, name).resolve(revision).files
        folder = f"{path.strip('/')}/" if path.strip("/") else ""
        inside = [one for one in files if one.startswith(folder)]
        if folder and not inside:
            raise HubError(404, f"{path} does not exist", "EntryNotFound")
        is_recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries, folders = [], set()
        for one in sorted(inside):
            parts = one[len(folder) :].split("/")
            folders |= {folder + "/".join(parts[:depth]) for depth in range(1, len(parts))}
            if len(parts) == 1 or is_recursive:
                entries.append(files[one].describe(one))
        shown = [one for one in sorted(folders) if is_recursive or "/" not in one[len(folder) :]]
        self.send(entries + [_describe_folder(one) for one in shown])

    def list_paths(self, kind: str, name: str, revision: str) -> None:
        files = self.find(kind, name).resolve(revision).files
        is_json = "json" in (self.headers.get("Content-Type") or "")
        paths = json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode()).get("paths", [])
        found = []
        for path in paths:
            if path in files:
                found.append(files[path].describe(path))
            elif any(one.startswith(f"{path}/") for one in files):
                found.append(_describe_folder(path))
        self.send(found)

    def serve_file(self, name: str, revision: str, path: str, kind: str = "models") -> None:
        commit = self.find(kind, name).resolve(revision)
        headers = {"X-Repo-Commit": commit.oid}
        if path not in commit.files:
            # With the commit clients remember, for later without a connection, that the file does not exist.
            raise HubError(404, "Entry not found", "EntryNotFound", commit.oid)
        file = commit.files[path]
        if file.is_lfs:
            headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
            self.send(b"", 302, {**headers, "Location": f"{self.hub.lfs_url}/{file.sha256}"})
        else:
            self._send_content(file.content, {**headers, "ETag": f'"{file.oid}"'})

    def serve_lfs(self, oid: str) -> None:
        self._send_content(self.hub.lfs[oid], {"ETag": f'"{oid}"'})

    def _send_content(self, content: bytes, headers: dict[str, str]) -> None:
        """Send the whole content or the range asked for."""
        headers = {**headers, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self.send(content, headers=headers)
            return
        first, last = wanted.groups()
        start = int(first) if first else len(content) - int(last)
        stop = min(int(last) + 1, len(content)) if first and last else len(content)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        self.send(content[start:stop], 206, headers)


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _describe_folder(path: str) -> dict:
    return {"type": "directory", "path": path, "size": 0, "oid": _git_hash(path.encode())}


def _front_matter(text: str) -> dict:
    """The YAML block at the head of a card."""
    match = re.match(r"---\n(.*?)\n---", text, flags=re.DOTALL)
    return (yaml.safe_load(match[1]) if match else None) or {}


REVISION = r"(?P<revision>[^/]+)"
ROUTES = [
    (methods.split(), re.compile(pattern), function)
    for methods, pattern, function in (
        ("GET", r"/api/whoami-v2", _Handler.whoami),
        ("POST", r"/api/repos/create", _Handler.create_repository),
        ("POST", r"/api/validate-yaml", _Handler.validate_card),
        ("GET", r"/api/(?P<kind>models|datasets|spaces)", _Handler.list_repositories),
        ("GET", rf"/api/{NAME}", _Handler.describe_repository),
        ("GET", rf"/api/{NAME}/revision/{REVISION}", _Handler.describe_repository),
        ("GET", rf"/api/{NAME}/refs", _Handler.list_refs),
        ("GET", rf"/api/{NAME}/commits/{REVISION}", _Handler.list_commits),
        ("GET", rf"/api/{NAME}/tree/{REVISION}(?:/(?P<path>.*))?", _Handler.list_tree),
        ("POST", rf"/api/{NAME}/paths-info/{REVISION}", _Handler.list_paths),
        ("POST", rf"/api/{NAME}/tag/{REVISION}", _Handler.create_tag),
        ("POST", rf"/api/{NAME}/branch/{REVISION}", _Handler.create_branch),
        ("POST", rf"/api/{NAME}/preupload/{REVISION}", _Handler.choose_upload_modes),
        ("POST", rf"/api/{NAME}/commit/{REVISION}", _Handler.make_commit),
        ("POST", r"/(?:datasets/|spaces/)?[^/]+/[^/]+\.git/info/lfs/objects/batch", _Handler.prepare_lfs),
        ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.upload_lfs),
        ("GET HEAD", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.serve_lfs),
        (
            "GET HEAD",
            rf"/(?P<kind>datasets|spaces)/(?P<name>[^/]+/[^/]+)/resolve/{REVISION}/(?P<path>.+)",
            _Handler.serve_file,
        ),
        ("GET HEAD", rf"/(?P<name>[^/]+/[^/]+)/resolve/{REVISION}/(?P<path>.+)", _Handler.serve_file),
    )
]
