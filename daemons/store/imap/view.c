/* view - what the client has been told of the selected mailbox
 *
 * Messages come, go and change at any time; the client hears of it where its commands
 * allow (RFC 9051 5.2, 7.5.1).  Until then its message numbers stay what they were: the
 * view is a list of UIDs of its own, shared with other sessions as long as it is theirs
 * too.
 */
#include "base/memory.h"
#include "imap.h"
#include "imap/write.h"

uint32_t view_number(const struct view_of_mailbox *v, uint32_t uid)
{
    size_t i = uid_list_find(v->uids, uid);

    return i == SIZE_MAX ? 0 : (uint32_t)(i + 1);
}

size_t view_recent(const struct view_of_mailbox *v)
{
    size_t n = v->uids->n;

    while (n > 0 && v->uids->uids[n - 1] >= v->recent_first)
        n--;
    return v->recent_first ? v->uids->n - n : 0;
}

/* --- flags --- */

static bool is_recent(const struct imap *s, uint32_t uid)
{
    const struct view_of_mailbox *v = s->selected;

    return !(s->enabled & ENABLED_REV2) && v->recent_first != 0 &&
           uid >= v->recent_first && uid <= v->recent_last;
}

static size_t keyword_names(const struct mailbox *box, uint64_t bits, struct view *names)
{
    size_t n = 0;

    for (unsigned bit = 0; bits != 0; bit++, bits >>= 1) {
        if (bits & 1)
            names[n++] = mailbox_keyword_name(box, bit);
    }
    return n;
}

void view_add_flags(struct imap *s, const struct mailbox_message *m)
{
    struct view names[MAILBOX_KEYWORDS_MAX];
    size_t n = m->keywords ? keyword_names(s->selected->box, m->keywords, names) : 0;

    imap_write_flags(m->flags | (is_recent(s, m->uid) ? IMAP_FLAG_RECENT : 0u), names, n,
                     &s->scratch);
}

static unsigned known_keywords(const struct mailbox *box, struct view *names)
{
    unsigned n = 0;

    while (n < MAILBOX_KEYWORDS_MAX && mailbox_keyword_name(box, n).n > 0) {
        names[n] = mailbox_keyword_name(box, n);
        n++;
    }
    return n;
}

void view_send_known_flags(struct imap *s, bool permanent)
{
    struct view_of_mailbox *v = s->selected;
    struct view names[MAILBOX_KEYWORDS_MAX];
    unsigned n = known_keywords(v->box, names);

    str_set(&s->scratch, VIEW("* FLAGS "));
    imap_write_flags(IMAP_FLAGS_SETTABLE, names, n, &s->scratch);
    str_add_cstr(&s->scratch, "\r\n");
    if (permanent || n != v->keywords) {
        str_add_cstr(&s->scratch, "* OK [PERMANENTFLAGS ");
        if (v->is_read_only)
            str_add_cstr(&s->scratch, "()] No permanent flags\r\n");
        else if (n < MAILBOX_KEYWORDS_MAX)
            imap_write_permanent_flags(IMAP_FLAGS_SETTABLE, names, n, &s->scratch);
        else
            imap_write_flags(IMAP_FLAGS_SETTABLE, names, n, &s->scratch);
        if (!v->is_read_only)
            str_add_cstr(&s->scratch, "] Flags that last\r\n");
    }
    v->keywords = n;
    imap_send_scratch(s);
}

bool view_keywords(struct imap *s, struct mailbox *box, const struct imap_flags *flags,
                   uint64_t *bits)
{
    struct error e = ERROR_INIT;
    unsigned bit;

    *bits = 0;
    for (size_t i = 0; i < flags->count; i++) {
        enum store_result r = mailbox_keyword(box, flags->keywords[i], &bit, &e);
        if (r != STORE_OK) {
            imap_no_store(s, r, &e);
            return false;
        }
        *bits |= (uint64_t)1 << bit;
    }
    return true;
}

bool view_begin_fetch(struct imap *s, uint32_t uid)
{
    if (s->enabled & ENABLED_UIDONLY) {
        str_addf(&s->scratch, "* %u UIDFETCH (", uid);
        return true;
    }
    uint32_t number = view_number(s->selected, uid);
    if (number != 0)
        str_addf(&s->scratch, "* %u FETCH (", number);
    return number != 0;
}

void view_send_flags(struct imap *s, const struct mailbox_message *m)
{
    if (!view_begin_fetch(s, m->uid))
        return;
    if ((s->is_uid || s->enabled & (ENABLED_QRESYNC | ENABLED_REV2)) &&
        !(s->enabled & ENABLED_UIDONLY))
        str_addf(&s->scratch, "UID %u ", m->uid);
    if (s->enabled & ENABLED_CONDSTORE)
        str_addf(&s->scratch, "MODSEQ (%llu) ", (unsigned long long)m->modseq);
    str_add_cstr(&s->scratch, "FLAGS ");
    view_add_flags(s, m);
    str_add_cstr(&s->scratch, ")\r\n");
    imap_send_scratch(s);
}

/* Changes since v->modseq, but for those with the modseq EXCEPT. */
static void tell_flags(struct imap *s, uint64_t except)
{
    struct view_of_mailbox *v = s->selected;
    uint64_t now = mailbox_modseq(v->box);
    struct view names[MAILBOX_KEYWORDS_MAX];

    if (now == v->modseq)
        return;
    if (known_keywords(v->box, names) != v->keywords)
        view_send_known_flags(s, false);
    for (size_t i = mailbox_count(v->box); i-- > 0;) {
        const struct mailbox_message *m = mailbox_at(v->box, i);
        if (m && m->modseq > v->modseq && m->modseq != except &&
            uid_list_find(v->uids, m->uid) != SIZE_MAX)
            view_send_flags(s, m);
    }
    v->modseq = now;
}

void view_told(struct imap *s, uint64_t modseq)
{
    if (s->selected && modseq != 0)
        tell_flags(s, modseq);
}

/* --- messages that came and went --- */

static struct uid_list *list_new(size_t n)
{
    struct uid_list *l = memory_alloc(sizeof *l + n * sizeof l->uids[0]);

    l->references = 1;
    l->n = n;
    return l;
}

static void tell_expunged(struct imap *s, const struct uid_list *now)
{
    const struct uid_list *old = s->selected->uids;
    struct imap_set gone;
    size_t k = 0, removed = 0;

    imap_set_init(&gone, s->arena);
    for (size_t i = 0; i < old->n; i++) {
        while (k < now->n && now->uids[k] < old->uids[i])
            k++;
        if (k < now->n && now->uids[k] == old->uids[i])
            continue;
        if (s->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY))
            imap_set_add(&gone, old->uids[i]);
        else
            stream_printf(s->stream, "* %zu EXPUNGE\r\n", i + 1 - removed);
        removed++;
    }
    if (gone.count > 0) {
        str_set(&s->scratch, VIEW("* VANISHED "));
        imap_set_write(&gone, &s->scratch);
        str_add_cstr(&s->scratch, "\r\n");
        imap_send_scratch(s);
    }
}

/* What the client may know now: all that it knew, whether it is there or not, and what
 * is new behind it. */
static struct uid_list *keep_expunged(const struct uid_list *old,
                                      const struct uid_list *now)
{
    uint32_t last = old->n > 0 ? old->uids[old->n - 1] : 0;
    size_t first_new = now->n;

    while (first_new > 0 && now->uids[first_new - 1] > last)
        first_new--;
    struct uid_list *both = list_new(old->n + now->n - first_new);
    memcpy(both->uids, old->uids, old->n * sizeof old->uids[0]);
    memcpy(both->uids + old->n, now->uids + first_new,
           (now->n - first_new) * sizeof now->uids[0]);
    return both;
}

static bool has_expunged(const struct uid_list *old, const struct uid_list *now)
{
    return now->n < old->n || (old->n > 0 && memcmp(old->uids, now->uids,
                                                    old->n * sizeof old->uids[0]) != 0);
}

/* The number of messages grew, or those that went were made up for. */
static void tell_new(struct imap *s, uint32_t last_known)
{
    struct view_of_mailbox *v = s->selected;
    const struct imap_fetch *fetch = notify_fetch(s);
    uint32_t first = 0, last = 0;

    stream_printf(s->stream, "* %zu EXISTS\r\n", v->uids->n);
    if (mailbox_recent(v->box, !v->is_read_only, &first, &last)) {
        v->recent_first = v->recent_first ? v->recent_first : first;
        v->recent_last = last;
    }
    if (!(s->enabled & ENABLED_REV2))
        stream_printf(s->stream, "* %zu RECENT\r\n", view_recent(v));
    size_t known = v->uids->n;
    while (known > 0 && v->uids->uids[known - 1] > last_known)
        known--;
    if (fetch && known < v->uids->n)
        fetch_send(s, fetch, v->uids->uids + known, v->uids->n - known);
}

static void tell_messages(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;
    struct uid_list *now = mailbox_uids(v->box), *old = v->uids;
    uint32_t last = old->n > 0 ? old->uids[old->n - 1] : 0;

    if (now == old) {
        uid_list_release(now);
        return;
    }
    if (has_expunged(old, now) && s->may_expunge) {
        tell_expunged(s, now);
    } else if (has_expunged(old, now)) {
        struct uid_list *both = keep_expunged(old, now);
        uid_list_release(now);
        now = both;
    }
    v->uids = now;
    uid_list_release(old);
    if (now->n > 0 && now->uids[now->n - 1] > last)
        tell_new(s, last);
}

void view_sync(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;
    struct error e = ERROR_INIT;

    if (!v)
        return;
    if (mailbox_is_gone(v->box)) {
        imap_untagged(s, "BYE The selected mailbox was deleted.");
        s->is_closing = true;
        return;
    }
    if (mailbox_refresh(v->box, &e) != STORE_OK)
        return; /* the next command that needs the files will say so */
    tell_messages(s);
    tell_flags(s, 0);
}

void view_close(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;

    if (!v)
        return;
    teller_unlisten(s);
    s->selected = NULL;
    mailbox_close(v->box);
    account_close(v->account);
    uid_list_release(v->uids);
    imap_set_done(&v->saved);
    memory_free(v->name);
    memory_free(v);
}

/* --- the messages that a command names --- */

static bool take_numbers(struct imap *s, struct imap_set *set, struct uid_array *out)
{
    const struct uid_list *known = s->selected->uids;
    struct imap_set_cursor cursor = {0};
    uint32_t number;

    imap_set_resolve(set, (uint32_t)known->n);
    if (imap_set_max(set) > known->n)
        return imap_fail(&s->in, "Message number that is not there");
    out->uids = arena_alloc_array(s->arena, imap_set_size(set) + 1, sizeof out->uids[0]);
    while (imap_set_next(set, &cursor, &number))
        out->uids[out->n++] = known->uids[number - 1];
    return true;
}

static void take_uids(struct imap *s, struct imap_set *set, struct uid_array *out)
{
    const struct uid_list *known = s->selected->uids;
    size_t i = 0;

    imap_set_resolve(set, known->n > 0 ? known->uids[known->n - 1] : 0);
    out->uids = arena_alloc_array(s->arena, known->n + 1, sizeof out->uids[0]);
    for (size_t r = 0; r < set->count; r++) {
        while (i < known->n && known->uids[i] < set->ranges[r].first)
            i++;
        for (; i < known->n && known->uids[i] <= set->ranges[r].last; i++)
            out->uids[out->n++] = known->uids[i];
    }
}

bool view_take_messages(struct imap *s, struct uid_array *out)
{
    struct imap_set set;

    *out = (struct uid_array){0};
    imap_set_init(&set, s->arena);
    if (!imap_take_set(&s->in, true, &set))
        return false;
    if (set.is_saved)
        imap_set_copy(&set, &s->selected->saved);
    else if (!s->is_uid)
        return take_numbers(s, &set, out);
    take_uids(s, &set, out);
    out->asked = set;
    return true;
}

void view_make_set(struct imap *s, const uint32_t *uids, size_t n, struct imap_set *out)
{
    imap_set_init(out, s->arena);
    for (size_t i = 0; i < n; i++) {
        uint32_t number = s->is_uid ? uids[i] : view_number(s->selected, uids[i]);
        if (number != 0)
            imap_set_add(out, number);
    }
}
