#include "modules/spot/act.h"
const struct spot_acts spot_acts_simulated = { .launch = NULL };
