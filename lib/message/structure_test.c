/* structure_test - the tree of parts: what is there, and what is broken */
#include "message/structure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct message_part *parse(struct view message)
{
    return message_parse(arena, message, &MESSAGE_LIMITS_DEFAULT);
}

/* "multipart/mixed(text/plain text/html)" */
static void describe(const struct message_part *part, struct str *out)
{
    str_addf(out, "%.*s/%.*s", VIEW_FMT(part->type), VIEW_FMT(part->subtype));
    if (part->child == NULL)
        return;
    str_add_char(out, '(');
    for (const struct message_part *c = part->child; c; c = c->next) {
        describe(c, out);
        if (c->next)
            str_add_char(out, ' ');
    }
    str_add_char(out, ')');
}

static void expect_tree(struct view message, const char *want)
{
    struct str out = STR_INIT(10000);
    describe(parse(message), &out);
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void assert_view(struct view v, const char *want)
{
    assert_int_equal(v.n, strlen(want));
    assert_true(view_eq(v, view_of(want)));
}

#define ALTERNATIVE                                                                      \
    "From: jdoe@maison.mrs\n"                                                            \
    "Content-Type: multipart/alternative;\n boundary=\"cut here\"\n"                     \
    "\n"                                                                                 \
    "C'est un message de format MIME en plusieurs parties.\n"                            \
    "--cut here\n"                                                                       \
    "Content-Type: text/plain; charset=iso-8859-1\n"                                     \
    "Content-Transfer-Encoding: quoted-printable\n"                                      \
    "\n"                                                                                 \
    "d=E9j=E0 vu\n"                                                                      \
    "\n"                                                                                 \
    "--cut here\n"                                                                       \
    "Content-Type: text/html\n"                                                          \
    "\n"                                                                                 \
    "<p>x</p>\n"                                                                         \
    "--cut here--\n"                                                                     \
    "epilogue\n"

/* S068, S070, S071: parts of an alternative; the preamble belongs to none. */
static void test_alternative(void **state)
{
    (void)state;
    struct view message = VIEW(ALTERNATIVE);
    struct message_part *root = parse(message);
    expect_tree(message, "multipart/alternative(text/plain text/html)");
    struct message_part *plain = root->child;
    assert_view(message_part_body(message, plain), "d=E9j=E0 vu\n");
    assert_int_equal(plain->body_size.bytes, 13);
    assert_int_equal(plain->body_size.lines, 1);
    assert_int_equal(plain->encoding, MIME_ENCODING_QUOTED_PRINTABLE);
    assert_view(message_parameter_find(plain->parameters, VIEW("Charset")), "iso-8859-1");
    struct message_part *html = plain->next;
    assert_view(message_part_body(message, html), "<p>x</p>");
    assert_int_equal(html->body_size.lines, 0);
    assert_view(message_part_header(message, html), "Content-Type: text/html\n\n");
    assert_int_equal(html->header_size.bytes, 27);
    assert_null(html->next);
    assert_int_equal(root->end, message.n);
    assert_int_equal(root->header_size.bytes + root->body_size.bytes,
                     message_size_of(message).bytes);
}

/* The same message with CR LF has the same sizes. */
static void test_crlf(void **state)
{
    (void)state;
    struct str crlf = STR_INIT(10000);
    assert_true(message_add_crlf(VIEW(ALTERNATIVE), &crlf));
    struct message_part *a = parse(VIEW(ALTERNATIVE))->child;
    struct message_part *b = parse(str_view(&crlf))->child;
    for (; a && b; a = a->next, b = b->next) {
        assert_int_equal(a->body_size.bytes, b->body_size.bytes);
        assert_int_equal(a->body_size.lines, b->body_size.lines);
        assert_int_equal(a->header_size.bytes, b->header_size.bytes);
    }
    assert_null(a);
    assert_null(b);
    str_done(&crlf);
}

static void test_fields(void **state)
{
    (void)state;
    struct message_part *part =
        parse(VIEW("Content-Type: application/pdf; name=\"a\\\"b.pdf\"; x*0*=utf-8''%c3; "
                   "x*1*=%a9\n"
                   "content-transfer-encoding: BASE64 (c)\n"
                   "Content-ID: <1@b>\n"
                   "Content-Description: a\n b\n"
                   "Content-MD5: Q2hlY2s=\n"
                   "Content-Language: en, fr\n"
                   "Content-Location: http://x/\n"
                   "Content-Disposition: attachment; filename=x.pdf; size=3\n"
                   "\n"));
    assert_true(message_part_is(part, "APPLICATION", "pdf"));
    assert_view(part->parameters->value, "a\"b.pdf");
    assert_view(part->parameters->next->name, "x*0*");
    assert_view(part->parameters->next->value, "utf-8''%c3");
    assert_view(part->encoding_name, "BASE64");
    assert_int_equal(part->encoding, MIME_ENCODING_BASE64);
    assert_view(part->id, "<1@b>");
    assert_view(part->description, "a\n b");
    assert_view(part->md5, "Q2hlY2s=");
    assert_view(part->language, "en, fr");
    assert_view(part->location, "http://x/");
    assert_view(part->disposition, "attachment");
    assert_view(part->disposition_parameters->next->value, "3");
    struct str text = STR_INIT(100);
    assert_true(message_parameter_text(part->content_type, VIEW("x"), &text));
    assert_string_equal(str_cstr(&text), "\xc3\xa9");
    str_done(&text);
}

/* S069, S075: names of attachments, and which parts are some. */
static void test_attachments(void **state)
{
    (void)state;
    static const struct {
        const char *header, *name;
        bool attached;
    } rows[] = {
        {"Content-Type: application/pdf\nContent-Disposition: inline; filename=a.pdf",
         "a.pdf", true},
        {"Content-Type: image/png; name=i.png\nContent-Disposition: inline", "i.png",
         false},
        {"Content-Type: image/png\nContent-Disposition: attachment", NULL, true},
        {"Content-Type: text/plain\nContent-Disposition: inline", NULL, false},
        {"Content-Type: text/plain; name=notes.txt", "notes.txt", true},
        {"Content-Type: text/plain", NULL, false},
        {"Content-Type: application/octet-stream", NULL, true},
        {"Content-Disposition: attachment; filename*=iso-8859-1''%e9t%e9.txt",
         "\xc3\xa9t\xc3\xa9.txt", true},
        {"Content-Disposition: attachment; filename=\"=?utf-8?Q?=C3=A9.txt?=\"",
         "\xc3\xa9.txt", true},
        {"Content-Disposition: form-data", NULL, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message_part *part = parse(view_of(rows[i].header));
        struct str name = STR_INIT(100);
        assert_int_equal(message_part_is_attachment(part), rows[i].attached);
        assert_int_equal(message_part_filename(part, &name), rows[i].name != NULL);
        if (rows[i].name)
            assert_string_equal(str_cstr(&name), rows[i].name);
        str_done(&name);
    }
}

#define FORWARD                                                                          \
    "Content-Type: multipart/mixed; boundary=outer\n\n"                                  \
    "--outer\n\n"                                                                        \
    "see below\n"                                                                        \
    "--outer\n"                                                                          \
    "Content-Type: message/rfc822\n\n"                                                   \
    "Subject: inner\n"                                                                   \
    "Content-Type: multipart/mixed; boundary=outer-2\n\n"                                \
    "--outer-2\n"                                                                        \
    "Content-Type: text/x-one\n\n1\n"                                                    \
    "--outer-2\n"                                                                        \
    "Content-Type: text/x-two\n\n2\n"                                                    \
    "--outer-2--\n"                                                                      \
    "--outer\n"                                                                          \
    "Content-Type: message/rfc822\n\n"                                                   \
    "Subject: simple\n\nbody\n"                                                          \
    "--outer--\n"

static void expect_part(const struct message_part *root, struct view message,
                        const char *body, size_t count, const uint32_t *numbers)
{
    const struct message_part *part = message_part_find(root, numbers, count);
    if (body == NULL) {
        assert_null(part);
        return;
    }
    assert_non_null(part);
    assert_view(message_part_body(message, part), body);
}
#define EXPECT_PART(body, ...)                                                           \
    expect_part(root, message, body,                                                     \
                sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                    \
                (uint32_t[]){__VA_ARGS__})

static void test_nested(void **state)
{
    (void)state;
    struct view message = VIEW(FORWARD);
    struct message_part *root = parse(message);
    expect_tree(message, "multipart/mixed(text/plain "
                         "message/rfc822(multipart/mixed(text/x-one text/x-two)) "
                         "message/rfc822(text/plain))");
    EXPECT_PART("see below", 1);
    EXPECT_PART("1", 2, 1);
    EXPECT_PART("2", 2, 2);
    EXPECT_PART(NULL, 2, 3);
    EXPECT_PART("Subject: simple\n\nbody", 3);
    EXPECT_PART("body", 3, 1);
    EXPECT_PART(NULL, 3, 2);
    EXPECT_PART(NULL, 3, 1, 1);
    EXPECT_PART(NULL, 4);
    EXPECT_PART(NULL, 0);
    assert_ptr_equal(message_part_find(root, NULL, 0), root);
    struct message_part *forwarded = root->child->next;
    assert_int_equal(forwarded->child->header, forwarded->body);
    assert_int_equal(forwarded->body_size.bytes, forwarded->child->header_size.bytes +
                                                     forwarded->child->body_size.bytes);
}

static void test_single(void **state)
{
    (void)state;
    struct view message = VIEW("Subject: x\n\nbody\n");
    struct message_part *root = parse(message);
    EXPECT_PART("body\n", 1);
    EXPECT_PART(NULL, 2);
    EXPECT_PART(NULL, 1, 1);
    assert_int_equal(root->body_size.bytes, 6);
    message = VIEW("Content-Type: message/rfc822\n\nA: b\n\ninner\n");
    root = parse(message);
    EXPECT_PART("A: b\n\ninner\n", 1);
    EXPECT_PART("inner\n", 1, 1);
}

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *message, *tree;
    } rows[] = {
        {"", "text/plain"},
        {"Subject: x", "text/plain"},
        {"Content-Type: text\n\nx", "text/plain"},
        {"Content-Type: ;x\n\nx", "text/plain"},
        {"Content-Type: multipart/mixed\n\n--\n", "text/plain"},
        {"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n", "text/plain"},
        {"Content-Type: multipart/mixed; boundary=a\n\nx\n", "multipart/mixed"},
        /* The closing delimiter, and the last line end, are missing. */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx",
         "multipart/mixed(text/plain)"},
        /* The header of a part ends with a delimiter. */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: "
         "text/html\n--a\n",
         "multipart/mixed(text/html text/plain)"},
        {"Content-Type: multipart/mixed; boundary=a\n--a\n\nx\n", "multipart/mixed"},
        /* An inner multipart is ended by the outer delimiter. */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\n"
         "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a\n\ny\n",
         "multipart/mixed(multipart/mixed(text/plain) text/plain)"},
        /* A line is the delimiter of the longest boundary that it starts with. */
        {"Content-Type: multipart/mixed; boundary=b-1\n\n--b-1\n"
         "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b-1\n\ny\n",
         "multipart/mixed(multipart/mixed(text/plain) text/plain)"},
        /* After the closing delimiter nothing is a part. */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a--\n--a\n\nx\n",
         "multipart/mixed"},
        {"Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: x\n\ny\n--a--\n",
         "multipart/digest(message/rfc822(text/plain))"},
        {"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ==\n",
         "application/octet-stream"},
        {"Content-Type: message/rfc822\nContent-Transfer-Encoding: "
         "quoted-printable\n\nx\n",
         "message/rfc822(text/plain)"},
        {"Content-Type: message/rfc822\n\n", "message/rfc822(text/plain)"},
        {"Content-Type: message/global\n\nA: b\n", "message/global(text/plain)"},
        {"Content-Type: message/delivery-status\n\nA: b\n", "message/delivery-status"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_tree(view_of(rows[i].message), rows[i].tree);
}

/* Empty parts have no negative size. */
static void test_empty_parts(void **state)
{
    (void)state;
    struct view message =
        VIEW("Content-Type: multipart/mixed; boundary=a\n\n--a\n--a\n\n--a\n\n\n--a--");
    struct message_part *part = parse(message)->child;
    for (int i = 0; i < 3; i++, part = part->next) {
        assert_non_null(part);
        assert_int_equal(part->body_size.bytes, 0);
        assert_int_equal(part->end, part->body);
    }
    assert_null(part);
}

/* A header that a delimiter cuts off keeps its line end, all around it, too. */
static void test_cut_header(void **state)
{
    (void)state;
    struct view message = VIEW("Content-Type: multipart/digest; boundary=a\n\n"
                               "--a\n\nSubject: x\n--a--\n");
    struct message_part *part = parse(message)->child;
    assert_view(message_part_body(message, part), "Subject: x\n");
    assert_int_equal(part->body_size.bytes, 12);
    assert_int_equal(part->body_size.lines, 1);
    assert_view(message_part_header(message, part->child), "Subject: x\n");
    assert_int_equal(part->child->body_size.bytes, 0);
    assert_int_equal(part->child->end, part->end);
}

static void test_limits(void **state)
{
    (void)state;
    struct message_limits limits = {2, 4, 1};
    struct str out = STR_INIT(1000);
    struct view deep = VIEW("Content-Type: message/rfc822\n\n"
                            "Content-Type: message/rfc822\n\n"
                            "Content-Type: message/rfc822\n\nx\n");
    describe(message_parse(arena, deep, &limits), &out);
    assert_string_equal(str_cstr(&out),
                        "message/rfc822(message/rfc822(application/octet-stream))");
    str_clear(&out);
    struct view many = VIEW("Content-Type: multipart/x; boundary=a\n\n"
                            "--a\n\n--a\n\n--a\n\n--a\n\n--a\n\n--a--\n");
    describe(message_parse(arena, many, &limits), &out);
    assert_string_equal(str_cstr(&out), "multipart/x(text/plain text/plain text/plain)");
    str_clear(&out);
    describe(message_parse(arena, VIEW("A: b\nContent-Type: a/b\n\n"), &limits), &out);
    assert_string_equal(str_cstr(&out), "text/plain");
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alternative), cmocka_unit_test(test_crlf),
        cmocka_unit_test(test_fields),      cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_nested),      cmocka_unit_test(test_single),
        cmocka_unit_test(test_broken),      cmocka_unit_test(test_empty_parts),
        cmocka_unit_test(test_cut_header),  cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
