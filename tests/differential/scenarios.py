"""What is asked of Postfix and of Diligence alike: SMTP input under one configuration.

Each scenario is a list of lines to say; `DATA:text` sends text and the final
dot. Grouped by configuration, so that each server starts once per group.
"""

from . import scenarios_policy, scenarios_smtpd

LOCAL = dict(mydestination="$myhostname, localhost, maison.mrs",
             local_recipient_maps="static:known", local_transport="local",
             alias_maps="inline:{root=daemon, liste={daemon, bin}, nobody=/dev/null}",
             recipient_delimiter="+")

HELLO = "EHLO client.example.com"
MAIL = "MAIL FROM:<chris@maison.mrs>"
RCPT = "RCPT TO:<daemon@gw1.maison.mrs>"
BODY = "DATA:Subject: test\n\nbonjour\n"

SYNTAX = {
    "helo": ["HELO client.example.com", MAIL, RCPT, BODY],
    "no helo": [MAIL, RCPT, BODY],
    "helo without name": ["HELO", "EHLO", "HELO x"],
    "ehlo resets": [HELLO, MAIL, RCPT, HELLO, "DATA", "RSET"],
    "nested mail": [HELLO, MAIL, MAIL],
    "rcpt first": [HELLO, RCPT],
    "data first": [HELLO, "DATA", MAIL, "DATA"],
    "data with argument": [HELLO, MAIL, RCPT, "DATA now"],
    "spaces before path": [HELLO, "MAIL FROM: <a@maison.mrs>", "RCPT TO:   <daemon@maison.mrs>",
                           BODY],
    "no brackets": [HELLO, "MAIL FROM:a@maison.mrs", "RCPT TO:daemon@maison.mrs", BODY],
    "null sender": [HELLO, "MAIL FROM:<>", RCPT, BODY],
    "bad sender": [HELLO, "MAIL FROM:<a b@c>", "MAIL FROM:<a@b@c>", "MAIL FROM:", "MAIL <a@b>",
                   "MAIL"],
    "bad recipient": [HELLO, MAIL, "RCPT TO:<>", "RCPT TO:", "RCPT daemon", "RCPT TO:<a b@c>"],
    "source route": [HELLO, MAIL, "RCPT TO:<@relay.example,@two.example:daemon@maison.mrs>", BODY],
    "quoted local part": [HELLO, MAIL, 'RCPT TO:<"daemon"@maison.mrs>', BODY],
    "postmaster alone": [HELLO, MAIL, "RCPT TO:<postmaster>", "RSET"],
    "mixed case": ["ehlo client.example.com", "mail from:<chris@maison.mrs>",
                   "rcpt to:<DAEMON@MAISON.MRS>", BODY],
    "size too big": [HELLO, "MAIL FROM:<a@maison.mrs> SIZE=99999999999"],
    "size fine": [HELLO, "MAIL FROM:<a@maison.mrs> SIZE=100", RCPT, BODY],
    "bad size": [HELLO, "MAIL FROM:<a@maison.mrs> SIZE=abc"],
    "body 8bitmime": [HELLO, "MAIL FROM:<a@maison.mrs> BODY=8BITMIME", RCPT,
                      "DATA:Subject: x\n\n\u00e9t\u00e9\n"],
    "unknown option": [HELLO, "MAIL FROM:<a@maison.mrs> FOO=BAR", MAIL,
                       "RCPT TO:<daemon@maison.mrs> FOO=BAR"],
    "dsn parameters": [HELLO, "MAIL FROM:<a@maison.mrs> RET=HDRS ENVID=abc",
                       "RCPT TO:<daemon@maison.mrs> NOTIFY=SUCCESS,FAILURE "
                       "ORCPT=rfc822;daemon@maison.mrs", "RSET"],
    "bad dsn parameters": [HELLO, "MAIL FROM:<a@maison.mrs> RET=ALL", MAIL,
                           "RCPT TO:<daemon@maison.mrs> NOTIFY=NEVER,DELAY",
                           "RCPT TO:<daemon@maison.mrs> ORCPT=x"],
    "noop rset vrfy": [HELLO, "NOOP", "RSET", "VRFY daemon", "VRFY", "RSET now", "NOOP hello"],
    "unknown verb": [HELLO, "FROB", "XYZZY a b"],
    "dot stuffing": [HELLO, MAIL, RCPT, "DATA:Subject: x\n\n..leading\n...\n. a\n"],
    "empty body": [HELLO, MAIL, RCPT, "DATA:"],
    "body only": [HELLO, MAIL, RCPT, "DATA:just text\n"],
    "blank first line": [HELLO, MAIL, RCPT, "DATA:\nafter a blank line\n"],
    "folded headers": [HELLO, MAIL, RCPT,
                       "DATA:Subject: one\n two\n\tthree\nX-Odd:  spaces  \n\nbody\n"],
    "bare header addresses": [HELLO, MAIL, RCPT,
                              "DATA:From: chris\nTo: root (the boss), Bob <bob>\nCc: x@y\n\nb\n"],
    "bcc is removed": [HELLO, MAIL, RCPT,
                       "DATA:From: a@maison.mrs\nBcc: secret@maison.mrs\nSubject: x\n\nb\n"],
    "return-path is removed": [HELLO, MAIL, RCPT,
                               "DATA:Return-Path: <x@y>\nContent-Length: 5\nSubject: x\n\nb\n"],
    "from line in body": [HELLO, MAIL, RCPT, "DATA:Subject: x\n\nFrom here\nto there\n"],
    "mailbox line on top": [HELLO, MAIL, RCPT, "DATA:From x@y Sat Jan  1 00:00:00 2000\nSubject: x\n\nb\n"],
    "two recipients": [HELLO, MAIL, RCPT, "RCPT TO:<bin@maison.mrs>", BODY],
    "same recipient twice": [HELLO, MAIL, RCPT, RCPT, BODY],
    "alias": [HELLO, MAIL, "RCPT TO:<root@maison.mrs>", BODY],
    "alias list": [HELLO, MAIL, "RCPT TO:<liste@maison.mrs>", BODY],
    "extension": [HELLO, MAIL, "RCPT TO:<daemon+news@maison.mrs>", BODY],
    "two messages": [HELLO, MAIL, RCPT, BODY, MAIL, RCPT, BODY],
    "long line": [HELLO, MAIL, RCPT, "DATA:Subject: x\n\n" + "y" * 5000 + "\n"],
    "message id kept": [HELLO, MAIL, RCPT, "DATA:Message-ID: <a@b>\nSubject: x\n\nb\n"],
    "bdat": [HELLO, MAIL, RCPT, "BDAT:Subject: x\r\n\r\nchunk\r\n"],
    "bad bdat": [HELLO, MAIL, RCPT, "BDAT"],
    "bad chunk size": [HELLO, MAIL, RCPT, "bdat x LAST"],
}

RELAY = dict(mydestination="$myhostname, localhost, maison.mrs",
             local_recipient_maps="inline:{chris=x, daemon=x}", mynetworks="192.0.2.0/24",
             relay_domains="backup.example", relay_recipient_maps="",
             virtual_alias_domains="alias.example",
             virtual_alias_maps="inline:{info@alias.example=daemon@maison.mrs}",
             relocated_maps="inline:{old@maison.mrs=new@example.net}",
             default_transport="discard", relay_transport="discard",
             smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")

CONTROL = {
    "relay denied": [HELLO, MAIL, "RCPT TO:<someone@outside.example>"],
    "percent hack": [HELLO, MAIL, "RCPT TO:<someone%outside.example@maison.mrs>"],
    "bang path": [HELLO, MAIL, "RCPT TO:<outside.example!someone@maison.mrs>",
                  "RCPT TO:<outside.example!someone>"],
    "quoted relay": [HELLO, MAIL, 'RCPT TO:<"someone@outside.example"@maison.mrs>',
                     'RCPT TO:<"someone@outside.example">'],
    "route relay": [HELLO, MAIL, "RCPT TO:<@maison.mrs:someone@outside.example>"],
    "literal relay": [HELLO, MAIL, "RCPT TO:<someone@[192.0.2.9]>"],
    "unknown local": [HELLO, MAIL, "RCPT TO:<nobody-here@maison.mrs>"],
    "known local": [HELLO, MAIL, "RCPT TO:<chris@maison.mrs>"],
    "relay domain": [HELLO, MAIL, "RCPT TO:<x@backup.example>", BODY],
    "virtual alias": [HELLO, MAIL, "RCPT TO:<info@alias.example>", BODY],
    "unknown virtual alias": [HELLO, MAIL, "RCPT TO:<nope@alias.example>"],
    "moved": [HELLO, MAIL, "RCPT TO:<old@maison.mrs>"],
    "no valid recipient": [HELLO, MAIL, "RCPT TO:<someone@outside.example>", "DATA"],
}

ACCESS = dict(mydestination="$myhostname, localhost, maison.mrs", local_recipient_maps="",
              local_transport="discard",
              smtpd_helo_required="yes", strict_rfc821_envelopes="yes",
              disable_vrfy_command="yes",
              smtpd_sender_restrictions="check_sender_access inline:{{chef@boulout.net=REJECT}, "
                                        "{isima.fr=OK}, {later.example=DEFER not now}, "
                                        "{own.example=554 5.7.9 go away}, {<>=DUNNO}}",
              smtpd_helo_restrictions="reject_invalid_helo_hostname, check_helo_access "
                                      "inline:{bad.example=REJECT}",
              smtpd_recipient_restrictions="reject_non_fqdn_recipient, check_recipient_access "
                                           "inline:{{hold@maison.mrs=WARN look}, "
                                           "{spam@=REJECT no such trap}}, permit_mynetworks, "
                                           "reject")

TABLES = {
    "helo required": [MAIL],
    "vrfy disabled": [HELLO, "VRFY x"],
    "sender rejected": [HELLO, "MAIL FROM:<chef@boulout.net>", RCPT],
    "sender accepted": [HELLO, "MAIL FROM:<gouinaud@isima.fr>", RCPT, BODY],
    "sender deferred": [HELLO, "MAIL FROM:<a@later.example>", RCPT],
    "own reply": [HELLO, "MAIL FROM:<a@own.example>", RCPT],
    "null sender key": [HELLO, "MAIL FROM:<>", RCPT],
    "helo rejected": ["EHLO bad.example", MAIL, RCPT],
    "helo invalid": ["EHLO not..valid", MAIL, RCPT],
    "recipient not qualified": [HELLO, MAIL, "RCPT TO:<chris@gw1>"],
    "recipient by local part": [HELLO, MAIL, "RCPT TO:<spam@maison.mrs>"],
    "warning only": [HELLO, MAIL, "RCPT TO:<hold@maison.mrs>", BODY],
}

GROUPS = {"syntax": (LOCAL, SYNTAX), "relay": (RELAY, CONTROL), "access": (ACCESS, TABLES),
          **scenarios_smtpd.GROUPS, **scenarios_policy.GROUPS}
