/* The pictures of set `scenes`.
 *
 * First a scene is planned: a textured ground, one object whose class is the
 * label, sometimes a smaller one of another class, sometimes a patch that
 * hides a part of it, a light and a sensor.  Then every pixel is painted from
 * the plan.  Shapes are signed distances in units of the object's radius, so
 * that any scale and rotation is drawn with smooth edges: a pixel is covered
 * by 1/2 - distance in pixels, between 0 and 1.
 *
 * Position, size, angle and colours tell nothing of the class: a linear
 * classifier of the pixels stays near chance, a small convolutional network
 * does not.
 *
 * Every draw is a statement of its own: C leaves the order inside an
 * initialiser open, and the order is what makes a seed a picture. */

#include "datasets/datasets_internal.h"

#include <math.h>
#include <string.h>

#define OCTAVES     3
#define CELLS_FIRST 3 /* of the coarsest octave across the picture */
#define LATTICE_MAX ((CELLS_FIRST << (OCTAVES - 1)) + 1)
#define TURN        6.2831853f

/* Where the draws of one purpose begin among a picture's counters. */
enum { PLAN_AT = 0, LATTICE_AT = 1 << 16, SENSOR_AT = 1 << 20 };

const char *const sn_scene_class[SN_SCENE_CLASSES] = {
    "disc", "ring", "square",   "triangle", "cross",
    "star", "bars", "crescent", "arrow",    "checker",
};

/* ---- shapes ---- */

enum form { DISC, RING, CRESCENT, POLYGON, BOXES };

/* Corners {x, y} of a polygon, or boxes {centre x, y, half width, height}. */
struct shape {
    enum form form;
    int n;
    float at[12][4];
};

/* clang-format off */
static const struct shape shapes[SN_SCENE_CLASSES] = {
    {.form = DISC},
    {.form = RING},
    {POLYGON, 4, {{-.78f, -.78f}, {.78f, -.78f}, {.78f, .78f}, {-.78f, .78f}}},
    {POLYGON, 3, {{0, 1}, {-.866f, -.5f}, {.866f, -.5f}}},
    {POLYGON, 12, {{-.28f, -.95f}, {.28f, -.95f}, {.28f, -.28f}, {.95f, -.28f},
                   {.95f, .28f}, {.28f, .28f}, {.28f, .95f}, {-.28f, .95f},
                   {-.28f, .28f}, {-.95f, .28f}, {-.95f, -.28f},
                   {-.28f, -.28f}}},
    {POLYGON, 10, {{0, 1}, {-.247f, .340f}, {-.951f, .309f}, {-.399f, -.130f},
                   {-.588f, -.809f}, {0, -.420f}, {.588f, -.809f},
                   {.399f, -.130f}, {.951f, .309f}, {.247f, .340f}}},
    {BOXES, 3, {{0, -.62f, .86f, .2f}, {0, 0, .86f, .2f}, {0, .62f, .86f, .2f}}},
    {.form = CRESCENT},
    {POLYGON, 7, {{-1, -.2f}, {.1f, -.2f}, {.1f, -.62f}, {1, 0}, {.1f, .62f},
                  {.1f, .2f}, {-1, .2f}}},
    {BOXES, 5, {{-.6f, -.6f, .3f, .3f}, {.6f, -.6f, .3f, .3f}, {0, 0, .3f, .3f},
                {-.6f, .6f, .3f, .3f}, {.6f, .6f, .3f, .3f}}},
};
/* clang-format on */

static float clamp(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

static float mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* Signed distance to a polygon: to its nearest edge, negative where a ray to
 * the right crosses an odd number of edges. */
static float polygon_distance(const struct shape *s, float x, float y)
{
    float nearest = 1e9f;
    bool inside = false;
    for (int i = 0, j = s->n - 1; i < s->n; j = i++) {
        const float ax = s->at[i][0], ay = s->at[i][1];
        const float ex = s->at[j][0] - ax, ey = s->at[j][1] - ay;
        const float wx = x - ax, wy = y - ay;
        const float along = (wx * ex + wy * ey) / (ex * ex + ey * ey);
        const float t = clamp(along, 0.0f, 1.0f);
        const float dx = wx - ex * t, dy = wy - ey * t;
        nearest = fminf(nearest, dx * dx + dy * dy);
        if ((ay > y) != (s->at[j][1] > y) && x < ax + ex * wy / ey)
            inside = !inside;
    }
    return inside ? -sqrtf(nearest) : sqrtf(nearest);
}

static float box_distance(float x, float y, float half_w, float half_h)
{
    const float dx = fabsf(x) - half_w, dy = fabsf(y) - half_h;
    const float ox = fmaxf(dx, 0.0f), oy = fmaxf(dy, 0.0f);
    return sqrtf(ox * ox + oy * oy) + fminf(fmaxf(dx, dy), 0.0f);
}

static float boxes_distance(const struct shape *s, float x, float y)
{
    float nearest = 1e9f;
    for (int i = 0; i < s->n; i++) {
        const float *b = s->at[i];
        nearest = fminf(nearest, box_distance(x - b[0], y - b[1], b[2], b[3]));
    }
    return nearest;
}

static float shape_distance(const struct shape *s, float x, float y)
{
    const float r = sqrtf(x * x + y * y);
    switch (s->form) {
    case DISC:
        return r - 0.88f;
    case RING:
        return fabsf(r - 0.74f) - 0.22f;
    case CRESCENT: { /* a disc without another that lies to its right */
        const float bx = x - 0.42f;
        return fmaxf(r - 0.95f, 0.74f - sqrtf(bx * bx + y * y));
    }
    case POLYGON:
        return polygon_distance(s, x, y);
    case BOXES:
        break;
    }
    return boxes_distance(s, x, y);
}

/* ---- the plan ---- */

/* The counters of one picture. */
struct draws {
    struct sn_rng rng;
    uint32_t split, item;
    uint64_t next;
};

static float between(struct draws *d, float low, float high)
{
    const double u = sn_rng_uniform(d->rng, d->split, d->item, d->next++);
    return mix(low, high, (float)u);
}

/* An integer in [0, n). */
static int pick(struct draws *d, int n)
{
    return (int)sn_rng_below(d->rng, d->split, d->item, d->next++, (uint32_t)n);
}

static bool happens(struct draws *d, float probability)
{
    return between(d, 0.0f, 1.0f) < probability;
}

/* A frame that is turned, scaled and stretched: maps pixels to shape units. */
struct frame {
    float x, y;     /* centre, pixels */
    float radius;   /* pixels */
    float cos, sin; /* of its angle */
    float stretch;  /* of its x axis; the y axis shrinks by as much */
};

struct object {
    int label;
    struct frame frame;
    float fill[3], rim[3]; /* colours; the rim is one tenth of the radius */
    float relief;          /* how much the light shades it */
};

enum ground { GRADIENT, CLOUDS, STRIPES, GROUNDS };

struct texture {
    enum ground kind;
    float from[3], to[3]; /* colours it runs between */
    float cos, sin;       /* direction of gradient and stripes */
    float waves, phase;   /* stripes across the picture */
    float rough;          /* share of clouds in it */
    float lattice[OCTAVES][LATTICE_MAX * LATTICE_MAX];
};

struct scene {
    int side;
    struct texture ground;
    struct object object[SN_SCENE_OBJECTS]; /* the first is the label's */
    int objects;
    bool hidden; /* a patch hides a part of the first object */
    struct frame patch;
    float patch_colour[3];
    float light_x, light_y; /* direction the light comes from */
    float light, gain[3];   /* its fall across the picture; white balance */
    float shadow;           /* how dark shadows are */
    float sensor;           /* standard deviation of the noise */
};

/* A colour of hue h in turns, saturation and brightness in [0, 1]. */
static void colour_of(float colour[3], float h, float saturation, float value)
{
    for (int ic = 0; ic < 3; ic++) {
        float k = h * 6.0f + 5.0f - 2.0f * (float)ic;
        k -= 6.0f * floorf(k / 6.0f);
        const float drop = clamp(fminf(k, 4.0f - k), 0.0f, 1.0f);
        colour[ic] = value * (1.0f - saturation * drop);
    }
}

static void draw_colour(struct draws *d, float colour[3], float saturation,
                        float darkest)
{
    const float hue = between(d, 0.0f, 1.0f);
    const float sat = between(d, 0.1f, saturation);
    const float value = between(d, darkest, 1.0f);
    colour_of(colour, hue, sat, value);
}

static float colour_distance(const float a[3], const float b[3])
{
    float sum = 0.0f;
    for (int ic = 0; ic < 3; ic++)
        sum += (a[ic] - b[ic]) * (a[ic] - b[ic]);
    return sqrtf(sum);
}

/* A colour that stands out from both ends of the ground. */
static void draw_visible(struct draws *d, float colour[3],
                         const struct texture *ground)
{
    for (int i = 0; i < 16; i++) {
        draw_colour(d, colour, 0.9f, 0.1f);
        if (colour_distance(colour, ground->from) > 0.45f &&
            colour_distance(colour, ground->to) > 0.45f)
            return;
    }
}

static void plan_ground(struct draws *d, struct texture *t)
{
    float other[3];
    t->kind = (enum ground)pick(d, GROUNDS);
    draw_colour(d, t->from, 0.6f, 0.15f);
    draw_colour(d, other, 0.6f, 0.15f);
    const float span = between(d, 0.3f, 0.75f);
    for (int ic = 0; ic < 3; ic++)
        t->to[ic] = mix(t->from[ic], other[ic], span);
    const float angle = between(d, 0.0f, TURN);
    t->cos = cosf(angle);
    t->sin = sinf(angle);
    t->waves = between(d, 2.0f, 6.0f);
    t->phase = between(d, 0.0f, TURN);
    t->rough = between(d, 0.15f, 0.5f);

    uint32_t word[4] = {0};
    float *value = &t->lattice[0][0];
    for (int i = 0; i < OCTAVES * LATTICE_MAX * LATTICE_MAX; i++) {
        if (i % 4 == 0)
            sn_rng_words(d->rng, d->split, d->item,
                         LATTICE_AT + (uint64_t)i / 4, word);
        value[i] = (float)(word[i % 4] >> 8) * 0x1p-24f;
    }
}

static void plan_frame(struct draws *d, struct frame *f, float x, float y,
                       float radius, float stretch)
{
    const float angle = between(d, 0.0f, TURN);
    const float wider = between(d, 1.0f / stretch, stretch);
    *f = (struct frame){x, y, radius, cosf(angle), sinf(angle), wider};
}

/* A place in the picture from which `radius` stays mostly inside. */
static float draw_place(struct draws *d, float side, float radius)
{
    const float margin = fminf(0.95f * radius, 0.5f * side);
    return between(d, margin, side - margin);
}

static void plan_paint(struct draws *d, struct object *o,
                       const struct texture *ground)
{
    draw_visible(d, o->fill, ground);
    const bool rimmed = happens(d, 0.3f);
    const float shade = between(d, 0.35f, 0.7f);
    for (int ic = 0; ic < 3; ic++)
        o->rim[ic] = rimmed ? o->fill[ic] * shade : o->fill[ic];
    o->relief = between(d, 0.05f, 0.3f);
}

static void plan_main(struct draws *d, struct scene *s, int label)
{
    struct object *o = &s->object[0];
    const float side = (float)s->side;
    const float radius = side * between(d, 0.24f, 0.42f);
    const float x = draw_place(d, side, radius);
    const float y = draw_place(d, side, radius);
    o->label = label;
    plan_frame(d, &o->frame, x, y, radius, 1.18f);
    plan_paint(d, o, &s->ground);
    s->objects = 1;
}

/* A smaller object of another class, where the first leaves room for it. */
static void plan_second(struct draws *d, struct scene *s)
{
    const struct object *first = &s->object[0];
    struct object *o = &s->object[1];
    const float side = (float)s->side;
    const float radius = side * between(d, 0.11f, 0.15f);
    const int step = 1 + pick(d, SN_SCENE_CLASSES - 1);
    o->label = (first->label + step) % SN_SCENE_CLASSES;
    for (int i = 0; i < 12; i++) {
        const float x = draw_place(d, side, radius);
        const float y = draw_place(d, side, radius);
        const float dx = x - first->frame.x, dy = y - first->frame.y;
        if (sqrtf(dx * dx + dy * dy) < first->frame.radius + radius)
            continue;
        plan_frame(d, &o->frame, x, y, radius, 1.1f);
        plan_paint(d, o, &s->ground);
        s->objects = 2;
        return;
    }
}

/* A patch over the rim of the first object. */
static void plan_patch(struct draws *d, struct scene *s)
{
    const struct frame *f = &s->object[0].frame;
    const float angle = between(d, 0.0f, TURN);
    const float away = f->radius * between(d, 0.6f, 1.1f);
    const float radius = f->radius * between(d, 0.25f, 0.45f);
    plan_frame(d, &s->patch, f->x + away * cosf(angle),
               f->y + away * sinf(angle), radius, 1.4f);
    draw_colour(d, s->patch_colour, 0.8f, 0.1f);
    s->hidden = true;
}

static void plan_light(struct draws *d, struct scene *s)
{
    const float angle = between(d, 0.0f, TURN);
    s->light_x = cosf(angle);
    s->light_y = sinf(angle);
    s->light = between(d, 0.0f, 0.25f);
    const float level = between(d, 0.75f, 1.15f);
    for (int ic = 0; ic < 3; ic++)
        s->gain[ic] = level * between(d, 0.93f, 1.07f);
    s->shadow = between(d, 0.1f, 0.45f);
    s->sensor = between(d, 0.008f, 0.04f);
}

/* ---- painting ---- */

/* A picture's pixel in the units of a frame. */
static void into_frame(const struct frame *f, float px, float py, float *x,
                       float *y)
{
    const float dx = (px - f->x) / f->radius, dy = (py - f->y) / f->radius;
    *x = (dx * f->cos + dy * f->sin) / f->stretch;
    *y = (dy * f->cos - dx * f->sin) * f->stretch;
}

/* Distance of a pixel to an object's edge, in pixels. */
static float object_distance(const struct object *o, float px, float py)
{
    const struct frame *f = &o->frame;
    float x, y;
    into_frame(f, px, py, &x, &y);
    if (x * x + y * y > 2.0f)
        return f->radius; /* far outside */
    return shape_distance(&shapes[o->label], x, y) * f->radius;
}

static float coverage(float distance)
{
    return clamp(0.5f - distance, 0.0f, 1.0f);
}

/* Value noise: random values on a lattice, smoothly interpolated, in octaves
 * of twice the frequency and half the height.  x, y in [0, 1). */
static float clouds(const struct texture *t, float x, float y)
{
    float sum = 0.0f, height = 4.0f / 7.0f;
    for (int octave = 0; octave < OCTAVES; octave++, height *= 0.5f) {
        const int cells = CELLS_FIRST << octave;
        const float fx = x * (float)cells, fy = y * (float)cells;
        const int ix = (int)fx, iy = (int)fy;
        const float ux = fx - (float)ix, uy = fy - (float)iy;
        const float sx = ux * ux * (3.0f - 2.0f * ux);
        const float sy = uy * uy * (3.0f - 2.0f * uy);
        const float *v = t->lattice[octave] + iy * LATTICE_MAX + ix;
        const float top = mix(v[0], v[1], sx);
        const float bottom = mix(v[LATTICE_MAX], v[LATTICE_MAX + 1], sx);
        sum += height * mix(top, bottom, sy);
    }
    return sum;
}

static void paint_ground(const struct scene *s, float px, float py,
                         float colour[3])
{
    const struct texture *t = &s->ground;
    const float x = px / (float)s->side, y = py / (float)s->side;
    const float along = (x - 0.5f) * t->cos + (y - 0.5f) * t->sin;
    const float rough = clouds(t, x, y);
    float level = rough;
    if (t->kind == GRADIENT)
        level = mix(clamp(along + 0.5f, 0.0f, 1.0f), rough, t->rough);
    if (t->kind == STRIPES) {
        const float wave = sinf(along * t->waves * TURN + t->phase);
        level = mix(clamp(0.5f + 1.5f * wave, 0.0f, 1.0f), rough, t->rough);
    }
    for (int ic = 0; ic < 3; ic++)
        colour[ic] = mix(t->from[ic], t->to[ic], level);
}

/* Lays an object and its shadow over `colour`; returns how much it covers. */
static float paint_object(const struct scene *s, const struct object *o,
                          float px, float py, float colour[3])
{
    const struct frame *f = &o->frame;
    const float far =
        f->radius * 0.22f; /* of the shadow, away from the light */
    const float shaded =
        object_distance(o, px + far * s->light_x, py + far * s->light_y);
    const float dark = 1.0f - s->shadow * coverage(shaded * 0.5f);
    const float distance = object_distance(o, px, py);
    const float cover = coverage(distance);
    const float toward =
        ((px - f->x) * s->light_x + (py - f->y) * s->light_y) / f->radius;
    const float relief = 1.0f + o->relief * toward;
    const float rim = coverage(-distance - 0.1f * f->radius);
    for (int ic = 0; ic < 3; ic++) {
        const float paint = mix(o->fill[ic], o->rim[ic], rim) * relief;
        colour[ic] = mix(colour[ic] * dark, paint, cover);
    }
    return cover;
}

static float paint_patch(const struct scene *s, float px, float py,
                         float colour[3])
{
    float x, y;
    into_frame(&s->patch, px, py, &x, &y);
    const float distance = box_distance(x, y, 0.6f, 0.6f) - 0.3f;
    const float cover = coverage(distance * s->patch.radius);
    for (int ic = 0; ic < 3; ic++)
        colour[ic] = mix(colour[ic], s->patch_colour[ic], cover);
    return cover;
}

/* Paints one pixel; returns its mask value. */
static uint8_t paint_pixel(const struct scene *s, float px, float py,
                           float colour[3])
{
    int mask = 0;
    paint_ground(s, px, py, colour);
    for (int i = s->objects - 1; i >= 0; i--)
        if (paint_object(s, &s->object[i], px, py, colour) >= 0.5f)
            mask = s->object[i].label + 1;
    if (s->hidden && paint_patch(s, px, py, colour) >= 0.5f)
        mask = 0;

    const float half = 0.5f * (float)s->side;
    const float fall =
        ((px - half) * s->light_x + (py - half) * s->light_y) / half;
    for (int ic = 0; ic < 3; ic++)
        colour[ic] *= s->gain[ic] * (1.0f + s->light * fall);
    return (uint8_t)mask;
}

/* About normal, from the sum of a word's four bytes: mean 510, deviation
 * sqrt(4 (256^2 - 1) / 12). */
static float grain(uint32_t word)
{
    const uint32_t sum =
        (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
    return ((float)sum - 510.0f) / 147.8f;
}

/* Box of the pixels of `label`; false where there are none. */
static bool find_box(struct sn_box *box, const uint8_t *mask, int side,
                     int label)
{
    int x0 = side, y0 = side, x1 = -1, y1 = -1;
    for (int iy = 0; iy < side; iy++)
        for (int ix = 0; ix < side; ix++) {
            if (mask[iy * side + ix] != label + 1)
                continue;
            x0 = ix < x0 ? ix : x0;
            x1 = ix > x1 ? ix : x1;
            y0 = iy < y0 ? iy : y0;
            y1 = iy;
        }
    *box = (struct sn_box){label, (float)x0, (float)y0, (float)(x1 + 1),
                           (float)(y1 + 1)};
    return x1 >= 0;
}

/* ---- what others call ---- */

int sn_scene_label(struct sn_rng rng, uint32_t split, uint32_t item)
{
    const uint32_t run = 0x80000000u + item / SN_SCENE_CLASSES;
    int order[SN_SCENE_CLASSES];
    for (int i = 0; i < SN_SCENE_CLASSES; i++) { /* Fisher-Yates, growing */
        const uint32_t j =
            sn_rng_below(rng, split, run, (uint64_t)i, (uint32_t)i + 1);
        order[i] = i;
        order[i] = order[j];
        order[j] = i;
    }
    return order[item % SN_SCENE_CLASSES];
}

int sn_scene_draw(struct sn_rng rng, uint32_t split, uint32_t item, int label,
                  int side, uint8_t *pixels, uint8_t *mask,
                  struct sn_box *boxes)
{
    struct draws d = {rng, split, item, PLAN_AT};
    struct scene s = {.side = side};
    plan_ground(&d, &s.ground);
    plan_main(&d, &s, label);
    if (happens(&d, 0.4f))
        plan_second(&d, &s);
    if (happens(&d, 0.5f))
        plan_patch(&d, &s);
    plan_light(&d, &s);

    for (int ip = 0; ip < side * side; ip++) {
        float colour[3];
        uint32_t word[4];
        mask[ip] = paint_pixel(&s, (float)(ip % side) + 0.5f,
                               (float)(ip / side) + 0.5f, colour);
        sn_rng_words(rng, split, item, SENSOR_AT + (uint64_t)ip, word);
        for (int ic = 0; ic < 3; ic++) {
            const float v = colour[ic] + s.sensor * grain(word[ic]);
            pixels[ip * 3 + ic] =
                (uint8_t)(clamp(v, 0.0f, 1.0f) * 255.0f + 0.5f);
        }
    }

    int seen = 0;
    for (int i = 0; i < s.objects; i++)
        seen += find_box(&boxes[seen], mask, side, s.object[i].label);
    return seen;
}
