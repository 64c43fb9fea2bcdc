/* address_list_test - address headers, against the forms that Postfix 3.7 writes */
#include "address_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* BODY parsed and written must be WRITTEN, and hold these ADDRESSES, joined by "|". */
static void expect_list(const char *body, const char *written, const char *addresses)
{
    struct arena *arena = arena_new();
    struct address_list *list = address_list_parse(arena, view_of(body), 0);
    struct str out = STR_INIT(4000);
    assert_true(address_list_write(list, &out));
    if (strcmp(str_cstr(&out), written) != 0)
        fail_msg("%s gives\n%s", body, str_cstr(&out));
    str_clear(&out);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            str_add_char(&out, '|');
        str_add(&out, list->items[i].address);
    }
    if (strcmp(str_cstr(&out), addresses) != 0)
        fail_msg("%s has %s", body, str_cstr(&out));
    str_done(&out);
    arena_free(arena);
}

static void test_forms_are_kept(void **state)
{
    expect_list("chris", "chris", "chris");
    expect_list("chris@maison.mrs (Christian Cal\xc3\xa9"
                "ca)",
                "chris@maison.mrs (Christian Cal\xc3\xa9"
                "ca)",
                "chris@maison.mrs");
    expect_list("\"Christian CALECA\" <christian.caleca@free.fr>",
                "\"Christian CALECA\" <christian.caleca@free.fr>",
                "christian.caleca@free.fr");
    expect_list("MAILER-DAEMON@gw1.maison.mrs (Mail Delivery System)",
                "MAILER-DAEMON@gw1.maison.mrs (Mail Delivery System)",
                "MAILER-DAEMON@gw1.maison.mrs");
    expect_list("a@b,\n c@d,\n\te@f", "a@b,\nc@d,\ne@f", "a@b|c@d|e@f");
    expect_list("user@[1.2.3.4], user@[IPv6:::1]", "user@[1.2.3.4],\nuser@[IPv6:::1]",
                "user@[1.2.3.4]|user@[IPv6:::1]");
    expect_list("=?utf-8?q?x?= <a@b>", "=?utf-8?q?x?= <a@b>", "a@b");
    expect_list("\"a\\\"b\"@c, a\\ b@c", "\"a\\\"b\"@c,\n\"a b\"@c", "a\"b@c|a b@c");
    expect_list("foo\\,bar <a@b>", "\"foo,bar\" <a@b>", "a@b");
    expect_list("Johnny B. Goode <j@d>", "Johnny B.Goode <j@d>", "j@d");
    (void)state;
}

static void test_groups(void **state)
{
    expect_list("undisclosed-recipients:;", "undisclosed-recipients: ;", "");
    expect_list("friends: a@b, c@d (hi);, e", "friends: a@b,\nc@d (hi);,\ne",
                "a@b|c@d|e");
    expect_list("Group: Foo <a@b>, \"x y\" <c@d>; other@x",
                "Group: Foo <a@b>,\n\"x y\" <c@d>;,\nother@x", "a@b|c@d|other@x");
    expect_list("g: a@b, c: d@e;", "g: a@b,\nc: d@e;", "a@b|d@e");
    (void)state;
}

static void test_lenient(void **state)
{
    expect_list("a b@c", "a,\nb@c", "a|b@c");
    expect_list("a (x) b (y) c", "a,\nb (x),\nc (y)", "a|b|c");
    expect_list("<a@b> c@d", "<a@b>,\nc@d", "a@b|c@d");
    expect_list("Foo <@a,@b:user@c>", "Foo <user@c>", "user@c");
    expect_list("a @ b . c", "a@b.c", "a@b.c");
    expect_list("(a (b (c)) d) x@y", "x@y (a (b (c)) d)", "x@y");
    expect_list("<(c)a@b(d)>", "<a@b (c) (d)>", "a@b");
    expect_list("<a@b", "\"<a\"@b", "<a@b");
    expect_list("a > b", "a>,\nb", "a|b");
    expect_list("<>", "<>", "");
    expect_list("a,,b", "a,\n,\nb", "a|b");
    expect_list("x: Foo <b@c>", "x:Foo <b@c>", "x|b@c");
    expect_list("", "", "");
    (void)state;
}

/* What hides at the end of a header must not change its form. */
static void test_unterminated(void **state)
{
    expect_list("(open <a@b>", "(open <a@b>)", "");
    expect_list("((open a@b", "((open a@b))", "");
    expect_list("a@[1.2", "a@[1.2]", "a@[1.2]");
    expect_list("\"open\ncomma", "\"open comma\"", "open comma");
    expect_list("(c\\", "(c)", "");
    expect_list("(c\\\r(d) <a@b>", "(c\\ (d) <a@b>)", "");
    expect_list("a\\", "\"a\\\\\"", "a\\");
    (void)state;
}

static void test_mailboxes(void **state)
{
    struct arena *arena = arena_new();
    struct address_list *l = address_list_parse(
        arena, VIEW("list: \"Q. uoted\" Name (one) <a@b> (two), c@d (three); <@r:e@f>"),
        0);
    assert_int_equal(l->count, 3);
    assert_true(view_eq(l->items[0].name, VIEW("Q. uoted Name")));
    assert_true(view_eq(l->items[0].comment, VIEW("one two")));
    assert_true(view_eq(l->items[0].group, VIEW("list")));
    assert_true(view_eq(l->items[1].comment, VIEW("three")));
    assert_true(view_eq(l->items[1].group, VIEW("list")));
    assert_true(view_eq(l->items[2].address, VIEW("e@f")));
    assert_true(l->items[2].routed && l->items[2].group.n == 0 &&
                l->items[2].name.n == 0);
    arena_free(arena);
    (void)state;
}

static void test_token_limit(void **state)
{
    struct arena *arena = arena_new();
    struct address_list *l = address_list_parse(arena, VIEW("a, b, c, d"), 3);
    assert_true(l->truncated);
    assert_int_equal(l->count, 2);
    arena_free(arena);
    (void)state;
}

/* A bare name gets the origin; "gone" becomes nothing and so stays. */
static bool add_origin(void *context, struct view from, struct str *to)
{
    if (view_has(from, '@'))
        return false;
    str_add(to, from);
    str_add(to, *(const struct view *)context);
    return true;
}

static bool rewrite(const char *name, const char *body, struct str *out)
{
    struct arena *arena = arena_new();
    struct view origin = VIEW("@gw1.maison.mrs");
    bool changed = address_list_rewrite_header(arena, view_of(name), view_of(body), 0,
                                               add_origin, &origin, out);
    arena_free(arena);
    return changed;
}

/* S082: chris becomes chris@$myorigin, and what is complete keeps its bytes. */
static void test_rewrite_header(void **state)
{
    struct str out = STR_INIT(4000);
    assert_true(rewrite("To", "root", &out));
    assert_string_equal(str_cstr(&out), "To: root@gw1.maison.mrs");
    assert_true(rewrite("From", "chris (Christian Caleca)", &out));
    assert_string_equal(str_cstr(&out), "From: chris@gw1.maison.mrs (Christian Caleca)");
    assert_true(rewrite("Cc", "Chris <chris>,  x@y", &out));
    assert_string_equal(str_cstr(&out), "Cc: Chris <chris@gw1.maison.mrs>, x@y");
    assert_false(rewrite("To", "a@b,\n  c@d", &out));
    assert_false(rewrite("To", "undisclosed-recipients:;", &out));
    assert_false(rewrite("To", "<>", &out));
    assert_true(rewrite("To", "<@relay:a@b>", &out)); /* the route goes */
    assert_string_equal(str_cstr(&out), "To: <a@b>");
    str_done(&out);
    (void)state;
}

static void test_rewrite_folds(void **state)
{
    struct str out = STR_INIT(4000);
    assert_true(
        rewrite("To",
                "aaaaaaaaaaaaaaaaaaaa@example.com, bbbbbbbbbbbbbbbbbb@example.com,"
                "cccccccccccc@example.com, d",
                &out));
    assert_string_equal(
        str_cstr(&out),
        "To: aaaaaaaaaaaaaaaaaaaa@example.com, bbbbbbbbbbbbbbbbbb@example.com,\n"
        "\tcccccccccccc@example.com, d@gw1.maison.mrs");
    str_done(&out);
    (void)state;
}

static void expect_mailbox(const char *name, bool obsolete, const char *want)
{
    struct str out = STR_INIT(400);
    assert_true(mailbox_write(view_of(name), VIEW("chris@maison.mrs"), obsolete, &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

/* S063: the full name in both forms of header_from_format. */
static void test_mailbox_write(void **state)
{
    expect_mailbox("", false, "chris@maison.mrs");
    expect_mailbox("Christian Caleca", false, "Christian Caleca <chris@maison.mrs>");
    expect_mailbox("Christian Caleca", true, "chris@maison.mrs (Christian Caleca)");
    expect_mailbox("C. \"X\" Caleca", false,
                   "\"C. \\\"X\\\" Caleca\" <chris@maison.mrs>");
    expect_mailbox("a) (b", true, "chris@maison.mrs (a\\) \\(b)");
    expect_mailbox("Christian Cal\xc3\xa9"
                   "ca",
                   false, "=?utf-8?Q?Christian_Cal=C3=A9ca?= <chris@maison.mrs>");
    expect_mailbox("Cal\xc3\xa9"
                   "ca",
                   true, "chris@maison.mrs (=?utf-8?Q?Cal=C3=A9ca?=)");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_are_kept), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_lenient),        cmocka_unit_test(test_unterminated),
        cmocka_unit_test(test_mailboxes),      cmocka_unit_test(test_token_limit),
        cmocka_unit_test(test_rewrite_header), cmocka_unit_test(test_rewrite_folds),
        cmocka_unit_test(test_mailbox_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
