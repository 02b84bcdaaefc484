/* WebSocket and SSE gateway. */
#include "app/app.h"
#include "module.h"

int
main(int argc, char **argv)
{
	return app_live(modules, argc, argv);
}
