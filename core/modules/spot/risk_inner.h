/*
 * Shared by the files of the risk model.
 */
#ifndef SPOT_RISK_INNER_H
#define SPOT_RISK_INNER_H

#include "modules/spot/risk_model.h"

/* Inputs of the regression, in the order of spot_risk_inputs. */
void spot_risk_row(const struct spot_hazard *base,
    const struct spot_risk_view *, double x[SPOT_RISK_INPUTS]);

#endif
