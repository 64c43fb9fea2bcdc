/* search - SEARCH and UID SEARCH, and how results are told
 *
 * RFC 9051 6.4.4, 7.3.4; RFC 3501 7.2.5; RFC 4731 (ESEARCH), RFC 5182 (SAVE), RFC 7162
 * 3.1.5 (MODSEQ), RFC 9394 (PARTIAL).
 */
#include "search_result.h"

static uint32_t number_of(struct imap *s, uint32_t uid)
{
    return s->is_uid ? uid : view_number(s->selected, uid);
}

/* "1:3,7", in the order given: runs of rising numbers become ranges. */
static void add_ordered_set(struct imap *s, const uint32_t *uids, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t first = number_of(s, uids[i]), last = first;
        size_t k = i + 1;
        while (k < n && number_of(s, uids[k]) == last + 1) {
            last++;
            k++;
        }
        str_addf(&s->scratch, i > 0 ? ",%u" : "%u", first);
        if (last > first)
            str_addf(&s->scratch, ":%u", last);
        i = k;
    }
}

static void add_partial(struct imap *s, const struct imap_partial *partial,
                        const uint32_t *uids, size_t n)
{
    size_t low = partial->low, high = partial->high < n ? partial->high : n;

    str_add_cstr(&s->scratch, " PARTIAL (");
    imap_write_partial(partial, &s->scratch);
    str_add_char(&s->scratch, ' ');
    if (low > high)
        str_add_cstr(&s->scratch, "NIL");
    else
        add_ordered_set(s, uids + (partial->from_end ? n - high : low - 1),
                        high - low + 1);
    str_add_char(&s->scratch, ')');
}

static uint32_t extreme(const struct search_result *r, bool largest)
{
    uint32_t uid = r->uids[0];

    for (size_t i = 1; i < r->n; i++) {
        if (largest ? r->uids[i] > uid : r->uids[i] < uid)
            uid = r->uids[i];
    }
    return uid;
}

/* RFC 5182 2.1: with MIN and MAX alone only these are kept. */
static void save(struct imap *s, const struct search_result *r, unsigned returns)
{
    struct imap_set *saved = &s->selected->saved;
    bool only_ends = returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX) &&
                     !(returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT));

    imap_set_clear(saved);
    if (r->n == 0)
        return;
    for (size_t i = 0; i < r->n && !only_ends; i++)
        imap_set_add(saved, r->uids[i]);
    if (only_ends && returns & IMAP_RETURN_MIN)
        imap_set_add(saved, extreme(r, false));
    if (only_ends && returns & IMAP_RETURN_MAX)
        imap_set_add(saved, extreme(r, true));
}

static void send_extended(struct imap *s, const struct imap_search *what,
                          const struct search_result *r)
{
    struct str *out = &s->scratch;
    unsigned returns = what->has_return ? what->returns : (unsigned)IMAP_RETURN_ALL;

    str_set(out, VIEW("* ESEARCH (TAG \""));
    str_add(out, s->tag);
    str_add_cstr(out, "\")");
    if (s->is_uid)
        str_add_cstr(out, " UID");
    if (returns & IMAP_RETURN_MIN && r->n > 0)
        str_addf(out, " MIN %u", number_of(s, extreme(r, false)));
    if (returns & IMAP_RETURN_MAX && r->n > 0)
        str_addf(out, " MAX %u", number_of(s, extreme(r, true)));
    if (returns & IMAP_RETURN_COUNT)
        str_addf(out, " COUNT %zu", r->n);
    if (returns & IMAP_RETURN_ALL && r->n > 0) {
        str_add_cstr(out, " ALL ");
        add_ordered_set(s, r->uids, r->n);
    }
    if (returns & IMAP_RETURN_PARTIAL)
        add_partial(s, &what->partial, r->uids, r->n);
    if (r->with_modseq && r->n > 0)
        str_addf(out, " MODSEQ %llu", (unsigned long long)r->modseq);
    str_add_cstr(out, "\r\n");
    imap_send_scratch(s);
}

static void send_plain(struct imap *s, const struct search_result *r, const char *name)
{
    struct str *out = &s->scratch;

    str_clear(out);
    str_addf(out, "* %s", name);
    for (size_t i = 0; i < r->n; i++)
        str_addf(out, " %u", number_of(s, r->uids[i]));
    if (r->with_modseq && r->n > 0)
        str_addf(out, " (MODSEQ %llu)", (unsigned long long)r->modseq);
    str_add_cstr(out, "\r\n");
    imap_send_scratch(s);
}

void search_tell(struct imap *s, const struct imap_search *what,
                 const struct search_result *r, const char *name)
{
    bool is_only_saved = what->has_return && what->returns == IMAP_RETURN_SAVE;

    if (what->returns & IMAP_RETURN_SAVE)
        save(s, r, what->returns);
    if (is_only_saved)
        return;
    if (what->has_return || (s->enabled & ENABLED_REV2 && r->may_be_extended))
        send_extended(s, what, r);
    else
        send_plain(s, r, name);
}

bool command_search(struct imap *s)
{
    struct imap_search what;
    struct found found;

    if (!imap_take_search(&s->in, &what) || !finder_run(s, &what, &found))
        return false;
    search_tell(s, &what,
                &(struct search_result){.uids = found.uids,
                                        .n = found.n,
                                        .modseq = found.modseq,
                                        .with_modseq =
                                            imap_search_uses(&what, IMAP_SEARCH_MODSEQ),
                                        .may_be_extended = true},
                "SEARCH");
    return imap_ok(s, "Search completed.");
}
