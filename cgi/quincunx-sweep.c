/* Cron helper: removes what is old, puts right what was left lying about. */
#include "app/app.h"
#include "module.h"
#include "modules/platform/platform.h"

int
main(int argc, char **argv)
{
	return app_cron(modules, "quincunx-sweep", argc, argv,
	    platform_sweep_run);
}
