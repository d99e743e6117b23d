"""What is typed, what the environment says, and what is refused."""

import pytest

from reco_app.hosting.arguments import HUGGING_FACE, parse
from reco_app.hosting.guard import Policy
from reco_app.hosting.server import policy
from reco_core.errors import OptionError


def test_the_environment_says_where_and_what_is_typed_wins():
    alone = parse([], {})
    assert (alone.host, alone.port, alone.root_path, alone.auth, alone.log) == ("127.0.0.1", 7860, "", [], "text")
    around = {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "80",
        "GRADIO_ROOT_PATH": "/reco/",
        "RECO_AUTH": "ada:love lace:x:y",
        "RECO_LOG": "json",
    }
    args = parse([], around)
    assert (args.host, args.port, args.root_path, args.log) == ("0.0.0.0", 80, "/reco", "json")
    assert args.auth == [("ada", "love"), ("lace", "x:y")]
    typed = ["--host", "::1", "--port", "81", "--root-path", "/other", "--auth", "bob:b", "--log", "text"]
    args = parse(typed, around)
    assert (args.host, args.port, args.root_path, args.log) == ("::1", 81, "/other", "text")
    assert args.auth == [("bob", "b")]


def test_a_space_may_be_shown_by_the_hub_and_nobody_else_may():
    assert policy(parse([], {})) == Policy()
    assert policy(parse([], {"SPACE_ID": "someone/reco"})) == Policy(frames=HUGGING_FACE, hub=True)
    given = ["--allowed-origins", "https://Shop.example/", "http://localhost:3000", "--allowed-frames", "https://a.b"]
    shop = Policy(frozenset({"https://shop.example", "http://localhost:3000"}), ("https://a.b",))
    assert policy(parse(given, {})) == shop


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], {"GRADIO_SERVER_PORT": "many"}, "no port.*Given: many.*GRADIO_SERVER_PORT"),
        (["--port", "70000"], {}, "no port"),
        (["--root-path", "reco"], {}, "no root path"),
        (["--allowed-origins", "*"], {}, "no origin"),
        (["--allowed-origins", "https://*"], {}, "no origin"),
        (["--allowed-origins", "https://a.b/page"], {}, "no origin"),
        (["--allowed-frames", "https://a.b; script-src *"], {}, "no origin"),
        ([], {"RECO_LOG": "xml"}, "RECO_LOG.*text or json"),
    ],
)
def test_what_is_refused(arguments, environment, said):
    with pytest.raises(OptionError, match=said):
        parse(arguments, environment)


@pytest.mark.parametrize("pair", ["secret", ":secret", "ada:"])
def test_a_password_is_not_repeated(pair):
    with pytest.raises(OptionError, match="NAME:PASSWORD") as refused:
        parse(["--auth", pair], {})
    assert pair not in str(refused.value)
