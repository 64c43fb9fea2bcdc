/* finder - which messages of the selected mailbox match a search program
 *
 * In two passes over some hundred messages at a time: first by what is in memory (flags,
 * numbers, dates, sizes), which often decides; then, for those still open, by headers
 * from the index and by files.
 */
#include "finder.h"

#include "base/clock.h"
#include "format/date.h"
#include "message/header.h"
#include "message/sketch.h"
#include "message/text.h"
#include "thread_id.h"

#include <stdio.h>

#define DAY 86400

enum verdict { NO, YES, OPEN };

struct finder {
    struct imap *imap;
    struct mailbox *box;
    struct imap_search *what;
    struct batch batch;
    struct arena *scratch; /* of one batch */
    unsigned pieces;
    int64_t now; /* seconds since 1970 */
};

/* --- before the search --- */

/* The piece of the index that tells about NODE. */
static enum mailbox_cache_kind piece_for(const struct imap_search_node *node)
{
    return node->key == IMAP_SEARCH_HEADER && !batch_has_field(node->header)
               ? CACHE_HEADERS
               : CACHE_FIELDS;
}

static bool prepare_node(struct finder *f, struct imap_search_node *node)
{
    struct imap *s = f->imap;
    const struct uid_list *uids = s->selected->uids;

    switch (node->key) {
    case IMAP_SEARCH_SET:
        if (s->enabled & ENABLED_UIDONLY)
            return imap_fail(&s->in,
                             "[UIDREQUIRED] Message numbers are not used any more");
        /* Numbers that are not there match nothing. */
        imap_set_resolve(&node->set, (uint32_t)uids->n);
        break;
    case IMAP_SEARCH_UID:
        if (node->set.is_saved)
            imap_set_copy(&node->set, &s->selected->saved);
        else
            imap_set_resolve(&node->set, uids->n > 0 ? uids->uids[uids->n - 1] : 0);
        break;
    case IMAP_SEARCH_HEADER:
        f->pieces |= KIND(piece_for(node));
        node->cookie = message_needle_new(s->arena, node->string);
        break;
    case IMAP_SEARCH_BODY:
    case IMAP_SEARCH_TEXT:
        f->pieces |= KIND(CACHE_SKETCH);
        if (node->key == IMAP_SEARCH_TEXT)
            f->pieces |= KIND(CACHE_HEADERS);
        node->cookie = message_needle_new(s->arena, node->string);
        break;
    case IMAP_SEARCH_SENT_BEFORE:
    case IMAP_SEARCH_SENT_ON:
    case IMAP_SEARCH_SENT_SINCE:
    case IMAP_SEARCH_THREADID:
        f->pieces |= KIND(CACHE_FIELDS);
        break;
    case IMAP_SEARCH_MODSEQ:
        s->enabled |= ENABLED_CONDSTORE;
        break;
    case IMAP_SEARCH_ALL:
    case IMAP_SEARCH_AND:
    case IMAP_SEARCH_OR:
    case IMAP_SEARCH_NOT:
    case IMAP_SEARCH_FLAG:
    case IMAP_SEARCH_KEYWORD:
    case IMAP_SEARCH_RECENT:
    case IMAP_SEARCH_SAVED:
    case IMAP_SEARCH_LARGER:
    case IMAP_SEARCH_SMALLER:
    case IMAP_SEARCH_BEFORE:
    case IMAP_SEARCH_ON:
    case IMAP_SEARCH_SINCE:
    case IMAP_SEARCH_SAVED_BEFORE:
    case IMAP_SEARCH_SAVED_ON:
    case IMAP_SEARCH_SAVED_SINCE:
    case IMAP_SEARCH_SAVEDATE_SUPPORTED:
    case IMAP_SEARCH_OLDER:
    case IMAP_SEARCH_YOUNGER:
    case IMAP_SEARCH_EMAILID:
        break;
    }
    return true;
}

/* Depth is bounded by IMAP_SEARCH_DEPTH. */
static bool prepare(struct finder *f, struct imap_search_node *node)
{
    if (!prepare_node(f, node))
        return false;
    for (struct imap_search_node *child = node->child; child; child = child->next) {
        if (!prepare(f, child))
            return false;
    }
    return true;
}

/* --- what is in memory --- */

static int64_t day_of(int64_t seconds)
{
    return seconds >= 0 ? seconds / DAY : (seconds - DAY + 1) / DAY;
}

static bool has_keyword(const struct finder *f, const struct mailbox_message *m,
                        struct view name)
{
    unsigned bit;

    return mailbox_keyword_find(f->box, name, &bit) && m->keywords >> bit & 1;
}

static bool is_recent(const struct finder *f, uint32_t uid)
{
    const struct view_of_mailbox *v = f->imap->selected;

    return v->recent_first != 0 && uid >= v->recent_first && uid <= v->recent_last;
}

static bool is_email_id(const struct mailbox_message *m, struct view text)
{
    char id[24];

    snprintf(id, sizeof id, "E%016llx", (unsigned long long)m->email_id);
    return view_eq_case(text, view_of(id));
}

static enum verdict verdict(bool is_match)
{
    return is_match ? YES : NO;
}

/* OPEN: the message's bytes are needed. */
static enum verdict judge_fact(const struct finder *f,
                               const struct imap_search_node *node,
                               const struct mailbox_message *m)
{
    const struct view_of_mailbox *v = f->imap->selected;

    switch (node->key) {
    case IMAP_SEARCH_ALL:
    case IMAP_SEARCH_SAVEDATE_SUPPORTED:
        return YES;
    case IMAP_SEARCH_FLAG:
        return verdict(m->flags & node->flag);
    case IMAP_SEARCH_KEYWORD:
        return verdict(has_keyword(f, m, node->string));
    case IMAP_SEARCH_RECENT:
        return verdict(is_recent(f, m->uid));
    case IMAP_SEARCH_SET:
        return verdict(imap_set_contains(&node->set, view_number(v, m->uid)));
    case IMAP_SEARCH_UID:
        return verdict(imap_set_contains(&node->set, m->uid));
    case IMAP_SEARCH_SAVED:
        return verdict(imap_set_contains(&v->saved, m->uid));
    case IMAP_SEARCH_LARGER:
        return verdict(m->size > node->number);
    case IMAP_SEARCH_SMALLER:
        return verdict(m->size < node->number);
    case IMAP_SEARCH_BEFORE:
        return verdict(day_of(m->received) < node->day);
    case IMAP_SEARCH_ON:
        return verdict(day_of(m->received) == node->day);
    case IMAP_SEARCH_SINCE:
        return verdict(day_of(m->received) >= node->day);
    case IMAP_SEARCH_SAVED_BEFORE:
        return verdict(day_of(m->saved) < node->day);
    case IMAP_SEARCH_SAVED_ON:
        return verdict(day_of(m->saved) == node->day);
    case IMAP_SEARCH_SAVED_SINCE:
        return verdict(day_of(m->saved) >= node->day);
    case IMAP_SEARCH_OLDER:
        return verdict(f->now - m->received >= (int64_t)node->number);
    case IMAP_SEARCH_YOUNGER:
        return verdict(f->now - m->received <= (int64_t)node->number);
    case IMAP_SEARCH_MODSEQ:
        return verdict(m->modseq >= node->number);
    case IMAP_SEARCH_EMAILID:
        return verdict(is_email_id(m, node->string));
    case IMAP_SEARCH_THREADID:
    case IMAP_SEARCH_HEADER:
    case IMAP_SEARCH_BODY:
    case IMAP_SEARCH_TEXT:
    case IMAP_SEARCH_SENT_BEFORE:
    case IMAP_SEARCH_SENT_ON:
    case IMAP_SEARCH_SENT_SINCE:
    case IMAP_SEARCH_AND:
    case IMAP_SEARCH_OR:
    case IMAP_SEARCH_NOT:
        break;
    }
    return OPEN;
}

/* --- what is in headers and bodies --- */

/* The day of the Date field as its writer's calendar had it (RFC 9051 6.4.4). */
static bool sent_day(struct view headers, int64_t *day)
{
    int64_t seconds;
    int offset;

    if (!date_parse(message_header_value(headers, VIEW("Date")), &seconds, &offset))
        return false;
    *day = day_of(seconds + (int64_t)offset * 60);
    return true;
}

static bool is_sent(const struct imap_search_node *node, struct view headers)
{
    int64_t day;

    if (!sent_day(headers, &day))
        return false;
    if (node->key == IMAP_SEARCH_SENT_BEFORE)
        return day < node->day;
    return node->key == IMAP_SEARCH_SENT_ON ? day == node->day : day >= node->day;
}

static bool is_thread_id(struct view headers, struct view text)
{
    char id[24];

    snprintf(id, sizeof id, "T%016llx", (unsigned long long)thread_id_of(headers));
    return view_eq_case(text, view_of(id));
}

static bool is_in_header(const struct imap_search_node *node, struct view headers)
{
    struct message_field field;

    if (node->string.n == 0)
        return message_header_find(headers, node->header, &field);
    return message_needle_in_header(node->cookie, headers, node->header);
}

/* Most messages are ruled out by their sketches; TEXT looks at the header too. */
static bool is_in_message(struct finder *f, const struct imap_search_node *node, size_t i)
{
    bool with_header = node->key == IMAP_SEARCH_TEXT;
    struct view sketch, bytes;

    if (!batch_piece(&f->batch, i, CACHE_SKETCH, &sketch))
        return false;
    if (!message_needle_may_be_in(node->cookie, sketch))
        return with_header && batch_piece(&f->batch, i, CACHE_HEADERS, &bytes) &&
               message_needle_in_header(node->cookie, bytes, VIEW(""));
    return batch_bytes(&f->batch, i, &bytes) &&
           message_needle_in_message(node->cookie, bytes, with_header);
}

/* A message whose bytes cannot be had does not match. */
static enum verdict judge_content(struct finder *f, const struct imap_search_node *node,
                                  size_t i)
{
    struct view bytes;

    if (node->key == IMAP_SEARCH_BODY || node->key == IMAP_SEARCH_TEXT)
        return verdict(is_in_message(f, node, i));
    if (!batch_piece(&f->batch, i, piece_for(node), &bytes))
        return NO;
    if (node->key == IMAP_SEARCH_HEADER)
        return verdict(is_in_header(node, bytes));
    if (node->key == IMAP_SEARCH_THREADID)
        return verdict(is_thread_id(bytes, node->string));
    return verdict(is_sent(node, bytes));
}

/* --- the program --- */

/* A place among the messages; INDEX is SIZE_MAX in the first pass. */
struct subject {
    const struct mailbox_message *message;
    size_t index;
};

static enum verdict judge(struct finder *f, const struct imap_search_node *node,
                          const struct subject *at);

static enum verdict judge_children(struct finder *f, const struct imap_search_node *node,
                                   const struct subject *at)
{
    enum verdict decisive = node->key == IMAP_SEARCH_OR ? YES : NO;
    enum verdict result = decisive == YES ? NO : YES;

    for (const struct imap_search_node *c = node->child; c; c = c->next) {
        enum verdict v = judge(f, c, at);
        if (v == decisive)
            return v;
        if (v == OPEN)
            result = OPEN;
    }
    return result;
}

static enum verdict judge(struct finder *f, const struct imap_search_node *node,
                          const struct subject *at)
{
    if (node->key == IMAP_SEARCH_AND || node->key == IMAP_SEARCH_OR)
        return judge_children(f, node, at);
    if (node->key == IMAP_SEARCH_NOT) {
        enum verdict v = judge(f, node->child, at);
        return v == OPEN ? OPEN : verdict(v == NO);
    }
    enum verdict v = judge_fact(f, node, at->message);
    if (v != OPEN || at->index == SIZE_MAX)
        return v;
    return judge_content(f, node, at->index);
}

static void add(struct found *found, const struct mailbox_message *m)
{
    found->uids[found->n++] = m->uid;
    if (m->modseq > found->modseq)
        found->modseq = m->modseq;
}

/* Look at the files of the messages that are still open.  Facts are taken as they were
 * when the message was copied: it may change or go meanwhile. */
static void search_open(struct finder *f, const uint32_t *uids, size_t n,
                        struct found *found)
{
    batch_load(&f->batch, uids, n, f->pieces);
    for (size_t i = 0; i < n; i++) {
        const struct mailbox_message *m = mailbox_find(f->box, uids[i]);
        if (!m)
            continue;
        struct mailbox_message then = *m;
        if (judge(f, f->what->root, &(struct subject){&then, i}) == YES)
            add(found, &then);
    }
    fiber_yield();
}

static void search_some(struct finder *f, const uint32_t *uids, size_t n,
                        struct found *found)
{
    uint32_t *open = arena_alloc_array(f->scratch, n, sizeof uids[0]);
    size_t n_open = 0;
    struct found sure = {.uids = arena_alloc_array(f->scratch, n, sizeof uids[0])};
    size_t start = found->n;

    for (size_t i = 0; i < n; i++) {
        const struct mailbox_message *m = mailbox_find(f->box, uids[i]);
        if (!m)
            continue;
        enum verdict v = judge(f, f->what->root, &(struct subject){m, SIZE_MAX});
        if (v == YES)
            add(&sure, m);
        else if (v == OPEN)
            open[n_open++] = m->uid;
    }
    if (n_open > 0)
        search_open(f, open, n_open, found);
    /* Merge what was sure from the back. */
    size_t left = found->n - start, right = sure.n;
    found->n += sure.n;
    for (size_t k = found->n; right > 0; k--) {
        if (left > 0 && found->uids[start + left - 1] > sure.uids[right - 1])
            found->uids[k - 1] = found->uids[start + --left];
        else
            found->uids[k - 1] = sure.uids[--right];
    }
    if (sure.modseq > found->modseq)
        found->modseq = sure.modseq;
}

bool finder_run(struct imap *s, struct imap_search *what, struct found *found)
{
    struct uid_list *uids = s->selected->uids; /* changes only in view_sync() */
    struct finder f = {.imap = s,
                       .box = s->selected->box,
                       .what = what,
                       .now = clock_wall() / CLOCK_SECOND};
    struct error e = ERROR_INIT;
    bool by_size = imap_search_uses(what, IMAP_SEARCH_LARGER) ||
                   imap_search_uses(what, IMAP_SEARCH_SMALLER);

    *found = (struct found){0};
    if (!prepare(&f, what->root))
        return false;
    if (by_size && uids->n > 0)
        (void)!mailbox_sizes(f.box, uids->uids[0], uids->uids[uids->n - 1], &e);
    found->uids = arena_alloc_array(s->arena, uids->n + 1, sizeof found->uids[0]);
    batch_init(&f.batch, s, f.box);
    f.scratch = arena_new();
    for (size_t i = 0; i < uids->n && !s->session->ending; i += BATCH_MESSAGES) {
        size_t n = uids->n - i < BATCH_MESSAGES ? uids->n - i : BATCH_MESSAGES;
        search_some(&f, uids->uids + i, n, found);
        arena_reset(f.scratch);
    }
    batch_done(&f.batch);
    arena_free(f.scratch);
    return true;
}
