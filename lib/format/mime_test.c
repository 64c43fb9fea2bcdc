/* mime_test - the structure of messages, limits, faults, downgrading
 *
 * Events are written down as one line each and compared with what Postfix 3.7
 * does on the same input: "H1 Subject: x" a primary header, H2 of a part, H3 of an
 * attached message, "B text" a body line, "=" a boundary.
 */
#include "mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void on_header(void *context, enum mime_class class,
                      const struct header_type *type, struct view text, size_t offset)
{
    (void)type;
    (void)offset;
    str_addf(context, "H%d ", (int)class + 1);
    for (size_t i = 0; i < text.n; i++)
        str_add_char(context, text.p[i] == '\n' ? '~' : text.p[i]);
    str_add_char(context, '\n');
}

static void on_header_end(void *context)
{
    str_add_cstr(context, "HEND\n");
}

static void on_body(void *context, struct view line, bool last, size_t offset)
{
    (void)offset;
    struct str *s = context;
    bool continued = s->n > 0 && s->p[s->n - 1] != '\n';
    if (!continued)
        str_add_cstr(s, "B ");
    str_add(s, line);
    if (last)
        str_add_char(s, '\n');
}

static void on_boundary(void *context, struct view line, bool closing, size_t depth)
{
    (void)line;
    str_addf(context, "=%zu%s\n", depth, closing ? "." : "");
}

static void on_end(void *context)
{
    str_add_cstr(context, "END\n");
}

static void on_fault(void *context, enum mime_fault fault, struct view text)
{
    (void)text;
    str_addf(context, "FAULT %s\n", mime_fault_detail(fault).text);
}

static const struct mime_events events = {on_header,   on_header_end, on_body,
                                          on_boundary, on_end,        on_fault};

/* Feed MESSAGE in chunks of CHUNK bytes. */
static unsigned run(unsigned options, struct mime_limits limits, struct view message,
                    size_t chunk, struct str *log)
{
    str_clear(log);
    struct mime *m = mime_new(options, &limits, &events, log);
    while (message.n > 0) {
        struct view part = view_sub(message, 0, chunk);
        mime_feed(m, part);
        message = view_from(message, part.n);
    }
    unsigned faults = mime_end(m);
    mime_free(m);
    return faults;
}

static void expect(unsigned options, const char *message, const char *want)
{
    static const size_t chunks[] = {1, 7, 100000};
    struct str log = STR_INIT(200000);
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        run(options, MIME_LIMITS_DEFAULT, view_of(message), chunks[i], &log);
        assert_string_equal(str_cstr(&log), want);
    }
    str_done(&log);
}

static void test_plain(void **state)
{
    expect(0, "From: a@b\nSubject: x\n  folded\n\nbody\nFoo: bar\n",
           "H1 From: a@b\nH1 Subject: x~  folded\nHEND\nB \nB body\nB Foo: bar\nEND\n");
    expect(0, "", "HEND\nEND\n");
    expect(0, "Subject: x\n", "H1 Subject: x\nHEND\nEND\n");
    expect(0, "\nbody", "HEND\nB \nB body\nEND\n");
    expect(0, "Subject: x\nno blank line\n",
           "H1 Subject: x\nHEND\nB \nB no blank line\nEND\n");
    (void)state;
}

/* S070: the course's multipart/alternative, with its remark behind a boundary. */
static void test_course_alternative(void **state)
{
    expect(0,
           "MIME-Version: 1.0\n"
           "Content-Type: multipart/alternative;\n"
           "         boundary=\"----=_NextPart_000_0031_01BFBB27.4D9A74F0\"\n"
           "\n"
           "C'est un message de format MIME en plusieurs parties.\n"
           "\n"
           "------=_NextPart_000_0031_01BFBB27.4D9A74F0  Premi\xc3\xa8re balise\n"
           "Content-Type: text/plain;\n"
           "        charset=\"iso-8859-1\"\n"
           "Content-Transfer-Encoding: 8bit\n"
           "\n"
           "Ici\n"
           "------=_NextPart_000_0031_01BFBB27.4D9A74F0--  Derni\xc3\xa8re balise.\n",
           "H1 MIME-Version: 1.0\n"
           "H1 Content-Type: multipart/alternative;~         "
           "boundary=\"----=_NextPart_000_0031_01BFBB27.4D9A74F0\"\n"
           "HEND\n"
           "B \n"
           "B C'est un message de format MIME en plusieurs parties.\n"
           "B \n"
           "=1\n"
           "B ------=_NextPart_000_0031_01BFBB27.4D9A74F0  Premi\xc3\xa8re balise\n"
           "H2 Content-Type: text/plain;~        charset=\"iso-8859-1\"\n"
           "H2 Content-Transfer-Encoding: 8bit\n"
           "B \n"
           "B Ici\n"
           "=1.\n"
           "B ------=_NextPart_000_0031_01BFBB27.4D9A74F0--  Derni\xc3\xa8re balise.\n"
           "END\n");
    (void)state;
}

/* S197, S199: the shape of a delivery report. */
static void test_report(void **state)
{
    expect(0,
           "Content-Type: multipart/report; "
           "boundary=\"61D3F800081.1052662017/gw1.maison.mrs\"\n"
           "\n"
           "--61D3F800081.1052662017/gw1.maison.mrs\n"
           "Content-Type: message/delivery-status\n"
           "\n"
           "Reporting-MTA: dns; gw1.maison.mrs\n"
           "\n"
           "--61D3F800081.1052662017/gw1.maison.mrs\n"
           "Content-Type: message/rfc822\n"
           "\n"
           "Subject: test distant\n"
           "\n"
           "re re coucou\n"
           "--61D3F800081.1052662017/gw1.maison.mrs--\n",
           "H1 Content-Type: multipart/report; "
           "boundary=\"61D3F800081.1052662017/gw1.maison.mrs\"\n"
           "HEND\nB \n=1\n"
           "B --61D3F800081.1052662017/gw1.maison.mrs\n"
           "H2 Content-Type: message/delivery-status\n"
           "B \nB Reporting-MTA: dns; gw1.maison.mrs\nB \n=1\n"
           "B --61D3F800081.1052662017/gw1.maison.mrs\n"
           "H2 Content-Type: message/rfc822\n"
           "B \nH3 Subject: test distant\nB \nB re re coucou\n=1.\n"
           "B --61D3F800081.1052662017/gw1.maison.mrs--\nEND\n");
    (void)state;
}

static void test_nested_parts(void **state)
{
    expect(0,
           "Content-Type: multipart/mixed; boundary=b1\n\npre\n--b1\n"
           "Content-Type: multipart/alternative; boundary=in\n\n--in\n\nplain\n--in\n"
           "not a header\n--in--\nepi\n--b1\nContent-Type: text/html\n--b1--\nend\nNot: "
           "header\n",
           "H1 Content-Type: multipart/mixed; boundary=b1\nHEND\nB \nB pre\n=1\nB --b1\n"
           "H2 Content-Type: multipart/alternative; boundary=in\nB \n=2\nB --in\nB \nB "
           "plain\n"
           "=2\nB --in\nB not a header\n=2.\nB --in--\nB epi\n=1\nB --b1\n"
           "H2 Content-Type: text/html\n=1.\nB --b1--\nB end\nB Not: header\nEND\n");
    /* An outer boundary ends the inner parts that were not closed. */
    expect(
        0,
        "Content-Type: multipart/mixed; boundary=o\n\n--o\n"
        "Content-Type: multipart/mixed; boundary=i\n\n--i\n\n--o\nA: b\n\n--i\n--o--\n",
        "H1 Content-Type: multipart/mixed; boundary=o\nHEND\nB \n=1\nB --o\n"
        "H2 Content-Type: multipart/mixed; boundary=i\nB \n=2\nB --i\nB \n=1\nB --o\n"
        "H2 A: b\nB \nB --i\n=1.\nB --o--\nEND\n");
    (void)state;
}

static void test_digest(void **state)
{
    expect(
        0,
        "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in "
        "digest\n\ntext\n"
        "--d\nContent-Type: text/plain\n\nFoo: bar\n--d--\n",
        "H1 Content-Type: multipart/digest; boundary=d\nHEND\nB \n=1\nB --d\nB \n"
        "H3 Subject: in digest\nB \nB text\n=1\nB --d\nH2 Content-Type: text/plain\nB \n"
        "B Foo: bar\n=1.\nB --d--\nEND\n");
    (void)state;
}

static void test_disabled(void **state)
{
    expect(MIME_DISABLE,
           "Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n\n--b--\n",
           "H1 Content-Type: multipart/mixed; boundary=b\nHEND\nB \nB --b\nB A: b\nB \nB "
           "--b--\n"
           "END\n");
    (void)state;
}

static void test_faults(void **state)
{
    expect(MIME_REPORT_8BIT_BODY, "Subject: \xc3\xa9\n\n\xc3\xa9\n\xc3\xa9\n",
           "H1 Subject: \xc3\xa9\nHEND\nB \n"
           "FAULT improper use of 8-bit data in message body\nB \xc3\xa9\nB "
           "\xc3\xa9\nEND\n");
    expect(MIME_REPORT_8BIT_BODY, "Content-Transfer-Encoding: 8bit\n\n\xc3\xa9\n",
           "H1 Content-Transfer-Encoding: 8bit\nHEND\nB \nB \xc3\xa9\nEND\n");
    expect(MIME_REPORT_8BIT_HEADER, "Subject: \xc3\xa9\n\n",
           "FAULT improper use of 8-bit data in message header\nH1 Subject: \xc3\xa9\n"
           "HEND\nB \nEND\n");
    expect(MIME_REPORT_ENCODING,
           "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nA: b\n",
           "H1 Content-Type: message/rfc822\nH1 Content-Transfer-Encoding: base64\nHEND\n"
           "FAULT invalid message/* or multipart/* encoding domain\nB \nH3 A: b\nEND\n");
    (void)state;
}

static void test_nesting_limit(void **state)
{
    struct str message = STR_INIT(10000);
    struct str log = STR_INIT(100000);
    str_add_cstr(&message, "Content-Type: multipart/mixed; boundary=b0\n\n");
    for (int i = 0; i < 8; i++)
        str_addf(&message, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i,
                 i + 1);
    str_add_cstr(&message, "--b8\nX: y\n");
    struct mime_limits limits = MIME_LIMITS_DEFAULT;
    limits.nesting = 3;
    unsigned faults = run(MIME_REPORT_NESTING, limits, str_view(&message), 50, &log);
    assert_int_equal(faults, MIME_FAULT_NESTING);
    assert_non_null(strstr(str_cstr(&log),
                           "=5\nB --b4\nH2 Content-Type: multipart/mixed; "
                           "boundary=b5\nFAULT MIME nesting exceeds"));
    assert_non_null(strstr(str_cstr(&log), "B --b8\nB X: y\n"));
    assert_string_equal(mime_fault_detail(faults).status, "5.6.0");
    str_done(&message);
    str_done(&log);
    (void)state;
}

static void test_header_limit(void **state)
{
    struct str log = STR_INIT(100000);
    struct mime_limits limits = MIME_LIMITS_DEFAULT;
    limits.header = 20;
    unsigned faults =
        run(MIME_REPORT_LONG_HEADER, limits,
            VIEW("Subject: a\n 456789012345678901234567890\nX: y\n\nbody\n"), 9, &log);
    assert_int_equal(faults, MIME_FAULT_LONG_HEADER);
    assert_string_equal(str_cstr(&log),
                        "FAULT message header length exceeds safety limit\n"
                        "H1 Subject: a~ 45678901\nH1 X: y\nHEND\nB \nB body\nEND\n");
    str_done(&log);
    (void)state;
}

static void test_boundary_limit(void **state)
{
    struct str log = STR_INIT(1000);
    struct mime_limits limits = MIME_LIMITS_DEFAULT;
    limits.boundary = 4;
    run(0, limits,
        VIEW("Content-Type: multipart/mixed; boundary=abcdefgh\n\n--abcdXX\n\nx\n"), 99,
        &log);
    assert_non_null(strstr(str_cstr(&log), "=1\nB --abcdXX\n"));
    str_done(&log);
    (void)state;
}

/* S031: 8bit parts become quoted-printable, composite ones say 7bit, others stay. */
static void test_downgrade(void **state)
{
    expect(
        MIME_DOWNGRADE,
        "Content-Type: multipart/mixed; boundary=q\nContent-Transfer-Encoding: 8bit\n\n"
        "--q\nContent-Transfer-Encoding: 8bit\nContent-Type: text/plain; "
        "charset=iso-8859-1\n\n"
        "\xe9\xe8=\xe0 \n\n--q\nContent-Transfer-Encoding: base64\n\nw6k=\n"
        "--q\nContent-Transfer-Encoding: binary\nContent-Type: message/rfc822\n\n"
        "Subject: \xe9\nContent-Transfer-Encoding: 8bit\n\n\xe9\n--q--\n",
        "H1 Content-Type: multipart/mixed; boundary=q\nH1 Content-Transfer-Encoding: "
        "7bit\n"
        "HEND\nB \n=1\nB --q\nH2 Content-Type: text/plain; charset=iso-8859-1\n"
        "H2 Content-Transfer-Encoding: quoted-printable\nB \nB =E9=E8=3D=E0=20\nB "
        "\n=1\nB --q\n"
        "H2 Content-Transfer-Encoding: base64\nB \nB w6k=\n=1\nB --q\n"
        "H2 Content-Type: message/rfc822\nH2 Content-Transfer-Encoding: 7bit\nB \n"
        "H3 Subject: \xe9\nH3 Content-Transfer-Encoding: quoted-printable\nB \nB =E9\n"
        "=1.\nB --q--\nEND\n");
    (void)state;
}

static void test_downgrade_long_line(void **state)
{
    struct str message = STR_INIT(20000);
    struct str log = STR_INIT(100000);
    str_add_cstr(&message, "Content-Transfer-Encoding: 8bit\n\n");
    for (int i = 0; i < 3000; i++)
        str_add_char(&message, i % 10 == 0 ? '\xe9' : 'a');
    str_add_cstr(&message, "\nend\n");
    run(MIME_DOWNGRADE, MIME_LIMITS_DEFAULT, str_view(&message), 1000, &log);
    struct view rest = str_view(&log);
    struct view line;
    while (view_token(&rest, VIEW("\n"), &line))
        assert_true(line.n <= 78); /* "B " and 76 */
    assert_true(view_is_ascii(str_view(&log)));
    assert_non_null(strstr(str_cstr(&log), "a\nB end\nEND\n"));
    str_done(&message);
    str_done(&log);
    (void)state;
}

static void test_content_type(void **state)
{
    struct str buffer = STR_INIT(1000);
    struct content_type t;
    assert_true(content_type_parse(
        VIEW(" Multipart/Mixed (c;o=m) ; charset=utf-8;\n\tBOUNDARY=\"a "
             "\\\"b\" ; x ; name = foo.txt; format=flowed"),
        &buffer, &t));
    assert_true(content_type_is(&t, "multipart", "mixed"));
    assert_true(content_type_is(&t, "multipart", NULL));
    assert_true(view_eq(t.boundary, VIEW("a \"b")));
    assert_true(view_eq(t.charset, VIEW("utf-8")));
    assert_true(view_eq(t.name, VIEW("foo.txt")));
    assert_true(view_eq(t.format, VIEW("flowed")));
    str_clear(&buffer);
    assert_true(
        content_type_parse(VIEW("text/plain; boundary=----=_Part:1/x"), &buffer, &t));
    assert_true(view_eq(t.boundary, VIEW("----=_Part:1/x")));
    assert_false(content_type_parse(VIEW("text"), &buffer, &t));
    assert_false(content_type_parse(VIEW("/plain"), &buffer, &t));
    assert_false(content_type_parse(VIEW(""), &buffer, &t));
    str_done(&buffer);
    (void)state;
}

static void expect_parameter(const char *body, const char *name, const char *value)
{
    struct str out = STR_INIT(1000);
    bool found = mime_parameter(view_of(body), view_of(name), &out);
    assert_int_equal(found, value != NULL);
    if (value)
        assert_string_equal(str_cstr(&out), value);
    str_done(&out);
}

static void test_parameter(void **state)
{
    expect_parameter("inline;\n filename=\"LISTtelephon.doc\"", "filename",
                     "LISTtelephon.doc");
    expect_parameter("attachment; filename*=iso-8859-1'fr'%e9t%E9.txt", "filename",
                     "\xc3\xa9t\xc3\xa9.txt");
    expect_parameter("a; title*0*=us-ascii'en'This%20is; title*1=\" \\\"fun\\\"\"",
                     "title", "This is \"fun\"");
    expect_parameter("a; title*0=abc; title*1=def", "title", "abcdef");
    expect_parameter("a; b=c", "title", NULL);
    expect_parameter("a; filename*=nocharset", "filename", NULL);
    (void)state;
}

static void test_encoding(void **state)
{
    assert_int_equal(mime_encoding_parse(VIEW(" 8BIT")), MIME_ENCODING_8BIT);
    assert_int_equal(mime_encoding_parse(VIEW("quoted-printable Mais, ce n'est pas")),
                     MIME_ENCODING_QUOTED_PRINTABLE);
    assert_int_equal(mime_encoding_parse(VIEW("(x) base64")), MIME_ENCODING_BASE64);
    assert_int_equal(mime_encoding_parse(VIEW("x-uuencode")), MIME_ENCODING_UNKNOWN);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_course_alternative),
        cmocka_unit_test(test_report),       cmocka_unit_test(test_nested_parts),
        cmocka_unit_test(test_digest),       cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_faults),       cmocka_unit_test(test_nesting_limit),
        cmocka_unit_test(test_header_limit), cmocka_unit_test(test_boundary_limit),
        cmocka_unit_test(test_downgrade),    cmocka_unit_test(test_downgrade_long_line),
        cmocka_unit_test(test_content_type), cmocka_unit_test(test_parameter),
        cmocka_unit_test(test_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
