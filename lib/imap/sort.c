/* sort - SORT's arguments, keys and order; see sort.h */
#include "sort.h"

#include "format/address.h"
#include "format/address_list.h"
#include "format/date.h"
#include "imap_private.h"
#include "message/header.h"
#include "message/subject.h"
#include "message/text.h"

#include <stdlib.h>

#define TEXT_MAX 65536

static bool take_criterion(struct imap_input *in, void *context)
{
    static const struct {
        const char *name;
        enum imap_sort_key key;
    } keys[] = {{"ARRIVAL", IMAP_SORT_ARRIVAL},
                {"CC", IMAP_SORT_CC},
                {"DATE", IMAP_SORT_DATE},
                {"FROM", IMAP_SORT_FROM},
                {"SIZE", IMAP_SORT_SIZE},
                {"SUBJECT", IMAP_SORT_SUBJECT},
                {"TO", IMAP_SORT_TO},
                {"DISPLAYFROM", IMAP_SORT_DISPLAYFROM},
                {"DISPLAYTO", IMAP_SORT_DISPLAYTO}};
    struct imap_sort *sort = context;
    bool reverse = imap_accept_word(in, "REVERSE");
    if (reverse && !imap_take_space(in))
        return false;
    if (sort->count == IMAP_SORT_MAX)
        return imap_fail(in, "too many sort criteria");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!imap_accept_word(in, keys[i].name))
            continue;
        sort->criteria[sort->count].key = keys[i].key;
        sort->criteria[sort->count++].reverse = reverse;
        sort->keys |= 1u << keys[i].key;
        return true;
    }
    return imap_fail(in, "no such sort criterion");
}

bool imap_take_sort(struct imap_input *in, struct imap_sort *sort,
                    struct imap_search *search)
{
    struct view charset;
    *sort = (struct imap_sort){.count = 0};
    *search = (struct imap_search){0};
    if (imap_accept_word(in, "RETURN") &&
        (!imap_take_space(in) || !imap_take_search_return(in, search) ||
         !imap_take_space(in)))
        return false;
    return imap_take_list_of(in, false, take_criterion, sort) && imap_take_space(in) &&
           imap_take_astring(in, &charset) && imap_take_space(in) &&
           imap_take_search_keys(in, charset, search);
}

/* RFC 5256 3 and RFC 5957 3: what of the first address is compared. */
static bool add_address(struct view value, bool display, struct str *out)
{
    struct arena *arena = arena_new();
    const struct address_list *list = address_list_parse(arena, value, 0);
    struct view local = VIEW_NONE;
    struct view domain = VIEW_NONE;
    bool ok = true;
    if (list->group_count > 0 && list->groups[0].first == 0) {
        ok = message_header_text(list->groups[0].name, out);
    } else if (list->count > 0 && display && list->items[0].name.n > 0) {
        ok = message_header_text(list->items[0].name, out);
    } else if (list->count > 0 && display) {
        ok = str_add(out, list->items[0].address);
    } else if (list->count > 0) {
        address_split(list->items[0].address, &local, &domain);
        ok = str_add(out, local);
    }
    arena_free(arena);
    return ok;
}

bool imap_sort_text(enum imap_sort_key key, struct view header, struct str *out)
{
    static const struct view fields[] = {[IMAP_SORT_CC] = {"Cc", 2},
                                         [IMAP_SORT_FROM] = {"From", 4},
                                         [IMAP_SORT_SUBJECT] = {"Subject", 7},
                                         [IMAP_SORT_TO] = {"To", 2},
                                         [IMAP_SORT_DISPLAYFROM] = {"From", 4},
                                         [IMAP_SORT_DISPLAYTO] = {"To", 2}};
    if (key >= IMAP_SORT_TEXTS)
        return true;
    struct view value = message_header_value(header, fields[key]);
    struct str text = STR_INIT(TEXT_MAX);
    bool display = key == IMAP_SORT_DISPLAYFROM || key == IMAP_SORT_DISPLAYTO;
    if (key == IMAP_SORT_SUBJECT)
        message_base_subject(value, NULL, &text);
    else
        add_address(value, display, &text);
    bool ok = message_fold(str_view(&text), out);
    str_done(&text);
    return ok;
}

int64_t imap_sort_date(struct view header, int64_t arrival)
{
    int64_t sent;
    return date_parse(message_header_value(header, VIEW("Date")), &sent, NULL) ? sent
                                                                               : arrival;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_times(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_by(enum imap_sort_key key, const struct imap_sort_entry *a,
                      const struct imap_sort_entry *b)
{
    if (key == IMAP_SORT_ARRIVAL)
        return compare_times(a->arrival, b->arrival);
    if (key == IMAP_SORT_DATE)
        return compare_times(a->date, b->date);
    if (key == IMAP_SORT_SIZE)
        return compare_numbers(a->size, b->size);
    return view_cmp(a->texts[key], b->texts[key]);
}

static int compare_entries(const void *left, const void *right, void *context)
{
    const struct imap_sort *sort = context;
    const struct imap_sort_entry *a = left;
    const struct imap_sort_entry *b = right;
    for (size_t i = 0; i < sort->count; i++) {
        int order = compare_by(sort->criteria[i].key, a, b);
        if (order != 0)
            return sort->criteria[i].reverse ? -order : order;
    }
    return compare_numbers(a->number, b->number);
}

void imap_sort_entries(const struct imap_sort *sort, struct imap_sort_entry *entries,
                       size_t count)
{
    struct imap_sort copy = *sort; /* qsort_r's context is not const */
    if (count > 1)
        qsort_r(entries, count, sizeof *entries, compare_entries, &copy);
}
