#include "http/counts.h"

#include <math.h>

#define STEP_FIRST_S 50e-6
#define STEP_FACTOR 1.35

static const double spans_s[COUNT_RATES] = {60, 300, 900};

static double faded(const struct meter *m, int i, int64_t now_ms)
{
    double since_s = (double)(now_ms - m->last_ms) / 1000;
    return m->rates[i] * exp(since_s > 0 ? -since_s / spans_s[i] : 0);
}

static void note(struct meter *m, int64_t now_ms)
{
    for (int i = 0; i < COUNT_RATES; i++)
        m->rates[i] = faded(m, i, now_ms) + 1 / spans_s[i];
    m->last_ms = now_ms;
    m->count++;
}

double meter_rate(const struct meter *m, int i, int64_t now_ms)
{
    return m->count > 0 ? faded(m, i, now_ms) : 0;
}

static int step_of(double s)
{
    int step = s <= STEP_FIRST_S ? 0 : (int)ceil(log(s / STEP_FIRST_S) / log(STEP_FACTOR));
    return step < COUNT_STEPS ? step : COUNT_STEPS - 1;
}

void counts_answer(struct http_counts *c, int status, double took_s, int64_t now_ms)
{
    if (c->all.count == 0 || took_s < c->least_s)
        c->least_s = took_s;
    if (took_s > c->most_s)
        c->most_s = took_s;
    c->took_s = c->took_s + took_s;
    c->took_s2 = c->took_s2 + took_s * took_s;
    c->took[step_of(took_s)]++;
    if (status >= 100 && status < 600)
        note(&c->answers[status / 100 - 1], now_ms);
    note(&c->all, now_ms);
}

double counts_quantile(const struct http_counts *c, double share)
{
    uint64_t all = 0, below = 0;
    for (int i = 0; i < COUNT_STEPS; i++)
        all += c->took[i];
    for (int i = 0; i < COUNT_STEPS && all > 0; i++) {
        below += c->took[i];
        if ((double)below >= share * (double)all)
            return fmin(STEP_FIRST_S * pow(STEP_FACTOR, i), c->most_s);
    }
    return 0;
}
