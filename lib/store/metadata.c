/* metadata - annotations of mailboxes and of the account, RFC 5464 */
#include "base/memory.h"
#include "store/driver.h"

enum { ENTRY_MAX = 1024 };

/* Those of the server are under the empty name. */
static enum store_result check_exists(struct account *a, struct view name,
                                      struct error *e)
{
    if (name.n == 0 || a->driver->exists(a, name))
        return STORE_OK;
    return store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                         VIEW_FMT(name));
}

enum store_result account_metadata_get(struct account *a, struct view name,
                                       struct arena *arena, struct account_entry **out,
                                       size_t *n, struct error *e)
{
    enum store_result result = check_exists(a, name, e);
    size_t count = 1;

    if (result == STORE_OK)
        result = folder_file_read(&a->folders, e);
    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_get(&a->folders, name);
    for (struct folder_item *i = r ? r->entries : NULL; i; i = i->next)
        count++;
    *out = arena_alloc_array(arena, count, sizeof **out);
    *n = 0;
    for (struct folder_item *i = r ? r->entries : NULL; i; i = i->next)
        (*out)[(*n)++] = (struct account_entry){arena_dup(arena, view_of(i->name)),
                                                arena_dup(arena, str_view(&i->value))};
    return STORE_OK;
}

enum store_result account_metadata_set(struct account *a, struct view name,
                                       struct view entry, struct view value,
                                       struct error *e)
{
    struct folder_identity id;
    uint64_t count = 0;
    enum store_result result = check_exists(a, name, e);

    if (result == STORE_OK && (entry.n == 0 || entry.n > ENTRY_MAX))
        result = store_refused(e, STORE_CANNOT, "no annotation can have this name");
    if (result == STORE_OK && value.n > store_options.metadata_size)
        result = store_refused(e, STORE_LIMIT, "a value has at most %llu bytes",
                               (unsigned long long)store_options.metadata_size);
    if (result == STORE_OK && name.n > 0)
        result = account_identity(a, name, &id, e);
    if (result == STORE_OK)
        result = folder_file_begin(&a->folders, e);
    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_make(&a->folders, name);
    for (struct folder_item *i = r->entries; i; i = i->next)
        count++;
    if (value.p && count >= store_options.metadata_count &&
        !folder_item_get(r->entries, entry)) {
        folder_file_cancel(&a->folders);
        return store_refused(e, STORE_LIMIT, "a mailbox has at most %llu annotations",
                             (unsigned long long)store_options.metadata_count);
    }
    folder_item_set(&r->entries, entry, value);
    result = folder_file_commit(&a->folders, e);
    if (result == STORE_OK)
        account_changed(a, name);
    return result;
}
