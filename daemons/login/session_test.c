/* session_test - dialogues before login, over memory */
#include "dialogue.h"

#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define IN_CLEAR "login_tls_auth_only = no\n"

/* The server's lines must be WANT, where "*" at the end of a line stands for the rest. */
static void expect(const char *protocol, const char *settings, const char *input,
                   const char *want)
{
    for (size_t chunk = 0; chunk < 4; chunk++) {
        struct str out = STR_INIT(100000);
        struct dialogue d = {protocol, settings, chunk, view_of(input)};
        struct view rest = view_of(want), got, wanted;
        dialogue_run(&d, &out);
        struct view left = str_view(&out);
        while (view_cut(rest, '\n', &wanted, &rest)) {
            if (!view_cut(left, '\n', &got, &left))
                fail_msg("%s: \"%.*s\" did not come", protocol, VIEW_FMT(wanted));
            got = view_trim(got, VIEW("\r"));
            bool is_open = view_ends(wanted, VIEW("*"));
            struct view start = view_sub(wanted, 0, wanted.n - is_open);
            if (is_open ? !view_starts(got, start) : !view_eq(got, start))
                fail_msg("%s: \"%.*s\" in place of \"%.*s\"", protocol, VIEW_FMT(got),
                         VIEW_FMT(wanted));
        }
        if (left.n > 0)
            fail_msg("%s: more came: \"%.*s\"", protocol, VIEW_FMT(left));
        str_done(&out);
    }
}

static void test_imap(void **state)
{
    (void)state;
    expect("imap", NULL, "a LOGIN jo right\r\nb AUTHENTICATE PLAIN\r\nc LOGOUT\r\n",
           "* OK [CAPABILITY IMAP4rev2 IMAP4rev1 SASL-IR LITERAL+ ID LOGINDISABLED] "
           "gw1.maison.mrs ready.\n"
           "a NO [PRIVACYREQUIRED]*\nb NO [PRIVACYREQUIRED]*\n* BYE Logging out\n"
           "c OK Logout completed.\n");
    expect("imap", IN_CLEAR,
           "a LOGIN jo wrong\r\nb LOGIN {2}\r\njo {5}\r\nright\r\n"
           "c AUTHENTICATE PLAIN AGpvAHJpZ2h0\r\nd AUTHENTICATE PLAIN\r\nAGpvAHdyb25n\r\n"
           "e AUTHENTICATE PLAIN\r\n*\r\nf AUTHENTICATE XYZ\r\n",
           "* OK [CAPABILITY IMAP4rev2 IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN "
           "AUTH=LOGIN]*\n"
           "a NO [AUTHENTICATIONFAILED]*\n+ OK\n+ OK\nb NO [UNAVAILABLE]*\n"
           "c NO [UNAVAILABLE]*\n+ \nd NO [AUTHENTICATIONFAILED]*\n+ \n"
           "e BAD Authentication aborted.\nf NO [CANNOT]*\n");
    expect("imap", IN_CLEAR,
           "a\r\n\r\nb LOGIN\r\nc LOGIN jo\r\nd NOOP x\r\ne LOGIN \"jo\r\n"
           "f STARTTLS\r\ng SELECT INBOX\r\nh ID NIL\r\n",
           "* OK*\na BAD*\n* BAD*\nb BAD*\nc BAD*\nd BAD*\ne BAD*\nf BAD*\ng BAD*\n"
           "* ID (*\nh OK*\n");
}

static void test_pop3(void **state)
{
    (void)state;
    expect("pop3", NULL, "USER jo\r\nPASS right\r\nAUTH PLAIN\r\nSTAT\r\nQUIT\r\n",
           "+OK gw1.maison.mrs ready.\n-ERR [SYS/PERM]*\n-ERR [SYS/PERM]*\n"
           "-ERR [SYS/PERM]*\n-ERR Unknown*\n+OK Logging out\n");
    expect(
        "pop3", IN_CLEAR,
        "PASS right\r\nUSER jo\r\nPASS wrong\r\nPASS right\r\nUSER jo\r\nPASS right\r\n"
        "AUTH\r\nAUTH PLAIN AGpvAHJpZ2h0\r\nUTF8\r\nNOOP\r\nSTLS\r\n",
        "+OK*\n-ERR No user*\n+OK\n-ERR [AUTH]*\n-ERR No user*\n+OK\n-ERR [SYS/TEMP]*\n"
        "+OK\nPLAIN\nLOGIN\n.\n-ERR [SYS/TEMP]*\n+OK*\n+OK\n-ERR TLS*\n");
}

static void test_poppassd(void **state)
{
    (void)state;
    expect("poppassd", NULL, "USER jo\r\nQUIT\r\n", "200*\n500 Passwords*\n200 Bye.\n");
    expect("poppassd", IN_CLEAR,
           "NEWPASS x\r\nUSER jo\r\nPASS wrong\r\nNEWPASS x\r\nNEWPASS x\r\nUSER jo\r\n"
           "PASS right\r\nNEWPASS better\r\nXYZ\r\n",
           "200*\n500 Say*\n200*\n200*\n500 Wrong*\n500 Say*\n200*\n200*\n"
           "200 Password changed*\n500 Unknown*\n");
}

static void test_limits(void **state)
{
    (void)state;
    expect("imap", "login_error_limit = 2\n", "a X\r\nb X\r\nc NOOP\r\n",
           "* OK*\na BAD*\nb BAD*\n* BYE Too many errors.\n");
    expect(
        "pop3", "login_line_length_limit = 512\n",
        "USER xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nNOOP\r\n",
        "+OK*\n-ERR Line too long.\n");
    expect("imap", NULL, "a LOGIN {8193+}\r\n",
           "* OK*\na BAD*\n* BYE Literal too long.\n");
    expect("imap", NULL, "a LOGIN {8193}\r\nb NOOP\r\n", "* OK*\na BAD*\nb OK*\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imap), cmocka_unit_test(test_pop3),
        cmocka_unit_test(test_poppassd), cmocka_unit_test(test_limits)};

    loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
