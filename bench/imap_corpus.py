"""Messages for a mailbox: plain, alternative, with attachments; the same for every run."""

import base64
import email.utils
import random
import textwrap

WORDS = ("harbour lighthouse captain letter answer morning station window garden summer winter paper "
         "meeting question number answer village river bridge market island machine kitchen music "
         "question doctor office street weather journey ticket holiday picture mountain evening").split()
RARE = "lighthouse"
PEOPLE = [f"{first}.{last}" for first in ("anna", "jean", "marie", "paul", "claire", "luc")
          for last in ("durand", "moreau", "lefevre", "girard", "roux")]


def sentence(rng):
    words = [w for w in rng.choices(WORDS, k=rng.randrange(6, 14)) if w != RARE]
    return " ".join(words).capitalize() + "."


def text(rng, size):
    out = ""
    while len(out) < size:
        out += sentence(rng) + " "
    return textwrap.fill(out, 76) + "\n"


def headers(rng, number):
    sender, to = rng.choice(PEOPLE), rng.choice(PEOPLE)
    date = email.utils.formatdate(1_050_000_000 + number * 3600)
    lines = [f"Return-Path: <{sender}@example.com>"]
    lines += [f"Received: from relay{i}.example.net (relay{i}.example.net [192.0.2.{i}])\n"
              f"\tby mx.example.org (Postfix) with ESMTP id {rng.getrandbits(40):010X}\n"
              f"\tfor <{to}@example.org>; {date}" for i in range(1, 4)]
    subject = sentence(rng)[:60] + (" harbour" if number % 50 == 0 else "")
    lines += [f"Date: {date}", f"From: {sender.title()} <{sender}@example.com>",
              f"To: {to.title()} <{to}@example.org>", f"Subject: {subject}",
              f"Message-ID: <{number}.{rng.getrandbits(48):x}@example.com>",
              "User-Agent: Messenger/102.1", "MIME-Version: 1.0"]
    if number % 3 and number > 3:
        lines.append(f"In-Reply-To: <{number - 1}.reply@example.com>")
    return "\n".join(lines)


def plain(rng, number):
    return ("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n"
            + text(rng, 2500))


def alternative(rng, number):
    words = text(rng, 1200)
    html = "<html><body>" + words.replace("\n", "<br>=\n") + "</body></html>\n"
    return (f'Content-Type: multipart/alternative; boundary="b{number}"\n\nFor old readers.\n'
            f"--b{number}\nContent-Type: text/plain; charset=iso-8859-1\n"
            f"Content-Transfer-Encoding: quoted-printable\n\n{words}\n--b{number}\n"
            f"Content-Type: text/html; charset=iso-8859-1\n"
            f"Content-Transfer-Encoding: quoted-printable\n\n{html}\n--b{number}--\n")


def mixed(rng, number):
    data = textwrap.fill(base64.b64encode(rng.randbytes(4000)).decode(), 76)
    return (f'Content-Type: multipart/mixed; boundary="m{number}"\n\n--m{number}\n'
            f"Content-Type: text/plain; charset=utf-8\n\n{text(rng, 900)}\n--m{number}\n"
            f'Content-Type: application/pdf; name="report.pdf"\n'
            f"Content-Transfer-Encoding: base64\n"
            f'Content-Disposition: attachment; filename="report.pdf"\n\n{data}\n--m{number}--\n')


def message(number):
    rng = random.Random(number)
    body = (plain, plain, alternative, mixed)[number % 4](rng, number)
    if number % 100 == 0:
        body += f"\nThe {RARE} was seen.\n" if number % 4 < 2 else ""
    return (headers(rng, number) + "\n" + body).encode()


def fill(maildir, count):
    """A Maildir with COUNT messages, half of them seen."""
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    for number in range(1, count + 1):
        data = message(number)
        flags = "S" if number % 2 else ""
        name = f"{1_050_000_000 + number}.M{number}P1.bench,S={len(data)}:2,{flags}"
        (maildir / "cur" / name).write_bytes(data)
