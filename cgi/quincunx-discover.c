/* Cron helper: inventory of every cloud account that is due or asked for. */
#include "app/app.h"
#include "module.h"
#include "modules/spot/spot.h"

int
main(int argc, char **argv)
{
	return app_cron(modules, "quincunx-discover", argc, argv,
	    spot_discover);
}
