#include "state/schema.h"

#include "model/command.h"

/* The assembler reads the file into the program, so that the SQL stays SQL. */
#define STEP(name, file)                                                                  \
    __asm__(".pushsection .rodata\n.global " #name "\n" #name ":\n.incbin \"" file "\"\n" \
            ".byte 0\n.popsection\n");                                                    \
    extern const char name[];

STEP(schema_001, "001_first.sql")
STEP(schema_002, "002_identity.sql")
STEP(schema_003, "003_nodes.sql")
STEP(schema_004, "004_drains.sql")
STEP(schema_005, "005_members.sql")
STEP(schema_006, "006_keys_and_events.sql")
STEP(schema_007, "007_callbacks.sql")
STEP(schema_008, "008_readiness.sql")
STEP(schema_009, "009_groups.sql")
STEP(schema_010, "010_pods.sql")
STEP(schema_011, "011_depends.sql")
STEP(schema_012, "012_checks.sql")
STEP(schema_013, "013_dependents.sql")
STEP(schema_014, "014_ports.sql")
STEP(schema_015, "015_residents.sql")
STEP(schema_016, "016_job_tasks.sql")
STEP(schema_017, "017_large.sql")
STEP(schema_018, "018_versions.sql")
STEP(schema_019, "019_ends.sql")
STEP(schema_020, "020_policies.sql")
STEP(schema_021, "021_cron.sql")
STEP(schema_022, "022_pauses.sql")
STEP(schema_023, "023_own_ends.sql")
STEP(schema_024, "024_notices.sql")
STEP(schema_025, "025_away.sql")
STEP(schema_026, "026_backfills.sql")
STEP(schema_027, "027_firings.sql")
STEP(schema_028, "028_history.sql")
STEP(schema_029, "029_times.sql")
STEP(schema_030, "030_heirs.sql")
STEP(schema_031, "031_tries.sql")
STEP(schema_032, "032_agent_times.sql")
STEP(schema_033, "033_trims.sql")
STEP(schema_034, "034_gone.sql")
STEP(schema_035, "035_walks.sql")
STEP(schema_036, "036_requests.sql")
STEP(schema_037, "037_marks.sql")
STEP(schema_038, "038_packed.sql")
STEP(schema_039, "039_event_pages.sql")
STEP(schema_040, "040_taken_back.sql")
STEP(schema_041, "041_brief.sql")
STEP(schema_042, "042_gone_backfills.sql")
STEP(schema_043, "043_fresh.sql")
STEP(schema_044, "044_nobody.sql")
STEP(schema_045, "045_well.sql")
STEP(schema_046, "046_waits.sql")
STEP(schema_047, "047_fills.sql")
STEP(schema_048, "048_sentry.sql")

const char *const schema_steps[] = {
    schema_001, schema_002, schema_003, schema_004, schema_005, schema_006, schema_007, schema_008,
    schema_009, schema_010, schema_011, schema_012, schema_013, schema_014, schema_015, schema_016,
    schema_017, schema_018, schema_019, schema_020, schema_021, schema_022, schema_023, schema_024,
    schema_025, schema_026, schema_027, schema_028, schema_029, schema_030, schema_031, schema_032,
    schema_033, schema_034, schema_035, schema_036, schema_037, schema_038, schema_039, schema_040,
    schema_041, schema_042, schema_043, schema_044, schema_045, schema_046, schema_047, schema_048};
_Static_assert(sizeof schema_steps / sizeof *schema_steps == COMMAND_LEVEL, "a step a level");
