"""Messages that the tests put into mailboxes."""

SIMPLE = """\
Return-Path: <chris@maison.mrs>
Received: from pchris.maison.mrs by gw1.maison.mrs (Postfix) with ESMTP id ABC123
\tfor <jo@example.com>; Sun, 11 May 2003 16:06:57 +0200
From: Chris <chris@maison.mrs>
To: Jo <jo@example.com>
Subject: first words
Date: Sun, 11 May 2003 16:06:57 +0200
Message-ID: <1@maison.mrs>
X-Spam-Status: No, score=-4.4 required=5.0

One line.
Another line.
"""

ALTERNATIVE = """\
From: Ann <ann@example.com>
To: jo@example.com, Max <max@example.com>
Cc: team: a@example.com, b@example.com;
Subject: =?iso-8859-1?Q?d=E9j=E0_vu?=
Date: Mon, 12 May 2003 10:00:00 +0200
Message-ID: <2@example.com>
In-Reply-To: <1@maison.mrs>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="sep"

C'est un message de format MIME en plusieurs parties.
--sep
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Le caf=E9 est pr=EAt.
--sep
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p>Le caf=E9 est <b>pr=EAt</b>.</p>
--sep--
"""

MIXED = """\
From: Max <max@example.com>
To: jo@example.com
Subject: a file
Date: Tue, 13 May 2003 11:00:00 +0200
Message-ID: <3@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

TGUgY2Fmw6kgZXN0IGZyb2lkLgo=
--outer
Content-Type: application/octet-stream; name="data.bin"
Content-Disposition: attachment; filename="data.bin"
Content-Transfer-Encoding: base64

AAECAwQFBgc=
--outer
Content-Type: message/rfc822

From: inner@example.com
Subject: inside
Message-ID: <inner@example.com>

Inner text.
--outer--
"""


def wire(message):
    """As it comes over IMAP."""
    return message.replace("\n", "\r\n").encode()
