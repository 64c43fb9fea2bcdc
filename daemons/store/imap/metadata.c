/* metadata - GETMETADATA, SETMETADATA: annotations of mailboxes and of the server
 *
 * RFC 5464.
 */
#include "imap.h"
#include "imap/command.h"
#include "imap/write.h"

#include <limits.h>

/* Is NAME one of the entries asked for, or below one as deep as DEPTH allows? */
static bool is_asked(const struct imap_getmetadata *get, struct view name)
{
    for (size_t i = 0; i < get->count; i++) {
        struct view entry = get->entries[i];
        if (view_eq_case(name, entry))
            return true;
        if (get->depth == 0 || !view_starts_case(name, entry) || name.n <= entry.n ||
            name.p[entry.n] != '/')
            continue;
        if (get->depth == UINT_MAX || !view_has(view_from(name, entry.n + 1), '/'))
            return true;
    }
    return false;
}

uint64_t imap_send_metadata(struct imap *s, const struct namespace_target *target,
                            struct view name, const struct imap_getmetadata *get)
{
    struct account_entry *entries;
    struct error e = ERROR_INIT;
    uint64_t longest = 0;
    size_t n, sent = 0;

    if (account_metadata_get(target->account, target->name, s->arena, &entries, &n, &e) !=
        STORE_OK)
        return 0;
    str_set(&s->scratch, VIEW("* METADATA "));
    imap_add_mailbox(s, name);
    for (size_t i = 0; i < n; i++) {
        if (!is_asked(get, entries[i].name))
            continue;
        if (get->has_max_size && entries[i].value.n > get->max_size) {
            longest = entries[i].value.n > longest ? entries[i].value.n : longest;
            continue;
        }
        str_add_cstr(&s->scratch, sent++ == 0 ? " (" : " ");
        imap_write_astring(entries[i].name, &s->scratch);
        str_add_char(&s->scratch, ' ');
        imap_write_nstring(entries[i].value, &s->scratch);
    }
    str_add_cstr(&s->scratch, ")\r\n");
    if (sent > 0)
        imap_send_scratch(s);
    str_clear(&s->scratch);
    return longest;
}

/* "" is the server, as the own account has it. */
static bool find_target(struct imap *s, struct view name, unsigned rights,
                        struct namespace_target *target)
{
    if (name.n > 0)
        return imap_target(s, name, rights, target);
    *target = (struct namespace_target){
        .account = account_retain(s->names.own), .name = VIEW(""), .rights = ACL_ALL};
    return true;
}

bool command_getmetadata(struct imap *s)
{
    struct namespace_target target;
    struct imap_getmetadata get;

    if (!imap_take_getmetadata(&s->in, &get))
        return false;
    if (!find_target(s, get.mailbox, ACL_LOOKUP, &target))
        return true;
    uint64_t longest = imap_send_metadata(s, &target, get.mailbox, &get);
    account_close(target.account);
    if (longest > 0)
        return imap_ok(s, "[METADATA LONGENTRIES %llu] Getmetadata completed.",
                       (unsigned long long)longest);
    return imap_ok(s, "Getmetadata completed.");
}

static bool refuse(struct imap *s, enum store_result r, const struct imap_pair *pair,
                   const struct error *e)
{
    if (r != STORE_LIMIT)
        return imap_no_store(s, r, e);
    if (pair->value.n > store_options.metadata_size)
        return imap_no(s, "[METADATA MAXSIZE %llu] The value is too long.",
                       (unsigned long long)store_options.metadata_size);
    return imap_no(s, "[METADATA TOOMANY] There are too many annotations.");
}

bool command_setmetadata(struct imap *s)
{
    struct namespace_target target;
    struct imap_setmetadata set;
    struct error e = ERROR_INIT;
    enum store_result r = STORE_OK;
    size_t i;

    if (!imap_take_setmetadata(&s->in, &set))
        return false;
    if (!find_target(s, set.mailbox, ACL_WRITE, &target))
        return true;
    for (i = 0; i < set.count && r == STORE_OK; i++) {
        struct view entry = arena_lower(s->arena, set.pairs[i].name);
        r = account_metadata_set(target.account, target.name, entry, set.pairs[i].value,
                                 &e);
    }
    account_close(target.account);
    if (r != STORE_OK)
        return refuse(s, r, &set.pairs[i - 1], &e);
    return imap_ok(s, "Setmetadata completed.");
}
