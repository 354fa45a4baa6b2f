#ifndef SN_BASE_LIMITS_H
#define SN_BASE_LIMITS_H

/* Bounds that several rooms share. */

enum { SN_MAX_CLASSES = 1000 };

#endif
