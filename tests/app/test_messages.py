"""What users are told when something fails."""

import gradio as gr
import pytest
from markupsafe import Markup

from reco_app.messages import or_refused, sentence, user_errors
from reco_core.errors import ArchiveError, OptionError, PhotoError


def test_unexpected_errors_are_logged_and_not_shown(caplog):
    with pytest.raises(gr.Error) as shown, user_errors():
        raise ZeroDivisionError("secret detail")
    assert "secret" not in str(shown.value)
    assert "secret detail" in caplog.text


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
