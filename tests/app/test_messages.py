"""What users are told when something fails."""

import errno

import gradio as gr
import pytest
from markupsafe import Markup

from reco_app.hosting.logs import Lines
from reco_app.messages import DISK_FULL, or_refused, sentence, user_errors
from reco_core.errors import ArchiveError, NoSpaceError, OptionError, PhotoError


def test_unexpected_errors_are_logged_and_not_shown(caplog):
    typed = "".join(["sec", "ret"])  # a traceback shows lines of the source
    with pytest.raises(gr.Error) as shown, user_errors():
        raise ZeroDivisionError(typed)
    assert "secret" not in str(shown.value)
    line = Lines().format(caplog.records[-1])
    assert "ZeroDivisionError" in line and "test_messages:" in line
    assert "secret" not in line  # it may be a visitor's words


def test_a_reason_starts_with_a_capital_but_for_a_files_name():
    for text, shown in (("there is no photo", "There is no photo"), ("a.jpg is damaged", "a.jpg is damaged")):
        with pytest.raises(gr.Error) as error, user_errors():
            raise PhotoError(text)
        assert error.value.message.startswith(shown)


def test_a_reason_on_the_page_is_escaped_once():
    def refuse() -> Markup:
        raise PhotoError("<b>no & photo")

    html = or_refused(refuse, lambda reason: reason)
    assert "&lt;b&gt;no &amp; photo" in html
    assert 'role="alert"' in html


def test_nobody_is_told_to_run_a_command():
    """Whoever looks at the page has no machine to run it on."""
    error = ArchiveError("preset clip has no archive yet", given="a", remedy="Make it with: reco install clip")
    assert sentence(error) == "Preset clip has no archive yet. Given: a. Whoever runs this server can mend that."
    assert sentence(OptionError("no way", remedy="Run pip install -r requirements.txt")) == (
        "No way. Whoever runs this server can mend that."
    )
    assert sentence(PhotoError("recording is damaged", remedy="Upload it again")).endswith("Upload it again.")


def test_a_full_disk_is_said_in_a_sentence(caplog):
    full = OSError(errno.ENOSPC, "No space left on device", "/srv/secret/photo.png")
    assert sentence(full) == sentence(NoSpaceError("the disk is full", given="/srv")) == DISK_FULL
    wrapped = ArchiveError("the archive could not be written", given="/srv")
    wrapped.__cause__ = full
    assert sentence(wrapped) == DISK_FULL
    assert "secret" not in caplog.text


def test_nobody_is_told_the_machines_folders():
    error = ArchiveError("the archive's file a.npy is damaged", given="/srv/mini (it was cut short)", remedy="x")
    assert sentence(error) == "The archive's file a.npy is damaged. Whoever runs this server can mend that."
