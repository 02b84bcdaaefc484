/* The operator's tool: `quincunx help` lists its commands. */
#include "app/app.h"
#include "module.h"

int
main(int argc, char **argv)
{
	return app_cli(modules, argc, argv);
}
