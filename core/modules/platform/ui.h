/*
 * The dashboard: pages of the platform, and the route that serves all pages.
 */
#ifndef PLATFORM_UI_H
#define PLATFORM_UI_H

#include "http/page.h"
#include "http/route.h"

extern const struct page platform_pages[];
extern const struct route platform_ui_routes[];

#endif
