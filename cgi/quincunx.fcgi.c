/* The responder: JSON API, docs and pages. See core/app/responder.c. */
#include "app/app.h"
#include "module.h"

int
main(int argc, char **argv)
{
	return app_responder(modules, argc, argv);
}
