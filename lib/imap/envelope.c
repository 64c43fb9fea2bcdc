/* envelope - the ENVELOPE of a message (RFC 9051 7.5.2); see write.h */
#include "format/address.h"
#include "format/address_list.h"
#include "imap_private.h"
#include "message/header.h"
#include "write.h"

enum field {
    DATE,
    SUBJECT,
    FROM,
    SENDER,
    REPLY_TO,
    TO,
    CC,
    BCC,
    IN_REPLY_TO,
    MESSAGE_ID
};
#define FIELD_COUNT 10

static bool write_mailbox(const struct mailbox *m, struct str *out)
{
    struct view local, domain;
    struct view name = m->name.n > 0 ? m->name : m->comment;
    address_split(m->address, &local, &domain);
    if (name.n == 0)
        name = VIEW_NONE;
    if (domain.p == NULL)
        domain = VIEW("");
    if (local.p == NULL)
        local = VIEW("");
    bool ok = str_add_char(out, '(');
    ok = imap_write_value(name, out) && ok;
    ok = str_add(out, VIEW(" NIL ")) && ok;
    ok = imap_write_string(local, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_string(domain, out) && ok;
    return str_add_char(out, ')') && ok;
}

/* A group starts with its name and ends with four NILs. */
static bool write_group_start(struct view name, struct str *out)
{
    if (name.p == NULL)
        name = VIEW("");
    return str_add(out, VIEW("(NIL NIL ")) && imap_write_value(name, out) &&
           str_add(out, VIEW(" NIL)"));
}

static bool write_group_end(struct str *out)
{
    return str_add(out, VIEW("(NIL NIL NIL NIL)"));
}

static bool write_list(const struct address_list *list, struct str *out)
{
    if (list->count == 0 && list->group_count == 0)
        return str_add(out, VIEW("NIL"));
    bool ok = str_add_char(out, '(');
    size_t group = 0;
    bool inside = false;
    for (size_t i = 0; i <= list->count; i++) {
        for (;;) {
            const struct mailbox_group *g = &list->groups[group];
            if (group == list->group_count || g->first > i)
                break;
            if (!inside)
                ok = write_group_start(g->name, out) && ok;
            inside = i < g->first + g->count;
            if (inside)
                break;
            ok = write_group_end(out) && ok;
            group++;
        }
        if (i < list->count)
            ok = write_mailbox(&list->items[i], out) && ok;
    }
    return str_add_char(out, ')') && ok;
}

static bool write_addresses(struct arena *arena, struct view value, struct str *out)
{
    if (value.n == 0)
        return str_add(out, VIEW("NIL"));
    return write_list(address_list_parse(arena, value, 0), out);
}

/* Append N bytes of OUT itself, those at FROM. */
static bool repeat(size_t from, size_t n, struct str *out)
{
    char *to = str_reserve(out, n);
    if (to == NULL) {
        out->overflow = true;
        return false;
    }
    memcpy(to, out->p + from, n);
    to[n] = '\0';
    out->n += n;
    return true;
}

/* The six lists of addresses; Sender and Reply-To are From when they are not
 * there (RFC 9051 7.5.2). */
static bool write_all_addresses(const struct view *values, struct str *out)
{
    struct arena *arena = arena_new();
    size_t from = 0;
    size_t from_length = 0;
    bool ok = true;
    for (size_t i = FROM; i <= BCC; i++) {
        size_t start = out->n;
        bool defaults = (i == SENDER || i == REPLY_TO) && values[i].n == 0;
        ok = (defaults ? repeat(from, from_length, out)
                       : write_addresses(arena, values[i], out)) &&
             str_add_char(out, ' ') && ok;
        if (i == FROM) {
            from = start;
            from_length = out->n > start ? out->n - start - 1 : 0;
        }
    }
    arena_free(arena);
    return ok;
}

/* "A, B". */
static struct view join(struct arena *arena, struct view a, struct view b)
{
    char *both = arena_alloc(arena, a.n + b.n + 2);

    memcpy(both, a.p, a.n);
    memcpy(both + a.n, ", ", 2);
    if (b.n > 0)
        memcpy(both + a.n + 2, b.p, b.n);
    return (struct view){both, a.n + b.n + 2};
}

/* Old programs wrote several fields of recipients: they count as one (RFC 5322 4.5.3). */
static struct view join_fields(struct arena *arena, struct view header, struct view name,
                               struct view first)
{
    struct message_field field;
    struct view all = VIEW_NONE;

    while (first.p && message_header_next(&header, &field)) {
        if (view_eq_case(field.name, name))
            all = all.n > 0 ? join(arena, all, field.value) : field.value;
    }
    return all.n > 0 ? all : first;
}

bool imap_write_envelope(struct view header, struct str *out)
{
    static const struct view names[FIELD_COUNT] = {
        [DATE] = {"Date", 4},
        [SUBJECT] = {"Subject", 7},
        [FROM] = {"From", 4},
        [SENDER] = {"Sender", 6},
        [REPLY_TO] = {"Reply-To", 8},
        [TO] = {"To", 2},
        [CC] = {"Cc", 2},
        [BCC] = {"Bcc", 3},
        [IN_REPLY_TO] = {"In-Reply-To", 11},
        [MESSAGE_ID] = {"Message-ID", 10},
    };
    struct view values[FIELD_COUNT];
    struct arena *arena = arena_new();
    message_header_values(header, names, FIELD_COUNT, values);
    for (size_t i = TO; i <= BCC; i++)
        values[i] = join_fields(arena, header, names[i], values[i]);
    bool ok = str_add_char(out, '(');
    ok = imap_write_value(values[DATE], out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_value(values[SUBJECT], out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = write_all_addresses(values, out) && ok;
    arena_free(arena);
    ok = imap_write_value(values[IN_REPLY_TO], out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_value(values[MESSAGE_ID], out) && ok;
    return str_add_char(out, ')') && ok;
}
