/* list - LIST and LSUB
 *
 * RFC 9051 6.3.9; RFC 3501 6.3.9 (LSUB); RFC 5258, RFC 5819, RFC 6154, RFC 8440,
 * RFC 9590 for what LIST may return beside the names.
 */
#include "imap/list.h"

#include "imap.h"
#include "imap/command.h"
#include "imap/write.h"

struct listing {
    struct imap *imap;
    struct imap_list what;
    struct view *patterns; /* with the reference in front */
    struct account_folder *folders;
    size_t n;
};

static bool matches(const struct listing *l, struct view name)
{
    for (size_t i = 0; i < l->what.pattern_count; i++) {
        if (imap_list_match(l->patterns[i], name, '/') == IMAP_MATCH_YES)
            return true;
    }
    return false;
}

static bool is_below(struct view name, struct view above)
{
    return name.n > above.n && view_starts(name, above) && name.p[above.n] == '/';
}

/* Has folder AT something below it that the client subscribed to, and that the pattern
 * does not show? They follow it in the list. */
static bool hides_subscribed(const struct listing *l, size_t at)
{
    for (size_t i = at + 1; i < l->n && is_below(l->folders[i].name, l->folders[at].name);
         i++) {
        if (l->folders[i].is_subscribed && !matches(l, l->folders[i].name))
            return true;
    }
    return false;
}

static void add_attributes(const struct listing *l, const struct account_folder *f)
{
    struct str *out = &l->imap->scratch;
    bool tell_subscribed = l->what.select & IMAP_LIST_SUBSCRIBED ||
                           l->what.returns & IMAP_LIST_RETURN_SUBSCRIBED;

    if (!f->exists)
        str_add_cstr(out, l->what.is_extended ? "\\NonExistent " : "\\Noselect ");
    if (f->no_inferiors)
        str_add_cstr(out, "\\Noinferiors");
    else
        str_add_cstr(out, f->has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (tell_subscribed && f->is_subscribed)
        str_add_cstr(out, " \\Subscribed");
    imap_add_special_uses(l->imap, f->special_use);
}

static void send_name(const struct listing *l, const struct account_folder *f,
                      bool with_childinfo)
{
    struct imap *s = l->imap;

    str_set(&s->scratch, VIEW("* LIST ("));
    add_attributes(l, f);
    str_add_cstr(&s->scratch, ") \"/\" ");
    imap_add_mailbox(s, f->name);
    if (with_childinfo)
        str_add_cstr(&s->scratch, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
}

/* --- what comes beside a name --- */

static void send_rights(struct imap *s, const struct account_folder *f,
                        const struct namespace_target *target)
{
    str_set(&s->scratch, VIEW("* MYRIGHTS "));
    imap_add_mailbox(s, f->name);
    str_add_char(&s->scratch, ' ');
    imap_write_rights(target->rights, true, &s->scratch);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
}

static void send_status(struct imap *s, const struct account_folder *f,
                        struct namespace_target *target, unsigned items)
{
    struct error e = ERROR_INIT;

    str_set(&s->scratch, VIEW("* STATUS "));
    if (imap_add_status(s, target, f->name, items, &e) == STORE_OK) {
        str_add_cstr(&s->scratch, "\r\n");
        imap_send_scratch(s);
    }
    str_clear(&s->scratch);
}

static void send_metadata(const struct listing *l, const struct account_folder *f,
                          struct namespace_target *target)
{
    imap_send_metadata(l->imap, target, f->name,
                       &(struct imap_getmetadata){.entries = l->what.metadata,
                                                  .count = l->what.metadata_count});
}

static void send_more(const struct listing *l, const struct account_folder *f)
{
    struct imap *s = l->imap;
    struct namespace_target target;
    struct error e = ERROR_INIT;
    unsigned returns = l->what.returns;

    if (!f->exists ||
        !(returns & (IMAP_LIST_RETURN_STATUS | IMAP_LIST_RETURN_MYRIGHTS |
                     IMAP_LIST_RETURN_METADATA)) ||
        namespace_resolve(&s->names, f->name, s->arena, &target, &e) != STORE_OK)
        return;
    if (returns & IMAP_LIST_RETURN_STATUS && target.rights & ACL_READ)
        send_status(s, f, &target, l->what.status);
    if (returns & IMAP_LIST_RETURN_MYRIGHTS)
        send_rights(s, f, &target);
    if (returns & IMAP_LIST_RETURN_METADATA)
        send_metadata(l, f, &target);
    account_close(target.account);
}

/* --- the names --- */

static void list_folder(const struct listing *l, size_t i)
{
    const struct account_folder *f = &l->folders[i];
    unsigned select = l->what.select;
    bool recursive = select & IMAP_LIST_RECURSIVEMATCH;
    bool childinfo = false;

    if (!matches(l, f->name))
        return;
    if (select & IMAP_LIST_SUBSCRIBED) {
        childinfo = recursive && hides_subscribed(l, i);
        if (!f->is_subscribed && !childinfo)
            return;
    } else if (!f->exists && !f->has_children) {
        return; /* only subscribed */
    }
    if (select & IMAP_LIST_SPECIAL_USE && f->special_use == SPECIAL_NONE)
        return;
    send_name(l, f, childinfo);
    send_more(l, f);
}

static bool load(struct listing *l)
{
    struct imap *s = l->imap;
    struct error e = ERROR_INIT;

    l->patterns =
        arena_alloc_array(s->arena, l->what.pattern_count, sizeof l->patterns[0]);
    for (size_t i = 0; i < l->what.pattern_count; i++)
        l->patterns[i] = arena_printf(s->arena, "%.*s%.*s", VIEW_FMT(l->what.reference),
                                      VIEW_FMT(l->what.patterns[i]));
    enum store_result r = namespace_list(&s->names, s->arena, &l->folders, &l->n, &e);
    if (r != STORE_OK)
        imap_no_store(s, r, &e);
    return r == STORE_OK;
}

bool command_list(struct imap *s)
{
    struct listing l = {.imap = s};

    if (!imap_take_list(&s->in, &l.what))
        return false;
    if (!l.what.is_extended && l.what.pattern_count == 1 && l.what.patterns[0].n == 0) {
        imap_untagged(s, "LIST (\\Noselect) \"/\" \"\"");
        return imap_ok(s, "List completed.");
    }
    if (!load(&l))
        return true;
    for (size_t i = 0; i < l.n; i++)
        list_folder(&l, i);
    return imap_ok(s, "List completed.");
}

/* --- LSUB --- */

static void send_lsub(struct imap *s, struct view name, const char *attributes)
{
    str_set(&s->scratch, VIEW("* LSUB ("));
    str_add_cstr(&s->scratch, attributes);
    str_add_cstr(&s->scratch, ") \"/\" ");
    imap_add_mailbox(s, name);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
}

/* With "%" a level that has subscribed names below it stands for them. */
static void lsub_folder(const struct listing *l, size_t i)
{
    const struct account_folder *f = &l->folders[i];

    if (!matches(l, f->name))
        return;
    if (f->is_subscribed)
        send_lsub(l->imap, f->name, f->exists ? "" : "\\Noselect");
    else if (hides_subscribed(l, i))
        send_lsub(l->imap, f->name, "\\Noselect");
}

bool command_lsub(struct imap *s)
{
    struct listing l = {.imap = s};

    if (!imap_take_lsub(&s->in, &l.what))
        return false;
    if (!load(&l))
        return true;
    for (size_t i = 0; i < l.n; i++)
        lsub_folder(&l, i);
    return imap_ok(s, "Lsub completed.");
}
