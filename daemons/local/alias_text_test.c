/* alias_text_test - right-hand sides of aliases */
#include "alias_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Parse TEXT and compare with EXPECTED: one item a line, "a:", "f:", "c:" or "i:" in
 * front. */
static void check(const char *text, const char *expected)
{
    static const char letters[] = {'a', 'f', 'c', 'i'};
    struct arena *a = arena_new();
    struct alias_list list;
    char got[1000] = "";
    size_t n = 0;

    alias_text_parse(a, view_of(text), &list);
    for (size_t i = 0; i < list.n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%c:%.*s", i ? "\n" : "",
                              letters[list.items[i].kind], VIEW_FMT(list.items[i].text));
    assert_string_equal(got, expected);
    arena_free(a);
}

/* S143 S274: names and addresses. */
static void s143_s274_addresses(void **state)
{
    (void)state;
    check("chris", "a:chris");
    check("riri,fifi,loulou", "a:riri\na:fifi\na:loulou");
    check(" riri , fifi,,\tloulou ,", "a:riri\na:fifi\na:loulou");
    check("riri fifi", "a:riri\na:fifi");
    check("chris@maison.mrs, \\chris", "a:chris@maison.mrs\na:\\chris");
    check("Christian Caleca <chris@maison.mrs>, root", "a:chris@maison.mrs\na:root");
    check("\"Caleca, C.\" <chris@maison.mrs> (me, (and) you), x",
          "a:chris@maison.mrs\na:x");
    check("(only, a comment)", "");
    check("user (comment) , x(y)z", "a:user\na:xz");
    check("\"john doe\"@x.y", "a:john doe@x.y");
    check("user @ x.y, a@ b", "a:user@x.y\na:a@b");
    check("a\\,b", "a:a,b");
    check("<>, \"\"", "");
    check("", "");
}

/* S275 S276: commands, files, lists in files. */
static void s275_s276_commands_files_and_includes(void **state)
{
    (void)state;
    check("\"|/usr/bin/vacation chris\"", "c:/usr/bin/vacation chris");
    check("|/usr/bin/script", "c:/usr/bin/script");
    check("|\"/usr/bin/script a,b\", x", "c:/usr/bin/script a,b\na:x");
    check("|/usr/bin/script  one   two", "c:/usr/bin/script one two");
    check("\"|exec /bin/sh -c \\\"exit 67\\\"\"", "c:exec /bin/sh -c \"exit 67\"");
    check("|/bin/cmd <in (a); b", "c:/bin/cmd <in (a); b");
    check("/dev/null", "f:/dev/null");
    check("\"/var/mail/a b\", /x/y/", "f:/var/mail/a b\nf:/x/y/");
    check(":include:/etc/lists/all", "i:/etc/lists/all");
    check(":INCLUDE: /etc/lists/all, \":include:/a b\"", "i:/etc/lists/all\ni:/a b");
    check("\"|\"", "c:");
}

static void unfinished_texts(void **state)
{
    (void)state;
    check("\"|cmd", "c:cmd");
    check("a, (b", "a:a");
    check("name <x", "a:x");
    check("x\\", "a:x");
    check("\\", "a:\\");
    check("\"a\\", "a:a\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s143_s274_addresses),
        cmocka_unit_test(s275_s276_commands_files_and_includes),
        cmocka_unit_test(unfinished_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
