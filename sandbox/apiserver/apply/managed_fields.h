#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/apply/field_set.h"

namespace stowage::sandbox {

/// Who writes, as recorded in metadata.managedFields.
struct Writer {
  std::string manager;
  std::string api_version;
  std::string subresource;
};

/// After a create, update or patch: gives `writer` what it added or changed and takes it from everybody else.
/// Changes metadata.managedFields of `after` only. `before` may be null: nothing was there.
void track_update(const Json& before, Json& after, const Schema& schema, const Writer& writer, WallTime now);

/// The same for a create: what track_update() does when `before` is null, but managedFields become a raw
/// value (raw_json): text that is only good for dump().
void track_create(Json& object, const Schema& schema, const Writer& writer, WallTime now);

/// Server-side apply: `applied` merged into `live` (null = it does not exist yet); fields that the writer
/// named last time and no longer names are removed. With `force` conflicts are won, else they are a 409 with
/// one cause a field. Algorithm: structured-merge-diff, merge.Updater.Apply.
Answer<Json> apply_configuration(const Json& live, const Json& applied, const Schema& schema,
                                 const Writer& writer, bool force, WallTime now);

}  // namespace stowage::sandbox
