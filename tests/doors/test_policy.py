"""Policy servers and DNS lists at the door (group M of the rows)."""

import re
import time

from harness.instance import Dialogue
from testnet.dnsserver import DnsServer

from .servers import PolicyServer

HELLO = "EHLO client.example.com"
BASE = dict(mydestination="$myhostname, maison.mrs", local_transport="discard",
            local_recipient_maps="inline:{chris=x, daemon=x}", mynetworks="192.0.2.0/24",
            smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")
RCPT = "RCPT TO:<chris@maison.mrs>"


def say(instance, *lines):
    return instance.dialogue(HELLO, "MAIL FROM:<a@b.example> SIZE=700", *lines)


def test_policy_server(instance):
    """S206: a server of one's own decides; it is asked over one lasting connection."""
    def decide(request):
        return {"grey@maison.mrs": "DEFER_IF_PERMIT 4.7.1 come again",
                "no@maison.mrs": "REJECT 5.7.9 not here",
                "daemon@maison.mrs": "PREPEND X-Policy: seen"}.get(request["recipient"], "dunno")

    with PolicyServer(decide) as server:
        instance.set(**dict(BASE, local_recipient_maps="", compatibility_level="3.6",
                            smtpd_policy_service_policy_context="front",
                            smtpd_recipient_restrictions=f"check_policy_service inet:127.0.0.1:"
                                                         f"{server.port}",
                            smtpd_end_of_data_restrictions=f"check_policy_service "
                                                           f"inet:127.0.0.1:{server.port}"))
        with instance:
            replies = say(instance, RCPT, "RCPT TO:<grey@maison.mrs>", "RCPT TO:<no@maison.mrs>",
                          "RCPT TO:<daemon@maison.mrs>", "DATA", "Subject: x\r\n\r\nhello\r\n.")
    assert replies[3] == "250 2.1.5 Ok"
    assert replies[4] == ("450 4.7.1 <grey@maison.mrs>: Recipient address rejected: come again")
    assert replies[5] == "554 5.7.9 <no@maison.mrs>: Recipient address rejected: not here"
    assert replies[8].startswith("250 2.0.0 Ok: queued as ")
    assert server.connections == 1
    first, last = server.requests[0], server.requests[-1]
    queue_id = replies[8].rsplit(" ", 1)[1]
    for name, value in dict(request="smtpd_access_policy", protocol_state="RCPT",
                            protocol_name="ESMTP", helo_name="client.example.com", queue_id="",
                            sender="a@b.example", recipient="chris@maison.mrs",
                            recipient_count="0", client_address="127.0.0.1",
                            client_name="unknown", reverse_client_name="unknown", size="700",
                            etrn_domain="", sasl_method="", encryption_keysize="0", stress="",
                            policy_context="front", server_address="127.0.0.1",
                            server_port=str(instance.port), compatibility_level="3.6").items():
        assert first[name] == value, name
    assert last["protocol_state"] == "END-OF-MESSAGE" and last["queue_id"] == queue_id
    assert last["recipient_count"] == "2" and last["recipient"] == ""
    assert last["instance"] == first["instance"] and int(last["size"]) < 100
    assert first["client_port"].isdigit()


def test_policy_server_that_fails(instance):
    """Retries on a new connection, then the default action, which one service may have of its own."""
    calls = []

    def decide(request):
        calls.append(time.monotonic())
        return "dunno" if len(calls) in (2, 3) else None  # None: hang up

    with PolicyServer(decide) as server:
        end = f"inet:127.0.0.1:{server.port}"
        instance.set(**dict(BASE, smtpd_policy_service_retry_delay="1s",
                            smtpd_policy_service_timeout="3s",
                            smtpd_recipient_restrictions=f"check_policy_service {end}",
                            smtpd_data_restrictions="check_policy_service { unix:private/nobody, "
                                                    "try_limit=1, default_action=DUNNO }"))
        with instance:
            replies = say(instance, RCPT, RCPT, RCPT, "DATA")
            assert replies[3:5] == ["250 2.1.5 Ok"] * 2
            assert calls[1] - calls[0] > 0.9
            assert replies[5] == ("451 4.3.5 <chris@maison.mrs>: Recipient address rejected: "
                                  "Server configuration problem")
            assert replies[6].startswith("354")
            assert instance.log_lines(f"warning: problem talking to server 127.0.0.1:{server.port}: ")
            assert instance.log_lines("warning: connect to private/nobody: ")


def test_policy_connections_end(instance, place):
    """smtpd_policy_service_max_idle, _max_ttl and _request_limit; a UNIX end point."""
    path = place / "policy"
    with PolicyServer(path=path) as server:
        path.chmod(0o777)
        instance.set(**dict(BASE, smtpd_policy_service_max_idle="1s",
                            smtpd_policy_service_request_limit="2",
                            smtpd_recipient_restrictions=f"check_policy_service unix:{path}"))
        with instance, Dialogue(instance.address, instance.port) as talk:
            talk.reply()
            for line in (HELLO, "MAIL FROM:<a@b.example>", RCPT, RCPT, RCPT):
                talk.say(line)
                talk.reply()
            assert server.connections == 2
            time.sleep(2.2)
            talk.say(RCPT)
            assert talk.reply() == "250 2.1.5 Ok"
            assert server.connections == 3


SPAWNED = """\
policy    unix  -       n       n       -       0       spawn
    user=daemon argv={script}
"""


def test_spawned_policy_server(instance, place):
    """A policy server that spawn(8) starts, as SMTPD_POLICY_README has it."""
    script = place / "policy.sh"
    script.write_text("#!/bin/sh\nwhile read line; do\n  if [ -z \"$line\" ]; then\n"
                      "    printf 'action=550 5.7.1 from a script\\n\\n'\n  fi\ndone\n")
    script.chmod(0o755)
    instance.extra_services = SPAWNED.format(script=script)
    instance.set(**dict(BASE, smtpd_recipient_restrictions="check_policy_service "
                                                           "unix:private/policy"))
    with instance:
        assert say(instance, RCPT)[3] == ("550 5.7.1 <chris@maison.mrs>: Recipient address rejected: "
                                          "from a script")


ZONE = {"1.0.0.127.rbl.example": {"A": ["127.0.0.4"], "TXT": ["see http://rbl.example/?127.0.0.1"]},
        "2.0.0.127.rbl.example": {"A": ["127.0.0.2"]},
        "1.0.0.127.good.example": {"A": ["127.0.0.2"]},
        "b.example.dbl.example": {"A": ["127.0.1.2"]},
        "1.0.0.127.broken.example": {"fail": "servfail"},
        "1.0.0.127.noanswer.example": {"fail": "servfail"}}


def test_dns_lists(instance):
    """S207: reject_rbl_client, its patterns, texts, and lists of good hosts."""
    listed = "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using rbl.example"
    with DnsServer(ZONE) as dns:
        parameters = dict(BASE, resolver_nameservers=f"{dns.host}@{dns.port}",
                          rbl_reply_maps="")

        def with_restrictions(text, **more):
            instance.set(**dict(parameters, smtpd_recipient_restrictions=text, **more))
            with instance:
                return say(instance, RCPT)[3]

        assert with_restrictions("reject_rbl_client rbl.example") == (
            f"{listed}; see http://rbl.example/?127.0.0.1")
        assert instance.log_lines(r"NOQUEUE: reject: RCPT from unknown\[127.0.0.1\]: 554 5.7.1 Service "
                                  "unavailable; Client host")
        assert with_restrictions("reject_rbl_client rbl.example=127.0.0.[2;5..9]") == "250 2.1.5 Ok"
        assert with_restrictions("reject_rbl_client broken.example, reject_rbl_client unlisted.example") == "250 2.1.5 Ok"
        assert instance.log_lines("warning: 1.0.0.127.broken.example: RBL lookup error: ")
        assert with_restrictions("permit_dnswl_client good.example, reject_rbl_client rbl.example") == "250 2.1.5 Ok"
        assert with_restrictions("reject_rhsbl_sender dbl.example", maps_rbl_reject_code="550",
                                 default_rbl_reply="$rbl_code 5.7.2 $rbl_what of $sender_domain is on "
                                                   "$rbl_domain${rbl_reason?; $rbl_reason}") == (
            "550 5.7.2 a@b.example of b.example is on dbl.example")
        assert with_restrictions("reject_maps_rbl", maps_rbl_domains="rbl.example",
                                 rbl_reply_maps="inline:{{rbl.example=450 4.7.1 $$client is bad}}",
                                 maps_rbl_reject_code="554", default_rbl_reply="554 no") == (
            "450 4.7.1 unknown[127.0.0.1] is bad")


def test_protections_add_up(instance):
    """S213: several checks together: the first refusal wins, warnings and scores add up."""
    instance.set(**dict(BASE, smtpd_helo_restrictions="score_if_reject 2, "
                                                      "reject_non_fqdn_helo_hostname",
                        smtpd_sender_restrictions="score_if_reject 2, reject_non_fqdn_sender, "
                                                  "warn_if_reject, reject_unlisted_sender",
                        smtpd_recipient_restrictions="reject_score 4"))
    with instance:
        replies = instance.dialogue("EHLO short", "MAIL FROM:<a@short>", RCPT, "RSET",
                                    "MAIL FROM:<x@maison.mrs>", RCPT)
        assert replies[3] == ("554 5.7.1 <chris@maison.mrs>: Recipient address rejected: score 4")
        assert replies[6] == "250 2.1.5 Ok"
        assert instance.log_lines(r"reject_warning: RCPT .*<x@maison.mrs>: Sender address rejected: "
                                  "User unknown")


def test_helo_that_fits(instance):
    """S211 S212: the name in HELO has MX records, and is the client's."""
    zone = {"mail.example": {"MX": ["10 mx.mail.example"], "A": ["127.0.0.1"]},
            "other.example": {"A": ["127.0.0.9"]}}
    with DnsServer(zone) as dns:
        instance.set(**dict(BASE, resolver_nameservers=f"{dns.host}@{dns.port}",
                            smtpd_helo_restrictions="reject_helo_client_mismatch, "
                                                    "reject_non_mx_helo_hostname"))
        with instance:
            good = instance.dialogue("EHLO mail.example", "MAIL FROM:<a@b.example>", RCPT)
            bad = instance.dialogue("EHLO other.example", "MAIL FROM:<a@b.example>", RCPT)
        assert good[3] == "250 2.1.5 Ok"
        assert bad[3] == ("450 4.7.1 <other.example>: Helo command rejected: not the name of "
                          "[127.0.0.1]")


def test_changed_refusals(instance):
    """smtpd_reject_filter_maps; smtpd_log_access_permit_actions."""
    instance.set(**dict(BASE, smtpd_reject_filter_maps="pcre:{{/^554 5.7.1 (.*)Relay/ 450 4.7.0 $$1Not}}",
                        smtpd_log_access_permit_actions="static:all",
                        smtpd_recipient_restrictions="check_recipient_access inline:{chris@maison.mrs=OK}"))
    with instance:
        replies = say(instance, "RCPT TO:<x@outside.example>", RCPT)
        assert replies[3] == "450 4.7.0 <x@outside.example>: Not"
        assert instance.log_lines(r"permit: RCPT from unknown\[127.0.0.1\]: action=OK for Recipient "
                                  r"address=chris@maison.mrs from inline:\{chris@maison.mrs=OK\}; from=")


def test_queue_id_from_the_start(instance):
    """smtpd_delay_open_until_valid_rcpt = no: the refusal has a queue ID already."""
    with instance.set(**dict(BASE, smtpd_delay_open_until_valid_rcpt="no")):
        assert say(instance, "RCPT TO:<x@outside.example>")[3].startswith("554 5.7.1")
        line = instance.wait_log("reject: RCPT from")[0]
        assert re.search(r": [0-9A-F]{6,}: reject: RCPT", line)


def test_dns_answers_can_be_left_out(instance):
    """smtpd_dns_reply_filter: records that a table ignores do not count."""
    zone = {"good.example": {"MX": ["10 mx.good.example"], "A": ["192.0.2.1"]},
            "bad.example": {"MX": ["10 trap.example"]},
            "mx.good.example": {"A": ["192.0.2.25"]}, "trap.example": {"A": ["192.0.2.66"]}}
    with DnsServer(zone) as dns:
        instance.set(**dict(BASE, resolver_nameservers=f"{dns.host}@{dns.port}",
                            smtpd_dns_reply_filter="pcre:{{/^bad.example. .* IN MX 10 trap.example.$$/ "
                                                   "ignore}}",
                            smtpd_sender_restrictions="reject_unknown_sender_domain"))
        with instance:
            good = instance.dialogue(HELLO, "MAIL FROM:<a@good.example>", RCPT)
            bad = instance.dialogue(HELLO, "MAIL FROM:<a@bad.example>", RCPT)
        assert good[3] == "250 2.1.5 Ok"
        assert bad[3].startswith("450 4.1.8 <a@bad.example>: Sender address rejected: ")
        instance.wait_log("ignoring DNS RR: bad.example. 60 IN MX 10 trap.example.")
