"""Policy at the door, asked of both servers: policy servers that do not answer, XCLIENT and
XFORWARD, permits that are logged, refusals that are changed.  Same form as scenarios.py."""

from .scenarios_smtpd import BASE, BODY, HELLO, MAIL, RCPT

PLAIN = dict(BASE, smtpd_authorized_verp_clients="", smtpd_forbid_unauth_pipelining="no", smtpd_delay_reject="yes")

FRONT = dict(PLAIN, smtpd_authorized_xclient_hosts="127.0.0.1",
             smtpd_authorized_xforward_hosts="127.0.0.1", mynetworks="192.0.2.0/24",
             smtpd_relay_restrictions="permit_mynetworks, permit_sasl_authenticated, "
                                      "reject_unauth_destination",
             smtpd_client_restrictions="check_client_access inline:{{198.51.100.7=REJECT 5.1.1 not "
                                       "you}, {bad.example=554 5.7.1 bad name}}",
             smtpd_helo_restrictions="permit_naked_ip_address, check_helo_access "
                                     "inline:{evil.example=REJECT}")

CLIENTS = {
    "keywords": [HELLO],
    "a trusted client": [HELLO, "XCLIENT NAME=inside.example ADDR=192.0.2.9", HELLO, MAIL,
                         "RCPT TO:<x@outside.example>", BODY],
    "a stranger": [HELLO, "XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.5", HELLO, MAIL,
                   "RCPT TO:<x@outside.example>", RCPT, BODY],
    "refused by address": [HELLO, "XCLIENT ADDR=198.51.100.7", HELLO, MAIL, RCPT],
    "refused by name": [HELLO, "XCLIENT NAME=bad.example ADDR=203.0.113.6", HELLO, MAIL, RCPT],
    "name that is not verified": [HELLO, "XCLIENT NAME=[TEMPUNAVAIL] REVERSE_NAME=bad.example "
                                  "ADDR=203.0.113.6", HELLO, MAIL, RCPT],
    "helo and protocol": [HELLO, "XCLIENT HELO=evil.example PROTO=ESMTP", MAIL, RCPT],
    "bad attributes": [HELLO, "XCLIENT ADDR=1.2.3", "XCLIENT FOO=x", "XCLIENT NAME", "XCLIENT",
                       "XCLIENT PORT=123456", "XCLIENT PROTO=LMTP", "XCLIENT NAME=a b",
                       "XCLIENT ADDR=IPv6:zz", "XCLIENT PORT=-1"],
    "in a transaction": [HELLO, MAIL, "XCLIENT ADDR=192.0.2.9", "XFORWARD NAME=x.example"],
    "ipv6": [HELLO, "XCLIENT ADDR=IPv6:2001:db8::7 NAME=six.example", HELLO, MAIL,
             "RCPT TO:<x@outside.example>"],
    "encoded": [HELLO, "XCLIENT HELO=a+2Db.example ADDR=192.0.2.9", HELLO, MAIL, RCPT, BODY],
    "forwarded": [HELLO, "XFORWARD NAME=far.example ADDR=203.0.113.9 PROTO=ESMTP HELO=far",
                  "XFORWARD IDENT=ABC SOURCE=REMOTE", MAIL, RCPT, BODY, MAIL, RCPT, BODY],
    "bad forwards": [HELLO, "XFORWARD", "XFORWARD NAME", "XFORWARD ADDR=300.1.1.1",
                     "XFORWARD SOURCE=x", "XFORWARD FOO=x", "XFORWARD PORT=x"],
}

CLOSED = dict(PLAIN, mynetworks="127.0.0.0/8")
STRANGERS = {"no rights": [HELLO, "XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1", "XCLIENT"]}

# Nobody listens at these ends.
SILENT = dict(PLAIN, mynetworks="192.0.2.0/24",
              smtpd_policy_service_retry_delay="1s", smtpd_policy_service_timeout="2s",
              smtpd_recipient_restrictions="check_recipient_access inline:{"
              "{default@maison.mrs=one}, {other@maison.mrs=two}, {path@maison.mrs=three}}, permit",
              smtpd_restriction_classes="one, two, three",
              one="check_policy_service inet:127.0.0.1:9",
              two="check_policy_service { inet:127.0.0.1:9, try_limit=1, "
                  "{ default_action = 450 4.7.1 nobody there } }",
              three="check_policy_service { unix:private/nobody, try_limit=1, default_action=DUNNO }")
POLICY_FAILS = {
    "default action": [HELLO, MAIL, "RCPT TO:<default@maison.mrs>"],
    "action of its own": [HELLO, MAIL, "RCPT TO:<other@maison.mrs>"],
    "unix": [HELLO, MAIL, "RCPT TO:<path@maison.mrs>"],
}

LISTS = dict(PLAIN, mynetworks="127.0.0.0/8", smtpd_log_access_permit_actions="static:all",
             smtpd_client_restrictions="permit_mynetworks",
             smtpd_helo_restrictions="warn_if_reject, reject_non_fqdn_helo_hostname, "
                                     "check_helo_access inline:{short=REJECT}",
             smtpd_sender_restrictions="check_sender_access inline:{{one@maison.mrs=REJECT 5.1.1 "
             "a}, {two@maison.mrs=550 5.1.3 b}, {three@maison.mrs=OK}, {four@maison.mrs=REJECT no}, "
             "{five@maison.mrs=DEFER_IF_REJECT 4.3.9 x}, {six@maison.mrs=12345}}",
             smtpd_sender_login_maps="inline:{owned@maison.mrs=chris}",
             smtpd_recipient_restrictions="check_recipient_access inline:{"
             "{s1@maison.mrs=REJECT 5.1.8 c}, {s2@maison.mrs=REJECT 5.1.7 d}, "
             "{warn@maison.mrs=warned}, {plain@maison.mrs=reject_plaintext_session}, "
             "{r@maison.mrs=REJECT stop}, {relay@maison.mrs=RELAY}, {redirect@maison.mrs=REDIRECT "
             "bin@maison.mrs}, {bcc@maison.mrs=BCC bin@maison.mrs}, {hold@maison.mrs=HOLD}, "
             "{discard@maison.mrs=DISCARD gone}, {421@maison.mrs=421 4.7.0 bye}}",
             smtpd_restriction_classes="warned", warned="warn_if_reject reject")
ACTIONS = {
    "permits": [HELLO, "MAIL FROM:<three@maison.mrs>", RCPT],
    "number": [HELLO, "MAIL FROM:<six@maison.mrs>", RCPT],
    "status of senders": [HELLO, "MAIL FROM:<one@maison.mrs>", RCPT],
    "status of senders 2": [HELLO, "MAIL FROM:<two@maison.mrs>", RCPT],
    "refusal": [HELLO, "MAIL FROM:<four@maison.mrs>", RCPT],
    "status of recipients": [HELLO, MAIL, "RCPT TO:<s1@maison.mrs>", "RCPT TO:<s2@maison.mrs>"],
    "warning only": [HELLO, MAIL, "RCPT TO:<warn@maison.mrs>"],
    "warning reaches one": ["EHLO short", MAIL, RCPT],
    "plaintext": [HELLO, MAIL, "RCPT TO:<plain@maison.mrs>"],
    "soft when refused": [HELLO, "MAIL FROM:<five@maison.mrs>", "RCPT TO:<r@maison.mrs>", RCPT],
    "relay": [HELLO, MAIL, "RCPT TO:<relay@maison.mrs>"],
    "discard": [HELLO, MAIL, "RCPT TO:<discard@maison.mrs>", "RSET"],
    "the end": [HELLO, MAIL, "RCPT TO:<421@maison.mrs>"],
}

EARLY = dict(PLAIN, smtpd_delay_open_until_valid_rcpt="no", mynetworks="192.0.2.0/24",
             smtpd_relay_restrictions="reject_unauth_destination")
OPENED = {"refused with an id": [HELLO, MAIL, "RCPT TO:<x@outside.example>", RCPT, BODY]}

# No verify, no filter: what is said when they cannot be had.
LOST = dict(PLAIN, notify_classes="", smtpd_proxy_filter="127.0.0.1:9")
FILTERS = {"filter that is not there": [HELLO, MAIL, RCPT]}

GROUPS = {"clients": (FRONT, CLIENTS), "closed": (CLOSED, STRANGERS),
          "silence": (SILENT, POLICY_FAILS), "actions": (LISTS, ACTIONS),
          "early": (EARLY, OPENED), "lost": (LOST, FILTERS)}
