/* window - how many deliveries at a time one destination gets */
#include "window.h"
#include "base/number.h"

/* A square root without the mathematical library; exact enough for feedback. */
static double square_root(double v)
{
    double r = v > 1 ? v : 1;
    for (int i = 0; i < 40; i++)
        r = (r + v / r) / 2;
    return r;
}

/* A decimal fraction from 0 to 1. */
static bool parse_fraction(struct view text, double *out)
{
    struct view whole, part;
    uint64_t n = 0, f = 0;
    bool has_part = view_cut(text, '.', &whole, &part);
    if ((whole.n > 0 && !number_parse_u64(whole, 0, 1, &n)) ||
        (has_part && (part.n > 15 || !number_parse_u64(part, 0, UINT64_MAX / 2, &f))) ||
        (whole.n == 0 && !has_part))
        return false;
    double value = (double)f;
    for (size_t i = 0; i < part.n; i++)
        value /= 10;
    value += (double)n;
    *out = value;
    return value <= 1;
}

bool feedback_parse(struct view text, struct feedback *out)
{
    struct view number, divisor;
    *out = (struct feedback){.kind = FEEDBACK_FIXED};
    bool is_divided = view_cut(text, '/', &number, &divisor);
    if (!parse_fraction(view_trim_space(number), &out->value))
        return false;
    if (!is_divided)
        return true;
    divisor = view_trim_space(divisor);
    if (view_eq_case(divisor, VIEW("concurrency")))
        out->kind = FEEDBACK_PER_CONCURRENCY;
    else if (view_eq_case(divisor, VIEW("sqrt_concurrency")))
        out->kind = FEEDBACK_PER_SQRT;
    else
        return false;
    return true;
}

static double feedback_of(const struct feedback *f, unsigned concurrency)
{
    double n = concurrency;
    switch (f->kind) {
    case FEEDBACK_PER_CONCURRENCY:
        return f->value / n;
    case FEEDBACK_PER_SQRT:
        return f->value / square_root(n);
    case FEEDBACK_FIXED:
        break;
    }
    return f->value;
}

void window_init(struct window *w, const struct window_limits *l)
{
    *w = (struct window){.concurrency = l->initial ? l->initial : 1};
    if (l->limit > 0 && w->concurrency > l->limit)
        w->concurrency = l->limit;
}

void window_success(struct window *w, const struct window_limits *l, unsigned busy)
{
    w->fail_cohorts = 0;
    if (w->concurrency == 0)
        window_init(w, l);
    /* No wider than what is used, or a later failure would take too long to show. */
    if (w->concurrency >= busy + l->initial)
        return;
    w->success += feedback_of(&l->positive, w->concurrency);
    while (w->success + 1e-9 >= 1) {
        w->concurrency++;
        w->failure = 0;
        w->success -= 1;
    }
    if (l->limit > 0 && w->concurrency > l->limit)
        w->concurrency = l->limit;
}

bool window_failure(struct window *w, const struct window_limits *l)
{
    if (w->concurrency == 0)
        return false;
    w->fail_cohorts += 1.0 / w->concurrency;
    if (l->cohort_limit > 0 && w->fail_cohorts + 1e-9 >= l->cohort_limit) {
        w->concurrency = 0;
        return false;
    }
    w->failure -= feedback_of(&l->negative, w->concurrency);
    while (w->failure + 1e-9 < 0) {
        if (w->concurrency > 1)
            w->concurrency--;
        w->failure += 1;
        w->success = 0;
    }
    return true;
}
