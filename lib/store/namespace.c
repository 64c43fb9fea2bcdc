/* namespace - all mailboxes that one login sees: its own and what others share with it
 *
 * Whom somebody shares with stands in a file of that name in the directory of shares, one
 * identifier a line, so that a list need not open every account.
 */
#include "store/namespace.h"

#include "base/memory.h"
#include "base/number.h"
#include "store/driver.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum { OWNERS_MAX = 1000, SHARES_SIZE = 256 * 1024 };

/* "bob/x" behind the prefix: the owner and the name inside. */
static bool split(struct view name, struct view *owner, struct view *inner)
{
    if (!view_starts(name, VIEW(NAMESPACE_OTHERS)))
        return false;
    (void)view_cut(view_from(name, sizeof NAMESPACE_OTHERS - 1), '/', owner, inner);
    return true;
}

static enum store_result not_there(struct view name, struct error *e)
{
    return store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                         VIEW_FMT(name));
}

/* The account of OWNER, one reference. */
static enum store_result open_owner(struct namespace *s, struct view owner,
                                    struct arena *arena, struct account **out,
                                    struct error *e)
{
    struct place place = {.format = PLACE_MAILDIR};

    if (view_eq(owner, s->login)) {
        *out = account_retain(s->own);
        return STORE_OK;
    }
    if (owner.n == 0 || !s->resolver ||
        !s->resolver->place_of(s->resolver, owner, arena, &place))
        return not_there(owner, e);
    return account_open(&place, out, e);
}

enum store_result namespace_resolve(struct namespace *s, struct view name,
                                    struct arena *arena, struct namespace_target *out,
                                    struct error *e)
{
    struct view owner, inner = name;
    struct str clean = STR_INIT(2000);
    struct account *a = NULL;
    enum store_result r = STORE_OK;

    *out = (struct namespace_target){0};
    if (!split(name, &owner, &inner))
        a = account_retain(s->own);
    else if (!view_is_utf8(owner))
        r = not_there(VIEW("of others"), e);
    else
        r = open_owner(s, owner, arena, &a, e);
    if (r == STORE_OK && !account_name(a, inner, &clean))
        r = store_refused(e, STORE_CANNOT, "no mailbox can have this name");
    if (r == STORE_OK) {
        out->account = a;
        out->name = arena_dup(arena, str_view(&clean));
        out->rights = account_rights(a, out->name, s->login);
        if (!(out->rights & ACL_LOOKUP))
            r = not_there(name, e);
    }
    if (r != STORE_OK && a) {
        account_close(a);
        out->account = NULL;
    }
    str_done(&clean);
    return r;
}

/* --- shares --- */

/* A file's name for a login name: all but plain characters as %XX. */
static void share_path(const struct namespace *s, struct view owner, struct str *out)
{
    str_setf(out, "%s/", s->shares);
    for (size_t i = 0; i < owner.n; i++) {
        unsigned char c = (unsigned char)owner.p[i];
        if (ascii_is_alnum(c) || (view_has(VIEW("@._-+"), owner.p[i]) && i > 0))
            str_add_char(out, (char)c);
        else
            str_addf(out, "%%%02X", c);
    }
}

static bool decode_share(struct view file, struct str *out)
{
    uint64_t c;

    str_clear(out);
    for (size_t i = 0; i < file.n; i++) {
        if (file.p[i] != '%') {
            str_add_char(out, file.p[i]);
            continue;
        }
        struct view hex = view_sub(file, i + 1, 2);
        if (hex.n != 2 || !number_parse_base(hex, 16, 255, &c))
            return false;
        str_add_char(out, (char)c);
        i += 2;
    }
    return out->n > 0 && !out->overflow;
}

/* Does the text of a share name LOGIN? */
static bool names_login(struct view text, struct view login)
{
    struct view line;

    while (text.n > 0) {
        view_cut(text, '\n', &line, &text);
        if (view_eq(line, login) || view_eq(line, VIEW("anyone")))
            return true;
    }
    return false;
}

/* Write anew whom account A of the own login shares with. */
static enum store_result write_share(struct namespace *s, struct account *a,
                                     struct error *e)
{
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(SHARES_SIZE);
    enum store_result r = STORE_OK;
    size_t at = 0;
    struct view name;
    void *value;

    while (hash_next(a->folders.records, &at, &name, &value))
        for (struct folder_item *i = ((struct folder_record *)value)->acl; i; i = i->next)
            if (i->name[0] != '-' && !names_login(str_view(&text), view_of(i->name)))
                str_addf(&text, "%s\n", i->name);
    share_path(s, view_of(a->place.owner), &path);
    if (text.n > 0)
        r = store_write_file(str_cstr(&path), str_view(&text), e);
    else if (unlink(str_cstr(&path)) < 0 && errno != ENOENT)
        r = store_failed(e, "cannot remove %s", str_cstr(&path));
    str_done(&path);
    str_done(&text);
    return r;
}

enum store_result namespace_acl_set(struct namespace *s, struct account *a,
                                    struct view name, struct view identifier,
                                    unsigned rights, struct error *e)
{
    enum store_result r = account_acl_set(a, name, identifier, rights, e);

    if (r == STORE_OK && s->shares)
        r = write_share(s, a, e);
    return r;
}

/* --- list --- */

struct shared_list {
    struct account_folder *items;
    size_t n, cap;
};

static void add_folder(struct shared_list *l, const struct account_folder *f)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 32;
        l->items = memory_resize(l->items, l->cap * sizeof *l->items);
    }
    l->items[l->n++] = *f;
}

static void add_gap(struct shared_list *l, struct arena *arena, struct view name)
{
    struct account_folder gap = {.name = arena_dup(arena, name), .has_children = true};

    add_folder(l, &gap);
}

/* What OWNER lets the login look up. */
static void list_owner(struct namespace *s, struct view owner, struct arena *arena,
                       struct shared_list *l)
{
    struct error ignored = ERROR_INIT;
    struct account *a = NULL;
    struct account_folder *folders = NULL;
    size_t n = 0, before = l->n;

    if (view_eq(owner, s->login) || open_owner(s, owner, arena, &a, &ignored) != STORE_OK)
        return;
    struct view prefix = arena_printf(arena, NAMESPACE_OTHERS "%.*s", VIEW_FMT(owner));
    if (account_list(a, arena, &folders, &n, &ignored) != STORE_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        struct account_folder f = folders[i];
        if (!f.exists || !(account_rights(a, f.name, s->login) & ACL_LOOKUP))
            continue;
        if (l->n == before)
            add_gap(l, arena, prefix);
        f.name = arena_printf(arena, "%.*s/%.*s", VIEW_FMT(prefix), VIEW_FMT(f.name));
        f.is_subscribed = false; /* the owner's */
        f.special_use = 0;
        add_folder(l, &f);
    }
    account_close(a);
}

/* The owners who share with the login, in ARENA. */
static size_t find_owners(struct namespace *s, struct arena *arena, struct view *owners)
{
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(SHARES_SIZE),
               name = STR_INIT(300);
    DIR *d = s->shares ? opendir(s->shares) : NULL;
    struct dirent *item;
    size_t n = 0;

    while (d && n < OWNERS_MAX && (item = readdir(d)) != NULL) {
        str_setf(&path, "%s/%s", s->shares, item->d_name);
        if (item->d_name[0] != '.' && decode_share(view_of(item->d_name), &name) &&
            store_read_file(str_cstr(&path), &text) &&
            names_login(str_view(&text), s->login))
            owners[n++] = arena_dup(arena, str_view(&name));
    }
    if (d)
        closedir(d);
    str_done(&path);
    str_done(&text);
    str_done(&name);
    return n;
}

/* Subscriptions to mailboxes of others are the login's own, under their full names. */
static void take_subscriptions(const struct shared_list *own, struct shared_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        for (size_t j = 0; j < own->n; j++)
            if (own->items[j].is_subscribed &&
                view_eq(own->items[j].name, l->items[i].name))
                l->items[i].is_subscribed = true;
}

enum store_result namespace_list(struct namespace *s, struct arena *arena,
                                 struct account_folder **out, size_t *n, struct error *e)
{
    struct shared_list own = {0}, others = {0};
    enum store_result r = account_list(s->own, arena, &own.items, &own.n, e);

    if (r != STORE_OK)
        return r;
    struct view *owners = memory_alloc_array(OWNERS_MAX, sizeof *owners);
    size_t count = find_owners(s, arena, owners);
    for (size_t i = 0; i < count; i++)
        list_owner(s, owners[i], arena, &others);
    memory_free(owners);
    take_subscriptions(&own, &others);
    *out = arena_alloc_array(arena, own.n + others.n + 2, sizeof **out);
    *n = 0;
    for (size_t i = 0; i < own.n; i++) {
        struct view owner, inner;
        /* Subscribed names of others come from the others. */
        if (others.n == 0 || !split(own.items[i].name, &owner, &inner))
            (*out)[(*n)++] = own.items[i];
    }
    if (others.n > 0)
        (*out)[(*n)++] =
            (struct account_folder){.name = VIEW("Other Users"), .has_children = true};
    for (size_t i = 0; i < others.n; i++)
        (*out)[(*n)++] = others.items[i];
    memory_free(others.items);
    return r;
}
