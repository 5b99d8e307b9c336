import pytest

from spacy_clintl.locks import claimed


def test_folder_of_a_claim_can_be_kept(tmp_path):
    lock = tmp_path / "folder" / ".a.lock"
    for keep in (True, False):
        with claimed(lock, keep_folder=keep) as mine:
            assert mine
            assert lock.exists()
        assert lock.parent.exists() == keep


def test_claim_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), claimed(tmp_path / "file" / "a.lock"):
        pass
    # A dangling link: the folder is there, and still the file cannot be made.
    (tmp_path / "a.lock").symlink_to(tmp_path / "nowhere" / "a.lock")
    with pytest.raises(FileNotFoundError), claimed(tmp_path / "a.lock", keep_folder=True):
        pass
