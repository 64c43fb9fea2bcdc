/* folder_text - the text of the folder file */
#include "store/folder_file.h"

#include "base/arena.h"
#include "base/memory.h"
#include "base/number.h"

#include <inttypes.h>

#define FIRST_LINE "diligence folders 1"
enum { FIELDS = 7 };

static void add_escaped(struct str *out, struct view v)
{
    str_add_char(out, '\t');
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\t' || c == '\n' || c == '\\' || c == '\0') {
            str_add_char(out, '\\');
            c = c == '\t' ? 't' : c == '\n' ? 'n' : c == '\0' ? '0' : '\\';
        }
        str_add_char(out, c);
    }
}

static void format_items(const struct folder_record *r, const char *word,
                         const struct folder_item *i, struct str *out)
{
    for (; i; i = i->next) {
        str_add_cstr(out, word);
        add_escaped(out, view_of(r->name));
        add_escaped(out, view_of(i->name));
        add_escaped(out, str_view(&i->value));
        str_add_char(out, '\n');
    }
}

static void format_record(const struct folder_record *r, struct str *out)
{
    if (r->id) {
        str_add_cstr(out, "mailbox");
        add_escaped(out, view_of(r->name));
        str_addf(out, "\t%016" PRIx64 "\t%" PRIu32 "\t%" PRIu32 "\t%u", r->id,
                 r->uidvalidity, r->ceiling, r->special_use);
        add_escaped(out, view_of(r->boot));
        str_add_char(out, '\n');
    }
    if (r->is_subscribed) {
        str_add_cstr(out, "subscribed");
        add_escaped(out, view_of(r->name));
        str_add_char(out, '\n');
    }
    format_items(r, "acl", r->acl, out);
    format_items(r, "entry", r->entries, out);
}

void folder_file_format(const struct folder_file *f, struct str *out)
{
    size_t at = 0;
    struct view name;
    void *value;

    str_addf(out, FIRST_LINE "\nuidvalidity\t%" PRIu32 "\n", f->last_validity);
    if (f->rename_from && f->rename_to) {
        str_add_cstr(out, "rename");
        add_escaped(out, view_of(f->rename_from));
        add_escaped(out, view_of(f->rename_to));
        str_add_char(out, '\n');
    }
    while (hash_next(f->records, &at, &name, &value))
        format_record(value, out);
}

/* One value, in ARENA without its escapes; false when it has none that we write. */
static bool unescape(struct view v, struct arena *arena, struct view *out)
{
    char *p = arena_alloc(arena, v.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\\') {
            c = ++i < v.n ? v.p[i] : 'x';
            if (c != 't' && c != 'n' && c != '0' && c != '\\')
                return false;
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == '0' ? '\0' : '\\';
        }
        p[n++] = c;
    }
    *out = (struct view){p, n};
    return true;
}

/* "mailbox NAME ID UIDVALIDITY CEILING SPECIAL BOOT" */
static bool parse_mailbox(struct folder_file *f, const struct view field[FIELDS])
{
    uint64_t id, validity, ceiling, special;

    if (!number_parse_base(field[2], 16, UINT64_MAX, &id) ||
        !number_parse_u64(field[3], 0, UINT32_MAX, &validity) ||
        !number_parse_u64(field[4], 1, UINT32_MAX, &ceiling) ||
        !number_parse_u64(field[5], 0, 255, &special))
        return false;
    struct folder_record *r = folder_file_make(f, field[1]);
    r->id = id;
    r->uidvalidity = (uint32_t)validity;
    r->ceiling = (uint32_t)ceiling;
    r->special_use = (unsigned)special;
    snprintf(r->boot, sizeof r->boot, "%.*s", VIEW_FMT(field[6]));
    return true;
}

static char *copy_text(struct view v)
{
    char *p = memory_alloc(v.n + 1);

    if (v.n > 0)
        memcpy(p, v.p, v.n);
    return p;
}

static bool parse_line(struct folder_file *f, const struct view field[FIELDS], size_t n)
{
    uint64_t validity;

    if (view_eq(field[0], VIEW("mailbox")) && n == 7)
        return parse_mailbox(f, field);
    if (view_eq(field[0], VIEW("subscribed")) && n == 2) {
        folder_file_make(f, field[1])->is_subscribed = true;
        return true;
    }
    if (view_eq(field[0], VIEW("acl")) && n == 4) {
        folder_item_set(&folder_file_make(f, field[1])->acl, field[2], field[3]);
        return true;
    }
    if (view_eq(field[0], VIEW("entry")) && n == 4) {
        folder_item_set(&folder_file_make(f, field[1])->entries, field[2], field[3]);
        return true;
    }
    if (view_eq(field[0], VIEW("rename")) && n == 3 && !f->rename_from) {
        f->rename_from = copy_text(field[1]);
        f->rename_to = copy_text(field[2]);
        return true;
    }
    if (view_eq(field[0], VIEW("uidvalidity")) && n == 2 &&
        number_parse_u64(field[1], 0, UINT32_MAX, &validity)) {
        f->last_validity = (uint32_t)validity;
        return true;
    }
    return false;
}

bool folder_file_parse(struct folder_file *f, struct view text)
{
    struct arena *arena = arena_new();
    struct view rest, line;
    bool ok = view_cut(text, '\n', &line, &rest) && view_eq(line, VIEW(FIRST_LINE));

    while (ok && rest.n > 0) {
        struct view field[FIELDS] = {{0}};
        size_t n = 0;
        ok = view_cut(rest, '\n', &line, &rest);
        for (bool more = ok; more && n < FIELDS; n++) {
            struct view raw;
            more = view_cut(line, '\t', &raw, &line);
            ok = ok && unescape(raw, arena, &field[n]);
        }
        ok = ok && parse_line(f, field, n);
        arena_reset(arena);
    }
    arena_free(arena);
    return ok;
}
