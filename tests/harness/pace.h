/*
 * Pauses that are part of a scenario (two writers at odd distances, a server
 * that stays away for a while). Never to wait for readiness: poll for that.
 */
#ifndef HARNESS_PACE_H
#define HARNESS_PACE_H

void pace_us(unsigned us);

#endif
