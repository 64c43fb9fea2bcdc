"""The path of a message, read from its Received: lines by `diligence trace`; S005, S048."""

import os
import re
import subprocess

from harness.instance import STAGE, wait_until

from .people import CHRIS

# The four hops of the course (its qmail and sendmail forms), and a first hop of Postfix.
FOUR_HOPS = """\
Return-Path: <christian.caleca@wanadoo.fr>
Received: from alisier.w-n-doo.fr (smtp-rt-9.w-n-doo.fr [193.252.19.55])
           by mail.monaco.net (Pro-8.9.3/Pro-8.9.3) with ESMTP id SAA07439
           for <eme13@enprovence.com>; Thu, 11 May 2000 18:20:10 +0200
Received: from mahonia.w-n-doo.fr (193.252.19.58)
          by alisier.w-n-doo.fr; 11 May 2000 18:20:08 +0200
Received: from CHRIS (62.161.101.240)
          by mahonia.w-n-doo.fr; 11 May 2000 18:19:51 +0200
Message-ID: <000501bfbb64$afc796c0$0a00a8c0@maison.mrs>
Date: Thu, 11 May 2000 18:19:24 +0200
Subject: test itineraire

Received: from nobody by nowhere; this line is text
"""

QMAIL = """\
Received: (qmail 8844 invoked from network); 21 May 2000 17:53:06 +0200
Received: from gw1.maison.mrs (62.161.101.80)
          by mrelay3-2.free.fr with SMTP; 21 May 2000 17:53:06 +0200
Received: from chris (pchris.maison.mrs [192.168.0.10])
          by gw1.maison.mrs (Postfix) with SMTP id 022A11029A
          for <christian.caleca@free.fr>; Sun, 21 May 2000 17:52:56 +0200 (CEST)
Received: by gw2.maison.mrs (Postfix, from userid 501)
          id 61D3F800081; Sun, 21 May 2000 17:52:50 +0200 (CEST)
Subject: Test Postfix

x
"""


def trace(*arguments, stdin=None):
    return subprocess.run([STAGE / "bin/diligence", "trace", *arguments], input=stdin, text=True,
                          capture_output=True, timeout=30, check=False,
                          env=dict(os.environ, TZ="UTC"))


def test_oldest_first(tmp_path):
    """S005: the course reads from bottom to top; the tool prints oldest first, with delays."""
    file = tmp_path / "message"
    file.write_text(FOUR_HOPS)
    done = trace(file)
    assert done.returncode == 0, done.stderr
    assert done.stdout == """\
1  Thu, 11 May 2000 18:19:51 +0200           CHRIS [62.161.101.240] -> mahonia.w-n-doo.fr
2  Thu, 11 May 2000 18:20:08 +0200     +17s  mahonia.w-n-doo.fr [193.252.19.58] -> alisier.w-n-doo.fr
3  Thu, 11 May 2000 18:20:10 +0200      +2s  alisier.w-n-doo.fr (smtp-rt-9.w-n-doo.fr [193.252.19.55]) \
-> mail.monaco.net with ESMTP id SAA07439 for <eme13@enprovence.com>
3 hops in 19s
"""
    whos = re.findall(r"-> (\S+)", done.stdout)
    assert whos == ["mahonia.w-n-doo.fr", "alisier.w-n-doo.fr", "mail.monaco.net"]
    assert re.findall(r"\+(\d+)s", done.stdout) == ["17", "2"]


def test_other_forms():
    """S005, S048, S259: lines of qmail, of Postfix, of a local user; both names of a client."""
    done = trace("-", stdin=QMAIL)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.search(r"local user 501 -> gw2\.maison\.mrs", lines[0])
    assert re.search(r"chris \(pchris\.maison\.mrs \[192\.168\.0\.10\]\) -> gw1\.maison\.mrs",
                     lines[1])
    assert "+6s" in lines[1] and "+10s" in lines[2] and "+0s" in lines[3]
    assert "qmail 8844" in lines[3]


def test_clocks_that_disagree():
    """S005: a hop that is earlier than the one before has a negative delay, as it is."""
    text = ("Received: from b.example by c.example; Thu, 11 May 2000 18:19:50 +0200\n"
            "Received: from a.example by b.example; Thu, 11 May 2000 16:20:00 +0000\n\nx\n")
    assert "-10s" in trace("-", stdin=text).stdout


def test_unreadable_lines():
    """S005: a line that nobody can read is shown as it is; no delay is made up."""
    text = ("Received: from b.example by c.example; Thu, 11 May 2000 18:19:50 +0200\n"
            "Received: sonst was\x1b[31m\n\nx\n")
    done = trace("-", stdin=text)
    assert done.returncode == 0
    assert "?" in done.stdout.splitlines()[0] and "\x1b" not in done.stdout
    assert trace("/nonexistent").returncode == 1
    assert trace("-", stdin="Subject: x\n\n").stdout == "no Received: header\n"


def test_own_hops(net, connect):
    """S005, S053: through two of ours: each puts one line on top, and the tool reads them."""
    inside = connect("store.maison.mrs").start()
    front = connect("mx.maison.mrs", mydestination="",
                    relayhost=f"[{inside.address}]").start()
    front.send("x@wanadoo.fr", f"{CHRIS}@store.maison.mrs", FOUR_HOPS)
    text = wait_until(lambda: inside.mbox(CHRIS), "the message").decode()
    head = text.split("\n\n", 1)[0]
    assert len(re.findall(r"(?m)^Received:", head)) == 5
    done = trace("-", stdin=text)
    assert re.findall(r"-> (\S+)", done.stdout) == [
        "mahonia.w-n-doo.fr", "alisier.w-n-doo.fr", "mail.monaco.net", "mx.maison.mrs",
        "store.maison.mrs"]
