/* fetch - items, sections and modifiers of FETCH; see fetch.h */
#include "fetch.h"

#include "imap_private.h"
#include "write.h"

static bool take_field_name(struct imap_input *in, void *context)
{
    struct imap_section *s = context;
    struct view name;
    return imap_take_astring(in, &name) &&
           imap_add_view(in, &s->fields, &s->field_count, IMAP_FIELDS_MAX, name);
}

/* The words of section-text, behind the numbers if there are some. */
static bool take_section_text(struct imap_input *in, struct imap_section *s)
{
    static const struct {
        const char *name;
        enum imap_section_text text;
    } texts[] = {{"HEADER", IMAP_SECTION_HEADER},
                 {"HEADER.FIELDS", IMAP_SECTION_FIELDS},
                 {"HEADER.FIELDS.NOT", IMAP_SECTION_FIELDS_NOT},
                 {"TEXT", IMAP_SECTION_TEXT},
                 {"MIME", IMAP_SECTION_MIME}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (imap_accept_word(in, texts[i].name))
            s->text = texts[i].text;
    if (s->text == IMAP_SECTION_ALL || (s->text == IMAP_SECTION_MIME && s->depth == 0))
        return imap_fail(in, "no such section of a message");
    if (s->text != IMAP_SECTION_FIELDS && s->text != IMAP_SECTION_FIELDS_NOT)
        return true;
    return imap_take_space(in) && imap_take_list_of(in, false, take_field_name, s);
}

/* What stands between the brackets. */
static bool take_section_spec(struct imap_input *in, struct imap_section *s)
{
    *s = (struct imap_section){.text = IMAP_SECTION_ALL};
    while (ascii_is_digit(imap_peek(in))) {
        if (s->depth == IMAP_SECTION_DEPTH)
            return imap_fail(in, "the part number is too long");
        s->numbers = imap_array_grow(in->arena, s->numbers, s->depth, sizeof *s->numbers);
        if (!imap_take_nz_number(in, &s->numbers[s->depth++]))
            return false;
        if (!imap_accept(in, '.'))
            return true;
    }
    if (s->depth == 0 && (imap_peek(in) == ']' || imap_peek(in) == -1))
        return true;
    return take_section_text(in, s);
}

bool imap_take_section(struct imap_input *in, struct imap_section *section)
{
    return imap_take_char(in, '[') && take_section_spec(in, section) &&
           imap_take_char(in, ']');
}

bool imap_section_parse(struct arena *arena, struct view text,
                        struct imap_section *section)
{
    struct imap_input in;
    imap_input_memory(&in, arena, text);
    return take_section_spec(&in, section) && imap_take_end(&in) && in.rest.n == 0;
}

/* "<offset.count>", if it is next. */
static bool take_byte_range(struct imap_input *in, struct imap_fetch_item *item)
{
    item->has_partial = imap_accept(in, '<');
    return !item->has_partial ||
           (imap_take_number64(in, &item->offset) && imap_take_char(in, '.') &&
            imap_take_nz_number64(in, &item->count) && imap_take_char(in, '>'));
}

/* BINARY has part numbers only. */
static bool take_binary(struct imap_input *in, struct imap_fetch_item *item)
{
    if (!imap_take_section(in, &item->section))
        return false;
    if (item->section.text != IMAP_SECTION_ALL)
        return imap_fail(in, "BINARY takes a part number only");
    return item->kind == IMAP_FETCH_BINARY_SIZE || take_byte_range(in, item);
}

/* "(LAZY)" behind PREVIEW; another list there is that of the modifiers. */
static bool take_preview(struct imap_input *in, struct imap_fetch_item *item)
{
    size_t start = in->at;
    item->is_lazy =
        imap_accept(in, ' ') && imap_accept(in, '(') && imap_accept_word(in, "LAZY");
    if (item->is_lazy)
        return imap_take_char(in, ')');
    in->at = start;
    return true;
}

static const struct item_name {
    const char *name;
    enum imap_fetch_kind kind;
    enum imap_section_text text;
    bool marks_seen;
} item_names[] = {
    {"FLAGS", IMAP_FETCH_FLAGS, IMAP_SECTION_ALL, false},
    {"UID", IMAP_FETCH_UID, IMAP_SECTION_ALL, false},
    {"INTERNALDATE", IMAP_FETCH_INTERNALDATE, IMAP_SECTION_ALL, false},
    {"RFC822.SIZE", IMAP_FETCH_SIZE, IMAP_SECTION_ALL, false},
    {"ENVELOPE", IMAP_FETCH_ENVELOPE, IMAP_SECTION_ALL, false},
    {"BODYSTRUCTURE", IMAP_FETCH_BODY_STRUCTURE, IMAP_SECTION_ALL, false},
    {"BODY.PEEK", IMAP_FETCH_SECTION, IMAP_SECTION_ALL, false},
    {"BODY", IMAP_FETCH_SECTION, IMAP_SECTION_ALL, true},
    {"RFC822", IMAP_FETCH_RFC822, IMAP_SECTION_ALL, true},
    {"RFC822.HEADER", IMAP_FETCH_RFC822_HEADER, IMAP_SECTION_HEADER, false},
    {"RFC822.TEXT", IMAP_FETCH_RFC822_TEXT, IMAP_SECTION_TEXT, true},
    {"BINARY.PEEK", IMAP_FETCH_BINARY, IMAP_SECTION_ALL, false},
    {"BINARY", IMAP_FETCH_BINARY, IMAP_SECTION_ALL, true},
    {"BINARY.SIZE", IMAP_FETCH_BINARY_SIZE, IMAP_SECTION_ALL, false},
    {"MODSEQ", IMAP_FETCH_MODSEQ, IMAP_SECTION_ALL, false},
    {"EMAILID", IMAP_FETCH_EMAILID, IMAP_SECTION_ALL, false},
    {"THREADID", IMAP_FETCH_THREADID, IMAP_SECTION_ALL, false},
    {"SAVEDATE", IMAP_FETCH_SAVEDATE, IMAP_SECTION_ALL, false},
    {"PREVIEW", IMAP_FETCH_PREVIEW, IMAP_SECTION_ALL, false},
};

static const struct item_name *find_item(struct view name)
{
    for (size_t i = 0; i < sizeof item_names / sizeof item_names[0]; i++)
        if (view_eq_case(name, view_of(item_names[i].name)))
            return &item_names[i];
    return NULL;
}

/* What may follow the name of ITEM. */
static bool take_item_rest(struct imap_input *in, struct imap_fetch_item *item)
{
    if (item->kind == IMAP_FETCH_SECTION)
        return imap_take_section(in, &item->section) && take_byte_range(in, item);
    if (item->kind == IMAP_FETCH_BINARY || item->kind == IMAP_FETCH_BINARY_SIZE)
        return take_binary(in, item);
    if (item->kind == IMAP_FETCH_PREVIEW)
        return take_preview(in, item);
    return true;
}

static bool add_item(struct imap_input *in, struct imap_fetch *fetch,
                     const struct imap_fetch_item *item)
{
    if (fetch->count == IMAP_FETCH_ITEMS)
        return imap_fail(in, "too many items to fetch");
    fetch->items =
        imap_array_grow(in->arena, fetch->items, fetch->count, sizeof *fetch->items);
    fetch->items[fetch->count++] = *item;
    fetch->kinds |= item->kind;
    fetch->marks_seen = fetch->marks_seen || item->marks_seen;
    return true;
}

static bool take_item(struct imap_input *in, void *context)
{
    struct imap_fetch *fetch = context;
    struct view name;
    if (!imap_take_word(in, &name))
        return false;
    const struct item_name *found = find_item(name);
    if (found == NULL)
        return imap_fail(in, "no such item to fetch");
    struct imap_fetch_item item = {.kind = found->kind,
                                   .section = {.text = found->text},
                                   .marks_seen = found->marks_seen};
    if (view_eq_case(name, VIEW("BODY")) && imap_peek(in) != '[') {
        item.kind = IMAP_FETCH_BODY_SIMPLE;
        item.marks_seen = false;
    }
    return take_item_rest(in, &item) && add_item(in, fetch, &item);
}

/* ALL, FAST, FULL: each is the one before it in this list and one more. */
static bool accept_macro(struct imap_input *in, struct imap_fetch *fetch, bool *found)
{
    static const enum imap_fetch_kind kinds[] = {
        IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE, IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE,
        IMAP_FETCH_BODY_SIMPLE};
    size_t count = imap_accept_word(in, "FAST")   ? 3
                   : imap_accept_word(in, "ALL")  ? 4
                   : imap_accept_word(in, "FULL") ? 5
                                                  : 0;
    *found = count > 0;
    for (size_t i = 0; i < count; i++)
        if (!add_item(in, fetch, &(struct imap_fetch_item){.kind = kinds[i]}))
            return false;
    return true;
}

static bool take_modifier(struct imap_input *in, void *context)
{
    struct imap_fetch *fetch = context;
    if (imap_accept_word(in, "CHANGEDSINCE")) {
        fetch->has_changed_since = true;
        return imap_take_space(in) && imap_take_number64(in, &fetch->changed_since);
    }
    if (imap_accept_word(in, "VANISHED")) {
        fetch->vanished = true;
        return true;
    }
    if (imap_accept_word(in, "PARTIAL")) {
        fetch->has_partial = true;
        return imap_take_space(in) && imap_take_partial(in, &fetch->partial);
    }
    return imap_fail(in, "no such modifier of FETCH");
}

bool imap_take_fetch_items(struct imap_input *in, struct imap_fetch *fetch)
{
    *fetch = (struct imap_fetch){0};
    bool macro;
    if (!accept_macro(in, fetch, &macro))
        return false;
    if (macro)
        return true;
    return imap_peek(in) == '(' ? imap_take_list_of(in, false, take_item, fetch)
                                : take_item(in, fetch);
}

bool imap_take_fetch(struct imap_input *in, struct imap_fetch *fetch)
{
    if (!imap_take_fetch_items(in, fetch))
        return false;
    if (imap_accept(in, ' ') && !imap_take_list_of(in, false, take_modifier, fetch))
        return false;
    if (fetch->vanished && !fetch->has_changed_since)
        return imap_fail(in, "VANISHED wants CHANGEDSINCE");
    return imap_take_end(in);
}

static bool write_section(const struct imap_section *s, struct str *out)
{
    static const char *const texts[] = {
        "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"};
    bool ok = str_add_char(out, '[');
    for (size_t i = 0; i < s->depth; i++)
        ok = str_addf(out, i > 0 ? ".%u" : "%u", s->numbers[i]) && ok;
    if (s->depth > 0 && s->text != IMAP_SECTION_ALL)
        ok = str_add_char(out, '.') && ok;
    ok = str_add_cstr(out, texts[s->text]) && ok;
    for (size_t i = 0; i < s->field_count; i++)
        ok = str_add_cstr(out, i == 0 ? " (" : " ") &&
             imap_write_astring(s->fields[i], out) && ok;
    if (s->field_count > 0)
        ok = str_add_char(out, ')') && ok;
    return str_add_char(out, ']') && ok;
}

bool imap_write_fetch_name(const struct imap_fetch_item *item, struct str *out)
{
    const char *name = item->kind == IMAP_FETCH_SECTION       ? "BODY"
                       : item->kind == IMAP_FETCH_BODY_SIMPLE ? "BODY"
                       : item->kind == IMAP_FETCH_BINARY      ? "BINARY"
                                                              : NULL;
    for (size_t i = 0; name == NULL && i < sizeof item_names / sizeof item_names[0]; i++)
        if (item_names[i].kind == item->kind)
            name = item_names[i].name;
    bool ok = str_add_cstr(out, name);
    if (item->kind == IMAP_FETCH_SECTION || item->kind == IMAP_FETCH_BINARY ||
        item->kind == IMAP_FETCH_BINARY_SIZE)
        ok = write_section(&item->section, out) && ok;
    if (item->has_partial)
        ok = str_addf(out, "<%llu>", (unsigned long long)item->offset) && ok;
    return ok;
}
