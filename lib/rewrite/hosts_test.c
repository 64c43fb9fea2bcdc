/* hosts_test - the order of addresses to try */
#include "rewrite/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena *arena;
static struct hosts list;
static char shown[512];

static struct net_address address_of(const char *text)
{
    struct net_address a;
    assert_true(net_address_parse(view_of(text), 0, &a));
    return a;
}

static void add(const char *text, unsigned preference)
{
    struct net_address a = address_of(text);
    hosts_add(&list, arena, view_of(text), &a, 25, preference);
}

/* The addresses of the list, in order. */
static const char *show(void)
{
    size_t at = 0;
    shown[0] = '\0';
    for (size_t i = 0; i < list.n; i++) {
        char text[NET_ADDRESS_TEXT];
        at += (size_t)snprintf(shown + at, sizeof shown - at, "%s%s%s", i ? " " : "",
                               net_address_text(&list.items[i].address, text),
                               list.items[i].is_best ? "*" : "");
    }
    return shown;
}

/* A shuffle that always draws the first. */
static size_t first(size_t n)
{
    (void)n;
    return 0;
}

/* S042: by preference, equals as they came. */
static void sorted_by_preference(void **state)
{
    (void)state;
    add("192.0.2.30", 30);
    add("192.0.2.10", 10);
    add("192.0.2.31", 30);
    add("192.0.2.0", 0);
    hosts_sort(&list);
    hosts_order(&list, NULL, AF_UNSPEC);
    assert_string_equal(show(), "192.0.2.0* 192.0.2.10 192.0.2.30 192.0.2.31");
    assert_int_equal(net_address_port(&list.items[0].address), 25);
}

/* S042: equals are shuffled, and stay among themselves. */
static void equals_are_shuffled(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "192.0.2.%u", i);
        add(text, i / 3);
    }
    hosts_order(&list, first, AF_UNSPEC);
    assert_string_equal(show(),
                        "192.0.2.1* 192.0.2.2* 192.0.2.0* 192.0.2.4 192.0.2.5 192.0.2.3");
}

static void family_goes_first_among_equals(void **state)
{
    (void)state;
    add("192.0.2.1", 10);
    add("2001:db8::1", 10);
    add("192.0.2.2", 10);
    add("2001:db8::2", 20);
    hosts_order(&list, NULL, AF_INET6);
    assert_string_equal(show(), "2001:db8::1* 192.0.2.1* 192.0.2.2* 2001:db8::2");
    hosts_order(&list, NULL, AF_INET);
    assert_string_equal(show(), "192.0.2.1* 192.0.2.2* 2001:db8::1* 2001:db8::2");
}

/* S046: one address under two names is one. */
static void one_address_is_tried_once(void **state)
{
    (void)state;
    add("192.0.2.1", 0);
    add("192.0.2.1", 10);
    add("192.0.2.2", 10);
    assert_string_equal(show(), "192.0.2.1 192.0.2.2");
    assert_int_equal(list.items[0].preference, 0);
}

static bool is_two(const struct net_address *a, const void *arg)
{
    struct net_address two = address_of("192.0.2.2");
    (void)arg;
    return net_address_eq(a, &two);
}

/* S047: nothing at our own preference or behind it. */
static void cut_at_ourselves(void **state)
{
    (void)state;
    add("192.0.2.1", 0);
    add("192.0.2.3", 10);
    add("192.0.2.2", 10);
    add("192.0.2.4", 20);
    assert_int_equal(hosts_cut_self(&list, is_two, NULL), HOSTS_CUT);
    assert_string_equal(show(), "192.0.2.1");
    assert_int_equal(hosts_cut_self(&list, is_two, NULL), HOSTS_NOT_SELF);
    list.n = 0;
    add("192.0.2.2", 0);
    add("192.0.2.4", 20);
    assert_int_equal(hosts_cut_self(&list, is_two, NULL), HOSTS_ONLY_SELF);
    assert_int_equal(list.n, 0);
}

/* S045: the limit leaves one of the other family. */
static void balanced_below_the_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "2001:db8::%u", i + 1);
        add(text, 0);
    }
    add("192.0.2.1", 10);
    hosts_balance(&list, 10);
    assert_string_equal(
        show(), "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 192.0.2.1");
    hosts_balance(&list, 3);
    assert_string_equal(
        show(), "2001:db8::1 2001:db8::2 192.0.2.1 2001:db8::4 2001:db8::5 2001:db8::3");
    hosts_balance(&list, 1);
    assert_int_equal(list.n, 6);
}

/* More than the first allocation holds. */
static void many(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "192.0.2.%u", i);
        add(text, 200 - i);
    }
    hosts_sort(&list);
    assert_int_equal(list.n, 200);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(list.items[i].preference, i + 1);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    list = (struct hosts){.n = 0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

#define TARGETS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGETS(sorted_by_preference),
        TARGETS(equals_are_shuffled),
        TARGETS(family_goes_first_among_equals),
        TARGETS(one_address_is_tried_once),
        TARGETS(cut_at_ourselves),
        TARGETS(balanced_below_the_limit),
        TARGETS(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
