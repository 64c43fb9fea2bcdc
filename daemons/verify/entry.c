/* entry - what the cache holds of one address; see entry.h.  Form and rules as verify(8)
 * has them, so that a cache can be taken over. */
#include "entry.h"

#include "base/number.h"

#define PROBE_TTL 1000 /* seconds after which a probe that has not come back is lost */

void entry_write(const struct entry *x, struct str *out)
{
    str_addf(out, "%d:%lld:%lld:%.*s", (int)x->verdict, (long long)x->probed,
             (long long)x->updated, VIEW_FMT(x->text));
}

bool entry_parse(struct view text, struct entry *out)
{
    struct view fields[3];
    int verdict;
    for (int i = 0; i < 3; i++) {
        if (!view_cut(text, ':', &fields[i], &text))
            return false;
    }
    if (!number_parse_int(fields[0], VERIFY_DELIVERABLE, VERIFY_UNKNOWN, &verdict) ||
        !number_parse_i64(fields[1], 0, INT64_MAX / 2, &out->probed) ||
        !number_parse_i64(fields[2], 0, INT64_MAX / 2, &out->updated))
        return false;
    out->verdict = (enum verify_verdict)verdict;
    out->text = text;
    return out->probed > 0 || out->updated > 0;
}

static bool probe_is_lost(const struct entry *x, int64_t now)
{
    return now - x->probed > PROBE_TTL;
}

bool entry_is_expired(const struct entry *x, const struct entry_times *t, int64_t now)
{
    int64_t lifetime =
        x->verdict == VERIFY_DELIVERABLE ? t->positive_expire : t->negative_expire;
    return probe_is_lost(x, now) && x->updated + lifetime < now;
}

bool entry_wants_probe(const struct entry *x, const struct entry_times *t, int64_t now)
{
    int64_t patience =
        x->verdict == VERIFY_DELIVERABLE ? t->positive_refresh : t->negative_refresh;
    return probe_is_lost(x, now) && x->updated + patience < now;
}
