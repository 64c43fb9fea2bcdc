/* received_test - trace lines of many programs */
#include "received.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct received parse(const char *text)
{
    struct received r;
    if (!received_parse(view_of(text), &r))
        fail_msg("cannot read %s", text);
    return r;
}

static void expect(struct view got, const char *want)
{
    if (!view_eq(got, view_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", VIEW_FMT(got), want);
}

/* S005: our own line, and the course's from Postfix. */
static void test_postfix(void **state)
{
    struct received r =
        parse("from chris (pchris.maison.mrs [192.168.0.10]) by gw1.maison.mrs (Postfix) "
              "with SMTP id 022A11029A for <christian.caleca@free.fr>; Sun, 21 May 2000 "
              "17:52:56 +0200 (CEST)");
    expect(r.from, "chris");
    expect(r.from_comment, "pchris.maison.mrs [192.168.0.10]");
    expect(r.by, "gw1.maison.mrs");
    expect(r.by_comment, "Postfix");
    expect(r.with, "SMTP");
    expect(r.id, "022A11029A");
    expect(r.recipient, "christian.caleca@free.fr");
    assert_true(r.has_time);
    assert_int_equal(r.seconds, 958924376);
    assert_int_equal(r.offset, 120);
    r = parse(
        "by gw1.maison.mrs (Postfix, from userid 501) id 61D3F800081; Sun, 11 May 2003 "
        "16:06:23 +0200 (CEST)");
    expect(r.from, "");
    expect(r.by_comment, "Postfix, from userid 501");
    expect(r.id, "61D3F800081");
    (void)state;
}

/* S259 and the four hops of the course. */
static void test_others(void **state)
{
    struct received r =
        parse("(qmail 8844 invoked from network); 21 May 2000 17:53:06 +0200");
    expect(r.lead, "qmail 8844 invoked from network");
    assert_true(r.has_time);
    r = parse("from CHRIS (62.161.101.240) by mahonia.w-n-doo.fr; 11 May 2000 18:19:51 "
              "+0200");
    expect(r.from, "CHRIS");
    expect(r.from_comment, "62.161.101.240");
    expect(r.by, "mahonia.w-n-doo.fr");
    expect(r.with, "");
    r = parse("(from root@localhost) by gargamel.isima.fr (8.13.8/8.13.8/Submit) id "
              "l1SEgOW7010504; Wed, 28 Feb 2007 15:42:24 +0100");
    expect(r.lead, "from root@localhost");
    expect(r.by, "gargamel.isima.fr");
    r = parse("from [127.0.0.1] (gargamel.isima.fr [127.0.0.1]) by gargamel.isima.fr "
              "(8.13.8/8.13.8) with ESMTP id l1S; Wed, 28 Feb 2007 10:01:24 +0100");
    expect(r.from, "[127.0.0.1]");
    (void)state;
}

/* With TLS, comments stand behind other clauses and nest. */
static void test_comments(void **state)
{
    struct received r = parse(
        "from a.example (a.example [192.0.2.1]) (using TLSv1.3 with cipher X (256/256 "
        "bits)) (No client certificate requested) by b.example (B; c) with ESMTPS id "
        "1F for <\"a b\"@c.example>; Thu, 1 Jan 1970 00:00:00 +0000");
    expect(r.from_comment, "a.example [192.0.2.1]");
    expect(r.by, "b.example");
    expect(r.by_comment, "B; c");
    expect(r.with, "ESMTPS");
    expect(r.recipient, "\"a b\"@c.example");
    assert_true(r.has_time);
    assert_int_equal(r.seconds, 0);
    (void)state;
}

static void test_hostile(void **state)
{
    static const struct {
        const char *text;
        bool names_somebody;
    } odd[] = {{"", false},        {" ", false},        {";", false},
               {"(", false},       {"()", false},       {"from", false},
               {"with by", false}, {"nonsense", false}, {"(((((", false},
               {"<", false},       {"id (x", false},    {"from <", true},
               {"from (x", true},  {"(x) by", true}};
    struct received r;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        if (received_parse(view_of(odd[i].text), &r) != odd[i].names_somebody)
            fail_msg("%s", odd[i].text);
        assert_false(r.has_time);
    }
    assert_false(received_parse(VIEW("nonsense; yesterday"), &r));
    assert_true(received_parse(VIEW("from a from b by c by d; x"), &r));
    expect(r.from, "a");
    expect(r.by, "c");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_postfix),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
