/* acl - access lists of mailboxes, RFC 4314 */
#include "base/memory.h"
#include "store/driver.h"

enum { ENTRIES_MAX = 200, IDENTIFIER_MAX = 255 };

bool acl_parse(struct view letters, unsigned *rights)
{
    static const char all[] = ACL_RIGHTS;

    *rights = 0;
    for (size_t i = 0; i < letters.n; i++) {
        char c = letters.p[i];
        const char *at = c ? strchr(all, c) : NULL;
        if (c == 'c')
            *rights |= ACL_CREATE;
        else if (c == 'd')
            *rights |= ACL_DELETE | ACL_DELETE_MESSAGES | ACL_EXPUNGE;
        else if (at)
            *rights |= 1u << (at - all);
        else
            return false;
    }
    return true;
}

void acl_format(unsigned rights, char out[ACL_RIGHTS_MAX])
{
    static const char all[] = ACL_RIGHTS;
    size_t n = 0;

    for (size_t i = 0; all[i]; i++)
        if (rights >> i & 1)
            out[n++] = all[i];
    out[n] = '\0';
}

/* The record of NAME; when there is no such mailbox, that of the nearest one above. */
static struct folder_record *record_for(struct account *a, struct view name)
{
    for (;;) {
        struct folder_record *r = folder_file_get(&a->folders, name);
        size_t slash = view_rfind(name, '/');
        if ((r && r->id) || slash == VIEW_NPOS)
            return r;
        name = view_sub(name, 0, slash);
    }
}

static unsigned rights_of(const struct folder_record *r, const char *sign,
                          struct view who)
{
    struct str key = STR_INIT(IDENTIFIER_MAX + 2);
    unsigned rights = 0;

    str_setf(&key, "%s%.*s", sign, VIEW_FMT(who));
    struct folder_item *i = folder_item_get(r->acl, str_view(&key));
    if (!i || !acl_parse(str_view(&i->value), &rights))
        rights = 0;
    str_done(&key);
    return rights;
}

unsigned account_rights(struct account *a, struct view name, struct view user)
{
    struct error ignored = ERROR_INIT;

    if (view_eq(user, view_of(a->place.owner)))
        return ACL_ALL;
    if (folder_file_read(&a->folders, &ignored) != STORE_OK)
        return 0;
    struct folder_record *r = record_for(a, name);
    if (!r)
        return 0;
    return (rights_of(r, "", VIEW("anyone")) | rights_of(r, "", user)) &
           ~(rights_of(r, "-", VIEW("anyone")) | rights_of(r, "-", user));
}

static enum store_result check_exists(struct account *a, struct view name,
                                      struct error *e)
{
    if (a->driver->exists(a, name))
        return STORE_OK;
    return store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                         VIEW_FMT(name));
}

enum store_result account_acl_get(struct account *a, struct view name,
                                  struct arena *arena, struct acl_entry **out, size_t *n,
                                  struct error *e)
{
    enum store_result result = check_exists(a, name, e);
    size_t count = 1;

    if (result == STORE_OK)
        result = folder_file_read(&a->folders, e);
    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_get(&a->folders, name);
    for (struct folder_item *i = r ? r->acl : NULL; i; i = i->next)
        count++;
    *out = arena_alloc_array(arena, count, sizeof **out);
    (*out)[0] = (struct acl_entry){arena_dup(arena, view_of(a->place.owner)), ACL_ALL};
    *n = 1;
    for (struct folder_item *i = r ? r->acl : NULL; i; i = i->next) {
        struct acl_entry *entry = &(*out)[(*n)++];
        entry->identifier = arena_dup(arena, view_of(i->name));
        if (!acl_parse(str_view(&i->value), &entry->rights))
            entry->rights = 0;
    }
    return STORE_OK;
}

static bool is_identifier(struct view v)
{
    if (v.n == 0 || v.n > IDENTIFIER_MAX || !view_is_utf8(v))
        return false;
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f)
            return false;
    return true;
}

enum store_result account_acl_set(struct account *a, struct view name,
                                  struct view identifier, unsigned rights,
                                  struct error *e)
{
    struct folder_identity id;
    char letters[ACL_RIGHTS_MAX];
    size_t count = 0;
    struct view plain =
        view_starts(identifier, VIEW("-")) ? view_from(identifier, 1) : identifier;

    if (!is_identifier(plain) || view_eq(plain, view_of(a->place.owner)))
        return store_refused(e, STORE_CANNOT, "the rights of %.*s cannot be changed",
                             VIEW_FMT(plain));
    enum store_result result = check_exists(a, name, e);
    if (result == STORE_OK)
        result = account_identity(a, name, &id, e);
    if (result == STORE_OK)
        result = folder_file_begin(&a->folders, e);
    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_make(&a->folders, name);
    for (struct folder_item *i = r->acl; i; i = i->next)
        count++;
    if (count >= ENTRIES_MAX && rights) {
        folder_file_cancel(&a->folders);
        return store_refused(e, STORE_LIMIT, "an access list has at most %d entries",
                             ENTRIES_MAX);
    }
    acl_format(rights, letters);
    folder_item_set(&r->acl, identifier, rights ? view_of(letters) : VIEW_NONE);
    result = folder_file_commit(&a->folders, e);
    if (result == STORE_OK)
        account_changed(a, name);
    return result;
}
