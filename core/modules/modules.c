/*
 * The list of modules, in dependency order. A new module is one line here.
 */
#include "module.h"
#include "modules/auth/auth.h"
#include "modules/platform/platform.h"
#include "modules/spot/spot.h"
#include "modules/trade/trade.h"

const struct module *const modules[] = {
	&auth_module, &platform_module, &spot_module,
	&trade_module, NULL
};
