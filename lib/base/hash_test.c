/* hash_test - tables, heaps, lists */
#include "base/hash.h"

#include "base/heap.h"
#include "base/list.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Values of an independent implementation that gives the published SipHash-2-4
 * vectors with its other parameters; key 00 to 0f, message 00, 01, ... */
static void siphash_is_as_published(void **state)
{
    static const struct {
        size_t n;
        uint64_t value;
    } cases[] = {
        {0, 0xabac0158050fc4dc}, {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
        {8, 0x369095118d299a8e}, {15, 0xd320d86d2a519956}, {63, 0x9d199062b7bbb3a8},
    };
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char message[64];

    (void)state;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)i;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(hash_siphash(key, (struct view){message, cases[i].n}) ==
                    cases[i].value);
    assert_true(hash_of(VIEW("a")) == hash_of(VIEW("a")));
    assert_true(hash_of(VIEW("a")) != hash_of(VIEW("b")));
}

static void put_get_remove(void **state)
{
    struct hash *h = hash_new();
    char one[] = "1", two[] = "2", key[] = "key";

    (void)state;
    assert_null(hash_get(h, VIEW("key")));
    assert_null(hash_remove(h, VIEW("key")));
    assert_null(hash_put(h, view_of(key), one));
    key[0] = 'x'; /* keys are copied */
    assert_ptr_equal(hash_get(h, VIEW("key")), one);
    assert_ptr_equal(hash_put(h, VIEW("key"), two), one);
    assert_null(hash_put(h, VIEW_NONE, one)); /* the empty key is a key */
    assert_null(hash_put(h, VIEW("a\0b"), two));
    assert_null(hash_get(h, VIEW("a\0c")));
    assert_int_equal(hash_count(h), 3);
    assert_ptr_equal(hash_remove(h, VIEW("key")), two);
    assert_ptr_equal(hash_get(h, VIEW("")), one);
    assert_null(hash_get(h, VIEW("key")));
    assert_int_equal(hash_count(h), 2);
    hash_free(h, NULL);
}

enum { KEYS = 2000 };

static struct view key_of(char buffer[32], unsigned i)
{
    return (struct view){buffer, (size_t)snprintf(buffer, 32, "key-%u", i)};
}

/* Many rounds of adding and removing: marks of removed slots do not pile up. */
static void tables_live_long(void **state)
{
    struct hash *h = hash_new();
    char buffer[32];

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < KEYS; i++) {
            struct view key = key_of(buffer, i);
            assert_null(hash_put(h, key, memory_cstr(buffer)));
        }
        for (unsigned i = 0; i < KEYS; i++)
            assert_string_equal(hash_get(h, key_of(buffer, i)), buffer);
        for (unsigned i = 0; i < KEYS; i++)
            if (i % 10 != round)
                memory_free(hash_remove(h, key_of(buffer, i)));
        assert_int_equal(hash_count(h), KEYS / 10);
        for (unsigned i = round; i < KEYS; i += 10)
            memory_free(hash_remove(h, key_of(buffer, i)));
    }
    hash_put(h, VIEW("last"), memory_cstr("x"));
    hash_free(h, memory_free);
}

static void walking_meets_each_once(void **state)
{
    struct hash *h = hash_new();
    bool seen[100] = {false};
    char buffer[32];
    size_t position = 0, met = 0;
    struct view key;
    void *value;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        hash_put(h, key_of(buffer, i), &seen[i]);
    while (hash_next(h, &position, &key, &value)) {
        assert_false(*(bool *)value);
        *(bool *)value = true;
        met++;
        if (met % 2)
            assert_ptr_equal(hash_remove(h, key), value);
    }
    assert_int_equal(met, 100);
    assert_int_equal(hash_count(h), 50);
    hash_free(h, NULL);
}

/* A small generator of our own: the same numbers each time. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void heaps_give_the_smallest(void **state)
{
    static struct heap_link links[500];
    struct heap h;
    uint32_t seed = 1;
    size_t in = 0;

    (void)state;
    heap_init(&h);
    assert_null(heap_pop(&h));
    for (int round = 0; round < 5000; round++) {
        struct heap_link *k = &links[next_random(&seed) % 500];
        in += heap_is_linked(k) ? (size_t)-1 : 1;
        if (heap_is_linked(k))
            heap_remove(&h, k);
        else
            heap_add(&h, k, (int64_t)(next_random(&seed) % 1000) - 500);
    }
    assert_true(in > 100);
    int64_t last = INT64_MIN;
    for (struct heap_link *k; (k = heap_pop(&h)) != NULL; in--) {
        assert_true(k->key >= last);
        assert_false(heap_is_linked(k));
        heap_remove(&h, k); /* does nothing */
        last = k->key;
    }
    assert_int_equal(in, 0);
    heap_add(&h, &links[1], 1);
    heap_done(&h);
    assert_false(heap_is_linked(&links[1]));
}

struct item {
    int value;
    struct list_link link;
};

static void lists_link_and_unlink(void **state)
{
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}};
    struct list l;
    int sum = 0;

    (void)state;
    list_init(&l);
    assert_null(list_pop(&l));
    assert_null(LIST_FIRST(struct item, &l, link));
    list_append(&l, &items[1].link);
    list_append(&l, &items[2].link);
    list_prepend(&l, &items[0].link);
    list_insert_before(&items[2].link, &items[3].link);
    LIST_FOR_EACH (struct item, it, &l, link)
        sum = sum * 10 + it->value;
    assert_int_equal(sum, 132); /* 0 1 3 2 */
    LIST_FOR_EACH_SAFE (struct item, it, &l, link)
        if (it->value % 2)
            list_remove(&it->link);
    assert_ptr_equal(LIST_FIRST(struct item, &l, link), &items[0]);
    assert_false(list_is_linked(&items[1].link));
    list_remove(&items[1].link);
    assert_ptr_equal(list_pop(&l), &items[0].link);
    assert_ptr_equal(list_pop(&l), &items[2].link);
    assert_true(list_is_empty(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_is_as_published),
        cmocka_unit_test(put_get_remove),
        cmocka_unit_test(tables_live_long),
        cmocka_unit_test(walking_meets_each_once),
        cmocka_unit_test(heaps_give_the_smallest),
        cmocka_unit_test(lists_link_and_unlink),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
