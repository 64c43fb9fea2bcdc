/* address_fuzz - paths, quoting, lists and headers of hostile addresses */
#include "address.h"
#include "address_list.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An accepted path survives the way out and in again. */
static void check_path(struct view path, struct address_options options)
{
    struct str address = STR_INIT(ADDRESS_MAX);
    struct str quoted = STR_INIT(ADDRESS_QUOTED_MAX + 2);
    struct str again = STR_INIT(ADDRESS_MAX);
    if (address_parse_path(path, &options, &address) == ADDRESS_OK && address.n > 0) {
        str_add_char(&quoted, '<');
        assert(address_quote_821(str_view(&address), &quoted));
        str_add_char(&quoted, '>');
        assert(address_parse_path(str_view(&quoted), &options, &again) == ADDRESS_OK);
        assert(view_eq(str_view(&address), str_view(&again)));
    }
    str_done(&address);
    str_done(&quoted);
    str_done(&again);
}

/* A list that is written parses again, and no address comes from nowhere. */
static void check_list(struct view body)
{
    struct arena *arena = arena_new();
    struct str once = STR_INIT(1 << 20);
    struct str twice = STR_INIT(1 << 20);
    struct address_list *a = address_list_parse(arena, body, 0);
    assert(address_list_write(a, &once));
    struct address_list *b = address_list_parse(arena, str_view(&once), 0);
    assert(address_list_write(b, &twice));
    assert(a->count > 0 || b->count == 0);
    for (size_t i = 0; i < once.n; i++)
        assert(once.p[i] != '\r' || view_has(body, '\r'));
    address_list_fold(&twice);
    str_done(&once);
    str_done(&twice);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data, size > 65536 ? 65536 : size};
    check_path(
        v, (struct address_options){.allow_empty = true, .eight_bit = ADDRESS_8BIT_ANY});
    check_path(v,
               (struct address_options){.strict = true, .eight_bit = ADDRESS_8BIT_UTF8});
    check_list(v);
    struct view local, domain, user, extension;
    struct address_delimiters delimiters = {.set = VIEW("+-"), .ownreq_special = true};
    address_split_external(v, &local, &domain);
    address_split(v, &local, &domain);
    address_split_extension(local, &delimiters, &user, &extension);
    assert(user.n + extension.n <= local.n);
    host_literal_is_valid(v, NULL);
    hostname_is_valid_utf8(v);
    ipv6_is_valid(v);
    struct str folded = STR_INIT(200000);
    assert(address_fold(v, &folded) && folded.n == v.n);
    str_done(&folded);
    return 0;
}
