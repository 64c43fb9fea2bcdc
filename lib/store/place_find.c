/* place_find - tables of virtual users, accounts of the host, quota; see place_find.h */
#include "store/place_find.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "run/fiber.h"
#include "run/thread.h"
#include "store/virtual_mailbox.h"
#include "table/table.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

struct places {
    const struct conf *conf;
    bool acts_for_users;
    struct virtual_mailboxes *virtual_users;
    struct maps *quotas;
    struct lock_policy lock, virtual_lock;
};

static bool read_locks(struct places *p, struct error *e)
{
    const struct conf *c = p->conf;
    const struct lock_policy common = {.attempts =
                                           (unsigned)conf_int(c, P_deliver_lock_attempts),
                                       .delay = conf_time(c, P_deliver_lock_delay),
                                       .stale = conf_time(c, P_stale_lock_time)};

    p->lock = p->virtual_lock = common;
    if (!lock_policy_parse(conf_view(c, P_mailbox_delivery_lock), &p->lock, e) ||
        !lock_policy_parse(conf_view(c, P_virtual_mailbox_lock), &p->virtual_lock, e))
        return false;
    p->lock.dotlock_may_fail = true; /* the spool directory is not the user's */
    return true;
}

struct places *places_open(const struct conf *c, bool acts_for_users, struct error *e)
{
    struct places *p = NEW(struct places);

    p->conf = c;
    p->acts_for_users = acts_for_users;
    p->virtual_users = virtual_mailboxes_open(c, acts_for_users, e);
    if (p->virtual_users && read_locks(p, e)) {
        p->quotas = maps_open(c, conf_view(c, P_store_quota_maps), TABLE_FOLD);
        return p;
    }
    if (p->virtual_users)
        virtual_mailboxes_close(p->virtual_users);
    memory_free(p);
    return NULL;
}

void places_close(struct places *p)
{
    virtual_mailboxes_close(p->virtual_users);
    maps_close(p->quotas);
    memory_free(p);
}

/* --- quota --- */

/* "500M", "100k", "12345". */
static bool parse_size(struct view word, uint64_t *out)
{
    static const char units[] = "kmgt";
    uint64_t factor = 1;

    for (size_t i = 0; word.n > 0 && units[i]; i++)
        if (ascii_lower((unsigned char)word.p[word.n - 1]) == units[i]) {
            factor = UINT64_C(1) << 10 * (i + 1);
            word.n--;
            break;
        }
    return number_parse_u64(word, 0, INT64_MAX / (INT64_C(1) << 40), out) &&
           number_mul(*out, factor, out);
}

static bool parse_quota(struct view value, struct place *place)
{
    struct view word;

    if (!view_token(&value, VIEW(" ,\t"), &word) ||
        !parse_size(word, &place->quota_bytes))
        return false;
    if (!view_token(&value, VIEW(" ,\t"), &word))
        return true;
    return parse_size(word, &place->quota_messages) &&
           !view_token(&value, VIEW(" ,\t"), &word);
}

/* A table that cannot be asked must not open the gates: the caller tries again. */
static bool find_quota(struct places *p, struct view user, struct arena *a,
                       struct place *place, struct error *e)
{
    struct view value;
    struct error problem = ERROR_INIT;

    place->quota_bytes = (uint64_t)conf_int(p->conf, P_store_quota_bytes);
    place->quota_messages = (uint64_t)conf_int(p->conf, P_store_quota_messages);
    switch (maps_get(p->quotas, user, a, &value, &problem)) {
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_FOUND:
        if (parse_quota(value, place))
            return true;
        log_warning("store_quota_maps: %.*s: bad quota \"%.*s\"", VIEW_FMT(user),
                    VIEW_FMT(value));
        break;
    case TABLE_ERROR:
        log_warning("store_quota_maps: %.*s: %s", VIEW_FMT(user), error_cstr(&problem));
        break;
    }
    error_set(e, "4.3.5", "mail system configuration error");
    return false;
}

/* --- virtual users --- */

static const char *cstr(struct arena *a, struct view v)
{
    return arena_cstr(a, v);
}

static bool find_virtual(struct places *p, struct view user, struct arena *a,
                         struct place_found *out, struct error *e)
{
    struct virtual_mailbox box;
    struct place *place = &out->place;
    struct view base = conf_view(p->conf, P_virtual_mailbox_base);

    if (!virtual_mailbox_find(p->virtual_users, a, user, &box, e))
        return false;
    out->uid = box.uid;
    out->gid = box.gid;
    out->area = base.n > 0 ? cstr(a, base) : "/";
    if (box.is_maildir) {
        place->format = PLACE_MAILDIR;
        place->root = cstr(a, view_sub(box.path, 0, box.path.n - 1));
    } else {
        place->format = PLACE_MBOX;
        place->inbox = cstr(a, box.path);
        place->root = arena_printf(a, "%.*s.folders", VIEW_FMT(box.path)).p;
        place->lock = p->virtual_lock;
    }
    return true;
}

/* --- accounts of the host --- */

struct account_search {
    const char *name;
    struct passwd entry, *found;
    char buffer[4096];
    int code;
};

/* The name service may wait for a server. */
static void search_work(void *arg)
{
    struct account_search *s = arg;

    s->code = getpwnam_r(s->name, &s->entry, s->buffer, sizeof s->buffer, &s->found);
}

static bool find_account(const char *name, struct account_search *s, struct error *e)
{
    s->name = name;
    if (fiber_self())
        thread_run(search_work, s);
    else
        search_work(s);
    if (s->found)
        return true;
    if (s->code == 0 || s->code == ENOENT || s->code == ESRCH)
        error_set(e, "5.1.1", "unknown user: \"%s\"", name);
    else {
        errno = s->code;
        error_set_errno(e, "4.3.0", "account of \"%s\"", name);
    }
    return false;
}

/* Has the account mailboxes that this process may open? */
static bool check_account(const struct places *p, const struct passwd *account,
                          struct error *e)
{
    if (account->pw_uid == 0 && p->acts_for_users)
        error_set(e, "5.7.1", "the mail of root is read by another name: see aliases(5)");
    else if (account->pw_uid != geteuid() && !p->acts_for_users)
        error_set(e, "5.7.1", "not started by root: only one account has mail here");
    else if (account->pw_dir[0] != '/')
        error_set(e, "5.7.1", "the account has no home directory");
    else
        return true;
    return false;
}

static void place_at_home(const struct places *p, const struct passwd *account,
                          struct view mailbox, struct arena *a, struct place *place)
{
    struct view path = arena_printf(a, "%s/%.*s", account->pw_dir, VIEW_FMT(mailbox));
    struct view folders = conf_view(p->conf, P_store_folder_directory);

    if (view_ends(path, VIEW("/."))) { /* as procmail names MH folders */
        struct view inbox = view_sub(path, 0, path.n - 2), name, root;
        place->format = PLACE_MH;
        place->inbox = cstr(a, inbox);
        (void)view_rcut(inbox, '/', &root, &name);
        place->root = cstr(a, root);
    } else if (view_ends(path, VIEW("/"))) {
        place->format = PLACE_MAILDIR;
        place->root = cstr(a, view_sub(path, 0, path.n - 1));
    } else {
        place->format = PLACE_MBOX;
        place->inbox = cstr(a, path);
        place->root = arena_printf(a, "%s/%.*s", account->pw_dir, VIEW_FMT(folders)).p;
    }
}

static void place_in_spool(const struct places *p, const struct passwd *account,
                           struct arena *a, struct place *place)
{
    struct view spool = conf_view(p->conf, P_mail_spool_directory);
    struct view folders = conf_view(p->conf, P_store_folder_directory);
    bool is_maildir = view_ends(spool, VIEW("/"));
    const char *slash = is_maildir ? "" : "/";
    const char *path =
        arena_printf(a, "%.*s%s%s", VIEW_FMT(spool), slash, account->pw_name).p;

    place->format = is_maildir ? PLACE_MAILDIR : PLACE_MBOX;
    place->root = is_maildir
                      ? path
                      : arena_printf(a, "%s/%.*s", account->pw_dir, VIEW_FMT(folders)).p;
    place->inbox = is_maildir ? NULL : path;
}

static bool find_system(struct places *p, struct view user, struct arena *a,
                        struct place_found *out, struct error *e)
{
    struct account_search *s = ARENA_NEW(a, struct account_search);
    struct view mailbox = conf_view(p->conf, P_store_home_mailbox);
    struct view index = conf_view(p->conf, P_store_index_directory);

    if (!find_account(cstr(a, user), s, e) || !check_account(p, &s->entry, e))
        return false;
    out->uid = s->entry.pw_uid;
    out->gid = s->entry.pw_gid;
    out->account = s->entry.pw_name;
    out->area = s->entry.pw_dir;
    out->place.lock = p->lock;
    if (mailbox.n > 0)
        place_at_home(p, &s->entry, mailbox, a, &out->place);
    else
        place_in_spool(p, &s->entry, a, &out->place);
    if (index.n > 0 && out->place.format != PLACE_MAILDIR)
        out->place.index =
            arena_printf(a, "%.*s/%s", VIEW_FMT(index), s->entry.pw_name).p;
    return true;
}

bool places_find(struct places *p, struct view user, struct arena *a,
                 struct place_found *out, struct error *e)
{
    *out = (struct place_found){.place.host = conf_cstr(p->conf, P_myhostname)};
    if (user.n == 0 || view_has(user, '\0') || view_has(user, '/')) {
        error_set(e, "5.1.1", "unknown user: \"%.*s\"", VIEW_FMT(user));
        return false;
    }
    out->place.owner = cstr(a, user);
    bool is_found = view_has(user, '@') ? find_virtual(p, user, a, out, e)
                                        : find_system(p, user, a, out, e);
    return is_found && find_quota(p, user, a, &out->place, e);
}

/* --- as bytes --- */

/* Texts end with NUL; "\001" stands for NULL, which no path has. */
static void pack_text(const char *text, struct str *out)
{
    str_add_cstr(out, text ? text : "\001");
    str_add_char(out, '\0');
}

bool place_pack(const struct place *p, struct str *out)
{
    const struct lock_policy *l = &p->lock;

    str_addf(out, "%d %d %d %d %d %u %lld %lld %llu %llu", (int)p->format, l->use_fcntl,
             l->use_flock, l->use_dotlock, l->dotlock_may_fail, l->attempts,
             (long long)l->delay, (long long)l->stale, (unsigned long long)p->quota_bytes,
             (unsigned long long)p->quota_messages);
    str_add_char(out, '\0');
    pack_text(p->root, out);
    pack_text(p->inbox, out);
    pack_text(p->index, out);
    pack_text(p->owner, out);
    pack_text(p->host, out);
    return !out->overflow;
}

static bool unpack_text(struct view *rest, struct arena *a, const char **out)
{
    struct view text, tail;

    if (!view_cut(*rest, '\0', &text, &tail))
        return false;
    *rest = tail;
    *out = view_eq(text, VIEW("\001")) ? NULL : cstr(a, text);
    return true;
}

static bool unpack_numbers(struct view text, uint64_t out[10])
{
    struct view word;

    for (size_t i = 0; i < 10; i++)
        if (!view_token(&text, VIEW(" "), &word) ||
            !number_parse_u64(word, 0, INT64_MAX, &out[i]))
            return false;
    return text.n == 0 && out[0] <= PLACE_MH && out[5] <= UINT32_MAX;
}

bool place_unpack(struct view bytes, struct arena *a, struct place *out)
{
    struct view numbers, rest;
    uint64_t n[10];

    *out = (struct place){.root = NULL};
    if (!view_cut(bytes, '\0', &numbers, &rest) || !unpack_numbers(numbers, n) ||
        !unpack_text(&rest, a, &out->root) || !unpack_text(&rest, a, &out->inbox) ||
        !unpack_text(&rest, a, &out->index) || !unpack_text(&rest, a, &out->owner) ||
        !unpack_text(&rest, a, &out->host) || rest.n > 0 || !out->root || !out->owner)
        return false;
    out->format = (enum place_format)n[0];
    out->lock = (struct lock_policy){.use_fcntl = n[1],
                                     .use_flock = n[2],
                                     .use_dotlock = n[3],
                                     .dotlock_may_fail = n[4],
                                     .attempts = (unsigned)n[5],
                                     .delay = (int64_t)n[6],
                                     .stale = (int64_t)n[7]};
    out->quota_bytes = n[8];
    out->quota_messages = n[9];
    return true;
}
