/* Cron helper: a turn of the control loops; --work also runs the jobs. */
#include "app/app.h"
#include "module.h"

int
main(int argc, char **argv)
{
	return app_schedule(modules, argc, argv);
}
