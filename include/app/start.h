/* start.h: where a partition begins: from its commit, or, where the group has none, by kafka.start.
 *
 * Main's thread, within a rebalance: it asks brokers and waits for the answers, for "no answer" is never "no offset".
 */
#ifndef MR_APP_START_H
#define MR_APP_START_H

#include "app/membership.h"
#include "base/status.h"
#include "edges/kafka.h"
#include "stages/config.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_beginning {
    bool hold;
    const char *why;   /* of a hold: a sentence with what to do */
    int64_t offset;    /* where to read from */
    int64_t committed; /* as the group has it; negative: none */
    bool committed_clean;
    mr_slot_range *ranges; /* [shards], the caller's: what is parked by the commit */
    int64_t dirty_until;   /* an earlier life may have made rows durable up to here */
} mr_beginning;

/* beginning->ranges is set.  False: the program is asked to stop before brokers answered. */
bool mr_start_decide(mr_group *group, const mr_config *config, uint64_t fingerprint,
                     const mr_main_duties *duties, const mr_partition *partition,
                     mr_beginning *beginning) MR_CHECKED;

#endif
