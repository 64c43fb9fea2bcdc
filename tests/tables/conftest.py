"""An instance with proxymap, and questions to its tables."""

import pytest

from harness.instance import Instance

PROXYMAP = """\
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
"""


class Tables(Instance):
    """An instance whose tables are asked by postmap, or by SMTP."""

    def __init__(self, *arguments, **parameters):
        super().__init__(*arguments, **parameters)
        self.extra_services = PROXYMAP

    def definition(self, name, kind, **settings):
        """Write a definition; "kind:/path"."""
        text = "".join(f"{key} = {value}\n" for key, value in settings.items())
        return f"{kind}:{self.file(name, text)}"

    def get(self, table, key):
        """The value; None when there is none; "!" and the words of the error."""
        self.write()
        done = self.run("postmap", "-q", key, table, check=False)
        if done.returncode == 0:
            return done.stdout.rstrip("\n")
        return "! " + done.stderr.strip() if done.stderr else None


@pytest.fixture
def tables(place):
    one = Tables(place / "t")
    yield one
    one.stop()
