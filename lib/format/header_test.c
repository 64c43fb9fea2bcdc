/* header_test - names, folding, mbox lines */
#include "header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_lookup(void **state)
{
    for (int id = HEADER_OTHER + 1; id < HEADER_ID_COUNT; id++) {
        const struct header_type *type = header_by_id((enum header_id)id);
        assert_int_equal(type->id, id);
        assert_ptr_equal(header_lookup(type->name), type);
    }
    assert_int_equal(header_lookup(VIEW("RESENT-bcc"))->id, HEADER_RESENT_BCC);
    assert_int_equal(header_lookup(VIEW("X-Priority"))->id, HEADER_OTHER);
    assert_int_equal(header_lookup(VIEW(""))->id, HEADER_OTHER);
    assert_int_equal(header_lookup(VIEW("zz"))->flags, 0);
    (void)state;
}

static void test_flags(void **state)
{
    unsigned bcc = header_lookup(VIEW("bcc"))->flags;
    assert_true((bcc & HEADER_IS_DROP) && (bcc & HEADER_IS_EXTRACT) &&
                !(bcc & HEADER_IS_SENDER));
    assert_true(header_lookup(VIEW("return-path"))->flags & HEADER_IS_DROP);
    assert_true(header_lookup(VIEW("From"))->flags & HEADER_IS_SENDER);
    assert_true(header_lookup(VIEW("Resent-To"))->flags & HEADER_IS_RESENT);
    assert_true(header_is_listed(VIEW("BCC"),
                                 VIEW("bcc, content-length, resent-bcc, return-path")));
    assert_false(header_is_listed(VIEW("cc"), VIEW("bcc, content-length")));
    (void)state;
}

static void test_name_length(void **state)
{
    assert_int_equal(header_name_length(VIEW("Subject: x")), 7);
    assert_int_equal(header_name_length(VIEW("Subject : x")), 7);
    assert_int_equal(header_name_length(VIEW("From:")), 4);
    assert_int_equal(header_name_length(VIEW("a\t:b")), 1);
    assert_int_equal(header_name_length(VIEW("Sub ject: x")), 0);
    assert_int_equal(header_name_length(VIEW(": x")), 0);
    assert_int_equal(header_name_length(VIEW(" x: y")), 0);
    assert_int_equal(header_name_length(VIEW("From x")), 0);
    assert_int_equal(header_name_length(VIEW("\xc3\xa9: x")), 0);
    assert_int_equal(header_name_length(VIEW("")), 0);
    (void)state;
}

/* S235: separators of mailboxes at the start of what is submitted. */
static void test_mailbox_line(void **state)
{
    assert_true(
        header_is_mailbox_line(VIEW("From root@gargamel.isima.fr  Wed Feb 28 15:42:24")));
    assert_true(header_is_mailbox_line(VIEW(">From x")));
    assert_true(header_is_mailbox_line(VIEW(">>From x")));
    assert_false(header_is_mailbox_line(VIEW("From: x")));
    assert_false(header_is_mailbox_line(VIEW(">")));
    (void)state;
}

static void test_parse(void **state)
{
    struct header h;
    assert_true(header_parse(VIEW("Subject :  a\n b\n"), &h));
    assert_true(view_eq(h.raw, VIEW("Subject :  a\n b")));
    assert_true(view_eq(h.name, VIEW("Subject")));
    assert_true(view_eq(h.body, VIEW("a\n b")));
    assert_int_equal(h.type->id, HEADER_SUBJECT);
    assert_true(header_parse(VIEW("X:"), &h));
    assert_int_equal(h.body.n, 0);
    assert_false(header_parse(VIEW("no header"), &h));
    (void)state;
}

/* S057: the headers of the course's first message. */
static const char message[] = "Return-Path: <christian.caleca@free.fr>\n"
                              "Received: from gw1.maison.mrs (62.161.101.80)\n"
                              "  by mx.free.fr; Sun, 21 May 2000 17:53:06 +0200\n"
                              "\tfolded with a tab\n"
                              "X-Priority: 3\n"
                              "\n"
                              "Subject: body\n";

static void test_next(void **state)
{
    struct view rest = view_of(message);
    struct header h;
    assert_int_equal(header_next(&rest, &h), HEADER_NEXT_FIELD);
    assert_int_equal(h.type->id, HEADER_RETURN_PATH);
    assert_int_equal(header_next(&rest, &h), HEADER_NEXT_FIELD);
    assert_true(view_ends(h.raw, VIEW("\tfolded with a tab")));
    assert_int_equal(header_next(&rest, &h), HEADER_NEXT_FIELD);
    assert_true(view_eq(h.name, VIEW("X-Priority")));
    assert_int_equal(header_next(&rest, &h), HEADER_NEXT_END);
    assert_true(view_eq(rest, VIEW("Subject: body\n")));
    rest = VIEW("A: b\nno header\n");
    assert_int_equal(header_next(&rest, &h), HEADER_NEXT_FIELD);
    assert_int_equal(header_next(&rest, &h), HEADER_NEXT_BODY);
    assert_true(view_eq(rest, VIEW("no header\n")));
    assert_true(header_find(view_of(message), VIEW("x-priority"), &h));
    assert_true(view_eq(h.body, VIEW("3")));
    assert_false(header_find(view_of(message), VIEW("subject"), &h));
    (void)state;
}

static void test_unfold(void **state)
{
    struct str out = STR_INIT(100);
    assert_true(header_unfold(VIEW("a  b\n\t c \n d\n"), &out));
    assert_string_equal(str_cstr(&out), "a  b c d");
    str_done(&out);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),      cmocka_unit_test(test_flags),
        cmocka_unit_test(test_name_length), cmocka_unit_test(test_mailbox_line),
        cmocka_unit_test(test_parse),       cmocka_unit_test(test_next),
        cmocka_unit_test(test_unfold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
