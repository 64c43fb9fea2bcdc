/* auth_test - logins of the client: with whose password, how, and what refusals mean */
#include "rehearsal.h"

#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define OFFER(names) "220 mx.example ESMTP\r\n250-mx.example\r\n250 AUTH " names "\r\n"
#define ACCEPTED     "250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n"
#define ENABLED      "smtp_sasl_auth_enable = yes\n"
#define CLEAR        ENABLED "smtp_sasl_security_options = noanonymous\n"
#define PASSWORD     "smtp_sasl_password_maps = inline:{mx.example=tim:secret}\n"
#define AS_TIM       "AUTH PLAIN AHRpbQBzZWNyZXQ=\n" /* NUL tim NUL secret */

static struct rehearsal_result r; /* of the last one */

static void play(struct rehearsal in)
{
    if (!in.sender)
        in.sender = "a@maison.mrs";
    in.recipients[0] = "x@x.example";
    in.content = "Subject: x\n\nhello\n";
    in.keep_log = true;
    rehearsal_done(&r);
    rehearse(&in, &r);
}
#define SCRIPT(text) .script = VIEW(text)
#define said(text)   assert_non_null(strstr(str_cstr(&r.said), text))
#define unsaid(text) assert_null(strstr(str_cstr(&r.said), text))
#define logged(text) assert_non_null(strstr(str_cstr(&r.log), text))

static void plain(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = CLEAR PASSWORD,
                            SCRIPT(OFFER("PLAIN LOGIN") "235 ok\r\n" ACCEPTED)});
    said("EHLO gw1.maison.mrs\n" AS_TIM "MAIL FROM:<a@maison.mrs>\n");
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_true(r.usable);
}

/* Servers without password, or without AUTH, are talked to as ever. */
static void strangers(void **state)
{
    (void)state;
    play((struct rehearsal){
        .settings = CLEAR "smtp_send_dummy_mail_auth = yes\n"
                          "smtp_sasl_password_maps = inline:{other.example=tim:secret}\n",
        SCRIPT(OFFER("PLAIN") ACCEPTED)});
    said("EHLO gw1.maison.mrs\nMAIL FROM:<a@maison.mrs>\n");
    play((struct rehearsal){
        .settings = CLEAR PASSWORD,
        SCRIPT("220 mx.example ESMTP\r\n250 mx.example\r\n" ACCEPTED)});
    said("EHLO gw1.maison.mrs\nMAIL FROM:<a@maison.mrs>\n");
}

/* The sender counts before the host, the host before the next hop. */
static void keys(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = CLEAR
                            "smtp_sasl_password_maps = inline:{x.example=tim:secret}\n",
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said(AS_TIM);
    static const char *const both =
        CLEAR "smtp_sasl_password_maps = inline:{x.example=no:no, mx.example=tim:secret,"
              "a@maison.mrs=bob:bob}\n";
    play((struct rehearsal){.settings = both,
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said(AS_TIM);
    static const char *const by_sender =
        CLEAR "smtp_sender_dependent_authentication = yes\n"
              "smtp_sasl_password_maps = inline:{mx.example=tim:secret,"
              "@maison.mrs=bob:bob}\n";
    play((struct rehearsal){.settings = by_sender,
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said("AUTH PLAIN AGJvYgBib2I=\n");
    play((struct rehearsal){.settings = by_sender,
                            .sender = "c@other.example",
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said(AS_TIM);
    play((struct rehearsal){.settings = CLEAR
                            "smtp_sasl_password_result_delimiter = /\n"
                            "smtp_sasl_password_maps = inline:{mx.example=t:m/secret}\n",
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said("AUTH PLAIN AHQ6bQBzZWNyZXQ=\n");
}

static void refused(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = CLEAR PASSWORD,
                            SCRIPT(OFFER("PLAIN") "535 5.7.8 no\r\n221 bye\r\n")});
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.status[0], "4.7.8");
    assert_string_equal(r.text[0], "SASL authentication failed; server "
                                   "mx.example[192.0.2.25] said: 535 5.7.8 no");
    play(
        (struct rehearsal){.settings = CLEAR PASSWORD "smtp_sasl_auth_soft_bounce = no\n",
                           SCRIPT(OFFER("PLAIN") "535 5.7.8 no\r\n221 bye\r\n")});
    assert_int_equal(r.in_the_end[0], OUTCOME_BOUNCED);
    assert_string_equal(r.status[0], "5.7.8");
    unsaid("MAIL");
}

static void nothing_fits(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = ENABLED PASSWORD, SCRIPT(OFFER("PLAIN LOGIN"))});
    assert_string_equal(r.text[0],
                        "SASL authentication failed; cannot authenticate to server "
                        "mx.example[192.0.2.25]: no mechanism available");
    assert_string_equal(r.status[0], "4.7.0");
    play((struct rehearsal){.settings = CLEAR PASSWORD
                            "smtp_sasl_mechanism_filter = !plain, static:rest\n",
                            SCRIPT(OFFER("PLAIN"))});
    assert_string_equal(r.text[0],
                        "SASL authentication failed: server mx.example[192.0.2.25] "
                        "offered no compatible authentication mechanisms for this type "
                        "of connection security");
    logged("mx.example[192.0.2.25]:25 offered no supported AUTH mechanisms: 'PLAIN'");
    unsaid("AUTH");
}

/* RFC 2195 2; and the words of LOGIN.  No secret comes into the log. */
static void challenges(void **state)
{
    (void)state;
    play((struct rehearsal){
        .settings = ENABLED "smtp_sasl_password_maps = inline:{mx.example=tim:"
                            "tanstaaftanstaaf}\n",
        SCRIPT(OFFER("PLAIN CRAM-MD5") "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9u"
                                       "Lm1jaS5uZXQ+\r\n235 ok\r\n" ACCEPTED)});
    said("AUTH CRAM-MD5\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\nMAIL");
    play((struct rehearsal){
        .settings = CLEAR PASSWORD "smtp_sasl_mechanism_filter = login\n"
                                   "debug_peer_list = 192.0.2.0/24\n",
        SCRIPT(OFFER("PLAIN LOGIN") "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 "
                                    "ok\r\n" ACCEPTED)});
    said("AUTH LOGIN\ndGlt\nc2VjcmV0\nMAIL");
    logged("> mx.example[192.0.2.25]:25: AUTH LOGIN\n");
    assert_null(strstr(str_cstr(&r.log), "c2VjcmV0"));
}

/* A challenge that makes no sense ends the exchange; so does a server that proves
 * nothing. */
static void bad_servers(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = CLEAR PASSWORD,
                            SCRIPT(OFFER("LOGIN") "334 !!\r\n501 cancelled\r\n")});
    said("AUTH LOGIN\n*\n");
    assert_string_equal(r.status[0], "4.7.0");
    assert_string_equal(r.text[0],
                        "SASL authentication failed; cannot authenticate to server "
                        "mx.example[192.0.2.25]: malformed challenge");
    play((struct rehearsal){.settings = ENABLED PASSWORD,
                            SCRIPT(OFFER("SCRAM-SHA-256") "235 trust me\r\n")});
    assert_non_null(strstr(r.text[0], "did not prove"));
    play((struct rehearsal){.settings = CLEAR PASSWORD,
                            SCRIPT(OFFER("PLAIN") "235-half")});
    assert_string_equal(r.text[0], "lost connection with mx.example[192.0.2.25] while "
                                   "performing the EHLO handshake");
    play((struct rehearsal){.settings = CLEAR PASSWORD, SCRIPT(OFFER("") ACCEPTED)});
    logged("mx.example[192.0.2.25]:25 offered null AUTH mechanism list");
}

/* A password is a token only where the list of mechanisms says so. */
static void tokens(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = CLEAR PASSWORD,
                            SCRIPT(OFFER("XOAUTH2 PLAIN") "235 ok\r\n" ACCEPTED)});
    said(AS_TIM);
    play((struct rehearsal){
        .settings = CLEAR PASSWORD "smtp_sasl_mechanism_filter = xoauth2\n",
        SCRIPT(OFFER("XOAUTH2 PLAIN") "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n535 5.7.8 "
                                      "expired\r\n")});
    said("AUTH XOAUTH2 dXNlcj10aW0BYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n\n");
    assert_string_equal(r.status[0], "4.7.8");
}

static void options(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = CLEAR PASSWORD "smtp_send_dummy_mail_auth = yes\n"
                                                       "send_cyrus_sasl_authzid = yes\n",
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said("AUTH PLAIN dGltAHRpbQBzZWNyZXQ=\nMAIL FROM:<a@maison.mrs> AUTH=<>\n");
    static const char *const lmtp =
        "lmtp_sasl_auth_enable = yes\nlmtp_sasl_security_options =\n"
        "lmtp_sasl_password_maps = inline:{mx.example=tim:secret}\n"
        "lmtp_send_dummy_mail_auth = yes\n";
    play((struct rehearsal){.settings = lmtp,
                            .process_name = "lmtp",
                            SCRIPT(OFFER("PLAIN") "235 ok\r\n" ACCEPTED)});
    said("LHLO gw1.maison.mrs\n" AS_TIM "MAIL FROM:<a@maison.mrs> AUTH=<>\n");
}

static int setup(void **state)
{
    (void)state;
    loop_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),        cmocka_unit_test(strangers),
        cmocka_unit_test(keys),         cmocka_unit_test(refused),
        cmocka_unit_test(nothing_fits), cmocka_unit_test(challenges),
        cmocka_unit_test(bad_servers),  cmocka_unit_test(tokens),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
