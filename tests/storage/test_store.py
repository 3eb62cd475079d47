"""Every store keeps the same promises: files, a real S3 server, and memory."""

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.s3_server import S3Server
from storage import MustWait, ObjectNotFound, ObjectStore, StorageFault, StorageFull, StoreError, open_store
from storage.filesystem import FilesystemStore
from storage.memory import MemoryStore
from tests.s3 import client_of

BIG = os.urandom(1 << 20) * 70  # over the size at which an upload is cut into parts


def key_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(params=["file", "s3", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    access_key = secret_key = ""
    match request.param:
        case "file":
            url = f"file://{tmp_path}/objects"
        case "s3":
            server: S3Server = request.getfixturevalue("running_s3")
            access_key, secret_key = server.access_key, server.secret_key
            url = request.getfixturevalue("s3_url")
        case _:
            url = "memory:"
    store = open_store(url, spool=tmp_path / "spool", access_key=access_key, secret_key=secret_key)
    yield store
    store.close()


@pytest.mark.parametrize("data", [b"", b"x", BIG[: 1 << 20], BIG], ids=["nothing", "a byte", "1 MiB", "70 MiB"])
def test_what_was_put_comes_back(store: ObjectStore, data: bytes) -> None:
    store.put(key_of(data), data)

    assert store.get(key_of(data)) == data
    assert store.exists(key_of(data))


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 9), (9, None), (0, None), (3, 3), (8, 400)])
def test_a_range_is_the_bytes_from_start_up_to_stop(store: ObjectStore, start: int, stop: int | None) -> None:
    store.put("aa0123", b"0123456789")

    assert store.get("aa0123", start, stop) == b"0123456789"[start:stop]


def test_an_open_object_reads_like_a_file(store: ObjectStore) -> None:
    data = BIG[: 3 << 20]
    store.put(key_of(data), data)

    with store.open(key_of(data)) as file:
        file.seek(1 << 20)
        assert file.read(100) == data[1 << 20 : (1 << 20) + 100]
        assert file.tell() == (1 << 20) + 100
        file.seek(-10, os.SEEK_END)
        assert file.read() == data[-10:]


def test_a_draft_can_be_read_before_it_is_kept(store: ObjectStore) -> None:
    with store.draft() as draft:
        draft.write(b"head")
        draft.write(memoryview(b"tail"))
        with draft.reader() as file:
            assert file.read() == b"headtail"
        draft.keep("ab00")

    assert store.get("ab00") == b"headtail"


def test_a_draft_that_is_not_kept_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with store.draft() as draft:
        draft.write(b"half of it")

    assert list(store.list()) == []
    assert list(tmp_path.rglob("*.part")) == []


def test_keeping_the_same_bytes_again_is_fine(store: ObjectStore) -> None:
    store.put("ab01", b"same")
    store.put("ab01", b"same")

    assert [(found.key, found.size) for found in store.list()] == [("ab01", 4)]


def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    assert not store.exists("ff00")
    for ask in (store.get, store.open):
        with pytest.raises(ObjectNotFound):
            ask("ff00")


def test_delete_removes_and_may_be_repeated(store: ObjectStore) -> None:
    store.put("ab02", b"x")

    store.delete("ab02")
    store.delete("ab02")

    assert not store.exists("ab02")


def test_a_folder_is_listed_apart(store: ObjectStore) -> None:
    store.put("ab03", b"in use")
    store.put("quarantine/ab03", b"held back")

    assert [found.key for found in store.list()] == ["ab03"]
    assert [found.key for found in store.list("quarantine")] == ["quarantine/ab03"]
    assert store.get("quarantine/ab03") == b"held back"


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "/etc/passwd", "a/b/c", "AB", "x\0y", ".", ".."])
def test_what_is_no_key_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(StoreError):
        store.put(key, b"x")
    with pytest.raises(StoreError):
        store.get(key)


def test_old_drafts_of_a_dead_process_are_swept(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path)
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys; from pathlib import Path; from storage.filesystem import FilesystemStore\n"
            "draft = FilesystemStore(Path(sys.argv[1])).draft(); draft.write(b'x'); os._exit(9)",
            str(tmp_path),
        ],
        check=False,
    )
    assert len(list(tmp_path.rglob("*.part"))) == 1

    assert store.sweep(older_than_s=3600) == 0
    assert store.sweep(older_than_s=0) == 1

    assert list(tmp_path.rglob("*.part")) == []


def test_after_a_failed_sync_nothing_is_taken_and_all_is_still_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FilesystemStore(tmp_path)
    store.put("ab04", b"before")

    def failing_sync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing_sync)
    with pytest.raises(StorageFault):
        store.put("ab05", b"lost")
    monkeypatch.undo()
    with pytest.raises(StorageFault):
        store.put("ab06", b"after")

    assert store.get("ab04") == b"before"
    assert not store.exists("ab05")


def test_a_full_disk_is_said_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FilesystemStore(tmp_path)

    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull):
        store.put("ab07", b"too much")
    monkeypatch.undo()
    store.put("ab07", b"fits again")

    assert store.get("ab07") == b"fits again"


def test_wrong_s3_keys_are_refused_at_the_start(running_s3: S3Server, s3_url: str, tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match=r"AccessDenied|SignatureDoesNotMatch|refused|no bucket"):
        open_store(s3_url, spool=tmp_path, access_key=running_s3.access_key, secret_key="wrong")


def test_a_bucket_that_does_not_exist_is_named(running_s3: S3Server, tmp_path: Path) -> None:
    url = f"s3://nowhere?endpoint={running_s3.endpoint}&region=us-east-1"
    with pytest.raises(StorageFault, match="nowhere"):
        open_store(url, spool=tmp_path, access_key=running_s3.access_key, secret_key=running_s3.secret_key)


def test_an_upload_leaves_the_bucket_with_the_object_alone(running_s3: S3Server, s3_url: str, tmp_path: Path) -> None:
    store = open_store(s3_url, spool=tmp_path, access_key=running_s3.access_key, secret_key=running_s3.secret_key)
    store.put("quarantine/ab08", b"x")

    bucket = s3_url.split("//")[1].split("?")[0]
    names = [item.object_name for item in client_of(running_s3).list_objects(bucket_name=bucket, recursive=True)]
    assert names == ["quarantine/ab08"]
    store.close()


def test_who_must_not_wait_has_what_is_at_hand_or_is_told(store: ObjectStore) -> None:
    data = BIG[: 1 << 20]
    store.put(key_of(data), data)
    hurried = store.hurried()

    for start, stop in ((0, 10), (5, len(data)), (0, len(data))):
        try:
            assert hurried.get(key_of(data), start, stop) == data[start:stop]
        except MustWait:
            assert not isinstance(store, MemoryStore)
    assert store.get(key_of(data)) == data


def test_what_no_disk_is_asked_for_is_at_hand(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path)
    data = BIG[:100_000]
    store.put(key_of(data), data)
    path = store.path(key_of(data))
    if not can_be_hurried(path):
        pytest.skip("this system does not say what of a file is in memory")

    assert store.hurried().get(key_of(data), 10, 50_000) == data[10:50_000]
    with pytest.raises(MustWait):
        store.hurried().get("aa0123", 0, 1)
    for start, stop in ((0, 100_001), (100_000, 100_001), (0, len(BIG))):
        with pytest.raises(MustWait):
            store.hurried().get(key_of(data), start, stop)


def can_be_hurried(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
    except (AttributeError, OSError):
        return False
