"""The Hugging Face Hub's HTTP API on loopback, as far as sharing an archive needs it: one process, all in memory.

Written after what huggingface_hub 2.4 asks for. Large files go by Git LFS, and are read from another host's name.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import yaml
from support.web import Handler, Web

Tree = dict[str, tuple[bytes, bool]]  # path -> contents, and whether they are a large file
KIND = "(?:datasets|spaces)"
REPOSITORY = r"(?P<repository>[\w.-]+/[\w.-]+)"


@dataclass
class Repository:
    """private, gated: who may read. commits: trees by name, in order. branches: name -> commit.

    settings: of a Space: its sdk, hardware, and secrets and variables by name.
    """

    private: bool = False
    gated: bool = False
    commits: dict[str, Tree] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def commit(self, tree: Tree, branch: str = "main") -> str:
        name = hashlib.sha1(f"{len(self.commits)}{sorted(tree)}".encode()).hexdigest()
        self.commits[name], self.branches[branch] = tree, name
        return name

    @property
    def tree(self) -> Tree:
        return self.commits[self.branches["main"]]


class Hub(Web):
    """tokens: who may write. seen: of each request its method, host, path and Authorization. put: large files that
    came.

    echo: whether errors repeat the Authorization, as no server should. full: whether large files are turned away.
    before: path -> what happens first, once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = HubHandler
        self.repositories: dict[str, Repository] = {}
        self.tokens: set[str] = {"hf_owner"}
        self.seen: list[tuple[str, str, str, str]] = []
        self.put: list[str] = []
        self.echo = self.full = False
        self.before: dict[str, list] = {}

    @property
    def endpoint(self) -> str:
        return self.url("")

    def cdn(self, contents: bytes) -> str:
        """Where a large file lies."""
        return f"/cdn/{hashlib.sha256(contents).hexdigest()}"

    def add(self, name: str, files: dict[str, bytes], branch: str = "main") -> Repository:
        """A commit to a repository, made if there is none, of exactly these files, all of them large but text."""
        repository = self.repositories.setdefault(name, Repository())
        tree = {path: (data, _is_large(data)) for path, data in files.items()}
        self.files |= {self.cdn(data): data for data, large in tree.values() if large}
        repository.commit(tree, branch)
        return repository


class HubHandler(Handler):
    server: Hub
    disable_nagle_algorithm = True  # it would hold back every body by 40 ms

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path, hub = unquote(urlsplit(self.path).path), self.server
        authorization = self.headers.get("Authorization", "")
        self.body = self._read()
        hub.seen.append((self.command, self.headers["Host"].partition(":")[0], path, authorization))
        if hub.before.get(path):
            hub.before[path].pop(0)()
        self.known = authorization.removeprefix("Bearer ") in hub.tokens
        if path.startswith("/cdn/"):
            super().do_GET()
            return
        for command, pattern, answer in ROUTES:
            if self.command in command and (found := re.fullmatch(pattern, path)):
                with hub.lock:
                    answer(self, **found.groupdict())
                return
        self._json({"error": "no such route"}, 404)

    def _read(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _json(self, content: object, status: int = 200, **headers: str) -> None:
        data = b"" if self.command == "HEAD" else json.dumps(content).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer(status, data, {"Content-Type": "application/json", **named})

    def _error(self, status: int, code: str, message: str) -> None:
        if self.server.echo:
            message += f" You sent {self.headers.get('Authorization')}"
        self._json({"error": message}, status, X_Error_Code=code, X_Error_Message=message)

    def _open(self, name: str, write: bool = False) -> Repository | None:
        """The repository, unless it is missing or not for this user; then that is the answer."""
        repository = self.server.repositories.get(name)
        if repository is None or (repository.private and not self.known):
            self._error(404 if self.known else 401, "RepoNotFound", "Repository not found")
        elif write and not self.known:
            self._error(403 if self.headers.get("Authorization") else 401, "", "You need to be authorized to write")
        else:
            return repository
        return None

    def _at(self, repository: Repository, revision: str) -> str | None:
        """The commit that a branch or commit names."""
        name = repository.branches.get(revision, revision)
        if name in repository.commits:
            return name
        self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self.known:
            self._error(401, "", "Invalid username or password.")
        elif name in self.server.repositories:
            self._json({"error": "You already created this dataset repo", "url": self.server.url(f"/{name}")}, 409)
        else:
            made = self.server.repositories[name] = Repository(private=asked.get("visibility") == "private")
            made.settings["sdk"] = asked.get("sdk", "")
            made.commit({".gitattributes": (b"*.npy filter=lfs\n", False)})
            self._json({"url": self.server.url(f"/{asked['type']}s/{name}")})

    def validate(self) -> None:
        header = re.match(r"---\n(.*?)\n---\n", json.loads(self.body)["content"], re.DOTALL)
        try:
            sound = header and isinstance(yaml.safe_load(header[1]), dict)
        except yaml.YAMLError:
            sound = False
        self._json({} if sound else {"errors": [{"message": "no YAML"}]}, 200 if sound else 400)

    def info(self, repository: str, revision: str) -> None:
        if (found := self._open(repository)) and (name := self._at(found, revision)):
            siblings = []
            for path, (data, large) in found.commits[name].items():
                lfs = {"lfs": {"size": len(data), "sha256": _oid(data, True), "pointerSize": 130}} if large else {}
                siblings.append({"rfilename": path, "size": len(data), "blobId": _oid(data, False), **lfs})
            self._json({"id": repository, "sha": name, "private": found.private, "siblings": siblings, "gated": False})

    def preupload(self, repository: str, revision: str) -> None:
        if (found := self._open(repository, write=True)) and (name := self._at(found, revision)):
            tree, files = found.commits[name], []
            for file in json.loads(self.body)["files"]:
                known = tree.get(file["path"])
                mode = "lfs" if _is_large(base64.b64decode(file["sample"])) else "regular"
                files.append(
                    {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": known and _oid(*known)}
                )
            self._json({"files": files})

    def batch(self, repository: str) -> None:
        if self._open(repository, write=True):
            objects = json.loads(self.body)["objects"]
            for entry in objects:
                if f"/cdn/{entry['oid']}" not in self.server.files:
                    entry["actions"] = {"upload": {"href": self.server.url(f"/lfs/{entry['oid']}")}}
            self._json({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        right = hashlib.sha256(self.body).hexdigest() == oid
        if self.server.full:
            self._error(403, "", "Your storage is used up")
            return
        if right:
            self.server.put.append(oid)
            self.server.files[f"/cdn/{oid}"] = self.body
        self._json({}, 200 if right else 400)

    def commit(self, repository: str, revision: str) -> None:
        if not (found := self._open(repository, write=True)) or not (name := self._at(found, revision)):
            return
        tree = dict(found.commits[name])
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit", name) != name:
                self._error(412, "", "A commit has happened since. Please refresh and try again.")
                return
            if line["key"] == "file":
                tree[value["path"]] = (base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                tree[value["path"]] = (self.server.files[f"/cdn/{value['oid']}"], True)
            elif line["key"] == "deletedFile":
                del tree[value["path"]]
        made = found.commit(tree, revision)
        self._json({"commitUrl": self.server.url(f"/datasets/{repository}/commit/{made}"), "commitOid": made})

    def setting(self, repository: str, kind: str) -> None:
        if found := self._open(repository, write=True):
            asked = json.loads(self.body)
            found.settings |= {kind: asked["flavor"]} if kind == "hardware" else {asked["key"]: asked["value"]}
            runtime = {"stage": "BUILDING", "hardware": {"current": None, "requested": asked.get("flavor")}}
            self._json(runtime if kind == "hardware" else {asked["key"]: asked})

    def resolve(self, repository: str, revision: str, file: str) -> None:
        if not (found := self._open(repository)):
            return
        if found.gated and not self.known:
            self._error(401, "GatedRepo", "Access to this dataset is restricted.")
            return
        if not (name := self._at(found, revision)):
            return
        if file not in found.commits[name]:
            self._error(404, "EntryNotFound", "Entry not found")
            return
        data, large = found.commits[name][file]
        extra = {"X-Repo-Commit": name, "ETag": f'"{_oid(data, large)}"'}
        if large:
            place = f"http://localhost:{self.server.server_port}{self.server.cdn(data)}"
            self.answer(302, b"", {"Location": place, "X-Linked-Size": str(len(data)), **extra})
        else:
            self.answer(200, data, extra, send=0 if self.command == "HEAD" else None)


ROUTES = [
    ("POST", "/api/repos/create", HubHandler.create),
    ("POST", "/api/validate-yaml", HubHandler.validate),
    ("GET", f"/api/{KIND}/{REPOSITORY}/revision/(?P<revision>.+)", HubHandler.info),
    ("POST", f"/api/{KIND}/{REPOSITORY}/preupload/(?P<revision>.+)", HubHandler.preupload),
    ("POST", f"/api/{KIND}/{REPOSITORY}/commit/(?P<revision>.+)", HubHandler.commit),
    ("POST", rf"/{KIND}/{REPOSITORY}\.git/info/lfs/objects/batch", HubHandler.batch),
    ("POST", f"/api/spaces/{REPOSITORY}/(?P<kind>secrets|variables|hardware)", HubHandler.setting),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]{64})", HubHandler.upload),
    (("GET", "HEAD"), f"/{KIND}/{REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", HubHandler.resolve),
]


def _is_large(data: bytes) -> bool:
    """As the hub decides by a sample: what is no text is a large file."""
    return b"\0" in data[:512]


def _oid(data: bytes, large: bool) -> str:
    """What Git calls it: the SHA-256 of a large file, or the name of its blob."""
    return hashlib.sha256(data).hexdigest() if large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
