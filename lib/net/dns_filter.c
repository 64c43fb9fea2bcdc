/* dns_filter - answers that the administrator does not want (smtp_dns_reply_filter) */
#include "net/dns_filter.h"

static dns_filter_fn *filter;
static void *filter_arg;

void dns_set_filter(dns_filter_fn *fn, void *arg)
{
    filter = fn;
    filter_arg = arg;
}

static const char *type_name(unsigned type)
{
    switch (type) {
    case DNS_TYPE_A:
        return "A";
    case DNS_TYPE_AAAA:
        return "AAAA";
    case DNS_TYPE_MX:
        return "MX";
    case DNS_TYPE_NS:
        return "NS";
    case DNS_TYPE_PTR:
        return "PTR";
    case DNS_TYPE_TXT:
        return "TXT";
    default:
        return "TLSA";
    }
}

void dns_record_write(const struct dns_record *r, struct str *out)
{
    char address[NET_ADDRESS_TEXT];
    str_addf(out, "%.*s. %u IN %s ", VIEW_FMT(r->owner), (unsigned)r->ttl,
             type_name(r->type));
    if (r->type == DNS_TYPE_A || r->type == DNS_TYPE_AAAA)
        str_add_cstr(out, net_address_text(&r->address, address));
    else if (r->type == DNS_TYPE_MX)
        str_addf(out, "%u %.*s.", r->preference, VIEW_FMT(r->target));
    else if (r->type == DNS_TYPE_TXT)
        str_add(out, r->text);
    else if (r->type != DNS_TYPE_TLSA)
        str_addf(out, "%.*s.", VIEW_FMT(r->target));
}

static bool is_wanted(const struct dns_record *r)
{
    struct str text = STR_INIT(8192);
    dns_record_write(r, &text);
    bool wanted = filter(str_view(&text), filter_arg);
    str_done(&text);
    return wanted;
}

size_t dns_filter_apply(struct dns_packet *p, unsigned type, struct view owner)
{
    size_t kept = 0, left = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct dns_record *r = &p->records[i];
        bool asked = r->section == DNS_SECTION_ANSWER && r->type == type &&
                     view_eq(r->owner, owner);
        if (filter && asked && !is_wanted(r))
            continue;
        left += asked;
        p->records[kept++] = *r;
    }
    p->n = kept;
    return left;
}
