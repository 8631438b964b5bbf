/* tests/unit/scheduler/apps.h - apps of a fleet, as the tests of the apps mind want them. */
#pragma once

#include "one_fleet.h"

/* An app's body with what a test wants to say about it. */
#define WEB(cmd, instances, more) \
    "{'id':'/web','cmd':'" cmd "','instances':" #instances ",'cpus':0.1,'mem':32" more "}"
#define CHECKED ",'healthChecks':[{'protocol':'TCP'}]"
#define UPGRADES(health, over) \
    ",'upgradeStrategy':{'minimumHealthCapacity':" #health ",'maximumOverCapacity':" #over "}"

#define expect_list(text) assert_string_equal(fleet_list(&f, "/web"), text)
