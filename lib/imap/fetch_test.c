/* fetch_test - items of FETCH as they come and as they are answered */
#include "fetch.h"

#include "test_kit.h"

/* The items of TEXT, written again with what they set. */
static void expect_fetch(const char *text, const char *want)
{
    struct imap_input in = kit_input(text);
    struct imap_fetch f;
    struct str out = STR_INIT(10000);
    if (!imap_take_fetch(&in, &f))
        fail_msg("%s: %s", text, in.error);
    for (size_t i = 0; i < f.count; i++) {
        if (i > 0)
            str_add_char(&out, ' ');
        assert_true(imap_write_fetch_name(&f.items[i], &out));
        if (f.items[i].marks_seen)
            str_add_char(&out, '!');
        if (f.items[i].is_lazy)
            str_add_char(&out, '~');
        assert_true(f.kinds & f.items[i].kind);
    }
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_items(void **state)
{
    (void)state;
    expect_fetch("FLAGS", "FLAGS");
    expect_fetch("(flags UID INTERNALDATE)", "FLAGS UID INTERNALDATE");
    expect_fetch("ALL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE");
    expect_fetch("FAST", "FLAGS INTERNALDATE RFC822.SIZE");
    expect_fetch("full", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY");
    expect_fetch("(BODY BODYSTRUCTURE)", "BODY BODYSTRUCTURE");
    expect_fetch("(RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)",
                 "RFC822! RFC822.HEADER RFC822.TEXT! RFC822.SIZE");
    expect_fetch("(MODSEQ EMAILID THREADID SAVEDATE)",
                 "MODSEQ EMAILID THREADID SAVEDATE");
    expect_fetch("PREVIEW", "PREVIEW");
    expect_fetch("PREVIEW (LAZY)", "PREVIEW~");
    expect_fetch("PREVIEW (CHANGEDSINCE 5)", "PREVIEW");
    expect_fetch("(PREVIEW (LAZY) UID)", "PREVIEW~ UID");
}

static void test_sections(void **state)
{
    (void)state;
    expect_fetch("BODY[]", "BODY[]!");
    expect_fetch("BODY.PEEK[]<0.1024>", "BODY[]<0>");
    expect_fetch("body.peek[1.2.3.mime]", "BODY[1.2.3.MIME]");
    expect_fetch("BODY[1]<5.1>", "BODY[1]<5>!");
    expect_fetch("BODY[TEXT]", "BODY[TEXT]!");
    expect_fetch("BODY[4.HEADER]", "BODY[4.HEADER]!");
    expect_fetch("BODY.PEEK[HEADER.FIELDS (from \"To\")]",
                 "BODY[HEADER.FIELDS (from To)]");
    expect_fetch("BODY.PEEK[2.HEADER.FIELDS.NOT ({1}\r\nX)]\r\n",
                 "BODY[2.HEADER.FIELDS.NOT (X)]");
    expect_fetch("BODY.PEEK[HEADER.FIELDS (\"a(b\")]", "BODY[HEADER.FIELDS (\"a(b\")]");
    expect_fetch("(BINARY[1] BINARY.PEEK[1.2]<0.5> BINARY.SIZE[3] BINARY[])",
                 "BINARY[1]! BINARY[1.2]<0> BINARY.SIZE[3] BINARY[]!");
}

static void test_section_values(void **state)
{
    (void)state;
    struct imap_input in = kit_input("BODY[2.11.HEADER.FIELDS (A B)]<7.9>");
    struct imap_fetch f;
    assert_true(imap_take_fetch(&in, &f));
    const struct imap_fetch_item *item = &f.items[0];
    assert_int_equal(item->section.depth, 2);
    assert_int_equal(item->section.numbers[1], 11);
    assert_int_equal(item->section.text, IMAP_SECTION_FIELDS);
    assert_int_equal(item->section.field_count, 2);
    assert_view(item->section.fields[1], "B");
    assert_true(item->has_partial && item->offset == 7 && item->count == 9);
    struct imap_section s;
    assert_true(imap_section_parse(arena, VIEW("1.2.MIME"), &s));
    assert_true(s.depth == 2 && s.text == IMAP_SECTION_MIME);
    assert_true(imap_section_parse(arena, VIEW(""), &s) && s.text == IMAP_SECTION_ALL);
    assert_false(imap_section_parse(arena, VIEW("1.2]"), &s));
    assert_false(imap_section_parse(arena, VIEW("TEXT\nx"), &s));
}

static void test_modifiers(void **state)
{
    (void)state;
    struct imap_input in = kit_input("(FLAGS) (CHANGEDSINCE 123456789012 VANISHED)");
    struct imap_fetch f;
    assert_true(imap_take_fetch(&in, &f));
    assert_true(f.has_changed_since && f.vanished && !f.has_partial);
    assert_int_equal(f.changed_since, 123456789012);
    in = kit_input("FLAGS (PARTIAL -1:-30)");
    assert_true(imap_take_fetch(&in, &f));
    assert_true(f.has_partial && f.partial.from_end && f.partial.high == 30);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "()",
                                      "FLAGS UID",
                                      "(FLAGS",
                                      "(FLAGS  UID)",
                                      "NONE",
                                      "(ALL)",
                                      "BODY[",
                                      "BODY[MIME]",
                                      "BODY[0]",
                                      "BODY[1.]",
                                      "BODY[1.FOO]",
                                      "BODY[HEADER.FIELDS]",
                                      "BODY[HEADER.FIELDS ()]",
                                      "BODY[]<0>",
                                      "BODY[]<0.0>",
                                      "BINARY[TEXT]",
                                      "BINARY.SIZE[1]<0.1>",
                                      "BINARY",
                                      "FLAGS (VANISHED)",
                                      "FLAGS (FOO)",
                                      "FLAGS (CHANGEDSINCE)",
                                      "BODY[]<-1.5>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imap_input in = kit_input(bad[i]);
        struct imap_fetch f;
        if (imap_take_fetch(&in, &f))
            fail_msg("taken: %s", bad[i]);
        assert_non_null(in.error);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct str text = STR_INIT(100000);
    str_add_cstr(&text, "BODY[1");
    for (int i = 0; i < IMAP_SECTION_DEPTH; i++)
        str_add_cstr(&text, ".1");
    str_add_char(&text, ']');
    struct imap_input in = kit_input(str_cstr(&text));
    struct imap_fetch f;
    assert_false(imap_take_fetch(&in, &f));
    str_clear(&text);
    for (int i = 0; i <= IMAP_FETCH_ITEMS; i++)
        str_add_cstr(&text, i ? " UID" : "(UID");
    str_add_char(&text, ')');
    in = kit_input(str_cstr(&text));
    assert_false(imap_take_fetch(&in, &f));
    str_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),          cmocka_unit_test(test_sections),
        cmocka_unit_test(test_section_values), cmocka_unit_test(test_modifiers),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
