/* write_test - strings, envelopes and body structures as clients get them */
#include "write.h"

#include "fetch.h"
#include "test_kit.h"

static struct str out = STR_INIT(1 << 20);

#define EXPECT(call, want)                                                               \
    do {                                                                                 \
        str_clear(&out);                                                                 \
        assert_true(call);                                                               \
        assert_string_equal(str_cstr(&out), want);                                       \
    } while (0)

static void test_strings(void **state)
{
    (void)state;
    EXPECT(imap_write_astring(VIEW("atom"), &out), "atom");
    EXPECT(imap_write_astring(VIEW(""), &out), "\"\"");
    EXPECT(imap_write_astring(VIEW("nil"), &out), "\"nil\"");
    EXPECT(imap_write_astring(VIEW("a b"), &out), "\"a b\"");
    EXPECT(imap_write_string(VIEW("a\"b\\c"), &out), "\"a\\\"b\\\\c\"");
    EXPECT(imap_write_string(VIEW("a\r\nb"), &out), "{4}\r\na\r\nb");
    EXPECT(imap_write_string(VIEW("\xc3\xa9"), &out), "{2}\r\n\xc3\xa9");
    EXPECT(imap_write_string(VIEW("a\0b"), &out), "{2}\r\nab");
    EXPECT(imap_write_nstring(VIEW_NONE, &out), "NIL");
    EXPECT(imap_write_nstring(VIEW(""), &out), "\"\"");
    EXPECT(imap_write_literal(VIEW("abc"), true, &out), "~{3}\r\nabc");
    char longer[1002];
    memset(longer, 'x', sizeof longer);
    str_clear(&out);
    assert_true(imap_write_astring((struct view){longer, sizeof longer}, &out));
    assert_true(view_starts(str_view(&out), VIEW("{1002}\r\nxx")));
}

static void test_mailboxes(void **state)
{
    (void)state;
    EXPECT(imap_write_mailbox(VIEW("INBOX"), false, &out), "INBOX");
    EXPECT(imap_write_mailbox(VIEW("Envoy\xc3\xa9s"), false, &out), "Envoy&AOk-s");
    EXPECT(imap_write_mailbox(VIEW("Envoy\xc3\xa9s"), true, &out), "\"Envoy\xc3\xa9s\"");
    EXPECT(imap_write_mailbox(VIEW("a&b c"), false, &out), "\"a&-b c\"");
}

static void test_dates(void **state)
{
    (void)state;
    EXPECT(imap_write_date_time(837596665, -420, &out), "\"17-Jul-1996 02:44:25 -0700\"");
    EXPECT(imap_write_date_time(0, 90, &out), "\"01-Jan-1970 01:30:00 +0130\"");
    EXPECT(imap_write_date_time(INT64_MAX, 0, &out), "\"31-Dec-9999 23:59:59 +0000\"");
    EXPECT(imap_write_date_time(INT64_MIN, -1, &out), "\"01-Jan-0001 00:00:00 -0001\"");
}

static void test_flags(void **state)
{
    (void)state;
    struct view keywords[] = {VIEW("$Junk"), VIEW("x")};
    EXPECT(imap_write_flags(0, NULL, 0, &out), "()");
    EXPECT(imap_write_flags(IMAP_FLAG_SEEN | IMAP_FLAG_RECENT, keywords, 2, &out),
           "(\\Seen \\Recent $Junk x)");
    EXPECT(imap_write_permanent_flags(IMAP_FLAG_DRAFT, keywords, 1, &out),
           "(\\Draft $Junk \\*)");
}

static void expect_envelope(const char *header, const char *want)
{
    str_clear(&out);
    assert_true(imap_write_envelope(view_of(header), &out));
    assert_string_equal(str_cstr(&out), want);
}

static void test_envelope(void **state)
{
    (void)state;
    expect_envelope("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    expect_envelope("Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\n"
                    "From: Fred Foobar <foobar@Blurdybloop.example>\n"
                    "Subject: afternoon\n meeting\n"
                    "To: mooch@owatagu.siam.edu.example, \"J. \\\"Q\\\"\" <q@x>\n"
                    "Message-Id: <B27397-0100000@Blurdybloop.example>\n\n",
                    "(\"Mon, 7 Feb 1994 21:52:25 -0800 (PST)\" \"afternoon meeting\" "
                    "((\"Fred Foobar\" NIL \"foobar\" \"Blurdybloop.example\")) "
                    "((\"Fred Foobar\" NIL \"foobar\" \"Blurdybloop.example\")) "
                    "((\"Fred Foobar\" NIL \"foobar\" \"Blurdybloop.example\")) "
                    "((NIL NIL \"mooch\" \"owatagu.siam.edu.example\")"
                    "(\"J. \\\"Q\\\"\" NIL \"q\" \"x\")) "
                    "NIL NIL NIL \"<B27397-0100000@Blurdybloop.example>\")");
    expect_envelope("Subject:\nFrom: root (Charlie Root)\nSender: s@x\nReply-To: \n",
                    "(NIL \"\" ((\"Charlie Root\" NIL \"root\" \"\")) "
                    "((NIL NIL \"s\" \"x\")) ((\"Charlie Root\" NIL \"root\" \"\")) "
                    "NIL NIL NIL NIL NIL)");
    expect_envelope("To: a@x\nSubject: s\nTo: b@y\nCc: c@z\n",
                    "(NIL \"s\" NIL NIL NIL ((NIL NIL \"a\" \"x\")(NIL NIL \"b\" \"y\")) "
                    "((NIL NIL \"c\" \"z\")) NIL NIL NIL)");
    expect_envelope("To: undisclosed-recipients:;\n"
                    "Cc: a@x, My list: b@x, c@x;, Empty:;, d@x\n",
                    "(NIL NIL NIL NIL NIL "
                    "((NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)) "
                    "((NIL NIL \"a\" \"x\")(NIL NIL \"My list\" NIL)(NIL NIL \"b\" \"x\")"
                    "(NIL NIL \"c\" \"x\")(NIL NIL NIL NIL)(NIL NIL \"Empty\" NIL)"
                    "(NIL NIL NIL NIL)(NIL NIL \"d\" \"x\")) NIL NIL NIL)");
    /* 8-bit bytes and encoded words go out as they are. */
    expect_envelope(
        "From: =?utf-8?Q?Andr=C3=A9?= <a@x>\nSubject: \xe9t\xe9\n",
        "(NIL {3}\r\n\xe9t\xe9 "
        "((\"=?utf-8?Q?Andr=C3=A9?=\" NIL \"a\" \"x\")) "
        "((\"=?utf-8?Q?Andr=C3=A9?=\" NIL \"a\" \"x\")) "
        "((\"=?utf-8?Q?Andr=C3=A9?=\" NIL \"a\" \"x\")) NIL NIL NIL NIL NIL)");
}

static void expect_body(const char *message, bool extended, const char *want)
{
    struct message_part *root =
        message_parse(arena, view_of(message), &MESSAGE_LIMITS_DEFAULT);
    str_clear(&out);
    assert_true(imap_write_body(view_of(message), root, extended, &out));
    assert_string_equal(str_cstr(&out), want);
}

static void test_single(void **state)
{
    (void)state;
    expect_body("Subject: x\n\na\nb\n", false,
                "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2)");
    expect_body("Subject: x\n\na\nb\n", true,
                "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2 "
                "NIL NIL NIL NIL)");
    /* S075 */
    expect_body(
        "Content-Type: image/png; name=\"a b.png\"\n"
        "Content-Transfer-Encoding: base64\n"
        "Content-ID: <i@x>\n"
        "Content-Description: a\n picture\n"
        "Content-MD5: abc=\n"
        "Content-Language: en, fr-CA\n"
        "Content-Location: p.png\n"
        "Content-Disposition: inline; filename=p.png; size=4\n\n"
        "QUJD\n",
        true,
        "(\"image\" \"png\" (\"name\" \"a b.png\") \"<i@x>\" \"a picture\" "
        "\"base64\" 6 \"abc=\" (\"inline\" (\"filename\" \"p.png\" \"size\" \"4\")) "
        "(\"en\" \"fr-CA\") \"p.png\")");
}

/* RFC 2231 6: what was written in pieces is one parameter. */
static void test_segments(void **state)
{
    (void)state;
    expect_body(
        "Content-Type: image/png; NAME*1=\" b.p\"; name*0=a; size=1; name*2=ng\n\n",
        false,
        "(\"image\" \"png\" (\"name\" \"a b.png\" \"size\" \"1\") NIL NIL "
        "\"7bit\" 0)");
    expect_body("Content-Type: image/png; name*0*=utf-8''%C3%A9; name*1=\"100%\"\n\n",
                false,
                "(\"image\" \"png\" (\"name*\" \"utf-8''%C3%A9100%25\") NIL NIL "
                "\"7bit\" 0)");
    expect_body("Content-Type: image/png; name*0=a; name*1*=%20b\n\n", false,
                "(\"image\" \"png\" (\"name*\" \"''a%20b\") NIL NIL \"7bit\" 0)");
    /* No first piece; a name of its own kind; an encoded value in one piece. */
    expect_body("Content-Type: image/png; name*1=b; x*y=c; z*=us-ascii''d\n\n", false,
                "(\"image\" \"png\" (\"name*1\" \"b\" \"x*y\" \"c\" \"z*\" "
                "\"us-ascii''d\") NIL NIL \"7bit\" 0)");
}

/* S068, S069, S070 */
static void test_multipart(void **state)
{
    (void)state;
    const char *message =
        "Content-Type: multipart/mixed; boundary=x\n\n"
        "C'est un message de format MIME en plusieurs parties.\n"
        "--x\n"
        "Content-Type: multipart/alternative; boundary=y\n\n"
        "--y\n\nplain\n--y\n"
        "Content-Type: text/html; charset=iso-8859-1\n\n<p>\n\n--y--\n\n"
        "--x\n"
        "Content-Type: application/pdf\n"
        "Content-Disposition: attachment\n\nJVBER\n--x--\n";
    expect_body(
        message, false,
        "(((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 0)"
        "(\"text\" \"html\" (\"charset\" \"iso-8859-1\") NIL NIL \"7bit\" 5 1) "
        "\"alternative\")(\"application\" \"pdf\" NIL NIL NIL \"7bit\" 5) \"mixed\")");
    expect_body("Content-Type: multipart/mixed; boundary=x\nContent-Language: de\n\n"
                "--x\nContent-Type: a/b\nContent-Disposition: attachment\n\n--x--\n",
                true,
                "((\"a\" \"b\" NIL NIL NIL \"7bit\" 0 NIL (\"attachment\" NIL) NIL NIL) "
                "\"mixed\" (\"boundary\" \"x\") NIL (\"de\") NIL)");
    expect_body("Content-Type: multipart/mixed; boundary=x\n\n", false,
                "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) "
                "\"mixed\")");
}

static void test_embedded(void **state)
{
    (void)state;
    expect_body("Content-Type: message/rfc822\n\nSubject: in\n\nbody\n", true,
                "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 21 "
                "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
                "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1 "
                "NIL NIL NIL NIL) 3 NIL NIL NIL NIL)");
}

static void test_full(void **state)
{
    (void)state;
    struct str small = STR_INIT(20);
    assert_false(imap_write_envelope(VIEW("Subject: x\n"), &small));
    str_done(&small);
}

static int teardown(void **state)
{
    str_done(&out);
    return kit_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_dates),    cmocka_unit_test(test_flags),
        cmocka_unit_test(test_envelope), cmocka_unit_test(test_single),
        cmocka_unit_test(test_segments), cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_embedded), cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, kit_setup, teardown);
}
