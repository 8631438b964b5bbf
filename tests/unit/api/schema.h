/* tests/unit/api/schema.h - is a JSON value what a JSON schema says? As much of JSON Schema as
 * openapi.json uses: $ref, type, properties, required, additionalProperties, items, enum, format.
 */
#pragma once

#include "base/json.h"

/* `document` is what $ref points into. False: `why` names the place. */
bool schema_fits(const struct json *document, const struct json *schema, const struct json *value,
                 struct error *why);
/* Follows $ref. */
const struct json *schema_resolve(const struct json *document, const struct json *schema);
