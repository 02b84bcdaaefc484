/* The worker: dispatcher, job children, control loops. See core/app/worker.c. */
#include "app/app.h"
#include "module.h"

int
main(int argc, char **argv)
{
	return app_worker(modules, argc, argv);
}
