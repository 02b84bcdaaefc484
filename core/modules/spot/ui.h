/*
 * The dashboard's pages of the spot optimizer.
 */
#ifndef SPOT_UI_H
#define SPOT_UI_H

#include "http/page.h"

extern const struct page spot_pages[];

#endif
