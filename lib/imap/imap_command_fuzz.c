/* imap_command_fuzz - whole commands with literals, from the tag to the end */
#include "append.h"
#include "command.h"
#include "fetch.h"
#include "input.h"
#include "list.h"
#include "notify.h"
#include "sort.h"
#include "thread.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_append(struct imap_input *in)
{
    struct imap_append a;
    struct view name;
    bool more = true;
    if (!imap_take_mailbox(in, &name) || !imap_take_space(in))
        return false;
    for (int i = 0; more && i < 100; i++) {
        struct imap_catenate part = {.taken = 0};
        if (!imap_take_append(in, &a))
            return false;
        assert(in->at == in->line.n || a.is_catenate);
        do {
            if (a.is_catenate && !imap_take_catenate(in, &part))
                return false;
            if (!a.is_catenate || part.kind == IMAP_CATENATE_TEXT) {
                struct view line;
                view_cut(in->rest, '\n', &line, &in->rest);
                imap_input_continue(in, line);
            }
            struct imap_url url;
            if (a.is_catenate && part.kind == IMAP_CATENATE_URL &&
                imap_url_parse(in->arena, part.url, &url))
                assert(url.uid > 0 && view_is_utf8(url.mailbox));
        } while (a.is_catenate && part.kind != IMAP_CATENATE_END);
        if (!imap_take_append_end(in, &a) || !imap_take_append_more(in, &more))
            return false;
    }
    return !more;
}

/* What is written is taken again, and is the same. */
static void check_item(struct arena *arena, const struct imap_fetch_item *item)
{
    struct str out = STR_INIT(1 << 20);
    struct str again = STR_INIT(1 << 20);
    assert(imap_write_fetch_name(item, &out));
    struct imap_input in;
    struct imap_fetch fetch;
    if (item->has_partial) { /* the reply has no count */
        str_truncate(&out, out.n - 1);
        str_add_cstr(&out, ".1>");
    }
    imap_input_memory(&in, arena, str_view(&out));
    assert(imap_take_fetch(&in, &fetch) && fetch.count == 1);
    str_clear(&out);
    assert(imap_write_fetch_name(item, &out) &&
           imap_write_fetch_name(&fetch.items[0], &again));
    assert(view_eq(str_view(&out), str_view(&again)));
    str_done(&out);
    str_done(&again);
}

static bool take_fetch(struct imap_input *in)
{
    struct imap_set set;
    struct imap_fetch fetch;
    if (!imap_take_set(in, true, &set) || !imap_take_space(in) ||
        !imap_take_fetch(in, &fetch))
        return false;
    assert(fetch.count > 0 && fetch.count <= IMAP_FETCH_ITEMS);
    for (size_t i = 0; i < fetch.count; i++)
        check_item(in->arena, &fetch.items[i]);
    return true;
}

static bool take_store(struct imap_input *in)
{
    struct imap_set set;
    struct imap_store store;
    if (!imap_take_set(in, true, &set) || !imap_take_space(in) ||
        !imap_take_store(in, &store))
        return false;
    assert((store.flags.bits & ~IMAP_FLAGS_SETTABLE) == 0);
    return true;
}

static bool take_list(struct imap_input *in)
{
    struct imap_list list;
    if (!imap_take_list(in, &list))
        return false;
    assert(list.pattern_count > 0);
    for (size_t i = 0; i < list.pattern_count; i++) {
        assert(view_is_utf8(list.patterns[i]));
        imap_list_match(list.patterns[i], list.reference, '/');
        imap_list_match_below(list.patterns[i], VIEW("INBOX/a"), '/');
    }
    return true;
}

static bool take_status(struct imap_input *in)
{
    unsigned items;
    struct view name;
    return imap_take_mailbox(in, &name) && imap_take_space(in) &&
           imap_take_status_items(in, &items) && imap_take_end(in);
}

static bool take_login(struct imap_input *in)
{
    struct view user, password;
    return imap_take_astring(in, &user) && imap_take_space(in) &&
           imap_take_astring(in, &password) && imap_take_end(in);
}

#define TAKER(name, type)                                                                \
    static bool name(struct imap_input *in)                                              \
    {                                                                                    \
        struct type value;                                                               \
        return imap_##name(in, &value);                                                  \
    }
TAKER(take_select, imap_select)
TAKER(take_create, imap_create)
TAKER(take_id, imap_pairs)
TAKER(take_words, imap_words)
TAKER(take_setquota, imap_quota)
TAKER(take_setacl, imap_setacl)
TAKER(take_getmetadata, imap_getmetadata)
TAKER(take_setmetadata, imap_setmetadata)
TAKER(take_notify, imap_notify)
TAKER(take_search, imap_search)
TAKER(take_lsub, imap_list)

static bool take_sort(struct imap_input *in)
{
    struct imap_sort sort;
    struct imap_search search;
    return imap_take_sort(in, &sort, &search);
}

static bool take_thread(struct imap_input *in)
{
    enum imap_thread_algorithm algorithm;
    struct imap_search search;
    return imap_take_thread(in, &algorithm, &search);
}

static const struct {
    const char *name;
    bool (*take)(struct imap_input *in);
} commands[] = {{"APPEND", take_append},
                {"FETCH", take_fetch},
                {"STORE", take_store},
                {"LIST", take_list},
                {"LSUB", take_lsub},
                {"STATUS", take_status},
                {"LOGIN", take_login},
                {"SELECT", take_select},
                {"CREATE", take_create},
                {"ID", take_id},
                {"ENABLE", take_words},
                {"SETQUOTA", take_setquota},
                {"SETACL", take_setacl},
                {"GETMETADATA", take_getmetadata},
                {"SETMETADATA", take_setmetadata},
                {"NOTIFY", take_notify},
                {"SEARCH", take_search},
                {"SORT", take_sort},
                {"THREAD", take_thread}};

static bool take_command(struct imap_input *in)
{
    struct view tag, name;
    if (!imap_take_tag(in, &tag) || !imap_take_space(in) || !imap_take_word(in, &name) ||
        !imap_take_space(in))
        return false;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (view_eq_case(name, view_of(commands[i].name)))
            return commands[i].take(in);
    return imap_fail(in, "no such command");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 20000)
        return 0;
    struct arena *arena = arena_new();
    struct imap_input in;
    imap_input_memory(&in, arena, (struct view){(const char *)data + 1, size - 1});
    in.utf8 = data[0] & 1;
    in.literal_max = 1000;
    bool taken = take_command(&in);
    assert(taken == (in.error == NULL));
    assert(in.at <= in.line.n && (!taken || in.at == in.line.n));
    if (!taken && imap_input_skip(&in))
        assert(!in.has_failed);
    arena_free(arena);
    return 0;
}
