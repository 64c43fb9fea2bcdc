#!/usr/bin/env python3
"""Check notifications as RFC 3464 and RFC 6522 want them, with a parser that is not ours.

    dsn_check.py PROGRAM         PROGRAM is dsn_test, which prints samples
    dsn_check.py FILE.eml ...

Rows S197 S198 S199.
"""
import email
import email.policy
import re
import subprocess
import sys

SAMPLES = ("failure", "failure-headers", "failure-postmaster", "failure-utf8", "delay",
           "success", "verify")
ACTIONS = {"failed", "delayed", "delivered", "relayed", "expanded", "deliverable", "undeliverable"}
STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
TYPED = re.compile(r"[A-Za-z0-9-]+ *; *\S.*", re.S)


class Wrong(Exception):
    """The notification is not what the RFCs want."""


def want(truth, text):
    """Complain with TEXT unless TRUTH."""
    if not truth:
        raise Wrong(text)


def check_message_fields(fields):
    """RFC 3464 2.2."""
    want(TYPED.fullmatch(fields["Reporting-MTA"] or ""), "Reporting-MTA")
    if fields["Arrival-Date"]:
        want(email.utils.parsedate_to_datetime(fields["Arrival-Date"]), "Arrival-Date")


def check_recipient_fields(fields):
    """RFC 3464 2.3."""
    for name in ("Final-Recipient", "Action", "Status"):
        want(len(fields.get_all(name, [])) == 1, f"{name}: {fields.get_all(name)}")
    want(TYPED.fullmatch(fields["Final-Recipient"]), "Final-Recipient")
    want(fields["Action"] in ACTIONS, "Action")
    want(STATUS.fullmatch(fields["Status"]), "Status")
    for name in ("Original-Recipient", "Remote-MTA", "Diagnostic-Code"):
        if fields[name] is not None:
            want(TYPED.fullmatch(fields[name]), f"{name}: {fields[name]}")


def check(raw):
    """Check the bytes of one notification."""
    mail = email.message_from_bytes(raw)
    want(not mail.defects, f"defects: {mail.defects}")
    want(mail.get_content_type() == "multipart/report", "multipart/report")
    kind = mail.get_param("report-type")
    want(kind in ("delivery-status", "global-delivery-status"), f"report-type {kind}")
    want(mail["Auto-Submitted"] in ("auto-replied", "auto-generated"), "Auto-Submitted")
    parts = mail.get_payload()
    want(len(parts) == 3, f"{len(parts)} parts")
    want(parts[0].get_content_type() == "text/plain", "first part")
    want(parts[1].get_content_type() == "message/" + kind, "second part")
    want(parts[2].get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/global",
                                         "message/global-headers"), "third part")
    if kind == "delivery-status":
        groups = parts[1].get_payload()
    else:  # unknown to Python: the same groups of fields as text
        text = parts[1].as_bytes().split(b"\n\n", 1)[1]
        groups = [email.message_from_bytes(g) for g in text.strip().split(b"\n\n")]
    want(len(groups) >= 2, "groups of fields")
    check_message_fields(groups[0])
    for group in groups[1:]:
        check_recipient_fields(group)


def main():
    """Check all; the number of mistakes is the exit status."""
    wrong = 0
    if sys.argv[1].endswith(".eml"):
        mails = [(name, open(name, "rb").read()) for name in sys.argv[1:]]
    else:
        mails = [(s, subprocess.run([sys.argv[1], s], stdout=subprocess.PIPE, check=True,
                                    timeout=60).stdout) for s in SAMPLES]
    for name, raw in mails:
        try:
            check(raw)
        except Wrong as mistake:
            print(f"{name}: {mistake}")
            wrong += 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
