"""The examples of docs/filters.md, as the tests run them.

In the page a section's indented lines are files, each behind a line "# its name:", and
commands behind "# run:".
"""

import re

from harness.instance import ROOT


def example(section, **instead):
    """The files of SECTION (its heading's last word) by name; OLD texts become NEW ones.

    Names in INSTEAD are free, each value is a pair (old, new); a text that the example does
    not have is a mistake.
    """
    page = (ROOT / "docs/filters.md").read_text()
    text = re.search(rf"(?m)^## .*\b{section}\n((?:(?!## ).*\n)*)", page)[1]
    files, name = {}, None
    for line in re.findall(r"(?m)^    (.*)$", text):
        begin = re.fullmatch(r"# (\S+):", line)
        if begin:
            name = begin[1]
            files[name] = ""
        else:
            files[name] += line + "\n"
    for old, new in instead.values():
        assert any(old in content for content in files.values()), f"no {old} in {section}"
        files = {name: content.replace(old, str(new)) for name, content in files.items()}
    return files


def parameters(text):
    """The settings of a main.cf."""
    whole = re.sub(r"\n[ \t]+", " ", re.sub(r"(?m)\s*#.*$", "", text))
    return dict(re.findall(r"(?m)^([\w-]+)\s*=\s*(.*)$", whole))
