"""SEARCH, SORT, THREAD (RFC 9051 6.4.4, RFC 4731, RFC 5182, RFC 5256)."""

import pytest

from .messages import ALTERNATIVE, MIXED, SIMPLE


@pytest.fixture
def three(folder):
    folder.append(folder.folder, SIMPLE, '(\\Seen) "11-May-2003 16:07:00 +0200" ')
    folder.append(folder.folder, ALTERNATIVE, '(\\Flagged key) "12-May-2003 10:01:00 +0200" ')
    folder.append(folder.folder, MIXED, '"13-May-2003 11:01:00 +0200" ')
    folder.ok("NOOP")
    return folder


def search(session, keys, command="SEARCH"):
    found = session.ok(f"{command} {keys}")
    line = next(one for one in found if one.startswith(command.split()[-1].encode()))
    return [int(n) for n in line.split()[1:]]


@pytest.mark.parametrize("keys,wanted", [
    ("ALL", [1, 2, 3]),
    ("SEEN", [1]),
    ("UNSEEN FLAGGED", [2]),
    ("KEYWORD key", [2]),
    ("NOT KEYWORD key", [1, 3]),
    ("OR SEEN FLAGGED", [1, 2]),
    ("2:*", [2, 3]),
    ("UID 1,3 NOT SEEN", [3]),
    ("FROM ann", [2]),
    ("SUBJECT words", [1]),
    ('HEADER X-Spam-Status "score=-4.4"', [1]),  # S241
    ("HEADER In-Reply-To \"\"", [2]),
    ("BODY \"inner text\"", [3]),
    ("TEXT maison.mrs", [1, 2]),
    ("SINCE 12-May-2003 BEFORE 13-May-2003", [2]),
    ("ON 13-May-2003", [3]),
    ("SENTON 11-May-2003", [1]),
    ("SENTSINCE 12-May-2003", [2, 3]),
    ("LARGER 100", [1, 2, 3]),
    ("SMALLER 10", []),
    ("OLDER 1000", [1, 2, 3]),
    ("YOUNGER 1000", []),
    ("(OR (FROM chris) (FROM max)) NOT SEEN", [3]),
    ("FUZZY SUBJECT file", [3]),
])
def test_keys(three, keys, wanted):
    assert search(three, keys) == wanted


@pytest.mark.parametrize("word,wanted", [
    ("café", [2, 3]), ("CAFÉ", [2, 3]), ("cafe\u0301", [2, 3]), ("prêt", [2]), ("froid", [3]),
])
def test_accents_in_any_encoding(three, word, wanted):
    """S071: an accented word is found in Latin 1, UTF-8, quoted-printable and base64 alike."""
    data = word.encode()
    tag = three.start(b"SEARCH CHARSET UTF-8 BODY {%d+}\r\n" % len(data) + data)
    found = three.finish(tag)
    assert [int(n) for n in found[0].split()[2:]] == wanted, found


def test_accents_in_subject(three):
    data = "DÉJÀ".encode()
    found = three.run(b"SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n" % len(data) + data)
    assert found[0] == b"* SEARCH 2"


def test_unknown_charset(three):
    three.fails("SEARCH CHARSET X-NONE SUBJECT a", b"NO [BADCHARSET")


def test_esearch(three):
    told = three.ok("SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN")[0]
    assert told.endswith(b"MIN 2 MAX 3 COUNT 2 ALL 2:3") and told.startswith(b'ESEARCH (TAG "a')
    assert b" UID " in three.ok("UID SEARCH RETURN () ALL")[0]
    assert b"PARTIAL (-1:-2 2:3)" in three.ok("SEARCH RETURN (PARTIAL -1:-2) ALL")[0]


def test_saved_result(three):
    three.ok("SEARCH RETURN (SAVE) UNSEEN")
    assert [one.split()[0] for one in three.ok("FETCH $ UID")[:-1]] == [b"2", b"3"]
    assert search(three, "$ FLAGGED") == [2]
    three.ok("STORE $ +FLAGS.SILENT (\\Answered)")
    assert search(three, "ANSWERED") == [2, 3]


@pytest.mark.parametrize("criteria,wanted", [
    ("(ARRIVAL)", [1, 2, 3]), ("(REVERSE DATE)", [3, 2, 1]), ("(SUBJECT)", [3, 2, 1]),
    ("(SIZE)", None), ("(FROM)", [2, 1, 3]), ("(DISPLAYFROM)", [2, 1, 3]),
    ("(TO REVERSE ARRIVAL)", None),
])
def test_sort(three, criteria, wanted):
    got = search(three, f"{criteria} UTF-8 ALL", "SORT")
    assert got == wanted if wanted else sorted(got) == [1, 2, 3]


def test_thread(three):
    assert three.ok("THREAD REFERENCES UTF-8 ALL")[0] == b"THREAD (1 2)(3)"
    assert three.ok("THREAD ORDEREDSUBJECT UTF-8 ALL")[0] == b"THREAD (1)(2)(3)"
    assert three.ok("UID THREAD REFERENCES UTF-8 UID 2:3")[0] in (b"THREAD (2)(3)", b"THREAD (3)(2)")
