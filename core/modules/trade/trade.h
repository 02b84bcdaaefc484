/*
 * The trading system, as other modules and cgi/ may use it.
 */
#ifndef TRADE_TRADE_H
#define TRADE_TRADE_H

#include "module.h"

extern const struct module trade_module;

#endif
