/* append_test - APPEND, CATENATE and the URLs in it */
#include "append.h"

#include "test_kit.h"

static void test_append(void **state)
{
    (void)state;
    struct imap_append a;
    struct imap_input in = kit_input("(\\Seen) \"17-Jul-1996 02:44:25 -0700\" {310}");
    assert_true(imap_take_append(&in, &a));
    assert_true(a.flags.bits == IMAP_FLAG_SEEN && a.has_date && a.date == 837596665);
    assert_true(a.literal.size == 310 && a.literal.is_sync && !a.literal.is_binary);
    in = kit_input("~{10+}");
    assert_true(imap_take_append(&in, &a) && a.literal.is_binary && !a.literal.is_sync);
    in = kit_input("UTF8 (~{5+}");
    assert_true(imap_take_append(&in, &a) && a.is_utf8 && a.literal.size == 5);
    imap_input_continue(&in, VIEW(") {3}"));
    bool more;
    assert_true(imap_take_append_end(&in, &a) && imap_take_append_more(&in, &more) &&
                more);
    assert_true(imap_take_append(&in, &a) && a.literal.size == 3);
    imap_input_continue(&in, VIEW(""));
    assert_true(imap_take_append_end(&in, &a) && imap_take_append_more(&in, &more) &&
                !more);
    static const char *const bad[] = {"",   "x",  "(\\Seen)",  "{5} x",    "(\\Seen){5}",
                                      "{5", "{}", "\"x\" {5}", "UTF8 {5}", "() () {5}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = kit_input(bad[i]);
        if (imap_take_append(&in, &a))
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_catenate(void **state)
{
    (void)state;
    struct imap_append a;
    struct imap_catenate part = {.taken = 0};
    struct imap_input in =
        kit_input("(\\Draft) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/"
                  ";section=HEADER\" TEXT {42}");
    assert_true(imap_take_append(&in, &a) && a.is_catenate);
    assert_true(imap_take_catenate(&in, &part) && part.kind == IMAP_CATENATE_URL);
    assert_true(imap_take_catenate(&in, &part) && part.kind == IMAP_CATENATE_TEXT);
    assert_int_equal(part.literal.size, 42);
    imap_input_continue(&in, VIEW(" URL x)"));
    assert_true(imap_take_catenate(&in, &part) && part.kind == IMAP_CATENATE_URL);
    assert_view(part.url, "x");
    assert_true(imap_take_catenate(&in, &part) && part.kind == IMAP_CATENATE_END);
    assert_true(imap_take_end(&in));
    static const char *const bad[] = {")", "FOO", "URL", "TEXT x", "URL x URL"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = kit_input(bad[i]);
        part.taken = 0;
        bool ok = true;
        while (ok && in.at < in.line.n)
            ok = imap_take_catenate(&in, &part);
        if (ok && part.kind != IMAP_CATENATE_URL)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_urls(void **state)
{
    (void)state;
    struct imap_url url;
    assert_true(imap_url_parse(
        arena, VIEW("/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2/;PARTIAL=5.10"),
        &url));
    assert_view(url.mailbox, "Drafts");
    assert_true(url.uidvalidity == 385759045 && url.uid == 20);
    assert_true(url.has_section && url.section.depth == 2);
    assert_true(url.has_partial && url.offset == 5 && url.count == 10);
    assert_true(imap_url_parse(arena, VIEW("/inbox/;uid=3"), &url));
    assert_view(url.mailbox, "INBOX");
    assert_true(imap_url_parse(arena, VIEW("/a%2Fb/c%C3%A9;UIDVALIDITY=1/;UID=1"), &url));
    assert_view(url.mailbox, "a/b/c\xc3\xa9");
    assert_true(imap_url_parse(arena, VIEW(";UID=7/;SECTION=TEXT"), &url));
    assert_view(url.mailbox, "");
    assert_true(imap_url_parse(arena, VIEW("/;UID=7/;PARTIAL=0"), &url));
    assert_true(url.has_partial && url.count == 0);
    static const char *const bad[] = {"",
                                      "/INBOX",
                                      "imap://host/INBOX/;UID=1",
                                      "//host/INBOX/;UID=1",
                                      "/a/;UID=0",
                                      "/a/;UID=x",
                                      "/a/;UID=1/;SECTION=FOO",
                                      "/a/;UID=1/;PARTIAL=x",
                                      "/a%/;UID=1",
                                      "/a%00/;UID=1",
                                      "/a%FF/;UID=1",
                                      "/a/;UID=1x/;SECTION=1",
                                      "/a;UIDVALIDITY=0/;UID=1",
                                      "/a/;UID=1/rest"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (imap_url_parse(arena, view_of(bad[i]), &url))
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_catenate),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
