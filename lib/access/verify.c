/* verify - the sender of probes; see verify.h */
#include "access/verify.h"

#include "base/clock.h"
#include "format/address.h"

/* Without vowels, as nobody wants words in addresses. */
static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZ";
#define BASE (sizeof digits - 1)

static void add_period(struct str *out, uint64_t period)
{
    char text[16];
    size_t n = sizeof text;
    do {
        text[--n] = digits[period % BASE];
        period /= BASE;
    } while (period > 0 && n > 0);
    str_add(out, (struct view){text + n, sizeof text - n});
}

static struct view sender_of_period(const struct conf *c, int64_t period, bool changing,
                                    struct arena *a)
{
    struct view name = conf_view(c, P_address_verify_sender), local, domain;
    if (view_is_empty(name) || view_eq(name, VIEW("<>")))
        return VIEW_NONE;
    if (!address_split(name, &local, &domain) || view_is_empty(domain)) {
        local = name;
        domain = conf_view(c, P_myorigin);
    }
    struct str out = STR_INIT(ADDRESS_MAX);
    str_add(&out, local);
    if (changing)
        add_period(&out, (uint64_t)period);
    str_addf(&out, "@%.*s", VIEW_FMT(domain));
    struct view sender = arena_dup(a, str_view(&out));
    str_done(&out);
    return sender;
}

struct view verify_sender(const struct conf *c, int64_t now, struct arena *a)
{
    int64_t ttl = conf_time(c, P_address_verify_sender_ttl);
    return sender_of_period(c, ttl > 0 ? now / ttl : 0, ttl > 0, a);
}

bool verify_sender_is(const struct conf *c, struct view address, int64_t now)
{
    int64_t ttl = conf_time(c, P_address_verify_sender_ttl);
    struct arena *a = arena_new();
    bool same = false;
    for (int64_t age = 0; age < (ttl > 0 ? 2 : 1) && !same; age++) {
        struct view own = sender_of_period(c, ttl > 0 ? now / ttl - age : 0, ttl > 0, a);
        same = !view_is_empty(own) && view_eq_case(own, address);
    }
    arena_free(a);
    return same;
}
