"""Folders which can't be used are told in three lines before anything is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backstay.errors import SetupError
from backstay.folders import check_data_folder, check_site_folder, ensure_data_folder


def test_a_new_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "site" / "data"
    ensure_data_folder(folder)
    ensure_data_folder(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert list(folder.iterdir()) == []


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    with pytest.raises(SetupError, match="is a file"):
        ensure_data_folder(file)
    with pytest.raises(SetupError, match="is a file"):
        ensure_data_folder(file / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_names_its_user(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    with pytest.raises(SetupError, match="chown"):
        ensure_data_folder(folder)


def test_a_folder_where_nobody_can_write() -> None:
    with pytest.raises(SetupError, match=r"cannot use the data folder '/proc/data'"):
        ensure_data_folder(Path("/proc/data"))


def test_a_site_is_a_folder_that_exists(tmp_path: Path) -> None:
    check_site_folder(tmp_path)
    with pytest.raises(SetupError, match="does not exist"):
        check_site_folder(tmp_path / "none")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SetupError, match="it is a file"):
        check_site_folder(file)


def test_commands_on_data_want_data(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="backstay serve"):
        check_data_folder(tmp_path / "none")
