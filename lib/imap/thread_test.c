/* thread_test - threads by references and by subject */
#include "thread.h"

#include "test_kit.h"

struct row {
    const char *id, *references, *reply_to, *subject;
    bool is_reply;
    int64_t date; /* 0: its place in the list */
};

static void expect_threads(enum imap_thread_algorithm algorithm, const struct row *rows,
                           size_t count, const char *want)
{
    struct imap_thread_message *m = arena_alloc_array(arena, count + 1, sizeof *m);
    for (size_t i = 0; i < count; i++)
        m[i] = (struct imap_thread_message){
            .number = (uint32_t)i + 1,
            .date = rows[i].date ? rows[i].date : (int64_t)i,
            .message_id = view_of(rows[i].id),
            .references = view_of(rows[i].references),
            .in_reply_to = view_of(rows[i].reply_to),
            .subject = view_of(rows[i].subject),
            .is_reply = rows[i].is_reply,
        };
    struct str out = STR_INIT(100000);
    assert_true(imap_write_threads(imap_thread(arena, algorithm, m, count), &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}
#define REFERENCES(want, ...)                                                            \
    do {                                                                                 \
        static const struct row rows[] = {__VA_ARGS__};                                  \
        expect_threads(IMAP_THREAD_REFERENCES, rows, sizeof rows / sizeof *rows, want);  \
    } while (0)

static void test_references(void **state)
{
    (void)state;
    expect_threads(IMAP_THREAD_REFERENCES, NULL, 0, "");
    REFERENCES("(1)(2)", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", NULL, NULL, "B", false, 0});
    REFERENCES("(1 2 3)", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", "<a>", NULL, "A", true, 0},
               {"<c>", "<a> <b>", NULL, "A", true, 0});
    REFERENCES("(1 (2)(3))", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", NULL, "<a>", "A", true, 0},
               {"<c>", NULL, "x <a> y", "A", true, 0});
    REFERENCES("(1 (2 3)(4))", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", "<a>", NULL, "A", true, 0}, {"<c>", "<a><b>", NULL, "A", true, 0},
               {"<d>", "<a>", NULL, "A", true, 0});
    /* The child comes first, and is older. */
    REFERENCES("(2 1)", {"<b>", "<a>", NULL, "A", true, 0},
               {"<a>", NULL, NULL, "A", false, 0});
}

/* Messages that are not there hold others together, or vanish. */
static void test_dummies(void **state)
{
    (void)state;
    REFERENCES("((1)(2))", {"<b>", "<gone>", NULL, "A", true, 0},
               {"<c>", "<gone>", NULL, "B", true, 0});
    REFERENCES("(1)", {"<b>", "<x> <y> <z>", NULL, "A", true, 0});
    REFERENCES("(1 2)", {"<a>", NULL, NULL, "A", false, 0},
               {"<c>", "<a> <gone> <gone2>", NULL, "A", true, 0});
    REFERENCES("((1)(2))", {"<b>", "<x> <y>", NULL, "A", true, 0},
               {"<c>", "<x> <z>", NULL, "B", true, 0});
}

static void test_broken(void **state)
{
    (void)state;
    /* A loop is not closed. */
    REFERENCES("(2 1)", {"<a>", "<b>", NULL, "A", true, 0},
               {"<b>", "<a>", NULL, "B", true, 0});
    REFERENCES("(1)", {"<a>", "<a>", NULL, "A", false, 0});
    /* One identifier for two messages, none for another. */
    REFERENCES("(1 3)(2)", {"<a>", NULL, NULL, "A", false, 0},
               {"<a>", NULL, NULL, "B", false, 0}, {NULL, "<a>", NULL, "A", true, 0});
    REFERENCES("(1)(2)", {"", NULL, NULL, "A", false, 0},
               {"x", "y", NULL, "B", false, 0});
}

/* RFC 5256 3, step 5. */
static void test_subjects(void **state)
{
    (void)state;
    REFERENCES("(1 2)", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", NULL, NULL, "A", true, 0});
    REFERENCES("(2 1)", {"<a>", NULL, NULL, "A", true, 0},
               {"<b>", NULL, NULL, "A", false, 0});
    REFERENCES("((1)(2)(3))", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", NULL, NULL, "A", false, 0}, {"<c>", NULL, NULL, "A", false, 0});
    REFERENCES("((1)(2)(3)(4))", {"<a>", "<x>", NULL, "A", true, 0},
               {"<b>", "<x>", NULL, "A", true, 0}, {"<c>", "<y>", NULL, "A", true, 0},
               {"<d>", "<y>", NULL, "A", true, 0});
    REFERENCES("((1)(2)(3))", {"<a>", "<x>", NULL, "A", true, 0},
               {"<b>", "<x>", NULL, "A", true, 0}, {"<c>", NULL, NULL, "A", false, 0});
    /* A dummy that holds one message is gone before. */
    REFERENCES("(1 2)", {"<a>", NULL, NULL, "A", false, 0},
               {"<b>", "<gone>", NULL, "A", true, 0});
    REFERENCES("(1)(2)", {"<a>", NULL, NULL, "", false, 0},
               {"<b>", NULL, NULL, "", true, 0});
}

static void test_dates(void **state)
{
    (void)state;
    REFERENCES("(3)(1 (2)(4))", {"<a>", NULL, NULL, "A", false, 20},
               {"<b>", "<a>", NULL, "A", true, 30}, {"<c>", NULL, NULL, "C", false, 10},
               {"<d>", "<a>", NULL, "A", true, 40});
    REFERENCES("((2)(3))(1)", {"<a>", NULL, NULL, "A", false, 20},
               {"<b>", "<x>", NULL, "B", true, 15}, {"<c>", "<x>", NULL, "B", true, 30});
}

static void test_ordered_subject(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, NULL, NULL, "A", false, 20}, {NULL, NULL, NULL, "B", false, 10},
        {NULL, NULL, NULL, "A", true, 30},  {NULL, NULL, NULL, "A", true, 25},
        {NULL, NULL, NULL, "B", true, 40},  {NULL, NULL, NULL, "C", true, 50},
    };
    expect_threads(IMAP_THREAD_ORDEREDSUBJECT, rows, 6, "(2 5)(1 (4)(3))(6)");
}

/* A chain is a row, whatever its length; so many branches need no call stack. */
static void test_deep(void **state)
{
    (void)state;
    const size_t count = 100000;
    struct imap_thread *nodes = arena_alloc_array(arena, 2 * count, sizeof *nodes);
    for (size_t i = 0; i < count; i++) {
        nodes[2 * i].number = (uint32_t)i + 1;
        nodes[2 * i + 1].number = 7;
        if (i + 1 < count)
            nodes[2 * i].child = &nodes[2 * i + 2];
        nodes[2 * i].next = i > 0 ? &nodes[2 * i + 1] : NULL;
    }
    struct str out = STR_INIT(10 << 20);
    assert_true(imap_write_threads(nodes, &out));
    assert_true(view_starts(str_view(&out), VIEW("(1 (2 (3 (4 ")));
    assert_true(view_ends(str_view(&out), VIEW("(7))(7))(7))")));
    str_done(&out);
}

static void test_long_chain(void **state)
{
    (void)state;
    const size_t count = 20000;
    struct imap_thread_message *m = arena_alloc_array(arena, count, sizeof *m);
    for (size_t i = 0; i < count; i++)
        m[i] = (struct imap_thread_message){
            .number = (uint32_t)i + 1,
            .date = (int64_t)i,
            .message_id = arena_printf(arena, "<%zu@x>", i),
            .references = arena_printf(arena, "<%zu@x>", i ? i - 1 : count),
            .subject = VIEW("A"),
        };
    struct str out = STR_INIT(1 << 20);
    assert_true(
        imap_write_threads(imap_thread(arena, IMAP_THREAD_REFERENCES, m, count), &out));
    assert_true(view_starts(str_view(&out), VIEW("(1 2 3 4 5 6")));
    assert_true(view_ends(str_view(&out), VIEW(" 20000)")));
    str_done(&out);
}

static void test_arguments(void **state)
{
    (void)state;
    enum imap_thread_algorithm algorithm;
    struct imap_search search;
    struct imap_input in = kit_input("orderedsubject UTF-8 SINCE 5-Mar-2000");
    assert_true(imap_take_thread(&in, &algorithm, &search));
    assert_int_equal(algorithm, IMAP_THREAD_ORDEREDSUBJECT);
    in = kit_input("REFERENCES US-ASCII TEXT \"x\"");
    assert_true(imap_take_thread(&in, &algorithm, &search));
    assert_int_equal(search.root->key, IMAP_SEARCH_TEXT);
    static const char *const bad[] = {"", "REFS UTF-8 ALL", "REFERENCES ALL",
                                      "REFERENCES UTF-8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = kit_input(bad[i]);
        assert_false(imap_take_thread(&in, &algorithm, &search));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references), cmocka_unit_test(test_dummies),
        cmocka_unit_test(test_broken),     cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_dates),      cmocka_unit_test(test_ordered_subject),
        cmocka_unit_test(test_deep),       cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
