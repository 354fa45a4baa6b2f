/* The features of a unit, a row each (features.h). */

#include "target/features.h"

#include <math.h>

/* Sums over the parts of a unit. */
struct sums {
    double macs, dw_macs, vector, values, weights, largest;
};

static struct sums add_up(const struct sn_unit *u)
{
    struct sn_part part[SN_UNIT_MAX_PARTS];
    const int n = sn_unit_parts(u, part);
    struct sums s = {0};
    for (int i = 0; i < n; i++) {
        const double macs = sn_part_macs(&part[i]);
        *(part[i].kind == SN_PART_DWCONV ? &s.dw_macs : &s.macs) += macs;
        s.vector += part[i].work;
        s.values += part[i].in + part[i].out;
        s.weights += part[i].weights;
        s.largest = fmax(s.largest, fmax(part[i].in, part[i].out));
    }
    return s;
}

/* What rounding up to whole lanes adds, as a logarithm. */
static double waste(double extent, double lanes)
{
    return log(ceil(extent / lanes) * lanes / extent);
}

/* How often 2 divides it, up to 7 times. */
static double twos(int x)
{
    int n = 0;
    for (; n < 7 && x % 2 == 0; x /= 2)
        n++;
    return n;
}

/* Tiles of rows x columns of the result matrix, in rounds of the units that
 * share them: what the last round leaves idle. */
static double tail(double pixels, double cout, double rows, double columns,
                   double units)
{
    const double tiles = ceil(pixels / rows) * ceil(cout / columns);
    return log(ceil(tiles / units) * units / tiles);
}

static double log1(double x)
{
    return log(1.0 + x);
}

static const char *const name[SN_FEATURES] = {"prior",
                                              "cin",
                                              "cout",
                                              "mid",
                                              "h",
                                              "w",
                                              "out pixels",
                                              "k",
                                              "stride",
                                              "groups",
                                              "batch",
                                              "se",
                                              "act",
                                              "skip",
                                              "expand_conv",
                                              "in_dram",
                                              "out_dram",
                                              "macs",
                                              "dw macs",
                                              "vector",
                                              "values",
                                              "weights",
                                              "largest",
                                              "intensity",
                                              "cin over 4",
                                              "cin over 8",
                                              "cin over 16",
                                              "cin over 32",
                                              "cin over 64",
                                              "cout over 4",
                                              "cout over 8",
                                              "cout over 16",
                                              "cout over 32",
                                              "cout over 64",
                                              "cout over 128",
                                              "mid over 8",
                                              "mid over 16",
                                              "mid over 32",
                                              "pixels over 4",
                                              "pixels over 16",
                                              "pixels over 64",
                                              "pixels over 128",
                                              "twos of cin",
                                              "twos of cout",
                                              "twos of mid",
                                              "twos of pixels",
                                              "depth",
                                              "depth over 32",
                                              "128x128 tail",
                                              "128x64 tail",
                                              "64x64 tail",
                                              "256x64 tail",
                                              "cout by cin",
                                              "op",
                                              "cin per group",
                                              "cells"};

const char *sn_feature_name(int feature)
{
    return name[feature];
}

void sn_features(float *to, const struct sn_unit *u, double prior_us)
{
    const struct sums s = add_up(u);
    const double oh = sn_strided(u->h, u->stride);
    const double ow = sn_strided(u->w, u->stride);
    const double pixels = oh * ow * u->batch;
    const double mid = u->mid > 0 ? u->mid : u->cin;
    const double taps = (double)u->k * u->k;
    const double cin = (double)u->cin / u->groups;
    const double depth = taps * ceil(cin);
    const double x[SN_FEATURES] = {
        log(prior_us),
        log(u->cin),
        log(u->cout),
        log(mid),
        log(u->h),
        log(u->w),
        log(pixels),
        u->k,
        u->stride,
        log(u->groups),
        log(u->batch),
        log1(u->se),
        u->act,
        u->skip,
        u->expands,
        u->in_dram,
        u->out_dram,
        log1(s.macs),
        log1(s.dw_macs),
        log1(s.vector),
        log1(s.values),
        log1(s.weights),
        log1(s.largest),
        log1(s.macs + s.dw_macs) - log1(s.values + s.weights),
        waste(u->cin, 4),
        waste(u->cin, 8),
        waste(u->cin, 16),
        waste(u->cin, 32),
        waste(u->cin, 64),
        waste(u->cout, 4),
        waste(u->cout, 8),
        waste(u->cout, 16),
        waste(u->cout, 32),
        waste(u->cout, 64),
        waste(u->cout, 128),
        waste(mid, 8),
        waste(mid, 16),
        waste(mid, 32),
        waste(pixels, 4),
        waste(pixels, 16),
        waste(pixels, 64),
        waste(pixels, 128),
        twos(u->cin),
        twos(u->cout),
        twos(u->mid),
        twos(sn_strided(u->h, u->stride)),
        log(depth),
        waste(depth, 32),
        tail(pixels, u->cout, 128, 128, 80),
        tail(pixels, u->cout, 128, 64, 80),
        tail(pixels, u->cout, 64, 64, 80),
        tail(pixels, u->cout, 256, 64, 80),
        log((double)u->cout / u->cin),
        u->op,
        log(cin),
        log(ceil(cin / 16) * ceil(u->cout / 16.0) * taps * ceil(pixels / 64)),
    };
    for (int i = 0; i < SN_FEATURES; i++)
        to[i] = (float)x[i];
}
