"""Clients' certificates in restrictions, at the real smtpd and at ours (group M of the rows)."""

import smtplib
import ssl

import pytest

from harness import postfix
from harness.instance import PATIENCE, Instance
from tls.certificates import Authority, fingerprint

pytestmark = pytest.mark.skipif(not postfix.is_available(), reason="Postfix needs root and its package")

LISTS = ["permit_tls_clientcerts, reject", "permit_tls_all_clientcerts, reject",
         "reject_plaintext_session, permit"]


def ask(instance, authority, own):
    """What each recipient is told, whose name chooses the restrictions."""
    context = ssl.create_default_context(cafile=str(authority.file))
    context.check_hostname = False
    if own:
        context.load_cert_chain(str(own))
    with smtplib.SMTP(instance.address, instance.port, timeout=PATIENCE) as client:
        client.starttls(context=context)
        client.ehlo("mua")
        client.mail("a@b.example")
        return [client.rcpt(f"r{i}@maison.mrs") for i in range(len(LISTS) + 1)]


def test_certificates(place):
    """Listed, trusted, unknown or none: the same replies."""
    authority, other = Authority(place / "ca"), Authority(place / "ca2", "Another Authority")
    chain = authority.issue("server.pem", "gw1.maison.mrs")
    chain.chmod(0o600)
    clients = {"none": None, "listed": other.issue("listed.pem", "listed.example"),
               "trusted": authority.issue("good.pem", "good.example"),
               "refused": authority.issue("refused.pem", "refused.example"),
               "unknown": other.issue("bad.pem", "bad.example")}
    access = f"check_ccert_access inline:{{{{{fingerprint(clients['refused'])}=REJECT not this one}}}}"
    lists = [*LISTS, access]
    settings = dict(
        mydestination="maison.mrs", local_recipient_maps="", local_transport="discard", alias_maps="",
        smtpd_tls_security_level="may", smtpd_tls_chain_files=chain, smtpd_tls_ask_ccert="yes",
        smtpd_tls_CAfile=authority.file, smtpd_tls_fingerprint_digest="sha256", biff="no",
        relay_clientcerts=f"inline:{{{{{fingerprint(clients['listed'])}=listed}}}}",
        smtpd_restriction_classes=", ".join(f"list{i}" for i in range(len(lists))),
        smtpd_recipient_restrictions="check_recipient_access inline:{" + ", ".join(
            f"{{r{i}@maison.mrs=list{i}}}" for i in range(len(lists))) + "}, reject_unauth_destination",
        **{f"list{i}": text for i, text in enumerate(lists)})
    replies = []
    for kind, name in ((postfix.Postfix, "theirs"), (Instance, "ours")):
        one = kind(place / name, **settings)
        with one:
            replies.append({who: ask(one, authority, own) for who, own in clients.items()})
    assert replies[0] == replies[1]
    codes = {who: [code for code, _ in said] for who, said in replies[1].items()}
    assert codes == {"none": [554, 554, 250, 250], "listed": [250, 250, 250, 250],
                     "trusted": [554, 250, 250, 250], "refused": [554, 250, 250, 554],
                     "unknown": [554, 554, 250, 250]}
