/*
 * Asking for a scan. Refuses accounts that are not connected; a scan that
 * waits or runs already is the answer to a second request.
 */
#include <string.h>

#include "base/err.h"
#include "modules/spot/scan.h"
#include "shm/shm.h"

int
spot_scan_request(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const char *kind, const char *by, struct utc now,
    struct spot_scan *out, struct err *e)
{
	struct spot_account acc;

	if (spot_found(spot_account_lock(db, a, tenant, account, &acc, e),
	    "Account", e) == -1)
		return -1;
	if (strcmp(acc.status, "pending") == 0 ||
	    strcmp(acc.status, "failed") == 0)
		return err_set(e, 409, "not_connected", "The account is %s: "
		    "verify its credentials first", acc.status);
	return spot_scan_queue(db, a, tenant, account, kind, by, now, out, e);
}
