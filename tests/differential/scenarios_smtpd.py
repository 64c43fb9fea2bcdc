"""More of what is asked of both servers: odd dialogues, policy at each stage, replies changed
by the configuration. Same form as scenarios.py."""

HELLO = "EHLO client.example.com"
MAIL = "MAIL FROM:<chris@maison.mrs>"
RCPT = "RCPT TO:<daemon@maison.mrs>"
BODY = "DATA:Subject: test\n\nbonjour\n"

# Mail is thrown away, so that only the dialogue and its log lines count.
BASE = dict(mydestination="$myhostname, localhost, maison.mrs", local_recipient_maps="",
            local_transport="discard", default_transport="discard")

PLAIN = dict(BASE, smtpd_forbid_unauth_pipelining="no")

DIALOGUES = {
    "chunks after an error": [HELLO, MAIL, "BDAT:abc\r\n", RCPT, MAIL, RCPT, "BDAT:x: y\r\n"],
    "null chunk": [HELLO, MAIL, RCPT, "BDAT 0", "RSET"],
    "bdat then data": [HELLO, MAIL, RCPT, "BDAT 0 LAST", "DATA"],
    "commands between chunks": [HELLO, MAIL, RCPT, "BDAT 0", RCPT, MAIL, "DATA", "RSET", MAIL],
    "body types": [HELLO, "MAIL FROM:<a@maison.mrs> BODY=7BIT", "RSET",
                   "MAIL FROM:<a@maison.mrs> BODY=BINARYMIME", "MAIL FROM:<a@maison.mrs> BODY"],
    "parameters": [HELLO, "MAIL FROM:<a@maison.mrs> SIZE", "MAIL FROM:<a@maison.mrs> =x",
                   "MAIL FROM:<a@maison.mrs> RET=FULL RET=HDRS",
                   "MAIL FROM:<a@maison.mrs> ENVID=", "MAIL FROM:<a@maison.mrs> ENVID=a+zz",
                   "MAIL FROM:<a@maison.mrs> AUTH=<> AUTH=b",
                   "MAIL FROM:<a@maison.mrs>FOO"],
    "recipient parameters": [HELLO, MAIL, "RCPT TO:<daemon@maison.mrs> NOTIFY=",
                             "RCPT TO:<daemon@maison.mrs> NOTIFY=DELAY,DELAY",
                             "RCPT TO:<daemon@maison.mrs> NOTIFY=delay,SUCCESS",
                             "RCPT TO:<daemon@maison.mrs> ORCPT=rfc822;a+2",
                             "RCPT TO:<daemon@maison.mrs> ORCPT=rfc822;a+40b NOTIFY=NEVER",
                             "RCPT TO:<daemon@maison.mrs> SIZE=1"],
    "helo names": ["HELO a b", "EHLO <x>", "EHLO [127.0.0.1]", "HELO x;y@z"],
    "etrn": ["ETRN", "ETRN a b", "ETRN -x-", "ETRN other.example", MAIL, "ETRN maison.mrs"],
    "vrfy": [HELLO, "VRFY <chris@maison.mrs>", 'VRFY "a b"@maison.mrs', "VRFY a@b@c",
             "VRFY nobody@outside.example"],
    "empty lines": ["", " ", HELLO],
    "foreign verbs": ["Subject: hello"],
    "browser": ["GET / HTTP/1.1"],
    "8-bit command": [HELLO, "NOOP \u00e9t\u00e9", "MAIL FROM:<ren\u00e9@maison.mrs>",
                      "MAIL FROM:<ren\u00e9@maison.mrs> SMTPUTF8",
                      "RCPT TO:<h\u00e9l\u00e8ne@maison.mrs>"],
    "sender forms": [HELLO, "MAIL FROM:<\"a b\"@maison.mrs>", "RCPT TO:<\"c d\"@maison.mrs>", BODY],
    "literal domain": [HELLO, "MAIL FROM:<a@[127.0.0.1]>", "RCPT TO:<daemon@[127.0.0.1]>"],
    "two transactions": [HELLO, MAIL, RCPT, "RSET", MAIL, RCPT, BODY, MAIL, RCPT, BODY],
}

POLICY = dict(BASE, smtpd_delay_reject="no", smtpd_forbid_unauth_pipelining="no",
              smtpd_helo_restrictions="check_helo_access inline:{bad.example=REJECT}, "
                                      "reject_non_fqdn_helo_hostname",
              smtpd_sender_restrictions="check_sender_access inline:{{a@bad.example=REJECT 5.7.9 "
                                        "not you}, "
                                        "{c@bad.example=521 5.7.1 bye}}, reject_non_fqdn_sender",
              smtpd_data_restrictions="reject_multi_recipient_bounce",
              smtpd_end_of_data_restrictions="check_recipient_access "
                                             "inline:{{last@maison.mrs=REJECT too late}}")

STAGES = {
    "helo": ["EHLO bad.example", "HELO short", HELLO, MAIL],
    "sender": [HELLO, "MAIL FROM:<a@bad.example>", "MAIL FROM:<a@short>",
               MAIL],
    "sender that ends the session": [HELLO, "MAIL FROM:<c@bad.example>"],
    "bounce to several": [HELLO, "MAIL FROM:<>", RCPT, "RCPT TO:<bin@maison.mrs>", "DATA"],
    "end of data": [HELLO, MAIL, "RCPT TO:<last@maison.mrs>", BODY],
}

REFUSED = dict(BASE, smtpd_delay_reject="no", smtpd_client_restrictions="reject",
               smtpd_forbid_unauth_pipelining="no")

AT_CONNECT = {"refused at once": [HELLO, MAIL, "FROB", "NOOP"]}

CHANGED = dict(BASE, soft_bounce="yes", smtpd_forbid_unauth_pipelining="no",
               smtpd_reject_footer="\\c. See $server_name\\nfrom [$client_address]",
               smtpd_recipient_limit="2", smtpd_recipient_overshoot_limit="1",
               smtpd_hard_error_limit="6", smtpd_soft_error_limit="5",
               smtpd_noop_commands="frob", smtpd_command_filter="inline:{xyzzy=NOOP}",
               message_size_limit="20000", smtpd_discard_ehlo_keywords="dsn, etrn",
               smtpd_restriction_classes="strict", strict="check_sender_access "
               "inline:{maison.mrs=DUNNO}, reject",
               smtpd_recipient_restrictions="check_recipient_access "
               "inline:{{class@maison.mrs=strict}, {warn@maison.mrs=warn_if_reject}, "
               "{5xx@maison.mrs=550 go away}, {4xx@maison.mrs=450 4.2.3 later}, "
               "{num@maison.mrs=12345}, {info@maison.mrs=INFO told you}}, permit")

REPLIES = {
    "softened": [HELLO, "DATA", "HELO", "MAIL"],
    "limits": [HELLO, MAIL, RCPT, "RCPT TO:<a@maison.mrs>", "RCPT TO:<b@maison.mrs>",
               "RCPT TO:<c@maison.mrs>", "RSET"],
    "patience": [HELLO, "DATA", "DATA", "DATA", "DATA", "DATA", "DATA"],
    "noop and filter": [HELLO, "FROB", "xyzzy"],
    "dsn is hidden": [HELLO, "MAIL FROM:<a@maison.mrs> RET=FULL", MAIL,
                      "RCPT TO:<daemon@maison.mrs> NOTIFY=NEVER"],
    "classes": [HELLO, "MAIL FROM:<x@outside.example>", "RCPT TO:<class@maison.mrs>", "RSET", MAIL,
                "RCPT TO:<class@maison.mrs>"],
    "table answers": [HELLO, MAIL, "RCPT TO:<5xx@maison.mrs>", "RCPT TO:<4xx@maison.mrs>",
                      "RCPT TO:<num@maison.mrs>", "RCPT TO:<info@maison.mrs>"],
    "too big": [HELLO, MAIL, RCPT, "DATA:Subject: x\n\n" + ("y" * 70 + "\n") * 400],
}

GROUPS = {"dialogues": (PLAIN, DIALOGUES), "stages": (POLICY, STAGES),
          "refused": (REFUSED, AT_CONNECT), "changed": (CHANGED, REPLIES)}
