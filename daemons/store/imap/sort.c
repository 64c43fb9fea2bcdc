/* sort - SORT and THREAD: messages found, in an order
 *
 * RFC 5256; RFC 5267 (ESORT), RFC 5957 (SORT=DISPLAY).
 */
#include "imap/sort.h"

#include "imap/thread.h"
#include "message/header.h"
#include "message/subject.h"
#include "search_result.h"

/* Called for each message found, with its header. */
typedef void header_fn(struct imap *s, const struct mailbox_message *m, size_t i,
                       struct view headers, void *arg);

/* Walk over FOUND; messages that went meanwhile are passed over. */
static void each_header(struct imap *s, const struct found *found, bool with_headers,
                        header_fn *fn, void *arg)
{
    struct batch b;
    struct view headers = VIEW("");

    batch_init(&b, s, s->selected->box);
    for (size_t at = 0; at < found->n; at += BATCH_MESSAGES) {
        size_t n = found->n - at < BATCH_MESSAGES ? found->n - at : BATCH_MESSAGES;
        batch_load(&b, found->uids + at, n, with_headers ? KIND(CACHE_FIELDS) : 0);
        for (size_t i = 0; i < n; i++) {
            if (with_headers && !batch_piece(&b, i, CACHE_FIELDS, &headers))
                continue;
            const struct mailbox_message *m = mailbox_find(b.box, found->uids[at + i]);
            if (m)
                fn(s, m, at + i, headers, arg);
        }
        fiber_yield();
    }
    batch_done(&b);
}

/* --- SORT --- */

struct sorting {
    const struct imap_sort *sort;
    struct imap_sort_entry *entries;
    size_t n;
};

static void add_entry(struct imap *s, const struct mailbox_message *m, size_t i,
                      struct view headers, void *arg)
{
    struct sorting *sorting = arg;
    struct imap_sort_entry *entry = &sorting->entries[sorting->n++];
    unsigned keys = sorting->sort->keys;

    (void)i;
    *entry = (struct imap_sort_entry){
        .number = m->uid, .arrival = m->received, .size = m->size};
    if (keys & KIND(IMAP_SORT_DATE))
        entry->date = imap_sort_date(headers, m->received);
    for (unsigned k = 0; k < IMAP_SORT_TEXTS; k++) {
        struct str text = STR_INIT(65536);
        if (!(keys & KIND(k)))
            continue;
        imap_sort_text((enum imap_sort_key)k, headers, &text);
        entry->texts[k] = arena_dup(s->arena, str_view(&text));
        str_done(&text);
    }
}

bool command_sort(struct imap *s)
{
    struct imap_sort sort;
    struct imap_search what;
    struct found found;
    struct error e = ERROR_INIT;

    if (!imap_take_sort(&s->in, &sort, &what) || !finder_run(s, &what, &found))
        return false;
    struct sorting sorting = {
        .sort = &sort,
        .entries = arena_alloc_array(s->arena, found.n + 1, sizeof sorting.entries[0])};
    if (sort.keys & KIND(IMAP_SORT_SIZE) && found.n > 0)
        (void)!mailbox_sizes(s->selected->box, found.uids[0], found.uids[found.n - 1],
                             &e);
    bool with_headers = sort.keys & ~(KIND(IMAP_SORT_SIZE) | KIND(IMAP_SORT_ARRIVAL));
    each_header(s, &found, with_headers, add_entry, &sorting);
    imap_sort_entries(&sort, sorting.entries, sorting.n);
    for (size_t i = 0; i < sorting.n; i++)
        found.uids[i] = sorting.entries[i].number;
    search_tell(s, &what,
                &(struct search_result){.uids = found.uids,
                                        .n = sorting.n,
                                        .modseq = found.modseq,
                                        .with_modseq =
                                            imap_search_uses(&what, IMAP_SEARCH_MODSEQ)},
                "SORT");
    return imap_ok(s, "Sort completed.");
}

/* --- THREAD --- */

struct threading {
    struct imap_thread_message *messages;
    size_t n;
};

static void add_message(struct imap *s, const struct mailbox_message *m, size_t i,
                        struct view headers, void *arg)
{
    static const struct view names[] = {
        {"Message-ID", 10}, {"References", 10}, {"In-Reply-To", 11}, {"Subject", 7}};
    struct threading *t = arg;
    struct str text = STR_INIT(65536), base = STR_INIT(65536);
    struct view values[4];

    (void)i;
    message_header_values(headers, names, 4, values);
    struct imap_thread_message *out = &t->messages[t->n++];
    *out = (struct imap_thread_message){
        .number = s->is_uid ? m->uid : view_number(s->selected, m->uid),
        .date = imap_sort_date(headers, m->received),
        .message_id = arena_dup(s->arena, values[0]),
        .references = arena_dup(s->arena, values[1]),
        .in_reply_to = arena_dup(s->arena, values[2])};
    imap_sort_text(IMAP_SORT_SUBJECT, headers, &text);
    out->subject = arena_dup(s->arena, str_view(&text));
    message_base_subject(values[3], &out->is_reply, &base);
    str_done(&text);
    str_done(&base);
}

bool command_thread(struct imap *s)
{
    enum imap_thread_algorithm algorithm;
    struct imap_search what;
    struct found found;

    if (!imap_take_thread(&s->in, &algorithm, &what) || !finder_run(s, &what, &found))
        return false;
    struct threading t = {
        .messages = arena_alloc_array(s->arena, found.n + 1, sizeof t.messages[0])};
    each_header(s, &found, true, add_message, &t);
    struct imap_thread *threads = imap_thread(s->arena, algorithm, t.messages, t.n);
    str_set(&s->scratch, VIEW("* THREAD"));
    if (threads) {
        str_add_char(&s->scratch, ' ');
        imap_write_threads(threads, &s->scratch);
    }
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
    return imap_ok(s, "Thread completed.");
}
