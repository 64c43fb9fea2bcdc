/* mh_sequences - the named sets of message numbers of an MH folder */
#include "store/mh_sequences.h"

#include "base/memory.h"
#include "base/number.h"

enum { SEQUENCES_MAX = 200, NAME_MAX_BYTES = 100 };

void mh_sequences_done(struct mh_sequences *s)
{
    for (size_t i = 0; i < s->n; i++) {
        memory_free(s->items[i].name);
        memory_free(s->items[i].bits);
    }
    memory_free(s->items);
    *s = (struct mh_sequences){0};
}

static struct mh_sequence *find(const struct mh_sequences *s, struct view name)
{
    for (size_t i = 0; i < s->n; i++)
        if (view_eq(view_of(s->items[i].name), name))
            return &s->items[i];
    return NULL;
}

static struct mh_sequence *make(struct mh_sequences *s, struct view name)
{
    struct mh_sequence *q = find(s, name);

    if (q || s->n == SEQUENCES_MAX)
        return q;
    s->items = memory_resize(s->items, (s->n + 1) * sizeof *s->items);
    q = &s->items[s->n++];
    *q = (struct mh_sequence){.name = memory_alloc(name.n + 1)};
    memcpy(q->name, name.p, name.n);
    return q;
}

static bool has(const struct mh_sequence *q, uint32_t number)
{
    return q && number <= q->top && (q->bits[number / 64] >> (number % 64) & 1);
}

static void set(struct mh_sequence *q, uint32_t number, bool is_in)
{
    if (number > q->top || !q->bits) {
        if (!is_in)
            return;
        uint32_t top = number < 512 ? 1023 : number * 2 - number % 64 + 63;
        size_t old = q->bits ? q->top / 64 + 1 : 0;
        q->bits = memory_resize(q->bits, (top / 64 + 1) * sizeof *q->bits);
        memset(q->bits + old, 0, (top / 64 + 1 - old) * sizeof *q->bits);
        q->top = top;
    }
    if (is_in)
        q->bits[number / 64] |= UINT64_C(1) << (number % 64);
    else
        q->bits[number / 64] &= ~(UINT64_C(1) << (number % 64));
}

/* "1-3" or "7" */
static void take_range(struct mh_sequence *q, struct view word)
{
    uint64_t first, last;

    if (!number_take_u64(&word, MH_NUMBER_MAX, &first) || first == 0)
        return;
    last = first;
    if (word.n > 0 && (word.p[0] != '-' || !number_parse_u64(view_from(word, 1), first,
                                                             MH_NUMBER_MAX, &last)))
        return;
    for (uint64_t n = first; n <= last; n++)
        set(q, (uint32_t)n, true);
}

bool mh_sequences_parse(struct mh_sequences *s, struct view text)
{
    struct view line, name, ranges, word;

    while (text.n > 0) {
        view_cut(text, '\n', &line, &text);
        if (!view_cut(line, ':', &name, &ranges))
            continue;
        name = view_trim_space(name);
        if (name.n == 0 || name.n > NAME_MAX_BYTES || view_has(name, '\0'))
            continue;
        struct mh_sequence *q = make(s, name);
        if (!q)
            return false;
        while (view_token(&ranges, VIEW(" \t\r"), &word))
            take_range(q, word);
    }
    return true;
}

void mh_sequences_format(const struct mh_sequences *s, struct str *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct mh_sequence *q = &s->items[i];
        size_t before = out->n;
        bool any = false;
        str_addf(out, "%s:", q->name);
        for (uint32_t n = 1; q->bits && n <= q->top; n++) {
            if (!has(q, n))
                continue;
            uint32_t last = n;
            while (has(q, last + 1))
                last++;
            str_addf(out, " %u", n);
            if (last > n)
                str_addf(out, "-%u", last);
            any = true;
            n = last;
        }
        str_add_char(out, '\n');
        if (!any)
            str_truncate(out, before);
    }
}

bool mh_sequence_has(const struct mh_sequences *s, struct view name, uint32_t number)
{
    return has(find(s, name), number);
}

bool mh_sequence_set(struct mh_sequences *s, struct view name, uint32_t number,
                     bool is_in)
{
    struct mh_sequence *q = is_in ? make(s, name) : find(s, name);

    if (number == 0 || number > MH_NUMBER_MAX)
        return false;
    if (q)
        set(q, number, is_in);
    return q || !is_in;
}

void mh_sequences_forget(struct mh_sequences *s, uint32_t number)
{
    for (size_t i = 0; i < s->n; i++)
        set(&s->items[i], number, false);
}

bool mh_is_sequence_name(struct view name)
{
    static const char *const own[] = {"cur",     "all",     "first",  "last",
                                      "prev",    "next",    "unseen", "replied",
                                      "flagged", "deleted", "draft"};

    if (name.n == 0 || name.n > NAME_MAX_BYTES || !ascii_is_alpha(name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]))
            return false;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (view_eq_case(name, view_of(own[i])))
            return false;
    return true;
}
