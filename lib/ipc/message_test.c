/* message_test - building, checking, reading and printing messages */
#include "ipc/messages_schema.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASSERT_VIEW(v, text) assert_true(view_eq((v), VIEW(text)))

/* The list itself must make sense. */
static void test_list(void **state)
{
    (void)state;
    for (unsigned i = 0; i < IPC_ATTRS; i++) {
        const struct ipc_attr_schema *s = &ipc_attr_schemas[i];
        bool any_value = s->kind == IPC_KIND_I64 || s->kind == IPC_KIND_BOOL;
        assert_non_null(s->name);
        if (any_value)
            assert_int_equal(s->max, 0);
        else if (s->kind != IPC_KIND_U64)
            assert_true(s->max > 0 && s->max < IPC_MAX_BYTES);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(s->name, ipc_attr_schemas[j].name);
    }
    for (unsigned i = 0; i < IPC_TYPES; i++) {
        assert_non_null(ipc_message_schemas[i].name);
        assert_true(ipc_message_schemas[i].fds_min <= ipc_message_schemas[i].fds_max);
        assert_true(ipc_message_schemas[i].fds_max <= IPC_MAX_FDS);
    }
    assert_true(ipc_version() != 0);
}

static struct ipc_message *parse(struct arena *a, struct view bytes, struct error *e)
{
    return ipc_message_parse(a, bytes, 0, e);
}

static void test_round_trip(void **state)
{
    static const uint64_t numbers[] = {0,     1,     127,        128,
                                       16383, 16384, UINT32_MAX, UINT64_MAX};
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct ipc_message *m = ipc_message_new(a, IPC_HELLO);
        ipc_put_u64(m, IPC_ATTR_VERSION, numbers[i]);
        ipc_put_cstr(m, IPC_ATTR_NAME, "smtpd");
        assert_true(ipc_get_u64(m, IPC_ATTR_VERSION, 7) == numbers[i]);
        struct ipc_message *copy = parse(a, ipc_message_bytes(m), &e);
        assert_non_null(copy);
        assert_int_equal(ipc_message_type(copy), IPC_HELLO);
        assert_true(ipc_get_u64(copy, IPC_ATTR_VERSION, 7) == numbers[i]);
        ASSERT_VIEW(ipc_get_view(copy, IPC_ATTR_NAME), "smtpd");
        assert_true(ipc_has(copy, IPC_ATTR_NAME));
        assert_false(ipc_has(copy, IPC_ATTR_STATUS));
        assert_int_equal(ipc_message_size(copy), ipc_message_size(m));
    }
    arena_free(a);
}

static void test_walk_and_print(void **state)
{
    struct arena *a = arena_new();
    struct str line = STR_INIT(1000);
    struct ipc_value v;
    size_t position = 0;

    (void)state;
    struct ipc_message *m = ipc_message_new(a, IPC_ERROR);
    ipc_put_cstr(m, IPC_ATTR_STATUS, "4.3.0");
    ipc_put_cstr(m, IPC_ATTR_TEXT, "a \"quoted\" \\ \xff");
    assert_true(ipc_next(m, &position, &v));
    assert_int_equal(v.attr, IPC_ATTR_STATUS);
    ASSERT_VIEW(v.view, "4.3.0");
    assert_true(ipc_next(m, &position, &v));
    assert_int_equal(v.attr, IPC_ATTR_TEXT);
    assert_false(ipc_next(m, &position, &v));
    ipc_message_print(m, &line);
    assert_string_equal(str_cstr(&line),
                        "ERROR status=\"4.3.0\" text=\"a \\\"quoted\\\" \\\\ \\xff\"");
    str_clear(&line);
    ipc_message_print(ipc_message_new(a, IPC_OK), &line);
    assert_string_equal(str_cstr(&line), "OK");
    str_done(&line);
    arena_free(a);
}

/* HELLO with attributes as given. */
static bool hello_is_good(struct arena *a, struct view attributes, const char *text)
{
    struct error e = ERROR_INIT;
    struct str s = STR_INIT(IPC_MAX_BYTES + 1);

    str_addf(&s, "%c%c", IPC_HELLO & 0xff, IPC_HELLO >> 8);
    str_add(&s, attributes);
    bool ok = parse(a, str_view(&s), &e) != NULL;
    if (!ok && !strstr(e.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, e.text);
    str_done(&s);
    return ok;
}

#define V (char)IPC_ATTR_VERSION
#define N (char)IPC_ATTR_NAME
#define HELLO_GOOD(text, ...)                                                            \
    hello_is_good(                                                                       \
        a,                                                                               \
        (struct view){(const char[]){__VA_ARGS__}, sizeof((const char[]){__VA_ARGS__})}, \
        text)

static void test_hostile(void **state)
{
    const char ff = (char)0xff, x80 = (char)0x80;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;

    (void)state;
    assert_true(HELLO_GOOD("", V, 1, N, 2, 'a', 'b'));
    assert_true(HELLO_GOOD("", N, 0, V, 1));
    assert_true(HELLO_GOOD("", V, ff, ff, ff, ff, ff, ff, ff, ff, ff, 1, N, 0));
    assert_false(HELLO_GOOD("malformed", V, ff, ff, ff, ff, ff, ff, ff, ff, ff, 2, N, 0));
    assert_false(HELLO_GOOD("malformed", V, x80, 0, N, 0)); /* not the shortest form */
    assert_false(HELLO_GOOD("malformed", V, 1, N, 3, 'a', 'b'));
    assert_false(HELLO_GOOD("malformed", V, 1, N, x80));
    assert_false(HELLO_GOOD("malformed", V, 1, N));
    assert_false(HELLO_GOOD("malformed", V, 1, N, 0, ff, 0)); /* no such attribute */
    assert_false(HELLO_GOOD("name is missing", V, 1));
    assert_false(HELLO_GOOD("version is missing", N, 0));
    assert_false(HELLO_GOOD("version appears twice", V, 1, N, 0, V, 1));
    assert_false(
        HELLO_GOOD("status does not belong", V, 1, N, 0, (char)IPC_ATTR_STATUS, 0));
    assert_false(HELLO_GOOD("name has a value that is not allowed", V, 1, N, 1, '\n'));
    assert_false(HELLO_GOOD("name has a value that is not allowed", V, 1, N, 1, 0));
    assert_null(parse(a, VIEW(""), &e));
    assert_null(parse(a, VIEW("\0"), &e));
    assert_null(parse(a, VIEW("\377\377"), &e));
    assert_non_null(strstr(e.text, "unknown type 65535"));
    arena_free(a);
}

static void test_descriptors(void **state)
{
    const struct view ok = {(const char[]){(char)IPC_OK, 0}, 2};
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;

    (void)state;
    assert_non_null(ipc_message_parse(a, ok, 0, &e));
    assert_null(ipc_message_parse(a, ok, 1, &e));
    assert_non_null(strstr(e.text, "descriptors have the wrong number"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),           cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_walk_and_print), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
